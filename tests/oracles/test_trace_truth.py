"""Does a trace of the economy's hacks end where the thieves took the money, and say how much?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import intel
from intel.config import Settings
from intel.errors import UnknownSubject, UsageError
from intel.pipeline import make_demo
from intel.profiler.database import Database
from intel.profiler.routes import find_routes
from intel.profiler.trace import RULES, Question, Source, resolve_source, run_pass
from intel.profiler.trace_case import write_case
from intel.profiler.trace_report import to_document
from intel.profiler.trace_town import read_flows, read_jumps, read_places
from tests.oracles.test_trace import expect_same

STORY = 40_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trace") / "store"
    make_demo(Settings(store=folder), transfers=STORY)
    return folder


@pytest.fixture(scope="module")
def database(store: Path) -> Iterator[Database]:
    with intel.open(store) as opened:
        yield opened


@pytest.fixture(scope="module")
def hacks(store: Path) -> dict[str, dict[str, float]]:
    """Return USD by service for each thief, as the economy's truth has it."""
    told: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in pq.read_table(store.with_name("store.truth") / "laundering.parquet").to_pylist():
        told[row["source"]][row["service"]] += row["usd"]
    return told


def test_laundered_money_reaches_each_service_within_five_percent(
    database: Database, hacks: dict[str, dict[str, float]]
) -> None:
    assert len(hacks) >= 3
    for thief, services in hacks.items():
        trace = database.trace(thief, tier="probable")
        reached: dict[str | None, float] = defaultdict(float)
        for end in trace.ends:
            reached[end["name"]] += end["value_usd"]
        for service, usd in services.items():
            assert reached[service] == pytest.approx(usd, rel=0.05), (thief, service)


def test_ends_and_categories_are_the_whole(database: Database, hacks: dict[str, dict[str, float]]) -> None:
    for thief in hacks:
        for rule in ("haircut", "fifo"):
            trace = database.trace(thief, rule=rule)
            paid = sum(row["traced_usd"] for row in trace.steps.to_pylist() if row["sender"] == thief)
            assert trace.total_usd == pytest.approx(paid, rel=1e-6)
            assert sum(row["share"] for row in trace.categories) == pytest.approx(1)


def test_every_payment_is_in_the_ledger_and_none_goes_back_in_time(
    database: Database, hacks: dict[str, dict[str, float]]
) -> None:
    for thief in hacks:
        reached = {thief: None}
        last: Any = None
        for row in database.trace(thief).steps.to_pylist():
            assert row["sender"] in reached
            reached.setdefault(row["receiver"], row["block_time"])
            assert last is None or last <= row["block_time"]
            last = row["block_time"]
            found = database.reader.query(
                "select count(*) from facts.transfers where tx_hash = ? and block_number = ?",
                [row["tx_hash"], row["block_number"]],
            )
            assert found[0][0] > 0


def test_a_path_leads_from_the_source_to_each_end(database: Database, hacks: dict[str, dict[str, float]]) -> None:
    for thief in hacks:
        trace = database.trace(thief)
        told = {row["tx_hash"] for row in trace.steps.to_pylist()}
        firsts = {row["tx_hash"] for row in trace.steps.to_pylist() if row["sender"] == thief}
        for end in trace.ends:
            if end["address"] is not None:
                assert set(end["path"]) <= told
                assert end["path"][0] in firsts


def test_a_transaction_can_be_the_source(database: Database, hacks: dict[str, dict[str, float]]) -> None:
    thief = min(hacks)
    first = database.trace(thief).steps.to_pylist()[0]
    trace = database.trace(first["tx_hash"])
    assert trace.total_usd == pytest.approx(first["value_usd"], rel=1e-6)
    assert trace.steps.to_pylist()[0]["receiver"] == first["receiver"]


def test_backward_from_a_mule_comes_to_the_thief(database: Database, hacks: dict[str, dict[str, float]]) -> None:
    thief = min(hacks)
    mule = database.trace(thief).steps.to_pylist()[0]["receiver"]
    steps = database.trace(mule, direction="backward").steps.to_pylist()
    assert thief in {row["sender"] for row in steps}


def test_routes_follow_in_time_and_have_the_fewest_payments(
    database: Database, hacks: dict[str, dict[str, float]]
) -> None:
    flows = read_flows(database.reader)
    for thief in hacks:
        trace = database.trace(thief)
        end = next(end for end in trace.ends if end["kind"] == "service")
        ends = [resolve_source(database.reader, text) for text in (thief, end["address"])]
        fewest, widest = find_routes(database.reader, ends[0], ends[1])
        for route in (fewest, widest):
            assert list(route.rows) == sorted(route.rows)
            assert flows.sender[route.rows[0]] in ends[0].address_ids
            assert flows.receiver[route.rows[-1]] in ends[1].address_ids
            for one, other in zip(route.rows, route.rows[1:], strict=False):
                assert flows.receiver[one] == flows.sender[other]
        assert len(fewest.rows) <= min(len(end["path"]), len(widest.rows))
        assert widest.bottleneck_usd >= fewest.bottleneck_usd


def test_walk_and_pass_find_the_same(database: Database) -> None:
    """With swaps, bridges, walls and limits, to the last bit, wherever the one hands over to the other."""
    flows, places, jumps = (read_flows(database.reader), read_places(database.reader, "confirmed"),
                            read_jumps(database.reader))  # fmt: skip
    degrees = np.diff(flows.statement_ends)
    some = np.random.default_rng(8).choice(np.flatnonzero(degrees >= 5), 60, replace=False)
    largest = np.argsort(-degrees, kind="stable")[:4]
    longest = 0
    for place, who in enumerate((*some, *largest)):
        asked = Question(RULES[place % 3], "forward" if place % 2 else "backward", max_hops=2 + place % 5)
        found = [
            run_pass(flows, places, jumps, Source("one", "address", (int(who),)), asked, dearer=dearer)
            for dearer in (0, 1, 64, 10**9)
        ]
        for other in found[1:]:
            expect_same(found[0], other)
        longest = max(longest, len(found[0].told.row))
    assert longest > 300


def test_the_case_file_is_enough_to_run_it_again(
    database: Database, hacks: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    trace = database.trace(min(hacks))
    for name in ("case.md", "case.json"):
        write_case(tmp_path / name, trace, database.reader.manifest)
        text = (tmp_path / name).read_text(encoding="utf-8").replace("\\", "")
        assert trace.build_id in text
        assert database.reader.manifest.code_version in text
        for row in trace.steps.to_pylist():
            assert row["tx_hash"] in text
    assert to_document(trace) == to_document(database.trace(min(hacks)))


def test_what_cannot_be_asked_is_said(database: Database) -> None:
    with pytest.raises(UnknownSubject, match="no transfer of the transaction"):
        database.trace("0x" + "12" * 32)
    for wrong in ({"rule": "lifo"}, {"direction": "sideways"}, {"max_hops": 0}, {"min_usd": -1}, {"depth": 3}):
        with pytest.raises(UsageError):
            database.trace("marmalade-exchange", **wrong)
    assert Question().rule == "haircut"
