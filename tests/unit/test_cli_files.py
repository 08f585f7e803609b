"""Do the commands that read and write files keep order, exactness and bad rows in sight?"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intel import heuristics
from intel.heuristics import Heuristic
from tests.commands import (
    ACORN_COLD,
    ACORN_HOT,
    DEPOSIT,
    FORMULA_SYMBOL,
    SECRET,
    TRANSFERS,
    USDX,
    USER,
    read_csv,
    run,
    succeed,
)
from tests.ledger_files import write_csv


def test_transfers_as_csv_are_whole_and_no_formula_survives(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    answer = succeed("transfers", USER, "--out", out, store=store)
    assert answer.out == ""
    rows = read_csv(out)
    wanted = [row for row in TRANSFERS if USER in {row["sender"], row["receiver"]}]
    assert [row["tx_hash"] for row in rows] == [row["tx_hash"] for row in wanted]  # oldest first
    assert "'" + FORMULA_SYMBOL in {row["symbol"] for row in rows}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_transfers_as_parquet_are_exact(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    succeed("transfers", ACORN_HOT, "--token", "native", "--out", out, store=store)
    table = pq.read_table(out)
    assert table.schema.field("value_raw").type == pa.decimal128(38, 0)
    assert table["value_raw"].to_pylist() == [Decimal(10**18 + 1)]
    assert table["amount"].to_pylist() == ["1.000000000000000001"]


def test_no_transfers_still_make_a_file_with_columns(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    succeed("transfers", USER, "--min-usd", "1e12", "--out", out, store=store)
    assert out.read_text("utf-8").startswith('"chain","block_number"')


def test_transfers_are_limited_on_the_page_alone(store: Path) -> None:
    answer = succeed("transfers", USER, "--limit", "2", "--json", store=store)
    assert len(answer.document["transfers"]) == 2
    assert answer.document["more"] is True


INPUTS = [ACORN_HOT.upper().replace("X", "x", 1), "junk", USER, "", f"eip155:1:{ACORN_COLD}", ACORN_HOT]
STATUSES = ["labelled", "invalid", "unknown", "invalid", "labelled", "labelled"]


def write_inputs(folder: Path, ending: str) -> Path:
    path = folder / f"in.{ending}"
    if ending == "txt":
        path.write_text("\n".join(INPUTS) + "\n", encoding="utf-8")
    elif ending == "csv":
        write_csv(path, [{"n": number, "Address": text} for number, text in enumerate(INPUTS)])
    else:
        pq.write_table(pa.table({"address": INPUTS, "n": range(len(INPUTS))}), path)
    return path


@pytest.mark.parametrize("ending", ["txt", "csv", "parquet"])
def test_attribute_keeps_the_order_and_marks_junk(store: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / "out.parquet"
    answer = succeed("attribute", write_inputs(tmp_path, ending), "--out", out, "--progress", "json", store=store)
    rows = pq.read_table(out).to_pylist()
    assert [row["status"] for row in rows] == STATUSES
    assert [row["address"] for row in rows] == [ACORN_HOT, "junk", USER, "", ACORN_COLD, ACORN_HOT]
    assert rows[0]["entity_id"] == "acorn-exchange"
    said = [json.loads(line) for line in answer.err.splitlines()]
    assert {"rows": 6, "statuses": {"labelled": 3, "invalid": 2, "unknown": 1}}.items() <= said[1].items()


def test_attribute_writes_the_columns_asked_for(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    succeed("attribute", write_inputs(tmp_path, "txt"), "--out", out, "--columns", "address,status", store=store)
    assert read_csv(out)[0] == {"address": ACORN_HOT, "status": "labelled"}
    answer = run("attribute", write_inputs(tmp_path, "txt"), "--out", out, "--columns", "colour", store=store)
    assert answer.code == 2
    assert "no column is called 'colour'" in answer.err


def test_attribute_leaves_private_labels_out_where_asked(store: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "in.txt", tmp_path / "out.csv"
    path.write_text(SECRET, encoding="utf-8")
    for options, entity in (([], "acorn-nuts"), (["--public-only"], "")):
        succeed("attribute", path, "--out", out, *options, store=store)
        assert [row["entity_id"] for row in read_csv(out)] == [entity]


def test_attribute_says_why_it_cannot(store: Path, tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text("from,to\n1,2\n", encoding="utf-8")
    (tmp_path / "x.txt").write_text("junk", encoding="utf-8")
    for name, out, fault, hint in (
        ("two.csv", "o.csv", "has no column `address`", "from, to"),
        ("x.txt", "absent/o.csv", "cannot write", "a folder that exists"),
        ("x.txt", "o.xls", "no known format", ".parquet, .csv, .jsonl"),
        (".", "o.csv", "is no address list", "known: .txt"),
    ):
        answer = run("attribute", tmp_path / name, "--out", tmp_path / out, store=store)
        assert answer.code in {1, 2}
        assert fault in answer.err
        assert hint in answer.err


@pytest.mark.slow
def test_a_million_addresses_keep_their_order_in_bounded_memory(store: Path, tmp_path: Path) -> None:
    known = [ACORN_HOT, "junk", USER, DEPOSIT, "", ACORN_COLD, f"0x{7:040x}"]
    path, out = tmp_path / "in.txt", tmp_path / "out.parquet"
    lines = [known[n * n % 11 % 7] if n % 3 else f"0x{n:040x}" for n in range(1_000_000)]
    path.write_text("\n".join(lines), encoding="utf-8")
    words = ["attribute", path, "--out", out, "--columns", "address,status", "--store", store]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    subprocess.run([sys.executable, "-m", "intel", *words], check=True, capture_output=True)
    assert pq.read_table(out, columns=["address"])["address"].to_pylist() == lines
    assert max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) < 4_000_000  # kilobytes


def test_attribute_strict_names_the_row_and_leaves_no_file(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    answer = run("attribute", write_inputs(tmp_path, "txt"), "--out", out, "--strict", store=store)
    assert answer.code == 1
    assert "row 2" in answer.err
    assert "'junk'" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


# ------------------------------------------------------------------------------------------- data in, builds


def test_bad_rows_are_shown_and_strict_fails(tmp_path: Path) -> None:
    bad = {**TRANSFERS[1], "sender": "0xnonsense"}
    ledger = write_csv(tmp_path / "t.csv", [*TRANSFERS, bad])
    answer = run("ingest", "files", ledger, "--strict", store=tmp_path / "store")
    assert answer.code == 1
    assert "9 rows taken, 1 not (10.00 %)" in answer.out
    assert "bad_address" in answer.out
    assert "1 rows were not taken" in answer.err
    dry = run("ingest", "files", ledger, "--dry-run", store=tmp_path / "other")
    assert dry.code == 0
    assert run("build", store=tmp_path / "other").code == 1


def test_a_failed_heuristic_fails_the_build_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Heuristic("broken_rule", 1, "FLOW", ("deposit_of",), (), {}, "select * from nowhere")
    monkeypatch.setattr(heuristics, "ALL", [broken])
    succeed("ingest", "files", write_csv(tmp_path / "t.csv", TRANSFERS), store=tmp_path / "store")
    answer = run("build", store=tmp_path / "store")
    assert answer.code == 1
    assert "broken_rule" in answer.err
    assert "failed" in answer.out
    succeed("build", "--keep-going", store=tmp_path / "store")
    succeed("profile", USER, store=tmp_path / "store")


def test_labels_can_be_taken_back(own_store: Path) -> None:
    assert succeed("labels", "retract", "--source", "book", store=own_store).out == "3 labels retracted\n"
    succeed("build", store=own_store)
    assert run("profile", "acorn-exchange", store=own_store).code == 1


@pytest.mark.slow
def test_builds_are_listed_pinned_and_pruned(own_store: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "more.csv"
    builds = [row["build_id"] for row in succeed("snapshots", "list", "--json", store=own_store).document["builds"]]
    succeed("snapshots", "pin", builds[0], store=own_store)
    for number in (20, 21):
        write_csv(ledger, [{**TRANSFERS[1], "tx_hash": f"0x{number:064x}"}])
        succeed("ingest", "files", ledger, store=own_store)
        succeed("build", store=own_store)
    succeed("snapshots", "prune", "--keep", "1", store=own_store)
    left = succeed("snapshots", "list", "--json", store=own_store).document["builds"]
    assert [row["is_pinned"] for row in left] == [True, False]
    assert [row["is_current"] for row in left] == [False, True]
    succeed("snapshots", "unpin", builds[0], store=own_store)
    assert builds[0] in succeed("snapshots", "prune", "--keep", "1", store=own_store).out


def test_the_workspace_is_backed_up_and_brought_up_to_date(own_store: Path, tmp_path: Path) -> None:
    ends = [TRANSFERS[0]["sender"], TRANSFERS[0]["receiver"]]
    succeed("judge", *ends, "different", "--because", "two people", store=own_store)
    out = tmp_path / "kept.sqlite"
    assert succeed("workspace", "backup", "--out", out, store=own_store).out == f"{out}\n"
    assert out.is_file()
    assert run("workspace", "backup", "--out", out, store=own_store).code == 2
    assert succeed("workspace", "migrate", store=own_store).out == "the workspace is up to date\n"
    assert run("workspace", "backup", store=tmp_path / "no store").code == 1


def test_doctor_sees_a_damaged_build(own_store: Path) -> None:
    healthy = succeed("doctor", "--json", store=own_store).document
    assert healthy["problems"] == []
    assert healthy["packages"]["duckdb"]
    build = healthy["store"]["builds"][0]["build_id"]
    (own_store / "snapshots" / build / "facts.duckdb").write_bytes(b"cut short")
    answer = run("doctor", store=own_store)
    assert answer.code == 1
    assert f"facts.duckdb of build {build}" in answer.out
    assert "intel build --full" in answer.out


def test_doctor_sees_what_a_killed_build_left(own_store: Path) -> None:
    (own_store / "snapshots" / ".abc.unfinished").mkdir()
    document = succeed("doctor", "--json", store=own_store).document
    assert document["store"]["unfinished"] == ["snapshots/.abc.unfinished"]
    assert document["problems"][0]["severity"] == "warning"


# ------------------------------------------------------------------------------------------- the demo


@pytest.mark.slow
def test_the_demo_prints_an_exchange_and_is_reused(tmp_path: Path) -> None:
    store = tmp_path / "demo"
    first = succeed("demo", "--transfers", "20000", "--no-app", store=store)
    assert "   exchange\n" in first.out
    assert re.search(r"store of the simulated economy: [\d.]+ s", first.err)
    assert (tmp_path / "demo.truth" / "owners.parquet").exists()
    again = succeed("demo", "--transfers", "20000", "--no-app", store=store)
    assert again.out == first.out
    other = run("demo", "--transfers", "30000", "--no-app", store=store)
    assert other.code == 1
    assert "holds other data" in other.err
    assert "hint: give the demo a store of its own" in other.err


def test_the_demo_never_mixes_with_real_data(store: Path) -> None:
    answer = run("demo", "--no-app", store=store)
    assert answer.code == 1
    assert "holds other data (`ingest files`)" in answer.err


def test_usd_of_a_token_is_that_of_its_verified_price(store: Path) -> None:
    rows = succeed("transfers", DEPOSIT, "--token", USDX, "--json", store=store).document["transfers"]
    assert {row["value_usd"] for row in rows} == {700.0, 1.234567}
