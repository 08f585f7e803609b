"""Small ledger files in every layout, written for tests, and the lake that ingest makes of them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from intel.config import read_settings
from intel.model import RunReport
from intel.pipeline import ingest_files
from intel.store import open_connection
from intel.store.lake import Lake

Row = Mapping[str, Any]


def address(number: int) -> str:
    return f"0x{number:040x}"


def tx(number: int) -> str:
    return f"0x{number:064x}"


def word(number: int) -> str:
    """Return a number as the 64 hex digits that stand for it in a log."""
    return f"{number:064x}"


def raw(text: str) -> bytes:
    """Return 0x text as the bytes that cryo writes by default."""
    return bytes.fromhex(text.removeprefix("0x"))


def transfer(number: int, **more: Any) -> dict[str, Any]:
    """Return one good row in our own columns; everything about it follows from its number."""
    return {
        "chain": "ethereum",
        "block_number": 1000 + number // 3,
        "block_time": "2021-05-01T10:00:00",
        "tx_hash": tx(number),
        "position": 0,
        "kind": "native",
        "sender": address(1 + number % 5),
        "receiver": address(100 + number % 7),
        "token": None,
        "token_id": None,
        "value_raw": str(10**18 + number),
        "initiator": address(1 + number % 5),
        "source": "test",
        **more,
    }


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return _write_text(path, text.getvalue())


def write_jsonl(path: Path, rows: Sequence[Row]) -> Path:
    text = "".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in rows)
    return _write_text(path, text)


def _write_text(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_parquet(path: Path, rows: Sequence[Row], types: Mapping[str, pa.DataType] | None = None) -> Path:
    schema = pa.schema([(k, (types or {}).get(k, pa.infer_type([r[k] for r in rows]))) for k in rows[0]])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path


def ingest(store: Path, *paths: Path | str, **options: Any) -> RunReport:
    return ingest_files(replace(read_settings({}), store=store), list(paths), **options)


def lake_rows(store: Path, query: str) -> list[tuple[Any, ...]]:
    """Run a query over the views lake_<table> of the newest state."""
    con = open_connection(threads=1)
    lake = Lake(store)
    lake.attach(con, lake.head())
    rows = con.execute(query).fetchall()
    con.close()
    return rows


def transfers(
    store: Path, columns: str = "tx_hash, position, sub_position, kind, sender, receiver, token, value_raw"
) -> Any:
    return lake_rows(
        store, f"select {columns} from lake_transfers order by block_number, tx_hash, kind, position, sub_position"
    )


def issues(report: RunReport) -> dict[str, int]:
    """Return rows by code of a report."""
    found: dict[str, int] = {}
    for issue in report.issues:
        found[issue.code] = found.get(issue.code, 0) + issue.rows
    return found
