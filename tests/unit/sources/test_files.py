"""Do paths mean the files a person expects, whatever their form?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from intel.errors import BadInput
from intel.etl.declared import read_block_range
from intel.sources.files import expand_paths, file_kind
from tests.ledger_files import ingest, transfer, transfers, tx, write_csv, write_jsonl, write_parquet


def test_folders_globs_and_names_mean_each_file_once(tmp_path: Path) -> None:
    inner = tmp_path / "2020"
    inner.mkdir()
    made = [tmp_path / "a.csv", inner / "b.parquet", inner / "c.jsonl.gz", tmp_path / "d.ndjson"]
    for path in [*made, tmp_path / "notes.txt"]:
        path.touch()
    assert expand_paths([tmp_path]) == sorted(made)
    assert expand_paths([tmp_path, tmp_path / "a.csv", str(tmp_path / "**" / "*.gz")]) == sorted(made)
    assert expand_paths([str(inner / "*")]) == [inner / "b.parquet", inner / "c.jsonl.gz"]


@pytest.mark.parametrize(
    ("name", "match"),
    [("nothing.csv", "no such file"), ("notes.txt", "cannot tell the format"), ("empty", "no data files")],
)
def test_a_path_without_data_is_an_error(tmp_path: Path, name: str, match: str) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=match):
        expand_paths([tmp_path / name])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("A.CSV", "csv"), ("a.tsv.gz", "csv"), ("a.json", "jsonl"), ("a.parquet", "parquet"), ("a.gz", None)],
)
def test_the_ending_tells_the_kind(name: str, kind: str | None) -> None:
    assert file_kind(Path(name)) == kind


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", write_csv),
        ("t.csv.gz", write_csv),
        ("t.jsonl", write_jsonl),
        ("t.jsonl.gz", write_jsonl),
        ("t.parquet", write_parquet),
    ],
)
def test_every_form_gives_the_same_rows(tmp_path: Path, name: str, write: Any) -> None:
    rows = [transfer(n) for n in range(5)]
    report = ingest(tmp_path / "store", write(tmp_path / name, rows))
    assert (report.rows, report.issues) == ({"transfers": 5}, ())
    assert transfers(tmp_path / "store", "tx_hash, sender, receiver, value_raw, source") == [
        (tx(n), row["sender"], row["receiver"], int(row["value_raw"]), "test") for n, row in enumerate(rows)
    ]


def test_files_of_several_forms_are_one_run(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [transfer(1)])
    write_jsonl(tmp_path / "b.jsonl", [transfer(2)])
    write_parquet(tmp_path / "c.parquet", [transfer(3)])
    write_csv(tmp_path / "d.csv.gz", [{**transfer(4), "extra": "x"}])
    assert ingest(tmp_path / "store", tmp_path).rows == {"transfers": 4}


def test_a_json_key_of_some_rows_only_is_not_lost(tmp_path: Path) -> None:
    rows = [transfer(1, initiator=None), transfer(2)]
    ingest(tmp_path / "store", write_jsonl(tmp_path / "t.jsonl", rows))
    assert transfers(tmp_path / "store", "initiator") == [(None,), (rows[1]["initiator"],)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ethereum__erc20_transfers__15000000_to_15000999.parquet", ("ethereum", 15000000, 15000999)),
        ("network_137__logs__00000000_to_00000009.csv", ("polygon", 0, 9)),
        ("gnosis__traces__my_label__5_to_7.parquet", ("gnosis", 5, 7)),
        ("atlantis__logs__5_to_7.parquet", (None, 5, 7)),
        ("transfers.parquet", None),
    ],
)
def test_block_ranges_of_file_names(name: str, expected: Any) -> None:
    assert read_block_range(Path(name)) == expected
