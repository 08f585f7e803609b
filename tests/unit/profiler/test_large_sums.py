"""Is the profile of an entity whose dealings the build added up the one that the ledger gives?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from intel.config import Settings
from intel.model import Tier
from intel.pipeline import make_demo
from intel.profiler import activity, counterparties
from intel.profiler.counterparties import rank_counterparties, tabulate_counterparties
from intel.profiler.exchanges import list_exchange_usage
from intel.profiler.large_sums import is_summed
from intel.profiler.postings import ALWAYS, count_postings, parse_window
from intel.profiler.profile import build_profile, to_json
from intel.profiler.subjects import resolve_subject, take_public
from intel.store.reader import Reader

LEAST = 300  # postings, in this test: the demo has some twenty entities with as many


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("intel.profiler.large_sums_build.LARGE_POSTINGS", LEAST)
        patch.setattr("intel.profiler.large_sums_build.KEPT_PARTIES", 20)
        make_demo(Settings(store=path, memory="1GB", threads=2), transfers=20_000)
    return path


@pytest.fixture
def reader(store: Path) -> Iterator[Reader]:
    with Reader(store, memory="1GB") as opened:
        yield opened


def list_summed(reader: Reader) -> list[str]:
    return [row[0] for row in reader.query("select distinct entity_id from beliefs.entity_sums order by 1")]


@pytest.mark.parametrize("tier", get_args(Tier))
def test_profiles_are_those_of_the_ledger(reader: Reader, tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    names = list_summed(reader)
    assert len(names) >= 10
    kept = {}
    for name in names:
        subject = resolve_subject(reader, name, tier)
        if is_summed(reader, subject, ALWAYS):
            kept[name] = to_json(build_profile(reader, subject, counterparties=20))
            assert not reader.query("select 1 from duckdb_tables() where table_name = 'flows'")  # nothing was added up
    ask_ledger(monkeypatch)
    with reader.fork() as live:
        for name, profile in kept.items():
            assert to_json(build_profile(live, resolve_subject(live, name, tier), counterparties=20)) == profile
    assert len(kept) >= 8
    assert any(len(profile["counterparties"]) == 20 for profile in kept.values())
    assert any(profile["venues"] for profile in kept.values())
    assert any(len(profile["exchange_usage"]) > 2 for profile in kept.values())


def ask_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (activity, counterparties):
        monkeypatch.setattr(module, "is_summed", lambda *_: False)
