"""Is the profile of an entity whose dealings the build added up the one that the ledger gives?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from intel.config import Settings
from intel.model import Tier
from intel.pipeline import make_demo
from intel.profiler import activity, counterparties
from intel.profiler.counterparties import rank_counterparties, tabulate_counterparties
from intel.profiler.large_sums import is_summed
from intel.profiler.postings import ALWAYS, count_postings, parse_window
from intel.profiler.profile import build_profile, to_json
from intel.profiler.subjects import resolve_subject, take_public
from intel.store.reader import Reader
from tests.small_world import DEPOSIT, build_world
from tests.snapshots import write_snapshot

LEAST = 300  # postings, in this test: the demo has some twenty entities with as many


@pytest.fixture(scope="module")
def economy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("intel.profiler.large_sums_build.LARGE_POSTINGS", LEAST)
        patch.setattr("intel.profiler.large_sums_build.KEPT_PARTIES", 20)
        make_demo(Settings(store=path, memory="1GB", threads=2), transfers=20_000)
    return path


@pytest.fixture
def reader(economy: Path) -> Iterator[Reader]:
    with Reader(economy, memory="1GB") as opened:
        yield opened


@pytest.fixture
def private_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Every owner of the small world is summed; one address is publicly an exchange's, and privately the fund's."""
    monkeypatch.setattr("intel.profiler.large_sums_build.LARGE_POSTINGS", 1)
    world = build_world()
    ours = {"address": DEPOSIT, "entity_id": "alice-fund", "visibility": "private", "reason": "A test says so."}
    world.attributions.append(ours)
    write_snapshot(tmp_path / "store", world)
    with Reader(tmp_path / "store", memory="1GB") as opened:
        yield opened


def list_summed(reader: Reader) -> list[str]:
    return [row[0] for row in reader.query("select distinct entity_id from beliefs.entity_sums order by 1")]


def check_profiles(reader: Reader, tier: Tier, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return the profiles of what the build summed at the tier, each the same as the one from the ledger."""
    kept = {}
    for name in list_summed(reader):
        subject = resolve_subject(reader, name, tier)
        if is_summed(reader, subject, ALWAYS):
            with reader.fork() as own:
                kept[name] = to_json(build_profile(own, subject, counterparties=20))
                added_up = own.query("select 1 from duckdb_tables() where table_name = 'flows'")
                assert bool(added_up) == (kept[name]["pnl"] is not None)  # which needs every move
    ask_ledger(monkeypatch)
    with reader.fork() as live:
        for name, profile in kept.items():
            assert to_json(build_profile(live, resolve_subject(live, name, tier), counterparties=20)) == profile
    return kept


@pytest.mark.slow
@pytest.mark.parametrize("tier", get_args(Tier))
def test_profiles_are_those_of_the_ledger(reader: Reader, tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = check_profiles(reader, tier, monkeypatch)
    assert len(kept) >= 8
    assert any(len(profile["counterparties"]) == 20 for profile in kept.values())
    assert any(profile["venues"] for profile in kept.values())
    assert any(len(profile["exchange_usage"]) > 2 for profile in kept.values())


@pytest.mark.parametrize("tier", get_args(Tier))
def test_private_attributions_stand_first(private_reader: Reader, tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"alice-fund", "binance"} <= set(check_profiles(private_reader, tier, monkeypatch))


def ask_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (activity, counterparties):
        monkeypatch.setattr(module, "is_summed", lambda *_: False)


@pytest.mark.slow
def test_the_first_counterparties_are_those_of_the_ledger(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterparties, "KEPT_PARTIES", 20)
    wanted = [(name, tier) for name in list_summed(reader) for tier in get_args(Tier)]
    kept = [read_parties(reader, *one) for one in wanted]
    ask_ledger(monkeypatch)
    with reader.fork() as live:
        assert [read_parties(live, *one) for one in wanted] == kept


def read_parties(reader: Reader, name: str, tier: Tier) -> list[object]:
    subject = resolve_subject(reader, name, tier)
    first = [tabulate_counterparties(reader, subject, limit=limit).to_pylist() for limit in (1, 7, 20)]
    venues = rank_counterparties(reader, subject, limit=20, venues=True)
    return [*first, venues, tabulate_counterparties(reader, subject).num_rows]


def test_only_what_was_summed_is_taken_from_there(private_reader: Reader) -> None:
    subject = resolve_subject(private_reader, "alice-fund")
    public = take_public(private_reader, subject)
    assert len(public.address_ids) < len(subject.address_ids)
    assert is_summed(private_reader, subject, ALWAYS)
    assert not is_summed(private_reader, subject, parse_window(since="2024-02"))
    assert not is_summed(private_reader, public, ALWAYS)
    assert not is_summed(private_reader, resolve_subject(private_reader, DEPOSIT), ALWAYS)


@pytest.mark.slow
def test_entities_with_too_few_postings_are_not_summed(reader: Reader) -> None:
    named = reader.query("select distinct entity_id from beliefs.entities where kind = 'owner'")
    summed = set(reader.query("select distinct entity_id, tier from beliefs.entity_sums"))
    large = {
        (name, tier)
        for (name,) in named
        for tier in get_args(Tier)
        if count_postings(reader, resolve_subject(reader, name, tier)) >= LEAST
    }
    assert large == {one for one in summed if (one[0],) in named}
    assert len(large) < len(named)
