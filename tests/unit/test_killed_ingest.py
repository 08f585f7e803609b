"""Does a killed ingest leave the old state readable, and does the next run complete it?"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intel.errors import StoreError
from intel.store import open_connection
from intel.store.lake import Lake, lock_file
from tests.ledger_files import ingest, lake_rows, transfer, tx, write_csv

ROWS = 150_000
SMALL = [
    transfer(1),
    transfer(2) | {"block_number": 7},
]  # one block that the large file tells of too, and one of its own
_RUN = (
    "import sys; from dataclasses import replace; from pathlib import Path; from intel.config import read_settings; "
    "from intel.pipeline import ingest_files; "
    "ingest_files(replace(read_settings({}), store=Path(sys.argv[1])), [Path(sys.argv[2])])"
)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file large enough to be killed over: reading and writing it takes some seconds."""
    path = tmp_path_factory.mktemp("big") / "big.parquet"
    con = open_connection(threads=2)
    con.execute(
        "copy (select 'ethereum' as chain, 1000 + i // 50 as block_number, '0x' || sha256(i::varchar) as tx_hash, "
        "0 as position, 'native' as kind, '0x' || substr(sha256('s' || i), 1, 40) as sender, "
        "'0x' || substr(sha256('r' || i), 1, 40) as receiver, i::varchar as value_raw, 'test' as source "
        f"from range({ROWS}) t(i)) to '{path}' (format parquet)"
    )
    con.close()
    return path


@pytest.fixture(scope="module")
def untroubled(big: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What the lake says where nobody was killed."""
    place = tmp_path_factory.mktemp("untroubled")
    ingest(place / "store", write_csv(place / "small.csv", SMALL))
    ingest(place / "store", big)
    return state(place / "store")


def staged(store: Path) -> bool:
    """Rows are being read and checked."""
    return any(path.stat().st_size > 1_000_000 for path in (store / "tmp").glob("*/stage.duckdb"))


def writing(store: Path) -> bool:
    """The first data file of the run stands in the lake's folder, in no version yet or in an unnamed one."""
    return len(list((store / "lake" / "transfers").rglob("*.parquet"))) > 1


def written(store: Path) -> bool:
    """All ledger rows are in a version of their table; what is missing is the row in `commits`."""
    return len(list((store / "lake" / "transfers" / "_delta_log").glob("*.json"))) > 1


def kill_when(reached: Callable[[Path], bool], store: Path, path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _RUN, str(store), str(path)]) as process:
        deadline = time.monotonic() + 120
        while not reached(store):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def state(store: Path) -> list[tuple[Any, ...]]:
    rows = "select count(*), sum(value_raw), min(tx_hash), max(tx_hash) from lake_transfers"
    return lake_rows(store, rows) + lake_rows(store, "from lake_coverage order by all")


@pytest.mark.slow
@pytest.mark.parametrize("reached", [staged, writing, written])
def test_a_killed_ingest_changes_nothing_and_the_next_completes_it(
    tmp_path: Path, big: Path, untroubled: list[tuple[Any, ...]], reached: Callable[[Path], bool]
) -> None:
    store = tmp_path / "store"
    ingest(store, write_csv(tmp_path / "small.csv", SMALL))
    before, head = state(store), Lake(store).head()

    kill_when(reached, store, big)
    assert Lake(store).head() == head
    assert state(store) == before

    report = ingest(store, big)
    assert (report.rows, report.bad_rows) == ({"transfers": ROWS}, 0)
    assert state(store) == untroubled
    assert [path.name for path in (store / "tmp").iterdir()] == []  # what the killed run left is swept up


def test_a_failed_write_makes_nothing_visible(tmp_path: Path) -> None:
    store = tmp_path / "store"
    ingest(store, write_csv(tmp_path / "a.csv", [transfer(1)]))
    lake = Lake(store)
    with lake.write("half a run") as run:
        rows = lake.open_table("transfers").to_pyarrow_table()
        run.append("transfers", rows)  # and no commit
    assert lake_rows(store, "select tx_hash from lake_transfers") == [(tx(1),)]
    ingest(store, write_csv(tmp_path / "b.csv", [transfer(5)]))
    assert lake_rows(store, "select tx_hash from lake_transfers order by 1") == [(tx(1),), (tx(5),)]


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [transfer(1)])
    store = tmp_path / "store"
    ingest(store, path)
    with (
        lock_file(store / "lake.lock", "a test is writing"),
        pytest.raises(StoreError, match="another command is writing") as caught,
        Lake(store).write("a second one", patience=0),
    ):
        pass
    assert "wait" in caught.value.hint
