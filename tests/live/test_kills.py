"""Is the lake right after an ingest from a node was killed, at any moment, again and again?

INTEL_SOAK says how often in each phase; `make soak` sets it to fifty.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from intel.store.compaction import compact_lake
from intel.store.lake import Lake
from tests.live.busy import QUICK, read_visible, start_busy, take
from tests.live.server import Answer, Asked, forward, serve
from tests.parts import require_part

KILLS = int(os.environ.get("INTEL_SOAK", "").strip() or 3)
CHUNK = 5
BLOCKS = CHUNK * (2 * KILLS + 2) if KILLS < 10 else 120
SMALL = replace(QUICK, chunk=CHUNK)


class Between:
    """Stands before the node and tells how many requests came."""

    def __init__(self, url: str) -> None:
        self._url, self._lock = url, threading.Lock()
        self.requests = 0

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.requests += 1
        return Answer(forward(self._url, asked))


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Between]]:
    require_part("contracts")
    with start_busy(tmp_path_factory.mktemp("anvil"), BLOCKS) as miner:
        counting = Between(miner.node.url)
        with serve(counting.answer) as url:
            yield url, counting


@pytest.fixture(scope="module")
def context() -> BaseContext:
    """Children are forked from a server that has our modules loaded, and no threads: quick, and safe to kill."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["intel.following", "intel.store.compaction", "tests.live.busy"])
    return server


@pytest.fixture(scope="module")
def untroubled(between: tuple[str, Between], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    store = tmp_path_factory.mktemp("untroubled") / "store"
    take(store, between[0], options=SMALL)
    return read_visible(store)


def ingest(store: Path, url: str) -> None:
    """Run in a process of its own, to be killed."""
    take(store, url, options=SMALL)


def asking(store: Path, between: Between, chance: random.Random) -> Callable[[], bool]:
    """Some requests later."""
    aim = between.requests + chance.randrange(1, 20)
    return lambda: between.requests >= aim


def writing(store: Path, between: Between, chance: random.Random) -> Callable[[], bool]:
    """Data files of the run stand in the lake, and are in no version yet, or only some tables have theirs."""
    seen, more = count_files(store, "*.parquet"), chance.randrange(1, 9)
    return lambda: count_files(store, "*.parquet") >= seen + more


def committing(store: Path, between: Between, chance: random.Random) -> Callable[[], bool]:
    """Tables have new versions; the commit that names them is being written, or has just been."""
    seen, more = count_files(store, "_delta_log/*.json"), chance.randrange(1, 9)
    return lambda: count_files(store, "_delta_log/*.json") >= seen + more


def count_files(store: Path, pattern: str) -> int:
    return sum(1 for _ in (store / "lake").glob(f"*/{pattern}"))


@pytest.mark.slow
@pytest.mark.parametrize("phase", [asking, writing, committing])
def test_killed_ingests_lose_and_double_nothing(
    phase: Callable[..., Callable[[], bool]],
    between: tuple[str, Between],
    context: BaseContext,
    untroubled: dict[str, Any],
    tmp_path: Path,
    tried: Callable[..., None],
) -> None:
    url, counting = between
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    killed, number = 0, 0
    while killed < KILLS:
        number += 1
        assert number <= 4 * KILLS, f"too few runs lived long enough to be killed (seed {seed})"
        store = tmp_path / f"store{number // 10}"  # one lake is killed over again, up to ten times
        process = context.Process(target=ingest, args=(store, url))
        killed += kill_when(phase(store, counting, chance), process, chance)
        check_prefix(store, untroubled, seed)
        if number % 10 == 0:
            print(f"ingest from a node, {phase.__name__}: {killed} of {KILLS} kills", flush=True)
    tried("kills", killed)
    for store in sorted(tmp_path.glob("store*")):
        take(store, url, options=SMALL)
        assert read_visible(store) == untroubled, f"seed {seed}"


def compact(store: Path) -> None:
    """Run in a process of its own, to be killed."""
    compact_lake(Lake(store), kept_hours=1)


@pytest.mark.slow
def test_killed_compactions_change_nothing(
    between: tuple[str, Between],
    context: BaseContext,
    untroubled: dict[str, Any],
    tmp_path: Path,
    tried: Callable[..., None],
) -> None:
    """Killed while it writes, and in turn between the ingests that come after it."""
    chance, killed, number, store, last = random.Random(random.randrange(10**6)), 0, 0, tmp_path / "store", 4
    while killed < KILLS:
        number += 1
        assert number <= 4 * KILLS, "too few compactions lived long enough to be killed"
        if last >= BLOCKS:
            store, last = tmp_path / f"store{number}", 4
        take(store, between[0], last, options=replace(SMALL, chunk=1))
        before = read_visible(store)
        process = context.Process(target=compact, args=(store,))
        killed += kill_when(writing(store, between[1], chance), process, chance)
        assert read_visible(store) == before
        last = min(last + 2, BLOCKS)
        if number % 10 == 0:
            print(f"compaction: {killed} of {KILLS} kills", flush=True)
    tried("kills", killed)
    compact_lake(Lake(store))
    take(store, between[0], options=SMALL)
    assert read_visible(store) == untroubled


def kill_when(reached: Callable[[], bool], process: BaseProcess, chance: random.Random) -> bool:
    """Start a process and kill it a moment after `reached`; say whether it was still running."""
    process.start()
    deadline = time.monotonic() + 900  # far beyond any load: a process that hangs is found, a slow one is none
    while process.is_alive() and not reached():
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    time.sleep(chance.random() * 0.01)
    assert process.pid
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == -signal.SIGKILL


def check_prefix(store: Path, untroubled: dict[str, Any], seed: int) -> None:
    """What is visible after a kill is whole blocks, and right."""
    if not Lake(store).commits():
        return
    visible = read_visible(store, "blocks", "transactions", "transfers")
    done = {row[1] for row in visible["blocks"]}
    for table, rows in visible.items():
        assert rows == [row for row in untroubled[table] if row[1] in done], f"{table}, seed {seed}"
