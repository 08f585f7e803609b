"""What of the graph is open, what was open before, and how does one go back?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import streamlit as st

from intel.profiler.graph_view import OTHERS, SHOWN, GraphFilter, GraphView
from pages._graph_places import Place

MORE = 25  # of the others come out at a time


@dataclass(frozen=True, slots=True)
class Opened:
    """What is open, and which dealings are shown: one step of the history."""

    nodes: tuple[str, ...]
    unfolded: tuple[str, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    filters: GraphFilter | None = None  # None until they have been asked for


@dataclass(slots=True)
class Sketch:
    """The graph of this session: its steps, where one stands among them, the places of nodes, what is picked."""

    steps: list[Opened]
    at: int = 0
    places: dict[str, Place] = field(default_factory=dict)
    picked: str | None = None
    epoch: int = 0  # another picture, not a change of this one

    @property
    def now(self) -> Opened:
        """The step that is shown."""
        return self.steps[self.at]

    def step(self, opened: Opened) -> None:
        """Go on from here; what was undone is forgotten."""
        if opened != self.now:
            self.steps[self.at + 1 :] = [opened]
            self.at += 1

    def move(self, by: int) -> None:
        """Undo or redo."""
        self.at = min(max(self.at + by, 0), len(self.steps) - 1)


def find_sketch(subject: str) -> Sketch:
    """Return the session's graph of this subject, a new one for another subject."""
    sketch: Sketch | None = st.session_state.get("graph_sketch")
    if sketch is None or sketch.steps[0].nodes[0] != subject:
        sketch = start_sketch(Opened((subject,)))
    return sketch


def start_sketch(opened: Opened, places: dict[str, Place] | None = None) -> Sketch:
    """Begin another graph in this session."""
    epoch = st.session_state["graph_epoch"] = st.session_state.get("graph_epoch", 0) + 1
    sketch = st.session_state["graph_sketch"] = Sketch([opened], places=dict(places or {}), epoch=epoch)
    return sketch


def note_filters(sketch: Sketch, filters: GraphFilter) -> None:
    """Make other filters than before a step of their own."""
    if sketch.now.filters is None:
        sketch.steps[sketch.at] = replace(sketch.now, filters=filters)
    sketch.step(replace(sketch.now, filters=filters))


def make_view(sketch: Sketch, filters: GraphFilter) -> GraphView:
    """Return what is to be gathered."""
    now = sketch.now
    return GraphView(now.nodes, now.unfolded, now.limits, SHOWN, filters)


def toggle_node(sketch: Sketch, name: str) -> None:
    """Open a node, or close it again; of the others, let more come out. The subject stays open."""
    now = sketch.now
    if name.startswith(OTHERS):
        limits = dict(now.limits)
        own = name.removeprefix(OTHERS)
        limits[own] = limits.get(own, SHOWN) + MORE
        sketch.step(replace(now, limits=tuple(sorted(limits.items()))))
    elif name not in now.nodes:
        sketch.step(replace(now, nodes=(*now.nodes, name)))
    elif name != now.nodes[0]:
        sketch.step(replace(now, nodes=tuple(node for node in now.nodes if node != name)))


def toggle_fold(sketch: Sketch, entity: str) -> None:
    """Let the addresses of an entity stand alone, or fold them again."""
    now = sketch.now
    others = tuple(name for name in now.unfolded if name != entity)
    sketch.step(replace(now, unfolded=others if entity in now.unfolded else (*now.unfolded, entity)))
