"""Which build is current, where does it lie, and how is a new one published without disturbing anybody?

A build is a directory that is never edited after it is published. `current` is a one-line text file, replaced last,
so a reader sees the old build or the new one and nothing in between.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from intel.errors import NoSnapshot, StoreError, UsageError
from intel.store.connection import Connection, open_connection
from intel.store.ddl import create_indexes, create_tables
from intel.store.lake import lock_file

SCHEMA_VERSION = 1
_SPARE_BYTES = 200_000_000
_KEEP = 2  # builds kept beside the pinned ones: the current, and the one readers may still hold


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a build was made from, and the size and SHA-256 of each of its files."""

    build_id: str
    created_at: str  # ISO, UTC
    lake_commit: str
    workspace_revision: str
    code_version: str
    settings: Mapping[str, str]
    reports: tuple[Mapping[str, object], ...] = ()  # one per heuristic: rows, seconds, or why it did not run
    schema_version: int = SCHEMA_VERSION
    files: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # what it is made of: intel.parts


def name_build(lake_commit: str, workspace_revision: str, code_version: str, settings: Mapping[str, str]) -> str:
    """Return the build id: a hash of everything the build depends on."""
    text = json.dumps([lake_commit, workspace_revision, code_version, dict(settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def current_build(store: Path) -> str:
    """Return the id of the published build; NoSnapshot where there is none."""
    try:
        build_id = (store / "current").read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        build_id = ""
    if not build_id:
        raise NoSnapshot(f"the store {store} has no finished build", f"run: intel build --store {store}")
    return build_id


def snapshot_path(store: Path, build_id: str) -> Path:
    """Return the directory of a build, whether or not it exists."""
    path = store / "snapshots" / build_id
    # `build --full` sets the build aside that it replaces; killed in that moment, it leaves only this one.
    retired = _retired_path(store, build_id)
    return retired if retired.is_dir() and not path.is_dir() else path


def _retired_path(store: Path, build_id: str) -> Path:
    return store / "snapshots" / f".{build_id}.retired"


def read_manifest(store: Path, build_id: str) -> Manifest:
    """Return a build's manifest; StoreError where it is missing, damaged or of another version."""
    path = snapshot_path(store, build_id) / "manifest.json"
    hint = f"make a new build: intel build --full --store {store}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**content)
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"build {build_id} has no readable manifest ({path}): {error}", hint) from error
    if manifest.schema_version != SCHEMA_VERSION:
        raise StoreError(f"build {build_id} has schema version {manifest.schema_version}, not {SCHEMA_VERSION}", hint)
    return manifest


@dataclass(frozen=True, slots=True)
class Build:
    """A build in the making: a connection with empty `facts` and `beliefs` attached, in a directory of its own.

    `taken`: the files that it shares with an older build, and what that one's manifest says of them.
    """

    build_id: str
    folder: Path
    con: Connection
    taken: dict[str, Mapping[str, object]] = field(default_factory=dict)


@contextmanager
def open_build(store: Path, build_id: str, *, memory: str, threads: int) -> Iterator[Build]:
    """Open the one build of this store that may run; an unfinished directory is removed before and after."""
    with lock_file(store / "build.lock", "another build is running on this store"):
        folder = store / "snapshots" / f".{build_id}.unfinished"
        _sweep_unfinished(store)
        _check_space(store)
        folder.mkdir(parents=True)
        # Two threads would let the hash table of a grouping grow out of the processor's cache; three keep theirs small,
        # and set parts of it aside. They share what cores there are.
        con = open_connection(memory=memory, threads=max(threads, 3) if threads > 1 else 1, spill=folder / "spill")
        try:
            for schema in ("facts", "beliefs"):
                con.execute(attach_file(folder / f"{schema}.duckdb", schema))
                create_tables(con, schema)
            yield Build(build_id, folder, con)
        finally:
            con.close()
            shutil.rmtree(folder, ignore_errors=True)


def attach_file(path: Path, name: str, options: str = "") -> str:
    """Return the statement that attaches a database file; the path is escaped by us, for attach takes no parameters."""
    return f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as {name} {options}"


def publish_build(store: Path, build: Build, manifest: Manifest, *, is_current: bool = True) -> Manifest:
    """Close the build's files, write its manifest with checksums, move it in place and make it current, or pin it."""
    for schema in ("facts", "beliefs"):
        if f"{schema}.duckdb" not in build.taken:
            create_indexes(build.con, schema)
            build.con.execute(f"checkpoint {schema}")
        build.con.execute(f"detach {schema}")
    shutil.rmtree(build.folder / "spill", ignore_errors=True)
    files = {path.name: build.taken.get(path.name) or describe_file(path) for path in sorted(build.folder.iterdir())}
    finished = Manifest(**{**asdict(manifest), "files": files})
    _write_atomically(build.folder / "manifest.json", json.dumps(asdict(finished), indent=1))
    target = store / "snapshots" / build.build_id
    if target.exists():  # the same inputs built again with --full: equal by definition, but perhaps damaged
        retired = _retired_path(store, build.build_id)
        target.rename(retired)
        build.folder.rename(target)
        shutil.rmtree(retired, ignore_errors=True)
    else:
        build.folder.rename(target)
    _announce(store, build.build_id, is_current=is_current)
    return finished


def republish_build(store: Path, build_id: str, *, is_current: bool = True) -> Manifest:
    """Make an existing build current again, or pin it; its inputs are those of now."""
    manifest = read_manifest(store, build_id)
    _announce(store, build_id, is_current=is_current)
    return manifest


def _announce(store: Path, build_id: str, *, is_current: bool) -> None:
    if is_current:
        _write_atomically(store / "current", build_id + "\n")
    else:
        pin_build(store, build_id)


def describe_file(path: Path) -> dict[str, object]:
    """Return size and SHA-256 of a file, and see to it that it is on disk."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 22):
            digest.update(block)
        os.fsync(handle.fileno())
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def _write_atomically(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.new")
    with scratch.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    scratch.replace(path)


def _check_space(store: Path) -> None:
    """Refuse to start what cannot end: a snapshot is about as large as its lake, and sorting spills as much again."""
    lake = sum(path.stat().st_size for path in (store / "lake").rglob("*.parquet"))
    free = shutil.disk_usage(store).free
    if free < 2 * lake + _SPARE_BYTES:
        wanted = (2 * lake + _SPARE_BYTES) / 1e9
        raise StoreError(
            f"{store} has {free / 1e9:.1f} GB free, and a build may need {wanted:.1f} GB",
            "free some space, or remove old builds: intel snapshots prune",
        )


def _sweep_unfinished(store: Path) -> None:
    for folder in (store / "snapshots").glob(".*"):
        target = folder.with_name(folder.name[1:].removesuffix(".retired"))
        if folder.name.endswith(".retired") and not target.exists():
            folder.rename(target)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def list_builds(store: Path) -> list[Manifest]:
    """Return the manifests of all finished builds, oldest first; builds without a readable one are left out."""
    manifests = []
    for build_id in _list_folders(store):
        with suppress(StoreError):
            manifests.append(read_manifest(store, build_id))
    return sorted(manifests, key=lambda m: (m.created_at, m.build_id))


def is_whole(store: Path, build_id: str) -> bool:
    """Say whether a build is there with a readable manifest and all its files in their sizes; reads none of them."""
    try:
        return not find_damage(store, read_manifest(store, build_id))
    except StoreError:
        return False


def find_damage(store: Path, manifest: Manifest, *, deep: bool = False) -> list[str]:
    """Return the names of a build's files that are missing or of another size, with `deep` of another content."""
    folder = snapshot_path(store, manifest.build_id)
    damaged = []
    for name, told in manifest.files.items():
        path = folder / name
        is_sound = path.is_file() and path.stat().st_size == told["bytes"]
        if not is_sound or (deep and describe_file(path) != told):
            damaged.append(name)
    return damaged


def _list_folders(store: Path) -> list[str]:
    return sorted(p.name for p in (store / "snapshots").glob("*") if p.is_dir() and not p.name.startswith("."))


def find_known_build(store: Path, known_before: datetime) -> str:
    """Return the id of the newest build that knows only what was known before a moment; UsageError without one."""
    wanted = known_before.isoformat()
    found = [one.build_id for one in list_builds(store) if one.settings.get("known_before") == wanted]
    if not found:
        day = (known_before - timedelta(microseconds=1)).date()
        raise UsageError(
            f"no build tells what was known up to the end of {day}", f"make one: intel build --as-known-on {day}"
        )
    return found[-1]


def pinned_builds(store: Path) -> set[str]:
    """Return the ids of builds that garbage collection must keep."""
    path = store / "pins"
    return set(path.read_text(encoding="utf-8").split()) if path.exists() else set()


def pin_build(store: Path, build_id: str, *, pinned: bool = True) -> None:
    """Pin or unpin a build; UsageError where there is no such build."""
    if build_id not in _list_folders(store):  # a name, never a path
        known = ", ".join(m.build_id for m in list_builds(store)) or "none"
        raise UsageError(f"no build {build_id!r} in {store}", f"builds: {known}")
    pins = pinned_builds(store)
    pins = pins | {build_id} if pinned else pins - {build_id}
    _write_atomically(store / "pins", "\n".join(sorted(pins)) + "\n")


def prune_builds(store: Path, keep: int = _KEEP) -> list[str]:
    """Remove all but the newest `keep` builds, the current one and the pinned ones; return the ids removed.

    A build that cannot be read (damaged, or of another version) counts as the oldest. A reader that has a removed
    build open keeps reading it: its files live until it closes them.
    """
    readable = [manifest.build_id for manifest in list_builds(store)]
    wanted = set(readable[-keep:] if keep > 0 else []) | pinned_builds(store)
    with suppress(NoSnapshot):
        wanted.add(current_build(store))
    unreadable = [build_id for build_id in _list_folders(store) if build_id not in readable]
    removed = [build_id for build_id in [*unreadable, *readable] if build_id not in wanted]
    for build_id in removed:
        path = snapshot_path(store, build_id)
        path = path.rename(path.with_name(f".{build_id}.removed"))  # whole or gone, wherever this is killed
        shutil.rmtree(path)
    return removed
