"""What do the curves of the model card look like? Small drawings in SVG, from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

INKS = ("#b3261e", "#0b57d0", "#146c2e", "#8f4700", "#6a1b9a")
SIDE, GAP, TOP = 220, 56, 30  # of a panel, in units of the drawing
NAMED = len(INKS)  # curves of a panel that are named; the others are grey

Point = list[float]


def plot_precision(panels: Mapping[str, Mapping[str, list[Point]]]) -> str:
    """Draw precision over recall, one panel each; the worst curves are named, the others grey."""
    parts = []
    for place, (title, curves) in enumerate(panels.items()):
        area = {name: sum(y for _, y in curve) / max(len(curve), 1) for name, curve in curves.items()}
        worst = sorted(area, key=lambda name, area=area: (area[name], name))[:NAMED]
        body = [_draw_line(curve, "#c4c7c5") for name, curve in sorted(curves.items()) if name not in worst]
        for row, name in enumerate(worst):
            body.append(_draw_line(curves[name], INKS[row]))
            body.append(_write(8, SIDE - 10 - 13 * (len(worst) - 1 - row), name.replace("_", " "), INKS[row]))
        parts.append(_frame(place, title, "recall", "precision", body))
    return _wrap(len(panels), parts)


def plot_reliability(panels: Mapping[str, list[Mapping[str, Any]]]) -> str:
    """Draw what was right over what was told, one panel each; a dot's area grows with the logarithm of addresses."""
    parts = []
    for place, (title, bins) in enumerate(panels.items()):
        body = [_draw_line([[0.0, 0.0], [1.0, 1.0]], "#c4c7c5")]
        body.append(_draw_line([[one["told"], one["right"]] for one in bins], INKS[1]))
        for one in bins:
            size = 1.5 + 0.9 * len(str(one["addresses"]))
            x, y = _place(one["told"], one["right"])
            body.append(f'<circle cx="{x}" cy="{y}" r="{size:.1f}" fill="{INKS[1]}" fill-opacity=".6"/>')
        parts.append(_frame(place, title, "probability told", "share right", body))
    return _wrap(len(panels), parts)


def _place(x: float, y: float) -> tuple[float, float]:
    return round(SIDE * x, 1), round(SIDE * (1 - y), 1)


def _draw_line(points: list[Point], ink: str) -> str:
    path = " ".join(f"{x},{y}" for x, y in (_place(*point) for point in points))
    return f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="1.6"/>'


def _write(x: float, y: float, text: str, ink: str = "#1f1f1f", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="{ink}" text-anchor="{anchor}">{escape(text)}</text>'


def _frame(place: int, title: str, across: str, up: str, body: list[str]) -> str:
    parts = [
        f'<g transform="translate({GAP + place * (SIDE + GAP)},{TOP})">',
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#747775"/>',
        _write(SIDE / 2, -10, title, anchor="middle"),
        _write(SIDE / 2, SIDE + 28, across, anchor="middle"),
        f'<g transform="translate(-32,{SIDE / 2}) rotate(-90)">{_write(0, 0, up, anchor="middle")}</g>',
    ]
    for tick in (0.0, 0.5, 1.0):
        x, y = _place(tick, tick)
        parts += [_write(x, SIDE + 14, f"{tick:g}", anchor="middle"), _write(-6, y + 4, f"{tick:g}", anchor="end")]
    return "\n".join([*parts, *body, "</g>"])


def _wrap(panels: int, parts: list[str]) -> str:
    width, height = GAP + panels * (SIDE + GAP), TOP + SIDE + 40
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = 'font-family="sans-serif" font-size="11"'
    return "\n".join(
        [f"{head} {font}>", f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, "</svg>", ""]
    )
