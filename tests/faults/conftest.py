"""Which store do the tests of faults disturb, and what becomes of it where nobody does?"""

from __future__ import annotations

import shutil
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest

from intel import pipeline
from tests.faults.doom import start_server
from tests.faults.stores import make_base, read_build, settings_of


@pytest.fixture(scope="session")
def context() -> BaseContext:
    return start_server("tests.faults.stores")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two builds and newer data in its lake and workspace: copy it."""
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def built(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same store after its next build, which nobody disturbed: copy it."""
    store = Path(shutil.copytree(base, tmp_path_factory.mktemp("built") / "store"))
    pipeline.build(settings_of(store))
    return store


@pytest.fixture(scope="session")
def whole(built: Path) -> dict[str, Any]:
    """Every row of that build."""
    return read_build(built)
