"""What columns and indexes has each table? schema.sql, read once."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from intel.store.connection import Connection

_CREATE = re.compile(r"create table (lake|facts|beliefs)\.(\w+) \((.*?)\n?\);", re.DOTALL)
_INDEX = re.compile(r"^create index (\w+) on (facts|beliefs)\.(\w+) \((\w+)\);", re.MULTILINE)


@cache
def read_tables() -> dict[str, dict[str, str]]:
    """Return {schema: {table: column definitions}} from schema.sql, in the file's order."""
    tables: dict[str, dict[str, str]] = {"lake": {}, "facts": {}, "beliefs": {}}
    for schema, table, body in _CREATE.findall(_read_schema()):
        tables[schema][table] = body
    return tables


def create_tables(con: Connection, schema: str, *, prefix: str | None = None) -> None:
    """Create every table of `schema` (lake, facts or beliefs) in the attached database or schema `prefix`."""
    target = prefix or schema
    for table, body in read_tables()[schema].items():
        con.execute(f"create table {target}.{table} ({body}\n)")  # our own text, no user input


def create_indexes(con: Connection, schema: str) -> None:
    """Create every index of `schema` (facts or beliefs) that the attached database of that name lacks."""
    for name, layer, table, column in _INDEX.findall(_read_schema()):
        if layer == schema:
            con.execute(f"create index if not exists {name} on {layer}.{table} ({column})")


def drop_indexes(con: Connection, schema: str) -> None:
    """Drop every index of `schema`: what is about to be filled anew is filled without them in half of the time."""
    for name, layer, _, _ in _INDEX.findall(_read_schema()):
        if layer == schema:
            con.execute(f"drop index if exists {layer}.{name}")


def _read_schema() -> str:
    return resources.files("intel.store").joinpath("schema.sql").read_text(encoding="utf-8")
