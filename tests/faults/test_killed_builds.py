"""Is a build that is killed at any point as if it had never begun, and is the next one whole?

INTEL_SOAK says how often each phase is killed; `make soak` sets it to fifty.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from intel import pipeline
from intel.model import JudgementEnd
from intel.store.snapshot import current_build, list_builds, read_manifest
from intel.store.workspace import Workspace
from tests import commands
from tests.faults.doom import KILLS, Measure, Phase, choose_strikes, kill, measure
from tests.faults.stores import export_all, read_build, settings_of
from tests.ledger_files import write_csv

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


# A build that was killed before it showed anything is killed again in the same store, up to so often, before one is let
# through: in a soak, where that saves most of an hour.
IN_A_ROW = 1 if KILLS < 10 else 5


def list_shown(store: Path) -> dict[str, tuple[int, int, int]]:
    """Return which files there are and when each was written, but for what the next build sweeps before it begins."""
    paths = [path for path in store.rglob("*") if path.is_file() and path.suffix != ".lock"]
    seen = {str(path.relative_to(store)): path.stat() for path in paths if ".unfinished/" not in str(path)}
    return {name: (found.st_ino, found.st_size, found.st_mtime_ns) for name, found in seen.items()}


class Undisturbed(NamedTuple):
    """The store before, the same store after a build that nobody killed, and how much each phase of that did."""

    base: Path
    old: str
    new: str
    tables: dict[str, dict[str, Any]]  # by build
    exports: dict[str, bytes]
    phases: dict[Phase, Measure]


def add_day(store: Path, folder: Path) -> None:
    """Few rows, and later than all before: facts are extended."""
    rows = [commands.moved(n, commands.USER, commands.DEPOSIT, n) for n in (27, 28)]
    pipeline.ingest_files(settings_of(store), [write_csv(folder / "day.csv", rows)])


def add_judgement(store: Path, _: Path) -> None:
    """Nothing new in the lake: every part is taken over."""
    ends = [JudgementEnd("ethereum", one, None) for one in (commands.DEPOSIT, commands.USER)]
    with Workspace(store) as workspace:
        workspace.add_judgement(ends[0], ends[1], "different", "two hands", made_by="a test")


def leave(store: Path, _: Path) -> None:
    """The store of the fixture `base` has enough that is new: everything is made anew."""


# what is new -> (what is done to which store, how facts and flow columns come about, the phases of that build)
NEWS: dict[str, tuple[str, Callable[[Path, Path], None], tuple[str, str], list[Phase]]] = {
    "much": ("base", leave, ("made", "made"), [*PHASES, Phase("intel.parts", "empty_facts")]),
    "a day": ("built", add_day, ("extended", "extended"), [
        Phase("intel.parts", "copy_facts"), Phase("intel.parts", "extend_facts"),
        Phase("intel.parts", "extend_flow_columns"),
    ]),
    "a judgement": ("built", add_judgement, ("taken over", "taken over"), [
        Phase("intel.parts", "take_facts"), Phase("intel.parts:Parts", "_take", call=4),  # the evidence, table by table
        Phase("intel.parts", "take_files"), Phase("intel.parts", "keep_predictions"),
    ]),
}  # fmt: skip


@pytest.fixture(scope="module")
def prepare(
    context: BaseContext, base: Path, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Undisturbed]:
    @cache
    def make(news: str) -> Undisturbed:
        folder = tmp_path_factory.mktemp("undisturbed")
        source, change, how, phases = NEWS[news]
        start = Path(shutil.copytree({"base": base, "built": built}[source], folder / "before"))
        change(start, folder)
        store = Path(shutil.copytree(start, folder / "store"))
        measured = measure(context, phases, "build", settings_of(store))
        old, new = current_build(start), current_build(store)
        parts = read_manifest(store, new).parts
        assert (parts["facts"]["how"], parts["flows"]["how"]) == how
        tables = {old: read_build(start), new: read_build(store)}
        return Undisturbed(start, old, new, tables, export_all(store, folder / "exports"), measured)

    return make


@pytest.mark.parametrize(
    ("news", "phase"), [(news, phase) for news, (*_, phases) in NEWS.items() for phase in phases], ids=str
)
def test_a_killed_build_leaves_the_old_one_and_the_next_is_whole(
    context: BaseContext, prepare: Callable[[str], Undisturbed], tmp_path: Path, tried: Callable[..., None], news: str,
    phase: Phase,
) -> None:  # fmt: skip
    undisturbed = prepare(news)
    strikes = choose_strikes(undisturbed.phases[phase])
    store, in_a_row = tmp_path / "store", 0
    for number, strike in enumerate(strikes, 1):
        if not in_a_row:
            shutil.copytree(undisturbed.base, store)
            before = list_shown(store)
        kill(context, phase, strike, "build", settings_of(store))
        in_a_row += 1
        found = current_build(store)
        assert found == undisturbed.old or (str(phase) in AFTER_ALL and found == undisturbed.new), strike
        assert read_build(store) == undisturbed.tables[found], strike
        if number % 10 == 0:
            print(f"{phase}: killed {number} times", flush=True)
        if list_shown(store) == before and in_a_row < IN_A_ROW and number < len(strikes):
            continue
        assert pipeline.build(settings_of(store)).build_id == current_build(store) == undisturbed.new, strike
        assert read_build(store) == undisturbed.tables[undisturbed.new], strike
        assert {build.build_id for build in list_builds(store)} >= {undisturbed.old, undisturbed.new}, strike
        if number == len(strikes) or KILLS > 3:
            assert export_all(store, tmp_path / "exports") == undisturbed.exports, strike
            shutil.rmtree(tmp_path / "exports")
        shutil.rmtree(store)
        in_a_row = 0
    tried("kills", len(strikes))


def test_the_build_after_next_sweeps_what_a_killed_one_left(
    context: BaseContext, prepare: Callable[[str], Undisturbed], tmp_path: Path, tried: Callable[..., None]
) -> None:
    undisturbed = prepare("much")
    store = Path(shutil.copytree(undisturbed.base, tmp_path / "store"))
    for phase in (PHASES[1], Phase("intel.pipeline", "prune_builds")):
        kill(context, phase, choose_strikes(undisturbed.phases[phase], 3)[2], "build", settings_of(store), full=True)
    assert list((store / "snapshots").glob(".*")) != []
    pipeline.build(settings_of(store), full=True)
    assert list((store / "snapshots").glob(".*")) == []
    assert read_build(store) == undisturbed.tables[undisturbed.new]
    tried("kills", 2)
