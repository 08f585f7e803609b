"""Does a run that is killed at any point leave the old state readable, and does the next run finish the work?"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest

from intel import pipeline
from intel.config import Settings
from intel.export.files import TABLES, export_table
from intel.heuristics import gather
from intel.store import workspace
from intel.store.ddl import read_tables
from intel.store.lake import Lake, LakeRun
from intel.store.reader import Reader
from intel.store.snapshot import current_build
from intel.store.workspace import Workspace
from tests import commands
from tests.ledger_files import lake_rows, write_csv

MORE = [commands.moved(n, commands.ACORN_HOT, f"0x{n:040x}", n) for n in range(20, 26)]


def settings_of(store: Path) -> Settings:
    return Settings(store=store, memory="1GB", threads=1)


@pytest.fixture(scope="module")
def context() -> BaseContext:
    """Children are forked from a server that has our modules loaded, and no threads: quick, and safe to kill."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["intel.pipeline", "intel.export.files", "tests.commands"])
    return server


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a build, and ledger rows and labels in its lake that are newer than that build."""
    folder = tmp_path_factory.mktemp("base")
    settings = settings_of(folder / "store")
    pipeline.ingest_files(settings, [write_csv(folder / "transfers.csv", commands.TRANSFERS)])
    pipeline.add_labels(settings, [write_csv(folder / "labels.csv", commands.LABELS)], source="book")
    pipeline.add_tokens(settings, [write_csv(folder / "tokens.csv", commands.TOKENS)])
    assets = [write_csv(folder / "assets.csv", commands.ASSETS)]
    pipeline.add_prices(settings, [write_csv(folder / "prices.csv", commands.PRICES)], assets=assets)
    pipeline.build(settings)
    pipeline.ingest_files(settings, [write_csv(folder / "more.csv", MORE)])
    mine = [commands.label(commands.SECRET, "Acorn Nuts", "suspect 7", "user")]
    pipeline.add_labels(settings, [write_csv(folder / "mine.csv", mine)], source="me", private=True)
    return folder


@pytest.fixture
def store(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base / "store", tmp_path / "store"))


def read_build(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    with Reader(store) as reader:
        names = [f"{layer}.{table}" for layer in ("facts", "beliefs") for table in read_tables()[layer]]
        return {name: sorted(reader.query(f"from {name}"), key=repr) for name in names}


def export_all(store: Path, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    for name in TABLES:
        export_table(store, name, folder / f"{name}.csv", include_private=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def undisturbed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    store = Path(shutil.copytree(base / "store", folder / "store"))
    pipeline.build(settings_of(store))
    return read_build(store), export_all(store, folder / "exports")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Doomed:
    """A connection that kills its process in place of the given statement; 0 is after the last."""

    def __init__(self, con: Any, number: int) -> None:
        self._con, self._left = con, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def execute(self, *arguments: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            die()
        return self._con.execute(*arguments)


def doom_phase(name: str, number: int) -> None:
    """Let a phase of the build die in place of a statement; 0: when it has done all."""
    real = getattr(pipeline, name)

    def phase(con: Any, *more: Any) -> Any:
        done = real(Doomed(con, number), *more)
        if number == 0:
            die()
        return done

    setattr(pipeline, name, phase)


def doom_call(place: Any, name: str, number: int) -> None:
    """Let a method or function die in place of the given call of it."""
    real, left = getattr(place, name), [number]

    def call(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            die()
        return real(*arguments, **options)

    setattr(place, name, call)


def doom_heuristics(number: int) -> None:
    doom_call(gather, "run_rule", number)


def doom_publication(name: str, number: int) -> None:
    """Die in place of a file's move: only a publication moves files."""
    doom_call(Path, name, number)


def doom_lake(name: str, number: int) -> None:
    doom_call(LakeRun, name, number)


def doom_workspace(name: str, number: int) -> None:
    doom_call(workspace.Workspace, name, number)


def run_doomed(doom: Callable[..., None], point: tuple[Any, ...], job: str, arguments: tuple[Any, ...]) -> None:
    doom(*point)
    getattr(pipeline, job)(*arguments[:-1], **arguments[-1])


def kill(context: BaseContext, doom: Callable[..., None], point: tuple[Any, ...], job: str, *arguments: Any) -> None:
    """Run a job of the pipeline in another process that dies at the point; arguments end with the named ones."""
    child = context.Process(target=run_doomed, args=(doom, point, job, arguments))  # type: ignore[attr-defined]
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL, f"the run ended with {child.exitcode} before it came to {point}"


BUILD_POINTS = [
    (doom_phase, ("build_ledger", 1)), (doom_phase, ("build_ledger", 12)), (doom_phase, ("build_ledger", 0)),
    (doom_phase, ("build_accounts", 1)), (doom_phase, ("build_accounts", 3)), (doom_phase, ("build_accounts", 0)),
    (doom_phase, ("build_context", 1)), (doom_phase, ("build_context", 3)), (doom_phase, ("build_context", 0)),
    (doom_phase, ("resolve_labels", 2)), (doom_heuristics, (2,)), (doom_phase, ("attribute_addresses", 0)),
    (doom_publication, ("replace", 1)), (doom_publication, ("rename", 1)), (doom_publication, ("replace", 2)),
]  # fmt: skip


@pytest.mark.parametrize(("doom", "point"), BUILD_POINTS, ids=[f"{d.__name__}-{p}" for d, p in BUILD_POINTS])
def test_a_killed_build_leaves_the_old_one_and_the_next_is_whole(
    context: BaseContext, store: Path, undisturbed: Any, doom: Callable[..., None], point: tuple[Any, ...]
) -> None:
    old, held = current_build(store), read_build(store)
    kill(context, doom, point, "build", settings_of(store), {})
    assert current_build(store) == old
    assert read_build(store) == held
    assert pipeline.build(settings_of(store)).build_id == current_build(store) != old
    assert read_build(store) == undisturbed[0]
    assert export_all(store, store / "exports") == undisturbed[1]
    assert list((store / "snapshots").glob(".*")) == []  # what the dead left behind was swept


def ledger_of(store: Path) -> list[tuple[Any, ...]]:
    rows = "select tx_hash, position, sender, receiver, value_raw from lake_transfers order by all"
    return lake_rows(store, rows) + lake_rows(store, "from lake_coverage order by all")


@pytest.mark.parametrize("point", [("append", 1), ("replace", 1), ("commit", 1)], ids=str)
def test_a_killed_ingest_shows_nothing_and_the_next_takes_all(
    context: BaseContext, store: Path, tmp_path: Path, point: tuple[Any, ...]
) -> None:
    before = ledger_of(store)
    path = write_csv(
        tmp_path / "new.csv", [commands.moved(n, commands.USER, commands.DEPOSIT, n) for n in range(27, 31)]
    )
    kill(context, doom_lake, point, "ingest_files", settings_of(store), [path], {})
    assert ledger_of(store) == before
    assert pipeline.ingest_files(settings_of(store), [path]).rows == {"transfers": 4}
    after = ledger_of(store)
    assert len(after) > len(before)
    assert pipeline.ingest_files(settings_of(store), [path]).replaced == 4
    assert ledger_of(store) == after
    assert list((store / "tmp").iterdir()) == []


def labels_of(store: Path) -> list[tuple[Any, ...]]:
    return lake_rows(store, "select address, label, source from lake_labels order by all")


@pytest.mark.parametrize("point", [("append", 1), ("commit", 1), ("append", 2)], ids=str)
def test_killed_labels_show_nothing_and_the_next_adds_all(
    context: BaseContext, store: Path, tmp_path: Path, point: tuple[Any, ...]
) -> None:
    before = labels_of(store)
    rows = [commands.label(f"0x{n:040x}", "Acorn Exchange", f"Acorn {n}") for n in range(3)]
    rows.append(commands.label("0xnothing", "Acorn Exchange", "Acorn bad"))  # its issue is a second append
    path = write_csv(tmp_path / "new.csv", rows)
    kill(context, doom_lake, point, "add_labels", settings_of(store), [path], {"source": "new"})
    assert labels_of(store) == before
    assert pipeline.add_labels(settings_of(store), [path], source="new").rows["labels"] == 3
    assert len(labels_of(store)) == len(before) + 3
    assert Lake(store).head().bad_rows == 1  # type: ignore[union-attr]


def test_killed_private_labels_are_all_there_or_none(context: BaseContext, store: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "new.csv", [commands.label(commands.USER, "Acorn Nuts", "suspect 8", "user")])
    named = {"source": "me", "private": True}
    with Workspace(store) as mine:
        before = (mine.revision(), mine.labels())
    kill(context, doom_workspace, ("_record", 1), "add_labels", settings_of(store), [path], named)
    with Workspace(store) as mine:
        assert (mine.revision(), mine.labels()) == before
        assert pipeline.add_labels(settings_of(store), [path], **named).rows == {"private labels": 1}
        assert mine.labels().num_rows == before[1].num_rows + 1
