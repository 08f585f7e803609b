"""Does work go on beside other work: two builds, readers while builds come and go, a workspace somebody holds?"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest

from intel import pipeline
from intel.errors import StoreBusy, StoreError
from intel.model import JudgementEnd
from intel.store import reader as reader_module
from intel.store.reader import Reader
from intel.store.snapshot import current_build, list_builds, prune_builds
from intel.store.workspace import Workspace
from tests import commands
from tests.commands import run
from tests.faults.stores import read_build, settings_of


def build_and_tell(store: Path, start: Any, told: Pipe) -> None:
    """Run in a process of its own."""
    start.wait(60)
    try:
        told.send(pipeline.build(settings_of(store), full=True).build_id)
    except StoreBusy as error:
        told.send(error)


def test_of_builds_at_once_one_is_made_and_the_others_are_told(
    context: BaseContext, base: Path, whole: dict[str, Any], tmp_path: Path, tried: Callable[..., None]
) -> None:
    store = Path(shutil.copytree(base, tmp_path / "store"))
    start, pipes = context.Event(), [context.Pipe(duplex=False) for _ in range(3)]
    children = [context.Process(target=build_and_tell, args=(store, start, its)) for _, its in pipes]  # type: ignore[attr-defined]
    for child in children:
        child.start()
    start.set()
    answers = [mine.recv() for mine, _ in pipes]
    for child in children:
        child.join(60)
    made = [answer for answer in answers if isinstance(answer, str)]
    assert made
    assert set(made) == {current_build(store)}
    for refused in [answer for answer in answers if not isinstance(answer, str)]:
        assert "another build is running" in str(refused)
        assert "wait" in str(refused)
    assert read_build(store) == whole
    assert list((store / "snapshots").glob(".*")) == []
    tried("builds at once", len(answers))


def read_on(store: Path, stop: Any, told: Pipe) -> None:
    """Open the store, ask, and close it, again and again, in a process of its own."""
    seen: dict[str, set[Any]] = {}
    times = 0
    while not stop.is_set() or times < 5:
        with Reader(store, memory="500MB", threads=1) as reader:
            asked = [
                reader.query("select count(*), max(block_number) from facts.transfers"),
                reader.query("select count(*) from beliefs.attributions"),
            ]
            seen.setdefault(reader.build_id, set()).add(repr(asked))
        times += 1
    told.send((times, seen))


def test_readers_see_one_build_each_while_builds_are_published_and_removed(
    context: BaseContext, built: Path, tmp_path: Path, tried: Callable[..., None]
) -> None:
    store = Path(shutil.copytree(built, tmp_path / "store"))
    stop, pipes = context.Event(), [context.Pipe(duplex=False) for _ in range(2)]
    children = [context.Process(target=read_on, args=(store, stop, its)) for _, its in pipes]  # type: ignore[attr-defined]
    for child in children:
        child.start()
    made = [current_build(store)]
    for number in range(3):
        with Workspace(store) as workspace:
            ends = [JudgementEnd("ethereum", one, None) for one in (commands.USER, f"0x{number + 20:040x}")]
            workspace.add_judgement(ends[0], ends[1], "different", f"reason {number}")
        made.append(pipeline.build(settings_of(store)).build_id)
        prune_builds(store, 1)
        assert [build.build_id for build in list_builds(store)] == made[-1:]
    stop.set()
    answers = [mine.recv() for mine, _ in pipes]
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    for times, seen in answers:
        assert times >= 5
        assert set(seen) <= set(made)
        assert all(len(answers) == 1 for answers in seen.values()), seen
    tried("reads beside builds", sum(times for times, _ in answers))


def test_a_reader_that_was_about_to_open_a_removed_build_opens_the_newer_one(
    base: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    store = Path(shutil.copytree(base, tmp_path / "store"))
    old, real = current_build(store), reader_module.snapshot_path

    def find(place: Path, build_id: str) -> Path:
        found = real(place, build_id)
        if build_id == old and found.is_dir():  # between the look at `current` and the opening of what it names
            monkeypatch.setattr(reader_module, "snapshot_path", real)  # the build reads too
            pipeline.build(settings_of(store))
            prune_builds(store, 1)
        return found

    monkeypatch.setattr(reader_module, "snapshot_path", find)
    with Reader(store) as reader:
        assert reader.build_id == current_build(built)
    with pytest.raises(StoreError, match=old):
        Reader(store, old)
    tried("reads beside builds")


def hold(path: Path, ready: Any, release: Any, statement: str) -> None:
    """Lock the workspace in a process of its own."""
    con = sqlite3.connect(path, isolation_level=None)
    con.execute(statement)
    con.execute("begin exclusive")
    ready.set()
    release.wait(60)
    con.close()


@pytest.mark.parametrize("statement", ["pragma locking_mode = normal", "pragma locking_mode = exclusive"])
def test_a_workspace_that_another_process_holds_is_told_and_free_when_it_dies(
    context: BaseContext, built: Path, whole: dict[str, Any], tmp_path: Path, tried: Callable[..., None], statement: str
) -> None:
    store = Path(shutil.copytree(built, tmp_path / "store"))
    with Workspace(store) as workspace:
        before = (workspace.revision(), workspace.judgements())
    ready, release = context.Event(), context.Event()
    path = store / "workspace.sqlite"
    child = context.Process(target=hold, args=(path, ready, release, statement))  # type: ignore[attr-defined]
    child.start()
    try:
        assert ready.wait(60)
        begun = time.monotonic()
        answer = run("judge", commands.USER, commands.DEPOSIT, "same", "--because", "x", store=store)
        assert time.monotonic() - begun < 60
        assert answer.code == 1, answer.out
        assert "locked" in answer.err
        assert "wait and try again" in answer.err
        assert run("profile", commands.USER, store=store).code == 0  # who reads is not held up
    finally:
        child.kill()
        child.join(60)
    with Workspace(store) as workspace:
        assert (workspace.revision(), workspace.judgements()) == before
    assert run("judge", commands.USER, commands.DEPOSIT, "same", "--because", "x", store=store).code == 0
    assert read_build(store) == whole
    tried("locked workspaces")
