"""How does everybody read a finished build? One read-only DuckDB per process and build, a cursor per thread."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import duckdb

from intel.errors import NoSnapshot, StoreError
from intel.store.connection import Connection, open_connection
from intel.store.ddl import read_tables
from intel.store.snapshot import Manifest, current_build, read_manifest, snapshot_path

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
Params = Sequence[object] | dict[str, object] | None

_LAYERS = ("facts", "beliefs")
_BATCH_ROWS = 100_000

# One DuckDB per snapshot directory and process: connecting twice would double memory and caches.
_open: dict[Path, tuple[Connection, int]] = {}
_open_lock = threading.Lock()

# Tables that hold for a whole build lie in the database that all cursors of its connection share.
_shared: dict[Path, set[str]] = {}
_share_lock = threading.RLock()


class Reader:
    """A consistent, read-only view of one build; threads may share it, each gets its own cursor.

    `build_id` None means the current build. `memory` and `threads` hold for the whole process and build: the first
    reader decides. Raises NoSnapshot for a store without a finished build, StoreError for a damaged one.
    """

    def __init__(
        self, store: Path | str, build_id: str | None = None, *, memory: str = "4GB", threads: int = 2
    ) -> None:
        self.store = Path(store)
        while True:
            self.build_id = _find_build(self.store, build_id)
            self.path = snapshot_path(self.store, self.build_id).absolute()
            try:
                self.manifest = read_manifest(self.store, self.build_id)
                _check_sizes(self.path, self.manifest)
                self._connection = _acquire(self.path, memory, threads)
                break
            except StoreError:  # removed while we were about to open it, because a newer one is current?
                if build_id is not None or current_build(self.store) == self.build_id:
                    raise
        self._begin(_shared.setdefault(self.path, set()))

    def _begin(self, shared: set[str]) -> None:
        """Begin with nothing kept; `shared` names the tables that hold for the whole build."""
        self._shared = shared
        self._local = threading.local()
        self._known: dict[object, Any] = {}
        self._parsed: dict[str, duckdb.Statement] = {}  # our own texts, a few hundred: values are parameters
        self._lock = threading.Lock()
        self._closed = False

    def query(self, sql: str, params: Params = None) -> list[tuple[Any, ...]]:
        """Run one statement on this thread's cursor and return all rows."""
        with _name_failures():
            return self._cursor().execute(self._parse(sql), params or []).fetchall()

    def arrow(self, sql: str, params: Params = None) -> pa.Table:
        """Run one query and return all rows as an Arrow table."""
        with _name_failures():
            return self._cursor().sql(self._parse(sql), params=params or []).to_arrow_table()

    def records(self, sql: str, params: Params = None) -> list[dict[str, Any]]:
        """Run one query and return its rows by column name; quicker than Arrow for a few rows."""
        with _name_failures():
            cursor = self._cursor().execute(self._parse(sql), params or [])
            rows = cursor.fetchall()
            names = [str(column[0]) for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def batches(self, sql: str, params: Params = None, *, rows: int = _BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Run one query and yield its rows in Arrow batches; the thread's cursor is taken until the last one."""
        with _name_failures():
            stream: pa.RecordBatchReader = self._cursor().sql(sql, params=params or []).to_arrow_reader(rows)
            yield from stream

    def load(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table the temporary table `name` (one of our own names) of this thread's cursor."""
        cursor = self._cursor()
        cursor.register("loaded_arrow", table)
        cursor.execute(f"create or replace temp table {name} as select * from loaded_arrow")
        cursor.unregister("loaded_arrow")

    def prepare(self, slot: str, key: object, make: Callable[[], None]) -> None:
        """Call `make`, which fills temporary tables of this thread, unless `slot` was last made for the same key."""
        self.recall(slot, key, make)

    def recall(self, slot: str, key: object, compute: Callable[[], T]) -> T:
        """Return what `compute` returned when this thread last asked in `slot`, if that was for the same key."""
        kept: dict[str, tuple[object, Any]] = self._local.__dict__.setdefault("kept", {})
        if slot not in kept or kept[slot][0] != key:
            kept.pop(slot, None)
            kept[slot] = (key, compute())
        value: T = kept[slot][1]
        return value

    def share(self, name: str, make: Callable[[], None]) -> None:
        """Call `make`, which fills the table `name` for all threads, unless that was done: facts of the build."""
        if name in self._shared:
            return
        with _share_lock:
            if name not in self._shared:
                make()
                self._shared.add(name)

    def once(self, key: object, compute: Callable[[], T]) -> T:
        """Return what `compute` returned the first time for `key`: facts of the build, which never change."""
        if key not in self._known:
            value = compute()
            with self._lock:
                self._known.setdefault(key, value)
        known: T = self._known[key]
        return known

    def has_rows(self, table: str) -> bool:
        """Say whether a table of ours holds anything: most questions about an empty one need no query."""
        return self.once(("has rows", table), lambda: bool(self.query(f"select 1 from {table} limit 1")))

    def aside(self, compute: Callable[[], T]) -> Future[T]:
        """Begin `compute` on the second thread of this one, with a cursor of its own; return its answer to come.

        One after the other: small questions are planning, which DuckDB does on one core.
        """
        second: ThreadPoolExecutor | None = getattr(self._local, "second", None)
        if second is None:
            self._local.second = second = ThreadPoolExecutor(1, "reader-aside")
        return second.submit(compute)

    def fork(self) -> Reader:
        """Return a second reader of the same build, for a stream that must not share this thread's cursor."""
        return Reader(self.store, self.build_id)

    def close(self) -> None:
        """Let go of the build; the last reader of the process closes its files."""
        if not self._closed:
            self._closed = True
            self._local = threading.local()
            _release(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_closed", True) is False:
            self.close()

    def _parse(self, sql: str) -> duckdb.Statement:
        """Return the one statement of a text, read once: of a small question, reading it is a fifth of the work."""
        if sql not in self._parsed:
            [self._parsed[sql]] = self._cursor().extract_statements(sql)
        return self._parsed[sql]

    def _cursor(self) -> Connection:
        if self._closed:
            raise StoreError(f"build {self.build_id} was closed", "open the store again: intel.open(...)")
        cursor: Connection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._connection.cursor()
            cursor.execute("set timezone = 'UTC'")
            self._local.cursor = cursor
        return cursor


@contextmanager
def _name_failures() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise StoreError(f"the query needs more memory than allowed: {error}", "raise --memory") from error
    except duckdb.IOException as error:
        raise StoreError(f"the snapshot cannot be read: {error}", "make it anew: intel build --full") from error


def _find_build(store: Path, build_id: str | None) -> str:
    if not store.is_dir():
        raise NoSnapshot(f"there is no store at {store}", "point --store or INTEL_STORE at one, or run `intel demo`")
    if build_id is None:
        return current_build(store)
    if not re.fullmatch(r"\w[\w.-]*", build_id) or not snapshot_path(store, build_id).is_dir():
        raise NoSnapshot(f"there is no build {build_id!r} in {store}", "`intel snapshots list` names the builds")
    return build_id


def _check_sizes(folder: Path, manifest: Manifest) -> None:
    """Raise StoreError where a file was cut short: DuckDB may open it, and stumble over it later."""
    for name, told in manifest.files.items():
        path, size = folder / name, int(str(told["bytes"]))
        if path.is_file() and path.stat().st_size < size:
            raise StoreError(
                f"{name} of build {manifest.build_id} was cut short: {path.stat().st_size:,} of {size:,} bytes",
                "make it anew: intel build --full",
            )


def _acquire(path: Path, memory: str, threads: int) -> Connection:
    with _open_lock:
        con, users = _open.get(path) or (_attach(path, memory, threads), 0)
        _open[path] = (con, users + 1)
        return con


def _release(path: Path) -> None:
    with _open_lock:
        con, users = _open[path]
        if users > 1:
            _open[path] = (con, users - 1)
        else:
            del _open[path]
            _shared.pop(path, None)
            con.close()


def _attach(path: Path, memory: str, threads: int) -> Connection:
    con = open_connection(memory=memory, threads=threads)
    # DuckDB makes and removes this folder itself, and only when a query spills.
    con.execute("set temp_directory = ?", [str(Path(tempfile.gettempdir()) / f"intel-reader-{os.getpid()}")])
    for layer in _LAYERS:
        file = path / f"{layer}.duckdb"
        if not file.is_file():
            raise StoreError(f"build {path.name} lacks {file.name}: {file}", "make it anew: intel build --full")
        try:
            # ATTACH takes no parameters; a quote in the path is doubled.
            con.execute(f"attach '{str(file).replace(chr(39), chr(39) * 2)}' as {layer} (read_only)")
        except duckdb.Error as error:
            raise StoreError(f"{file} cannot be opened: {error}", "make it anew: intel build --full") from error
        _check_schema(con, layer, path.name)
    return con


def _check_schema(con: Connection, layer: str, build_id: str) -> None:
    rows = con.execute(
        "select table_name, column_name from duckdb_columns() where database_name = ? and not internal", [layer]
    ).fetchall()
    found = {(str(table), str(column)) for table, column in rows}
    missing = sorted(_wanted_columns(layer) - found)
    if missing:
        table, column = missing[0]
        raise StoreError(
            f"build {build_id} has another schema: {layer}.{table}.{column} is missing ({len(missing)} in all)",
            "it was made by another version: run `intel build`",
        )


@cache
def _wanted_columns(layer: str) -> frozenset[tuple[str, str]]:
    wanted = set()
    for table, body in read_tables()[layer].items():
        plain = re.sub(r"\([^)]*\)", "", re.sub(r"--[^\n]*", "", body))
        wanted |= {(table, part.split()[0]) for part in plain.split(",") if part.strip()}
    return frozenset(wanted)
