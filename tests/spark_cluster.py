"""How does a test get a real Spark cluster: a master and workers of their own, on loopback, gone at the end?"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

START_SECONDS = 90.0
# Each process lives for a minute and the rows are few: what pays off later (optimising compilers, plans that adapt, and
# their pictures for the web page) costs more here than the work itself. So does handing a small table to every worker
# before a join, and waiting for the worker that holds a part of it.
JAVA = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=128m -XX:+UseSerialGC"
DEFAULTS = {
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.extraJavaOptions": JAVA,
    "spark.executor.memory": "600m",
    "spark.locality.wait": "0",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "100",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@dataclass(frozen=True)
class Cluster:
    url: str
    environment: Mapping[str, str]  # of a driver that is to work like the cluster
    folder: Path
    master: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]

    def read_log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


def write_configuration(folder: Path) -> dict[str, str]:
    """Return the environment in which Spark finds the options above."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} {value}\n" for key, value in DEFAULTS.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    return {
        **os.environ, "SPARK_CONF_DIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": JAVA,
    }  # fmt: skip


@contextmanager
def start_cluster(folder: Path, *, workers: int) -> Iterator[Cluster]:
    """Start a standalone master and its workers, each a process group of its own, on ports that are free."""
    environment = write_configuration(folder / "conf")
    started: list[subprocess.Popen[bytes]] = []
    try:
        started.append(_start(folder, "master", environment, "master.Master", "--webui-port", "0"))
        url = _await(folder / "master.log", r"spark://127\.0\.0\.1:[1-9]\d*", started[0])
        for number in range(workers):
            options = ("--cores", "1", "--memory", "640m", "--webui-port", "0", "--work-dir", str(folder / "work"), url)
            started.append(_start(folder, f"worker{number}", environment, "worker.Worker", *options))
        for number in range(workers):
            _await(folder / f"worker{number}.log", "Successfully registered with master", started[1 + number])
        yield Cluster(url, environment, folder, started[0], tuple(started[1:]))
    finally:
        for process in reversed(started):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(
    folder: Path, name: str, environment: Mapping[str, str], kind: str, *options: str
) -> subprocess.Popen[bytes]:
    package = find_spec("pyspark")
    assert package is not None
    assert package.origin is not None
    home = Path(package.origin).parent
    command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{kind}", "--host", "127.0.0.1", "--port", "0"]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [*command, *options], env={**environment, "SPARK_HOME": str(home)}, cwd=folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _await(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text(encoding="utf-8", errors="replace")
        if found := re.search(pattern, text):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"{log.name} never said {pattern!r}: {log.read_text(encoding='utf-8')[-2000:]}")
