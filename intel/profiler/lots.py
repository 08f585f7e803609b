"""Which lots does each disposal consume, and what had they cost?

Quantities are exact integers of base units in two limbs of 18 digits, values whole micro-dollars. Cost that leaves one
lot is what the next one lacks, so nothing is lost to rounding and the four methods end in the same total.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numba
import numpy as np
import numpy.typing as npt

from intel.errors import BadInput

Method = Literal["average", "fifo", "lifo", "hifo"]
METHODS: tuple[Method, ...] = get_args(Method)

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ACQUIRE, DISPOSE, CARRY_OUT, CARRY_IN = 1, -1, -2, 2
LIMB = 10**18
LARGEST = 9 * LIMB * LIMB  # base units that a pool may take in altogether, else its upper limb would overflow


@dataclass(frozen=True, slots=True)
class Movements:
    """What came into and went out of pools of equal assets, in order of time: one row per movement.

    pool: number of the pool, from 0. kind: ACQUIRE, DISPOSE, or CARRY_OUT and CARRY_IN of one `group` (from 0, else
    -1), by which cost moves between pools and nothing is realised. high, low: quantity = high * 10^18 + low, above 0.
    micro_usd: market value, 0 where `is_priced` is false.
    """

    pool: Ints
    kind: Bytes
    high: Ints
    low: Ints
    micro_usd: Ints
    is_priced: Flags
    group: Ints

    def as_arrays(self) -> _Arrays:
        """The same as numba takes it."""
        return _Arrays(self.pool, self.kind, self.high, self.low, self.micro_usd, self.is_priced, self.group)


@dataclass(frozen=True, slots=True)
class Matched:
    """What a method makes of movements.

    Per movement: basis (cost that left with it, or that an acquisition began with), known_high and known_low (how much
    of the quantity had a known cost), proceeds (the part of its value that belongs to that quantity).
    Trail: rows (movement, lot, high, low, cost): which lots, named by the movement that made them, were consumed.
    Left: rows (pool, lot, high, low, cost): lots still held, cost -1 where it is unknown.
    """

    basis: Ints
    known_high: Ints
    known_low: Ints
    proceeds: Ints
    trail: Ints
    left: Ints


def join_quantity(high: int, low: int) -> int:
    """Return the exact quantity of two limbs."""
    return int(high) * LIMB + int(low)


def check_method(method: str) -> None:
    """Raise BadInput for a name that is none of METHODS."""
    if method not in METHODS:
        raise BadInput(f"there is no method {method!r}", f"take one of {', '.join(METHODS)}")


def match_lots(movements: Movements, method: Method) -> Matched:
    """Match every disposal with lots of its pool, the earliest, latest, dearest, or all of them in proportion.

    Lots of known cost are sold before those of unknown cost, and those before what was never seen coming in: so the
    part of unknown basis is the same under all four methods. O(n log n); 1 million movements take about a second.
    Raises BadInput where a pool takes in `LARGEST` base units or more.
    """
    check_method(method)
    enters = movements.kind > 0
    if np.bincount(movements.pool[enters], movements.high[enters] + 1.0).max(initial=0) >= LARGEST // LIMB:
        raise BadInput("a pool took in more than a lot can hold", f"leave out pools of {LARGEST} base units and more")
    state = _open_state(movements)
    told = _match(movements.as_arrays(), state, METHODS.index(method))
    left = _list_left(movements.pool, state)
    return Matched(state.basis, state.known_high, state.known_low, state.proceeds, state.trail[:told], left)


class _Arrays(NamedTuple):
    """Movements as numba takes them."""

    pool: Ints
    kind: Bytes
    high: Ints
    low: Ints
    micro_usd: Ints
    is_priced: Flags
    group: Ints


class _State(NamedTuple):
    """By lot: what is left of it, and its place in a heap. By pool: the heap of lots of known cost, the queue of the
    others. By group of a carry: cost on its way. By movement: the result.
    """

    high: Ints
    low: Ints
    cost: Ints
    heap_left: Ints
    heap_right: Ints
    key: Floats
    root: Ints
    blank: Ints
    blank_end: Ints
    blank_next: Ints
    carried: Ints
    weights: Ints
    counts: Ints
    is_whole: Flags
    basis: Ints
    proceeds: Ints
    known_high: Ints
    known_low: Ints
    trail: Ints


def _open_state(moved: Movements) -> _State:
    rows = len(moved.pool)
    pools = int(moved.pool.max()) + 1 if rows else 0
    groups = int(moved.group.max()) + 2 if rows else 1
    weights, counts = np.zeros((2, groups), dtype=np.int64)
    enters = moved.kind == CARRY_IN
    np.add.at(weights, moved.group[enters], moved.micro_usd[enters])
    np.add.at(counts, moved.group[enters], 1)
    zeros, none = (np.zeros((6, rows), dtype=np.int64), np.full((3, rows), -1, dtype=np.int64))
    ends = np.full((3, pools), -1, dtype=np.int64)
    return _State(
        moved.high.astype(np.int64), moved.low.astype(np.int64), zeros[0], none[0], none[1], np.zeros(rows), ends[0],
        ends[1], ends[2], none[2], np.zeros(groups, dtype=np.int64), weights, counts, np.ones(groups, dtype=np.bool_),
        zeros[1], zeros[2], zeros[3], zeros[4], np.empty((2 * rows, 5), dtype=np.int64),
    )  # fmt: skip


@numba.njit(cache=True)
def _is_less(a_high: int, a_low: int, b_high: int, b_low: int) -> bool:
    return a_high < b_high or (a_high == b_high and a_low < b_low)


@numba.njit(cache=True)
def _add(a_high: int, a_low: int, b_high: int, b_low: int) -> tuple[int, int]:
    low = a_low + b_low
    return (a_high + b_high + 1, low - LIMB) if low >= LIMB else (a_high + b_high, low)


@numba.njit(cache=True)
def _subtract(a_high: int, a_low: int, b_high: int, b_low: int) -> tuple[int, int]:
    low = a_low - b_low
    return (a_high - b_high - 1, low + LIMB) if low < 0 else (a_high - b_high, low)


@numba.njit(cache=True)
def _share(value: int, p_high: int, p_low: int, w_high: int, w_low: int) -> int:
    """Part of `value` that goes with p of w, to the nearest micro-dollar; all of it where p is all."""
    if p_high == w_high and p_low == w_low:
        return value
    return min(value, round(value * ((p_high * 1e18 + p_low) / (w_high * 1e18 + w_low))))


@numba.njit(cache=True)
def _unite(a: int, b: int, left: Ints, right: Ints, key: Floats) -> int:
    """Merge two skew heaps of lots; the root is the lot to sell next: least key, then least number."""
    root, parent = -1, -1
    while a >= 0 and b >= 0:
        if key[b] < key[a] or (key[b] == key[a] and b < a):
            a, b = b, a
        if parent < 0:
            root = a
        else:
            left[parent] = a
        rest = right[a]
        right[a] = left[a]
        left[a] = -1
        parent, a = a, rest
    last = a if a >= 0 else b
    if parent < 0:
        return last
    left[parent] = last
    return root


@numba.njit(cache=True)
def _match(moved: _Arrays, state: _State, method: int) -> int:
    """Work through the movements; return how many rows of the trail were written."""
    told = 0
    for row in range(len(moved.pool)):
        if moved.kind[row] > 0:
            is_known, value = moved.is_priced[row], moved.micro_usd[row]
            if moved.kind[row] == CARRY_IN:
                is_known, value = _arrive(moved, state, row)
            if is_known:
                _open_lot(moved, state, row, value, method)
            else:
                _queue_lot(moved.pool[row], state, row)
        else:
            told = _sell_known(moved, state, row, told)
            told = _sell_blank(moved, state, row, told)
    return told


@numba.njit(cache=True)
def _arrive(moved: _Arrays, state: _State, row: int) -> tuple[bool, int]:
    """Share of the cost on its way that this leg takes: by market value, or evenly where nothing is priced."""
    g = moved.group[row]
    if state.counts[g] <= 1:
        value = state.carried[g]
    elif state.weights[g] > 0:
        value = min(state.carried[g], round(state.carried[g] * (moved.micro_usd[row] / state.weights[g])))
    else:
        value = state.carried[g] // state.counts[g]
    state.carried[g] -= value
    state.weights[g] -= moved.micro_usd[row]
    state.counts[g] -= 1
    return state.is_whole[g], value


@numba.njit(cache=True)
def _open_lot(moved: _Arrays, state: _State, row: int, value: int, method: int) -> None:
    pool, high, low = moved.pool[row], moved.high[row], moved.low[row]
    state.basis[row], state.cost[row] = value, value
    state.known_high[row], state.known_low[row] = high, low
    if method == 0 and state.root[pool] >= 0:
        kept = state.root[pool]
        state.high[kept], state.low[kept] = _add(state.high[kept], state.low[kept], high, low)
        state.cost[kept] += value
        return
    state.key[row] = row
    if method == 2:
        state.key[row] = -row
    elif method == 3:
        state.key[row] = -(value / (high * 1e18 + low))
    state.root[pool] = _unite(state.root[pool], row, state.heap_left, state.heap_right, state.key)


@numba.njit(cache=True)
def _queue_lot(pool: int, state: _State, row: int) -> None:
    if state.blank[pool] < 0:
        state.blank[pool] = row
    else:
        state.blank_next[state.blank_end[pool]] = row
    state.blank_end[pool] = row


@numba.njit(cache=True)
def _take(state: _State, lot: int, want_high: int, want_low: int) -> tuple[int, int]:
    """The wanted quantity, or all of the lot where that is less."""
    if _is_less(want_high, want_low, state.high[lot], state.low[lot]):
        return want_high, want_low
    return state.high[lot], state.low[lot]


@numba.njit(cache=True)
def _sell_known(moved: _Arrays, state: _State, row: int, told: int) -> int:
    pool = moved.pool[row]
    want_high, want_low = moved.high[row], moved.low[row]
    while state.root[pool] >= 0 and (want_high > 0 or want_low > 0):
        lot = state.root[pool]
        high, low = _take(state, lot, want_high, want_low)
        part = _share(state.cost[lot], high, low, state.high[lot], state.low[lot])
        state.trail[told] = (row, lot, high, low, part)
        told += 1
        state.basis[row] += part
        state.cost[lot] -= part
        state.high[lot], state.low[lot] = _subtract(state.high[lot], state.low[lot], high, low)
        want_high, want_low = _subtract(want_high, want_low, high, low)
        state.known_high[row], state.known_low[row] = _add(state.known_high[row], state.known_low[row], high, low)
        if state.high[lot] == 0 and state.low[lot] == 0:
            rest = state.heap_left[lot], state.heap_right[lot]
            state.root[pool] = _unite(rest[0], rest[1], state.heap_left, state.heap_right, state.key)
    known = state.known_high[row], state.known_low[row]
    state.proceeds[row] = _share(moved.micro_usd[row], known[0], known[1], moved.high[row], moved.low[row])
    if moved.kind[row] == CARRY_OUT:
        state.carried[moved.group[row]] += state.basis[row]
        if want_high > 0 or want_low > 0:
            state.is_whole[moved.group[row]] = False
    return told


@numba.njit(cache=True)
def _sell_blank(moved: _Arrays, state: _State, row: int, told: int) -> int:
    """What known lots did not cover comes from lots of unknown cost, the earliest first."""
    pool = moved.pool[row]
    known = state.known_high[row], state.known_low[row]
    want_high, want_low = _subtract(moved.high[row], moved.low[row], known[0], known[1])
    while state.blank[pool] >= 0 and (want_high > 0 or want_low > 0):
        lot = state.blank[pool]
        high, low = _take(state, lot, want_high, want_low)
        state.trail[told] = (row, lot, high, low, -1)
        told += 1
        state.high[lot], state.low[lot] = _subtract(state.high[lot], state.low[lot], high, low)
        want_high, want_low = _subtract(want_high, want_low, high, low)
        if state.high[lot] == 0 and state.low[lot] == 0:
            state.blank[pool] = state.blank_next[lot]
    return told


def _list_left(pool: Ints, state: _State) -> Ints:
    """Rows (pool, lot, high, low, cost) of what is still held; cost -1 where it is unknown."""
    is_blank = np.zeros(len(pool), dtype=np.bool_)
    is_known = np.zeros(len(pool), dtype=np.bool_)
    _mark_left(state, is_known, is_blank)
    lots = np.flatnonzero(is_known | is_blank)
    cost = np.where(is_blank[lots], -1, state.cost[lots])
    return np.column_stack([pool[lots], lots, state.high[lots], state.low[lots], cost]).astype(np.int64)


@numba.njit(cache=True)
def _mark_left(state: _State, is_known: Flags, is_blank: Flags) -> None:
    stack = np.empty(len(is_known) + 1, dtype=np.int64)
    for pool in range(len(state.root)):
        lot = state.blank[pool]
        while lot >= 0:
            is_blank[lot] = True
            lot = state.blank_next[lot]
        depth = 0
        if state.root[pool] >= 0:
            stack[0] = state.root[pool]
            depth = 1
        while depth > 0:
            depth -= 1
            lot = stack[depth]
            is_known[lot] = True
            for child in (state.heap_left[lot], state.heap_right[lot]):
                if child >= 0:
                    stack[depth] = child
                    depth += 1
