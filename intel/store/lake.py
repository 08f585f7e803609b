"""What did the sources say? Delta tables on disk, of which only the newest commit row's versions are visible."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError

from intel.errors import StoreError, UsageError
from intel.store.connection import Connection, DatabaseError, is_read_error, open_connection
from intel.store.ddl import read_tables

# Level 1: on ledger rows zstd's higher levels cost twice the time for 4 % of the size.
_WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=1_000_000)
# Log files are kept: a version a commit row names must stay readable until `prune` retires it.
_CONFIGURATION = {"delta.checkpointInterval": "50"}
BUILD_COMMAND = "build"  # of the commits in which builds add to the identity ledger: no source said anything new
# What the Delta library takes for something else in a path, however it is written.
_UNUSABLE = re.compile(r"[\[\]]|%[0-9A-Fa-f]{2}")
_DAMAGED = "restore the store from a backup, or ingest again into a new store"


@dataclass(frozen=True, slots=True)
class Commit:
    """One finished run: the Delta version of every table that belongs to this state of the lake."""

    commit_id: str
    recorded_at: datetime
    command: str
    run_id: str
    tables: Mapping[str, int]
    rows: int
    bad_rows: int


@cache
def lake_types(table: str) -> dict[str, str]:
    """Return {column: DuckDB type} of a lake table, as schema.sql defines it."""
    con = open_connection(threads=1)
    con.execute(f"create table t ({read_tables()['lake'][table]}\n)")
    types = {str(row[0]): str(row[1]) for row in con.execute("describe t").fetchall()}
    con.close()
    return types


@cache
def lake_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a lake table, as schema.sql defines it."""
    con = open_connection(threads=1)
    con.execute(f"create table t ({read_tables()['lake'][table]}\n)")
    schema = con.table("t").to_arrow_table().schema
    con.close()
    return schema


class Lake:
    """The lake of one store. Reading is free of locks; writing goes through `write()`, one run at a time."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.path = store / "lake"
        if _UNUSABLE.search(str(self.path.absolute())):
            raise UsageError(
                f"a store cannot lie at {store}", "name a folder without [, ] and % followed by two digits"
            )

    def head(self) -> Commit | None:
        """Return the newest commit, or None for an empty lake."""
        commits = self.commits()
        return commits[-1] if commits else None

    def source_head(self) -> Commit | None:
        """Return the newest commit in which a source said something; builds add to the identity ledger alone."""
        return next((one for one in reversed(self.commits()) if one.command != BUILD_COMMAND), None)

    def commits(self) -> list[Commit]:
        """Return all commits, oldest first."""
        if not self.exists("commits"):
            return []
        files = self._list_files("commits", None)
        con = open_connection(threads=1)
        with name_damage("lake table commits"):
            con.read_parquet(_escape_globs(files)).to_view("commits")
            rows = con.execute(
                "select commit_id, recorded_at, command, run_id, tables, rows, bad_rows from commits "
                "order by recorded_at, commit_id"
            ).fetchall()
        con.close()
        return [Commit(a, b, c, d, json.loads(tables), good, bad) for a, b, c, d, tables, good, bad in rows]

    def files(self, table: str, commit: Commit | None) -> list[str]:
        """Return the Parquet files of `table` as of `commit` (sorted by age); none where it was empty then."""
        version = commit.tables.get(table) if commit else None
        return self._list_files(table, version) if version is not None else []

    def _list_files(self, table: str, version: int | None) -> list[str]:
        # The library gives URIs, in which a space is %20; our tables have no folders inside, so the name will do.
        return [str(self.path / table / Path(uri).name) for uri in self.open_table(table, version).file_uris()]

    def attach(self, con: Connection, commit: Commit | None, *, prefix: str = "lake_") -> None:
        """Create one temporary view per lake table on `con`, named prefix + table, all as of `commit`."""
        for table in read_tables()["lake"]:
            self.attach_table(con, table, commit.tables.get(table) if commit else None, prefix=prefix)

    def attach_table(self, con: Connection, table: str, version: int | None, *, prefix: str = "lake_") -> None:
        """Create the view of one table at one version; an empty table with its columns where there are no rows."""
        name = f"{prefix}{table}"
        files = self._list_files(table, version) if version is not None else []
        if files:
            with name_damage(f"lake table {table}"):
                con.read_parquet(_escape_globs(files)).to_view(f"{name}_files", replace=True)
            con.execute(f"create or replace temp view {name} as select * from {name}_files")
        else:
            con.execute(f"create or replace temp table {name}_empty ({read_tables()['lake'][table]}\n)")
            con.execute(f"create or replace temp view {name} as select * from {name}_empty")

    @contextmanager
    def write(self, command: str) -> Iterator[LakeRun]:
        """Open the one writing run; its data becomes visible by `LakeRun.commit` alone.

        What a killed run left behind is rolled back first, so that it can never become visible by accident.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with lock_file(self.store / "lake.lock", "another ingest is writing to this store"):
            head = self.head()
            self._roll_back(head)
            yield LakeRun(self, command, dict(head.tables) if head else {})

    def _roll_back(self, head: Commit | None) -> None:
        """Bring every table back to the version the newest commit names."""
        for table in read_tables()["lake"]:
            wanted = head.tables.get(table) if head else None
            if table == "commits" or (wanted is None and not self.exists(table)):
                continue
            delta = self.open_table(table)
            if wanted is None:
                if delta.file_uris():
                    delta.delete()
            elif delta.version() != wanted and sorted(self._list_files(table, None)) != sorted(self.files(table, head)):
                delta.restore(wanted)

    def exists(self, table: str) -> bool:
        """Say whether a table was ever written."""
        return DeltaTable.is_deltatable(self.locate(table))

    def locate(self, table: str) -> str:
        """Return a table's URI: a plain path with % or # in it would mean another one to the Delta library."""
        return (self.path / table).absolute().as_uri()

    def open_table(self, table: str, version: int | None = None) -> DeltaTable:
        """Open a table at a version, the newest (committed or not) by default; StoreError when it is damaged."""
        try:
            return DeltaTable(self.locate(table), version=version)
        except DeltaError as error:
            raise StoreError(f"lake table {table} cannot be read: {error}", _DAMAGED) from error


@dataclass
class LakeRun:
    """A writing run: rows go in by `append` and `replace`; `commit` makes all of them visible at once."""

    lake: Lake
    command: str
    tables: dict[str, int]
    run_id: str = field(default_factory=lambda: uuid4().hex[:12])
    committed: Commit | None = None

    def append(self, table: str, rows: pa.RecordBatchReader | pa.Table) -> None:
        """Add rows to a table; the schema must be the table's own."""
        self._write(table, rows, None, "append")

    def replace(self, table: str, rows: pa.RecordBatchReader | pa.Table, predicate: str | None = None) -> None:
        """Replace the rows matching `predicate` (all of them when None) by `rows`, which must match it too.

        `predicate` is built by callers from `quote_literal` and our own column names only.
        """
        self._write(table, rows, predicate, "overwrite")

    def _write(self, table: str, rows: pa.RecordBatchReader | pa.Table, predicate: str | None, mode: str) -> None:
        path = self.lake.locate(table)
        fresh = not self.lake.exists(table)
        settings = {"writer_properties": _WRITER, "configuration": _CONFIGURATION if fresh else None}
        with _name_failures(table):
            if mode == "append" or fresh:
                write_deltalake(path, rows, mode="append", **settings)  # type: ignore[call-overload]
            else:
                write_deltalake(path, rows, mode="overwrite", predicate=predicate, **settings)  # type: ignore[call-overload]
        self.tables[table] = self.lake.open_table(table).version()

    def commit(self, *, rows: int, bad_rows: int) -> Commit:
        """Make everything this run wrote visible; the last act of a run."""
        now = datetime.now(UTC).replace(tzinfo=None)
        head = self.lake.head()
        if head is not None:  # the newest commit counts: a clock that was set back must not hide this one
            now = max(now, head.recorded_at + timedelta(microseconds=1))
        commit = Commit(uuid4().hex[:16], now, self.command, self.run_id, self.tables, rows, bad_rows)
        row = {
            "commit_id": [commit.commit_id], "recorded_at": [now], "command": [self.command], "run_id": [self.run_id],
            "tables": [json.dumps(self.tables, sort_keys=True)], "rows": [rows], "bad_rows": [bad_rows],
        }  # fmt: skip
        with _name_failures("commits"):
            write_deltalake(
                self.lake.locate("commits"), pa.table(row, schema=lake_schema("commits")), mode="append",
                writer_properties=_WRITER,
            )  # fmt: skip
        self.committed = commit
        return commit


def _escape_globs(files: list[str]) -> list[str]:
    return [re.sub(r"([*?])", r"[\1]", file) for file in files]


def quote_literal(text: str) -> str:
    """Return `text` as a SQL string literal for a Delta predicate, which takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def name_damage(what: str) -> Iterator[None]:
    """Turn DuckDB's failure to read a damaged or missing file of the lake into a StoreError that names `what`."""
    try:
        yield
    except DatabaseError as error:
        if not is_read_error(error):
            raise
        raise StoreError(f"{what} cannot be read: {str(error).splitlines()[0]}", _DAMAGED) from error


@contextmanager
def _name_failures(table: str) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError) as error:
        hint = "free disk space or check permissions, then run the same command again: nothing became visible"
        raise StoreError(f"lake table {table} could not be written: {error}", hint) from error


@contextmanager
def lock_file(path: Path, busy: str) -> Iterator[None]:
    """Hold an exclusive lock on `path`, or fail at once with `busy`; the kernel frees it when a process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise StoreError(f"{busy} ({path})", "wait until it has finished, then try again") from error
    try:
        yield
    finally:
        os.close(handle)
