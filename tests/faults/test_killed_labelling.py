"""Does a batch that is killed at any point go on where it was, and end as if nothing had happened?"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest

from intel.errors import NoSnapshot, StoreError, UsageError
from intel.export.parts import TableParts, open_parts
from intel.labelling import label_file
from intel.profiler.batch import BatchOrder
from intel.store.snapshot import current_build
from tests import commands
from tests.shared import share_small_store
from tests.small_world import build_world
from tests.snapshots import write_snapshot

ORDER = BatchOrder(chunk_rows=4)
LINES = [commands.ACORN_HOT, "junk", commands.USER, "", commands.DEPOSIT, commands.ACORN_HOT, commands.ACORN_COLD] * 3


@pytest.fixture(scope="module")
def context() -> BaseContext:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["intel.labelling", "tests.commands"])
    return server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return share_small_store(tmp_path_factory)


@pytest.fixture
def addresses(tmp_path: Path) -> Path:
    path = tmp_path / "list.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def run_doomed(place: type, name: str, number: int, arguments: tuple[Any, ...]) -> None:
    """Run a batch that dies in place of the given call of a method."""
    real, left = getattr(place, name), [number]

    def call(*given: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **options)

    setattr(place, name, call)
    label_file(*arguments)


def kill(context: BaseContext, point: tuple[type, str, int], *arguments: Any) -> None:
    child = context.Process(target=run_doomed, args=(*point, arguments))  # type: ignore[attr-defined]
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL, f"the run ended with {child.exitcode} before it came to {point}"


# What dies, and how many rows are kept then: before the first part, between parts, in the middle of writing one,
# before the end, and in the moment when the whole file takes its name.
POINTS = [
    ((TableParts, "append", 1), 0, "parquet"), ((TableParts, "append", 3), 8, "csv"),
    ((Path, "replace", 4), 8, "jsonl"), ((TableParts, "publish", 1), 21, "parquet"),
    ((TableParts, "remove", 1), 21, "csv"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("point", "kept", "ending"), POINTS, ids=[f"{place.__name__}.{name}-{n}" for (place, name, n), *_ in POINTS]
)
def test_a_resumed_batch_equals_an_undisturbed_one(
    context: BaseContext,
    store: Path,
    addresses: Path,
    tmp_path: Path,
    tried: Callable[..., None],
    point: Any,
    kept: int,
    ending: str,
) -> None:
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    told: list[int] = []
    wanted = label_file(store, addresses, whole, ORDER)
    kill(context, point, store, addresses, out, ORDER)
    assert out.exists() == (point[1] == "remove")
    done = label_file(store, addresses, out, ORDER, resume=True, tell=lambda done, total, **facts: told.append(done))
    assert done == wanted
    assert out.read_bytes() == whole.read_bytes()
    tried("kills")
    assert told == ([rows for rows in (4, 8, 12, 16, 20, 21) if rows > kept] or [21])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["list.txt", whole.name, out.name])


def test_without_resume_it_begins_anew(context: BaseContext, store: Path, addresses: Path, tmp_path: Path) -> None:
    kill(context, (TableParts, "append", 3), store, addresses, tmp_path / "out.csv", ORDER)
    told: list[int] = []
    label_file(store, addresses, tmp_path / "out.csv", ORDER, tell=lambda done, total, **facts: told.append(done))
    assert told[0] == 4


def test_another_list_or_order_is_not_resumed(
    context: BaseContext, store: Path, addresses: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    kill(context, (TableParts, "append", 3), store, addresses, out, ORDER)
    with pytest.raises(UsageError, match="tier was 'probable' and is 'confirmed' now"):
        label_file(store, addresses, out, BatchOrder(chunk_rows=4, tier="confirmed"), resume=True)
    addresses.write_text("\n".join(LINES[1:]), encoding="utf-8")
    with pytest.raises(UsageError, match="list was .* and is") as caught:
        label_file(store, addresses, out, ORDER, resume=True)
    assert "--resume" in caught.value.hint


def test_a_resumed_batch_answers_from_the_build_it_began_with(
    context: BaseContext, addresses: Path, tmp_path: Path
) -> None:
    store, out = tmp_path / "store", tmp_path / "out.jsonl"
    write_snapshot(store, build_world(), "b1")
    kill(context, (TableParts, "append", 3), store, addresses, out, ORDER)
    write_snapshot(store, build_world(), "b2")
    assert current_build(store) == "b2"
    assert label_file(store, addresses, out, ORDER, resume=True)[0] == "b1"
    assert '"b2"' not in out.read_text("utf-8")


def test_two_runs_never_write_one_file(store: Path, addresses: Path, tmp_path: Path) -> None:
    with open_parts(tmp_path / "out.csv"), pytest.raises(StoreError, match="another run is writing"):
        label_file(store, addresses, tmp_path / "out.csv", ORDER)


def test_nothing_is_left_where_nothing_could_begin(store: Path, addresses: Path, tmp_path: Path) -> None:
    with pytest.raises(NoSnapshot):
        label_file(tmp_path / "nowhere", addresses, tmp_path / "out.csv", ORDER)
    own = tmp_path / "own.csv"
    own.write_text("address\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is the list itself"):
        label_file(store, own, own, ORDER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.txt", "own.csv"]
