"""Where does each node stand, so that nothing moves when something is added?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from intel.profiler.graph_view import Graph

Place = tuple[float, float]

WIDE, HIGH = 225.0, 128.0  # from ring to ring
ROOM = (124.0, 62.0)  # of one node with its name


class _Ground:
    """Which places are taken, by cells of the size of a node."""

    def __init__(self, taken: dict[str, Place]) -> None:
        self._cells: dict[tuple[int, int], list[Place]] = {}
        for place in taken.values():
            self.take(place)

    def take(self, place: Place) -> None:
        self._cells.setdefault(self._cell(place), []).append(place)

    def is_free(self, place: Place) -> bool:
        across, down = self._cell(place)
        near = (self._cells.get((across + x, down + y), ()) for x in (-1, 0, 1) for y in (-1, 0, 1))
        return not any(
            abs(place[0] - other[0]) < ROOM[0] and abs(place[1] - other[1]) < ROOM[1] for cell in near for other in cell
        )

    def _cell(self, place: Place) -> tuple[int, int]:
        return math.floor(place[0] / ROOM[0]), math.floor(place[1] / ROOM[1])


def place_nodes(graph: Graph, known: dict[str, Place]) -> dict[str, Place]:
    """Return a place for each node: those that have one keep it, the others stand in rings around who brought them."""
    places = {name: known[name] for name in graph.nodes if name in known}
    ground = _Ground(places)
    beside: dict[str, set[str]] = {}
    for edge in graph.edges:
        beside.setdefault(edge.source, set()).add(edge.target)
        beside.setdefault(edge.target, set()).add(edge.source)
    for own in (*graph.view.opened, *graph.nodes):
        if own not in graph.nodes:
            continue
        if own not in places:
            places[own] = next(place for place in _walk_rings((0.0, 0.0), 0.0, 0) if ground.is_free(place))
            ground.take(places[own])
        new = [name for name in graph.nodes if name not in places and name in beside.get(own, ())]
        middle = places[own]
        slots = _walk_rings(
            middle, math.atan2(middle[1], middle[0]) if middle != (0.0, 0.0) else -math.pi / 2, len(new)
        )
        for name in new:
            places[name] = next(slot for slot in slots if ground.is_free(slot))
            ground.take(places[name])
    return places


def _walk_rings(middle: Place, ahead: float, count: int) -> Iterator[Place]:
    """Yield the middle itself, then places ring by ring, each ring from the angle `ahead` to both sides of it."""
    yield middle
    ring = 0
    while True:
        ring += 1
        room = 10 * ring
        # Few nodes stand evenly around a middle that nothing else surrounds.
        step = 2 * math.pi / (count if ring == 1 and 0 < count < room else room)
        for turn in range(round(2 * math.pi / step)):
            angle = ahead + step * ((turn + 1) // 2) * (1 if turn % 2 else -1) + (ring % 2) * step / 2
            yield (
                round(middle[0] + ring * WIDE * math.cos(angle), 1),
                round(middle[1] + ring * HIGH * math.sin(angle), 1),
            )
