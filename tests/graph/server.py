"""How do the tests get a real Neo4j: the one NEO4J_URI names, one in docker, or Community from Maven Central?"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from intel.errors import IntelError
from intel.export.neo4j import Graph, open_graph
from tests.parts import find_java, require_part

IMAGE = "neo4j:5.26-community"
PATIENCE = 180.0  # seconds; five on a machine that does nothing else
HEAP = "-Xmx512m"


@dataclass
class Server:
    """A server, what opens it, and its process where it is ours."""

    uri: str
    user: str
    password: str
    home: Path | None = None
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "NEO4J_USER": self.user, "NEO4J_PASSWORD": self.password}

    @contextmanager
    def open(self) -> Iterator[Graph]:
        with open_graph(self.uri, self.user, self.password) as graph:
            yield graph


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve_any(folder: Path) -> Iterator[Server]:
    """Yield the server that is given, or one of docker's, or our own."""
    if uri := os.environ.get("NEO4J_URI", "").strip():
        yield Server(uri, os.environ.get("NEO4J_USER", "neo4j"), os.environ.get("NEO4J_PASSWORD", ""))
        return
    container = start_container()
    if container is None:
        with serve_jars(folder) as server:
            yield server
        return
    name, server = container
    try:
        wait_for(server)
        yield server
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True)


def start_container() -> tuple[str, Server] | None:
    """Start Neo4j in docker; None where no engine answers or the image cannot be had."""
    if shutil.which("docker") is None:
        return None
    try:
        subprocess.run(["docker", "info"], capture_output=True, check=True, timeout=20)
        port, password, name = find_free_port(), secrets.token_hex(12), f"intel-tests-{secrets.token_hex(4)}"
        environment = {**os.environ, "NEO4J_AUTH": f"neo4j/{password}"}
        command = ["docker", "run", "-d", "--rm", "--name", name, "-p", f"127.0.0.1:{port}:7687", "-e", "NEO4J_AUTH"]
        command += ["-e", "NEO4J_server_memory_heap_max__size=512m", IMAGE]
        subprocess.run(command, capture_output=True, check=True, timeout=600, env=environment)
    except (subprocess.SubprocessError, OSError):
        return None
    return name, Server(f"bolt://127.0.0.1:{port}", "neo4j", password)


@contextmanager
def serve_jars(home: Path) -> Iterator[Server]:
    """Start our own server on a free port; it ends with us, whatever happens, because its input ends then."""
    parts, java = Path(require_part("neo4j")), find_java()
    assert java is not None
    port, password = find_free_port(), secrets.token_hex(12)
    home.mkdir(parents=True, exist_ok=True)
    (home / "neo4j.conf").write_text(
        f"""dbms.security.auth_enabled=true
server.bolt.enabled=true
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
server.memory.pagecache.size=128m
dbms.usage_report.enabled=false
""",
        encoding="utf-8",
    )
    classes = f"{parts}/classes:{parts}/lib/*"
    log = (home / "output.log").open("w", encoding="utf-8")
    command = [java, HEAP, "-XX:+UseParallelGC", "-cp", classes, "Neo4jServer", str(home)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True)
    server = Server(f"bolt://127.0.0.1:{port}", "neo4j", password, home, process)
    try:
        assert process.stdin is not None
        process.stdin.write(password + "\n")
        process.stdin.flush()
        wait_for(server)
        yield server
    finally:
        process.kill()
        process.wait(timeout=30)
        if process.stdin is not None:
            process.stdin.close()
        log.close()


def wait_for(server: Server) -> None:
    """Wait until the server lets us in."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            # Asking with the right password before it is set would count as a wrong one, and lock us out.
            if server.home is None or "ready" in (server.home / "output.log").read_text(encoding="utf-8"):
                with server.open():
                    return
        except IntelError:
            pass
        ended = server.process is not None and server.process.poll() is not None
        if ended or time.monotonic() > deadline:
            told = (server.home / "output.log").read_text(encoding="utf-8") if server.home else ""
            raise AssertionError(f"no Neo4j at {server.uri} after {PATIENCE:.0f} s: {told[-2000:]}")
        time.sleep(0.3)
