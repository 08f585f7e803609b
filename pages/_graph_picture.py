"""How does a graph become a picture that can be picked, opened and dragged?"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from intel.model import MICRO
from intel.profiler.graph_files import sum_pairs
from intel.profiler.graph_view import Graph, Node
from intel.visible import show_hidden
from pages._graph_places import Place
from pages._graph_state import Sketch, toggle_node
from pages._words import STATUS, say_words

_HERE = Path(__file__).parent
_HTML = """<div class="picture"><div class="tools">
<button class="fit" type="button">Fit</button><button class="png" type="button">Save as PNG</button>
</div><div class="canvas" role="img" aria-label="Graph of payments"></div></div>"""
_KEY = "graph_picture"
COLOURS = {
    "labelled": "#2f7fb8", "attributed": "#8a6bb1", "probable": "#8a6bb1", "private": "#d08c2f", "judged": "#d08c2f",
    "pending": "#d08c2f", "system": "#7d8994", "unknown": "#8f9aa5",
}  # fmt: skip
ARROW = " → "


@cache
def _make_parts() -> tuple[Any, Any]:
    """Return the component and, on its own so that it is sent once, the library it draws with (cytoscape.js)."""
    library = (_HERE / "_cytoscape" / "cytoscape.min.js").read_text(encoding="utf-8")
    picture = st.components.v2.component(
        "intel_graph",
        html=_HTML,
        css=(_HERE / "_graph.css").read_text(encoding="utf-8"),
        js=(_HERE / "_graph.js").read_text(encoding="utf-8"),
    )
    return picture, st.components.v2.component("intel_cytoscape", js=f"{library}\nexport default function () {{}}\n")


def draw_graph(graph: Graph, sketch: Sketch, places: dict[str, Place]) -> None:
    """Draw the graph; what is picked, opened or dragged changes the sketch."""

    def pick(told: Any) -> None:
        sketch.picked = told["id"]

    def drag(told: Any) -> None:
        if told["epoch"] == sketch.epoch:
            sketch.places.update({name: (float(x), float(y)) for name, (x, y) in told["places"].items()})

    draw_picture(
        _KEY,
        {"elements": list_elements(graph, places), "epoch": sketch.epoch, "name": "graph"},
        picked=pick,
        opened=lambda told: toggle_node(sketch, told["id"]),
        places=drag,
    )


def draw_picture(key: str, data: dict[str, Any], **on: Callable[[Any], None]) -> None:
    """Draw elements as `list_elements` makes them; `on` is called with what was picked, opened or dragged (places)."""
    picture, library = _make_parts()

    def listen(name: str) -> Callable[[], None]:
        def call() -> None:
            told = getattr(st.session_state[key], name, None)
            if told and name in on:
                on[name](told)

        return call

    picture(key=key, data=data, **{f"on_{name}_change": listen(name) for name in ("picked", "opened", "places")})
    with st.container(key="graph_library"):
        library(key="cytoscape")


def list_elements(graph: Graph, places: dict[str, Place]) -> list[dict[str, Any]]:
    """Return nodes and edges as cytoscape takes them; one edge per payer and payee."""
    opened = set(graph.view.opened)
    nodes = [
        {
            "data": {
                "id": node.id, "label": _name_node(node), "kind": node.kind, "standing": node.standing,
                "opened": node.id in opened, "size": _size(node),
                "colour": COLOURS.get(node.standing, COLOURS["unknown"]),
            },
            "position": {"x": places[node.id][0], "y": places[node.id][1]},
        }
        for node in graph.nodes.values()
    ]  # fmt: skip
    edges = [
        {
            "data": {
                "id": f"{pair['source']}{ARROW}{pair['target']}", "source": pair["source"], "target": pair["target"],
                "label": say_short(pair["micro_usd"] / MICRO) if pair["micro_usd"] else f"{pair['transfers']:,}×",
                "width": find_width(pair["micro_usd"] / MICRO),
            }
        }
        for pair in sum_pairs(graph.edges)
    ]  # fmt: skip
    return [*nodes, *edges]


def find_width(usd: float) -> float:
    """Return how thick an edge is: a line more for each ten times the dollars."""
    return round(1 + max(0.0, math.log10(1 + usd) - 1) * 0.9, 2)


def _size(node: Node) -> int:
    return 26 + 4 * min(6, round(math.log10(max(node.members, 1)) * 2)) + (8 if node.kind == "entity" else 0)


def shorten(name: str) -> str:
    """Return a long address as its two ends."""
    name = show_hidden(name)
    return f"{name[:8]}…{name[-6:]}" if len(name) > 30 and " " not in name else name[:40]


def _name_node(node: Node) -> str:
    if node.kind == "others":
        return node.name
    mark = STATUS.get(node.standing, STATUS["unknown"])[3].split(" ")[0]
    kind = say_words(node.category) if node.category else "ledger" if node.standing == "system" else ""
    count = f"{node.members:,} addresses" if node.members > 1 and node.kind == "entity" else ""
    return "\n".join(
        text for text in (f"{mark} {shorten(node.name)}", ", ".join(t for t in (kind, count) if t)) if text
    )


def say_short(usd: float) -> str:
    """Return dollars in three digits: $1.23M."""
    for size, word in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if usd >= 0.9995 * size:
            return f"${usd / size:,.0f}{word}" if usd >= 999.5 * size else f"${usd / size:.3g}{word}"
    return f"${usd:.2f}" if usd >= 0.01 else "<$0.01"
