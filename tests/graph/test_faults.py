"""What does a person read when the graph database is down, refuses or is none, and what does a kill leave behind?"""

from __future__ import annotations

import logging
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from intel.config import read_settings
from intel.errors import GraphDatabaseError
from intel.export import neo4j_write
from intel.export.neo4j import Graph, check_version, open_graph
from intel.export.neo4j_write import export_build
from intel.store.reader import Reader
from tests.commands import run
from tests.graph.dump import checksum, dump
from tests.graph.server import Server, find_free_port
from tests.tree import ROOT

PASSWORD = "correct-horse-battery"


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://localhost:7474", "names no Neo4j server"), ("localhost:7687", "names no Neo4j server"),
        ("bolt://", "names no Neo4j server"), ("bolt://host:port", "cannot be read"), ("", "names no Neo4j server"),
        (f"bolt://neo4j:{PASSWORD}@localhost", "holds a user or a password"),
    ],
)  # fmt: skip
def test_uri_that_cannot_be_meant(uri: str, told: str, store: Path) -> None:
    answer = run("export", "neo4j", uri, store=store)
    assert answer.code == 2
    assert told in answer.err
    assert "hint:" in answer.err
    assert PASSWORD not in answer.err


def test_server_down(store: Path) -> None:
    answer = run("export", "neo4j", f"bolt://127.0.0.1:{find_free_port()}", store=store)
    assert answer.code == 1
    assert "no Neo4j server answers at 127.0.0.1" in answer.err
    assert "hint: is it running" in answer.err


class Stranger(socketserver.BaseRequestHandler):
    """Answers like a web server, such as Neo4j's own beside its Bolt port."""

    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_another_kind_of_server(store: Path) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stranger) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        answer = run("export", "neo4j", f"bolt://127.0.0.1:{other.server_address[1]}", store=store)
        other.shutdown()
    assert answer.code == 1
    assert "no Neo4j server answers" in answer.err
    assert "Bolt port" in answer.err


@pytest.mark.parametrize("agent", ["Neo4j/4.4.41", "Neo4j/5.25.1", "Memgraph/3.1", ""])
def test_wrong_version(agent: str) -> None:
    with pytest.raises(GraphDatabaseError, match="the server at here:7687 is") as caught:
        check_version(agent, "here:7687")
    assert "5.26" in caught.value.hint


@pytest.mark.parametrize("agent", ["Neo4j/5.26.30", "Neo4j/2025.10.1", "Neo4j/5.27-aura"])
def test_right_version(agent: str) -> None:
    check_version(agent, "here:7687")


def test_wrong_password_and_no_password(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="neo4j"):
        for password in (PASSWORD, ""):
            with pytest.raises(GraphDatabaseError, match="refuses") as caught:
                open_graph(server.uri, "neo4j", password).__enter__()
            assert "NEO4J_PASSWORD" in caught.value.hint
            assert PASSWORD not in str(caught.value)
        with server.open():
            pass
    assert PASSWORD not in caplog.text
    assert server.password not in caplog.text


def test_settings_do_not_show_the_password() -> None:
    assert PASSWORD not in repr(read_settings({"NEO4J_PASSWORD": PASSWORD}))


def test_unknown_database(server: Server) -> None:
    with pytest.raises(GraphDatabaseError) as caught, open_graph(server.uri, server.user, server.password, "nowhere"):
        pass
    assert "--database" in caught.value.hint


def start_export(server: Server, store: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "intel", "export", "neo4j", server.uri, "--store", str(store), *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )  # fmt: skip


def wait_until(graph: Graph, query: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a query counts something, as long as the process runs."""
    while process.poll() is None:
        if graph.read(query)[0]["n"]:
            return True
        time.sleep(0.005)
    return False


# Each a moment of the run; `others` says whose build is current then.
MOMENTS = {
    "announced": "match (b:Build:Intel {current: false}) return count(b) as n",
    "first batches": "match (m:Batch) with count(m) as m where m >= 2 return count(*) as n",
    "relationships": "match (m:Batch) where m.key contains 'has_label' return count(m) as n",
    "all but the flip": "match (m:Batch) where m.key contains ':address_sent:' return count(m) as n",
    "removal": "match (b:Build:Intel {current: true, layer: 'private'}) return count(b) as n",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_repeated_equals_one_clean_run(
    moment: str, graph: Graph, server: Server, reader: Reader, store: Path, clean: tuple[int, str]
) -> None:
    export_build(reader, graph)
    public = checksum(graph)
    process = start_export(server, store, "--include-private")
    assert wait_until(graph, MOMENTS[moment], process), process.communicate()[0].decode()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    # Through the current build one sees one build, whole: the older one, or after the flip the new one.
    seen = graph.read(
        """match (b:Build:Intel {current: true}) match (n:Intel {build: b.build}) where not n:Batch
        optional match (n)-[r]->(m)
        return count(distinct b) as builds, count(distinct n) as nodes, count(r) as edges,
            count(case when m.build <> b.build or r.build <> b.build then 1 end) as strays"""
    )
    assert seen[0]["builds"] == 1
    assert seen[0]["strays"] == 0
    assert seen[0]["nodes"] + seen[0]["edges"] in {clean[0], public[0]}
    export_build(reader, graph, include_private=True)
    assert checksum(graph) == clean


@pytest.fixture
def clean(graph: Graph, reader: Reader) -> tuple[int, str]:
    """What one clean run of the private layer leaves in an empty database."""
    export_build(reader, graph, include_private=True)
    whole = checksum(graph)
    neo4j_write.remove_build(graph, f"{reader.build_id}-private", successor=None)
    assert dump(graph) == []
    return whole
