"""What did the sources say? Delta tables on disk, of which only the newest commit row's versions are visible."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError

from intel.config import bound_uploads
from intel.errors import StoreBusy, StoreError, UsageError
from intel.store.connection import Connection, DatabaseError, is_read_error, open_connection
from intel.store.ddl import read_tables
from intel.store.tables import OpenTables

# Level 1: on ledger rows zstd's higher levels cost twice the time for 4 % of the size.
WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=1_000_000)
bound_uploads()
# The library tidies up no log by itself: a version that the newest commit names would go with an unfinished run.
_CONFIGURATION = {
    "delta.checkpointInterval": "50", "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 1 days", "delta.deletedFileRetentionDuration": "interval 1 days",
}  # fmt: skip
BUILD_COMMAND = "build"  # of the commits in which builds add to the identity ledger: no source said anything new
COMPACT_COMMAND = "compact"  # of those that put the same rows into fewer files
PATIENCE = 60.0  # seconds for which a writer waits until another one has finished
_LOOK_AGAIN = 0.05  # seconds between two looks at a lock
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
        self.opened = OpenTables(self.path)
        self._told: dict[str, list[Commit]] = {}  # the commits of each file of the table that holds them
        self._commits: list[Commit] = []
        self._commits_version = -1

    def head(self) -> Commit | None:
        """Return the newest commit, or None for an empty lake."""
        commits = self.commits()
        return commits[-1] if commits else None

    def source_head(self) -> Commit | None:
        """Return the newest commit in which a source said something, with the tables as they stand now.

        Builds add to the identity ledger alone, and compaction changes no row: neither makes a build outdated.
        """
        commits = self.commits()
        told = next((one for one in reversed(commits) if one.command not in (BUILD_COMMAND, COMPACT_COMMAND)), None)
        return replace(told, tables=commits[-1].tables) if told else None

    def name_contents(self, commit: Commit) -> dict[str, int]:
        """Return of each table the first version that had the rows it has as of `commit`.

        That is the version which the commit names, unless compaction only put the rows into other files since.
        """
        first: dict[tuple[str, int], int] = {}
        before: Mapping[str, int] = {}
        for one in self.commits():
            for table, version in one.tables.items():
                is_same = one.command == COMPACT_COMMAND and table in before
                first.setdefault((table, version), first[table, before[table]] if is_same else version)
            before = one.tables
        return {table: first.get((table, version), version) for table, version in commit.tables.items()}

    def is_only_added_to(self, table: str, since: int, version: int) -> bool:
        """Say whether from version `since` to `version` rows were only added, or put into other files.

        By the table's log: where that was tidied up meanwhile, nobody knows.
        """
        if since == version:
            return True
        log = {int(entry["version"]): entry for entry in self.open_table(table, version).history()}
        return since < version and all(_adds_only(log.get(step, {})) for step in range(since + 1, version + 1))

    def commits(self, own: Commit | None = None) -> list[Commit]:
        """Return all commits, oldest first; what was read before, or just written as `own`, is not read again."""
        if self._commits and self.opened.is_unchanged("commits", self._commits_version):
            return list(self._commits)
        if not self.exists("commits"):
            return []
        self._commits_version = self.opened.open_newest("commits").version()
        files = self.opened.list_files("commits", self._commits_version)
        new = [file for file in files if file not in self._told]
        if own is not None and len(new) == 1:
            self._told[new[0]], new = [own], []
        self._told = {file: self._told[file] for file in files if file in self._told} | self._read_commits(new)
        told = [commit for file in files for commit in self._told[file]]
        self._commits = sorted(told, key=lambda one: (one.recorded_at, one.commit_id))
        return list(self._commits)

    def _read_commits(self, files: list[str]) -> dict[str, list[Commit]]:
        found: dict[str, list[Commit]] = {file: [] for file in files}
        if not files:
            return found
        names = {Path(file).name: file for file in files}
        con = open_connection(threads=1)
        with name_damage("lake table commits"):
            con.read_parquet(_escape_globs(files), filename=True).to_view("commits")
            rows = con.execute(
                "select filename, commit_id, recorded_at, command, run_id, tables, rows, bad_rows from commits"
            ).fetchall()
        con.close()
        for file, a, b, c, d, tables, good, bad in rows:
            found[names[Path(file).name]].append(Commit(a, b, c, d, json.loads(tables), good, bad))
        return found

    def files(self, table: str, commit: Commit | None) -> list[str]:
        """Return the Parquet files of `table` as of `commit` (sorted by age); none where it was empty then."""
        version = commit.tables.get(table) if commit else None
        return self.opened.list_files(table, version) if version is not None else []

    def attach(self, con: Connection, commit: Commit | None, *, prefix: str = "lake_") -> None:
        """Create one temporary view per lake table on `con`, named prefix + table, all as of `commit`."""
        for table in read_tables()["lake"]:
            self.attach_table(con, table, commit.tables.get(table) if commit else None, prefix=prefix)

    def attach_table(self, con: Connection, table: str, version: int | None, *, prefix: str = "lake_") -> None:
        """Create the view of one table at one version; an empty table with its columns where there are no rows."""
        name = f"{prefix}{table}"
        files = self.opened.list_files(table, version) if version is not None else []
        if files:
            with name_damage(f"lake table {table}"):
                found = con.read_parquet(_escape_globs(files))
                _check_columns(table, found.columns)
                found.to_view(f"{name}_files", replace=True)
            con.execute(f"create or replace temp view {name} as select * from {name}_files")
        else:
            con.execute(f"create or replace temp table {name}_empty ({read_tables()['lake'][table]}\n)")
            con.execute(f"create or replace temp view {name} as select * from {name}_empty")

    @contextmanager
    def write(self, command: str, *, patience: float = PATIENCE) -> Iterator[LakeRun]:
        """Open the one writing run; its data becomes visible by `LakeRun.commit` alone.

        Waits `patience` seconds for another writer, then raises StoreBusy. What a killed run left behind is rolled
        back first, so that it can never become visible by accident.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with lock_file(self.store / "lake.lock", "another command is writing to this store", patience):
            head = self.head()
            self._roll_back(head)
            yield LakeRun(self, command, dict(head.tables) if head else {})

    def _roll_back(self, head: Commit | None) -> None:
        """Bring every table back to the version the newest commit names."""
        for table in read_tables()["lake"]:
            wanted = head.tables.get(table) if head else None
            if wanted is not None and self.opened.is_newest(table, wanted):
                continue
            if table == "commits" or (wanted is None and not self.exists(table)):
                continue
            delta = self.open_table(table)
            if wanted is None:
                if delta.file_uris():
                    delta.delete()
            elif sorted(self.opened.list_files(table)) != sorted(self.files(table, head)):
                delta.restore(wanted)

    def exists(self, table: str) -> bool:
        """Say whether a table was ever written."""
        return self.opened.exists(table)

    def open_table(self, table: str, version: int | None = None) -> DeltaTable:
        """Open a table at a version, the newest (committed or not) by default; StoreError when it is damaged."""
        return self.opened.open(table, version)


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
        self.tables[table] = self._write(table, rows, None, "append")

    def replace(self, table: str, rows: pa.RecordBatchReader | pa.Table, predicate: str | None = None) -> None:
        """Replace the rows matching `predicate` (all of them when None) by `rows`, which must match it too.

        `predicate` is built by callers from `quote_literal` and our own column names only.
        """
        self.tables[table] = self._write(table, rows, predicate, "overwrite")

    def _write(self, table: str, rows: pa.RecordBatchReader | pa.Table, predicate: str | None, mode: str) -> int:
        opened = self.lake.opened
        settings: dict[str, Any] = {"writer_properties": WRITER}
        with name_failures(table):
            if table not in self.tables and not opened.exists(table):
                write_deltalake(opened.locate(table), rows, mode="append", configuration=_CONFIGURATION, **settings)
                delta = opened.open_newest(table)
            else:
                delta = opened.open_newest(table)
                settings |= {"predicate": predicate} if mode == "overwrite" else {}
                write_deltalake(delta, rows, mode=mode, **settings)  # type: ignore[call-overload]
        return opened.keep(table, delta).version()

    def commit(self, *, rows: int, bad_rows: int) -> Commit:
        """Make everything this run wrote visible; the last act of a run."""
        now = datetime.now(UTC).replace(tzinfo=None)
        head = self.lake.head()
        if head is not None:  # the newest commit counts: a clock that was set back must not hide this one
            now = max(now, head.recorded_at + timedelta(microseconds=1))
        commit = Commit(uuid4().hex[:16], now, self.command, self.run_id, dict(self.tables), rows, bad_rows)
        row = {
            "commit_id": [commit.commit_id], "recorded_at": [now], "command": [self.command], "run_id": [self.run_id],
            "tables": [json.dumps(self.tables, sort_keys=True)], "rows": [rows], "bad_rows": [bad_rows],
        }  # fmt: skip
        self._write("commits", pa.table(row, schema=lake_schema("commits")), None, "append")
        self.lake.commits(own=commit)
        self.committed = commit
        return commit


def _check_columns(table: str, found: Sequence[str]) -> None:
    missing = sorted(set(lake_types(table)) - set(found))
    if missing:
        raise StoreError(
            f"lake table {table} has no column {missing[0]} ({len(missing)} are missing): another version wrote it",
            "ingest again into a new store, or use the version that made this one",
        )


def _adds_only(entry: Mapping[str, Any]) -> bool:
    operation, settings = entry.get("operation"), entry.get("operationParameters", {})
    return operation in {"OPTIMIZE", "VACUUM START", "VACUUM END"} or (
        operation == "WRITE" and settings.get("mode") == "Append"
    )


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
def name_failures(table: str) -> Iterator[None]:
    """Turn the Delta library's failure to write a table into a StoreError that names it."""
    try:
        yield
    except (DeltaError, OSError) as error:
        hint = "free disk space or check permissions, then run the same command again: nothing became visible"
        raise StoreError(f"lake table {table} could not be written: {error}", hint) from error


@contextmanager
def lock_file(path: Path, busy: str, patience: float = 0.0) -> Iterator[None]:
    """Hold an exclusive lock on `path`; StoreBusy with the words `busy` where `patience` seconds do not bring it.

    The kernel frees it when a process dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _await_lock(handle, f"{busy} ({path})", patience)
        yield
    finally:
        os.close(handle)


def _await_lock(handle: int, busy: str, patience: float) -> None:
    start = time.monotonic()
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            waited = time.monotonic() - start
            if waited >= patience:
                after = f", {waited:,.0f} seconds long" if patience else ""
                raise StoreBusy(f"{busy}{after}", "wait until it has finished, then try again") from error
        time.sleep(_LOOK_AGAIN)
