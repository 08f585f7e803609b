"""Which server, and which builds, do the tests of the graph database share?"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from intel.export.neo4j import Graph
from intel.store.reader import Reader
from tests.graph.server import Server, serve_any
from tests.shared import share_demo, share_small_store


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this process."""
    with serve_any(tmp_path_factory.mktemp("neo4j")) as found:
        yield found


@pytest.fixture
def graph(server: Server) -> Iterator[Graph]:
    """An empty database; one that was given by NEO4J_URI must have been empty before."""
    with Path(tempfile.gettempdir(), "intel-tests-neo4j.lock").open("w") as lock, server.open() as found:
        if is_given := bool(os.environ.get("NEO4J_URI", "").strip()):
            fcntl.flock(lock, fcntl.LOCK_EX)  # one server for all processes of this run
            if found.read("match (n) return count(n) as n")[0]["n"]:
                pytest.skip("the database at NEO4J_URI is not empty, and these tests empty it")
        empty(found)
        yield found
        if is_given:
            empty(found)


def empty(graph: Graph) -> None:
    graph.run("match ()-[r]->() call (r) { delete r } in transactions of 5000 rows")
    graph.run("match (n) call (n) { delete n } in transactions of 5000 rows")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A handful of transfers with public and private labels: do not change it."""
    return share_small_store(tmp_path_factory)


@pytest.fixture(scope="session")
def reader(store: Path) -> Iterator[Reader]:
    with Reader(store) as opened:
        yield opened


@pytest.fixture(scope="session")
def economy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The current build of a small simulated economy."""
    with Reader(share_demo(tmp_path_factory)) as opened:
        yield opened
