"""How does a test build facts from a lake whose rows it wrote by hand, and compare two builds?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from intel.etl.accounts import build_accounts
from intel.etl.ledger import build_context, build_ledger
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables, read_tables
from intel.store.lake import lake_schema
from tests.ledger_files import address, tx

Row = dict[str, Any]

BIG = 10**37  # from here on a value is oversize: its exact text stands in the lake


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def moved(number: int, sender: int | None, receiver: int | None, value: int = 1, **more: Any) -> Row:
    """Return a row of lake.transfers: block 1000 + number, noon of the second of May 2021, in the native coin."""
    return {
        "chain": "ethereum", "block_number": 1000 + number, "block_time": moment("2021-05-02T12:00:00"),
        "tx_hash": tx(number), "position": 0, "sub_position": 0, "kind": "native",
        "sender": None if sender is None else address(sender),
        "receiver": None if receiver is None else address(receiver),
        "value_raw": Decimal(value) if value < BIG else None, "value_text": None if value < BIG else str(value),
        "source": "test", "position_is_known": True, **more,
    }  # fmt: skip


def token_moved(number: int, sender: int, receiver: int, value: int = 1, **more: Any) -> Row:
    return moved(number, sender, receiver, value, **{"kind": "erc20", "token": TOKEN, **more})


TOKEN, NFT, MYSTERY = address(0xC0), address(0xC1), address(0xC2)


@contextmanager
def open_facts(tables: Mapping[str, Sequence[Row]]) -> Iterator[Connection]:
    """Build the facts of a hand-written lake on a connection of their own."""
    con = open_connection(memory="1GB", threads=1)
    try:
        for name in read_tables()["lake"]:
            con.register(f"lake_{name}", pa.Table.from_pylist(list(tables.get(name, ())), schema=lake_schema(name)))
        con.execute("attach ':memory:' as facts")
        create_tables(con, "facts")
        build_ledger(con)
        build_accounts(con)
        build_context(con)
        yield con
    finally:
        con.close()


def build_facts(tables: Mapping[str, Sequence[Row]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of the facts, with the rows in the order in which they stand."""
    with open_facts(tables) as con:
        return {name: con.execute(f"from facts.{name}").fetchall() for name in read_tables()["facts"]}


def build_sums(tables: Mapping[str, Sequence[Row]]) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Return {(address, token, token id): (in, out)} of the facts."""
    with open_facts(tables) as con:
        rows = con.execute(
            "select a.address, s.token, s.token_id, in_raw, out_raw from facts.address_assets "
            "join facts.addresses a using (address_id) join facts.assets s using (asset_id)"
        ).fetchall()
    assert len({row[:3] for row in rows}) == len(rows)
    return {(a, t, i): (int(received), int(sent)) for a, t, i, received, sent in rows}


def select(con: Connection, query: str) -> list[tuple[Any, ...]]:
    return con.execute(query).fetchall()
