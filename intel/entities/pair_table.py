"""Which cut joins two groups, and which cut is the best one left? A hash table and a heap for compiled loops."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

_SCATTER = np.uint64(11400714819323198485)  # 2^64 / golden ratio
_PLACES = 2**32


class PairTable(NamedTuple):
    """Open addressing with linear probing: `keys` (pair of groups, -1 for free) to `cuts`.

    `form` holds the slots in use minus one, the shift that takes a hash to a slot, and the number of groups.
    """

    keys: Ids
    cuts: Ids
    form: Ids


class Queue(NamedTuple):
    """A binary heap of keys, the greatest first; `length` has one element."""

    keys: Ids
    length: Ids


def make_table(pairs: int, groups: int) -> PairTable:
    """Return a table with room for `pairs` pairs of `groups` groups, at most half full."""
    slots = 2 ** max(2, (2 * max(pairs, 1) - 1).bit_length())
    return PairTable(np.full(slots, -1), np.zeros(slots, dtype=np.int64), np.array([slots - 1, 0, groups]))


def make_queue(room: int) -> Queue:
    """Return an empty heap with room for `room` keys."""
    return Queue(np.zeros(room, dtype=np.int64), np.zeros(1, dtype=np.int64))


@numba.njit(cache=True)
def reset_table(table: PairTable, pairs: int) -> None:
    """Empty the table and use no more of it than `pairs` pairs need, so that small components stay cheap."""
    slots, power = 4, 2
    while slots < 2 * pairs:
        slots, power = 2 * slots, power + 1
    table.keys[:slots] = -1
    table.form[0] = slots - 1
    table.form[1] = 64 - power


@numba.njit(cache=True)
def _find_home(table: PairTable, key: int) -> np.int64:
    return np.int64((np.uint64(key) * _SCATTER) >> np.uint64(table.form[1]))


@numba.njit(cache=True)
def _find_slot(table: PairTable, a: int, b: int) -> int:
    key = min(a, b) * table.form[2] + max(a, b)
    slot = int(_find_home(table, key))
    while table.keys[slot] >= 0 and table.keys[slot] != key:
        slot = (slot + 1) & table.form[0]
    return slot


@numba.njit(cache=True)
def find_cut(table: PairTable, a: int, b: int) -> int:
    """Return the cut between two groups, or -1."""
    slot = _find_slot(table, a, b)
    return table.cuts[slot] if table.keys[slot] >= 0 else -1


@numba.njit(cache=True)
def put_cut(table: PairTable, a: int, b: int, cut: int) -> None:
    """Say which cut joins two groups."""
    slot = _find_slot(table, a, b)
    table.keys[slot] = min(a, b) * table.form[2] + max(a, b)
    table.cuts[slot] = cut


@numba.njit(cache=True)
def drop_cut(table: PairTable, a: int, b: int) -> None:
    """Take a pair out, and close the gap, so that the table never fills with what is gone."""
    keys, mask = table.keys, table.form[0]
    gap = _find_slot(table, a, b)
    if keys[gap] < 0:
        return
    slot = gap
    while True:
        slot = (slot + 1) & mask
        if keys[slot] < 0:
            break
        if ((slot - _find_home(table, keys[slot])) & mask) >= ((slot - gap) & mask):
            keys[gap], table.cuts[gap] = keys[slot], table.cuts[slot]
            gap = slot
    keys[gap] = -1


@numba.njit(cache=True)
def write_key(score: int, place: int) -> int:
    """Return the heap key of a cut: the greater score first, of equal ones the lower place."""
    return score * _PLACES + (_PLACES - 1 - place)


@numba.njit(cache=True)
def read_place(key: int) -> int:
    """Return the place in a heap key."""
    return _PLACES - 1 - (key & (_PLACES - 1))


@numba.njit(cache=True)
def push_key(queue: Queue, key: int) -> None:
    """Add a key."""
    keys = queue.keys
    at = queue.length[0]
    queue.length[0] += 1
    while at > 0 and keys[(at - 1) // 2] < key:
        keys[at] = keys[(at - 1) // 2]
        at = (at - 1) // 2
    keys[at] = key


@numba.njit(cache=True)
def pop_key(queue: Queue) -> int:
    """Take the greatest key out; the heap must not be empty."""
    keys = queue.keys
    top = keys[0]
    queue.length[0] -= 1
    end = queue.length[0]
    last = keys[end]
    at = 0
    while 2 * at + 1 < end:
        child = 2 * at + 1
        if child + 1 < end and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= last:
            break
        keys[at] = keys[child]
        at = child
    keys[at] = last
    return int(top)
