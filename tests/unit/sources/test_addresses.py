"""Does a list of addresses come out row by row, whatever wrote the file?"""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intel.errors import BadInput, IntelError, UsageError
from intel.sources.addresses import measure_addresses, read_addresses

A, B = "0x" + "a" * 40, "0x" + "B" * 40
LONG = "x" * 100_000


def read(path: Path, column: str | None = None, rows: int = 1000) -> list[str | None]:
    return [text for chunk in read_addresses(path, column, rows=rows) for text in chunk.to_pylist()]


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (f"{A}\n{B}\n".encode(), [A, B]),
        (f"{A}\r\n{B}".encode(), [A, B]),
        (f"\ufeff{A}\r{B}\r".encode(), [A, B]),
        (f"{A}\n{B}\n".encode("utf-16"), [A, B]),
        (b"\xfe\xff" + f"{A}\r\n{B}\r\n".encode("utf-16-be"), [A, B]),
        (f"{A}\n\n{A}\n".encode(), [A, "", A]),
        (f"{LONG}\n{A}\n".encode(), [LONG, A]),
        (b"\x00\x00\n" + A.encode() + b"\x00\n", ["\x00\x00", A + "\x00"]),
        (b"\xff\xfa\xfb\n" + A.encode(), ["\ufffd\ufffd\ufffd", A]),
        (b"", []),
    ],
    ids=["lf", "crlf", "mark and cr", "utf-16", "utf-16-be", "blank", "long", "nul", "no utf-8", "empty"],
)
@pytest.mark.parametrize("name", ["list.txt", "list.TXT.gz"])
def test_text_files(tmp_path: Path, name: str, content: bytes, wanted: list[str]) -> None:
    path = write(tmp_path, name, content)
    assert read(path) == wanted
    assert measure_addresses(path).rows >= len(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"address\n{A}\n{B}\n", [A, B]),
        (f'n,Address\r\n1,"{A}"\r\n2,{B}\r\n3\r\n', [A, B, ""]),
        (f'\ufeffname;address\n"a;b\nc";{A}\n;{B}\n', [A, B]),
        (f"wallet\n{A}\n", [A]),
        (f"a\taddress\n1\t{A}\n", [A]),
        (f"{A}\n{B}\n", [A, B]),  # no header
        (f"n,address\n1,{LONG}\n2,\x00\n", [LONG, "\x00"]),
        ("address\n", []),
    ],
    ids=["plain", "quoted", "semicolons", "one column", "tabs", "no header", "long and nul", "header alone"],
)
@pytest.mark.parametrize("name", ["list.csv", "list.csv.gz"])
def test_csv_files(tmp_path: Path, name: str, text: str, wanted: list[str]) -> None:
    path = write(tmp_path, name, text.encode())
    assert read(path) == wanted
    assert read(write(tmp_path, "wide.csv", text.encode("utf-16"))) == wanted


def test_parquet_files(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    texts = [A, None, "junk", B]
    for column in (pa.array(texts), pa.array(texts, pa.large_string()), pa.array(texts).dictionary_encode()):
        pq.write_table(pa.table({"n": range(4), "Address": column}), path, row_group_size=3)
        assert read(path) == texts
        assert [len(chunk) for chunk in read_addresses(path, rows=2)] == [2, 2]
    pq.write_table(pa.table({"address": [bytes.fromhex(A[2:]), None, b"junk", b"\xff"]}), path)
    assert read(path) == [A, None, "junk", "\ufffd"]
    assert measure_addresses(path).rows == 4
    pq.write_table(pa.table({"address": [1, 2]}), path)
    assert read(path) == ["1", "2"]


def test_a_list_is_told_from_another_by_its_content_alone(tmp_path: Path) -> None:
    content = f"{A}\n{B}\n".encode()
    one, packed = write(tmp_path, "a.txt", content), write(tmp_path, "b.txt.gz", content)
    assert measure_addresses(one) == measure_addresses(packed)
    assert measure_addresses(write(tmp_path, "c.txt", content + b"\n")) != measure_addresses(one)


def damaged(folder: Path) -> list[tuple[Path, str]]:
    whole = folder / "whole.parquet"
    pq.write_table(pa.table({"address": [A] * 1000}), whole)
    nested = folder / "nested.parquet"
    pq.write_table(pa.table({"address": [[A]]}), nested)
    (folder / "folder.txt").mkdir()
    packed = gzip.compress(f"{A}\n".encode() * 1000)
    (folder / "cut.txt.gz").write_bytes(packed[: len(packed) // 2])
    return [
        (folder / "absent.txt", "there is no file"),
        (folder / "folder.txt", "is a folder"),
        (write(folder, "x.xlsx", b""), "ending '.xlsx' is not known"),
        (write(folder, "empty.csv", b""), "is empty"),
        (write(folder, "two.csv", b"from,to\n1,2\n"), "has no column `address`"),
        (write(folder, "cut.parquet", whole.read_bytes()[:-20]), "cannot be read as Parquet"),
        (folder / "cut.txt.gz", "cannot be unpacked"),
        (nested, "holds no text"),
    ]


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    for path, fault in damaged(tmp_path):
        with pytest.raises(IntelError, match=fault) as caught:
            read(path)
        assert isinstance(caught.value, BadInput | UsageError)
        assert caught.value.hint
    with pytest.raises(UsageError, match="no column 'wallet'") as caught:
        read(tmp_path / "two.csv", "wallet")
    assert "from, to" in caught.value.hint
