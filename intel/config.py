"""Which settings hold in this process, and where do our own data files stand?"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from intel.errors import BadInput, UsageError

_PACKAGE = Path(__file__).resolve().parent
_DATA_DIRS = (_PACKAGE / "_data", _PACKAGE.parent / "data")  # in a wheel; in a checkout


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides. Nothing else in the package reads it."""

    store: Path = Path("store")  # INTEL_STORE
    data_mirror: Path | None = None  # INTEL_DATA_MIRROR: a local copy of the public data sets
    memory: str = "8GB"  # INTEL_MEMORY: bound of ingest and build
    threads: int = 2  # INTEL_THREADS
    engine: str = "duckdb"  # INTEL_ENGINE: what runs the rules of a build, DuckDB or the URL of a Spark master
    required_parts: frozenset[str] = frozenset()  # INTEL_REQUIRE: test parts that must not be skipped
    neo4j_user: str = ""  # NEO4J_USER
    neo4j_password: str = field(default="", repr=False)  # NEO4J_PASSWORD: read here, shown nowhere
    user: str = ""  # INTEL_USER: who judges; empty: nobody says so
    shows_tracebacks: bool = False  # INTEL_DEBUG: an unexpected error prints its traceback


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the INTEL_* and NEO4J_* variables; an empty one counts as not set.

    Raises UsageError for one that cannot be meant.
    """
    store = environment.get("INTEL_STORE", "").strip()
    mirror = environment.get("INTEL_DATA_MIRROR", "").strip()
    parts = environment.get("INTEL_REQUIRE", "").split(",")
    return Settings(
        store=Path(store) if store else Path("store"),
        data_mirror=Path(mirror).expanduser() if mirror else None,
        memory=environment.get("INTEL_MEMORY", "").strip() or "8GB",
        threads=_read_count("INTEL_THREADS", environment) or os.cpu_count() or 2,
        engine=environment.get("INTEL_ENGINE", "").strip() or "duckdb",
        required_parts=frozenset(part.strip() for part in parts if part.strip()),
        neo4j_user=environment.get("NEO4J_USER", "").strip(),
        neo4j_password=environment.get("NEO4J_PASSWORD", ""),
        user=environment.get("INTEL_USER", "").strip(),
        shows_tracebacks=environment.get("INTEL_DEBUG", "").strip() not in {"", "0"},
    )


def _read_count(name: str, environment: Mapping[str, str]) -> int:
    text = environment.get(name, "").strip() or "0"
    if not text.isdecimal():
        raise UsageError(f"{name} is {text!r}, which is no number of threads", "set it to 1 or more, or unset it")
    return int(text)


def write_environment(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which a process we start, such as the app, reads the same store."""
    return {**environment, "INTEL_STORE": str(settings.store.absolute()), "INTEL_MEMORY": settings.memory}


def bound_uploads(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let the Delta library hold 256 MB that the disk has not taken yet; left alone, on a slow disk it holds gigabytes.

    It has no other way to be told; who sets the variable decides.
    """
    environment.setdefault("DELTARS_MAX_IN_FLIGHT_UPLOAD_BYTES", str(256 << 20))


def data_path(name: str) -> Path:
    """Return the path of one of our own data files, such as "chains.toml".

    Raises BadInput when neither the installed package nor a checkout has it.
    """
    for folder in _DATA_DIRS:
        if (folder / name).exists():
            return folder / name
    raise BadInput(f"no data file {name!r}", hint=f"looked in {' and '.join(str(d) for d in _DATA_DIRS)}")
