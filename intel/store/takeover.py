"""How does a build take over what an older one made, without making it again?

Whole files are hard links: a finished build is never edited, and a file lives until the last build that has it is
removed. Tables are copied from file to file. What is damaged is not taken over.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from intel.store.connection import Connection
from intel.store.ddl import create_tables, drop_indexes
from intel.store.snapshot import Build, Manifest, attach_file, describe_file, snapshot_path

_FACTS, _BELIEFS = "facts.duckdb", "beliefs.duckdb"


def is_intact(store: Path, manifest: Manifest, name: str) -> bool:
    """Say whether a file of a build is as its manifest says: size and SHA-256. Reads all of it."""
    path, told = snapshot_path(store, manifest.build_id) / name, manifest.files.get(name)
    try:
        return told is not None and path.stat().st_size == told["bytes"] and describe_file(path) == told
    except OSError:
        return False


def take_facts(store: Path, manifest: Manifest, build: Build) -> bool:
    """Put the facts of an older build in place of the empty ones, to be read only; False where they are damaged."""
    if not is_intact(store, manifest, _FACTS):
        return False
    build.con.execute("detach facts")
    (build.folder / _FACTS).unlink()
    _link(store, manifest, build, _FACTS)
    build.con.execute(attach_file(build.folder / _FACTS, "facts", "(read_only)"))
    return True


def copy_facts(store: Path, manifest: Manifest, build: Build) -> bool:
    """Put a copy of an older build's facts in place of the empty ones, to be added to; False where they are damaged."""
    if not is_intact(store, manifest, _FACTS):
        return False
    build.con.execute("detach facts")
    shutil.copyfile(snapshot_path(store, manifest.build_id) / _FACTS, build.folder / _FACTS)
    build.con.execute(attach_file(build.folder / _FACTS, "facts"))
    drop_indexes(build.con, "facts")
    return True


def empty_facts(build: Build) -> None:
    """Put empty facts in place of those that the build has so far."""
    build.con.execute("detach facts")
    (build.folder / _FACTS).unlink()
    build.con.execute(attach_file(build.folder / _FACTS, "facts"))
    create_tables(build.con, "facts")


def take_files(store: Path, manifest: Manifest, build: Build, prefix: str) -> bool:
    """Share an older build's files whose names begin so; False where there are none or one of them is damaged."""
    if not has_intact_files(store, manifest, prefix):
        return False
    for name in _list_files(manifest, prefix):
        _link(store, manifest, build, name)
    return True


def has_intact_files(store: Path, manifest: Manifest, prefix: str) -> bool:
    """Say whether an older build has files whose names begin so, all of them as they were made. Reads all of them."""
    names = _list_files(manifest, prefix)
    return bool(names) and all(is_intact(store, manifest, name) for name in names)


def _list_files(manifest: Manifest, prefix: str) -> list[str]:
    return [name for name in manifest.files if name.startswith(prefix)]


def _link(store: Path, manifest: Manifest, build: Build, name: str) -> None:
    source, target = snapshot_path(store, manifest.build_id) / name, build.folder / name
    try:
        os.link(source, target)
    except OSError:  # the file system has no hard links, or no more of them for this file
        shutil.copyfile(source, target)
    build.taken[name] = manifest.files[name]


@contextmanager
def open_taken(store: Path, manifest: Manifest, con: Connection) -> Iterator[None]:
    """Attach the beliefs of an older build as `taken`."""
    con.execute(attach_file(snapshot_path(store, manifest.build_id) / _BELIEFS, "taken", "(read_only)"))
    try:
        yield
    finally:
        con.execute("detach taken")


def has_intact_beliefs(store: Path, manifest: Manifest) -> bool:
    """Say whether tables of an older build's beliefs can be taken over. Reads the whole file."""
    return is_intact(store, manifest, _BELIEFS)
