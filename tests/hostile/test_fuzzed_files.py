"""Does any file, however broken, end in a refusal that says why, or in rows of which every one is taken or counted?"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intel.errors import IntelError
from intel.etl.stage import count_issues
from intel.model import ISSUE_CODES
from intel.pipeline import _stage_files  # what stands between a file and the lake
from intel.sources.files import expand_paths
from intel.sources.labels import read_labels
from intel.sources.prices import read_prices
from intel.sources.tokens import read_tokens
from intel.store import Connection, open_connection
from tests.commands import LABELS, PRICES, TOKENS
from tests.hostile.inputs import check_refusal, spoiled, values
from tests.ledger_files import transfer, write_csv, write_jsonl

SOAK = int(os.environ.get("INTEL_SOAK", "").strip() or 1)  # so many times as long; `make soak` sets it
NOW = datetime.fromisoformat("2024-01-01")
LEDGER = [{k: v for k, v in transfer(n).items() if v is not None} for n in range(6)]
PACK = """\
title: A pack
creator: somebody
network: ETH
lastmod: 2021-04-21
tags:
  - address: "0x00000000219ab540356cbb839cbe05303d7705fa"
    label: Beacon deposit
    category: exchange
    confidence: service_data
  - address: "0x28c6c06298d514db089934071355e5743bf21d60"
    label: "Binance 14"
    actor: binance
    context: '{"intel": {"entity": "Binance"}}'
actors:
  - id: binance
    label: Binance
    categories: [exchange]
"""
few = settings(
    max_examples=40 * SOAK, deadline=None, derandomize=SOAK == 1,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    con = open_connection(memory="1GB", threads=1, spill=tmp_path_factory.mktemp("spill"))
    con.execute(f"attach '{tmp_path_factory.mktemp('stage')}/stage.duckdb' as stage")
    yield con
    con.close()


def to_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, compression="none")
    return sink.getvalue()


def to_text(write: Callable[..., Path], folder: Path, rows: list[dict[str, Any]], ending: str) -> bytes:
    return write(folder / f"sound{ending}", rows).read_bytes()


def take_ledger(con: Connection, path: Path) -> tuple[int, int]:
    """Return rows taken and rows refused."""
    staged = _stage_files(con, expand_paths([path]), "ethereum", None)
    issues = [issue for table in staged for issue in count_issues(con, table)]
    check_issues(issues)
    good = sum(
        con.execute(f"select count(*) from stage.{table.name} where issue is null").fetchall()[0][0]
        for table in staged
        if not table.is_part
    )
    return good, sum(issue.rows for issue in issues if not issue.kept)


def check_issues(issues: Any) -> None:
    for issue in issues:
        assert issue.code in ISSUE_CODES
        assert issue.rows > 0
        assert len(issue.value or "") <= 400


def take_parsed(read: Callable[..., Any], **options: Any) -> Callable[[Connection, Path], tuple[int, int]]:
    def take(con: Connection, path: Path) -> tuple[int, int]:
        parsed = read(con, [path], **options)
        check_issues(parsed.issues)
        return sum(table.num_rows for table in parsed.tables.values()), parsed.bad_rows

    return take


take_labels = take_parsed(read_labels, recorded_at=NOW)
take_tokens, take_prices = take_parsed(read_tokens), take_parsed(read_prices)
FILES: dict[str, tuple[Callable[[Path], bytes], Callable[[Connection, Path], tuple[int, int]]]] = {
    "ledger.csv": (lambda folder: to_text(write_csv, folder, LEDGER, ".csv"), take_ledger),
    "ledger.jsonl": (lambda folder: to_text(write_jsonl, folder, LEDGER, ".jsonl"), take_ledger),
    "ledger.parquet": (lambda folder: to_parquet(LEDGER), take_ledger),
    "ledger.csv.gz": (lambda folder: gzip.compress(to_text(write_csv, folder, LEDGER, ".csv"), mtime=0), take_ledger),
    "labels.csv": (lambda folder: to_text(write_csv, folder, LABELS, ".csv"), take_labels),
    "labels.jsonl": (lambda folder: to_text(write_jsonl, folder, LABELS, ".jsonl"), take_labels),
    "labels.parquet": (lambda folder: to_parquet(LABELS), take_labels),
    "pack.yaml": (lambda folder: PACK.encode(), take_labels),
    "tokens.csv": (lambda folder: to_text(write_csv, folder, TOKENS, ".csv"), take_tokens),
    "tokens.json": (lambda folder: to_text(write_jsonl, folder, TOKENS, ".jsonl"), take_tokens),
    "prices.csv": (lambda folder: to_text(write_csv, folder, PRICES, ".csv"), take_prices),
    "prices.tsv": (lambda folder: to_text(write_csv, folder, PRICES, ".csv").replace(b",", b"\t"), take_prices),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_refused_or_counted(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None], name: str
) -> None:
    make, take = FILES[name]
    sound, path, count = make(tmp_path), tmp_path / name, [0, 0]
    path.write_bytes(sound)
    assert take(con, path)[0] > 0

    @few
    @given(spoiled(sound))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        count[0] += 1
        try:
            take(con, path)
        except IntelError as error:
            count[1] += 1
            check_refusal(error, path)

    check()
    assert count[1] > 0  # some are beyond reading
    tried_inputs("broken files", count[0])


def write_quoted(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write CSV that a reader can take back: Python's writer leaves a lone carriage return bare unless told so."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)


def rows_of(sound: list[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return rows of which some values are replaced by hostile ones."""
    columns = sorted(set(sound[0]))
    change = st.dictionaries(st.sampled_from(columns), values, max_size=3)
    return st.lists(st.tuples(st.sampled_from(sound), change), min_size=1, max_size=12).map(
        lambda drawn: [{**row, **other} for row, other in drawn]
    )


ROWS = {"ledger": (LEDGER, take_ledger), "tokens": (TOKENS, take_tokens), "prices": (PRICES, take_prices)}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("name", ROWS)
def test_of_hostile_values_every_row_is_taken_or_counted(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None], name: str, ending: str
) -> None:
    sound, take = ROWS[name]
    count = [0]

    @few
    @given(rows_of([{key: str(value) for key, value in row.items()} for row in sound]))
    def check(rows: list[dict[str, Any]]) -> None:
        path = tmp_path / f"rows.{ending}"
        if ending == "parquet":
            path.write_bytes(to_parquet(rows))
        else:
            (write_quoted if ending == "csv" else write_jsonl)(path, rows)
        count[0] += len(rows)
        assert sum(take(con, path)) == len(rows)

    check()
    tried_inputs("hostile rows", count[0])


def test_hostile_labels_are_taken_as_text_or_counted(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    count = [0]

    @few
    @given(rows_of(LABELS))
    def check(rows: list[dict[str, Any]]) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        count[0] += len(rows)
        parsed = read_labels(con, [path], recorded_at=NOW)
        check_issues(parsed.issues)
        doubled = sum(issue.rows for issue in parsed.issues if issue.code == "duplicate_row")
        assert parsed.tables["labels"].num_rows + parsed.bad_rows >= len(rows) - doubled

    check()
    tried_inputs("hostile rows", count[0])
