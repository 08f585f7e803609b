"""Which store do the tests of commands and exports share?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.shared import share_small_store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store made by the commands themselves: read it, do not change it."""
    return share_small_store(tmp_path_factory)


@pytest.fixture
def own_store(store: Path, tmp_path: Path) -> Path:
    """A copy of it for tests that write."""
    return Path(shutil.copytree(store, tmp_path / "own" / "store"))
