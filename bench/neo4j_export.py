"""How fast does a build go into Neo4j? Our export beside a naive one, a statement for every row, in the same run.

    .venv/bin/python bench/neo4j_export.py [--transfers 1000000] [--store DIR]

Client and server share this machine: NEO4J_URI names a server with an empty database (it is emptied again), else the
one of the tests is started. Relationships a second of wall time depend on what else the machine does; CPU seconds per
relationship of both sides, and the ratio, are the result.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from intel.config import Settings
from intel.export import neo4j_write
from intel.export.neo4j import Graph
from intel.export.neo4j_rows import PARTS, Part, choose_params, describe_part
from intel.export.neo4j_write import export_build, write_statement
from intel.pipeline import make_demo
from intel.store.reader import Reader
from tests.graph.server import Server, serve_any

NAIVE_ROWS = 3_000
SENT = PARTS[-1]


def server_seconds(server: Server) -> float:
    """Return the CPU seconds of the server's process so far; 0 where it is not ours."""
    if server.process is None:
        return 0.0
    fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def take_rows(reader: Reader, part: Part, limit: int) -> list[list[object]]:
    """Return the first rows of a part as the export sends them."""
    params = {"build": reader.build_id, "private": False}
    rows: list[list[object]] = []
    for batch in neo4j_write._cut_batches(reader, part, choose_params(part, params)):  # noqa: SLF001
        rows += batch
        if len(rows) >= limit:
            break
    return rows[:limit]


def write_naively(reader: Reader, graph: Graph) -> float:
    """Write some relationships with a statement each, ends looked up by our index; return them per second."""
    params = {"build": reader.build_id, "private": False}
    statement = write_statement(SENT, describe_part(reader, SENT, params))
    rows = take_rows(reader, SENT, NAIVE_ROWS)
    start = time.perf_counter()
    for row in rows:
        graph.write(statement, rows=[row], build=reader.build_id)
    return len(rows) / (time.perf_counter() - start)


def measure(reader: Reader, server: Server, rounds: int) -> None:
    """Export the build some times, time the last one's parts, then write some rows naively beside it.

    The rounds before it make a server that was just started as quick as one that runs: Java compiles as it goes.
    """
    told: list[tuple[str, int, float, float, float]] = []
    write_part = neo4j_write._write_part  # noqa: SLF001

    def timed(reader: Reader, graph: Graph, part: Part, *rest: object, **more: object) -> None:
        start, ours, theirs = time.perf_counter(), time.process_time(), server_seconds(server)
        write_part(reader, graph, part, *rest, **more)  # type: ignore[arg-type]
        spent = (time.perf_counter() - start, time.process_time() - ours, server_seconds(server) - theirs)
        told.append((part.name, part.kind == "relationship", *spent))

    neo4j_write._write_part = timed  # type: ignore[assignment]  # noqa: SLF001
    with server.open() as graph:
        for _ in range(rounds):
            neo4j_write.remove_build(graph, reader.build_id, successor=None)
            told.clear()
            counts = export_build(reader, graph)
        naive = write_naively(reader, graph)
        neo4j_write.remove_build(graph, reader.build_id, successor=None)
    for name, _, wall, ours, theirs in told:
        rows = counts[name]
        print(
            f"{name:14s} {rows:10,} rows {wall:7.1f} s {rows / wall:10,.0f}/s   "
            f"CPU us a row: client {1e6 * ours / rows:5.1f}, server {1e6 * theirs / rows:6.1f}"
        )
    edges = sum(counts[name] for name, is_edge, *_ in told if is_edge)
    seconds = sum(wall for _, is_edge, wall, *_ in told if is_edge)
    cpu = sum(ours + theirs for _, is_edge, _, ours, theirs in told if is_edge)
    print(f"all relationships: {edges:,} in {seconds:.1f} s: {edges / seconds:,.0f} a second (aim: 20,000)")
    print(f"CPU of both sides: {1e6 * cpu / edges:.1f} us each: 2 idle cores: {2 * edges / cpu:,.0f} a second")
    print(f"one statement per row: {naive:,.0f} a second; ours is {edges / seconds / naive:,.0f} times as fast")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def main() -> None:
    """Read the options, make the economy unless a store is given, and measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--transfers", type=int, default=1_000_000)
    options.add_argument("--store", type=Path)
    options.add_argument("--rounds", type=int, default=2)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = chosen.store or Path(folder) / "store"
        if chosen.store is None:
            make_demo(Settings(store=store), transfers=chosen.transfers)
        with serve_any(Path(folder) / "neo4j") as server, Reader(store) as reader:
            measure(reader, server, chosen.rounds)


if __name__ == "__main__":
    main()
