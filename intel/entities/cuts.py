"""What is a cut, and how is the evidence between groups laid out for the compiled loops?

Integers throughout: one bit is UNIT units, so that a quarter of a thousandth of a bit is exact and no order of
adding matters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intel.entities.pair_table import PairTable, Queue, make_queue, make_table
from intel.entities.unite import Labels
from intel.model import FAMILIES

Ids = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNIT = 4000
BEHAVIOUR, PAIR = FAMILIES.index("BEHAV"), FAMILIES.index("PAIR")
_FAMILIES = len(FAMILIES)


class Rows(NamedTuple):
    """Evidence between atoms, sorted by cut: one row per event of a pair of addresses."""

    cut: Ids
    left: Ids  # atom of the row's left address
    event: Ids  # the same event for and against has two numbers
    family: Ids
    units: Ids
    rule: Ids  # number of a rule whose missing pairs are charged, else -1
    is_known: Bools  # consent of both ends is known: may make a merge `confirmed`
    source: Ids  # the caller's number of the row
    next: Ids


class Cuts(NamedTuple):
    """All evidence between two groups, as a linked list of rows; `left` is -1 once the cut is gone."""

    left: Ids
    right: Ids
    head: Ids
    tail: Ids
    shown: Ids  # pairs of atoms that some charged rule shows
    rules: Ids  # bit set of the charged rules at work
    ban: Ids
    pushed: Ids
    refusal: Ids  # why it was not merged at its best, its units then, and its strongest row
    refused_units: Ids
    refused_source: Ids
    next: Ids  # incidence lists of groups: entry 2 * cut at the left end, 2 * cut + 1 at the right


class Groups(NamedTuple):
    """Groups of atoms; the atoms' own numbers are the groups'."""

    parent: Ids
    size: Ids  # addresses
    head: Ids
    length: Ids
    seen: Ids  # atoms that each charged rule says something about, one column per rule


class Desk(NamedTuple):
    """Room to work in, and what the last weighing found."""

    stamp: Ids
    place: Ids
    best: Ids
    total: Ids
    found: Ids  # events, families as a bit set, strongest source, charge, token
    table: PairTable
    queue: Queue


class Guard(NamedTuple):
    """The numbers that decide, in units where they are bits."""

    caps: Ids  # per family
    prior: int
    charge: int
    most_seen: int  # effective size in the charge
    gate: int  # addresses on both sides above which three events of two families are asked for


class Graph(NamedTuple):
    """Everything one run works on; all of it is used up."""

    rows: Rows
    cuts: Cuts
    groups: Groups
    labels: Labels
    desk: Desk
    guard: Guard


def make_graph(rows: Rows, ends: tuple[Ids, Ids, Ids], sizes: Ids, labels: Labels, guard: Guard) -> Graph:
    """Lay out a graph: `ends` are left atom, right atom and ban of each cut; rows are sorted by cut, then event."""
    left, right, ban = ends
    count, atoms = len(left), len(sizes)
    head, tail = np.full(count, -1), np.full(count, -1)
    first = np.searchsorted(rows.cut, np.arange(count))
    last = np.searchsorted(rows.cut, np.arange(count), side="right") - 1
    filled = last >= first
    head[filled], tail[filled] = first[filled], last[filled]
    rows.next[:] = np.arange(1, len(rows.cut) + 1)
    rows.next[tail[filled]] = -1
    charged = (rows.rule >= 0) & (rows.units > 0)
    mask = np.zeros(count, dtype=np.int64)
    np.bitwise_or.at(mask, rows.cut[charged], np.int64(1) << rows.rule[charged])
    seen = np.zeros((atoms, int(rows.rule.max(initial=-1)) + 1), dtype=np.int64)
    for side in (left, right):
        seen[side[rows.cut[charged]], rows.rule[charged]] = 1
    nothing = np.zeros(count, dtype=np.int64)
    cuts = Cuts(
        left, right, head, tail, (mask != 0).astype(np.int64), mask, ban, nothing - 1, nothing.copy(),
        nothing.copy(), nothing - 1, np.full(2 * count, -1),
    )  # fmt: skip
    groups = Groups(np.arange(atoms), sizes.copy(), np.full(atoms, -1), np.zeros(atoms, dtype=np.int64), seen)
    events = int(rows.event.max(initial=-1)) + 1
    desk = Desk(
        np.zeros(events, dtype=np.int64), np.zeros(events, dtype=np.int64), np.zeros(_FAMILIES, dtype=np.int64),
        np.zeros(_FAMILIES, dtype=np.int64), np.zeros(5, dtype=np.int64), make_table(count, atoms),
        make_queue(2 * count + 1),
    )  # fmt: skip
    return Graph(rows, cuts, groups, labels, desk, guard)
