"""What does a person write down: notes, whom to watch, cases, graphs? Beside the private labels, and as private.

Nothing here changes a build, so nothing here counts as a revision of the workspace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from intel.errors import UsageError
from intel.store.workspace import Base, Workspace

LONGEST = 20_000  # characters of a note
LONGEST_NAME = 500  # of a case or a graph


class NoteRow(Base):
    """A note about a subject, or about a case; taking it back dates the row."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    subject: Mapped[str | None] = mapped_column(index=True)
    case_id: Mapped[int | None] = mapped_column(index=True)
    text: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class WatchedRow(Base):
    """A subject on the watch-list."""

    __tablename__ = "watched"

    subject: Mapped[str] = mapped_column(primary_key=True)
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class CaseRow(Base):
    """A case: a title under which subjects and notes are gathered."""

    __tablename__ = "cases"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    title: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class CaseSubjectRow(Base):
    """A subject of a case."""

    __tablename__ = "case_subjects"

    case_id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]


class GraphRow(Base):
    """A graph that somebody looked at and named: what makes it again, and where its nodes stand."""

    __tablename__ = "graphs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str]
    document: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class SavedGraph:
    """A saved graph; `document` is the JSON text that was saved."""

    graph_id: int
    name: str
    document: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote; `made_by` is empty where nobody said who."""

    note_id: int
    subject: str | None
    case_id: int | None
    text: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """A case and its subjects, in the order in which they were added."""

    case_id: int
    title: str
    made_by: str
    made_at: datetime
    subjects: tuple[str, ...]


class Notebook(Workspace):
    """Notes, watch-list, cases and graphs of one store's workspace."""

    def notes(self, *, subject: str | None = None, case_id: int | None = None) -> list[Note]:
        """Return the notes about a subject or a case (neither given: all), oldest first."""
        query = select(NoteRow.__table__).where(NoteRow.removed_at.is_(None)).order_by(NoteRow.id)
        query = query if subject is None else query.where(NoteRow.subject == subject)
        query = query if case_id is None else query.where(NoteRow.case_id == case_id)
        names = ("subject", "case_id", "text", "made_by", "made_at")
        return [Note(row["id"], **{name: row[name] for name in names}) for row in self._select(query)]

    def add_note(self, text: str, *, subject: str | None = None, case_id: int | None = None, made_by: str = "") -> Note:
        """Write a note down. Raises UsageError for an empty one, one that is too long, and one about nothing."""
        told = text.strip()
        if not told:
            raise UsageError("the note is empty", "write something first")
        if len(told) > LONGEST:
            raise UsageError(f"the note has {len(told):,} characters", f"a note has {LONGEST:,} at most")
        if (subject is None) == (case_id is None):
            raise UsageError("a note is about one subject or one case", "name one of them")
        now = _now()
        values = {"subject": subject, "case_id": case_id, "text": told, "made_by": made_by, "made_at": now}
        with self._begin() as con:
            number = con.execute(insert(NoteRow).values(**values).returning(NoteRow.id)).scalar_one()
        return Note(number, subject, case_id, told, made_by, now)

    def remove_note(self, note_id: int) -> None:
        """Take a note back; its row stays, dated."""
        with self._begin() as con:
            con.execute(update(NoteRow).where(NoteRow.id == note_id).values(removed_at=_now()))

    def watched(self) -> list[str]:
        """Return the subjects on the watch-list, the latest first."""
        rows = self._select(select(WatchedRow.__table__).order_by(WatchedRow.made_at.desc(), WatchedRow.subject))
        return [row["subject"] for row in rows]

    def watch(self, subject: str, *, made_by: str = "") -> None:
        """Put a subject on the watch-list; once is enough."""
        with self._begin() as con:
            con.execute(delete(WatchedRow).where(WatchedRow.subject == subject))
            con.execute(insert(WatchedRow).values(subject=subject, made_by=made_by, made_at=_now()))

    def unwatch(self, subject: str) -> None:
        """Take a subject off the watch-list."""
        with self._begin() as con:
            con.execute(delete(WatchedRow).where(WatchedRow.subject == subject))

    def cases(self) -> list[Case]:
        """Return all cases, the latest first."""
        members: dict[int, list[str]] = {}
        order = (CaseSubjectRow.case_id, CaseSubjectRow.made_at, CaseSubjectRow.subject)
        for row in self._select(select(CaseSubjectRow.__table__).order_by(*order)):
            members.setdefault(row["case_id"], []).append(row["subject"])
        rows = self._select(select(CaseRow.__table__).where(CaseRow.removed_at.is_(None)).order_by(CaseRow.id.desc()))
        return [
            Case(row["id"], row["title"], row["made_by"], row["made_at"], tuple(members.get(row["id"], ())))
            for row in rows
        ]

    def find_case(self, case_id: int) -> Case:
        """Return one case; raises UsageError where there is none."""
        found = next((case for case in self.cases() if case.case_id == case_id), None)
        if found is None:
            raise UsageError(f"there is no case {case_id}", "the list of cases has those of this store")
        return found

    def open_case(self, title: str, *, made_by: str = "") -> int:
        """Open a case and return its number; raises UsageError without a title."""
        values = {"title": _check_name(title, "the case has no title"), "made_by": made_by, "made_at": _now()}
        with self._begin() as con:
            return int(con.execute(insert(CaseRow).values(**values).returning(CaseRow.id)).scalar_one())

    def remove_case(self, case_id: int) -> None:
        """Put a case away; its rows stay, dated."""
        with self._begin() as con:
            con.execute(update(CaseRow).where(CaseRow.id == case_id).values(removed_at=_now()))

    def add_subject(self, case_id: int, subject: str) -> None:
        """Add a subject to a case; once is enough. Raises UsageError where there is no such case."""
        if subject in self.find_case(case_id).subjects:
            return
        with self._begin() as con:
            con.execute(insert(CaseSubjectRow).values(case_id=case_id, subject=subject, made_at=_now()))

    def drop_subject(self, case_id: int, subject: str) -> None:
        """Take a subject out of a case."""
        with self._begin() as con:
            con.execute(
                delete(CaseSubjectRow).where(CaseSubjectRow.case_id == case_id, CaseSubjectRow.subject == subject)
            )

    def graphs(self) -> list[SavedGraph]:
        """Return the saved graphs, the latest first."""
        query = select(GraphRow.__table__).where(GraphRow.removed_at.is_(None)).order_by(GraphRow.id.desc())
        names = ("name", "document", "made_by", "made_at")
        return [SavedGraph(row["id"], **{name: row[name] for name in names}) for row in self._select(query)]

    def find_graph(self, graph_id: int) -> SavedGraph:
        """Return one saved graph; raises UsageError where there is none."""
        found = next((graph for graph in self.graphs() if graph.graph_id == graph_id), None)
        if found is None:
            raise UsageError(f"there is no saved graph {graph_id}", "the list of graphs has those of this store")
        return found

    def save_graph(self, name: str, document: str, *, made_by: str = "") -> int:
        """Save a graph and return its number; raises UsageError without a name."""
        values = {
            "name": _check_name(name, "the graph has no name"),
            "document": document,
            "made_by": made_by,
            "made_at": _now(),
        }
        with self._begin() as con:
            return int(con.execute(insert(GraphRow).values(**values).returning(GraphRow.id)).scalar_one())

    def remove_graph(self, graph_id: int) -> None:
        """Put a saved graph away; its row stays, dated."""
        with self._begin() as con:
            con.execute(update(GraphRow).where(GraphRow.id == graph_id).values(removed_at=_now()))

    def _select(self, query: Any) -> list[Mapping[str, Any]]:
        if self._is_file and not self._path.exists():
            return []
        with self._begin() as con:
            return [dict(row) for row in con.execute(query).mappings()]


def _check_name(text: str, missing: str) -> str:
    name = text.strip()
    if not name:
        raise UsageError(missing, "give it one")
    if len(name) > LONGEST_NAME:
        raise UsageError(f"the name has {len(name):,} characters", f"a name has {LONGEST_NAME} at most")
    return name


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
