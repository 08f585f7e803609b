"""Are labels read as they are, with every bad row counted and every unreadable file refused?"""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intel.errors import BadInput
from intel.sources.labels import read_labels
from intel.sources.parsed import Parsed
from intel.store import open_connection
from intel.store.lake import lake_schema

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
A, B, C = ("0x" + digit * 40 for digit in "abc")


def read(path: Path, source: str | None = None) -> Parsed:
    return read_labels(open_connection(threads=1), [path], source=source, recorded_at=NOW)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def codes(parsed: Parsed) -> dict[str, int]:
    counted: dict[str, int] = {}
    for issue in parsed.issues:
        counted[issue.code] = counted.get(issue.code, 0) + issue.rows
    return counted


def test_parquet_and_csv_give_the_same_rows(tmp_path: Path) -> None:
    rows = {
        "chain": ["ETH", "bitcoin"],
        "address": [A.upper().replace("0X", "0x"), "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"],
        "entity": ["Kraken", ""],
        "label": ["Kraken 4", "sextortion mail"],
        "category": ["cex", "sextortion"],
        "raw_category": ["x", "y"],
        "source": ["mine", "mine"],
        "source_ref": ["page | https://example.org/a", ""],
        "source_date": ["2024-05-06", "7/22/17"],
        "confidence": ["service_api", ""],
    }
    table = pa.table(rows)
    pq.write_table(table, tmp_path / "a.parquet")
    lines = [",".join(rows), *(",".join(values) for values in zip(*rows.values(), strict=True))]
    write(tmp_path / "a.csv", "\n".join(lines) + "\n")
    with gzip.open(tmp_path / "b.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    parquet, plain, packed = (read(tmp_path / name) for name in ("a.parquet", "a.csv", "b.csv.gz"))
    assert parquet.tables["labels"].to_pylist() == plain.tables["labels"].to_pylist()
    assert parquet.tables["labels"].to_pylist() == packed.tables["labels"].to_pylist()
    assert parquet.tables["labels"].schema.names == lake_schema("labels").names
    assert parquet.tables["labels"].schema.types == lake_schema("labels").types
    first, second = plain.tables["labels"].to_pylist()
    assert (first["chain"], first["address"], first["category"], first["url"]) == (
        "ethereum", A, "exchange", "https://example.org/a",
    )  # fmt: skip
    assert first["recorded_at"] == NOW.replace(tzinfo=None)
    assert (second["entity"], second["confidence"], second["source_date"]) == (None, None, date(2017, 7, 22))
    assert codes(plain) == {}


def test_every_bad_row_is_counted_and_the_good_ones_kept(tmp_path: Path) -> None:
    wrong_checksum = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    path = write(
        tmp_path / "mixed.csv",
        "chain,address,entity,label,category,confidence,source_date\n"
        f"ethereum,{A},Kraken,,exchange,service_api,2024-01-01\n"
        f"ethereum,{A},Kraken,,exchange,service_api,2024-01-01\n"
        f"narnia,{A},Kraken,,exchange,,\n"
        f",{A},Kraken,,exchange,,\n"
        "ethereum,0x12,Kraken,,exchange,,\n"
        "ethereum,,Kraken,,exchange,,\n"
        f"ethereum,{B},,,,,\n"
        f"ethereum,{wrong_checksum},Kraken,,exchange,,\n"
        f"ethereum,{B},Kraken,,tea shop,quite sure,last summer\n"
        "ethereum,one,two,three,four,five,six,seven,eight\n",
    )
    parsed = read(path)
    assert codes(parsed) == {
        "duplicate_row": 1, "unknown_chain": 1, "missing_chain": 1, "bad_address": 1, "missing_field": 2,
        "checksum_mismatch": 1, "bad_category": 1, "bad_confidence": 1, "bad_date": 1, "malformed_row": 1,
    }  # fmt: skip
    labels = parsed.tables["labels"].to_pylist()
    assert [row["address"] for row in labels] == [A, wrong_checksum.lower(), B]
    assert (labels[2]["category"], labels[2]["confidence"], labels[2]["source_date"]) == ("tea shop", "unknown", None)
    assert {row["source"] for row in labels} == {"mixed"}  # no source column: the file's name
    assert parsed.bad_rows + len(labels) == 10
    bad = next(issue for issue in parsed.issues if issue.code == "bad_address")
    assert (bad.row_number, bad.value, Path(bad.file).name) == (5, "0x12", "mixed.csv")


def test_source_option_wins(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"chain,address,label,source\nevm,{A},x,theirs\n")
    assert read(path, "ours").tables["labels"]["source"].to_pylist() == ["ours"]
    assert read(path).tables["labels"]["source"].to_pylist() == ["theirs"]


def test_unreadable_files_are_refused_with_a_hint(tmp_path: Path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes(f"chain,address,label\nevm,{A},ok\nevm,{B},caf\xe9\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"latin\.csv is not UTF-8 text: line 3") as caught:
        read(latin)
    assert "iconv" in caught.value.hint
    with pytest.raises(BadInput, match="no column 'address'"):
        read(write(tmp_path / "missing.csv", "chain,addr,label\nevm,x,y\n"))
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"chain": ["evm"] * 500, "address": [A] * 500}), whole)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(BadInput, match=r"cut\.parquet"):
        read(cut)
    with pytest.raises(BadInput, match="nothing-here"):
        read(tmp_path / "nothing-here.csv")


def test_actor_files_are_known_by_their_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path / "actors.csv",
        "entity_id,name,types,website,jurisdictions,aliases,legal_name,source\n"
        "teabank,Tea Bank,exchange|service,teabank.test,GB,tea-b|the tea bank,Tea Bank Holdings Ltd,made_up\n"
        ",,exchange,,,,,made_up\n",
    )
    parsed = read(path)
    assert codes(parsed) == {"missing_field": 1}
    actor = parsed.tables["actors"].to_pylist()[0]
    assert (actor["slug"], actor["aliases"]) == ("teabank", "tea-b|the tea bank|Tea Bank Holdings Ltd")
    assert parsed.tables["actors"].schema.names == lake_schema("actors").names


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", f"chain,address,label\nevm,{A},x\n")
    write(tmp_path / "b.jsonl", f'{{"chain": "evm", "address": "{B}", "label": "y"}}\n')
    pack = f"title: t\ncreator: me\nnetwork: ETH\nlabel: z\nsource: s\ntags:\n  - address: '{C}'\n"
    write(tmp_path / "c.yaml", pack)
    parsed = read(tmp_path)
    assert sorted(parsed.tables["labels"]["address"].to_pylist()) == [A, B, C]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadInput, match="no label files"):
        read(empty)
