"""Which addresses does a list hold: a text file, a CSV or a Parquet file, in order and in chunks?"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from intel.errors import BadInput, UsageError

CHUNK_ROWS = 100_000


def read_addresses(path: Path, column: str | None = None, *, rows: int = CHUNK_ROWS) -> Iterator[pa.Array]:
    """Yield the texts of an address list in chunks, every row of the file in its place, junk included.

    `.txt` has one address a line; a CSV or Parquet file has them in `column`, else in the column `address`, else in
    its only column. Raises BadInput for a file that cannot be read, UsageError for a column that is not there.
    """
    readers = {".txt": _read_lines, ".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        known = ", ".join(readers)
        raise UsageError(f"{path} is no address list: the ending {path.suffix!r} is not known", f"known: {known}")
    if not path.is_file():
        raise BadInput(f"there is no file {path}", "give a .txt, .csv or .parquet file with addresses")
    yield from readers[path.suffix.lower()](path, column, rows)


def _read_lines(path: Path, column: str | None, rows: int) -> Iterator[pa.Array]:
    # A byte that is no UTF-8 makes a junk address of its line, not a failure of the file.
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as lines:
        yield from _chunk((line.rstrip("\n") for line in lines), rows)


def _read_csv(path: Path, column: str | None, rows: int) -> Iterator[pa.Array]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        table = csv.reader(lines)
        header = next(table, None)
        if header is None:
            raise BadInput(f"{path} is empty", "its first line must name the columns")
        place = header.index(_find_column(path, header, column))
        yield from _chunk((row[place] if place < len(row) else "" for row in table), rows)


def _read_parquet(path: Path, column: str | None, rows: int) -> Iterator[pa.Array]:
    try:
        file = pq.ParquetFile(path)
        name = _find_column(path, file.schema_arrow.names, column)
        for batch in file.iter_batches(batch_size=rows, columns=[name]):
            yield pc.cast(batch.column(0), pa.string())
    except pa.ArrowInvalid as error:
        fault = str(error).splitlines()[0]
        raise BadInput(
            f"{path} cannot be read as Parquet: {fault}", "the file may be cut short: copy it anew"
        ) from error


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
