"""Is a backup of the workspace whole while others write, and does an old workspace come up to date without loss?"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from intel.errors import StoreError, UsageError
from intel.model import JudgementEnd
from intel.store.backup import backup_workspace, migrate_workspace
from intel.store.notes import Notebook
from intel.store.workspace import Workspace

LEFT, RIGHT = (JudgementEnd("ethereum", f"0x{number:040x}", None) for number in (1, 2))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Notebook(tmp_path) as workspace:
        workspace.add_judgement(LEFT, RIGHT, "same", "he said so", made_by="ada")
        workspace.add_note("look again", subject="acorn", made_by="ada")
    return tmp_path


def restore(backup: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / "workspace.sqlite").write_bytes(backup.read_bytes())
    return folder


def test_a_backup_says_what_the_workspace_said(store: Path, tmp_path: Path) -> None:
    backup = backup_workspace(store)
    assert backup.parent == store / "backups"
    with Workspace(store) as ours, Notebook(restore(backup, tmp_path / "restored")) as theirs:
        assert theirs.judgements() == ours.judgements()
        assert theirs.revision() == ours.revision()
        assert [note.text for note in theirs.notes()] == ["look again"]
    assert not list(backup.parent.glob("*-wal")) + list(backup.parent.glob(".*"))


def test_a_backup_is_of_one_moment_while_somebody_writes(store: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def judge() -> None:
        with Workspace(store) as workspace:
            number = 10
            while not stop.is_set():
                number += 1
                end = JudgementEnd("ethereum", f"0x{number:040x}", None)
                workspace.add_judgement(LEFT, end, "different", "busy", made_by="bob")

    writer = threading.Thread(target=judge)
    writer.start()
    try:
        backups = [backup_workspace(store) for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    assert len(set(backups)) == 5
    for number, backup in enumerate(backups):
        with Workspace(restore(backup, tmp_path / f"restored {number}")) as workspace:
            # Every judgement is one revision: a torn copy would have one without the other.
            assert len(workspace.judgements()) == workspace.revision()


def test_a_backup_never_takes_the_place_of_a_file(store: Path, tmp_path: Path) -> None:
    there = tmp_path / "precious.sqlite"
    there.write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        backup_workspace(store, there)
    assert there.read_text() == "precious"
    with pytest.raises(StoreError, match="no workspace"):
        backup_workspace(tmp_path / "empty")
    with pytest.raises(StoreError, match="cannot be copied"):
        backup_workspace(store, there / "below a file.sqlite")


def test_an_old_workspace_is_named_so_and_comes_up_to_date(store: Path) -> None:
    with closing(sqlite3.connect(store / "workspace.sqlite")) as old:
        old.execute("alter table judgements drop column revoked_by")
        old.execute("drop table notes")
        old.commit()
    with Workspace(store) as workspace, pytest.raises(StoreError) as caught:
        workspace.judgements()
    assert "intel workspace migrate" in caught.value.hint
    added, backup = migrate_workspace(store)
    # The table came back empty as soon as the workspace was opened; the column had to be asked for.
    assert added == ["judgements.revoked_by"]
    assert backup is not None
    with Notebook(store) as workspace:
        assert [(one.left, one.right, one.because) for one in workspace.judgements()] == [(LEFT, RIGHT, "he said so")]
        assert workspace.notes() == []
    assert migrate_workspace(store) == ([], None)
    with closing(sqlite3.connect(backup)) as before:
        assert "revoked_by" not in [row[1] for row in before.execute("pragma table_info(judgements)")]


def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "workspace.sqlite"
    path.write_text("a letter" * 1000)
    with pytest.raises(StoreError, match="cannot be read"):
        migrate_workspace(tmp_path)
    assert path.read_text() == "a letter" * 1000
