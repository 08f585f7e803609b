"""Which files does a path mean, and how is each opened as a table?

Parquet, CSV and JSON lines (also .gz) become DuckDB views whose rows know their file and row number, so that a bad
row can be named. Text formats are read as text: types are decided by the cleaner, never guessed by a sniffer.
"""

from __future__ import annotations

import csv
import glob
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from intel.errors import BadInput
from intel.sources.parquet_bombs import BombCheck
from intel.store import Connection, DatabaseError, is_disk_full, is_read_error

_KINDS = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_LONGEST_HEADER = 1_000_000  # characters
_LONGEST_LINE = 16_000_000  # bytes; shorter ones that are too long for DuckDB are counted
_CHUNK = 1 << 22
FILE_COLUMN, ROW_COLUMN = "intel_file", "intel_row"


@dataclass(frozen=True, slots=True)
class RawTable:
    """Files of one shape, opened as view `name`; `columns` maps the source's column names to DuckDB types."""

    name: str
    files: tuple[Path, ...]
    columns: dict[str, str]
    malformed: str | None = None  # query that yields (file, line, text) of lines the reader could not split


def expand_paths(paths: Sequence[str | Path]) -> list[Path]:
    """Return the data files that files, folders and globs stand for, sorted, each once.

    Raises BadInput for a path that matches nothing or a file of an unknown kind named directly.
    """
    found: dict[Path, None] = {}
    for path in paths:
        matches = _match_path(str(path))
        if not matches:
            raise BadInput(f"no such file or folder: {path}", "check the spelling; globs must be quoted in the shell")
        for match in matches:
            if match.is_dir():
                found.update(dict.fromkeys(p for p in sorted(match.rglob("*")) if p.is_file() and file_kind(p)))
            elif file_kind(match) and not match.is_file():
                raise BadInput(f"{match} is no regular file", "name a file on disk: a pipe or a device has no end")
            elif file_kind(match):
                found[match] = None
            else:
                raise BadInput(f"cannot tell the format of {match}", "use .parquet, .csv or .jsonl, also with .gz")
    if not found:
        raise BadInput(f"no data files in {', '.join(map(str, paths))}", "expected .parquet, .csv or .jsonl files")
    return sorted(found)


def _match_path(path: str) -> list[Path]:
    try:
        return sorted(Path(match) for match in glob.glob(path, recursive=True))  # noqa: PTH207 (absolute patterns)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path!r:.200} is no path: {error}", "name a file or a folder") from error


def file_kind(path: Path) -> str | None:
    """Return parquet, csv or jsonl by the name's ending, or None."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _KINDS.get(suffixes[-1]) if suffixes else None


def quote_name(name: str) -> str:
    """Return a column name of a file as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def open_files(con: Connection, files: Sequence[Path]) -> list[RawTable]:
    """Open files as views raw_0, raw_1, ...: one view for all files of equal kind and columns.

    Raises BadInput, naming the file, for what cannot be opened at all (truncated, not what its name says, no header),
    and for Parquet that unfolds beyond measure.
    """
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Path]] = {}
    bombs = BombCheck()
    for path in files:
        kind = file_kind(path) or ""
        columns = _read_columns(con, path, kind)
        if kind == "parquet":
            with name_unreadable([path]):
                bombs.add(con, path, columns)
        if columns:  # an empty text file has no columns and no rows: nothing to take, nothing wrong
            groups.setdefault((kind, tuple(columns.items())), []).append(path)
    tables = []
    for number, ((kind, shape), members) in enumerate(groups.items()):
        opened = RawTable(f"raw_{number}", tuple(members), dict(shape))
        tables.append(_OPENERS[kind](con, opened))
    return tables


@contextmanager
def name_unreadable(files: Sequence[Path]) -> Iterator[None]:
    """Turn what a damaged file raises while its rows are read into a BadInput that names it."""
    try:
        yield
    except DatabaseError as error:
        if not is_read_error(error) or is_disk_full(error):
            raise
        names = ", ".join(str(path) for path in files[:3])
        first = str(error).splitlines()[0][:500]
        hint = "the file may be damaged; nothing of this run was taken, leave it out and run again"
        raise BadInput(f"{names} cannot be read to the end: {first}", hint) from error


def _read_columns(con: Connection, path: Path, kind: str) -> dict[str, str]:
    try:
        if kind == "parquet":
            relation = con.read_parquet(str(path))
            return dict(zip(relation.columns, map(str, relation.types), strict=True))
        names = _csv_header(path) if kind == "csv" else _json_keys(con, path)
        is_blank = bool(names) or _is_blank(path)
    except (DatabaseError, OSError, EOFError, zlib.error, csv.Error) as error:
        first = str(error).splitlines()[0]
        raise BadInput(f"{path} cannot be read as {kind}: {first}", _TRUNCATED_HINT) from error
    if not names and not is_blank:
        what = "no line of it is a JSON object" if kind == "jsonl" else "its first line is empty"
        raise BadInput(f"{path} cannot be read as {kind}: {what}", _TRUNCATED_HINT)
    _check_names(path, names)
    return dict.fromkeys(names, "VARCHAR")


def _check_names(path: Path, names: list[str]) -> None:
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise BadInput(f"{path} is not UTF-8 text", _ENCODING_HINT)
    if len(set(names)) != len(names) or "" in names:
        raise BadInput(f"{path} has an empty or repeated column name: {names}", "the first line must name the columns")


_ENCODING_HINT = "convert it to UTF-8 first, for example with: iconv -f latin1 -t utf-8"
_TRUNCATED_HINT = "the file may be truncated or of another kind than its name says; nothing of this run was taken"


def _open_text(path: Path) -> TextIO:
    """Open a text file; bytes that are not UTF-8 come as lone surrogates: one bad line does not condemn the file."""
    if path.suffix.lower() == ".gz":
        return TextIOWrapper(gzip.open(path), encoding="utf-8", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8", errors="surrogateescape", newline="")


def _is_blank(path: Path) -> bool:
    with _open_text(path) as lines:
        return not any(line.strip() for line in lines)


def _check_lines(path: Path) -> None:
    """Raise BadInput for a line so long that DuckDB would step over it without a word; holds one chunk at a time."""
    length = 0
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            end = chunk.rfind(b"\n")
            length = length + len(chunk) if end < 0 else len(chunk) - end
            if length > _LONGEST_LINE:
                raise BadInput(f"{path} has a line of more than {_LONGEST_LINE:,} bytes", _TRUNCATED_HINT)


def _csv_header(path: Path) -> list[str]:
    _check_lines(path)
    with _open_text(path) as lines:
        line = lines.readline(_LONGEST_HEADER)
    if len(line) == _LONGEST_HEADER:
        raise BadInput(f"the first line of {path} has no end within {_LONGEST_HEADER:,} characters", _TRUNCATED_HINT)
    header = next(csv.reader([line], delimiter=_delimiter(path)), [])
    return [name.strip().lstrip("\ufeff") for name in header]


def _delimiter(path: Path) -> str:
    return "\t" if ".tsv" in [s.lower() for s in path.suffixes] else ","


def _json_keys(con: Connection, path: Path) -> list[str]:
    """Return the keys of all lines: tools leave nulls out, so that a key may first occur far down."""
    lines = con.read_json(
        str(path), format="newline_delimited", records="false", columns={"line": "JSON"}, ignore_errors=True
    )
    lines.to_view("json_lines", replace=True)
    found = "select distinct unnest(json_keys(line)) from json_lines where json_type(line) = 'OBJECT' order by 1"
    return [str(row[0]) for row in con.execute(found).fetchall()]


def _open_parquet(con: Connection, table: RawTable) -> RawTable:
    relation = con.read_parquet([str(p) for p in table.files], filename=True, file_row_number=True)
    relation.to_view(f"{table.name}_files", replace=True)
    con.execute(
        f"create or replace temp view {table.name} as select * rename (filename as {FILE_COLUMN}, "
        f"file_row_number as {ROW_COLUMN}) from {table.name}_files"
    )
    return table


def _open_csv(con: Connection, table: RawTable) -> RawTable:
    for number, path in enumerate(table.files):
        relation = con.read_csv(
            str(path), header=True, auto_detect=False, delimiter=_delimiter(path), quotechar='"', escapechar='"',
            columns=dict.fromkeys(table.columns, "VARCHAR"), filename=True, ignore_errors=True, store_rejects=True,
            rejects_table="csv_rejects", rejects_scan="csv_scans",
        )  # fmt: skip
        relation.to_view(f"{table.name}_file_{number}", replace=True)
    _number_lines(con, table)
    # A line is rejected once per missing column and again by every query that reads the file.
    malformed = (
        "select s.file_path, r.line, min(r.csv_line) from csv_rejects r "
        "join csv_scans s on s.scan_id = r.scan_id and s.file_id = r.file_id group by 1, 2 order by 1, 2"
    )
    return replace(table, malformed=malformed)


def _open_jsonl(con: Connection, table: RawTable) -> RawTable:
    for number, path in enumerate(table.files):
        relation = con.read_json(
            str(path), format="newline_delimited", ignore_errors=True, filename=True,
            columns=dict.fromkeys(table.columns, "VARCHAR"),
        )  # fmt: skip
        relation.to_view(f"{table.name}_file_{number}", replace=True)
    _number_lines(con, table)
    # The reader turns a line that is no JSON object into a row of nulls.
    nothing = " and ".join(f"{quote_name(column)} is null" for column in table.columns)
    malformed = f"select {FILE_COLUMN}, {ROW_COLUMN}, null from {table.name} where {nothing} order by 1, 2"
    return replace(table, malformed=malformed)


def _number_lines(con: Connection, table: RawTable) -> None:
    """Unite the text files of a table; each numbers its own readable rows from 1."""
    parts = " union all ".join(
        f"select * rename (filename as {FILE_COLUMN}), row_number() over () as {ROW_COLUMN} "
        f"from {table.name}_file_{number}"
        for number in range(len(table.files))
    )
    con.execute(f"create or replace temp view {table.name} as {parts}")


_OPENERS = {"parquet": _open_parquet, "csv": _open_csv, "jsonl": _open_jsonl}
