"""Is every bad row counted and named, every unreadable file refused with a hint, and every good row kept?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from intel.errors import BadInput, UsageError
from intel.etl.stage import count_issues
from intel.pipeline import _stage_files  # what stands between a file and the lake
from intel.store import Connection, open_connection
from tests.ledger_files import (
    address,
    ingest,
    issues,
    lake_rows,
    transfer,
    transfers,
    tx,
    write_csv,
    write_jsonl,
    write_parquet,
)  # fmt: skip

GOOD = [transfer(1), transfer(2), transfer(3)]
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()

BAD_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("bad_address", {"sender": "0x12345"}),
    ("bad_address", {"receiver": "not an address"}),
    ("bad_address", {"token": "0x" + "g" * 40, "kind": "erc20"}),
    ("bad_hash", {"tx_hash": "0x1234"}),
    ("bad_hash", {"tx_hash": None}),
    ("bad_value", {"value_raw": "1.5"}),
    ("bad_value", {"value_raw": "-1"}),
    ("bad_value", {"value_raw": "1e18"}),
    ("bad_value", {"value_raw": None}),
    ("value_over_256_bits", {"value_raw": str(2**256)}),
    ("value_over_256_bits", {"value_raw": hex(2**256)}),
    ("value_over_256_bits", {"token_id": str(2**256), "kind": "erc721"}),
    ("bad_block", {"block_number": "-1"}),
    ("bad_block", {"block_number": "latest"}),
    ("bad_block", {"block_number": None}),
    ("bad_time", {"block_time": "yesterday"}),
    ("future_time", {"block_time": TOMORROW}),
    ("bad_kind", {"kind": "gift"}),
    ("bad_kind", {"kind": None}),
    ("unknown_chain", {"chain": "atlantis"}),
    ("missing_chain", {"chain": None}),
    ("missing_field", {"sender": None, "receiver": None}),
    ("missing_field", {"position": "first"}),
]


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    con = open_connection(memory="1GB", threads=1)
    con.execute(f"attach '{tmp_path_factory.mktemp('stage')}/stage.duckdb' as stage")
    yield con
    con.close()


@pytest.mark.parametrize(("code", "change"), BAD_ROWS)
def test_a_bad_row_alone_has_one_code(con: Connection, tmp_path: Path, code: str, change: dict[str, Any]) -> None:
    path = write_csv(tmp_path / "t.csv", [GOOD[0], {**transfer(9), **change}, *GOOD[1:]])
    staged = _stage_files(con, [path], None, None)
    found = [issue for table in staged for issue in count_issues(con, table)]
    assert [(issue.code, issue.rows, issue.row_number, issue.kept) for issue in found] == [(code, 1, 2, False)]


def test_a_bad_row_is_written_down_and_the_good_ones_are_taken(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [GOOD[0], {**transfer(9), "sender": "0x12345"}, *GOOD[1:]])
    report = ingest(tmp_path / "store", path)
    assert issues(report) == {"bad_address": 1}
    assert (report.rows, report.bad_rows, report.bad_share) == ({"transfers": 3}, 1, 0.25)
    assert transfers(tmp_path / "store", "tx_hash") == [(tx(1),), (tx(2),), (tx(3),)]
    recorded = lake_rows(tmp_path / "store", "select code, file, row_number, rows, kept, hint <> '' from lake_issues")
    assert recorded == [("bad_address", str(path), 2, 1, False, True)]


def test_the_largest_value_is_kept_as_text(tmp_path: Path) -> None:
    largest = 2**256 - 1
    for name, value in (("text", str(largest)), ("hex", hex(largest))):
        path = write_csv(tmp_path / f"{name}.csv", [transfer(1, kind="erc20", token=address(7), value_raw=value)])
        report = ingest(tmp_path / name, path)
        assert transfers(tmp_path / name, "value_raw, value_text") == [(None, str(largest))]
        assert (issues(report), report.bad_rows) == ({"oversize_value": 1}, 0)


def test_the_line_between_sums_and_text_is_10_to_the_37(tmp_path: Path) -> None:
    rows = [transfer(n, value_raw=str(v)) for n, v in enumerate((10**37 - 1, 10**37))]
    ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", rows))
    assert transfers(tmp_path / "store", "value_raw, value_text") == [(10**37 - 1, None), (None, str(10**37))]


def test_duplicates_are_told_from_contradictions(tmp_path: Path) -> None:
    rows = [transfer(1), transfer(1), transfer(2), transfer(2, value_raw="5"), transfer(2, position=1)]
    report = ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", rows))
    assert issues(report) == {"duplicate_row": 1, "duplicate_key": 1}
    assert transfers(tmp_path / "store", "tx_hash, position, value_raw") == [
        (tx(1), 0, 10**18 + 1), (tx(2), 0, 10**18 + 2), (tx(2), 1, 10**18 + 2),
    ]  # fmt: skip


def test_duplicates_are_found_across_files(tmp_path: Path) -> None:
    first = write_csv(tmp_path / "a.csv", [transfer(1)])
    second = write_parquet(tmp_path / "b.parquet", [transfer(1, value_raw="7")])
    report = ingest(tmp_path / "store", first, second)
    assert issues(report) == {"duplicate_key": 1}
    assert report.rows == {"transfers": 1}


def test_equal_rows_without_a_position_are_two_transfers(tmp_path: Path) -> None:
    rows = [transfer(1, position=None), transfer(1, position=None)]
    report = ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", rows))
    assert transfers(tmp_path / "store", "position, position_is_known") == [(0, False), (1, False)]
    assert report.issues == ()


def test_broken_lines_are_counted_with_their_place(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", GOOD)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "ethereum,5,only three", *lines[2:], lines[1] + ",one,too,many", ""]))
    report = ingest(tmp_path / "store", path)
    assert (issues(report), report.rows) == ({"malformed_row": 2}, {"transfers": 3})
    assert [(i.row_number, i.value) for i in report.issues] == [(3, "ethereum,5,only three")]


def test_broken_json_lines_are_counted(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", GOOD)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], '{"chain": "ethereum", ', "[1, 2]", *lines[1:], ""]))
    report = ingest(tmp_path / "store", path)
    assert (issues(report), report.rows) == ({"malformed_row": 2}, {"transfers": 3})


def test_text_in_another_encoding_is_counted_not_garbled(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", GOOD)
    good = path.read_bytes()
    row = good.splitlines()[1].replace(b"test", "t\u00east".encode("latin-1"))
    path.write_bytes(good + row + b"\n")
    report = ingest(tmp_path / "store", path)
    assert (issues(report), report.rows) == ({"malformed_row": 1}, {"transfers": 3})


def test_a_header_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("cha\u00eene,block_number\n1,2\n".encode("latin-1"))
    with pytest.raises(BadInput, match="not UTF-8") as caught:
        ingest(tmp_path / "store", path)
    assert str(path) in caught.value.message
    assert "iconv" in caught.value.hint


def test_a_missing_column_names_the_nearest_layout(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "value_raw"} for row in GOOD]
    with pytest.raises(BadInput, match="t\\.csv") as caught:
        ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", rows))
    assert caught.value.hint == "nearest is intel transfers, which also needs: value_raw"


def test_a_missing_value_column_of_another_tool_names_its_spellings(tmp_path: Path) -> None:
    row = {
        "block_number": 1, "transaction_hash": tx(1), "log_index": 0, "erc20": address(9), "from_address": address(1),
        "to_address": address(2), "chain_id": 1,
    }  # fmt: skip
    with pytest.raises(BadInput) as caught:
        ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", [row]), dataset="token_transfers")
    assert "cryo erc" in caught.value.hint
    assert "one of" in caught.value.hint


@pytest.mark.parametrize("name", ["t.parquet", "t.csv.gz", "t.jsonl.gz"])
def test_a_truncated_file_is_refused_and_nothing_taken(tmp_path: Path, name: str) -> None:
    kind = name.split(".")[1]
    write = {"parquet": write_parquet, "csv": write_csv, "jsonl": write_jsonl}[kind]
    whole = write(tmp_path / name, [transfer(n) for n in range(2000)]).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    good = write_csv(tmp_path / "good.csv", GOOD)
    with pytest.raises(BadInput, match=name.replace(".", "\\.")) as caught:
        ingest(tmp_path / "store", good, tmp_path / name)
    assert "nothing of this run was taken" in caught.value.hint
    assert transfers(tmp_path / "store") == []


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("chain,block_number\n")
    with pytest.raises(BadInput, match="cannot be read as parquet"):
        ingest(tmp_path / "store", tmp_path / "t.parquet")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.csv.gz"])
def test_an_empty_file_is_nothing_and_no_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    report = ingest(tmp_path / "store", tmp_path / name)
    assert (sum(report.rows.values()), report.bad_rows, report.bad_share) == (0, 0, 0.0)


def test_a_header_without_rows_is_nothing_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(transfer(1)) + "\n")
    report = ingest(tmp_path / "store", tmp_path / "t.csv")
    assert (report.rows, report.bad_rows) == ({"transfers": 0}, 0)


def test_a_file_without_a_chain_needs_to_be_told(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [{k: v for k, v in row.items() if k != "chain"} for row in GOOD])
    with pytest.raises(UsageError, match="no chain column"):
        ingest(tmp_path / "store", path)
    with pytest.raises(UsageError, match="atlantis"):
        ingest(tmp_path / "store", path, chain="atlantis")
    assert ingest(tmp_path / "store", path, chain="eip155:1").rows == {"transfers": 3}
    assert set(transfers(tmp_path / "store", "chain")) == {("ethereum",)}


def test_an_unknown_kind_of_dataset_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'swaps'") as caught:
        ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", GOOD), dataset="swaps")
    assert "token_transfers" in caught.value.hint


def test_a_block_with_a_refused_row_is_a_hole_in_the_coverage(tmp_path: Path) -> None:
    rows = [transfer(n, block_number=n) for n in range(1, 6)]
    rows.insert(0, transfer(9, block_number=3, sender="0x1"))
    ingest(tmp_path / "store", write_csv(tmp_path / "t.csv", rows))
    query = "select first_block, last_block from lake_coverage order by 1"
    assert lake_rows(tmp_path / "store", query) == [(1, 2), (4, 5)]
    ingest(tmp_path / "store", write_csv(tmp_path / "u.csv", [transfer(3, block_number=3)]))
    assert lake_rows(tmp_path / "store", query) == [(1, 5)]


def test_a_dry_run_reports_and_writes_nothing(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [*GOOD, transfer(4, sender="0x1")])
    report = ingest(tmp_path / "store", path, dry_run=True)
    assert (report.rows, report.bad_rows, report.bad_share) == ({"transfers": 3}, 1, 0.25)
    assert not (tmp_path / "store" / "lake").exists()


def test_text_of_a_source_never_becomes_sql(tmp_path: Path) -> None:
    nasty = "x'; drop table stage.transfers; --"
    rows = [transfer(1, source=nasty), transfer(2, kind="native' or '1'='1", source=nasty)]
    report = ingest(tmp_path / "store", write_csv(tmp_path / "it's a file.csv", rows))
    assert issues(report) == {"bad_kind": 1}
    assert report.rows == {"transfers": 1}
    assert ingest(tmp_path / "store", tmp_path / "it's a file.csv").replaced == 1
