"""Does a reader give one consistent view of a finished build, and say what is wrong with any other?"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from intel.errors import NoSnapshot, StoreError
from intel.store.connection import open_connection
from intel.store.reader import Reader
from tests.small_world import TRANSFERS, build_world
from tests.snapshots import World, write_snapshot


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store with a 'quote"
    write_snapshot(path, build_world())
    return path


def test_reads_what_was_published(store: Path) -> None:
    with Reader(store) as reader:
        assert reader.build_id == "b1"
        assert reader.query("select count(*) from facts.transfers") == [(len(TRANSFERS),)]
        assert reader.arrow("select transfer_id from facts.transfers").num_rows == len(TRANSFERS)
        assert sum(b.num_rows for b in reader.batches("select * from facts.transfers", rows=7)) == len(TRANSFERS)
        first = reader.records("select chain, tx_hash from facts.transfers where transfer_id = $id", {"id": 1})
        assert first == [{"chain": "ethereum", "tx_hash": "0x" + "1".zfill(64)}]


def test_an_open_reader_keeps_its_build(store: Path) -> None:
    with Reader(store) as old:
        write_snapshot(store, World(transfers=[], assets=[]), "b2")
        with Reader(store) as new:
            assert new.query("select count(*) from facts.transfers") == [(0,)]
        assert old.query("select count(*) from facts.transfers") == [(len(TRANSFERS),)]
    with Reader(store, "b1") as named:
        assert named.query("select count(*) from facts.transfers") == [(len(TRANSFERS),)]


def test_a_build_cannot_be_written_through_a_reader(store: Path) -> None:
    with Reader(store) as reader, pytest.raises(Exception, match="read-only"):
        reader.query("delete from facts.transfers")


def test_threads_share_a_reader_without_sharing_temporary_tables(store: Path) -> None:
    results: dict[int, list[tuple[int]]] = {}
    barrier = threading.Barrier(4)

    def work(number: int, reader: Reader) -> None:
        reader.prepare("own", number, lambda: reader.query(f"create temp table own as select {number} as number"))
        barrier.wait()
        results[number] = reader.query("select number from own")

    with Reader(store) as reader:
        threads = [threading.Thread(target=work, args=(n, reader)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {n: [(n,)] for n in range(4)}


def test_what_is_asked_aside_has_a_cursor_of_its_own_and_comes_in_order(store: Path) -> None:
    with Reader(store) as reader:
        reader.query("create temp table own as select 1 as number")
        threads = [reader.aside(threading.get_ident) for _ in range(3)]
        assert {thread.result() for thread in threads} != {threading.get_ident()}
        assert len({thread.result() for thread in threads}) == 1
        lacking = reader.aside(lambda: reader.query("select number from own"))
        reader.aside(lambda: reader.query("create temp table own as select 2 as number"))
        assert reader.aside(lambda: reader.query("select number from own")).result() == [(2,)]
        assert reader.query("select number from own") == [(1,)]
        with pytest.raises(Exception, match="own does not exist"):
            lacking.result()


def test_prepare_works_once_per_key_and_again_after_a_failure(store: Path) -> None:
    calls: list[object] = []
    with Reader(store) as reader:
        for key in (None, None, 1, 1, None):
            reader.prepare("slot", key, lambda key=key: calls.append(key))
        assert calls == [None, 1, None]

        def fail() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            reader.prepare("slot", 2, fail)
        reader.prepare("slot", None, lambda: calls.append("again"))
    assert calls[-1] == "again"


def test_a_stream_does_not_block_its_reader(store: Path) -> None:
    with Reader(store) as reader, reader.fork() as own:
        stream = own.batches("select * from facts.transfers order by transfer_id", rows=5)
        seen = next(stream).num_rows
        assert reader.query("select 1") == [(1,)]
        assert seen + sum(batch.num_rows for batch in stream) == len(TRANSFERS)


def test_a_closed_reader_says_so(store: Path) -> None:
    reader = Reader(store)
    reader.close()
    reader.close()
    with pytest.raises(StoreError, match="was closed"):
        reader.query("select 1")


def test_missing_store_and_missing_build_have_a_hint(tmp_path: Path, store: Path) -> None:
    with pytest.raises(NoSnapshot, match="no store at") as missing:
        Reader(tmp_path / "nowhere")
    assert "intel demo" in missing.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoSnapshot) as unbuilt:
        Reader(tmp_path / "empty")
    assert "intel build" in unbuilt.value.hint
    for name in ("b9", "../../etc", ".hidden"):
        with pytest.raises(NoSnapshot, match="no build"):
            Reader(store, name)


def test_unfinished_damaged_and_foreign_builds_are_refused(store: Path) -> None:
    folder = store / "snapshots" / "b1"
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="manifest"):
        Reader(store)
    (folder / "manifest.json").write_text(manifest)
    beliefs = (folder / "beliefs.duckdb").read_bytes()
    (folder / "beliefs.duckdb").unlink()
    with pytest.raises(StoreError, match=r"lacks beliefs\.duckdb"):
        Reader(store)
    (folder / "beliefs.duckdb").write_bytes(beliefs[:5000])
    with pytest.raises(StoreError):
        Reader(store)
    (folder / "beliefs.duckdb").write_bytes(beliefs)
    Reader(store).close()


def test_another_schema_is_refused(store: Path) -> None:
    con = open_connection()
    path = str(store / "snapshots" / "b1" / "facts.duckdb").replace("'", "''")
    con.execute(f"attach '{path}' as facts")
    con.execute("alter table facts.postings drop column asset_id")
    con.close()
    with pytest.raises(StoreError, match=r"facts\.postings\.asset_id is missing"):
        Reader(store)


@pytest.mark.slow
def test_import_intel_is_light_and_offers_its_names() -> None:
    script = (
        "import sys, intel\n"
        "assert not {'duckdb', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "assert 'open' in dir(intel)\n"
        "assert all(getattr(intel, name) is not None for name in intel.__all__)\n"
        "assert callable(intel.open)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
