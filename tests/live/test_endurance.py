"""Does a follower stay alive: beside other writers, while the node is away, and through hundreds of commits?"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest

from intel.following import follow_rpc
from intel.store import compaction
from intel.store.lake import COMPACT_COMMAND, Lake
from tests.commands import label
from tests.ledger_files import lake_rows, write_csv
from tests.live.busy import QUICK, Miner, read_visible, settings_of, start_busy, take
from tests.live.server import Answer, Asked, forward, serve
from tests.parts import require_part

BLOCKS = 12
ONE_BY_ONE = replace(QUICK, chunk=1)


@pytest.fixture(scope="module")
def miner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miner]:
    require_part("contracts")
    with start_busy(tmp_path_factory.mktemp("anvil"), BLOCKS) as miner:
        yield miner


@pytest.fixture(scope="module")
def untroubled(miner: Miner, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    store = tmp_path_factory.mktemp("untroubled") / "store"
    take(store, miner.node.url, BLOCKS)
    return read_visible(store)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "intel", *map(str, arguments)]


@pytest.mark.slow
def test_a_follower_and_other_commands_write_to_one_store(
    miner: Miner, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    """Real processes: one follows, two take in labels, one takes the same blocks, one compacts."""
    store = tmp_path / "store"
    files = [
        write_csv(tmp_path / f"{name}.csv", [label(f"0x{number:040x}", name.title(), name)])
        for number, name in enumerate(("acorn", "birch"), start=1)
    ]
    last = f"0:{BLOCKS}"
    commands = [
        command("ingest", "rpc", miner.node.url, "--follow", "--blocks", last, "--store", store),
        command("ingest", "rpc", miner.node.url, "--blocks", last, "--store", store),
        command("compact", "--store", store),
        *(command("labels", "add", file, "--store", store) for file in files),
    ]
    running = [subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for one in commands]
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), said
    assert read_visible(store) == untroubled
    assert lake_rows(store, "select label from lake_labels order by 1") == [("acorn",), ("birch",)]


def hold_lake(store: Path, ready: Any, release: Any) -> None:
    with Lake(store).write("slow") as run:
        ready.set()
        release.wait(120)
        run.commit(rows=0, bad_rows=0)


def test_a_follower_waits_for_a_long_ingest_and_says_so(
    miner: Miner, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    monkeypatch.setattr(Lake, "write", partialmethod(Lake.write, patience=0.1))  # that nobody need wait a minute
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=hold_lake, args=(store, ready, release))
    other.start()
    assert ready.wait(60)
    said: list[str] = []

    def let_go(text: str) -> None:
        said.append(text)
        release.set()

    follow_rpc(settings_of(store), miner.node.url, (0, BLOCKS), say=let_go, poll=0.05)
    other.join(60)
    assert "another command is writing to this store" in said[0]
    assert "trying again" in said[0]
    assert read_visible(store) == untroubled


def test_a_follower_outlives_a_node_that_goes_away(
    miner: Miner, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    """The node answers, falls silent for longer than any retry, and comes back."""
    store, said, lock = tmp_path / "store", [], threading.Lock()

    def answer(asked: Asked) -> Answer:
        with lock:
            is_away = bool(Lake(store).commits()) and len(said) < 2
        return Answer(b"", status=503) if is_away else Answer(forward(miner.node.url, asked))

    with serve(answer) as url:
        options = replace(ONE_BY_ONE, retries=1)
        follow_rpc(settings_of(store), url, (0, BLOCKS), options, say=said.append, poll=0.05)
    assert len(said) == 2
    assert "HTTP status 503" in said[0]
    assert read_visible(store) == untroubled


def test_files_do_not_pile_up(
    miner: Miner, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    monkeypatch.setattr(compaction.is_compaction_due, "__defaults__", (5,))
    follow_rpc(settings_of(store), miner.node.url, (0, BLOCKS), ONE_BY_ONE, poll=0.05)
    lake = Lake(store)
    assert [one.command for one in lake.commits()].count(COMPACT_COMMAND) == 2
    assert len(lake.files("blocks", lake.head())) < 6
    assert read_visible(store) == untroubled
