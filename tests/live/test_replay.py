"""Do recorded answers of real nodes give the tables that other tools made of them?"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from intel.store import open_connection
from tests.ledger_files import lake_rows
from tests.live.replay import (
    ETL,
    FIXTURES,
    MIRROR,
    Recordings,
    Row,
    add_roots,
    needs_mirror,
    read_expected,
    read_recordings,
    read_tokens,
    take,
)

pytestmark = needs_mirror


def moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("folder", "ending"),
    [
        ("test_export_blocks_job/block_with_logs", "csv"),
        ("test_export_blocks_job/blocks_with_transactions", "csv"),
        ("test_stream/blocks_1755634_1755635", "json"),
    ],
)
def test_blocks_and_transactions(folder: str, ending: str, tmp_path: Path) -> None:
    blocks = read_expected(ETL / folder / f"expected_blocks.{ending}")
    numbers = [int(row["number"]) for row in blocks]
    recordings = read_recordings(ETL / folder)
    if not recordings.knows("eth_getTransactionReceipt"):
        recordings.add("eth_getLogs", max(numbers), [])  # neither receipts nor logs were kept here
    take(tmp_path / "store", recordings, min(numbers), max(numbers))
    assert lake_rows(tmp_path / "store", "select * exclude (chain, source) from lake_blocks order by 1") == [
        (int(row["number"]), row["hash"], row["parent_hash"], moment(row["timestamp"])) for row in blocks
    ]
    transactions = read_expected(ETL / folder / f"expected_transactions.{ending}")
    assert lake_rows(
        tmp_path / "store",
        "select tx_hash, block_number, tx_index, sender, receiver, value_raw, gas_limit, gas_price, nonce, "
        "method_id, input_length, created from lake_transactions order by 2, 3",
    ) == [
        (
            row["hash"], int(row["block_number"]), int(row["transaction_index"]), row["from_address"],
            row["to_address"], int(row["value"]), int(row["gas"]), int(row["gas_price"]), int(row["nonce"]),
            row["input"][:10] if len(row["input"]) >= 10 else None, len(row["input"]) // 2 - 1,
            row.get("receipt_contract_address"),
        )
        for row in transactions
    ]  # fmt: skip


def test_receipts_give_fees_and_token_transfers(tmp_path: Path) -> None:
    folder = ETL / "test_stream/blocks_1755634_1755635"
    take(tmp_path / "store", read_recordings(folder), 1755634, 1755635)
    fees = lake_rows(tmp_path / "store", "select tx_hash, fee_raw from lake_transactions order by 1")
    assert fees == sorted(
        (row["hash"], row["receipt_gas_used"] * row["receipt_effective_gas_price"])
        for row in read_expected(folder / "expected_transactions.json")
    )
    assert read_tokens(tmp_path / "store") == list_tokens(read_expected(folder / "expected_token_transfers.json"))


def test_logs_alone_give_token_transfers(tmp_path: Path) -> None:
    """The node has no receipts: logs are asked for by range, as ethereum-etl did by a filter."""
    recordings = read_recordings(ETL / "test_export_blocks_job/block_with_logs")
    folder = ETL / "test_export_token_transfers_job/block_with_transfers"
    logs = json.loads((folder / "web3_response.eth_getFilterLogs_0x0.json").read_text(encoding="utf-8"))["result"]
    recordings.add("eth_getLogs", 0x76250, logs)
    take(tmp_path / "store", recordings, 0x76250, 0x76250)
    assert read_tokens(tmp_path / "store") == list_tokens(read_expected(folder / "expected_token_transfers.csv"))


def test_receipts_alone_one_by_one_give_what_logs_give(tmp_path: Path) -> None:
    """The same block from a node that gives receipts of transactions, not of blocks."""
    recordings = read_recordings(ETL / "test_export_blocks_job/block_with_logs")
    folder = ETL / "test_export_receipts_job/receipts_with_logs"
    for path in folder.glob("web3_response.eth_getTransactionReceipt_*.json"):
        recordings.add("eth_getTransactionReceipt", path.stem.split("_")[-1], json.loads(path.read_text())["result"])
    take(tmp_path / "store", recordings, 0x76250, 0x76250)
    expected = read_expected(ETL / "test_export_token_transfers_job/block_with_transfers/expected_token_transfers.csv")
    assert read_tokens(tmp_path / "store") == list_tokens(expected)
    used = {row["transaction_hash"]: int(row["gas_used"]) for row in read_expected(folder / "expected_receipts.csv")}
    paid = lake_rows(tmp_path / "store", "select tx_hash, fee_raw // gas_price from lake_transactions")
    assert {tx_hash: int(gas) for tx_hash, gas in paid} == used


def list_tokens(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    return sorted(
        (
            int(row["block_number"]), int(row["log_index"]), row["transaction_hash"], row["token_address"],
            row["from_address"], row["to_address"], int(row["value"]),
        )
        for row in rows
    )  # fmt: skip


def read_roots(traces: Iterable[Row]) -> list[Row]:
    """Return the outermost calls of trace_block's answer."""
    return [
        {
            "hash": one["transactionHash"], "from": one["action"]["from"],
            "to": one["action"].get("to") or (one.get("result") or {}).get("address"), "type": one["type"],
            "value": int(one["action"]["value"], 16), "worked": "error" not in one,
        }
        for one in traces if one["type"] in {"call", "create"} and not one.get("traceAddress")
    ]  # fmt: skip


NAMES = ("block_with_create", "block_with_error", "block_with_subtraces", "block_with_suicide")


@pytest.mark.parametrize("name", NAMES)
def test_traces_of_parity(name: str, tmp_path: Path) -> None:
    folder = ETL / "test_export_traces_job" / name
    expected = read_expected(folder / "expected_traces.csv")
    number = int(expected[0]["block_number"])
    recordings = read_recordings(folder)
    traces = recordings.find("trace_block", number)
    add_roots(recordings, number, read_roots(traces), traces[0]["blockHash"])
    take(tmp_path / "store", recordings, number, number)
    assert read_moves(tmp_path / "store") == count_moves(expected)


@pytest.mark.parametrize("name", NAMES)
def test_traces_of_geth(name: str, tmp_path: Path) -> None:
    folder = ETL / "test_extract_geth_traces_job" / name
    expected = read_expected(folder / "expected_traces.csv")
    number = int(expected[0]["block_number"])
    recordings = read_recordings(folder)
    answers = recordings.find("debug_traceBlockByNumber", number)
    roots = [
        {
            "hash": None, "from": one["result"]["from"], "to": one["result"]["to"],
            "type": one["result"]["type"].lower(), "value": int(one["result"]["value"], 16),
            "worked": "error" not in one["result"],
        }
        for one in answers
    ]  # fmt: skip
    add_roots(recordings, number, roots)
    take(tmp_path / "store", recordings, number, number)
    moves = {move: count for move, count in read_moves(tmp_path / "store").items() if move[0] != "reward"}
    assert moves == count_moves(expected)


def read_moves(store: Path) -> dict[tuple[Any, ...], int]:
    rows = lake_rows(
        store,
        "select case kind when 'reward' then 'reward' else 'call' end, sender, receiver, value_raw, count(*) "
        "from lake_transfers where kind in ('native', 'internal', 'reward') group by all",
    )
    return {(kind, sender, receiver, int(value)): count for kind, sender, receiver, value, count in rows}


def count_moves(traces: Iterable[Row]) -> dict[tuple[Any, ...], int]:
    """Count what moved by a table of traces: nothing by a call that failed, or one around it, nor by borrowed code."""
    rows = list(traces)
    failed = {
        (row["transaction_index"], row["trace_address"] or "") for row in rows if row["error"] or row["status"] == "0"
    }
    moved: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        path = (row["trace_address"] or "").split(",") if row["trace_address"] else []
        around = {(row["transaction_index"], ",".join(path[:depth])) for depth in range(len(path) + 1)}
        if int(row["value"] or 0) and not around & failed and row["call_type"] not in {"delegatecall", "callcode"}:
            is_reward = row["trace_type"] == "reward"
            sender = None if is_reward else row["from_address"]
            moved["reward" if is_reward else "call", sender, row["to_address"], int(row["value"])] += 1
    return dict(moved)


def test_withdrawals_are_in_gwei(tmp_path: Path) -> None:
    """The node's answer was not kept, the table of blocks was: its withdrawals go back into the form of an answer."""
    folder = ETL / "test_export_blocks_job/blocks_with_transactions_and_withdrawals"
    blocks = read_expected(folder / "expected_blocks.json")
    recordings, expected = Recordings(), []
    for block in blocks:
        given = [
            {"index": hex(one["index"]), "validatorIndex": hex(one["validator_index"]), "address": one["address"],
             "amount": hex(int(one["amount"]))}
            for one in block["withdrawals"]
        ]  # fmt: skip
        recordings.add_block(int(block["number"]), [], withdrawals=given)
        recordings.add("eth_getBlockReceipts", int(block["number"]), [])
        expected += [(block["number"], one["address"], int(one["amount"]) * 10**9) for one in block["withdrawals"]]
    numbers = [int(block["number"]) for block in blocks]
    take(tmp_path / "store", recordings, min(numbers), max(numbers))
    paid = lake_rows(
        tmp_path / "store",
        "select block_number, receiver, value_raw from lake_transfers where kind = 'withdrawal' and sender is null",
    )
    assert expected
    assert sorted(paid) == sorted(expected)


def restore_names(trace: Row) -> Row:
    """Return an answer with the names that nodes use: the recording has them with underscores, and errors of None."""
    named = {re.sub(r"_(.)", lambda found: found[1].upper(), name): value for name, value in trace.items()}
    return {name: value for name, value in named.items() if name != "error" or value}


@pytest.mark.parametrize("number", [12412732, 12775690, 13404932])
def test_whole_blocks_with_traces(number: int, tmp_path: Path) -> None:
    """Every coin that moved in a block, against the table that was made of the same answers beside this project."""
    recorded = json.loads((FIXTURES / f"mainnet_blocks_traced/{number}.json").read_text(encoding="utf-8"))
    prices = {one["transaction_hash"]: one for one in recorded["receipts"]}
    traces = [restore_names(one) for one in recorded["traces"]]
    roots = [
        {**root, "used": prices[root["hash"]]["gas_used"], "price": prices[root["hash"]]["effective_gas_price"]}
        for root in read_roots(traces)
        if root["hash"] in prices
    ]
    recordings = Recordings()
    add_roots(recordings, number, roots, traces[0]["blockHash"])
    recordings.add("trace_block", number, traces)
    take(tmp_path / "store", recordings, number, number)
    con = open_connection(threads=1)
    table = next((MIRROR or Path()).glob("transfers/ethereum_44_blocks_traced*.parquet"))
    query = (
        "select tx_hash, kind, sender, receiver, value_raw::varchar, count(*) from {} "
        "where block_number = {} and kind in ('native', 'internal') group by all order by all"
    )
    expected = con.execute(query.format(f"read_parquet('{table}')", number)).fetchall()
    con.close()
    assert len(expected) > 50
    assert lake_rows(tmp_path / "store", query.format("lake_transfers", number)) == expected
