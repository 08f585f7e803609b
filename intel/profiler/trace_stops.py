"""At whom did the money that was followed end, how much of it, and by how many payments?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from intel.profiler.trace import FARTHEST, Passage
from intel.profiler.trace_kernels import BRIDGED, PASSED, RETURNED, Array
from intel.profiler.trace_town import WALL_KINDS

# Place in `Stops.kind` -> what the end is: who stopped the money, where it rests, or what is left of it on no address.
KINDS = (*WALL_KINDS, "returned", "held", "too_far", "small", "fees", "on_the_way")


class Stops(NamedTuple):
    """One entry per address (-1: none) and kind, largest first: weight (USD), payments into it, fewest hops to it."""

    address: Array
    kind: Array
    weight: Array
    payments: Array
    hop: Array


def sum_stops(passage: Passage, payees: Array, wall: Array, max_hops: int) -> Stops:
    """Add up where the weight ended; equal ones stand in order of address and kind. `payees`: by row."""
    held, weights, hops = passage.held
    rests = [("small", passage.small), ("fees", passage.fees), ("on_the_way", passage.on_the_way)]
    left = [(KINDS.index(kind), weight) for kind, weight in rests if weight > 0]
    parts = (
        _sum_walls(passage, payees, wall),
        Stops(
            held, np.where(hops >= max_hops, KINDS.index("too_far"), KINDS.index("held")), weights,
            np.zeros(len(held), np.int64), hops,
        ),
        Stops(
            np.full(len(left), -1), np.array([kind for kind, _ in left], np.int64),
            np.array([weight for _, weight in left]), np.zeros(len(left), np.int64), np.zeros(len(left), np.int64),
        ),
    )  # fmt: skip
    whole = Stops(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    whole = whole._replace(weight=np.round(whole.weight, 6))
    order = np.lexsort((whole.kind, whole.address, -whole.weight))
    return Stops(*(column[order] for column in whole))


def _sum_walls(passage: Passage, payees: Array, wall: Array) -> Stops:
    """Return what was stopped on its way."""
    told = passage.told
    stopped = np.flatnonzero((told.outcome != PASSED) & (told.outcome != BRIDGED))
    ends = payees[told.row[stopped]].astype(np.int64)
    kinds = np.where(ends >= 0, wall[ends], WALL_KINDS.index("system"))
    kinds = np.where(told.outcome[stopped] == RETURNED, KINDS.index("returned"), kinds)
    keys, places = np.unique(ends * 16 + kinds, return_inverse=True)
    hops = np.full(len(keys), FARTHEST + 1)
    np.minimum.at(hops, places, told.hop[stopped])
    weights = np.bincount(places, told.weight[stopped], len(keys))
    return Stops(keys >> 4, keys & 15, weights, np.bincount(places, minlength=len(keys)), hops)
