"""How do we talk to DuckDB? One place that opens connections, so settings and types are the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import duckdb


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


def is_read_error(error: duckdb.Error) -> bool:
    """Say whether a file could not be read: nonsense in the middle of a Parquet file raises no more than an Error."""
    return isinstance(error, _READ_ERRORS) or type(error) is duckdb.Error


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
