"""Does a build take over exactly what its inputs leave as it was, and say the same as one made anew?"""

from __future__ import annotations

import re
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from intel import parts, pipeline
from intel.config import Settings
from intel.model import JudgementEnd
from intel.parts import PARTS
from intel.render_build import render_build
from intel.store.compaction import compact_lake
from intel.store.ddl import read_tables
from intel.store.lake import Lake
from intel.store.reader import Reader
from intel.store.snapshot import Manifest, current_build, list_builds, prune_builds, snapshot_path
from intel.store.workspace import Workspace
from tests import commands
from tests.ledger_files import write_csv, write_parquet
from tests.shared import share_small_store

DAY = [commands.moved(n, commands.USER, commands.DEPOSIT, 1000 + n) for n in range(20, 22)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return share_small_store(tmp_path_factory)


@pytest.fixture
def settings(base: Path, tmp_path: Path) -> Settings:
    return Settings(store=Path(shutil.copytree(base, tmp_path / "store")), memory="1GB", threads=1)


def made(manifest: Manifest) -> set[str]:
    return {name for name, record in manifest.parts.items() if record["how"] == "made"}


def read_build(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    with Reader(store) as reader:
        names = [f"{layer}.{table}" for layer in ("facts", "beliefs") for table in read_tables()[layer]]
        tables = {name: sorted(reader.query(f"from {name}"), key=repr) for name in names}
        return tables | {"flows": [(path.name, path.read_bytes()) for path in sorted(reader.path.glob("flows.*"))]}


def equals_full(settings: Settings) -> bool:
    """Compare the current build with the same one made anew; that one is current afterwards."""
    held = read_build(settings.store)
    full = pipeline.build(settings, full=True)
    assert made(full) == set(PARTS)
    return read_build(settings.store) == held


def judge(settings: Settings) -> None:
    ends = [JudgementEnd("ethereum", address, None) for address in (commands.USER, commands.SECRET)]
    with Workspace(settings.store) as workspace:
        workspace.add_judgement(ends[0], ends[1], "same", "they told us")


def add_label(
    settings: Settings, folder: Path, address: str, *, owner: str = "Birch Exchange", private: bool = False
) -> None:
    path = write_csv(folder / f"{address}.csv", [commands.label(address, owner, f"{owner}: Hot Wallet")])
    pipeline.add_labels(settings, [path], source="later", private=private)


@pytest.mark.slow
def test_a_judgement_makes_no_part_anew(settings: Settings) -> None:
    before = current_build(settings.store)
    judge(settings)
    manifest = pipeline.build(settings)
    assert made(manifest) == set()
    assert {record["made_in"] for record in manifest.parts.values()} == {before}
    assert equals_full(settings)


@pytest.mark.slow
def test_a_label_outside_the_ledger_leaves_the_evidence(settings: Settings, tmp_path: Path) -> None:
    add_label(settings, tmp_path, "0x" + "77" * 20, owner="Acorn Exchange")
    assert made(pipeline.build(settings)) == {"labels"}
    assert equals_full(settings)


@pytest.mark.slow
@pytest.mark.parametrize("private", [False, True])
def test_a_label_inside_it_leaves_facts_and_flow_columns(settings: Settings, tmp_path: Path, *, private: bool) -> None:
    add_label(settings, tmp_path, commands.DEPOSIT, private=private)
    manifest = pipeline.build(settings)
    assert {"labels", "evidence"} <= made(manifest) <= {"labels", "evidence", "roles"}
    assert equals_full(settings)


@pytest.mark.slow
def test_a_retracted_label_predicts_anew_what_it_told(settings: Settings) -> None:
    pipeline.retract_labels(settings, source="book")
    assert made(pipeline.build(settings)) == {"labels", "evidence", "roles"}
    assert equals_full(settings)


@pytest.mark.slow
def test_what_is_shared_outlives_the_build_that_made_it(settings: Settings) -> None:
    first = current_build(settings.store)
    judge(settings)
    pipeline.build(settings)
    prune_builds(settings.store, keep=0)
    assert [one.build_id for one in list_builds(settings.store)] == [current_build(settings.store)] != [first]
    assert equals_full(settings)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "damaged"), [("facts.duckdb", set(PARTS)), ("flows.sender.npy", {"flows"}),
                                               ("beliefs.duckdb", set(PARTS) - {"facts"})])  # fmt: skip
def test_what_is_damaged_is_made_anew(settings: Settings, name: str, damaged: set[str]) -> None:
    path = snapshot_path(settings.store, current_build(settings.store)) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    judge(settings)
    assert made(pipeline.build(settings)) == damaged
    assert equals_full(settings)


@pytest.mark.slow
def test_later_transfers_extend_the_facts(settings: Settings, tmp_path: Path) -> None:
    rows = [
        commands.moved(n, commands.USER, commands.ACORN_HOT, n) for n in range(9, 18)
    ]  # blocks of their own: what shares a block is replaced
    pipeline.ingest_files(settings, [write_parquet(tmp_path / "more.parquet", rows)])
    first = pipeline.build(settings)
    assert "more than" in first.parts["facts"]["why"]
    pipeline.ingest_files(settings, [write_csv(tmp_path / "day.csv", DAY)])
    compact_lake(Lake(settings.store))
    manifest = pipeline.build(settings)
    for part in ("facts", "flows"):
        assert (manifest.parts[part]["how"], manifest.parts[part]["of"]) == ("extended", first.build_id)
    assert equals_full(settings)
    pipeline.ingest_files(settings, [write_csv(tmp_path / "again.csv", [DAY[0] | {"value_raw": "7"}])])
    assert "replaced" in pipeline.build(settings).parts["facts"]["why"]


@pytest.mark.slow
def test_a_build_says_why_each_part_was_made(settings: Settings, tmp_path: Path) -> None:
    def tell(**more: bool) -> dict[str, tuple[str, str]]:
        manifest = pipeline.build(settings, **more)
        page = StringIO()
        Console(file=page, width=200).print(render_build(manifest.build_id, manifest.reports, manifest.parts))
        assert all(record["why"] in page.getvalue() for record in manifest.parts.values())
        return {name: (record["how"], record["why"]) for name, record in manifest.parts.items()}

    judge(settings)
    assert tell() == dict.fromkeys(PARTS, ("taken over", ""))
    add_label(settings, tmp_path, "0x" + "77" * 20, owner="Acorn Exchange")
    assert tell()["labels"] == ("made", "changed: lake.labels")
    pipeline.retract_labels(settings, source="book")
    assert "anchors" in tell()["evidence"][1]
    (snapshot_path(settings.store, current_build(settings.store)) / "flows.tx.npy").write_bytes(b"")
    judge(settings)
    assert tell()["flows"] == ("made", "that of before is damaged, incomplete or no longer fits")
    assert tell(full=True) == dict.fromkeys(PARTS, ("made", "asked for: --full"))


def test_compaction_makes_nothing_anew(settings: Settings) -> None:
    compact_lake(Lake(settings.store))
    judge(settings)
    assert made(pipeline.build(settings)) == set()


class Watched:
    """A connection that notes which tables of a build and of the lake its statements name."""

    def __init__(self, con: Any, seen: set[str]) -> None:
        self._con, self._seen = con, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def execute(self, query: str, *more: Any) -> Any:
        self._note(query)
        return self._con.execute(query, *more)

    def sql(self, query: str, **more: Any) -> Any:
        self._note(query)
        return self._con.sql(query, **more)

    def _note(self, query: str) -> None:
        tables = {f"{layer}.{table}" for layer in ("facts", "beliefs") for table in read_tables()[layer]}
        tables |= {f"lake_{table}" for table in read_tables()["lake"]} | {"lake_private_labels", "former_members"}
        self._seen |= set(re.findall(r"(?:(?:facts|beliefs)\.|\blake_)\w+|\bformer_members\b", query)) & tables


def declared(name: str) -> set[str]:
    part = PARTS[name]
    own = {f"beliefs.{table}" for table in part.fills} | {f"lake_{table}" for table in part.lake} | set(part.sees)
    for other in part.on:
        own |= {f"facts.{table}" for table in read_tables()["facts"]} if other == "facts" else declared(other)
    return own | ({f"facts.{table}" for table in read_tables()["facts"]} if name == "facts" else set())


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    seen: dict[str, set[str]] = {}
    real = parts.Parts.make

    def make(self: Any, name: str, fill: Any, **more: str) -> Any:
        return real(self, name, lambda con: fill(Watched(con, seen.setdefault(name, set()))), **more)

    monkeypatch.setattr(parts.Parts, "make", make)
    return seen


def test_a_part_reads_no_more_than_it_declares(settings: Settings, watched: dict[str, set[str]]) -> None:
    pipeline.build(settings, full=True)
    assert set(watched) == set(PARTS)
    for name, tables in watched.items():
        assert tables, name
        assert tables <= declared(name), (name, tables - declared(name))
