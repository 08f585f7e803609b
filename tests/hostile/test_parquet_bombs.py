"""Is a small Parquet file that unfolds into gigabytes refused before it is read, and a sound one never?"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intel.sources import parquet_bombs
from intel.sources.files import open_files
from intel.store import open_connection
from tests.commands import LABELS, PRICES, TOKENS, run, succeed
from tests.hostile.bombs import claim_rows, double_groups, write_nested, write_repeated
from tests.hostile.test_hostile_packs import bounded
from tests.ledger_files import transfer
from tests.shared import share_demo

COMMANDS = {"ingest files": transfer(1), "labels add": LABELS[0], "tokens add": TOKENS[0], "prices add": PRICES[0]}
TEXTS = {"ingest files": "source", "labels add": "label", "tokens add": "name", "prices add": "symbol"}


def write_equal(path: Path, command: str) -> Path:
    return double_groups(write_repeated(path, COMMANDS[command], 1_000_000), 6)  # 64 million rows


def write_claim(path: Path, command: str) -> Path:
    return claim_rows(write_repeated(path, COMMANDS[command], 10_007), 10_007, 50_000_000_000)


def write_long_text(path: Path, command: str) -> Path:
    return write_repeated(path, {**COMMANDS[command], TEXTS[command]: "x" * 1_000_000}, 20_000)


def write_packed(path: Path, command: str) -> Path:
    """A column that holds a gigabyte of zeros, packed more than a thousandfold."""
    row = {name: [value] for name, value in COMMANDS[command].items() if value is not None}
    table = pa.table({**row, TEXTS[command]: ["0" * 20_000_000]})
    table = pa.concat_tables([table] * 4)
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    return double_groups(path, 4)


BOMBS = {
    "equal rows": (write_equal, "claims 64,000,000 rows"),
    "claimed rows": (write_claim, "claims 50,000,000,000 rows"),
    "one long text": (write_long_text, "to 20,0"),
    "packed text": (write_packed, "to 1,28"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_it_is_read(
    tmp_path: Path, tried_inputs: Callable[[str, int], None], bomb: str, command: str
) -> None:
    make, words = BOMBS[bomb]
    path = make(tmp_path / "bomb.parquet", command)
    assert path.stat().st_size < 150_000
    with bounded(seconds=10, megabytes=200):
        answer = run(*command.split(), path, store=tmp_path / "store")
    assert answer.code == 1
    assert f"{path} " in answer.err
    assert words in answer.err
    assert "hint: a file that repeats itself so often is no ledger" in answer.err
    assert not (tmp_path / "store" / "lake" / "commits").exists()
    tried_inputs("packed bombs", 1)


def test_many_small_bombs_are_one(tmp_path: Path, tried_inputs: Callable[[str, int], None]) -> None:
    first = double_groups(write_repeated(tmp_path / "0.parquet", transfer(1), 1_000_000), 2)
    (tmp_path / "1.parquet").write_bytes(first.read_bytes())
    with bounded(seconds=10, megabytes=200):
        answer = run("ingest", "files", tmp_path, store=tmp_path / "store")
    assert answer.code == 1
    assert "1.parquet unfolds from" in answer.err, "one alone would have been taken"
    tried_inputs("packed bombs", 2)


def test_fewer_equal_rows_are_counted_as_duplicates(tmp_path: Path, tried_inputs: Callable[[str, int], None]) -> None:
    path = write_repeated(tmp_path / "equal.parquet", transfer(1), 100_000)
    answer = succeed("ingest", "files", path, store=tmp_path / "store")
    assert "1 rows taken, 99,999 not" in answer.out
    assert "duplicate_row" in answer.out
    tried_inputs("packed bombs", 1)


@pytest.mark.parametrize("depth", [400, 100_000])
def test_a_column_that_lies_deep_is_refused(
    tmp_path: Path, tried_inputs: Callable[[str, int], None], depth: int
) -> None:
    path = write_nested(tmp_path / "deep.parquet", depth)
    with bounded(seconds=10, megabytes=200):
        answer = run("ingest", "files", path, store=tmp_path / "store")
    assert answer.code == 1
    assert str(path) in answer.err
    assert "hint:" in answer.err
    assert len(answer.err) < 5000
    tried_inputs("packed bombs", 1)


def list_sound(root: Path, most: int = 100_000_000) -> list[Path]:
    found = (path for path in root.rglob("*.parquet") if "sealed" not in path.parts)
    return sorted(path for path in found if path.stat().st_size < most)


def check_room(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound files pass with a tenth of what is allowed, and without the floors."""
    monkeypatch.setattr(parquet_bombs, "ROWS_PER_BYTE", parquet_bombs.ROWS_PER_BYTE // 10)
    monkeypatch.setattr(parquet_bombs, "BYTES_PER_BYTE", parquet_bombs.BYTES_PER_BYTE // 10)
    monkeypatch.setattr(parquet_bombs, "FEW_ROWS", 0)
    monkeypatch.setattr(parquet_bombs, "FEW_BYTES", 0)
    con = open_connection(memory="1GB", threads=1)
    assert files
    for path in files:
        open_files(con, [path])
    con.close()


def test_what_we_write_is_far_from_a_bomb(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The economy as the lake holds it, and its transfers as small as they get."""
    lake = share_demo(tmp_path_factory) / "lake"
    files = [path for path in list_sound(lake) if path.parent.name not in ("commits", "coverage")]
    for plain in (True, False):
        table = pq.read_table([path for path in files if path.parent.name == "transfers"])
        small = tmp_path / f"{plain}.parquet"
        pq.write_table(table, small, compression="zstd", compression_level=22, use_dictionary=not plain)
        files.append(small)
    check_room(files, monkeypatch)


def test_real_files_are_far_from_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = os.environ.get("INTEL_DATA_MIRROR", "")
    if not mirror:
        pytest.skip("INTEL_DATA_MIRROR names no copy of the real data")
    check_room(list_sound(Path(mirror), 60_000_000), monkeypatch)
