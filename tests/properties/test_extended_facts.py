"""Are facts and columns to which later rows were added those that a whole build makes, and is all else refused?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intel.etl import vocabulary
from intel.etl.accounts import build_accounts
from intel.etl.extend import TIMED, describe_ledger, extend_facts
from intel.etl.flow_columns import extend_flow_columns, write_flow_columns
from intel.etl.ledger import build_context, build_ledger
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables, read_tables
from intel.store.flows import open_flows
from intel.store.lake import lake_schema
from tests.lakes import BIG, Row, moved
from tests.ledger_files import address, tx

START = datetime(2021, 5, 1)  # noqa: DTZ001 (the lake's times are UTC without saying so)
TOKENS = [address(0xC0 + n) for n in range(3)]  # two fungible, one collection
QUICK = settings(max_examples=12, deadline=None, database=None, derandomize=True,
                 suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
Tables = Mapping[str, Sequence[Row]]


@st.composite
def steps(draw: st.DrawFn) -> Row:
    """Return one transfer but for its time, which follows from those before it."""
    kind = draw(st.sampled_from(["native", "internal", "erc20", "erc20", "erc721", "fee", "reward"]))
    more: Row = {"kind": kind, "chain": draw(st.sampled_from(["ethereum", "ethereum", "bsc"]))}
    if kind == "erc20":
        more["token"] = draw(st.sampled_from(TOKENS[:2]))
    if kind == "erc721":
        more |= {"token": TOKENS[2], "token_id": str(draw(st.integers(0, 3)))}
    sender = None if kind == "reward" else draw(st.integers(1, 9))
    if sender is not None:
        more["initiator"] = address(draw(st.integers(1, 9)))
    value = 1 if kind == "erc721" else draw(st.one_of(st.integers(0, 9), st.integers(0, BIG // 50)))
    receiver = None if kind == "fee" else draw(st.integers(1, 9))
    return {"sender": sender, "receiver": receiver, "value": value, "gap": draw(st.integers(0, 30)), **more}


def write_ledger(drawn: Sequence[Row]) -> list[Row]:
    rows, hour = [], 0
    for n, one in enumerate(drawn):
        told = dict(one)
        hour += told.pop("gap")
        when = {"block_time": START + timedelta(hours=hour), "block_number": 1000 + hour}
        rows.append(moved(n, told.pop("sender"), told.pop("receiver"), told.pop("value"), **when, **told))
    return rows


def describe_sidelines(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return transactions and events that go with transfers: who signed, and who created what."""
    transactions = [
        {"chain": row["chain"], "block_number": row["block_number"], "block_time": row["block_time"],
         "tx_hash": row["tx_hash"], "sender": row.get("initiator"), "receiver": row["receiver"],
         "created": address(0xD0 + n) if n % 5 == 4 else None, "nonce": n, "source": "test"}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    said = {1: ("authorization", "initiator"), 3: ("contract_created", "receiver")}  # of some; of tokens: an approval
    events = [
        {"chain": row["chain"], "event": event, "address": row[subject], "actor": row["sender"],
         "block_number": row["block_number"], "block_time": row["block_time"], "tx_hash": row["tx_hash"],
         "details": "{}", "source": "test"}
        for n, row in enumerate(rows)
        for event, subject in [said.get(n % 6, ("approval", "token"))] if row.get(subject)
    ]  # fmt: skip
    return {"transactions": transactions, "events": events}


def show_lake(con: Connection, tables: Tables) -> None:
    for name in read_tables()["lake"]:
        rows = pa.Table.from_pylist(list(tables.get(name, ())), schema=lake_schema(name))
        con.register("rows_of_test", rows)
        con.execute(f"create or replace temp table {name}_of_test as from rows_of_test")
        con.unregister("rows_of_test")
        con.execute(f"create or replace temp view lake_{name} as from {name}_of_test")


def build_whole(con: Connection) -> None:
    build_ledger(con)
    build_accounts(con)
    build_context(con)


def read_facts(con: Connection) -> dict[str, list[tuple[Any, ...]]]:
    names = read_tables()["facts"]
    return {name: sorted(con.execute(f"from facts.{name}").fetchall(), key=repr) for name in names}


def open_empty() -> Connection:
    con = open_connection(memory="1GB", threads=1)
    con.execute("attach ':memory:' as facts")
    create_tables(con, "facts")
    return con


def extend_and_compare(before: Tables, after: Tables, full_rows: int = 10**6, appended: Sequence[str] = TIMED) -> str:
    """Extend the facts of `before` by what `after` has more; compare with all made at once; return why not, if not."""
    with open_empty() as one, open_empty() as other:
        show_lake(one, before)
        build_whole(one)
        rows = one.execute("select count(*) from facts.transfers").fetchall()[0][0]
        told = {**describe_ledger(one), "full_rows": str(full_rows), "sorted_rows": str(rows)}
        show_lake(one, after)
        why = extend_facts(one, told, appended)
        if not why:
            show_lake(other, after)
            build_whole(other)
            assert read_facts(one) == read_facts(other)
            seen = one.execute("select count(*) from lake_transfers").fetchall()[0][0]
            assert seen == len(after["transfers"])  # what follows reads the whole lake again
        return why


def flag(con: Connection, rows: set[int]) -> None:
    con.execute("truncate beliefs.transfer_flags")
    con.execute("insert into beliefs.transfer_flags select unnest($1::bigint[]), 'spam'", [sorted(rows)])
    con.execute("insert into beliefs.transfer_flags select transfer_id, 'dust' from facts.transfers")


def read_columns(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@QUICK
@given(st.lists(steps(), min_size=2, max_size=40), st.integers(1, 39), st.sets(st.integers(0, 39)),
       st.sets(st.integers(0, 39)))  # fmt: skip
def test_later_rows_make_the_columns_of_a_whole_build(
    drawn: list[Row], cut: int, spam_then: set[int], spam_now: set[int]
) -> None:
    cut = min(cut, len(drawn) - 1)
    rows = write_ledger([*drawn[:cut], {**drawn[cut], "gap": 1}, *drawn[cut + 1 :]])
    with open_empty() as con, TemporaryDirectory() as scratch:
        then, now, whole = (Path(scratch) / name for name in ("then", "now", "whole"))
        for schema in ("beliefs", "taken"):
            con.execute(f"attach ':memory:' as {schema}")
        for folder, told, spam in ((then, rows[:cut], spam_then), (whole, rows, spam_now)):
            create_tables(con, "beliefs")
            show_lake(con, {"transfers": told})
            build_whole(con)
            flag(con, spam)
            folder.mkdir()
            write_flow_columns(con, folder, ["spam"])
            if folder is then:
                con.execute("create table taken.transfer_flags as from beliefs.transfer_flags")
                for database in ("facts", "beliefs"):
                    con.execute(f"detach {database}")
                    con.execute(f"attach ':memory:' as {database}")
                create_tables(con, "facts")
        now.mkdir()
        extend_flow_columns(con, now, open_flows(then), ["spam"])
        assert read_columns(now) == read_columns(whole)


def list_prices(first: int, last: int) -> list[Row]:
    days = [(START + timedelta(days=n)).date() for n in range(first, last)]
    return [{"date": day, "symbol": "ETH", "usd": 0.5 + day.day, "source": "p"} for day in days]


@QUICK
@given(st.lists(steps(), min_size=2, max_size=30), st.integers(1, 29), st.integers(1, 20),
       st.sampled_from([TIMED, ["transfers"]]))  # fmt: skip
def test_later_rows_make_the_facts_of_a_whole_build(
    drawn: list[Row], cut: int, gap: int, appended: Sequence[str]
) -> None:
    cut = min(cut, len(drawn) - 1)
    drawn = [*drawn[:cut], {**drawn[cut], "gap": gap}, *drawn[cut + 1 :]]
    rows = write_ledger(drawn)
    last_day = (rows[cut - 1]["block_time"] - START).days
    before = {"transfers": rows[:cut], **describe_sidelines(rows[:cut]), "prices": list_prices(0, last_day + 1)}
    after = {"transfers": rows, **describe_sidelines(rows), "prices": list_prices(0, 60)}
    why = extend_and_compare(before, after, appended=appended)
    assert why in {"", "the sum of a token has outgrown what can be counted"}
    assert not why or sum(one["value"] for one in drawn) >= BIG


@QUICK
@given(st.lists(steps(), min_size=2, max_size=15), st.lists(steps(), min_size=1, max_size=5), st.integers(-200, 40))
def test_rows_at_any_time_are_added_rightly_or_not_at_all(drawn: list[Row], more: list[Row], shift: int) -> None:
    rows = write_ledger(drawn)
    late = [
        {**row, "tx_hash": tx(100 + n), "block_time": row["block_time"] + timedelta(hours=shift),
         "block_number": row["block_number"] + shift}
        for n, row in enumerate(write_ledger(more))
    ]  # fmt: skip
    before = {"transfers": rows, **describe_sidelines(rows), "prices": list_prices(0, 9)}
    all_rows = [*rows, *late]
    after = {"transfers": all_rows, **describe_sidelines(all_rows), "prices": list_prices(0, 9)}
    extend_and_compare(before, after)


ROWS = write_ledger(
    [{"sender": n, "receiver": n + 1, "value": 5, "gap": 24, "kind": "erc20", "token": TOKENS[n % 2],
      "chain": "ethereum"} for n in range(1, 9)]
)  # fmt: skip
VERIFIED = [{"chain": "ethereum", "token": TOKENS[0], "symbol": "ETH", "decimals": 1, "source": "map"}]
BASE: dict[str, list[Row]] = {"transfers": ROWS[:6], "assets": VERIFIED, "prices": list_prices(0, 7)}
NEXT: dict[str, list[Row]] = {**BASE, "transfers": ROWS}


def late(hours: int) -> Row:
    return {**ROWS[-1], "tx_hash": tx(99), "block_time": ROWS[-1]["block_time"] - timedelta(hours=hours)}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"transfers": [*ROWS, late(100)]}, "not all later"),
        ({"transfers": [*ROWS, {**late(1), "block_number": 1000}]}, "blocks that are not later"),
        ({"transfers": [*ROWS, {**ROWS[-1], "source": "other"}]}, "several sources"),
        ({"transfers": [*ROWS, {**late(0), "block_time": None}]}, "without a time"),
        ({"transfers": [*ROWS, {**late(0), "kind": "erc20_calldata"}]}, "calldata"),
        ({"transfers": [*ROWS, {**late(0), "kind": "erc721", "token_id": None, "token": TOKENS[0]}]}, "token"),
        ({"assets": [{**VERIFIED[0], "decimals": 2}]}, "token has changed"),
        ({"assets": [*VERIFIED, {**VERIFIED[0], "token": TOKENS[2]}]}, ""),
        ({"prices": [{**list_prices(0, 7)[0], "usd": 7.0}, *list_prices(1, 7)]}, "a price"),
        ({"prices": [*list_prices(0, 3), {**list_prices(3, 4)[0], "usd": 7.0}, *list_prices(4, 7)]}, "a price"),
        ({"prices": list_prices(0, 20)}, ""),
        ({"edges": [{"chain": "ethereum", "sender": address(77), "receiver": address(2), "kind": "any",
                     "block_time": START, "source": "e"}]}, "seen earlier"),
        ({"labels": [{"chain": "ethereum", "address": address(2), "entity": "x", "source": "s"}]}, ""),
    ],
)  # fmt: skip
def test_what_changes_something_of_before_is_refused(change: Mapping[str, list[Row]], why: str) -> None:
    found = extend_and_compare(BASE, NEXT | change)
    assert why in found
    assert bool(found) == bool(why)


def test_what_was_added_day_by_day_is_one_sorted_run() -> None:
    again = write_ledger([{"sender": 1, "receiver": 2, "value": 5, "gap": 24, "kind": "native"}] * 8)
    with open_empty() as con:
        told: dict[str, str] = {}
        for rows in (4, 6, 7, 8):
            show_lake(con, {"transfers": again[:rows]})
            if told:
                assert not extend_facts(con, told, TIMED)
            else:
                build_whole(con)
            told = {**describe_ledger(con), "full_rows": "100", "sorted_rows": "4"}
        lying = con.execute(
            "select address_id, block_time, transfer_id, direction from facts.postings order by rowid"
        ).fetchall()
        assert len(lying) == 16
        assert sum(one > other for one, other in pairwise(lying)) == 1


def test_ids_are_dealt_to_later_rows_alone_where_they_tell_all_that_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(vocabulary, "_fill_addresses", count_rows(vocabulary._fill_addresses, seen))
    assert not extend_and_compare(BASE, NEXT)
    assert not extend_and_compare(BASE, NEXT, appended=["transfers"])
    early, every = len(BASE["transfers"]), len(ROWS)  # made, extended, made whole to compare
    assert seen == [early, every - early, every, early, every, every]


def count_rows(fill: Callable[[Connection], None], seen: list[int]) -> Callable[[Connection], None]:
    def run(con: Connection) -> None:
        seen.append(con.execute("select count(*) from lake_transfers").fetchall()[0][0])
        fill(con)

    return run


def test_very_many_new_rows_are_better_sorted() -> None:
    assert "more than 20%" in extend_and_compare(BASE, NEXT, full_rows=6)
