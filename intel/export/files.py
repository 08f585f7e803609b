"""How do rows leave as a file that loses nothing: Parquet, CSV or JSON lines, whole or not at all?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Protocol
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from intel.errors import BadInput, StoreError, UsageError
from intel.store import open_connection
from intel.store.lake import Lake
from intel.store.reader import Reader

FILE_ENDINGS = ("parquet", "csv", "jsonl")

_BATCH_ROWS = 100_000

# A spreadsheet takes a cell that begins like this for a formula, and may run it; a plain number is none.
_FORMULA = r"^\s*[=+\-@＝＋－＠|%]|^[\t\r\n]"
_NUMBER = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"


class TableWriter(Protocol):
    """Takes batches of one schema."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of one batch."""


class _ParquetFile:
    def __init__(self, sink: IO[bytes], schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(sink, schema, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class _CsvFile:
    def __init__(self, sink: IO[bytes], schema: pa.Schema) -> None:
        flat = pa.schema([pa.field(f.name, _flatten(f.type)) for f in schema])
        self._writer = pv.CSVWriter(sink, flat)

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [defuse_column(_join_lists(column)) for column in batch.columns]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, batch.schema.names))

    def close(self) -> None:
        self._writer.close()


class _JsonFile:
    def __init__(self, sink: IO[bytes], schema: pa.Schema) -> None:
        self._sink = sink

    def write(self, batch: pa.RecordBatch) -> None:
        lines = [json.dumps(row, default=_write_plain, ensure_ascii=False) for row in batch.to_pylist()]
        self._sink.write("".join(line + "\n" for line in lines).encode())

    def close(self) -> None:
        self._sink.flush()


_WRITERS: dict[str, Callable[[IO[bytes], pa.Schema], _ParquetFile | _CsvFile | _JsonFile]] = {
    "parquet": _ParquetFile,
    "csv": _CsvFile,
    "jsonl": _JsonFile,
}


def _write_plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + ("Z" if value.tzinfo is None else "")
    if isinstance(value, date):
        return value.isoformat()
    assert isinstance(value, Decimal)
    return format(value, "f")


def _flatten(kind: pa.DataType) -> pa.DataType:
    """Return the type as which a column stands in CSV: every kind of text is one, and a list becomes text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_text = pa.types.is_list(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if is_text else kind


def _join_lists(column: pa.Array) -> pa.Array:
    return pc.binary_join(column, "|") if pa.types.is_list(column.type) else column


def defuse_column(column: pa.Array) -> pa.Array:
    """Return the column with an apostrophe before every text that a spreadsheet would take for a formula."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if not pa.types.is_string(column.type):
        return column
    is_formula = pc.and_not(pc.match_substring_regex(column, _FORMULA), pc.match_substring_regex(column, _NUMBER))
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)


def check_ending(path: Path) -> str:
    """Return the file's kind, `parquet`, `csv` or `jsonl`; UsageError for any other ending."""
    ending = path.suffix.lower().lstrip(".")
    if ending not in _WRITERS:
        endings = ", ".join(f".{known}" for known in FILE_ENDINGS)
        raise UsageError(f"cannot write {path}: the ending {path.suffix!r} says no known format", f"use {endings}")
    return ending


@contextmanager
def open_writer(path: Path, schema: pa.Schema) -> Iterator[TableWriter]:
    """Open a file to write batches to, in the format that its ending says.

    It takes its name when all is written; after a failure there is no file, or the older one. Raises UsageError for
    an unknown ending, BadInput where nothing can be written, StoreError where not all of it can.
    """
    make = _WRITERS[check_ending(path)]
    scratch = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        sink = scratch.open("wb")
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {error.strerror}", "name a folder that exists and can be written"
        ) from error
    try:
        with sink:
            writer = make(sink, schema)
            yield writer
            writer.close()
        scratch.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written: {error.strerror or error}", "free some disk space, then run it again"
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def write_batches(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    """Write all batches to a file and return the number of rows."""
    rows = 0
    with open_writer(path, schema) as writer:
        for batch in batches:
            writer.write(batch)
            rows += batch.num_rows
    return rows


# Each in a total order, so that two exports of one build are equal. $private: the private overlay too.
_SHOWN = "(visibility = 'public' or $private)"
_TABLES = {
    "evidence": f"""select l.address as "left", coalesce(r.address, v.right_entity) as "right", v.relation, v.heuristic,
            v.version, v.family, v.event, v.weight_bits, v.support, v.first_block, v.last_block, v.valid_from,
            v.valid_to, v.visibility, v.tx_hashes, v.reason, l.chain as left_chain, r.chain as right_chain,
            v.right_entity, v.weight_is_assumed
        from beliefs.evidence v left join facts.addresses l on l.address_id = v.left_id
        left join facts.addresses r on r.address_id = v.right_id
        where {_SHOWN} order by left_chain, "left", right_chain, "right", relation, heuristic, event, visibility,
            version, first_block, last_block, valid_from, weight_bits, support, reason, tx_hashes""",
    "clusters": f"""select cluster_id, a.address, tier, a.chain, visibility
        from beliefs.clusters join facts.addresses a using (address_id) where {_SHOWN}
        qualify count(*) over (partition by cluster_id, visibility) > 1 order by all""",
    "entities": f"""select entity_id, name, category, kind, parent, website, is_custodial, visibility
        from beliefs.entities where {_SHOWN} order by all""",
    "attributions": f"""select chain, address, entity_id, confidence, tier, status, role, basis, reason, label_source,
            rival_entity_id, rival_confidence, valid_from, valid_to, visibility
        from beliefs.attributions where {_SHOWN} order by all""",
    "roles": f"""select a.chain, a.address, r.role, r.probability, r.basis, r.visibility, r.explanation
        from beliefs.roles r join facts.addresses a using (address_id) where {_SHOWN} order by all""",
    "labels": f"""select chain, address, entity_id, entity, label, category, source, source_ref, url, licence,
            source_date, confidence, level, origin, valid_from, valid_to, visibility
        from beliefs.labels where {_SHOWN} order by all""",
    # What the keeper of data/ontology.toml should look at; made of public claims alone.
    "ontology": "select kind, text, candidates, addresses, hint from beliefs.ontology_report order by all",
}
_ISSUES = """select run_id, dataset, source, file, row_number, code, column_name, value, hint, kept, rows
    from lake_issues order by all"""
TABLES = (*_TABLES, "issues")


def export_table(store: Path, name: str, path: Path, *, include_private: bool = False) -> int:
    """Write one table of the current build to a file and return its rows; `issues` come from the lake.

    Only the public layer, unless `include_private`; then `visibility` tells the rows apart. Addresses are text.
    Raises UsageError for an unknown table or ending, NoSnapshot for a store without a build.
    """
    check_ending(path)
    if name == "issues":
        return _export_issues(store, path)
    if name not in _TABLES:
        raise UsageError(f"there is no table {name!r} to export", f"tables: {', '.join(TABLES)}")
    with Reader(store) as reader:
        params: dict[str, object] = {"private": include_private} if "$private" in _TABLES[name] else {}
        schema = reader.arrow(f"from ({_TABLES[name]}) limit 0", params).schema
        return write_batches(path, schema, reader.batches(_TABLES[name], params))


def _export_issues(store: Path, path: Path) -> int:
    lake = Lake(store)
    con = open_connection(threads=1)
    try:
        lake.attach_table(con, "issues", _find_version(lake))
        stream: Any = con.sql(_ISSUES).to_arrow_reader(_BATCH_ROWS)
        return write_batches(path, stream.schema, iter(stream))
    finally:
        con.close()


def _find_version(lake: Lake) -> int | None:
    head = lake.head()
    return head.tables.get("issues") if head else None
