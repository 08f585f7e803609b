"""Do traces, listed calls and transactions become exactly the coins that moved?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ledger_files import (
    address,
    ingest,
    issues,
    lake_rows,
    raw,
    transfers,
    tx,
    write_csv,
    write_jsonl,
    write_parquet,
)  # fmt: skip

USER, SHOP, VAULT, CHILD, MINER = (address(n) for n in (0x11, 0x22, 0x33, 0x44, 0x55))
MOVED = "tx_hash, kind, position, sender, receiver, value_raw::bigint, initiator"


def trace(path: str, value: int, sender: str | None, receiver: str | None, **more: Any) -> dict[str, Any]:
    return {
        "block_number": 70, "transaction_hash": tx(1), "transaction_index": 0, "from_address": sender,
        "to_address": receiver, "value": value, "trace_type": "call", "call_type": "call", "reward_type": None,
        "trace_address": path, "error": None, "status": 1, **more,
    }  # fmt: skip


def reward(value: int) -> dict[str, Any]:
    nothing = {"transaction_hash": None, "transaction_index": None, "call_type": None}
    return trace("", value, None, MINER, trace_type="reward", reward_type="block", **nothing)


ALIVE = [
    trace("", 100, USER, SHOP),
    trace("0", 0, SHOP, VAULT),
    trace("0,0", 30, VAULT, CHILD),
    trace("1", 100, SHOP, VAULT, call_type="delegatecall"),  # the value of the call around it, not moved again
    trace("2", 100, SHOP, VAULT, call_type="callcode"),
    trace("3", 0, SHOP, VAULT, call_type="staticcall"),
    trace("10", 7, VAULT, USER, trace_type="suicide", call_type=None),
    trace("9", 20, SHOP, CHILD, trace_type="create", call_type=None),
]
REVERTED = [  # the second transaction lives on after an inner call has failed; the third fails as a whole
    trace("", 50, USER, SHOP, transaction_hash=tx(2)),
    trace("0", 40, SHOP, VAULT, transaction_hash=tx(2), error="Reverted", status=0),
    trace("0,0", 30, VAULT, CHILD, transaction_hash=tx(2), status=0),
    trace("1", 10, SHOP, CHILD, transaction_hash=tx(2)),
    trace("", 60, USER, SHOP, transaction_hash=tx(3), error="Out of gas", status=0),
    trace("0", 60, SHOP, VAULT, transaction_hash=tx(3), status=0),
]
TRACES = [*ALIVE, *REVERTED, reward(5), reward(2)]
EXPECTED = [
    (tx(1), "internal", 1, VAULT, CHILD, 30, USER),
    (tx(1), "internal", 2, SHOP, CHILD, 20, USER),
    (tx(1), "internal", 3, VAULT, USER, 7, USER),
    (tx(1), "native", 0, USER, SHOP, 100, USER),
    (tx(2), "internal", 1, SHOP, CHILD, 10, USER),
    (tx(2), "native", 0, USER, SHOP, 50, USER),
    (None, "reward", 0, None, MINER, 5, None),
    (None, "reward", 1, None, MINER, 2, None),
]


def as_etl(folder: Path, *, statuses: bool) -> Path:
    rows = TRACES if statuses else [{**row, "status": None} for row in TRACES]
    return write_csv(folder / "traces.csv", rows)


def as_bigquery(folder: Path) -> Path:
    more = {"block_timestamp": "2016-01-01 00:00:00 UTC", "block_hash": tx(99)}
    return write_jsonl(folder / "traces.jsonl.gz", [{**row, **more} for row in TRACES])


def as_cryo(folder: Path) -> Path:
    names = {"call": "call", "callcode": "call_code", "delegatecall": "delegate_call", "staticcall": "static_call"}
    rows = [
        {
            "action_from": raw(row["from_address"] or row["to_address"]),
            "action_to": raw(row["to_address"]) if row["trace_type"] in ("call", "suicide") else None,
            "result_address": raw(row["to_address"]) if row["trace_type"] == "create" else None,
            "action_value": str(row["value"]), "action_type": row["trace_type"],
            "action_call_type": names.get(row["call_type"]), "error": row["error"],
            "trace_address": row["trace_address"].replace(",", "_"), "block_number": row["block_number"],
            "transaction_hash": row["transaction_hash"] and raw(row["transaction_hash"]), "chain_id": 1,
        }
        for row in TRACES
    ]  # fmt: skip
    return write_parquet(folder / "ethereum__traces__00000070_to_00000070.parquet", rows)


def as_etl_with_status(folder: Path) -> Path:
    return as_etl(folder, statuses=True)


def as_etl_without_status(folder: Path) -> Path:
    return as_etl(folder, statuses=False)


@pytest.mark.parametrize("write", [as_etl_with_status, as_etl_without_status, as_bigquery, as_cryo])
def test_traces(tmp_path: Path, write: Any) -> None:
    report = ingest(tmp_path / "store", write(tmp_path), chain="ethereum")
    assert transfers(tmp_path / "store", MOVED) == EXPECTED
    assert (report.bad_rows, report.issues) == (0, ())
    covered = "select distinct kind, first_block, last_block from lake_coverage order by all"
    assert lake_rows(tmp_path / "store", covered) == [("internal", 70, 70), ("native", 70, 70), ("reward", 70, 70)]


def test_traces_twice_in_one_file_are_told_apart_from_two_equal_calls(tmp_path: Path) -> None:
    equal = [trace("", 1, USER, SHOP), trace("0", 4, SHOP, VAULT), trace("1", 4, SHOP, VAULT)]
    report = ingest(tmp_path / "store", write_csv(tmp_path / "traces.csv", equal + equal), chain="ethereum")
    assert (report.rows, issues(report)) == ({"transfers": 3}, {"duplicate_row": 3})


def test_a_selfdestruct_of_unknown_value_is_counted(tmp_path: Path) -> None:
    unknown = trace("0", 0, None, None, trace_type="suicide", call_type=None) | {"value": None}
    path = write_csv(tmp_path / "traces.csv", [trace("", 1, USER, SHOP), unknown])
    assert issues(ingest(tmp_path / "store", path, chain="ethereum")) == {"bad_value": 1}
    assert lake_rows(tmp_path / "store", "from lake_coverage") == []  # what is missing is not covered


def test_cryo_native_transfers_are_taken_with_a_caveat(tmp_path: Path) -> None:
    def move(order: int, number: int | None, sender: str, receiver: str, value: int) -> dict[str, Any]:
        return {
            "block_number": 80, "transfer_index": order, "transaction_hash": number and raw(tx(number)),
            "from_address": raw(sender), "to_address": raw(receiver), "value_binary": value.to_bytes(32, "big"),
            "value_f64": float(value), "chain_id": 1,
        }  # fmt: skip

    rows = [
        move(0, 1, USER, SHOP, 0), move(1, 1, SHOP, VAULT, 3), move(2, 1, SHOP, CHILD, 10**30),
        move(3, 2, USER, SHOP, 9), move(4, None, address(0), MINER, 5),
    ]  # fmt: skip
    report = ingest(tmp_path / "store", write_parquet(tmp_path / "native.parquet", rows))
    assert transfers(tmp_path / "store", "tx_hash, kind, position, sender, receiver, value_raw, initiator") == [
        (tx(1), "internal", 1, SHOP, VAULT, 3, None),
        (tx(1), "internal", 2, SHOP, CHILD, 10**30, None),
        (tx(2), "native", 0, USER, SHOP, 9, USER),
        (None, "reward", 0, None, MINER, 5, None),
    ]
    assert issues(report) == {"unknown_success": 3}


def payment(number: int, value: int, **more: Any) -> dict[str, Any]:
    return {
        "hash": tx(number), "nonce": number, "block_hash": tx(99), "block_number": 90 + number, "transaction_index": 0,
        "from_address": USER, "to_address": SHOP, "value": value, "gas": 21000, "gas_price": 10**10, "input": "0x",
        "block_timestamp": 1600000000, "transaction_type": 0, **more,
    }  # fmt: skip


def test_transactions_of_unknown_success(tmp_path: Path) -> None:
    rows = [payment(1, 10**20), payment(2, 0, input="0xa9059cbb" + "00" * 64)]
    report = ingest(tmp_path / "store", write_csv(tmp_path / "transactions.csv", rows), chain="ethereum")
    assert transfers(tmp_path / "store", "tx_hash, kind, position, sender, receiver, value_raw, initiator") == [
        (tx(1), "native", 0, USER, SHOP, 10**20, USER)
    ]
    assert issues(report) == {"unknown_success": 1}
    known = "tx_hash, nonce, method_id, input_length, success, fee_raw, gas_limit, epoch(block_time)::bigint"
    assert lake_rows(tmp_path / "store", f"select {known} from lake_transactions order by 1") == [
        (tx(1), 1, "0x", 0, None, None, 21000, 1600000000),
        (tx(2), 2, "0xa9059cbb", 68, None, None, 21000, 1600000000),
    ]
    covered = "select dataset, kind, first_block, last_block from lake_coverage order by all"
    assert lake_rows(tmp_path / "store", covered) == [("transactions", "", 91, 92), ("transfers", "native", 91, 92)]


def test_receipts_say_what_failed_what_was_created_and_what_it_cost(tmp_path: Path) -> None:
    def receipt(status: int, contract: str | None = None) -> dict[str, Any]:
        return {"receipt_status": status, "receipt_gas_used": 21000, "receipt_contract_address": contract,
                "receipt_effective_gas_price": 2 * 10**10}  # fmt: skip

    rows = [
        payment(1, 5) | receipt(1), payment(2, 6) | receipt(0), payment(3, 7, to_address=None) | receipt(1, CHILD),
    ]  # fmt: skip
    report = ingest(tmp_path / "store", write_parquet(tmp_path / "transactions.parquet", rows), chain="1")
    fee = 21000 * 2 * 10**10
    assert transfers(tmp_path / "store", "tx_hash, kind, sender, receiver, value_raw::bigint, source") == [
        (tx(1), "fee", USER, None, fee, "bigquery transactions"),
        (tx(1), "native", USER, SHOP, 5, "bigquery transactions"),
        (tx(2), "fee", USER, None, fee, "bigquery transactions"),
        (tx(3), "fee", USER, None, fee, "bigquery transactions"),
        (tx(3), "native", USER, CHILD, 7, "bigquery transactions"),
    ]
    outcome = "select success, created, receiver from lake_transactions order by tx_hash"
    assert lake_rows(tmp_path / "store", outcome) == [
        (True, None, SHOP), (False, None, SHOP), (True, CHILD, None),
    ]  # fmt: skip
    assert report.issues == ()


def test_a_bad_transaction_is_counted_once(tmp_path: Path) -> None:
    rows = [payment(1, 5), payment(2, 6, from_address="0x12"), payment(3, 7), payment(3, 7)]
    report = ingest(tmp_path / "store", write_csv(tmp_path / "transactions.csv", rows), chain="ethereum")
    assert issues(report) == {"bad_address": 1, "duplicate_row": 1, "unknown_success": 2}
    assert (report.rows, report.bad_rows) == ({"transactions": 2, "transfers": 2}, 2)


def test_cryo_transactions_know_their_success(tmp_path: Path) -> None:
    rows = [
        {
            "block_number": 90,
            "transaction_index": n,
            "transaction_hash": raw(tx(n)),
            "nonce": n,
            "from_address": raw(USER),
            "to_address": raw(SHOP),
            "value_string": str(10**19 + n),
            "value_f64": 1e19,
            "input": raw("0xa9059cbb00"),
            "gas_limit": 50000,
            "gas_used": 30000,
            "gas_price": 10**9,
            "transaction_type": 2,
            "success": n != 2,
            "n_input_bytes": 5,
            "timestamp": 1600000000,
            "chain_id": 137,
        }
        for n in (1, 2)
    ]
    report = ingest(tmp_path / "store", write_parquet(tmp_path / "polygon__transactions__90_to_92.parquet", rows))
    assert transfers(tmp_path / "store", "chain, tx_hash, kind, value_raw") == [
        ("polygon", tx(1), "fee", 3 * 10**13),
        ("polygon", tx(1), "native", 10**19 + 1),
        ("polygon", tx(2), "fee", 3 * 10**13),
    ]
    assert report.issues == ()
    covered = "select dataset, kind, first_block, last_block from lake_coverage order by all"
    assert lake_rows(tmp_path / "store", covered) == [
        ("transactions", "", 90, 92), ("transfers", "fee", 90, 92), ("transfers", "native", 90, 92),
    ]  # fmt: skip
    assert (
        lake_rows(tmp_path / "store", "select method_id, input_length, type from lake_transactions")
        == [("0xa9059cbb", 5, 2)] * 2
    )
