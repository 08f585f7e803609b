"""Blocks of several sources unite into maximal runs."""

from __future__ import annotations

from intel.etl.seen import SHOWN_RANGES, summarise_coverage
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables

HEAD = "insert into facts.coverage (dataset, chain, kind, source, first_block, last_block) values "


def open_facts(values: str) -> Connection:
    con = open_connection()
    con.execute("attach ':memory:' as facts")
    create_tables(con, "facts")
    con.execute(HEAD + values)
    summarise_coverage(con)
    return con


def test_ranges_of_all_sources_unite_where_they_meet_or_overlap() -> None:
    rows = [(5, 9, "a"), (1, 3, "b"), (4, 4, "a"), (12, 20, "a"), (13, 15, "b")]
    values = ", ".join(f"('transfers', 'x', 'native', '{source}', {first}, {last})" for first, last, source in rows)
    con = open_facts(values)
    found = con.execute(
        "select sources, first_block, last_block, blocks, holes, ranges from facts.coverage_summary"
    ).fetchall()
    assert found == [(["a", "b"], 1, 20, 18, 1, [[1, 9], [12, 20]])]


def test_a_long_range_that_holds_shorter_ones_is_one_run() -> None:
    con = open_facts("('transfers', 'x', 'native', 'a', 0, 100), ('transfers', 'x', 'native', 'b', 3, 5), "
                     "('transfers', 'x', 'native', 'b', 50, 60)")  # fmt: skip
    assert con.execute("select blocks, holes, ranges from facts.coverage_summary").fetchall() == [(101, 0, [[0, 100]])]


def test_only_the_first_ranges_are_named_and_all_are_counted() -> None:
    many = SHOWN_RANGES + 30
    con = open_facts(", ".join(f"('transfers', 'x', 'native', 'a', {2 * n}, {2 * n})" for n in range(many)))
    blocks, holes, ranges = con.execute("select blocks, holes, ranges from facts.coverage_summary").fetchall()[0]
    assert (blocks, holes) == (many, many - 1)
    assert ranges == [[2 * n, 2 * n] for n in range(SHOWN_RANGES)]


def test_kinds_and_rows_without_blocks_stay_apart() -> None:
    con = open_facts("('transfers', 'x', 'native', 'a', 0, 1), ('transfers', 'x', 'erc20', 'a', 2, 3), "
                     "('edges', 'x', 'any', 'a', null, null)")  # fmt: skip
    found = con.execute("select kind, blocks from facts.coverage_summary order by kind").fetchall()
    assert found == [("erc20", 2), ("native", 2)]
