"""Do rows that are put in order here, where sorting costs less, stand as the statement for many rows puts them?"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.profiler.counterparties import LARGEST_FIRST, _rank_party
from intel.store import open_connection

amounts = st.integers(0, 3) | st.integers(0, 2**63 - 1)  # two of them do not fit into 64 bits
PARTIES = {
    "is_venue": (pa.bool_(), st.just(False)), "in_micro_usd": (pa.int64(), amounts),
    "out_micro_usd": (pa.int64(), amounts), "transfers": (pa.int64(), st.integers(0, 2)),
    "first_id": (pa.int64(), st.integers(0, 5)),
}  # fmt: skip
DRAWN = {column: drawn for column, (_, drawn) in PARTIES.items()}
SCHEMA = pa.schema([(column, kind) for column, (kind, _) in PARTIES.items()])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.fixed_dictionaries(DRAWN), max_size=25))
def test_python_and_sql_put_counterparties_in_one_order(rows: list[dict[str, Any]]) -> None:
    con = open_connection(threads=1)
    con.register("v", pa.Table.from_pylist(rows, schema=SCHEMA))
    told = con.execute(f"select * from v order by {LARGEST_FIRST}").fetchall()
    con.close()
    assert sorted(rows, key=_rank_party) == [dict(zip(DRAWN, row, strict=True)) for row in told]
