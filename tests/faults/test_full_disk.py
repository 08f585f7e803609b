"""Does a disk that is full, at any moment, cost nothing but the run, and is what to do said?"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from intel import pipeline
from intel.errors import IntelError, StoreError
from intel.export import neo4j_csv
from intel.export.files import export_table
from intel.export.neo4j_rows import PARTS
from intel.model import JudgementEnd
from intel.store.lake import Lake
from intel.store.notes import Notebook
from intel.store.reader import Reader
from intel.store.snapshot import current_build
from intel.store.workspace import Workspace
from tests import commands
from tests.faults.doom import Phase, enter_phase
from tests.faults.stores import ledger_of, read_build, settings_of
from tests.ledger_files import write_csv

ROOM = "400m"


class Disk:
    """A small file system of its own, whose free room can be taken away and given back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mount(f"size={ROOM}", "-t", "tmpfs", "tmpfs")

    def _mount(self, options: str, *more: str) -> None:
        subprocess.run(["mount", "-o", options, *more, str(self.path)], check=True, capture_output=True)

    def leave(self, free: int) -> None:
        """Leave so many bytes free."""
        used = shutil.disk_usage(self.path).used
        self._mount(f"remount,size={-(-(used + free) // 4096) * 4096}")

    def clear(self) -> None:
        self._mount(f"remount,size={ROOM}")

    def unmount(self) -> None:
        for _ in range(20):
            if subprocess.run(["umount", str(self.path)], check=False, capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root alone")
    try:
        disk = Disk(tmp_path_factory.mktemp("disk"))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here: {error}")
    yield disk
    disk.unmount()


@pytest.fixture
def store(disk: Disk, base: Path) -> Iterator[Path]:
    """A copy of the store on the small disk, which is left empty again."""
    yield Path(shutil.copytree(base, disk.path / "store"))
    disk.clear()
    for path in disk.path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def check_told(error: IntelError) -> None:
    """The message says what is full, and the hint what to do."""
    assert any(sign in error.message for sign in ("No space left", "full", "disk I/O error")), error.message
    assert "free some" in error.hint or "disk full" in error.hint, error.hint


# Where the disk becomes full in a build: (phase, act) and the bytes that are left then.
BUILD_POINTS = [
    ("build_ledger", 1, 0), ("build_accounts", 2, 300_000), ("gather_evidence", 5, 0), ("build_clusters", 1, 0),
    ("build_entity_days", 1, 0), ("write_flow_columns", 1, 8192), ("publish_build", 1, 0),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "act", "free"), BUILD_POINTS, ids=[point[0] for point in BUILD_POINTS])
def test_a_build_on_a_disk_that_becomes_full_leaves_the_old_one(
    disk: Disk, store: Path, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None],
    phase: str, act: int, free: int,
) -> None:  # fmt: skip
    old, left = current_build(store), [act]

    def fill() -> None:
        left[0] -= 1
        if left[0] == 0:
            disk.leave(free)

    monkeypatch.setattr(pipeline, phase, getattr(pipeline, phase))  # so that it is put back
    enter_phase(Phase("intel.pipeline", phase), fill, lambda: None, lambda: None)
    with pytest.raises(StoreError) as caught:
        pipeline.build(settings_of(store))
    check_told(caught.value)
    monkeypatch.undo()
    assert current_build(store) == old
    with Reader(store) as reader:
        assert reader.query("select count(*) from facts.transfers") != []
    assert list((store / "snapshots").glob(".*")) == []
    disk.clear()
    assert pipeline.build(settings_of(store)).build_id == current_build(store) != old
    assert read_build(store) == whole
    tried("full disks")


@pytest.mark.parametrize("free", [0, 40_000, 300_000, 800_000])
def test_an_ingest_on_a_full_disk_shows_nothing_and_the_next_takes_all(
    disk: Disk, store: Path, tmp_path: Path, tried: Callable[..., None], free: int
) -> None:
    moved = [commands.moved(n % 28, commands.USER, f"0x{n:040x}", n) | {"position": n} for n in range(3000)]
    path = write_csv(tmp_path / "new.csv", moved)
    before, head = ledger_of(store), Lake(store).head()
    disk.leave(free)
    with pytest.raises(StoreError) as caught:
        pipeline.ingest_files(settings_of(store), [path])
    check_told(caught.value)
    assert Lake(store).head() == head
    assert ledger_of(store) == before
    disk.clear()
    assert pipeline.ingest_files(settings_of(store), [path]).rows == {"transfers": 3000}
    assert len(ledger_of(store)) > len(before) + 2900
    assert list((store / "tmp").iterdir()) == []
    tried("full disks")


def test_what_is_written_to_the_workspace_of_a_full_disk_is_there_or_not(
    disk: Disk, store: Path, tried: Callable[..., None]
) -> None:
    left, right = (JudgementEnd("ethereum", one, None) for one in (commands.USER, commands.DEPOSIT))
    with Workspace(store) as workspace:
        before = (workspace.revision(), workspace.labels(), workspace.judgements())
    long = "because " * 2000
    disk.leave(0)
    acts: list[Callable[[], Any]] = [
        lambda: workspace.add_judgement(left, right, "different", long),
        lambda: workspace.add_labels(before[1].set_column(3, "label", [[long] * before[1].num_rows])),
        lambda: Notebook(store).add_note(long, subject=commands.USER),
        lambda: Notebook(store).save_graph("mine", long * 20),
    ]
    for act in acts:
        with pytest.raises(StoreError) as caught:
            act()
        check_told(caught.value)
        tried("full disks")
    workspace.close()
    disk.clear()
    with Workspace(store) as workspace:
        assert (workspace.revision(), workspace.labels(), workspace.judgements()) == before
        assert workspace.add_judgement(left, right, "different", long).judgement_id > 0
    with Notebook(store) as notebook:
        assert (notebook.notes(), notebook.graphs()) == ([], [])


def test_an_export_to_a_full_disk_leaves_the_older_file(disk: Disk, store: Path, tried: Callable[..., None]) -> None:
    pipeline.build(settings_of(store))
    out = disk.path / "exports"
    out.mkdir()
    for table in ("labels", "attributions", "entities"):
        for ending in ("csv", "parquet", "jsonl"):
            path = out / f"{table}.{ending}"
            path.write_text("older", encoding="utf-8")
            disk.leave(0)
            with pytest.raises(IntelError) as caught:
                export_table(store, table, path)
            check_told(caught.value)
            assert path.read_text(encoding="utf-8") == "older"
            disk.clear()
            tried("full disks")
    assert len(list(out.iterdir())) == 9  # and nothing half-written beside them


def test_files_for_neo4j_on_a_full_disk_are_repaired_by_the_next_run(
    disk: Disk, store: Path, tmp_path: Path, tried: Callable[..., None]
) -> None:
    pipeline.build(settings_of(store))
    with Reader(store) as reader:
        neo4j_csv.write_csv_files(reader, tmp_path / "whole")
        for free in (0, 8192, 16384):
            disk.leave(free)
            with pytest.raises(IntelError) as caught:
                neo4j_csv.write_csv_files(reader, disk.path / "csv")
            check_told(caught.value)
            disk.clear()
            tried("full disks")
        (disk.path / "csv" / f"{PARTS[0].name}.csv.part").write_text("of one that was killed", encoding="utf-8")
        neo4j_csv.write_csv_files(reader, disk.path / "csv")
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (disk.path / "csv").iterdir()) == names
    for name in names:
        if name != "build.csv":  # it holds the time
            assert (disk.path / "csv" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
