"""Which Spark cluster does a build run on, and can it be reached? pyspark is imported here alone, and only when asked.

Whatever is not set here (memory and cores of executors, authentication) is the cluster's own: spark-defaults.conf.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from intel.errors import StoreError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HOST = r"[A-Za-z0-9._-]+:[0-9]{1,5}"
_CLUSTER = re.compile(rf"spark://({_HOST}(?:,{_HOST})*)")
_LOCAL = re.compile(r"local(\[([1-9][0-9]{0,3}|\*)\])?")
_REACH_SECONDS = 5.0  # until a master must have answered
_WORKER_SECONDS = 60.0  # until a cluster must have given us an executor
_LOST_SECONDS = 60.0  # until it must have given us another one, when all are lost
_JAVA = "Spark 4 needs Java 17 or 21: install it (on Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME"


def check_engine(text: str) -> str:
    """Return the engine that is meant, `duckdb` or the URL of a Spark master; UsageError for anything else."""
    name = text.strip()
    if name == "duckdb" or _LOCAL.fullmatch(name) or _find_masters(name):
        return name
    raise UsageError(
        f"{text!r} is no engine", "name duckdb, spark://HOST:PORT of a standalone master, or local[N] for N threads"
    )


def _find_masters(name: str) -> list[tuple[str, int]]:
    found = _CLUSTER.fullmatch(name)
    pairs = [pair.rsplit(":", 1) for pair in found[1].split(",")] if found else []
    return [(host, int(port)) for host, port in pairs if 0 < int(port) < 65_536]


@contextmanager
def open_session(master: str, log: Path, *, memory: str) -> Iterator[SparkSession]:
    """Start a Spark session on `master` and stop it at the end; what Java says goes to the file `log`.

    `memory` bounds the Java process here, as 4g. Raises UsageError without pyspark; StoreError without Java, without
    an answer of the master, or without a worker that gives us an executor within a minute.
    """
    masters = _find_masters(master)
    address = _reach_master(masters) if masters else "127.0.0.1"
    session = _start_session(master, log, {"spark.driver.host": address, "spark.driver.memory": memory})
    try:
        if not can_work(session):
            hint = "start a worker with enough free memory (spark.executor.memory, 1g by default), or wait for one"
            raise StoreError(f"{master} ran nothing within {_WORKER_SECONDS:.0f} s: no worker has room for us", hint)
        with _watch_executors(session) if masters else nullcontext():
            yield session
    finally:
        with suppress(*failures()):
            session.stop()


@contextmanager
def _watch_executors(session: SparkSession) -> Iterator[None]:
    """Cancel what runs when the cluster has had no executor for us for a minute: Spark itself would wait for ever."""
    done = threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        with suppress(*failures()):
            while not done.wait(1):
                if session.sparkContext._jsc.sc().getExecutorMemoryStatus().size() > 1:  # the driver is one  # noqa: SLF001
                    seen = time.monotonic()
                elif time.monotonic() - seen > _LOST_SECONDS:
                    session.sparkContext.cancelAllJobs()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(5)


def _reach_master(masters: list[tuple[str, int]]) -> str:
    """Return our own address as the first master that answers sees it: where executors find the driver."""
    faults = []
    for host, port in masters:
        try:
            with socket.create_connection((host, port), timeout=_REACH_SECONDS) as line:
                return str(line.getsockname()[0])
        except OSError as error:
            faults.append(f"{host}:{port} ({error.strerror or error})")
    hint = "check that the Spark master runs there and lets this machine in, or build with --engine duckdb"
    raise StoreError(f"no Spark master answers at {', '.join(faults)}", hint)


def _start_session(master: str, log: Path, options: dict[str, str]) -> SparkSession:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        hint = "install the extra: pip install 'intel-ledger[spark]'"
        raise UsageError(f"the engine {master} needs pyspark, which is not installed", hint) from error
    builder = SparkSession.builder.master(master).appName("intel build")
    for key, value in (_OPTIONS | options).items():
        builder = builder.config(key, value)
    try:
        with _divert_stderr(log):
            return builder.getOrCreate()
    except failures() as error:
        told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
        is_java = "JAVA_GATEWAY_EXITED" in str(error) or isinstance(error, OSError)
        why = next((line for line in told if "java" in line.lower()), "") if is_java else name_failure(error)
        raise StoreError(
            f"Spark could not be started{': ' if why else ''}{why}", _JAVA if is_java else f"its log: {log}"
        ) from error


# Times carry no zone and are UTC, as everywhere; and Parquet holds them as DuckDB and Delta write them.
_OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.ansi.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
}


def can_work(session: SparkSession) -> bool:
    """Say whether the cluster finishes the smallest job within a minute: without a worker it would wait for ever."""
    done: list[int] = []

    def work() -> None:
        with suppress(*failures()):
            done.append(session.range(1).count())

    probe = threading.Thread(target=work, daemon=True)
    probe.start()
    probe.join(_WORKER_SECONDS)
    return bool(done)


def failures() -> tuple[type[Exception], ...]:
    """Return what a Spark session raises; OSError where its Java process is gone."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return (PySparkException, Py4JError, OSError)


def name_failure(error: Exception) -> str:
    """Return the first line of what went wrong, without Java's stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0]


@contextmanager
def _divert_stderr(log: Path) -> Iterator[None]:
    """Let processes that start meanwhile write their stderr into a file: ours is for people, and may be JSON."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
