"""What columns has each table? schema.sql, read once."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from intel.store.connection import Connection

_CREATE = re.compile(r"create table (lake|facts|beliefs)\.(\w+) \((.*?)\n?\);", re.DOTALL)


@cache
def read_tables() -> dict[str, dict[str, str]]:
    """Return {schema: {table: column definitions}} from schema.sql, in the file's order."""
    text = resources.files("intel.store").joinpath("schema.sql").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = {"lake": {}, "facts": {}, "beliefs": {}}
    for schema, table, body in _CREATE.findall(text):
        tables[schema][table] = body
    return tables


def create_tables(con: Connection, schema: str, *, prefix: str | None = None) -> None:
    """Create every table of `schema` (lake, facts or beliefs) in the attached database or schema `prefix`."""
    target = prefix or schema
    for table, body in read_tables()[schema].items():
        con.execute(f"create table {target}.{table} ({body}\n)")  # our own text, no user input
