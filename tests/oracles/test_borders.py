"""Are the sums that a build keeps per owner and day what its own transfers add up to, however a period is cut?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from intel.model import Subject, Tier
from intel.profiler.categories import tabulate_category
from intel.profiler.exchange_page import tabulate_netflows
from intel.profiler.postings import ALWAYS, Window
from intel.profiler.subjects import resolve_subject
from intel.profiler.token_flows import tabulate_token_exchange_flows
from intel.profiler.tokens import resolve_token
from intel.store.reader import Reader
from tests.shared import share_demo

COUNTS = ("deposited_usd", "withdrawn_usd", "net_usd", "deposits", "withdrawals", "unpriced")
TIERS: tuple[Tier, ...] = ("confirmed", "probable")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with Reader(share_demo(tmp_path_factory)) as opened:
        yield opened


def list_exchanges(reader: Reader, tier: Tier) -> list[Subject]:
    rows = reader.query("select distinct entity_id from beliefs.entities where category = 'exchange' order by 1")
    return [resolve_subject(reader, str(row[0]), tier) for row in rows]


def find_cut(reader: Reader) -> Window:
    """From the middle of a day to the middle of another."""
    first, last = reader.query("select min(block_time), max(block_time) from facts.transfers")[0]
    noon = first.replace(hour=12, minute=0, second=0, microsecond=0)
    return Window(
        noon + (last - first) // 4 // timedelta(days=1) * timedelta(days=1), last - timedelta(days=9, hours=5)
    )


def read_figures(table: Any) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in ("period", *COUNTS)) for row in table.to_pylist()]


@pytest.mark.parametrize("tier", TIERS)
def test_days_add_up_to_the_transfers_of_the_owner(reader: Reader, tier: Tier) -> None:
    found = list_exchanges(reader, tier)
    cut = find_cut(reader)
    whole_days = Window(*(moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in (cut.since, cut.until)
                          if moment))  # fmt: skip
    seen = 0
    for subject in found:
        # Under an id that nobody has, only the addresses count: the sums come from their own transfers.
        plain = replace(subject, entity_id="nobody in particular")
        for window in (ALWAYS, cut, whole_days):
            kept = read_figures(tabulate_netflows(reader, subject, window, step="week"))
            assert kept == read_figures(tabulate_netflows(reader, plain, window, step="week"))
            seen += len(kept)
    assert len(found) > 3
    assert seen > 100


def test_two_halves_make_a_whole(reader: Reader) -> None:
    moment = find_cut(reader).since
    coin = resolve_token(reader, "ethereum:native")
    halves = (Window(None, moment), Window(moment, None))
    names = ("in_amount", "out_amount", "in_usd", "out_usd", "transfers")

    def add_up(windows: tuple[Window, ...]) -> list[float]:
        tables = [tabulate_token_exchange_flows(reader, coin, window, step="day") for window in windows]
        return [sum(float(value) for table in tables for value in table[name].to_pylist()) for name in names]

    assert add_up(halves) == pytest.approx(add_up((ALWAYS,)), rel=1e-12)
    category = {row["entity_id"]: row for row in tabulate_category(reader, "exchange").to_pylist()}
    for name in ("transfers_in", "transfers_out", "unpriced", "in_usd"):
        told = [
            {row["entity_id"]: row[name] for row in tabulate_category(reader, "exchange", half).to_pylist()}
            for half in halves
        ]
        for entity_id, row in category.items():
            assert sum(half[entity_id] for half in told) == pytest.approx(row[name], rel=1e-12)
    assert any(row["transfers_in"] for row in category.values())
