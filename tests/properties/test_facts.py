"""Do the books balance, exactly and in any order, for ledgers that nobody thought of?"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intel.etl import accounts, ledger
from tests.lakes import Row, build_facts, build_sums, moved, open_facts, select
from tests.ledger_files import address, ingest, transfer, write_csv

START = datetime(2021, 5, 1)  # noqa: DTZ001 (the lake's times are UTC without saying so)
TOKENS = [address(0xC0 + n) for n in range(4)]  # two fungible, a collection, and one only known by calldata
QUICK = settings(
    max_examples=25, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip

VALUES = st.one_of(st.integers(0, 9), st.integers(0, 10**36), st.integers(10**36, 2**256 - 1))
ENDS = st.integers(1, 6)


@st.composite
def movements(draw: st.DrawFn) -> Row:
    """Return one row but for what tells it apart: its number is given by its place in the ledger."""
    kind = draw(st.sampled_from(["native", "internal", "erc20", "erc20", "erc721", "fee", "reward", "erc20_calldata"]))
    sender = None if kind == "reward" else draw(ENDS)
    receiver = None if kind == "fee" else draw(ENDS)
    value = 1 if kind == "erc721" else draw(VALUES)
    hour = draw(st.one_of(st.none(), st.integers(0, 24 * 6)))
    more: Row = {"kind": kind, "block_time": None if hour is None else START + timedelta(hours=hour)}
    if kind == "erc20_calldata":
        more["token"] = TOKENS[3]
    elif kind == "erc20":
        more["token"] = draw(st.sampled_from(TOKENS[:2]))
    elif kind == "erc721":
        more |= {"token": TOKENS[2], "token_id": str(draw(st.integers(0, 3)))}
    return {"sender": sender, "receiver": receiver, "value": value, **more}


@st.composite
def ledgers(draw: st.DrawFn) -> dict[str, list[Row]]:
    drawn = draw(st.lists(movements(), max_size=25))
    rows = [
        moved(n // 2, m.pop("sender"), m.pop("receiver"), m.pop("value"), position=n, **m) for n, m in enumerate(drawn)
    ]
    blocks = [
        {"chain": "ethereum", "block_number": 1000 + n, "block_time": START + timedelta(hours=20 * n), "source": "b"}
        for n in draw(st.sets(st.integers(0, 12), max_size=5))
    ]
    prices = [
        {"date": (START + timedelta(days=n)).date(), "symbol": "ETH", "usd": 0.5 + n, "source": "p"}
        for n in draw(st.sets(st.integers(0, 6)))
    ]
    return {"transfers": rows, "blocks": blocks, "prices": prices}


def value_of(row: Row) -> int:
    return int(row["value_text"] or row["value_raw"])


def add_up(rows: list[Row]) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Return {(address, token, token id): (in, out)} by plain integers, over the tokens that can be summed at all."""
    kept = [row for row in rows if row["kind"] != "erc20_calldata"]
    totals: Counter[tuple[Any, ...]] = Counter()
    for row in kept:
        totals[row.get("token"), row.get("token_id")] += value_of(row)
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        asset = (row.get("token"), row.get("token_id"))
        counts = row["kind"] != "erc20_calldata" and totals[asset] < ledger.OVERSIZE
        for side, end in enumerate((row["receiver"], row["sender"])):
            if end is not None:
                sums[end, *asset][side] += value_of(row) if counts else 0
    return {key: (received, sent) for key, (received, sent) in sums.items()}


@QUICK
@given(ledgers())
def test_sums_are_those_of_plain_integers(tables: dict[str, list[Row]]) -> None:
    assert build_sums(tables) == add_up(tables["transfers"])


@QUICK
@given(ledgers())
def test_what_has_two_ends_neither_makes_nor_destroys(tables: dict[str, list[Row]]) -> None:
    tables["transfers"] = [row for row in tables["transfers"] if row["sender"] and row["receiver"]]
    net: Counter[tuple[Any, ...]] = Counter()
    for (_, *asset), (received, sent) in build_sums(tables).items():
        net[tuple(asset)] += received - sent
    assert set(net.values()) <= {0}


@QUICK
@given(ledgers())
def test_every_row_is_posted_once_per_end_in_order_of_time(tables: dict[str, list[Row]]) -> None:
    facts = build_facts(tables)
    ends = Counter(end for row in tables["transfers"] for end in (row["sender"], row["receiver"]) if end)
    names = {row[0]: row[2] for row in facts["addresses"]}
    assert Counter(names[row[0]] for row in facts["postings"]) == ends
    assert [row[0] for row in facts["transfers"]] == list(range(len(tables["transfers"])))
    times = [row[3] or datetime.max for row in facts["transfers"]]  # noqa: DTZ901
    assert times == sorted(times)
    keys = [(row[0], row[1] or datetime.max, row[2], row[3]) for row in facts["postings"]]  # noqa: DTZ901
    assert keys == sorted(keys)


@QUICK
@given(ledgers(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(tables: dict[str, list[Row]], random: Any) -> None:
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in tables.items()}
    assert build_facts(shuffled) == build_facts(tables)


@pytest.mark.parametrize("size", [1, 5])
@QUICK
@given(tables=ledgers())
def test_a_build_in_buckets_is_the_same_build(
    monkeypatch: pytest.MonkeyPatch, size: int, tables: dict[str, list[Row]]
) -> None:
    whole = build_facts(tables)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "BUCKET_ROWS", size)
        patch.setattr(accounts, "BUCKET_POSTINGS", size)
        assert build_facts(tables) == whole


@QUICK
@given(tables=ledgers())
def test_addresses_that_share_a_hash_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tables: dict[str, list[Row]]
) -> None:
    whole = build_facts(tables)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "_KEY", "case when {0}.{1} is not null then 0 end")
        assert build_facts(tables) == whole


def test_small_buckets_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [moved(n, 1 + n, 2 + n, block_time=START + timedelta(days=n)) for n in range(6)]
    monkeypatch.setattr(ledger, "BUCKET_ROWS", 2)
    monkeypatch.setattr(accounts, "BUCKET_POSTINGS", 4)
    with open_facts({"transfers": rows}) as con:
        assert len(ledger.list_buckets(con)) == 3
        assert len(accounts._list_buckets(con)) > 1
        assert select(con, "select count(*) from facts.transfers") == [(6,)]


def write_ledger(path: Path, numbers: list[int]) -> Path:
    return write_csv(path, [transfer(n, position=n % 3, kind="erc20", token=TOKENS[n % 2]) for n in numbers])


def test_two_files_in_one_run_or_two_in_any_order_are_the_same_facts(tmp_path: Path) -> None:
    first, second = write_ledger(tmp_path / "1.csv", [0, 1, 2, 6, 7]), write_ledger(tmp_path / "2.csv", [9, 10, 15])
    mixed = write_ledger(tmp_path / "3.csv", [15, 7, 2, 10, 0, 9, 1, 6])
    runs = [[(first, second)], [(first,), (second,)], [(second,), (first,)], [(mixed,)], [(first, second), (first,)]]
    found = []
    for number, run in enumerate(runs):
        store = tmp_path / f"store {number}"
        for files in run:
            ingest(store, *files)
        found.append(read_lake_facts(store))
    assert all(one == found[0] for one in found)
    assert len(found[0]["transfers"]) == 8


def read_lake_facts(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    from tests.ledger_files import lake_rows

    names = ("transfers", "coverage")
    tables = {}
    for name in names:
        (columns,) = zip(*lake_rows(store, f"select column_name from (describe lake_{name})"), strict=True)
        tables[name] = [dict(zip(columns, row, strict=True)) for row in lake_rows(store, f"from lake_{name}")]
    return build_facts(tables)


def test_two_builds_of_one_lake_are_equal() -> None:
    rows = [moved(n % 7, 1 + n % 5, 1 + n % 3, 10**30 + n, position=n) for n in range(60)]
    tables = {"transfers": rows}
    assert build_facts(tables) == build_facts(tables)
