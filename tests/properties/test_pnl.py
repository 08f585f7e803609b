"""Does PnL keep its identities whatever moved: one total, one entity, no order inside a transaction, no spam?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from intel.model import Subject
from intel.profiler.disposals import AT_COST, list_lots, tabulate_disposals
from intel.profiler.lots import METHODS
from intel.profiler.pnl import compute_pnl
from intel.profiler.postings import ALWAYS, Window, parse_window
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

MINE, ALSO_MINE = address("1"), address("2")
STRANGER, OTHER, LENDER, SPAMMER = address("5"), address("6"), address("7"), address("9")
ETH = Asset(None, "ETH", 18, is_verified=True)
USDC = Asset(address("a"), "USDC", 6, is_verified=True)
MEME = Asset("0x" + "be" * 20, "MEME", 0)  # no price of its own
SPAM = Asset("0x" + "ef" * 20, "VISIT US", 0)
COINS = (ETH, USDC)
PRICES = {ETH: (1000, 1300, 700, 2000), USDC: (1, 1, 1, 1)}  # whole dollars, by month
MONTHS = range(1, 5)
WINDOWS = (ALWAYS, parse_window("2024-02", "2024-03"), parse_window(None, "2024-02"), parse_window("2024-03", None))
EXAMPLES = settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])  # a store per example
PARTS = ("realized", "income", "fees", "received", "sent", "value", "value_before", "unrealized", "total")

Transaction = tuple[Moved, ...]


def move(month: int, sender: str | None, receiver: str | None, asset: Asset, amount: int, **more: Any) -> Moved:
    """So many whole coins at the price of the month; USD to the cent."""
    is_priced = not more.pop("is_unpriced", False) and asset in PRICES
    usd = float(amount * PRICES[asset][month - 1]) if is_priced else None
    value = amount * 10 ** (asset.decimals or 0)
    return Moved(f"2024-0{month}-10T00:00:00", sender, receiver, asset.token, value, usd, **more)


def build_world(transactions: Sequence[Transaction], owned: Sequence[str] = (MINE, ALSO_MINE)) -> World:
    """Number the transactions by time: the n-th of them happens n minutes into its day."""
    rows = []
    for number, legs in enumerate(sorted(transactions, key=lambda legs: legs[0].when), 1):
        when = f"{legs[0].when[:11]}{number // 60:02d}:{number % 60:02d}:00"
        rows += [replace(leg, when=when, tx=number) for leg in legs]
    me = {"entity_id": "me", "name": "Me", "category": "individual"}
    lender = {"entity_id": "lender", "name": "Lender", "category": "lending_defi"}
    return World(
        rows,
        [ETH, USDC, MEME, SPAM],
        [(asset, f"2024-0{m}-{day:02d}", float(PRICES[asset][m - 1]))
         for asset in COINS for m in MONTHS for day in (1, 10, 28)],
        coverage=[{
            "dataset": "transfers", "chain": "ethereum", "source": "test", "rows": len(rows), "kind": "native",
            "first_block": 1, "last_block": 1000, "first_time": "2024-01-01", "last_time": "2024-04-30",
        }],
        entities=[me, lender],
        attributions=[
            *({"address": one, "entity_id": "me"} for one in owned), {"address": LENDER, "entity_id": "lender"},
        ],
        asset_flags=[(SPAM, "counterfeit")],
    )  # fmt: skip


def read_pnl(store: Path, world: World, names: Sequence[str], windows: Sequence[Window]) -> list[dict[str, Any]]:
    """The documents of each name and window."""
    write_snapshot(store, world)
    with Reader(store, memory="1GB") as reader:
        return [compute_pnl(reader, find(reader, name), window) for name in names for window in windows]


def find(reader: Reader, name: str) -> Subject:
    return resolve_subject(reader, name)


def micro(document: Mapping[str, Any], name: str) -> int:
    return round(document[f"{name}_usd"] * 1_000_000)


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pnl")


# ------------------------------------------------------------------------------------------------ ledgers


@st.composite
def any_transactions(draw: st.DrawFn) -> list[Transaction]:
    """Anything: short sales, missing prices, swaps of any number of legs, loans, rewards, fees, wraps."""
    made = []
    for _ in range(draw(st.integers(1, 14))):
        month = draw(st.sampled_from(MONTHS))
        legs = []
        for _ in range(draw(st.integers(1, 4))):
            asset = draw(st.sampled_from([ETH, ETH, USDC, MEME]))
            ends = draw(
                st.sampled_from([
                    (STRANGER, MINE), (MINE, STRANGER), (MINE, OTHER), (OTHER, MINE), (LENDER, MINE), (MINE, LENDER),
                    (MINE, ALSO_MINE), (STRANGER, ALSO_MINE),
                ])
            )  # fmt: skip
            amount = draw(st.integers(1, 9))
            legs.append(move(month, *ends, asset, amount, is_unpriced=draw(st.sampled_from([False, False, True]))))
        if draw(st.booleans()):
            legs.append(move(month, MINE, None, ETH, 1, kind="fee"))
        if draw(st.integers(0, 5)) == 0:
            legs = [move(month, None, MINE, ETH, 2, kind="reward")]
        made.append(tuple(legs))
    return made


@st.composite
def plain_transactions(draw: st.DrawFn) -> list[Transaction]:
    """Priced dealings of two funded wallets that never give more than they have; swaps at the price of the day."""
    made: list[Transaction] = [
        (move(1, OTHER, wallet, asset, 1_000_000),) for wallet in (MINE, ALSO_MINE) for asset in COINS
    ]
    for _ in range(draw(st.integers(1, 12))):
        month, amount = draw(st.sampled_from(MONTHS)), draw(st.integers(1, 9))
        wallet = draw(st.sampled_from([MINE, ALSO_MINE]))
        asset = draw(st.sampled_from(COINS))
        what = draw(st.sampled_from(["in", "out", "own", "swap", "fee"]))
        if what == "in":
            legs: Transaction = (move(month, STRANGER, wallet, asset, amount),)
        elif what == "out":
            legs = (move(month, wallet, STRANGER, asset, amount),)
        elif what == "own":
            legs = (move(month, wallet, ALSO_MINE if wallet == MINE else MINE, asset, amount),)
        elif what == "swap":
            dollars = amount * PRICES[ETH][month - 1]
            bought = (move(month, wallet, STRANGER, USDC, dollars), move(month, STRANGER, wallet, ETH, amount))
            sold = (move(month, wallet, STRANGER, ETH, amount), move(month, OTHER, wallet, USDC, dollars))
            legs = draw(st.sampled_from([bought, sold]))
        else:
            legs = (move(month, wallet, STRANGER, asset, amount), move(month, wallet, None, ETH, 1, kind="fee"))
        made.append(legs)
    return made


def count_plainly(transactions: Sequence[Transaction], members: set[str], window: Window) -> dict[str, int]:
    """Received, sent, fees and values at both ends in micro-dollars, from the ledger alone."""
    found: dict[str, int] = defaultdict(int)
    ends: dict[str, int | None] = {"value": _last_month(window.until), "value_before": _last_month(window.since, 0)}
    for legs in transactions:
        month = int(legs[0].when[5:7])
        is_inside = not (window.since and month < window.since.month) and not (
            window.until and month >= window.until.month
        )
        sides = {(leg.receiver in members) - (leg.sender in members) for leg in legs if leg.kind != "fee"} - {0}
        for leg in legs:
            sign = (leg.receiver in members) - (leg.sender in members)
            asset = next(one for one in COINS if one.token == leg.token)
            usd = round((leg.usd or 0) * 1_000_000)
            if sign and is_inside and (leg.kind == "fee" or len(sides) == 1):
                found["fees" if leg.kind == "fee" else "received" if sign > 0 else "sent"] += usd
            for name, last in ends.items():
                if last and month <= last:
                    coins = (leg.value or 0) // 10 ** (asset.decimals or 0)
                    found[name] += sign * coins * PRICES[asset][last - 1] * 1_000_000
    return found


def _last_month(moment: Any, otherwise: int = 4) -> int:
    return otherwise if moment is None else int(moment.month) - 1


# ------------------------------------------------------------------------------------------------ properties


def check_identity(document: dict[str, Any]) -> None:
    totals = set()
    for name, sums in document["by_method"].items():
        told = {part: micro(sums, part) for part in PARTS}
        assert told["total"] == told["value"] - told["value_before"] - told["received"] + told["sent"], name
        assert told["total"] == told["realized"] + told["income"] - told["fees"] + told["unrealized"], name
        totals.add(told["total"])
    assert len(totals) == 1
    for part in PARTS:
        assert sum(micro(row, part) for row in document["by_token"]) == micro(document, part)


def check_list(reader: Reader, subject: Subject, window: Window) -> None:
    """The disposals one by one are what the sums say, and each is what its lots had cost."""
    for method in METHODS:
        document = compute_pnl(reader, subject, window, method=method)
        rows = tabulate_disposals(reader, subject, window, method=method).to_pylist()
        assert sum(micro(row, "gain") for row in rows) == micro(document, "realized")
        assert sum(micro(row, "unknown_basis") for row in rows if row["unknown_basis_usd"]) == micro(
            document, "unknown_basis"
        )
        at_cost = [micro(row, "value") for row in rows if row["valued_at"] == AT_COST]
        assert sum(at_cost) == micro(document, "unpriced")
        for row in rows[:3]:
            lots = list_lots(reader, subject, row["disposal"], window, method=method)
            assert sum(round((lot["cost_usd"] or 0) * 1_000_000) for lot in lots) == micro(row, "basis")


@EXAMPLES
@given(transactions=any_transactions())
@example(transactions=[
    (move(1, STRANGER, MINE, ETH, 1),), (move(2, STRANGER, MINE, ETH, 1),),
    (move(3, MINE, STRANGER, ETH, 1, is_unpriced=True),),
    (move(4, MINE, LENDER, ETH, 1), move(4, LENDER, MINE, MEME, 1)),
])  # fmt: skip
def test_the_list_of_disposals_and_the_sums_tell_one_story(
    transactions: list[Transaction], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("story") / "store"
    write_snapshot(store, build_world(transactions))
    with Reader(store, memory="1GB") as reader:
        for window in WINDOWS[:2]:
            check_list(reader, find(reader, "me"), window)


UNPRICED_SALE: list[Transaction] = [
    (move(1, STRANGER, MINE, ETH, 1),),
    (move(2, STRANGER, MINE, ETH, 1),),
    (move(3, MINE, STRANGER, ETH, 1, is_unpriced=True),),
]


@EXAMPLES
@given(transactions=any_transactions())
@example(transactions=UNPRICED_SALE)  # at the cost of its lot it would give every method a total of its own
def test_one_total_whatever_moved(transactions: list[Transaction], tmp_path_factory: pytest.TempPathFactory) -> None:
    store = tmp_path_factory.mktemp("any") / "store"
    for document in read_pnl(store, build_world(transactions), ["me", MINE], WINDOWS):
        check_identity(document)


@EXAMPLES
@given(transactions=plain_transactions())
def test_total_is_what_the_ledger_says(
    transactions: list[Transaction], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("plain") / "store"
    documents = iter(read_pnl(store, build_world(transactions), ["me"], WINDOWS))
    for window in WINDOWS:
        document, plain = next(documents), count_plainly(transactions, {MINE, ALSO_MINE}, window)
        assert {name: micro(document, name) for name in ("value", "value_before", "received", "sent", "fees")} == {
            name: plain[name] for name in ("value", "value_before", "received", "sent", "fees")
        }
        assert micro(document, "total") == (plain["value"] - plain["value_before"] - plain["received"] + plain["sent"])
        assert document["unknown_basis_usd"] == 0


@EXAMPLES
@given(transactions=plain_transactions())
@example(transactions=[
    *[(move(1, OTHER, wallet, ETH, 9),) for wallet in (MINE, ALSO_MINE)], (move(2, MINE, ALSO_MINE, ETH, 3),),
    (move(3, ALSO_MINE, STRANGER, ETH, 5),),
])  # fmt: skip
def test_merging_changes_only_what_was_counted_twice(
    transactions: list[Transaction], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("merge") / "store"
    one, other, both = read_pnl(store, build_world(transactions), [MINE, ALSO_MINE, "me"], [ALWAYS])
    own = [leg for legs in transactions for leg in legs if {leg.sender, leg.receiver} == {MINE, ALSO_MINE}]
    twice = round(sum(leg.usd or 0 for leg in own) * 1_000_000)
    for part in ("total", "value", "fees", "income"):
        assert micro(one, part) + micro(other, part) == micro(both, part)
    for part in ("received", "sent"):
        assert micro(one, part) + micro(other, part) - twice == micro(both, part)


@EXAMPLES
@given(transactions=any_transactions(), data=st.data())
def test_order_inside_a_transaction_is_irrelevant(
    transactions: list[Transaction], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shuffled = [tuple(data.draw(st.permutations(legs))) for legs in transactions]
    store = tmp_path_factory.mktemp("order")
    before = read_pnl(store / "a", build_world(transactions), ["me"], WINDOWS)
    after = read_pnl(store / "b", build_world(shuffled), ["me"], WINDOWS)
    assert before == after


@EXAMPLES
@given(transactions=any_transactions(), data=st.data())
def test_spam_changes_nothing(
    transactions: list[Transaction], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    month = data.draw(st.sampled_from(MONTHS))
    gift = move(month, SPAMMER, MINE, SPAM, 5)
    spammed = [
        legs + ((replace(gift, when=legs[0].when),) if data.draw(st.booleans()) else ()) for legs in transactions
    ]
    store = tmp_path_factory.mktemp("spam")
    before = read_pnl(store / "a", build_world(transactions), ["me"], WINDOWS)
    after = read_pnl(store / "b", build_world([*spammed, (gift, move(month, MINE, SPAMMER, SPAM, 2))]), ["me"], WINDOWS)
    assert before == after
