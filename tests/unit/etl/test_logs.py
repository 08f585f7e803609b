"""Do logs become exactly the transfers their contracts wrote, and nothing else?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intel.etl.logs import DEPOSIT, TRANSFER, TRANSFER_BATCH, TRANSFER_SINGLE, WITHDRAWAL
from tests.ledger_files import address, ingest, issues, lake_rows, raw, transfers, tx, word, write_csv, write_parquet

TOKEN, ALICE, BOB, OPERATOR = address(0xAA), address(0xA11CE), address(0xB0B), address(0x0E)
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"  # the wrapped coin of Ethereum: a fact of the chain
BIG = 2**256 - 1


def topic(party: str) -> str:
    return "0x" + party[2:].rjust(64, "0")


def log(index: int, topics: list[str], data: str, contract: str = TOKEN) -> dict[str, Any]:
    return {
        "block_number": 50,
        "log_index": index,
        "transaction_hash": tx(1),
        "address": contract,
        "topics": topics,
        "data": data,
    }


def batch(ids: list[int], values: list[int]) -> str:
    head = word(64) + word(64 + 32 * (1 + len(ids)))
    return "0x" + head + word(len(ids)) + "".join(map(word, ids)) + word(len(values)) + "".join(map(word, values))


LOGS = [
    log(0, [TRANSFER, topic(ALICE), topic(BOB)], "0x" + word(10**18)),
    log(1, [TRANSFER, topic(ALICE), topic(BOB)], "0x" + word(BIG)),
    log(2, [TRANSFER, topic(ALICE), topic(BOB), "0x" + word(BIG - 7)], "0x"),
    log(3, [TRANSFER], "0x" + word(int(ALICE, 16)) + word(int(BOB, 16)) + word(5)),
    log(4, [TRANSFER_SINGLE, topic(OPERATOR), topic(ALICE), topic(BOB)], "0x" + word(2**200) + word(3)),
    log(5, [TRANSFER_BATCH, topic(OPERATOR), topic(ALICE), topic(BOB)], batch([1, 2, 2**255], [7, 8, 9])),
    log(6, [DEPOSIT, topic(ALICE)], "0x" + word(12), WETH),
    log(7, [WITHDRAWAL, topic(BOB)], "0x" + word(13), WETH),
    log(8, [DEPOSIT, topic(ALICE)], "0x" + word(14)),  # a deposit into something that is no wrapped coin
    log(9, ["0x" + "8c" * 32, topic(ALICE), topic(BOB)], "0x" + word(1)),  # an approval, say
]
EXPECTED = [
    (0, 0, "erc20", ALICE, BOB, TOKEN, None, "1000000000000000000"),
    (1, 0, "erc20", ALICE, BOB, TOKEN, None, str(BIG)),
    (2, 0, "erc721", ALICE, BOB, TOKEN, str(BIG - 7), "1"),
    (3, 0, "erc20_or_erc721", ALICE, BOB, TOKEN, None, "5"),
    (4, 0, "erc1155", ALICE, BOB, TOKEN, str(2**200), "3"),
    (5, 0, "erc1155", ALICE, BOB, TOKEN, "1", "7"),
    (5, 1, "erc1155", ALICE, BOB, TOKEN, "2", "8"),
    (5, 2, "erc1155", ALICE, BOB, TOKEN, str(2**255), "9"),
    (6, 0, "wrap", None, ALICE, WETH, None, "12"),
    (7, 0, "unwrap", BOB, None, WETH, None, "13"),
]


def as_etl_csv(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return write_csv(folder / "logs.csv", [{**row, "topics": ",".join(row["topics"])} for row in rows])


def as_bigquery(folder: Path, rows: list[dict[str, Any]]) -> Path:
    more = {"block_timestamp": "2016-01-01 00:00:00 UTC", "block_hash": tx(99)}
    nested = pa.struct([("list", pa.list_(pa.struct([("element", pa.string())])))])
    shaped = [{**row, **more, "topics": {"list": [{"element": one} for one in row["topics"]]}} for row in rows]
    return write_parquet(folder / "logs.parquet", shaped, {"topics": nested})


def as_cryo(folder: Path, rows: list[dict[str, Any]]) -> Path:
    shaped = []
    for row in rows:
        indexed = dict.fromkeys(("topic0", "topic1", "topic2", "topic3"))
        indexed.update({f"topic{n}": raw(one) for n, one in enumerate(row["topics"])})
        flat = {k: v for k, v in row.items() if k != "topics"}
        binary = {k: raw(flat[k]) for k in ("transaction_hash", "address", "data")}
        shaped.append({**flat, **binary, **indexed, "chain_id": 1})
    blob = dict.fromkeys(("topic0", "topic1", "topic2", "topic3"), pa.binary())
    return write_parquet(folder / "ethereum__logs__00000040_to_00000059.parquet", shaped, blob)


@pytest.mark.parametrize("write", [as_etl_csv, as_bigquery, as_cryo])
def test_every_kind_of_transfer_log(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path, LOGS)
    report = ingest(tmp_path / "store", path, chain=None if write is as_cryo else "ethereum")
    columns = (
        "position, sub_position, kind, sender, receiver, token, token_id, coalesce(value_text, value_raw::varchar)"
    )
    assert transfers(tmp_path / "store", columns) == sorted(EXPECTED, key=lambda row: (row[2], row[0], row[1]))
    assert issues(report) == {"oversize_value": 1}


def test_wrong_lengths_are_counted_and_not_guessed(tmp_path: Path) -> None:
    pair = [topic(ALICE), topic(BOB)]
    wrong = [
        log(0, [TRANSFER, *pair], "0x"),  # a word short
        log(1, [TRANSFER, *pair], "0x" + word(1) + word(2)),  # a word over
        log(2, [TRANSFER, *pair], "0x" + word(1)[:-2]),  # not a whole word
        log(3, [TRANSFER, *pair], "0x" + "zz" * 32),
        log(4, [TRANSFER, "0x" + "f" * 64, topic(BOB)], "0x" + word(1)),  # an address of 32 bytes
        log(5, [TRANSFER_BATCH, topic(OPERATOR), *pair], batch([1, 2], [7])),
        log(6, [TRANSFER_BATCH, topic(OPERATOR), *pair], "0x" + word(2**40) * 5),  # offsets beyond the data
        log(7, [TRANSFER, *pair], "0x" + word(1)),
    ]
    report = ingest(tmp_path / "store", as_etl_csv(tmp_path, wrong), chain="ethereum")
    assert [row[:1] for row in transfers(tmp_path / "store", "position")] == [(7,)]
    assert issues(report) == {"bad_log": 7}
    assert report.bad_rows == 7


def test_an_empty_batch_moves_nothing(tmp_path: Path) -> None:
    empty = log(0, [TRANSFER_BATCH, topic(OPERATOR), topic(ALICE), topic(BOB)], batch([], []))
    report = ingest(tmp_path / "store", as_etl_csv(tmp_path, [empty, LOGS[0]]), chain="ethereum")
    assert (report.rows, report.bad_rows) == ({"transfers": 1}, 0)


def test_blocks_of_a_cryo_file_are_covered_with_and_without_rows(tmp_path: Path) -> None:
    ingest(tmp_path / "store", as_cryo(tmp_path, LOGS))
    query = (
        "select distinct chain, first_block, last_block from lake_coverage where source = 'cryo logs' and kind = '{}'"
    )
    for kind in ("erc20", "erc721", "erc1155"):
        assert lake_rows(tmp_path / "store", query.format(kind)) == [("ethereum", 40, 59)]


def test_a_chain_without_a_known_wrapped_coin_has_no_wrapping(tmp_path: Path) -> None:
    path = as_etl_csv(tmp_path, LOGS)
    ingest(tmp_path / "store", path, chain="arbitrum")
    kinds = {row[0] for row in transfers(tmp_path / "store", "kind")}
    assert kinds == {"erc20", "erc721", "erc1155", "erc20_or_erc721"}
