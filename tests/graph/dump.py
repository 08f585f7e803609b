"""What exactly stands in a graph database, so that two states can be compared?"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from intel.export.neo4j import Graph


def dump(graph: Graph) -> list[str]:
    """Return every node and relationship as a line, times of our own runs left out, in a fixed order."""
    nodes = graph.read("match (n) return labels(n) as labels, properties(n) as properties")
    edges = graph.read(
        "match (a)-[r]->(b) return type(r) as type, coalesce(a.key, a.name) as start, coalesce(b.key, b.name) as end, "
        "properties(r) as properties"
    )
    return sorted(_write(row) for row in [*nodes, *edges])


def checksum(graph: Graph) -> tuple[int, str]:
    """Return the number of nodes and relationships, and one hash of all of them."""
    lines = dump(graph)
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _write(row: dict[str, Any]) -> str:
    properties = {k: v for k, v in row["properties"].items() if k not in {"started_at", "finished_at"}}
    labels = sorted(row.get("labels", []))
    return json.dumps({**row, "labels": labels, "properties": properties}, sort_keys=True, default=str)
