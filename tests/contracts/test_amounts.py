"""Are amounts exact in every table?"""

from __future__ import annotations

import pytest

from intel.store import open_connection
from intel.store.ddl import create_tables, read_tables
from tests.tree import ROOT

EXACT_TYPES = {"_raw": "DECIMAL(38,0)", "_micro_usd": "BIGINT"}

Columns = dict[tuple[str, str, str], str]


@pytest.fixture(scope="module")
def columns() -> Columns:
    """Types as DuckDB understands them, by (schema, table, column): every table is really made."""
    con = open_connection(memory="1GB")
    for schema in read_tables():
        con.execute(f"create schema {schema}")
        create_tables(con, schema)
    rows = con.execute("select schema_name, table_name, column_name, data_type from duckdb_columns()").fetchall()
    con.close()
    return {(schema, table, column): kind for schema, table, column, kind in rows if schema in read_tables()}


def test_every_table_of_the_file_is_made(columns: Columns) -> None:
    declared = (ROOT / "intel/store/schema.sql").read_text(encoding="utf-8").count("create table ")
    assert len({(schema, table) for schema, table, _ in columns}) == declared > 0


def test_no_column_is_a_hugeint(columns: Columns) -> None:
    assert not [column for column, kind in columns.items() if "HUGEINT" in kind]


@pytest.mark.parametrize("suffix", EXACT_TYPES)
def test_amount_columns_are_exact(columns: Columns, suffix: str) -> None:
    amounts = {column: kind for column, kind in columns.items() if column[2].endswith(suffix)}
    assert amounts
    assert {column: kind for column, kind in amounts.items() if kind != EXACT_TYPES[suffix]} == {}


def test_exports_never_cast_amounts_away() -> None:
    """A cast in an export is where an exact amount becomes a float for whoever reads the file."""
    casts = [
        f"{path.name}: {word}"
        for path in sorted((ROOT / "intel/export").rglob("*.py"))
        for word in ("hugeint", "::double", "::float", "as double", "as float")
        if word in path.read_text(encoding="utf-8").lower()
    ]
    assert not casts
