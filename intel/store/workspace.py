"""What do people say? Private labels and judgements, in SQLite (or any database SQLAlchemy knows)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from sqlalchemy import Engine, Select, create_engine, delete, event, false, func, insert, inspect, select, update
from sqlalchemy.engine import Connection as SqlConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from intel.errors import StoreError, UsageError
from intel.model import VERDICTS, Judgement, JudgementEnd
from intel.store.lake import lake_schema


class Base(DeclarativeBase):
    """The workspace's tables."""


class PrivateLabel(Base):
    """A claim that a user added for his own eyes; columns as lake.labels."""

    __tablename__ = "private_labels"

    id: Mapped[int] = mapped_column(primary_key=True)
    chain: Mapped[str] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(index=True)
    entity: Mapped[str | None]
    label: Mapped[str | None]
    category: Mapped[str | None]
    source: Mapped[str]
    source_ref: Mapped[str | None]
    url: Mapped[str | None]
    licence: Mapped[str | None]
    source_date: Mapped[date | None]
    confidence: Mapped[str | None]
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    retracted_at: Mapped[datetime | None]


class JudgementRow(Base):
    """A person's decision about two ends; it is never deleted: taking it back dates the row."""

    __tablename__ = "judgements"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    left_chain: Mapped[str | None]
    left_address: Mapped[str | None] = mapped_column(index=True)
    left_entity: Mapped[str | None]
    right_chain: Mapped[str | None]
    right_address: Mapped[str | None] = mapped_column(index=True)
    right_entity: Mapped[str | None]
    verdict: Mapped[str]
    because: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    revision: Mapped[int]
    revoked_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    revoked_revision: Mapped[int | None]


class Revision(Base):
    """One row per change of the workspace: its number names the state a build was made from."""

    __tablename__ = "revisions"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    made_at: Mapped[datetime]
    what: Mapped[str]


# What a claim says: rows equal in all of it are one claim, however often they are added.
CLAIM_COLUMNS = (
    "chain", "address", "entity", "label", "category", "source", "source_ref", "url", "licence", "source_date",
    "confidence", "valid_from", "valid_to",
)  # fmt: skip


class Workspace:
    """The workspace of one store: STORE/workspace.sqlite, or the database at `url`."""

    def __init__(self, store: Path, url: str | None = None) -> None:
        self.url = url or f"sqlite:///{store / 'workspace.sqlite'}"
        self._is_file = url is None
        self._path = store / "workspace.sqlite"
        self._engine: Engine | None = None

    def revision(self) -> int:
        """Return the number of the last change; 0 for a workspace nobody has written to."""
        if self._is_file and not self._path.exists():
            return 0
        with self._begin() as con:
            return con.execute(select(func.max(Revision.number))).scalar() or 0

    def check(self, *, deep: bool = False) -> int:
        """Return the revision after looking at the database as a whole; StoreError where something is wrong with it."""
        revision = self.revision()
        if revision and self._is_file and deep:
            with self._begin() as con:
                found = [str(row[0]) for row in con.exec_driver_sql("pragma integrity_check(3)")]
            if found != ["ok"]:
                raise StoreError(f"the workspace is damaged: {'; '.join(found)}", "restore it from a backup")
        return revision

    def labels(self) -> pa.Table:
        """Return all private labels in the columns of lake.labels, oldest first."""
        schema = lake_schema("labels")
        if self.revision() == 0:
            return schema.empty_table()
        with self._begin() as con:
            rows = con.execute(_all_labels()).mappings().all()
        return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema=schema)

    def add_labels(self, labels: pa.Table) -> int:
        """Add claims that are not there yet; return how many were new."""
        claims: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for row in labels.to_pylist():
            claims.setdefault(_claim_key(row), row)
        if not claims:
            return 0
        with self._begin() as con:
            # A write, though of nothing: from here on no other process can add what we are about to compare with.
            con.execute(delete(PrivateLabel).where(false()))
            known = {_claim_key(row) for row in con.execute(_all_labels()).mappings()}
            rows = [row for key, row in claims.items() if key not in known]
            if rows:
                con.execute(insert(PrivateLabel), rows)
                self._record(con, f"{len(rows)} private labels added")
        return len(rows)

    def retract_labels(self, *, source: str | None = None, address: str | None = None) -> int:
        """Delete the private labels of a source or address (both given: that match both); return how many."""
        query = delete(PrivateLabel)
        query = query.where(PrivateLabel.source == source) if source else query
        query = query.where(PrivateLabel.address == address) if address else query
        if self.revision() == 0:
            return 0
        with self._begin() as con:
            count = con.execute(query).rowcount
            if count:
                self._record(con, f"{count} private labels removed")
        return count

    def judgements(self) -> list[Judgement]:
        """Return all judgements in the order they were made, those taken back too."""
        if self.revision() == 0:
            return []
        with self._begin() as con:
            rows = con.execute(select(JudgementRow.__table__).order_by(JudgementRow.id)).mappings().all()
        return [_read_judgement(row) for row in rows]

    def add_judgement(
        self, left: JudgementEnd, right: JudgementEnd, verdict: str, because: str, *, made_by: str = ""
    ) -> Judgement:
        """Record a decision about two ends; an older one about the same two is taken back in the same breath.

        Raises UsageError for a verdict that does not exist, an empty reason, and one end given twice.
        """
        if verdict not in VERDICTS:
            raise UsageError(f"{verdict!r} is no verdict", f"one of {', '.join(VERDICTS)}")
        if not because.strip():
            raise UsageError("a judgement needs its reason", "say why: --because TEXT")
        if left == right:
            raise UsageError(f"both ends are {left.text}", "a judgement is about two different ends")
        ends = {**_write_end("left", left), **_write_end("right", right)}
        with self._begin() as con:
            # The revision first: from here on no other process writes until this is done.
            revision, now = self._record(con, f"judged {verdict}: {left.text}, {right.text}")
            live = con.execute(select(JudgementRow.__table__).where(JudgementRow.revoked_at.is_(None))).mappings()
            for known in [_read_judgement(row) for row in live]:
                if {known.left, known.right} == {left, right}:
                    _revoke(con, known.judgement_id, revision, now, made_by)
            values = {"verdict": verdict, "because": because.strip(), "made_by": made_by, "made_at": now}
            row = con.execute(
                insert(JudgementRow).values(revision=revision, **ends, **values).returning(JudgementRow.__table__)
            )
            return _read_judgement(row.mappings().one())

    def revoke_judgement(self, judgement_id: int, *, revoked_by: str = "") -> Judgement:
        """Take a judgement back; its row stays, dated. Raises UsageError where there is none, or was one."""
        with self._begin() as con:
            revision, now = self._record(con, f"judgement {judgement_id} taken back")
            query = select(JudgementRow.__table__).where(JudgementRow.id == judgement_id)
            known = con.execute(query).mappings().one_or_none()
            if known is None:
                raise UsageError(f"there is no judgement {judgement_id}", "`intel judge --list` shows them")
            if known["revoked_at"] is not None:
                day = f"{known['revoked_at']:%Y-%m-%d}"
                raise UsageError(f"judgement {judgement_id} was taken back on {day}", "there is nothing left to do")
            _revoke(con, judgement_id, revision, now, revoked_by)
            return _read_judgement(con.execute(query).mappings().one())

    def close(self) -> None:
        """Release the database."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(self, con: SqlConnection, what: str) -> tuple[int, datetime]:
        """Note a change; return its number and time."""
        now = datetime.now(UTC).replace(tzinfo=None)
        made = con.execute(insert(Revision).values(made_at=now, what=what).returning(Revision.number))
        return made.scalar_one(), now

    @contextmanager
    def _begin(self) -> Iterator[SqlConnection]:
        try:
            if self._engine is None:
                self._engine = _open_engine(self.url, self._path if self._is_file else None)
            with self._engine.begin() as con:
                yield con
        except SQLAlchemyError as error:
            first = str(error).splitlines()[0]
            hint = next((hint for sign, hint in _HINTS if sign in first), "restore it from a backup")
            raise StoreError(f"the workspace cannot be used: {first}", hint) from error


# What SQLite says -> what to do; nothing was written in any of these cases.
_HINTS = (
    ("locked", "another process is writing to it: wait and try again"),
    ("is full", "free some disk space and try again: nothing was written"),
    ("disk I/O", "the disk is full or fails: free some disk space and try again; nothing was written"),
    ("readonly", "it may not be written to: check its permissions"),
    ("unable to open", "check that its folder exists and may be written to"),
)


def _check_columns(con: SqlConnection) -> None:
    """Raise StoreError where a table lacks a column of ours."""
    found = inspect(con)
    for name, table in Base.metadata.tables.items():
        known = {column["name"] for column in found.get_columns(name)}
        missing = [column.name for column in table.columns if column.name not in known]
        if missing:
            raise StoreError(
                f"the workspace's table {name} has no column {missing[0]}: another version made it",
                "bring it up to date: intel workspace migrate (it keeps a copy as it was)",
            )


def _open_engine(url: str, path: Path | None) -> Engine:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    if path is not None:
        event.listen(engine, "connect", _use_wal)
    try:
        # Looking must not wait for a writer: the lock is taken only where a table is missing.
        if not set(Base.metadata.tables) <= set(inspect(engine).get_table_names()):
            with engine.begin() as con:
                if path is not None:  # two processes that both find no tables must not both make them
                    con.exec_driver_sql("begin immediate")
                Base.metadata.create_all(con)
        with engine.connect() as con:
            _check_columns(con)
    except (SQLAlchemyError, StoreError):
        engine.dispose()
        raise
    return engine


def _use_wal(connection: Any, _: object) -> None:
    # Readers are not blocked by the one writer, and a writer waits 5 s for another instead of failing at once.
    connection.execute("pragma busy_timeout = 5000")
    connection.execute("pragma journal_mode = wal")


def _all_labels() -> Select[Any]:
    return select(PrivateLabel.__table__).order_by(PrivateLabel.id)


def _claim_key(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in CLAIM_COLUMNS)


def _write_end(side: str, end: JudgementEnd) -> dict[str, str | None]:
    return {f"{side}_chain": end.chain, f"{side}_address": end.address, f"{side}_entity": end.entity_id}


def _read_judgement(row: Mapping[Any, Any]) -> Judgement:
    left, right = (
        JudgementEnd(row[f"{side}_chain"], row[f"{side}_address"], row[f"{side}_entity"]) for side in ("left", "right")
    )
    rest = {
        name: row[name]
        for name in ("verdict", "because", "made_by", "made_at", "revision", "revoked_by", "revoked_at",
                     "revoked_revision")
    }  # fmt: skip
    return Judgement(row["id"], left, right, **rest)


def _revoke(con: SqlConnection, judgement_id: int, revision: int, now: datetime, who: str) -> None:
    values = {"revoked_by": who, "revoked_at": now, "revoked_revision": revision}
    con.execute(update(JudgementRow).where(JudgementRow.id == judgement_id).values(**values))
