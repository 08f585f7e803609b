"""Is a build that is killed at any point as if it had never begun, and is the next one whole?

INTEL_SOAK says how often each phase is killed; `make soak` sets it to fifty.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from intel import pipeline
from intel.store.snapshot import current_build, list_builds
from tests.faults.doom import KILLS, Measure, Phase, choose_strikes, kill, measure
from tests.faults.stores import export_all, read_build, settings_of

PHASES = [
    *(Phase("intel.pipeline", name) for name in (
        "_attach_inputs", "build_ledger", "build_accounts", "build_context", "resolve_judgements", "resolve_labels",
        "flag_hygiene", "type_services", "gather_evidence", "build_clusters", "settle_identities",
        "attribute_addresses", "apply_judgements", "build_entity_days", "write_flow_columns", "predict_roles",
        "publish_build",
    )),
    Phase("intel.store.snapshot", "_announce"),  # between the folder's rename and `current`
    Phase("intel.pipeline", "record_identities", call=2), Phase("intel.pipeline", "prune_builds"),
]  # fmt: skip
AFTER_ALL = {
    "_announce",
    "publish_build",
    "record_identities-2",
    "prune_builds",
}  # the new build may be the current one


class Undisturbed(NamedTuple):
    """The store before, the same store after a build that nobody killed, and how much each phase of that did."""

    base: Path
    old: str
    new: str
    tables: dict[str, dict[str, Any]]  # by build
    exports: dict[str, bytes]
    phases: dict[Phase, Measure]


@pytest.fixture(scope="module")
def undisturbed(context: BaseContext, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    store = Path(shutil.copytree(base, folder / "store"))
    phases = measure(context, PHASES, "build", settings_of(store))
    old, new = current_build(base), current_build(store)
    tables = {old: read_build(base), new: read_build(store)}
    return Undisturbed(base, old, new, tables, export_all(store, folder / "exports"), phases)


@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_a_killed_build_leaves_the_old_one_and_the_next_is_whole(
    context: BaseContext, undisturbed: Undisturbed, tmp_path: Path, tried: Callable[..., None], phase: Phase
) -> None:
    strikes = choose_strikes(undisturbed.phases[phase])
    for number, strike in enumerate(strikes, 1):
        store = Path(shutil.copytree(undisturbed.base, tmp_path / "store"))
        kill(context, phase, strike, "build", settings_of(store))
        found = current_build(store)
        assert found == undisturbed.old or (str(phase) in AFTER_ALL and found == undisturbed.new), strike
        assert read_build(store) == undisturbed.tables[found], strike
        assert pipeline.build(settings_of(store)).build_id == current_build(store) == undisturbed.new, strike
        assert read_build(store) == undisturbed.tables[undisturbed.new], strike
        assert {build.build_id for build in list_builds(store)} >= {undisturbed.old, undisturbed.new}, strike
        if number == len(strikes) or KILLS > 3:
            assert export_all(store, tmp_path / "exports") == undisturbed.exports, strike
            shutil.rmtree(tmp_path / "exports")
        if number % 10 == 0:
            print(f"{phase}: killed {number} times, and recovered", flush=True)
        shutil.rmtree(store)
    tried("kills", len(strikes))


def test_the_build_after_next_sweeps_what_a_killed_one_left(
    context: BaseContext, undisturbed: Undisturbed, tmp_path: Path, tried: Callable[..., None]
) -> None:
    store = Path(shutil.copytree(undisturbed.base, tmp_path / "store"))
    for phase in (PHASES[1], Phase("intel.pipeline", "prune_builds")):
        kill(context, phase, choose_strikes(undisturbed.phases[phase], 3)[2], "build", settings_of(store), full=True)
    assert list((store / "snapshots").glob(".*")) != []
    pipeline.build(settings_of(store), full=True)
    assert list((store / "snapshots").glob(".*")) == []
    assert read_build(store) == undisturbed.tables[undisturbed.new]
    tried("kills", 2)
