"""Is a part of the test machine here that Python alone does not bring? If not, the test says so and is skipped."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from intel.config import read_settings

OLDEST_JAVA = 17  # the oldest Spark 4 runs on
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_java() -> str | None:
    """Return the path of a Java that is new enough and starts: JAVA_HOME's first, then the one on the PATH."""
    homes = [str(Path(home, "bin", "java")) for home in [os.environ.get("JAVA_HOME")] if home]
    for java in [*homes, shutil.which("java")]:
        if java and _read_java_version(java) >= OLDEST_JAVA:
            return java
    return None


@cache
def _read_java_version(java: str) -> int:
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    version = re.search(r'version "(\d+)', answer)
    return int(version.group(1)) if version else 0


def find_browser() -> str | None:
    """Return the path of the first Chromium found."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def find_spark() -> str | None:
    """Return Java's path where both pyspark and a Java for it are there."""
    return find_java() if importlib.util.find_spec("pyspark") else None


def parts_folder() -> Path:
    """Return where .ci/parts puts what npm and Go install: outside the checkout, shared by all checkouts."""
    return Path(os.environ.get("INTEL_TEST_PARTS", "").strip() or "~/.cache/intel-tests").expanduser()


def find_anvil() -> str | None:
    """Return the path of the native anvil of the npm package for this machine."""
    machine = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "amd64"
    package = f"node/node_modules/@foundry-rs/anvil-{sys.platform}-{machine}"
    return _find_file(parts_folder() / package / "bin" / "anvil")


def find_contracts() -> str | None:
    """Return the folder of the npm packages with contracts and their compiler, where Node can run that."""
    compiler = parts_folder() / "node" / "node_modules" / "solc" / "package.json"
    return str(compiler.parent.parent) if _find_file(compiler) and shutil.which("node") else None


def find_geth() -> str | None:
    """Return the path of the geth that was built for these tests."""
    return _find_file(parts_folder() / "go" / "geth")


def find_neo4j() -> str | None:
    """Return the folder with Neo4j's jars and what starts them, where there is a Java for it."""
    started_by = parts_folder() / "neo4j" / "classes" / "Neo4jServer.class"
    return str(started_by.parent.parent) if _find_file(started_by) and find_java() else None


def find_validators() -> str | None:
    """Return the folder of commands of other tools that check what we export: graphsense-cli and ftm."""
    commands = parts_folder() / "validators" / "bin"
    return str(commands) if _find_file(commands / "graphsense-cli") and _find_file(commands / "ftm") else None


def _find_file(path: Path) -> str | None:
    return str(path) if path.is_file() else None


# name -> (finder, what is missing when it finds nothing)
PARTS: Mapping[str, tuple[Callable[[], str | None], str]] = {
    "spark": (find_spark, f"pyspark (extra `spark`) or Java >= {OLDEST_JAVA}"),
    "browser": (find_browser, f"a browser on the PATH ({', '.join(BROWSERS)})"),
    "anvil": (find_anvil, "npm package @foundry-rs/anvil (.ci/parts installs it where npm is)"),
    "contracts": (find_contracts, "Node, or the npm packages with contracts and solc (.ci/parts installs them)"),
    "geth": (find_geth, "a geth built from its Go module (.ci/parts builds it where Go is and the module can be had)"),
    "neo4j": (find_neo4j, "Neo4j Community (.ci/parts installs it where Maven and Java are)"),
    "validators": (find_validators, "graphsense-lib and followthemoney in their own environment (.ci/parts makes it)"),
}


def require_part(name: str) -> str:
    """Return where the part is; a missing one skips the test, or fails it when INTEL_REQUIRE names the part."""
    find, missing = PARTS[name]
    if (found := find()) is not None:
        return found
    if name in read_settings().required_parts:
        pytest.fail(f"{name} is named in INTEL_REQUIRE and missing: {missing}", pytrace=False)
    pytest.skip(f"{name} is missing: {missing}")
