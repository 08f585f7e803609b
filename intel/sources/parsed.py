"""What did a file give: which rows are fit for the lake, and what was wrong with the others?"""

from __future__ import annotations

import gzip
import zlib
from codecs import getincrementaldecoder
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import pyarrow as pa

from intel.errors import BadInput
from intel.model import ISSUE_CODES, DataIssue
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable, file_kind, quote_name
from intel.store import Connection

ROW_ORDER = f"order by {FILE_COLUMN}, {ROW_COLUMN}"
_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Parsed:
    """Lake rows by table (columns as in schema.sql) and the issues met on the way; `bad_rows` are not among them."""

    tables: Mapping[str, pa.Table]
    issues: tuple[DataIssue, ...]
    bad_rows: int


@dataclass(frozen=True, slots=True)
class Check:
    """One fault a staged row can have: SQL condition over the staging columns, and the column it is about."""

    code: str
    condition: str
    column: str
    hint: str = ""


def merge_parsed(parts: Sequence[Parsed]) -> Parsed:
    """Put the results of several files together."""
    names = sorted({name for part in parts for name in part.tables})
    tables = {name: pa.concat_tables([p.tables[name] for p in parts if name in p.tables]) for name in names}
    return Parsed(tables, tuple(i for part in parts for i in part.issues), sum(part.bad_rows for part in parts))


def column_sql(table: RawTable, names: Sequence[str], *, default: str = "null") -> str:
    """Return SQL for the first of `names` the file has, as trimmed text with '' as null; else `default`."""
    present = {name.strip().casefold(): name for name in table.columns}
    for name in names:
        if name in present:
            return f"nullif(trim(cast({quote_name(present[name])} as varchar)), '')"
    return f"cast({default} as varchar)"


def require_columns(table: RawTable, groups: Mapping[str, Sequence[str]]) -> None:
    """Raise BadInput, naming file and column, where a required column is missing under all its names."""
    present = {name.strip().casefold() for name in table.columns}
    for wanted, names in groups.items():
        if present.isdisjoint(names):
            have = ", ".join(table.columns) or "none"
            raise BadInput(
                f"{table.files[0]} has no column {wanted!r}; it has: {have}", f"add {wanted!r}, or rename it to that"
            )


def check_utf8(paths: Sequence[Path]) -> None:
    """Raise BadInput for a text file that is not UTF-8, with the line of the first wrong byte."""
    for path in paths:
        if file_kind(path) in ("csv", "jsonl"):
            with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
                _decode_all(file, path)


def _decode_all(file: BufferedReader | gzip.GzipFile, path: Path) -> None:
    lines, decoder = 1, getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
            lines += chunk.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line = lines + error.object[: error.start].count(b"\n")
        raise BadInput(
            f"{path} is not UTF-8 text: line {line} has byte 0x{error.object[error.start]:02x}",
            "convert it to UTF-8 first, for example with: iconv -f latin1 -t utf-8",
        ) from error
    except (EOFError, OSError, zlib.error) as error:
        raise BadInput(
            f"{path} cannot be read: {error}", "the file may be truncated; fetch or write it again"
        ) from error


def fault_sql(checks: Sequence[Check]) -> str:
    """Return SQL for the code of the first fault that keeps a row out, else null."""
    cases = " ".join(f"when {c.condition} then '{c.code}'" for c in checks if not ISSUE_CODES[c.code][1])
    return f"case {cases} end" if cases else "cast(null as varchar)"


def count_faults(con: Connection, staged: str, dataset: str, checks: Sequence[Check]) -> list[DataIssue]:
    """Count the faults of a staged table (it has columns fault, source, file and row) by code and file."""
    issues = []
    for check in checks:
        kept = ISSUE_CODES[check.code][1]
        condition = f"({check.condition}) and " + ("fault is null" if kept else f"fault = '{check.code}'")
        rows = con.execute(
            f"select {FILE_COLUMN}, min(source), count(*), min({ROW_COLUMN}), "
            f"arg_min(cast({check.column} as varchar), {ROW_COLUMN}) from {staged} where {condition} "
            f"group by 1 order by 1"
        ).fetchall()
        issues += [
            DataIssue(
                check.code, dataset, source or "", file, row, check.column.removesuffix("_text"),
                None if value is None else value[:200], check.hint, count,
            )
            for file, source, count, row, value in rows
        ]  # fmt: skip
    return issues


def count_malformed(con: Connection, table: RawTable, dataset: str, source: str) -> list[DataIssue]:
    """Count the lines of text files that could not be split into columns."""
    if table.malformed is None:
        return []
    rows = con.execute(
        f"select f, count(distinct line), min(line), arg_min(text, line) from ({table.malformed}) t(f, line, text) "
        "where f in (select unnest(?)) group by 1 order by 1",
        [[str(path) for path in table.files]],
    ).fetchall()
    hint = "quote fields that contain the delimiter or a line break"
    return [
        DataIssue("malformed_row", dataset, source, file, line, None, (text or "")[:200], hint, count)
        for file, count, line, text in rows
    ]


def file_source_sql() -> str:
    """Return SQL for the source of rows that name none: the file's name without its endings."""
    return f"regexp_replace(parse_filename({FILE_COLUMN}), '[.](parquet|csv|tsv|jsonl|ndjson|json)([.]gz)?$', '')"


def count_duplicates(con: Connection, staged: str, dataset: str, key: str, content: str) -> list[DataIssue]:
    """Count further rows of a key among the sound ones: `duplicate_row` if the content agrees, else `duplicate_key`."""
    rows = con.execute(f"""
        with ranked as (
            select *, row_number() over (partition by {key} {ROW_ORDER}) as copy,
                first_value({content}) over (partition by {key} {ROW_ORDER}) is not distinct from {content} as is_same
            from {staged} where fault is null
        )
        select {FILE_COLUMN}, min(source), is_same, count(*), min({ROW_COLUMN}),
            arg_min(concat_ws(' ', {key}), {ROW_COLUMN})
        from ranked where copy > 1 group by {FILE_COLUMN}, is_same order by {FILE_COLUMN}, is_same
    """).fetchall()
    return [
        DataIssue("duplicate_row" if same else "duplicate_key", dataset, source, file, row, None, value, "", count)
        for file, source, same, count, row, value in rows
    ]
