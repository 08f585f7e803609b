"""Do the exported tables hold what is documented, the public layer alone, the same each time?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intel.errors import BadInput, UsageError
from intel.export.files import TABLES, defuse_column, export_table, write_batches
from tests.commands import ACORN_HOT, DEPOSIT, HOSTILE, SECRET, USER, read_csv, succeed
from tests.small_world import ASSETS, FUND_1, FUND_2, FUND_3, TRANSFERS
from tests.snapshots import World, write_snapshot

COLUMNS: dict[str, list[str]] = {  # INTERFACES: these first, in this order; more may follow
    "evidence": [
        "left", "right", "relation", "heuristic", "version", "family", "event", "weight_bits", "support",
        "first_block", "last_block", "valid_from", "valid_to", "visibility", "tx_hashes", "reason", "left_chain",
        "right_chain",
    ],
    "clusters": ["cluster_id", "address", "tier", "chain"],
    "entities": ["entity_id", "name", "category"],
    "attributions": ["chain", "address", "entity_id", "confidence"],
    "roles": ["chain", "address", "role", "probability"],
    "labels": ["chain", "address", "entity_id", "entity", "label", "category", "source"],
    "issues": ["run_id", "dataset", "source", "file", "row_number", "code"],
    "ontology": ["kind", "text", "candidates", "addresses", "hint"],
}  # fmt: skip


def export(store: Path, name: str, folder: Path, **options: Any) -> list[dict[str, Any]]:
    out = folder / f"{name}.parquet"
    export_table(store, name, out, **options)
    rows: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    return rows


@pytest.mark.parametrize("name", TABLES)
def test_columns_and_formats_agree(store: Path, tmp_path: Path, name: str) -> None:
    counts = [export_table(store, name, tmp_path / f"x.{ending}") for ending in ("parquet", "csv", "jsonl")]
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.schema.names[: len(COLUMNS[name])] == COLUMNS[name]
    assert counts == [table.num_rows] * 3
    assert [list(row) for row in read_csv(tmp_path / "x.csv")] == [table.schema.names] * table.num_rows
    objects = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text("utf-8").splitlines()]
    assert [list(one) for one in objects] == [table.schema.names] * table.num_rows


@pytest.mark.parametrize("name", TABLES)
def test_two_exports_are_equal(store: Path, tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        export_table(store, name, tmp_path / f"{number}.jsonl")
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()


def test_what_is_private_stays_unless_asked_for(store: Path, tmp_path: Path) -> None:
    for name in ("labels", "attributions"):
        assert SECRET not in {row["address"] for row in export(store, name, tmp_path)}
        assert SECRET in {row["address"] for row in export(store, name, tmp_path, include_private=True)}
    assert "acorn-nuts" not in {row["entity_id"] for row in export(store, "entities", tmp_path)}


def test_labels_and_attributions_are_there(store: Path, tmp_path: Path) -> None:
    assert {row["address"] for row in export(store, "labels", tmp_path)} >= {ACORN_HOT, HOSTILE}
    owners = {row["address"]: row["entity_id"] for row in export(store, "attributions", tmp_path)}
    assert owners[ACORN_HOT] == "acorn-exchange"


def test_issues_come_from_the_lake(store: Path, tmp_path: Path) -> None:
    rows = export(store, "issues", tmp_path)
    assert ("bad_address", 1, False) in {(row["code"], row["rows"], row["kept"]) for row in rows}


def test_clusters_have_two_or_more_and_evidence_names_both_ends(tmp_path: Path) -> None:
    member = {"tier": "confirmed", "visibility": "public"}
    evidence = {
        "relation": "same_controller", "heuristic": "test", "version": 1, "family": "FLOW", "event": "e",
        "weight_bits": 9.5, "support": 1, "tx_hashes": ["0x01", "0x02"], "visibility": "public", "reason": "because",
    }  # fmt: skip
    world = World(
        transfers=TRANSFERS,
        assets=ASSETS,
        clusters=[
            {"cluster_id": "c1", "address": FUND_1, **member},
            {"cluster_id": "c1", "address": FUND_2, **member},
            {"cluster_id": "c2", "address": FUND_3, **member},
            {"cluster_id": "c3", "address": FUND_1, "tier": "confirmed", "visibility": "private"},
            {"cluster_id": "c3", "address": FUND_3, "tier": "confirmed", "visibility": "private"},
        ],
        evidence=[
            {"left": FUND_1, "right": FUND_2, **evidence},
            {"left": FUND_1, "right_entity": "acorn", **evidence, "event": "f"},
            {"left": FUND_2, "right": FUND_3, **evidence, "visibility": "private"},
        ],
    )
    write_snapshot(tmp_path / "store", world)
    clusters = export(tmp_path / "store", "clusters", tmp_path)
    assert {(row["cluster_id"], row["address"]) for row in clusters} == {("c1", FUND_1), ("c1", FUND_2)}
    private = export(tmp_path / "store", "clusters", tmp_path, include_private=True)
    assert {row["cluster_id"] for row in private} == {"c1", "c3"}
    rows = export(tmp_path / "store", "evidence", tmp_path)
    ends = {(row["left"], row["left_chain"], row["right"], row["right_chain"]) for row in rows}
    assert ends == {(FUND_1, "ethereum", FUND_2, "ethereum"), (FUND_1, "ethereum", "acorn", None)}
    export_table(tmp_path / "store", "evidence", tmp_path / "x.csv")
    assert read_csv(tmp_path / "x.csv")[0]["tx_hashes"] == "0x01|0x02"


@pytest.mark.parametrize(
    ("cell", "defused"),
    [
        ("=1+1", "'=1+1"), ("@sum(a)", "'@sum(a)"), ("+cmd", "'+cmd"), ("-2+3", "'-2+3"), (" =x", "' =x"),
        ("\t=x", "'\t=x"), ("＝x", "'＝x"), ("-12.50", "-12.50"), ("+7", "+7"), ("-1e5", "-1e5"), ("plain", "plain"),
        ("a=b", "a=b"), ("", ""), (None, None),
    ],
)  # fmt: skip
def test_formulas_are_defused_and_numbers_are_not(cell: str | None, defused: str | None) -> None:
    assert defuse_column(pa.array([cell], pa.string())).to_pylist() == [defused]


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    out.write_text("old", encoding="utf-8")
    schema = pa.schema([("a", pa.int64())])

    def break_off() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]}, schema=schema)
        raise BadInput("the source broke off")

    with pytest.raises(BadInput, match="broke off"):
        write_batches(out, schema, break_off())
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert out.read_text("utf-8") == "old"


def test_an_unknown_ending_or_table_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="xls") as caught:
        write_batches(tmp_path / "x.xls", pa.schema([]), iter(()))
    assert ".parquet" in caught.value.hint
    with pytest.raises(UsageError, match="gossip") as caught:
        export_table(store, "gossip", tmp_path / "x.csv")
    assert "evidence" in caught.value.hint


def test_the_command_says_how_many_rows(store: Path, tmp_path: Path) -> None:
    answer = succeed("export", "table", "labels", "--out", tmp_path / "l.csv", store=store)
    assert answer.out == ""
    assert answer.err.startswith("3 rows of labels written to ")
    assert {USER, DEPOSIT}.isdisjoint((tmp_path / "l.csv").read_text("utf-8"))
