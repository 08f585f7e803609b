"""Do notes, watch-list and cases keep what was written, privately and without touching a build?"""

from __future__ import annotations

from pathlib import Path

import pytest

from intel.errors import UsageError
from intel.store.notes import LONGEST, Notebook
from intel.store.workspace import Workspace


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path)


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with Notebook(tmp_path) as notebook:
        assert (notebook.notes(), notebook.watched(), notebook.cases()) == ([], [], [])
    assert list(tmp_path.iterdir()) == []


def test_notes_are_kept_by_subject_and_case_and_can_be_taken_back(notebook: Notebook) -> None:
    case = notebook.open_case("  The lost coins ", made_by="ann")
    first = notebook.add_note(" seen at the bank\n", subject="0xaa", made_by="ann")
    notebook.add_note("of the case", case_id=case)
    assert [note.text for note in notebook.notes(subject="0xaa")] == ["seen at the bank"]
    assert [note.text for note in notebook.notes(case_id=case)] == ["of the case"]
    assert len(notebook.notes()) == 2
    notebook.remove_note(first.note_id)
    assert notebook.notes(subject="0xaa") == []


@pytest.mark.parametrize(
    ("text", "about"),
    [("  ", {"subject": "0xaa"}), ("x" * (LONGEST + 1), {"subject": "0xaa"}), ("x", {}),
     ("x", {"subject": "0xaa", "case_id": 1})],
)  # fmt: skip
def test_a_note_that_says_nothing_is_refused(notebook: Notebook, text: str, about: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        notebook.add_note(text, **about)  # type: ignore[arg-type]
    assert notebook.notes() == []


def test_watching_twice_is_watching_once(notebook: Notebook) -> None:
    notebook.watch("0xaa")
    notebook.watch("0xbb")
    notebook.watch("0xaa")
    assert notebook.watched() == ["0xaa", "0xbb"]
    notebook.unwatch("0xaa")
    assert notebook.watched() == ["0xbb"]


def test_a_case_gathers_subjects_in_order(notebook: Notebook) -> None:
    number = notebook.open_case("One")
    for subject in ("0xbb", "0xaa", "0xbb"):
        notebook.add_subject(number, subject)
    assert notebook.find_case(number).subjects == ("0xbb", "0xaa")
    notebook.drop_subject(number, "0xbb")
    assert notebook.find_case(number).subjects == ("0xaa",)
    notebook.remove_case(number)
    assert notebook.cases() == []
    with pytest.raises(UsageError, match="there is no case"):
        notebook.add_subject(number, "0xcc")
    with pytest.raises(UsageError, match="no title"):
        notebook.open_case(" ")


def test_a_workspace_from_before_gets_the_tables_and_no_revision(tmp_path: Path) -> None:
    with Workspace(tmp_path) as workspace:
        before = workspace.revision()
    with Notebook(tmp_path) as notebook:
        notebook.add_note("hello", subject="0xaa")
        assert notebook.revision() == before
