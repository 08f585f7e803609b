"""How do we talk to DuckDB? One place that opens connections, so settings and types are the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb

from intel.errors import StoreError


class Answer(Protocol):
    """What a statement returned."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""

    def fetchone(self) -> Any:
        """Return the first row, or None."""


class Engine(Protocol):
    """What runs SQL that DuckDB and Spark read alike: a DuckDB connection, or a cluster (`spark_engine`)."""

    def execute(self, query: str, parameters: object = None) -> Answer:
        """Run a statement with named parameters; of an insert, the answer is how many rows came in."""

    def register(self, view_name: str, python_object: object) -> object:
        """Make an Arrow table readable under a name."""

    def unregister(self, view_name: str) -> object:
        """Forget that name."""


Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error
MemoryExceeded = duckdb.OutOfMemoryException
# What a damaged file raises; a mistake in our own SQL must not pass for one.
_READ_ERRORS = (duckdb.IOException, duckdb.InvalidInputException, duckdb.DataError, duckdb.SerializationException)
# What the machine could not do, whatever the statement: memory, disk, and a database that gave up after either.
_MACHINE_ERRORS = (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.FatalException)
_FULL = "No space left on device"


def is_read_error(error: duckdb.Error) -> bool:
    """Say whether a file could not be read: nonsense in the middle of a Parquet file raises no more than an Error."""
    return isinstance(error, _READ_ERRORS) or type(error) is duckdb.Error


def is_machine_error(error: duckdb.Error) -> bool:
    """Say whether memory or disk failed, not the statement: the same one may work another time."""
    return isinstance(error, _MACHINE_ERRORS)


def is_disk_full(error: Exception) -> bool:
    """Say whether there was no room for what had to be written."""
    return _FULL in str(error)


@contextmanager
def name_failures(what: str, state: str) -> Iterator[None]:
    """Turn a lack of memory or disk, and damaged files, into a StoreError: `what` stopped, and `state` holds now.

    A mistake in our own SQL passes as it is.
    """
    try:
        yield
    except (DatabaseError, OSError) as error:
        first = str(error).splitlines()[0]
        if is_disk_full(error):
            hint = f"free some space, then run the same command again; {state}"
            raise StoreError(f"{what} stopped, the disk is full: {first}", hint) from error
        if isinstance(error, MemoryExceeded):
            raise StoreError(f"{what} needs more memory than allowed: {first}", f"raise --memory; {state}") from error
        if isinstance(error, DatabaseError) and not (is_read_error(error) or is_machine_error(error)):
            raise
        hint = f"a file may be damaged (`intel doctor --deep` finds it) or closed to us; {state}"
        raise StoreError(f"{what} stopped: {first}", hint) from error


def open_connection(*, memory: str = "8GB", threads: int = 2, spill: Path | None = None) -> Connection:
    """Open an in-memory DuckDB whose work may spill to `spill`; stores are attached to it by path.

    Extensions are never installed or loaded from outside, and results keep insertion order only where asked.
    """
    con = duckdb.connect(":memory:")
    con.execute("set memory_limit = ?", [memory])
    con.execute("set threads = ?", [threads])
    con.execute("set timezone = 'UTC'")
    con.execute("set autoinstall_known_extensions = false")
    con.execute("set enable_progress_bar = false")
    if spill is not None:
        spill.mkdir(parents=True, exist_ok=True)
        con.execute("set temp_directory = ?", [str(spill)])
    return con


@contextmanager
def lend_memory(con: Connection, needed: int) -> Iterator[None]:
    """Let Python hold `needed` bytes of what DuckDB may hold while the block runs; a quarter always stays DuckDB's.

    DuckDB keeps every page it has read until its limit is reached: arrays beside it would come on top.
    """
    limit = str(con.execute("select current_setting('memory_limit')").fetchall()[0][0])
    number, unit = limit.split()
    allowed = int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))
    con.execute("set memory_limit = ?", [f"{max(allowed - needed, allowed // 4)}B"])
    try:
        yield
    finally:
        con.execute("set memory_limit = ?", [f"{number}{unit}"])
