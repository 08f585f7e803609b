"""The small world as a finished build, opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from intel.store.reader import Reader
from tests.small_world import build_world
from tests.snapshots import write_snapshot


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profiler") / "store"
    write_snapshot(path, build_world())
    return path


@pytest.fixture
def reader(store: Path) -> Iterator[Reader]:
    with Reader(store, memory="1GB") as opened:
        yield opened
