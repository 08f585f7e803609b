"""Is a change of holdings split into what came and went and what prices did, to the cent?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from intel.errors import UsageError
from intel.profiler.compare import compare_dates
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

ME, OTHER = address("1"), address("2")
KEPT, SOLD, BOUGHT, LATE, BARE, SPAM, BIG = (
    Asset("0x" + f"{number:040x}", symbol, 0, is_verified=symbol != "SPAM", is_oversize=symbol == "BIG")
    for number, symbol in enumerate(("KEPT", "SOLD", "BOUGHT", "LATE", "BARE", "SPAM", "BIG"), 100)
)


def moved(day: str, sender: str, receiver: str, asset: Asset, value: int | None) -> Moved:
    return Moved(f"2024-{day}", sender, receiver, asset.token, value, value_text=None if value else str(10**40))


def build_world() -> World:
    january = [
        moved("01-01", OTHER, ME, asset, amount)
        for asset, amount in ((KEPT, 10), (SOLD, 4), (LATE, 3), (BARE, 1), (SPAM, 500), (BIG, None))
    ]
    february = [moved("02-01", OTHER, ME, KEPT, 5), moved("02-02", ME, OTHER, SOLD, 4),
                moved("02-03", OTHER, ME, BOUGHT, 2)]  # fmt: skip
    return World(
        transfers=january + february,
        assets=[KEPT, SOLD, BOUGHT, LATE, BARE, SPAM, BIG],
        prices=[(KEPT, "2024-01-31", 2.0), (KEPT, "2024-02-10", 3.0), (SOLD, "2024-01-31", 5.0),
                (BOUGHT, "2024-02-10", 7.0), (LATE, "2024-02-10", 4.0), (SPAM, "2024-01-01", 9.0)],
        coverage=[{"dataset": "transfers", "chain": "ethereum", "kind": "erc20", "source": "test", "first_block": 0,
                   "last_block": 9, "first_time": "2024-01-01", "last_time": "2024-02-10"}],
        asset_flags=[(SPAM, "counterfeit")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("compare") / "store"
    write_snapshot(store, build_world())
    with Reader(store, memory="1GB") as opened:
        yield opened


def test_each_change_is_quantity_and_price(reader: Reader) -> None:
    found = compare_dates(reader, resolve_subject(reader, ME), "2024-01", "2024-02")
    rows: dict[str, dict[str, Any]] = {row["symbol"]: row for row in found.rows.to_pylist()}

    def told(symbol: str) -> tuple[Any, ...]:
        names = ("standing", "amount_a", "amount_b", "usd_a", "usd_b", "quantity_effect_usd", "price_effect_usd")
        return tuple(rows[symbol][name] for name in names)

    assert told("KEPT") == ("priced", "10", "15", 20.0, 45.0, 15.0, 10.0)  # 5 more at 3; 10 from 2 to 3
    assert told("SOLD") == ("priced", "4", "0", 20.0, 0.0, -20.0, 0.0)
    assert told("BOUGHT") == ("priced", "0", "2", 0.0, 14.0, 14.0, 0.0)
    assert told("LATE") == ("newly_priced", "3", "3", None, 12.0, None, None)
    assert told("BARE") == ("unpriced", "1", "1", None, None, None, None)
    assert rows["SPAM"]["standing"] == "spam"
    assert (rows["BIG"]["standing"], rows["BIG"]["amount_b"]) == ("oversize", None)
    assert found.totals == {
        "usd_a": 40.0, "usd_b": 71.0, "change_usd": 31.0, "quantity_effect_usd": 9.0, "price_effect_usd": 10.0,
        "newly_priced_usd": 12.0, "unpriced": 1, "oversize": 1, "spam": 1,
    }  # fmt: skip
    assert rows["KEPT"]["share_b"] == pytest.approx(45 / 71)
    assert sum(row["share_b"] or 0.0 for row in rows.values()) == pytest.approx(1.0)
    assert (found.date_a, found.date_b) == (date(2024, 1, 31), date(2024, 2, 29))


def test_the_parts_add_up_on_the_small_world(store: object) -> None:
    with Reader(str(store), memory="1GB") as small:
        for who in ("alice-fund", "binance"):
            told = compare_dates(small, resolve_subject(small, who), "2024-02-01", "2024-04-10").totals
            parts = told["quantity_effect_usd"] + told["price_effect_usd"] + told["newly_priced_usd"]
            assert parts == pytest.approx(told["change_usd"], abs=1e-5)


@pytest.mark.parametrize(
    "dates", [("2024-02", "2024-01"), ("2024-01", "2024-01-31"), (date(2024, 1, 2), date(2024, 1, 2))]
)
def test_dates_out_of_order_are_refused(reader: Reader, dates: tuple[Any, Any]) -> None:
    with pytest.raises(UsageError, match="not after"):
        compare_dates(reader, resolve_subject(reader, ME), *dates)


def test_a_day_without_anything_is_worth_nothing(reader: Reader) -> None:
    found = compare_dates(reader, resolve_subject(reader, ME), "2023", "2024-01")
    assert (found.totals["usd_a"], found.totals["usd_b"]) == (0.0, 40.0)
    assert found.totals["quantity_effect_usd"] == 40.0
