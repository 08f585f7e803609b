"""How does a statement written for DuckDB read on Spark?"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

_LAYERS = ("facts", "beliefs")


def to_spark(sql: str) -> str:
    """Translate our SQL: facts.postings becomes the view facts_postings, $name the named parameter :name."""
    return write_spark(sqlglot.parse_one(sql, read="duckdb"))


def write_spark(tree: exp.Expr) -> str:
    """Return the Spark text of a statement that was parsed as DuckDB's; changes the tree."""
    for table in tree.find_all(exp.Table):
        if table.db in _LAYERS:
            table.set("this", exp.to_identifier(f"{table.db}_{table.name}"))
            table.set("db", None)
    return tree.sql(dialect="spark")
