"""Which stores do several tests read, in whichever process they run? Each is made once per run, by who asks first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from intel.config import Settings
from intel.pipeline import make_demo
from tests.commands import make_store


def share_store(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder `name`/store that `make` has filled, now or for another process: read it, do not change it."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = root / f"shared-{name}"
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            folder.mkdir()
            make(folder)
            (folder / "done").touch()
    return folder / "store"


def share_small_store(factory: pytest.TempPathFactory) -> Path:
    """A handful of transfers with public and private labels, made by the commands themselves."""
    return share_store(factory, "commands", make_store)


def share_demo(factory: pytest.TempPathFactory, transfers: int = 20_000) -> Path:
    """The simulated economy, built; its truth stands beside it."""

    def make(folder: Path) -> None:
        make_demo(Settings(store=folder / "store", memory="2GB", threads=2), transfers=transfers)

    return share_store(factory, f"demo-{transfers}", make)
