"""How does the picture of a graph become a drawing that any program opens and scales?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from textwrap import wrap
from typing import Any

_EDGE, _TEXT, _LINE = 60, 11.5, 14.0  # units: room around the drawing, size of names, from line to line
_LETTERS = 22  # of a name in one line
_HALO = 'stroke="#ffffff" stroke-width="3" paint-order="stroke"'  # text is read above lines
_BEND = 18.0  # how far two edges between the same two nodes stand apart


def print_svg(elements: list[dict[str, Any]]) -> bytes:
    """Return nodes and edges, as `list_elements` makes them, as an SVG file: edges first, each node where it stands."""
    nodes = {one["data"]["id"]: one for one in elements if "position" in one}
    edges = [one["data"] for one in elements if "position" not in one]
    pairs = {(edge["source"], edge["target"]) for edge in edges}
    parts = [part for edge in edges for part in _draw_edge(edge, nodes, pairs)]
    parts += [part for node in nodes.values() for part in _draw_node(node)]
    across = [node["position"]["x"] for node in nodes.values()] or [0.0]
    down = [node["position"]["y"] for node in nodes.values()] or [0.0]
    left, top = min(across) - 2 * _EDGE, min(down) - _EDGE
    size = (max(across) - left + 2 * _EDGE, max(down) - top + 2 * _EDGE)
    box = f"{left:.1f} {top:.1f} {size[0]:.1f} {size[1]:.1f}"
    head = f'''<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]:.0f}" height="{size[1]:.0f}" viewBox="{box}"
font-family="sans-serif" font-size="{_TEXT}" text-anchor="middle">
<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9"
markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 10 5 0 10z" fill="#8a939b"/></marker></defs>
<rect x="{left:.1f}" y="{top:.1f}" width="100%" height="100%" fill="#ffffff"/>'''
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', head, *parts, "</svg>", "")).encode()


def _draw_edge(edge: dict[str, Any], nodes: dict[str, Any], pairs: set[tuple[str, str]]) -> Iterator[str]:
    """Yield a line from rim to rim, bent where another one goes back, and what it says in its middle."""
    ends = [nodes[edge[side]] for side in ("source", "target")]
    (x1, y1), (x2, y2) = ((end["position"]["x"], end["position"]["y"]) for end in ends)
    length = math.hypot(x2 - x1, y2 - y1)
    if not length:
        return
    right, down = (x2 - x1) / length, (y2 - y1) / length
    bend = _BEND if (edge["target"], edge["source"]) in pairs else 0.0
    middle = (x1 + x2) / 2 - down * 2 * bend, (y1 + y2) / 2 + right * 2 * bend
    start, stop = (end["data"]["size"] / 2 + 3 for end in ends)
    yield (
        f'<path d="M{x1 + right * start:.1f} {y1 + down * start:.1f} Q{middle[0]:.1f} {middle[1]:.1f} '
        f'{x2 - right * stop:.1f} {y2 - down * stop:.1f}" fill="none" stroke="#b3babf" '
        f'stroke-width="{edge["width"]}" marker-end="url(#arrow)"/>'
    )
    at = (x1 + x2) / 2 - down * bend, (y1 + y2) / 2 + right * bend
    yield f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="10" fill="#44505a" {_HALO}>{_clean(edge["label"])}</text>'


def _draw_node(node: dict[str, Any]) -> Iterator[str]:
    """Yield a square (entity), a circle (address) or a dashed circle (others), and the name under it."""
    told, x, y = node["data"], node["position"]["x"], node["position"]["y"]
    half, colour = told["size"] / 2, f'"{escape(told["colour"])}"'
    is_open = told["kind"] == "others" or told["standing"] in ("probable", "unknown")
    look = f'fill={colour} stroke={colour} stroke-width="{4 if told["opened"] else 2}"'
    look += ' fill-opacity="0.35" stroke-dasharray="4 3"' if is_open else ""
    if told["kind"] == "entity":
        side = told["size"]
        yield f'<rect x="{x - half:.1f}" y="{y - half:.1f}" width="{side}" height="{side}" rx="6" {look}/>'
    else:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{half:.1f}" {look}/>'
    lines = [part for line in told["label"].split("\n") for part in wrap(line, _LETTERS, break_long_words=False)]
    for place, line in enumerate(lines, start=1):
        yield f'<text x="{x:.1f}" y="{y + half + place * _LINE:.1f}" fill="#1b2530" {_HALO}>{_clean(line)}</text>'


def _clean(text: str) -> str:
    """Return text as XML holds it: a label may have any character."""
    return escape("".join(c if c >= " " and c not in "\ufffe\uffff" else "\ufffd" for c in text))
