"""Is a run that is killed while it takes data in as if it had never begun, and does the next one take all?

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
from intel.store.lake import Lake
from intel.store.workspace import Workspace
from tests import commands
from tests.faults.doom import Measure, Phase, choose_strikes, kill, measure
from tests.faults.stores import labels_of, ledger_of, settings_of
from tests.ledger_files import write_csv

COMMIT = Phase("intel.store.lake:LakeRun", "commit")
PRIVATE = Phase("intel.store.workspace:Workspace", "add_labels")


def private_of(store: Path) -> tuple[int, list[Any]]:
    with Workspace(store) as mine:
        rows = mine.labels().drop_columns(["recorded_at"]).to_pylist()
        return mine.revision(), rows


class Job(NamedTuple):
    """What is done with which file, in which phases, and what it changes."""

    function: str
    file: str
    options: dict[str, Any]
    phases: tuple[Phase, ...]
    read: Callable[[Path], Any]


def phases_of(*names: str) -> tuple[Phase, ...]:
    return tuple(Phase("intel.pipeline", name) for name in names)


JOBS = {
    "ingest": Job(
        "ingest_files", "new.csv", {},
        (*phases_of("open_files", "stage_rows", "settle_rows", "load_rows", "load_coverage", "load_issues"), COMMIT),
        ledger_of,
    ),
    "labels": Job(
        "add_labels", "labels.csv", {"source": "new"}, (*phases_of("read_labels", "load_issues"), COMMIT), labels_of
    ),
    "private": Job("add_labels", "private.csv", {"source": "me", "private": True}, (PRIVATE,), private_of),
}  # fmt: skip


class Undisturbed(NamedTuple):
    """A folder with files, and per job: the state before, after it, and how much its phases do."""

    folder: Path
    before: dict[str, Any]
    after: dict[str, Any]
    phases: dict[str, dict[Phase, Measure]]


@pytest.fixture(scope="module")
def undisturbed(context: BaseContext, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("inputs")
    # Rows of blocks that are there already, so that some are replaced, and a bad one, so that there is an issue.
    moved = [commands.moved(n, commands.USER, commands.DEPOSIT, n) for n in range(24, 31)]
    claims = [commands.label(f"0x{n:040x}", "Acorn Exchange", f"Acorn {n}") for n in range(3)]
    write_csv(folder / "new.csv", [*moved, {**moved[-1], "sender": "0xnothing"}])
    write_csv(folder / "labels.csv", [*claims, commands.label("0xnothing", "Acorn Exchange", "Acorn bad")])
    write_csv(folder / "private.csv", [commands.label(commands.USER, "Acorn Nuts", "suspect 8", "user")])
    found = Undisturbed(folder, {}, {}, {})
    for name, job in JOBS.items():
        store = Path(shutil.copytree(base, folder / name))
        found.before[name] = job.read(base)
        files = [folder / job.file]
        found.phases[name] = measure(context, job.phases, job.function, settings_of(store), files, **job.options)
        found.after[name] = job.read(store)
        assert found.after[name] != found.before[name]
    return found


@pytest.mark.parametrize(
    ("name", "phase"),
    [(name, phase) for name, job in JOBS.items() for phase in job.phases],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_a_killed_run_shows_nothing_and_the_next_takes_all(
    context: BaseContext,
    base: Path,
    undisturbed: Undisturbed,
    tmp_path: Path,
    tried: Callable[..., None],
    name: str,
    phase: Phase,
) -> None:
    job, before, after = JOBS[name], undisturbed.before[name], undisturbed.after[name]
    arguments = [undisturbed.folder / job.file]
    strikes = choose_strikes(undisturbed.phases[name][phase])
    for number, strike in enumerate(strikes, 1):
        store = Path(shutil.copytree(base, tmp_path / "store"))
        head = Lake(store).head()
        kill(context, phase, strike, job.function, settings_of(store), arguments, **job.options)
        # The last act of a commit makes everything visible: killed after it, the run has done its work.
        is_last = phase in (COMMIT, PRIVATE)
        assert job.read(store) == before or (is_last and job.read(store) == after), strike
        assert is_last or Lake(store).head() == head, strike
        report = getattr(pipeline, job.function)(settings_of(store), arguments, **job.options)
        assert job.read(store) == after, strike
        assert report.bad_rows == (0 if name == "private" else 1), strike
        assert list((store / "tmp").iterdir()) == [], strike
        if number % 10 == 0:
            print(f"{name}, {phase}: killed {number} times, and recovered", flush=True)
        shutil.rmtree(store)
    tried("kills", len(strikes))
