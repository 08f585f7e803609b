"""Are this machine and this store fit for work, and what should be done where they are not?"""

from __future__ import annotations

import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from intel import __version__
from intel.config import Settings
from intel.errors import NoSnapshot, StoreError
from intel.store.inspection import check_lake
from intel.store.lake import Lake, lock_file
from intel.store.snapshot import current_build, find_damage, list_builds, pinned_builds, read_manifest
from intel.store.workspace import Workspace

_SCARCE_BYTES = 2 * 10**9
_PROGRAMS = {"java": "needed by the Spark engine and its tests alone", "chromium": "needed by the browser tests alone"}
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def examine(settings: Settings, *, deep: bool = False) -> dict[str, Any]:
    """Return {intel, python, packages, programs, store, problems}; problems are {severity, what, hint}.

    With `deep` every byte of the store is read: checksums of the builds, pages of the lake.
    """
    problems: list[dict[str, str]] = []
    return {
        "intel": __version__,
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "packages": _list_packages(problems),
        "programs": {name: _find_program(name) for name in _PROGRAMS},
        "store": _examine_store(settings.store, problems, deep=deep),
        "problems": problems,
    }


def _list_packages(problems: list[dict[str, str]]) -> dict[str, str | None]:
    try:
        wanted = [text for text in requires("intel-ledger") or [] if "extra ==" not in text]
    except PackageNotFoundError:
        _complain(problems, "warning", "intel is not installed as a package", "run `make setup`")
        return {}
    found: dict[str, str | None] = {}
    for text in sorted(wanted, key=str.lower):
        name = re.split(r"[^\w.-]", text, maxsplit=1)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
            _complain(problems, "error", f"the package {name} is missing ({text})", "run `make setup`")
    return found


def _complain(problems: list[dict[str, str]], severity: str, what: str, hint: str) -> None:
    problems.append({"severity": severity, "what": what, "hint": hint})


def _find_program(name: str) -> str | None:
    names = _CHROMIUM if name == "chromium" else (name,)
    return next((path for program in names if (path := shutil.which(program))), None)


def _examine_store(store: Path, problems: list[dict[str, str]], *, deep: bool) -> dict[str, Any]:
    if not store.is_dir():
        _complain(problems, "warning", f"there is no store at {store}", "run `intel demo`, or `intel ingest files ...`")
        return {"path": str(store), "exists": False}
    free = shutil.disk_usage(store).free
    if free < _SCARCE_BYTES:
        _complain(problems, "warning", f"only {free / 1e9:.1f} GB of disk are free", "free some before the next build")
    found: dict[str, Any] = {"path": str(store), "exists": True, "free_bytes": free}
    for examine_part in (_examine_lake, _examine_builds, _examine_workspace):
        try:
            found |= examine_part(store, problems, deep)
        except StoreError as error:
            _complain(problems, "error", error.message, error.hint)
    return found | {"unfinished": _list_unfinished(store, problems), "locks": _list_locks(store)}


def _examine_lake(store: Path, problems: list[dict[str, str]], deep: bool) -> dict[str, Any]:
    lake = Lake(store)
    head = lake.head()
    if head is None:
        _complain(problems, "warning", "the lake is empty", "run `intel ingest files ...`")
        return {"lake": None}
    commit = {
        "commit_id": head.commit_id, "recorded_at": head.recorded_at, "command": head.command, "rows": head.rows,
        "bad_rows": head.bad_rows, "bytes": _measure_folder(store / "lake"),
    }  # fmt: skip
    for what, hint in check_lake(lake, head, deep=deep):
        _complain(problems, "error", what, hint)
    return {"lake": commit}


def _examine_workspace(store: Path, problems: list[dict[str, str]], deep: bool) -> dict[str, Any]:
    with Workspace(store) as workspace:
        return {"workspace": {"revision": workspace.check(deep=deep)}}


def _examine_builds(store: Path, problems: list[dict[str, str]], deep: bool) -> dict[str, Any]:
    builds = describe_builds(store, deep=deep)
    for build in builds:
        for file in build["damaged_files"]:
            what = f"{file} of build {build['build_id']} is missing or not what was published"
            _complain(problems, "error", what, "make it anew: `intel build --full`")
    current = next((build for build in builds if build["is_current"]), None)
    head = Lake(store).source_head()
    if current is None:
        _complain(problems, *_explain_no_build(store))
    elif head is not None and current["lake_commit"] != head.commit_id:
        _complain(problems, "warning", "the lake has newer data than the current build", "run `intel build`")
    return {"builds": builds}


def _explain_no_build(store: Path) -> tuple[str, str, str]:
    try:
        read_manifest(store, current_build(store))
    except NoSnapshot:
        return "warning", "the store has no finished build", "run `intel build`"
    except StoreError as error:
        return "error", error.message, error.hint
    return "error", "the current build cannot be read", "make it anew: `intel build --full`"


def describe_builds(store: Path, *, deep: bool = False) -> list[dict[str, Any]]:
    """Return every finished build, oldest first: id, time, lake commit, bytes, is_current, is_pinned, damage."""
    manifests, pins = list_builds(store), pinned_builds(store)
    current = current_build(store) if manifests and (store / "current").exists() else None
    return [
        {
            "build_id": manifest.build_id,
            "created_at": manifest.created_at,
            "lake_commit": manifest.lake_commit,
            "code_version": manifest.code_version,
            "bytes": sum(int(str(file["bytes"])) for file in manifest.files.values()),
            "is_current": manifest.build_id == current,
            "is_pinned": manifest.build_id in pins,
            "damaged_files": find_damage(store, manifest, deep=deep),
        }
        for manifest in manifests
    ]


def _measure_folder(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _list_unfinished(store: Path, problems: list[dict[str, str]]) -> list[str]:
    """Return what killed runs left behind; a run that is still going holds its lock."""
    if any(lock["is_held"] for lock in _list_locks(store)):
        return []
    left = [*(store / "snapshots").glob(".*"), *(store / "tmp").glob("*")]
    names = sorted(str(path.relative_to(store)) for path in left)
    if names:
        what = f"a run that was killed left {len(names)} folders behind: {', '.join(names[:3])}"
        _complain(
            problems, "warning", what, "run the same command again; builds clear theirs, STORE/tmp can be removed"
        )
    return names


def _list_locks(store: Path) -> list[dict[str, Any]]:
    return [{"name": name, "is_held": _is_held(store / name)} for name in ("lake.lock", "build.lock")]


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with lock_file(path, "held"):
            return False
    except StoreError:
        return True
