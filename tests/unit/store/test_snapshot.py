"""Is a build published whole or not at all, and kept as long as somebody may need it?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from intel.errors import NoSnapshot, StoreError, UsageError
from intel.store.reader import Reader
from intel.store.snapshot import (
    Manifest,
    current_build,
    list_builds,
    name_build,
    open_build,
    pin_build,
    pinned_builds,
    prune_builds,
    publish_build,
    read_manifest,
    republish_build,
    snapshot_path,
)
from tests.faults.doom import start_server


class Killed(BaseException):
    """Stands for SIGKILL at one line: nothing between it and the test catches it."""


def make(store: Path, build_id: str, order: int = 1, mark: str = "") -> Manifest:
    """Publish a build of one address, `mark`."""
    with open_build(store, build_id, memory="500MB", threads=1) as build:
        build.con.execute("insert into facts.addresses values (0, 'ethereum', ?, null)", [mark or build_id])
        return publish_build(store, build, Manifest(build_id, f"2024-01-01T00:00:{order:02}", "c", "0", "v", {}))


def read_mark(store: Path) -> str:
    with Reader(store) as reader:
        return str(reader.query("select address from facts.addresses")[0][0])


def hidden(store: Path) -> list[str]:
    return sorted(path.name for path in (store / "snapshots").glob(".*"))


def test_the_id_depends_on_every_input() -> None:
    inputs = ("lake", "1", "0.1", {"ml": "True"})
    others = [("lake2", *inputs[1:]), ("lake", "2", *inputs[2:]), ("lake", "1", "0.2", inputs[3])]
    others += [(*inputs[:3], {"ml": "False"}), (*inputs[:3], {}), (*inputs[:3], {"ml": "True", "more": ""})]
    ids = {name_build(*one) for one in (inputs, *others)}
    assert len(ids) == 7
    assert name_build(*inputs) in ids
    assert name_build("a", "b", "c", {"x": "1", "y": "2"}) == name_build("a", "b", "c", {"y": "2", "x": "1"})


def test_the_manifest_has_size_and_checksum_of_every_file(tmp_path: Path) -> None:
    make(tmp_path, "b1")
    folder = snapshot_path(tmp_path, "b1")
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"}
    assert set(files) == {"facts.duckdb", "beliefs.duckdb"}
    expected = {n: {"bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in files.items()}
    assert read_manifest(tmp_path, "b1").files == expected


@pytest.mark.parametrize(("table", "column"), [("facts.addresses", "address_id"), ("beliefs.evidence", "right_id")])
def test_rows_that_lie_anywhere_are_found_by_an_index(tmp_path: Path, table: str, column: str) -> None:
    with open_build(tmp_path, "b1", memory="1GB", threads=1) as build:
        build.con.execute(
            f"insert into {table} by name select range as {column} from range(300000) order by hash(range)"
        )
        publish_build(tmp_path, build, Manifest("b1", "2024-01-01T00:00:00", "c", "0", "v", {}))
    with Reader(tmp_path) as reader:
        found = f"select {column} from {table} where {column} = $id"
        assert reader.query(found, {"id": 77}) == [(77,)]
        assert "Index Scan" in str(reader.query(f"explain analyze {found}", {"id": 77}))


def test_a_build_that_failed_leaves_the_old_one_current_and_no_folder(tmp_path: Path) -> None:
    make(tmp_path, "b1")
    with pytest.raises(Killed), open_build(tmp_path, "b2", memory="500MB", threads=1):
        raise Killed
    assert current_build(tmp_path) == "b1"
    assert hidden(tmp_path) == []


def test_unfinished_folders_are_swept_by_the_next_build(tmp_path: Path) -> None:
    make(tmp_path, "b1")
    (tmp_path / "snapshots/.dead.unfinished/spill").mkdir(parents=True)
    (tmp_path / "snapshots/.dead.unfinished/facts.duckdb").write_bytes(b"half")
    assert [m.build_id for m in list_builds(tmp_path)] == ["b1"]
    make(tmp_path, "b2")
    assert hidden(tmp_path) == []


def make_until_rename(monkeypatch: pytest.MonkeyPatch, number: int, store: Path, build_id: str, mark: str = "") -> None:
    """Make a build and stop before the given rename (or replace) of its publication: 1 is the first."""
    seen = iter(range(1, 100))

    def wrap(patch: pytest.MonkeyPatch, name: str) -> None:
        real = getattr(Path, name)

        def rename(self: Path, target: Path) -> Path:
            if next(seen) == number:
                raise Killed
            moved: Path = real(self, target)
            return moved

        patch.setattr(Path, name, rename)

    with monkeypatch.context() as patch:
        wrap(patch, "rename")
        wrap(patch, "replace")
        with pytest.raises(Killed):
            make(store, build_id, mark=mark)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_stopped_anywhere_in_publication_the_old_build_is_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    make(tmp_path, "b1")
    make_until_rename(monkeypatch, number, tmp_path, "b2")
    assert (current_build(tmp_path), read_mark(tmp_path)) == ("b1", "b1")
    make(tmp_path, "b2")
    assert (current_build(tmp_path), read_mark(tmp_path)) == ("b2", "b2")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_stopped_while_a_build_replaces_itself_one_of_both_is_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    make(tmp_path, "b1", mark="old")
    make_until_rename(monkeypatch, number, tmp_path, "b1", mark="new")
    assert read_mark(tmp_path) == ("new" if number == 4 else "old")
    make(tmp_path, "b1", mark="newest")
    assert read_mark(tmp_path) == "newest"
    assert hidden(tmp_path) == []


def test_a_build_set_aside_comes_back_when_another_is_made(tmp_path: Path) -> None:
    make(tmp_path, "b1")
    snapshot_path(tmp_path, "b1").rename(tmp_path / "snapshots/.b1.retired")
    assert read_mark(tmp_path) == "b1"
    make(tmp_path, "b2", 2)
    assert [m.build_id for m in list_builds(tmp_path)] == ["b1", "b2"]


def hold_build(store: Path, ready: object, release: object) -> None:
    with open_build(store, "slow", memory="500MB", threads=1):
        ready.set()  # type: ignore[attr-defined]
        release.wait(60)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_two_builds_at_once_are_refused_and_readers_are_not(tmp_path: Path) -> None:
    make(tmp_path, "b1")
    context = start_server()
    ready, release = context.Event(), context.Event()
    other = context.Process(target=hold_build, args=(tmp_path, ready, release))
    other.start()
    try:
        assert ready.wait(60)
        with pytest.raises(StoreError, match="another build is running") as caught:
            make(tmp_path, "b2")
        assert "wait" in caught.value.hint
        assert hidden(tmp_path) == [".slow.unfinished"]
        assert read_mark(tmp_path) == "b1"
    finally:
        release.set()
        other.join(60)


def test_pruning_keeps_the_newest_the_pinned_and_the_current(tmp_path: Path) -> None:
    for order in range(1, 6):
        make(tmp_path, f"b{order}", order)
    pin_build(tmp_path, "b1")
    republish_build(tmp_path, "b2")
    assert prune_builds(tmp_path, 2) == ["b3"]
    assert [m.build_id for m in list_builds(tmp_path)] == ["b1", "b2", "b4", "b5"]
    pin_build(tmp_path, "b1", pinned=False)
    assert prune_builds(tmp_path, 1) == ["b1", "b4"]
    assert hidden(tmp_path) == []


def test_a_reader_keeps_reading_a_pruned_build(tmp_path: Path) -> None:
    make(tmp_path, "b1", 1)
    with Reader(tmp_path) as reader:
        make(tmp_path, "b2", 2)
        assert prune_builds(tmp_path, 1) == ["b1"]
        assert not snapshot_path(tmp_path, "b1").exists()
        assert reader.query("select address from facts.addresses") == [("b1",)]
        assert read_mark(tmp_path) == "b2"


def test_pins_name_builds_that_exist(tmp_path: Path) -> None:
    assert pinned_builds(tmp_path) == set()
    make(tmp_path, "b1")
    with pytest.raises(UsageError, match="no build 'b9'") as caught:
        pin_build(tmp_path, "b9")
    assert "b1" in caught.value.hint
    pin_build(tmp_path, "b1")
    assert pinned_builds(tmp_path) == {"b1"}


def test_a_store_without_a_build_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoSnapshot, match="no finished build"):
        current_build(tmp_path)
    assert prune_builds(tmp_path) == []


def write_manifest(store: Path, change: Callable[[dict[str, object]], object]) -> None:
    content = asdict(read_manifest(store, "b1"))
    written = change(content)
    (snapshot_path(store, "b1") / "manifest.json").write_text(
        written if isinstance(written, str) else json.dumps(written)
    )


DAMAGE: dict[str, tuple[Callable[[dict[str, object]], object], str]] = {
    "half": (lambda c: json.dumps(c)[:-9], "no readable manifest"),
    "no json": (lambda c: "<html>", "no readable manifest"),
    "list": (lambda c: [1], "no readable manifest"),
    "missing": (lambda c: {k: v for k, v in c.items() if k != "lake_commit"}, "no readable manifest"),
    "newer": (lambda c: {**c, "schema_version": 99}, "schema version 99"),
}


@pytest.mark.parametrize(("change", "message"), DAMAGE.values(), ids=list(DAMAGE))
def test_a_manifest_that_cannot_be_used_is_an_error_but_stops_no_other_build(
    tmp_path: Path, change: Callable[[dict[str, object]], object], message: str
) -> None:
    make(tmp_path, "b1", 1)
    write_manifest(tmp_path, change)
    with pytest.raises(StoreError, match=message) as caught:
        read_manifest(tmp_path, "b1")
    assert "intel build --full" in caught.value.hint
    assert prune_builds(tmp_path) == []  # it is the current one
    make(tmp_path, "b2", 2)
    assert [m.build_id for m in list_builds(tmp_path)] == ["b2"]
    assert prune_builds(tmp_path) == ["b1"]


def test_a_missing_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no readable manifest"):
        read_manifest(tmp_path, "b1")
