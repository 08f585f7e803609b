"""Does the SQL of a rule keep to what DuckDB and Spark agree on?"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

_UNSAFE_FUNCTIONS = ("hash", "approx", "reservoir", "histogram", "mode", "median", "quantile")
_UNSAFE_NODES = (
    exp.First, exp.Last, exp.AnyValue, exp.ArgMin, exp.ArgMax, exp.ApproxDistinct, exp.ApproxQuantile, exp.Median,
    exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.Mode, exp.Avg, exp.Stddev, exp.Variance,
)  # fmt: skip
_FLOATS = {exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT}
_HUGE = {exp.DataType.Type.INT128, exp.DataType.Type.UINT128}


def read_parameters(sql: str) -> set[str]:
    """Return the names of the $parameters that the SQL uses."""
    return {found.name for found in sqlglot.parse_one(sql, read="duckdb").find_all(exp.Placeholder, exp.Parameter)}


def find_unsafe(sql: str) -> list[str]:
    """Return the parts of rule SQL on which DuckDB and Spark, or two runs of one engine, may disagree."""
    return [node.sql(dialect="duckdb") for node in _unsafe_nodes(sqlglot.parse_one(sql, read="duckdb"))]


def _unsafe_nodes(tree: exp.Expr) -> Iterator[exp.Expr]:
    for node in tree.walk():
        if (
            isinstance(node, _UNSAFE_NODES)
            or (isinstance(node, exp.Anonymous) and node.name.lower().startswith(_UNSAFE_FUNCTIONS))
            or (isinstance(node, exp.DataType) and node.this in _HUGE)
            or (isinstance(node, exp.Join) and str(node.args.get("method") or "").upper() == "ASOF")
            or (isinstance(node, (exp.ArrayAgg, exp.GroupConcat)) and not node.find_ancestor(exp.ArraySort))
            or (isinstance(node, exp.Sum) and any(cast.to.this in _FLOATS for cast in node.find_all(exp.Cast)))
            or _is_unordered_window(node)
        ):
            yield node


def _is_unordered_window(node: exp.Expr) -> bool:
    """Sums, counts, least and greatest of a whole partition need no order; everything else over a window does."""
    return (
        isinstance(node, exp.Window)
        and node.args.get("order") is None
        and not isinstance(node.this, (exp.Sum, exp.Count, exp.Min, exp.Max))
    )
