"""How does a statement written for DuckDB read on Spark?"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

_LAYERS = ("facts", "beliefs")


def to_spark(sql: str) -> str:
    """Translate our SQL: facts.postings becomes the view facts_postings, $name the named parameter :name."""
    return write_spark(sqlglot.parse_one(sql, read="duckdb"))


def write_spark(tree: exp.Expr) -> str:
    """Return the Spark text of a statement that was parsed as DuckDB's; changes the tree.

    Two things read the same on both and mean another: Spark divides decimals as decimals, with few digits, where DuckDB
    divides doubles; and of nothing but nulls Spark counts 0, where DuckDB's count_if is null.
    """
    for division in list(tree.find_all(exp.Div)):
        division.set("this", exp.cast(division.this, "double"))
    for count in list(tree.find_all(exp.CountIf)):
        count.replace(exp.Sum(this=exp.cast(count.this, "bigint")))
    for table in tree.find_all(exp.Table):
        if table.db in _LAYERS:
            table.set("this", exp.to_identifier(f"{table.db}_{table.name}"))
            table.set("db", None)
    return tree.sql(dialect="spark")
