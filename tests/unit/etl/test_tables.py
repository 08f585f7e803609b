"""Are the plain tables of other tools, and our own, taken column by column?"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.ledger_files import (
    address,
    ingest,
    issues,
    lake_rows,
    raw,
    transfer,
    transfers,
    tx,
    write_csv,
    write_parquet,
)  # fmt: skip

HUGE = 2**255 + 3


def cryo_move(index: int, **more: Any) -> dict[str, Any]:
    return {
        "block_number": 500 + index, "transaction_index": 0, "log_index": index, "transaction_hash": raw(tx(index)),
        "erc20": raw(address(9)), "from_address": raw(address(1)), "to_address": raw(address(2)), "chain_id": 1, **more,
    }  # fmt: skip


def exact(value: int) -> bytes:
    return value.to_bytes(32, "big")


def test_cryo_erc20_transfers_take_the_exact_value_column(tmp_path: Path) -> None:
    rows = [cryo_move(n, value_binary=exact(v), value_f64=float(v)) for n, v in enumerate((0, 7, 10**36, HUGE))]
    report = ingest(tmp_path / "store", write_parquet(tmp_path / "e.parquet", rows))
    assert transfers(tmp_path / "store", "kind, position, token, value_raw, value_text, source") == [
        ("erc20", n, address(9), v if v < 10**37 else None, str(v) if v >= 10**37 else None, "cryo erc20_transfers")
        for n, v in enumerate((0, 7, 10**36, HUGE))
    ]
    assert issues(report) == {"oversize_value": 1}


def test_rounded_values_are_refused_row_by_row(tmp_path: Path) -> None:
    rows = [cryo_move(0, value_f64=1234.0), cryo_move(1, value_f64=1e18)]
    report = ingest(tmp_path / "store", write_parquet(tmp_path / "e.parquet", rows))
    assert (report.rows, issues(report)) == ({"transfers": 1}, {"bad_value": 1})
    assert "rounded" in report.issues[0].hint


@pytest.mark.parametrize("contract", ["erc20", "erc721"])
def test_cryo_erc721_transfers(tmp_path: Path, contract: str) -> None:
    rows = [cryo_move(n, token_id_string=str(i), token_id_f64=float(i)) for n, i in enumerate((5, HUGE))]
    for row in rows:
        row[contract] = row.pop("erc20")
    ingest(tmp_path / "store", write_parquet(tmp_path / "e.parquet", rows))
    assert transfers(tmp_path / "store", "kind, token, token_id, value_raw") == [
        ("erc721", address(9), "5", 1), ("erc721", address(9), str(HUGE), 1),
    ]  # fmt: skip


def test_an_empty_cryo_file_covers_the_blocks_it_names(tmp_path: Path) -> None:
    path = tmp_path / "network_10__erc20_transfers__label__00015000_to_00015999.parquet"
    pq.write_table(pq.read_table(write_parquet(path, [cryo_move(0, value_string="1")])).slice(0, 0), path)
    report = ingest(tmp_path / "store", path)
    assert report.rows == {"transfers": 0}
    assert lake_rows(
        tmp_path / "store", "select dataset, chain, kind, source, first_block, last_block from lake_coverage"
    ) == [("transfers", "optimism", "erc20", "cryo erc20_transfers", 15000, 15999)]


@pytest.mark.parametrize("more", [{}, {"block_timestamp": "2020-02-02 02:02:02 UTC", "block_hash": tx(7)}])
def test_token_transfers_stay_ambiguous(tmp_path: Path, more: dict[str, Any]) -> None:
    row = {
        "token_address": address(9), "from_address": address(1), "to_address": address(2), "value": str(HUGE),
        "transaction_hash": tx(1), "log_index": 4, "block_number": 77, **more,
    }  # fmt: skip
    ingest(tmp_path / "store", write_csv(tmp_path / "token_transfers.csv", [row]), chain="ethereum")
    time = datetime(2020, 2, 2, 2, 2, 2) if more else None  # noqa: DTZ001 (the lake's times are UTC without saying so)
    source = "bigquery token_transfers" if more else "ethereum-etl token_transfers"
    assert transfers(tmp_path / "store", "kind, position, token, value_text, block_time, source") == [
        ("erc20_or_erc721", 4, address(9), str(HUGE), time, source)
    ]


def test_blocks_of_both_tools(tmp_path: Path) -> None:
    etl = {"number": 5, "hash": tx(5), "parent_hash": tx(4), "nonce": "0x1", "timestamp": 1500000000, "gas_limit": 1}
    cryo = {
        "block_hash": raw(tx(6)),
        "author": raw(address(1)),
        "block_number": 6,
        "timestamp": 1500000012,
        "chain_id": 1,
    }
    ingest(
        tmp_path / "store", write_csv(tmp_path / "b.csv", [etl]), write_parquet(tmp_path / "c.parquet", [cryo]),
        chain="ethereum",
    )  # fmt: skip
    columns = (
        "select chain, block_number, block_hash, parent_hash, epoch(block_time)::bigint from lake_blocks order by 2"
    )
    assert lake_rows(tmp_path / "store", columns) == [
        ("ethereum", 5, tx(5), tx(4), 1500000000), ("ethereum", 6, tx(6), None, 1500000012),
    ]  # fmt: skip


def test_our_own_transactions_stay_transactions(tmp_path: Path) -> None:
    row = {
        "chain": "ethereum",
        "block_number": 5,
        "block_time": "2020-01-01",
        "tx_hash": tx(1),
        "tx_index": 0,
        "sender": address(1),
        "receiver": address(2),
        "value_raw": "10",
        "gas_limit": 21000,
        "gas_price": 5,
        "nonce": 0,
        "type": 0,
        "method_id": "0x",
        "input_length": 0,
        "miner": None,
    }
    report = ingest(tmp_path / "store", write_csv(tmp_path / "transactions.csv", [row]))
    assert report.rows == {"transactions": 1}
    assert transfers(tmp_path / "store") == []


def test_our_own_transfers_keep_what_they_say(tmp_path: Path) -> None:
    row = transfer(1, kind="erc1155", token=address(9), token_id=str(HUGE), sub_position=3, value_raw="0x10")
    ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", [row]))
    assert transfers(tmp_path / "store", "kind, sub_position, token_id, value_raw, initiator, source") == [
        ("erc1155", 3, str(HUGE), 16, address(2), "test")
    ]
