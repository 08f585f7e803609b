"""Which addresses does a list hold: a text file, a CSV or a Parquet file, in order and in chunks?"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from intel.errors import BadInput, UsageError

CHUNK_ROWS = 200_000

_ENDINGS = (".txt", ".txt.gz", ".csv", ".csv.gz", ".parquet")
_BLOCK_BYTES = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")  # the first wins a tie
_ADDRESS_LIKE = re.compile(r"(?:[-\w]+:)*[0-9A-Za-z]{25,128}")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What tells one list from another, and about how many rows it has (lines; a quoted line break counts twice)."""

    digest: str  # SHA-256 of its content, before any compression
    rows: int


def measure_addresses(path: Path) -> ListFacts:
    """Read a list once from end to end, without looking for addresses. Raises as `read_addresses` does."""
    kind = _check_list(path)
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    with _name_faults(path), _open_bytes(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            lines += block.count(b"\n") or block.count(b"\r")
            last = block
    if kind == ".parquet":
        return ListFacts(digest.hexdigest(), _open_parquet(path).metadata.num_rows)
    rows = lines + (not last.endswith((b"\n", b"\n\0", b"\r"))) - (kind == ".csv")
    return ListFacts(digest.hexdigest(), max(rows, 0))


def read_addresses(path: Path, column: str | None = None, *, rows: int = CHUNK_ROWS) -> Iterator[pa.Array]:
    """Yield the texts of an address list in chunks, every row of the file in its place, junk included.

    `.txt` has one address a line; a CSV or Parquet file has them in `column`, else in the column `address`, else in
    its only column. Text is UTF-8, or UTF-16 with its mark; a CSV may be split by `,`, `;`, `|` or tabs. Bytes in
    Parquet are taken for raw EVM addresses where they are 20 long, else for text. Raises BadInput for a file that
    cannot be read, UsageError for a column that is not there.
    """
    readers = {".txt": _read_lines, ".csv": _read_csv, ".parquet": _read_parquet}
    read = readers[_check_list(path)]
    with _name_faults(path):
        yield from read(path, column, rows)


def _check_list(path: Path) -> str:
    name = path.name.lower()
    if not name.endswith(_ENDINGS):
        raise UsageError(
            f"{path} is no address list: the ending {path.suffix!r} is not known", f"known: {', '.join(_ENDINGS)}"
        )
    if path.is_dir():
        raise BadInput(f"{path} is a folder, not a list of addresses", "name one file in it")
    if not path.is_file():
        raise BadInput(f"there is no file {path}", "give a .txt, .csv or .parquet file with addresses")
    return Path(name.removesuffix(".gz")).suffix


@contextmanager
def _name_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path} cannot be unpacked: {error}", "the file may be cut short: copy it anew") from error
    except pa.ArrowException as error:
        fault = str(error).splitlines()[0]
        raise BadInput(
            f"{path} cannot be read as Parquet: {fault}", "the file may be cut short: copy it anew"
        ) from error
    except PermissionError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", "check its permissions") from error


def _open_bytes(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


@contextmanager
def _open_text(path: Path, newline: str | None) -> Iterator[io.TextIOWrapper]:
    with _open_bytes(path) as file:
        mark = file.read(2)
    encoding = "utf-16" if mark in _UTF16_MARKS else "utf-8-sig"
    with _open_bytes(path) as file:
        # A byte that is no UTF-8 makes a junk address of its line, not a failure of the file.
        yield io.TextIOWrapper(file, encoding=encoding, errors="replace", newline=newline)


def _read_lines(path: Path, column: str | None, rows: int) -> Iterator[pa.Array]:
    if column is not None:
        raise UsageError(f"{path} has no column {column!r}: it is a text file, one address a line", "leave it out")
    with _open_text(path, None) as lines:
        yield from _chunk((line.rstrip("\n") for line in lines), rows)


def _read_csv(path: Path, column: str | None, rows: int) -> Iterator[pa.Array]:
    csv.field_size_limit(sys.maxsize)
    with _open_text(path, "") as lines:
        first = lines.readline()
        if not first.strip():
            raise BadInput(f"{path} is empty", "its first line must name the columns")
        delimiter = max(_DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=delimiter))
        # A blank line is an empty row.
        table: Iterable[list[str]] = csv.reader(lines, delimiter=delimiter)
        if column is None and len(header) == 1 and _ADDRESS_LIKE.fullmatch(header[0].strip()):
            table, place = chain([header], table), 0  # no header: the first line is a row
        else:
            place = header.index(_find_column(path, header, column))
        yield from _chunk((row[place] if place < len(row) else "" for row in table), rows)


def _open_parquet(path: Path) -> pq.ParquetFile:
    with _name_faults(path):
        return pq.ParquetFile(path)


def _read_parquet(path: Path, column: str | None, rows: int) -> Iterator[pa.Array]:
    with _open_parquet(path) as file:
        schema = file.schema_arrow
        name = _find_column(path, schema.names, column)
        if pa.types.is_nested(schema.field(name).type):
            raise UsageError(f"the column {name!r} of {path} holds no text but {schema.field(name).type}", "flatten it")
        # Row groups decide the size of batches too; chunks are cut anew, so that equal lists give equal chunks.
        held: list[pa.Array] = []
        for batch in file.iter_batches(batch_size=rows, columns=[name]):
            held.append(_read_texts(batch.column(0)))
            if sum(map(len, held)) >= rows:
                whole = pa.concat_arrays(held)
                yield whole[:rows]
                held = [whole[rows:]]
        if sum(map(len, held)):
            yield pa.concat_arrays(held)


def _read_texts(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([None if cell is None else _read_cell(cell) for cell in column.to_pylist()], pa.string())
    return pc.cast(column, pa.string())


def _read_cell(cell: bytes) -> str:
    return "0x" + cell.hex() if len(cell) == 20 else cell.decode("utf-8", errors="replace")


def _find_column(path: Path, names: list[str], wanted: str | None) -> str:
    plain = {name.strip().lower(): name for name in reversed(names)}
    if wanted is not None and wanted.strip().lower() not in plain:
        raise UsageError(f"{path} has no column {wanted!r}", f"columns: {', '.join(names)}")
    if wanted is not None:
        return plain[wanted.strip().lower()]
    if "address" in plain:
        return plain["address"]
    if len(names) == 1:
        return names[0]
    raise UsageError(
        f"{path} has no column `address`, and {len(names)} others",
        f"name one with --address-column: {', '.join(names)}",
    )


def _chunk(texts: Iterable[str], rows: int) -> Iterator[pa.Array]:
    stream = iter(texts)
    while chunk := list(islice(stream, rows)):
        yield pa.array(chunk, pa.string())
