"""Do exchange and category pages count what crosses the border of an owner, once and on the right side?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import pytest

from intel.errors import UnknownSubject, UsageError
from intel.profiler.categories import list_categories, tabulate_category
from intel.profiler.exchange_page import (
    tabulate_deposit_addresses,
    tabulate_netflows,
    tabulate_new_deposits,
    tabulate_reserves,
)
from intel.profiler.holdings import list_holdings
from intel.profiler.postings import parse_window
from intel.profiler.sheets import add_up
from intel.profiler.subjects import resolve_subject
from intel.profiler.tokens import resolve_token
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

COIN = Asset(address("a"), "COIN", 0, is_verified=True)
FAKE = Asset(address("b"), "FAKE", 0)
OTHER = Asset(address("c"), "OTHER", 0)
HOT, COLD, MINE, SHARED, RIVAL, ME, FUND_1, FUND_2, STRANGER = ("0x" + f"{n:040x}" for n in range(1, 10))


def paid(day: str, sender: str, receiver: str, coins: int, asset: Asset = COIN, kind: str = "erc20") -> Moved:
    usd = float(coins) if asset is COIN else None
    return Moved(f"2024-{day}", sender, receiver, asset.token, coins, usd, kind=kind)


def build_world() -> World:
    def owned(who: str, entity: str, role: str | None = None) -> dict[str, object]:
        return {"address": who, "entity_id": entity, "role": role}

    return World(
        transfers=[
            paid("01-01", ME, MINE, 100),
            paid("01-02", MINE, HOT, 100),  # inside
            paid("01-03", ME, SHARED, 50),
            paid("01-04", FUND_1, SHARED, 5),
            paid("01-05", FUND_2, SHARED, 6),  # the same owner as FUND_1
            paid("01-06", STRANGER, SHARED, 7),
            paid("01-07", HOT, SHARED, 1),  # gas from the exchange itself: no user
            paid("02-01", HOT, ME, 30),
            paid("02-02", HOT, RIVAL, 20),
            paid("02-03", HOT, COLD, 40),
            paid("02-04", ME, MINE, 8),
            paid("02-05", ME, MINE, 999, FAKE),
            paid("02-06", HOT, STRANGER, 2, kind="fee"),
            paid("02-07", ME, HOT, 3, OTHER),
        ],
        assets=[COIN, FAKE, OTHER],
        prices=[(COIN, "2024-01-01", 2.0)],
        coverage=[{"dataset": "transfers", "chain": "ethereum", "kind": "erc20", "source": "test", "first_block": 0,
                   "last_block": 9, "first_time": "2024-01-01", "last_time": "2024-02-10"}],
        entities=[{"entity_id": "bank", "name": "Bank", "category": "exchange", "is_custodial": True},
                  {"entity_id": "rival", "name": "Rival", "category": "exchange", "is_custodial": True},
                  {"entity_id": "fund", "name": "Fund", "category": "fund_otc"}],
        attributions=[owned(HOT, "bank", "exchange_hot"), owned(COLD, "bank", "exchange_cold"),
                      owned(MINE, "bank", "exchange_deposit"), owned(SHARED, "bank", "exchange_deposit"),
                      owned(RIVAL, "rival", "exchange_hot"), owned(FUND_1, "fund"), owned(FUND_2, "fund")],
        asset_flags=[(FAKE, "counterfeit")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("exchange") / "store"
    write_snapshot(store, build_world())
    with Reader(store, memory="1GB") as opened:
        yield opened


def test_only_what_crosses_the_border_is_a_flow(reader: Reader) -> None:
    rows = tabulate_netflows(reader, resolve_subject(reader, "bank")).to_pylist()
    assert [(r["period"], r["deposited_usd"], r["withdrawn_usd"], r["deposits"], r["withdrawals"]) for r in rows] == [
        (date(2024, 1, 1), 168.0, 0.0, 5, 0),  # 100 + 50 + 5 + 6 + 7
        (date(2024, 2, 1), 8.0, 50.0, 2, 2),  # 8 and the unpriced one came in; 30 and 20 went out, the fee apart
    ]
    assert [(row["net_usd"], row["unpriced"]) for row in rows] == [(168.0, 0), (-42.0, 1)]


def test_all_exchanges_together_say_the_same_of_each(reader: Reader) -> None:
    together = tabulate_netflows(reader).to_pylist()
    alone = tabulate_netflows(reader, resolve_subject(reader, "bank")).to_pylist()
    assert [row for row in together if row["exchange"] == "bank"] == alone
    assert [row["deposited_usd"] for row in together if row["exchange"] == "rival"] == [20.0]
    coins = tabulate_netflows(reader, token=resolve_token(reader, "OTHER")).to_pylist()
    assert [(row["exchange"], row["deposits"]) for row in coins] == [("bank", 1)]
    days = tabulate_netflows(reader, window=parse_window("2024-02"), step="day")
    assert days["period"].to_pylist()[0] == date(2024, 2, 1)
    with pytest.raises(UsageError):
        tabulate_netflows(reader, step="hour")  # type: ignore[arg-type]


def test_reserves_by_role_are_the_holdings(reader: Reader) -> None:
    bank = resolve_subject(reader, "bank")
    rows = {row["role"]: row for row in tabulate_reserves(reader, bank).to_pylist()}
    # Hot 100 - 1 - 30 - 20 - 40 - 2 = 7, cold 40, deposits 8 + 69, at two dollars.
    assert {role: row["usd"] for role, row in rows.items()} == {
        "exchange_hot": 14.0, "exchange_cold": 80.0, "exchange_deposit": 154.0,
    }  # fmt: skip
    assert rows["exchange_hot"]["unpriced"] == 1
    assert rows["exchange_cold"]["share"] == pytest.approx(80 / 248)
    assert sum(row["usd"] for row in rows.values()) == add_up(list_holdings(reader, bank))
    january = tabulate_reserves(reader, bank, parse_window(until="2024-01")).to_pylist()
    assert sum(row["usd"] for row in january) == 336.0  # all 168 that came in


def test_new_deposit_addresses_are_counted_once(reader: Reader) -> None:
    bank = resolve_subject(reader, "bank")
    assert tabulate_new_deposits(reader, bank).to_pylist() == [{"period": date(2024, 1, 1), "addresses": 2}]
    assert tabulate_new_deposits(reader, bank, parse_window("2024-02")).num_rows == 0


def test_a_deposit_address_tells_who_else_uses_it(reader: Reader) -> None:
    rows = tabulate_deposit_addresses(reader, resolve_subject(reader, ME)).to_pylist()
    assert [(row["address"], row["deposits"], row["usd"], row["other_users"]) for row in rows] == [
        (MINE, 2, 108.0, 0),
        (SHARED, 1, 50.0, 2),  # the fund once, and the stranger
    ]
    assert (rows[0]["first_time"], rows[0]["last_time"]) == (
        datetime.fromisoformat("2024-01-01"),
        datetime.fromisoformat("2024-02-04"),
    )
    assert rows[0]["exchange"] == "bank"
    assert tabulate_deposit_addresses(reader, resolve_subject(reader, "bank")).num_rows == 0


def test_a_category_lists_its_entities_and_what_crossed_their_borders(reader: Reader) -> None:
    rows = tabulate_category(reader, "exchange").to_pylist()
    assert [(row["name"], row["addresses"], row["in_usd"], row["out_usd"]) for row in rows] == [
        ("Bank", 4, 176.0, 52.0),
        ("Rival", 1, 20.0, 0.0),
    ]
    assert tabulate_category(reader, "fund_otc")["out_usd"].to_pylist() == [11.0]
    february = tabulate_category(reader, "exchange", parse_window("2024-02"), limit=1).to_pylist()
    assert february[0]["in_usd"] == 8.0
    with pytest.raises(UnknownSubject, match="category"):
        tabulate_category(reader, "florist")
    assert [tuple(row.values()) for row in list_categories(reader).to_pylist()] == [
        ("exchange", 2, 5),
        ("fund_otc", 1, 2),
    ]
