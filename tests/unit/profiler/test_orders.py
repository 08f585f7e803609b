"""Do rows that are put in order here, where sorting costs less, stand as the statement for many rows puts them?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.profiler import counterparties, evidence
from intel.store import open_connection

ids = st.none() | st.integers(0, 3)
words = st.none() | st.sampled_from(["", "a", "B", "ä", "\U0001f4a9", "\uffff", "a b"])
amounts = st.integers(0, 3) | st.integers(0, 2**63 - 1)  # two of them do not fit into 64 bits
EVIDENCE = {
    "weight_bits": (pa.float64(), st.none() | st.sampled_from([0.0, -0.0, 1.5, -1.5, 3.0])),
    "left_id": (pa.int64(), ids), "right_id": (pa.int64(), ids),
    **{name: (pa.string(), words) for name in ("heuristic", "event", "right_entity", "relation", "visibility")},
}  # fmt: skip
PARTIES = {
    "is_venue": (pa.bool_(), st.just(False)), "in_micro_usd": (pa.int64(), amounts),
    "out_micro_usd": (pa.int64(), amounts), "transfers": (pa.int64(), st.integers(0, 2)),
    "first_id": (pa.int64(), st.integers(0, 5)),
}  # fmt: skip
CASES = {
    "evidence": (EVIDENCE, evidence.EVIDENCE_ORDER, evidence._rank_evidence),
    "counterparties": (PARTIES, counterparties._LARGEST_FIRST, counterparties._rank_party),
}


@pytest.mark.parametrize("name", CASES)
def test_python_and_sql_put_rows_in_one_order(name: str) -> None:
    columns, order, rank = CASES[name]
    check_order(columns, order, rank)


def check_order(
    columns: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]], order: str, rank: Callable[[dict[str, Any]], Any]
) -> None:
    """What orders a row must tell all of it, but for rows equal in every column that is compared."""
    schema = pa.schema([(column, kind) for column, (kind, _) in columns.items()])
    con = open_connection(threads=1)

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.lists(st.fixed_dictionaries({column: drawn for column, (_, drawn) in columns.items()}), max_size=25))
    def check(rows: list[dict[str, Any]]) -> None:
        con.register("v", pa.Table.from_pylist(rows, schema=schema))
        told = con.execute(f"select * from v order by {order}").fetchall()
        con.unregister("v")
        names = list(columns)
        assert sorted(rows, key=rank) == [dict(zip(names, row, strict=True)) for row in told]

    check()
    con.close()
