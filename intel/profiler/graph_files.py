"""In which forms does a graph leave: networkx, a document, GraphML or JSON in a file?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intel.errors import BadInput, UsageError
from intel.model import MICRO
from intel.profiler.graph_view import Edge, Graph, GraphFilter, GraphView
from intel.profiler.postings import Window
from intel.profiler.profile import to_plain
from intel.store.whole_files import replace_whole

if TYPE_CHECKING:
    import networkx as nx

GRAPH_ENDINGS = (".graphml", ".json")


def build_networkx(graph: Graph) -> nx.MultiDiGraph[str]:
    """Return the graph with one edge per chain and token from payer to payee; attributes that are None are left out."""
    import networkx as nx

    made: nx.MultiDiGraph[str] = nx.MultiDiGraph(build=graph.build_id, subject=graph.view.opened[0])
    for node in graph.nodes.values():
        row = asdict(node)
        made.add_node(row.pop("id"), **{key: value for key, value in row.items() if value is not None})
    for edge in graph.edges:
        row = _describe_edge(edge)
        key = f"{edge.chain}:{edge.token or 'native'}" if edge.chain else "all"
        ends = row.pop("source"), row.pop("target")
        made.add_edge(*ends, key=key, **{name: value for name, value in row.items() if value is not None})
    return made


def _describe_edge(edge: Edge) -> dict[str, Any]:
    row: dict[str, Any] = to_plain(asdict(edge))
    row["usd"] = row.pop("micro_usd") / MICRO
    return row


def describe_graph(graph: Graph) -> dict[str, Any]:
    """Return the graph as one JSON document: `view` makes it again from the same build."""
    document = to_plain({
        "build": graph.build_id, "view": asdict(graph.view), "nodes": [asdict(node) for node in graph.nodes.values()],
        "caveats": graph.caveats,
    })  # fmt: skip
    assert isinstance(document, dict)
    return document | {"edges": [_describe_edge(edge) for edge in graph.edges]}


def read_view(document: dict[str, Any]) -> GraphView:
    """Return the view that `describe_graph` wrote down. Raises BadInput for what is none."""
    try:
        told, filters = dict(document), dict(document["filters"])
        window = {side: at and datetime.fromisoformat(at.rstrip("Z")) for side, at in filters.pop("window").items()}
        told["filters"] = GraphFilter(**filters, window=Window(**window))
        told["limits"] = tuple((str(name), int(limit)) for name, limit in told["limits"])
        return GraphView(**{**told, "opened": tuple(told["opened"]), "unfolded": tuple(told["unfolded"])})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput("this is no view of a graph", "save it again with this version") from error


def print_graph(graph: Graph, ending: str) -> bytes:
    """Return the graph as a file of that ending holds it. Raises UsageError for any other than `GRAPH_ENDINGS`."""
    if ending not in GRAPH_ENDINGS:
        raise UsageError(
            f"cannot write a graph: the ending {ending!r} says no known format", f"use {' or '.join(GRAPH_ENDINGS)}"
        )
    if ending == ".json":
        return (json.dumps(describe_graph(graph), indent=1, ensure_ascii=False) + "\n").encode()
    import networkx as nx

    made = build_networkx(graph)
    for _, names in made.nodes(data=True):
        _make_writable(names)
    for *_, names in made.edges(data=True):
        _make_writable(names)
    return ("\n".join(nx.generate_graphml(made, named_key_ids=True)) + "\n").encode()


def _make_writable(names: dict[str, Any]) -> None:
    """Take out of names what XML cannot hold: a label may have any character."""
    for key, value in names.items():
        if isinstance(value, str):
            names[key] = "".join(
                c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in value
            )


def check_graph_file(path: Path) -> None:
    """Raise UsageError for a file of a kind that is not written."""
    if path.suffix.lower() not in GRAPH_ENDINGS:
        raise UsageError(f"cannot write a graph as {path.name}", f"use {' or '.join(GRAPH_ENDINGS)}")


def write_graph(path: Path, graph: Graph) -> None:
    """Write the graph to a .graphml or .json file, whole or not at all."""
    check_graph_file(path)
    content = print_graph(graph, path.suffix.lower())
    with replace_whole(path) as scratch:
        scratch.write_bytes(content)


def sum_pairs(edges: Iterable[Edge]) -> list[dict[str, Any]]:
    """Return one row per payer and payee, of all their tokens: tokens (largest first), transfers, usd, times."""
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for edge in edges:
        row = pairs.setdefault(
            (edge.source, edge.target),
            {"source": edge.source, "target": edge.target, "tokens": [], "transfers": 0, "micro_usd": 0, "unpriced": 0,
             "first_time": edge.first_time, "last_time": edge.last_time},
        )  # fmt: skip
        row["tokens"] += [edge.symbol or edge.token or "?"] if edge.chain else []
        for name in ("transfers", "micro_usd", "unpriced"):
            row[name] += getattr(edge, name)
        row["first_time"] = min(row["first_time"], edge.first_time)
        row["last_time"] = max(row["last_time"], edge.last_time)
    return list(pairs.values())
