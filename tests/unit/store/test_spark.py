"""Does a build say in words why it cannot use Spark, soon, and without touching the build that stands?"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from intel.errors import UsageError
from intel.store.snapshot import current_build
from intel.store.spark import check_engine
from tests.commands import run
from tests.parts import require_part
from tests.shared import share_small_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(share_small_store(tmp_path_factory), tmp_path_factory.mktemp("spark") / "store"))


@pytest.mark.parametrize(
    "text",
    ["duckdb", "local", "local[2]", "local[*]", "spark://10.0.0.7:7077", "spark://a.example:7077,b.example:7077"],
)
def test_an_engine_is_duckdb_or_a_spark_master(text: str) -> None:
    assert check_engine(f" {text} ") == text


@pytest.mark.parametrize(
    "text",
    [
        "", "spark", "spark:/host:7077", "spark://", "spark://host", "spark://host:", "spark://host:0",
        "spark://host:70000", "spark://host:7077/path", "spark://user:secret@host:7077", "spark://a:1,b", "local[0]",
        "local[-1]", "local[two]", "yarn", "k8s://https://host:443", "http://host:7077", "duckdb; drop table x",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError, match="is no engine") as caught:
        check_engine(text)
    assert repr(text) in caught.value.message
    assert "spark://HOST:PORT" in caught.value.hint


def test_a_malformed_engine_is_a_mistake_in_the_call(store: Path) -> None:
    """Even where there is nothing to build: the store's build is up to date."""
    before = current_build(store)
    answer = run("build", "--engine", "spark:/host", store=store)
    assert answer.code == 2
    assert "'spark:/host' is no engine" in answer.err
    assert current_build(store) == before


def test_a_master_that_nobody_runs_is_named_and_the_old_build_stays(store: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: refused for sure
        taken.bind(("127.0.0.1", 0))
        port, before, started = taken.getsockname()[1], current_build(store), time.monotonic()
        answer = run("build", "--full", "--engine", f"spark://127.0.0.1:{port}", store=store)
    assert time.monotonic() - started < 30
    assert answer.code == 1
    assert f"no Spark master answers at 127.0.0.1:{port}" in answer.err
    assert "hint: " in answer.err
    assert current_build(store) == before
    assert run("profile", "Acorn Exchange", store=store).code == 0
    assert not list((store / "snapshots").glob(".*")), "nothing is left of the build that could not begin"


def test_without_pyspark_the_extra_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    answer = run("build", "--full", "--engine", "local[1]", store=store)
    assert answer.code == 2
    assert "needs pyspark" in answer.err
    assert "intel-ledger[spark]" in answer.err


@pytest.mark.spark
def test_without_java_the_version_is_named(store: Path, tmp_path: Path) -> None:
    require_part("spark")
    before = current_build(store)
    command = [sys.executable, "-m", "intel", "build", "--full", "--engine", "local[1]", "--store", str(store)]
    environment = {**os.environ, "JAVA_HOME": str(tmp_path)}  # a folder without bin/java
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 1
    assert "Spark could not be started" in answer.stderr
    assert "Java 17" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert current_build(store) == before
