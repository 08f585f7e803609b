"""Are holdings, counterparties, exchange usage and activity what plain Python finds in the same list of transfers?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from intel.profiler.activity import count_moves, summarise_activity
from intel.profiler.counterparties import tabulate_counterparties
from intel.profiler.exchanges import list_exchange_usage, tabulate_usage_over_time
from intel.profiler.holdings import list_holdings
from intel.profiler.postings import ALWAYS, Window, parse_window
from intel.profiler.subjects import resolve_subject
from intel.profiler.transfers import tabulate_transfers
from intel.store.reader import Reader
from tests.small_world import (
    ASSETS,
    COUNTERFEIT,
    DEPOSIT,
    FUND_1,
    FUND_2,
    FUND_3,
    FUND_MEMBERS,
    HOT,
    KRAKEN,
    OWNER_OF,
    SPOOFED,
    STRANGER,
    TRANSFERS,
    build_world,
)
from tests.snapshots import Moved, World, write_snapshot

End = tuple[str, str]
MARCH = parse_window("2024-03", "2024-03")
SUBJECTS = {
    FUND_1: {("ethereum", FUND_1), ("bsc", FUND_1)},
    STRANGER: {("ethereum", STRANGER), ("bsc", STRANGER)},
    HOT: {("ethereum", HOT), ("bsc", HOT)},
    "alice-fund": FUND_MEMBERS,
    "binance": {("ethereum", HOT), ("ethereum", DEPOSIT), ("bsc", HOT)},
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("oracle") / "store"
    write_snapshot(store, build_world())
    with Reader(store, memory="1GB") as opened:
        yield opened


def moves(
    transfers: list[Moved], members: set[End], window: Window = ALWAYS, *, is_spam: bool | None = None
) -> Iterator[tuple[int, Moved, str | None]]:
    """Yield (+1 or -1, transfer, counterparty) as the members see them."""
    spam = [TRANSFERS[COUNTERFEIT], TRANSFERS[SPOOFED]]
    for item in transfers:
        if (window.since and item.time < window.since) or (window.until and item.time >= window.until):
            continue
        if is_spam is not None and (item in spam) != is_spam:
            continue
        if (item.chain, item.sender) in members:
            yield -1, item, item.receiver
        if (item.chain, item.receiver) in members:
            yield 1, item, item.sender


def net_amounts(transfers: list[Moved], members: set[End], window: Window) -> dict[tuple[str, str | None], Fraction]:
    decimals = {(a.chain, a.token): a.decimals or 0 for a in ASSETS}
    net: dict[tuple[str, str | None], Fraction] = defaultdict(Fraction)
    for sign, item, _ in moves(transfers, members, window):
        if item.value is not None:
            net[item.chain, item.token] += Fraction(sign * item.value, 10 ** decimals[item.chain, item.token])
    return {key: amount for key, amount in net.items() if amount}


@pytest.mark.parametrize("window", [ALWAYS, MARCH], ids=["always", "march"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_holdings(reader: Reader, name: str, window: Window) -> None:
    found = list_holdings(reader, resolve_subject(reader, name), window)
    amounts = {(h.chain, h.token): Fraction(h.amount) for h in found if h.amount is not None}
    assert amounts == net_amounts(TRANSFERS, SUBJECTS[name], window)


@pytest.mark.parametrize("window", [ALWAYS, MARCH], ids=["always", "march"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_counterparties_by_entity(reader: Reader, name: str, window: Window) -> None:
    expected: dict[object, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    members = SUBJECTS[name]
    for sign, item, other in moves(TRANSFERS, members, window, is_spam=False):
        if other is None or (item.chain, other) in members:
            continue
        sums = expected[OWNER_OF.get((item.chain, other), (item.chain, other))]
        sums[0 if sign > 0 else 1] += item.usd or 0
        sums[2 if sign > 0 else 3] += 1
    rows = tabulate_counterparties(reader, resolve_subject(reader, name), window).to_pylist()
    found = {
        row["entity_id"] or (row["chain"], row["address"]): [
            row["in_micro_usd"] / 1e6, row["out_micro_usd"] / 1e6, row["transfers_in"], row["transfers_out"],
        ]
        for row in rows
    }  # fmt: skip
    assert found == expected
    turnover = [row["in_micro_usd"] + row["out_micro_usd"] for row in rows]
    assert turnover == sorted(turnover, reverse=True)


@pytest.mark.parametrize("name", SUBJECTS)
def test_counterparties_by_address(reader: Reader, name: str) -> None:
    members = SUBJECTS[name]
    expected: dict[object, int] = defaultdict(int)
    for _, item, other in moves(TRANSFERS, members, is_spam=False):
        if other is not None and (item.chain, other) not in members:
            expected[item.chain, other] += 1
    rows = tabulate_counterparties(reader, resolve_subject(reader, name), by="address").to_pylist()
    assert {(row["chain"], row["address"]): row["transfers"] for row in rows} == expected


@pytest.mark.parametrize("window", [ALWAYS, MARCH], ids=["always", "march"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_exchange_usage_and_its_course(reader: Reader, name: str, window: Window) -> None:
    members = SUBJECTS[name]
    own = name if name in OWNER_OF.values() else OWNER_OF.get(("ethereum", name))
    expected: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    months: dict[tuple[str, str], int] = defaultdict(int)
    for sign, item, other in moves(TRANSFERS, members, window, is_spam=False):
        owner = OWNER_OF.get((item.chain, str(other)))
        if owner not in {"binance", "kraken"} or owner == own:
            continue
        sums = expected[owner]
        sums[0 if sign < 0 else 2] += 1
        sums[1 if sign < 0 else 3] += item.usd or 0
        months[owner, item.when[:7]] += 1
    subject = resolve_subject(reader, name)
    found = list_exchange_usage(reader, subject, window)
    assert {u.exchange: [u.deposits, u.deposited_usd, u.withdrawals, u.withdrawn_usd] for u in found} == expected
    course = tabulate_usage_over_time(reader, subject, window).to_pylist()
    assert {(r["exchange"], str(r["period"])[:7]): r["deposits"] + r["withdrawals"] for r in course} == months


@pytest.mark.parametrize("name", SUBJECTS)
def test_activity_counts_internal_transfers_once(reader: Reader, name: str) -> None:
    members = SUBJECTS[name]
    seen = list(moves(TRANSFERS, members))
    internal = [item for sign, item, other in seen if sign < 0 and (item.chain, other) in members]
    outside = [(sign, item) for sign, item, other in seen if (item.chain, other) not in members]
    found = summarise_activity(reader, resolve_subject(reader, name))
    assert found["transfers_in"] == sum(sign > 0 for sign, _ in outside)
    assert found["transfers_out"] == sum(sign < 0 for sign, _ in outside)
    assert found["transfers_internal"] == len(internal)
    assert found["first_seen"] == min(item.time for _, item, _ in seen)
    assert found["last_seen"] == max(item.time for _, item, _ in seen)
    counted = count_moves(reader, resolve_subject(reader, name))
    once = {id(item): item for _, item, _ in seen}.values()
    assert counted["transfers"] == len(once)
    assert counted["unpriced"] == sum(item.usd is None for item in once)
    assert counted["internal"] == len(internal)


@pytest.mark.parametrize("name", SUBJECTS)
def test_transfers_are_all_there_in_order(reader: Reader, name: str) -> None:
    rows = tabulate_transfers(reader, resolve_subject(reader, name)).to_pylist()
    found = sorted((row["block_time"], row["direction"], row["value_raw"], row["counterparty"] or "") for row in rows)
    expected = sorted(
        (item.time, "in" if sign > 0 else "out", None if item.value is None else Decimal(item.value), other or "")
        for sign, item, other in moves(TRANSFERS, SUBJECTS[name])
    )
    assert [str(row) for row in found] == [str(row) for row in expected]
    assert [row["block_time"] for row in rows] == sorted(row["block_time"] for row in rows)


POOL = [FUND_1, FUND_2, FUND_3, HOT, DEPOSIT, KRAKEN, STRANGER]
BY_HAND = [asset for asset in ASSETS if asset.token_id is None and not asset.is_oversize]


@st.composite
def ledgers(draw: st.DrawFn) -> list[Moved]:
    rows = []
    for _ in range(draw(st.integers(1, 25))):
        asset = draw(st.sampled_from(BY_HAND))
        day = draw(st.integers(1, 28))
        rows.append(
            Moved(
                f"2024-0{draw(st.integers(1, 5))}-{day:02d}T00:00:00",
                draw(st.sampled_from(POOL)),
                draw(st.sampled_from(POOL)),
                asset.token,
                draw(st.integers(0, 10**36)),
                draw(st.one_of(st.none(), st.integers(0, 10**6).map(float))),
                chain=asset.chain,
            )
        )
    return rows


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])  # a store per example
@given(ledger=ledgers())
def test_holdings_are_what_came_in_less_what_went_out(
    ledger: list[Moved], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = build_world()
    world = World(ledger, ASSETS, entities=base.entities, names=base.names, attributions=base.attributions)
    store = tmp_path_factory.mktemp("random") / "store"
    write_snapshot(store, world)
    with Reader(store, memory="1GB") as reader:
        for name, members in {"alice-fund": FUND_MEMBERS, "binance": SUBJECTS["binance"]}.items():
            subject = resolve_subject(reader, name)
            for window in (ALWAYS, MARCH):
                holdings = list_holdings(reader, subject, window)
                found = {(h.chain, h.token): Fraction(h.amount) for h in holdings if h.amount is not None}
                assert found == net_amounts(ledger, members, window)
