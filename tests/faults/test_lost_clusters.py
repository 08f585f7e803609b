"""Does a build on a Spark cluster end in words where nobody works, or all die, and end well where one does?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from intel.store.snapshot import current_build
from tests.commands import run
from tests.faults.stores import read_build
from tests.parts import require_part
from tests.shared import share_small_store
from tests.spark_cluster import Cluster, start_cluster

PATIENCE = 4.0  # instead of the minute that a person's cluster gets
# What a user calls, with less patience.
BUILD = """
import sys
from intel.cli import main
from intel.store import spark
setattr(spark, sys.argv[1], float(sys.argv[2]))
main(sys.argv[3:])
"""


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    require_part("spark")
    return Path(shutil.copytree(share_small_store(tmp_path_factory), tmp_path / "store"))


def start_build(store: Path, cluster: Cluster, patience: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, patience, str(PATIENCE), "build", "--full", "--engine", cluster.url]
    options = ["--memory", "1GB", "--store", str(store)]
    return subprocess.Popen([*command, *options], env=dict(cluster.environment), stderr=subprocess.PIPE, text=True)


def check_told(build: subprocess.Popen[str], *words: str) -> None:
    _, told = build.communicate(timeout=300)
    assert build.returncode == 1, told
    for text in words:
        assert text in told
    assert "Traceback" not in told


def list_written(store: Path) -> list[Path]:
    """Return what the cluster has written for a build that has not ended."""
    return list((store / "snapshots").glob(".*/spill/spark/tables/*/part-*.parquet"))


def await_middle(build: subprocess.Popen[str], is_there: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not is_there():
        assert build.poll() is None, build.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.05)


def check_untouched(store: Path, before: tuple[str, object]) -> None:
    assert (current_build(store), read_build(store)) == before
    assert not list((store / "snapshots").glob(".*")), "nothing is left of the build that could not end"
    assert run("profile", "Acorn Exchange", store=store).code == 0


@pytest.mark.spark
@pytest.mark.slow
def test_a_cluster_without_workers_is_told(store: Path, tmp_path: Path, tried: Callable[..., None]) -> None:
    before = current_build(store), read_build(store)
    with start_cluster(tmp_path, workers=0) as cluster:
        build = start_build(store, cluster, "_WORKER_SECONDS")
        nobody = f"{cluster.url} ran nothing within {PATIENCE:.0f} s: no worker has room for us"
        check_told(build, nobody, "hint: start a worker")
    check_untouched(store, before)
    tried("lost clusters")


@pytest.mark.spark
@pytest.mark.slow
def test_a_cluster_that_dies_in_the_middle_is_told(store: Path, tmp_path: Path, tried: Callable[..., None]) -> None:
    before = current_build(store), read_build(store)
    with start_cluster(tmp_path, workers=1) as cluster:
        build = start_build(store, cluster, "_LOST_SECONDS")
        await_middle(build, lambda: bool(list_written(store)))
        for process in (cluster.master, *cluster.workers):
            os.killpg(process.pid, signal.SIGKILL)
        lost = "the Spark cluster went away in the middle of the build"
        check_told(build, lost, "hint: the build of before stays current")
    check_untouched(store, before)
    tried("lost clusters")


@pytest.mark.spark
@pytest.mark.slow
def test_a_worker_that_dies_alone_leaves_the_build_to_the_other(
    store: Path, tmp_path: Path, tried: Callable[..., None]
) -> None:
    before = current_build(store), read_build(store)
    with start_cluster(tmp_path, workers=2) as cluster:
        build = start_build(store, cluster, "_LOST_SECONDS")

        def work_together() -> bool:
            launched = ["Asked to launch executor" in cluster.read_log(f"worker{number}") for number in range(2)]
            return all(launched) and bool(list_written(store))

        await_middle(build, work_together)
        os.killpg(cluster.workers[0].pid, signal.SIGKILL)
        _, told = build.communicate(timeout=300)
        assert build.returncode == 0, told
        assert "Traceback" not in told
        assert "Telling app of lost executor" in cluster.read_log("master"), "it died while the build still ran"
    assert (current_build(store), read_build(store)) == before, "the tables are those of an undisturbed build"
    tried("lost workers")
