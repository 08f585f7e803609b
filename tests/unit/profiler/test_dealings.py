"""Are counterparties in a token, and new ones, what one counts by hand in the small world?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from intel.errors import UnknownSubject, UsageError
from intel.profiler.counterparties import tabulate_counterparties
from intel.profiler.coverage import last_seen_by_chain
from intel.profiler.dealings import DealingSort, tabulate_dealings, tabulate_new
from intel.profiler.postings import parse_window
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from tests.small_world import FUND_3, STRANGER


def test_one_token_counts_only_its_transfers(reader: Reader) -> None:
    rows = tabulate_dealings(reader, resolve_subject(reader, "alice-fund"), token="USDC").to_pylist()
    told = {row["who"]: (row["in_usd"], row["out_usd"], row["net_usd"], row["transfers"]) for row in rows}
    assert told == {
        "Binance": (5_000.0, 1_000.0, 4_000.0, 3),  # 5,000 in; 700 and 300 to a deposit address
        "Kraken": (100.0, 900.0, -800.0, 2),
        "Case 7": (10.0, 60.0, -50.0, 2),
        STRANGER: (40.0, 0.0, 40.0, 1),
        "Alice Fund": (33.0, 0.0, 33.0, 1),  # the third address, only probably one of them
    }
    assert {row["who"]: (row["status"], row["address"]) for row in rows}["Alice Fund"] == ("probable", FUND_3)
    assert [row["who"] for row in rows][:2] == ["Binance", "Kraken"]
    assert {row["who"]: row["status"] for row in rows}["Case 7"] == "private"
    with pytest.raises(UnknownSubject, match="no token"):
        tabulate_dealings(reader, resolve_subject(reader, "alice-fund"), token="NOPE")


def test_new_are_those_not_dealt_with_before(reader: Reader) -> None:
    fund = resolve_subject(reader, "alice-fund")
    march = tabulate_dealings(reader, fund, parse_window("2024-03", "2024-03")).to_pylist()
    # The stranger is known on ethereum since February, on bsc new; Binance is known on ethereum, so on bsc as well.
    new = {(row["who"], row["chain"]): row["is_new"] for row in march}
    assert new[STRANGER, "ethereum"] is False
    assert new[STRANGER, "bsc"] is True
    assert new["Case 7", "ethereum"] is True
    assert new["Binance", "bsc"] is False
    only = tabulate_dealings(reader, fund, parse_window("2024-03", "2024-03"), only_new=True).to_pylist()
    assert {(row["who"], row["chain"]) for row in only} == {pair for pair, is_new in new.items() if is_new}
    assert {row["is_new"] for row in tabulate_dealings(reader, fund).to_pylist()} == {None}
    with pytest.raises(UsageError, match="new"):
        tabulate_dealings(reader, fund, only_new=True)


@pytest.mark.parametrize("days", [5, 30, 3_000])
def test_the_new_of_the_last_days_are_those_whose_first_dealing_lies_in_them(reader: Reader, days: int) -> None:
    fund = resolve_subject(reader, "alice-fund")
    window = parse_window(until="2024-03")
    seen = max(last_seen_by_chain(reader).values())
    assert window.until is not None
    start = min(seen, window.until) - timedelta(days=days)
    every = {
        (row["who"], row["chain"]): row["first_time"] for row in tabulate_dealings(reader, fund, window).to_pylist()
    }
    rows = tabulate_new(reader, fund, window, days=days).to_pylist()
    assert {(row["who"], row["chain"]): row["first_time"] for row in rows} == {
        key: first for key, first in every.items() if first >= start
    }


@pytest.mark.parametrize("by", ["entity", "address"])
def test_without_a_filter_they_are_the_counterparties(reader: Reader, by: str) -> None:
    fund = resolve_subject(reader, "alice-fund")
    plain = tabulate_counterparties(reader, fund, by=by).to_pylist()  # type: ignore[arg-type]
    rows = tabulate_dealings(reader, fund, by=by).to_pylist()  # type: ignore[arg-type]
    assert [(row["entity_id"], row["address"], row["in_usd"], row["transfers"]) for row in rows] == [
        (row["entity_id"], row["address"], row["in_micro_usd"] / 1e6, row["transfers"]) for row in plain
    ]


def test_the_order_is_that_of_the_column(reader: Reader) -> None:
    fund = resolve_subject(reader, "alice-fund")
    columns: dict[DealingSort, str] = {"in": "in_usd", "out": "out_usd", "net": "net_usd", "transfers": "transfers",
                                       "first_time": "first_time", "last_time": "last_time"}  # fmt: skip
    for sort, name in columns.items():
        found = [row[name] for row in tabulate_dealings(reader, fund, sort=sort).to_pylist() if not row["is_venue"]]
        assert found == sorted(found, reverse=True)
    with pytest.raises(UsageError, match="sorted by"):
        tabulate_dealings(reader, fund, sort="colour")  # type: ignore[arg-type]
