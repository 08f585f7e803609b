"""Is a store that is damaged, or of another version, refused with the next step, and made whole by that step?"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from intel import pipeline
from intel.errors import BadInput, StoreError
from intel.store import lake as lake_module
from intel.store import snapshot as snapshot_module
from intel.store.flows import open_flows
from intel.store.lake import Lake, lake_schema
from intel.store.reader import Reader
from intel.store.snapshot import current_build, list_builds, snapshot_path
from intel.store.workspace import Workspace
from tests import commands
from tests.commands import run
from tests.faults.stores import export_all, labels_of, ledger_of, read_build, settings_of
from tests.ledger_files import transfer, write_csv, write_parquet


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "store"))


def spoil(path: Path, share: float = 0.5, length: int = 64) -> None:
    """Overwrite some bytes, so that the file keeps its size."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * share)
    for place in range(start, min(start + length, len(content))):
        content[place] ^= 0x5A
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def complaints(store: Path, *options: str) -> str:
    """Return what `intel doctor` finds wrong, after asserting that it does."""
    answer = run("doctor", *options, store=store)
    assert answer.code == 1, answer.out
    assert "Traceback" not in answer.out + answer.err
    return answer.out


BUILD_FILES = ["facts.duckdb", "beliefs.duckdb", "flows.sender.npy", "flows.statement_ends.npy", "manifest.json"]


@pytest.mark.parametrize("name", BUILD_FILES)
def test_a_truncated_file_of_a_build_is_found_and_made_anew(
    store: Path, whole: dict[str, Any], tried: Callable[..., None], name: str
) -> None:
    build = current_build(store)
    cut(snapshot_path(store, build) / name)
    assert name.split(".", maxsplit=1)[0] in complaints(store)
    with pytest.raises(StoreError) as caught, Reader(store) as reader:
        open_flows(reader.path)
    assert "intel build --full" in caught.value.hint
    assert pipeline.build(settings_of(store)).build_id == build  # the same inputs: yet not taken for finished
    assert read_build(store) == whole
    tried("truncated files")


@pytest.mark.parametrize("name", BUILD_FILES[:3])
def test_a_missing_file_of_a_build_is_found_and_made_anew(
    store: Path, whole: dict[str, Any], tried: Callable[..., None], name: str
) -> None:
    (snapshot_path(store, current_build(store)) / name).unlink()
    assert name in complaints(store)
    with pytest.raises(StoreError, match="intel build --full"), Reader(store) as reader:
        open_flows(reader.path)
    pipeline.build(settings_of(store))
    assert read_build(store) == whole
    tried("missing files")


def test_bytes_that_changed_are_found_where_one_asks_for_all(store: Path, tried: Callable[..., None]) -> None:
    build = snapshot_path(store, current_build(store))
    spoil(build / "facts.duckdb", 0.9)
    assert "facts.duckdb" in complaints(store, "--deep")
    tried("damaged pages")


def test_a_current_build_that_is_nobodys_is_told(store: Path, tried: Callable[..., None]) -> None:
    for content in (b"\xff\xfe\x00", b"../../../etc", b"0123456789abcdef\n"):
        (store / "current").write_bytes(content)
        with pytest.raises(StoreError) as caught, Reader(store):
            pass
        assert "intel build" in caught.value.hint
        assert "manifest" in complaints(store)
        tried("damaged pointers")
    pipeline.build(settings_of(store))
    assert run("doctor", store=store).code == 0


def test_a_damaged_page_of_the_lake_stops_the_build_and_the_old_one_stays(
    store: Path, whole: dict[str, Any], tmp_path: Path, tried: Callable[..., None]
) -> None:
    lake = Lake(store)
    files = [Path(file) for file in lake.files("transfers", lake.head())]
    sound = {file: file.read_bytes() for file in files}
    for file in files:
        first = pq.ParquetFile(file).metadata.row_group(0).column(0)
        content = bytearray(sound[file])
        start = first.dictionary_page_offset or first.data_page_offset
        content[start : start + first.total_compressed_size] = b"\xff" * first.total_compressed_size
        file.write_bytes(content)
        with pytest.raises(StoreError) as caught:
            pipeline.build(settings_of(store), full=True)
        assert "intel doctor --deep" in caught.value.hint
        assert "transfers" in complaints(store, "--deep")
        assert read_build(store) == whole
        file.write_bytes(sound[file])
        tried("damaged pages")
    files[0].unlink()
    assert "transfers lacks 1 of its files" in complaints(store)
    with pytest.raises(StoreError):
        pipeline.build(settings_of(store), full=True)
    files[0].write_bytes(sound[files[0]])
    tried("missing files")
    pipeline.build(settings_of(store), full=True)
    assert read_build(store) == whole


def test_a_damaged_page_of_an_input_takes_nothing(store: Path, tmp_path: Path, tried: Callable[..., None]) -> None:
    rows = [transfer(n) for n in range(3000)]
    path, good = tmp_path / "new.parquet", write_parquet(tmp_path / "good.parquet", rows)
    before = ledger_of(store)
    refused: list[BadInput] = []
    for place in range(1, 13):
        path.write_bytes(good.read_bytes())
        spoil(path, place / 13, 200)
        try:
            report = pipeline.ingest_files(settings_of(store), [path], dry_run=True)
        except BadInput as error:
            refused.append(error)
        else:  # other values, that nothing can tell from true ones, or refused one by one
            assert report.bad_rows + report.rows["transfers"] <= len(rows)
        tried("damaged pages")
    assert all(str(path) in error.message and error.hint for error in refused)
    assert len(refused) >= 6
    assert ledger_of(store) == before


# ------------------------------------------------------------------------------------------------ the clock


class _Earlier(datetime):
    """A clock that was set back by a year."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) - timedelta(days=365)


def test_a_clock_that_jumps_back_hides_no_commit_and_no_build(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    straight = Path(shutil.copytree(store, tmp_path / "straight"))
    moved = [commands.moved(n, commands.USER, commands.DEPOSIT, n) for n in range(26, 29)]
    files = [write_csv(tmp_path / f"{n}.csv", [row]) for n, row in enumerate(moved)]
    claims = write_csv(tmp_path / "claims.csv", [commands.label(commands.USER, "Acorn Nuts", "suspect 9", "user")])

    def go_on(place: Path, clocks: list[type[datetime]]) -> None:
        for clock, file in zip(clocks, files, strict=True):
            for module in (pipeline, lake_module, snapshot_module):
                monkeypatch.setattr(module, "datetime", clock)
            pipeline.ingest_files(settings_of(place), [file])
            pipeline.add_labels(settings_of(place), [claims], source="clock")
            made = pipeline.build(settings_of(place))
            assert current_build(place) == made.build_id
            assert len(list_builds(place)) >= 2
        monkeypatch.undo()

    go_on(straight, [datetime] * 3)
    go_on(store, [datetime, _Earlier, datetime])
    commits = [commit.recorded_at for commit in Lake(store).commits()]
    assert commits == sorted(set(commits))
    assert (ledger_of(store), labels_of(store)) == (ledger_of(straight), labels_of(straight))
    assert export_all(store, tmp_path / "one") == export_all(straight, tmp_path / "other")
    assert run("doctor", store=store).code == 0
    tried("clock jumps", 2)


# ------------------------------------------------------------------------------------------- other versions


def test_a_lake_of_another_version_is_refused_and_its_build_stays_readable(
    store: Path, tried: Callable[..., None]
) -> None:
    with Lake(store).write("a test") as writing:
        table = pa.table({"chain": ["ethereum"], "token": ["0x1"]})  # as if its other columns were newer
        write_deltalake(str(store / "lake" / "tokens"), table, mode="overwrite", schema_mode="overwrite")
        writing.tables["tokens"] = writing.lake.open_table("tokens").version()
        writing.commit(rows=1, bad_rows=0)
    missing = sorted(set(lake_schema("tokens").names) - {"chain", "token"})[0]
    for act in (
        lambda: pipeline.build(settings_of(store), full=True),
        lambda: pipeline.add_tokens(settings_of(store), [write_csv(store.parent / "t.csv", commands.TOKENS)]),
    ):
        with pytest.raises(StoreError, match=f"tokens has no column {missing}.*another version") as caught:
            act()
        assert "new store" in caught.value.hint
        tried("older schemas")
    assert f"no column {missing}" in complaints(store)
    with Reader(store) as reader:
        assert reader.query("select count(*) from facts.transfers") != [(0,)]


def test_a_workspace_of_another_version_is_refused_and_left_as_it_is(store: Path, tried: Callable[..., None]) -> None:
    path = store / "workspace.sqlite"
    with sqlite3.connect(path) as con:
        con.execute("alter table judgements drop column because")
    con.close()
    before = path.read_bytes()
    for act in (
        lambda: Workspace(store).revision(),
        lambda: pipeline.build(settings_of(store)),
    ):
        with pytest.raises(StoreError, match="judgements has no column because: another version") as caught:
            act()
        assert "intel workspace migrate" in caught.value.hint
        tried("older schemas")
    assert "no column because" in complaints(store)
    assert path.read_bytes() == before
    assert run("profile", commands.USER, store=store).code == 0


def test_a_build_of_another_version_is_refused_and_rebuilt(
    store: Path, whole: dict[str, Any], tried: Callable[..., None]
) -> None:
    build = current_build(store)
    manifest = snapshot_path(store, build) / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 0'), "utf-8")
    with pytest.raises(StoreError, match="schema version 0") as caught, Reader(store):
        pass
    assert "intel build --full" in caught.value.hint
    assert "schema version 0" in complaints(store)
    pipeline.build(settings_of(store))
    assert read_build(store) == whole
    tried("older schemas")
