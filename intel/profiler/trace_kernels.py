"""How much of the money that left the source does each later transfer carry, and where does it come to rest?

The rows are met in order of time (backward: against it), transaction by transaction. What is followed is weight:
the dollars the source sent (backward: received), handed on in parts, so that it is never more and never less. A pot is
what one address holds of one pool of equal assets; a pot exists from the moment weight enters it, beginning with the
balance that the earlier rows tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from intel.model import TRANSFER_KINDS

Array = npt.NDArray[Any]
F = TypeVar("F", bound=Callable[..., Any])

# Without counting references to the fifty arrays of a run at every call, which took nine tenths of the time; so none of
# these functions may make an array.
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}


def compile_bare(function: F) -> F:
    """Compile a function that makes no arrays."""
    compiled: F = numba.njit(**_OPTIONS)(function)
    return compiled


HAIRCUT, FIFO, POISON = 0, 1, 2
# What became of the weight on a row: it went on, or it ended there.
PASSED, WALL, RETURNED, BRIDGED = 0, 1, 2, 3
# Places in `sums`: weight that a limit cut off, or that fees took.
SMALL, FEES, SUMS = 0, 1, 2

# Places in `Walk.used`.
CURSORS, JOINED, AHEAD, FULL = 0, 1, 2, 3

FEE = TRANSFER_KINDS.index("fee")
MANY_LEGS = 128  # in larger transactions (mass payments) nobody swaps


class Ledger(NamedTuple):
    """The rows as the pass meets them: backward, the columns of payer and payee are exchanged."""

    payer: Array
    payee: Array
    asset: Array
    amount: Array
    usd: Array
    kind: Array
    tx: Array
    statement_ends: Array
    statement_asset: Array
    statement_row: Array
    statement_balance: Array


class Town(NamedTuple):
    """What is known of addresses and assets: one entry per address_id, or per asset_id.

    wall: above 0, money is not followed through it. is_contract: it trades by no will of its own. pool: number of the
    pool of equal assets, -1: spam or never summed. scale: brings the asset's base units to the unit of its pool.
    """

    wall: Array
    is_contract: Array
    is_source: Array
    pool: Array
    scale: Array
    pools: int


class Wish(NamedTuple):
    """What was asked for."""

    method: int
    max_hops: int
    min_weight: float
    is_forward: bool
    only_tx: int  # the rows of this transaction are the source; -1: the addresses are
    dearer: int  # rows that the pass meets in the time in which the walk finds one


class Jumps(NamedTuple):
    """Rows into a bridge, ascending, and for each the row in which a bridge paid out; the weight on its way.

    `landings` are the rows of `arrives` in ascending order, `order` the place of each in the other columns.
    """

    leaves: Array
    arrives: Array
    landings: Array
    order: Array
    weight: Array
    hops: Array


class Pots(NamedTuple):
    """The state: one entry per pot, and for FIFO its parts as a linked list; `reach` per address.

    `reach`: 0 where no money came; else 1 and how many payments further it may go from there. `keys` and `places`
    find a pot by owner and pool: a hash table with open addressing, a power of two long, -1: free.
    """

    keys: Array
    places: Array

    balance: Array
    weight: Array
    owner: Array
    pool: Array
    head: Array
    tail: Array
    part_amount: Array
    part_weight: Array
    part_next: Array
    used: Array  # pots, parts, steps told
    reach: Array
    sums: Array


class Told(NamedTuple):
    """One entry per row that carried weight."""

    row: Array
    weight: Array
    hop: Array
    outcome: Array


class Scratch(NamedTuple):
    """Room for one transaction, an entry per row: which rows are settled or were tried, and the legs of one swap."""

    settled: Array
    tried: Array
    legs: Array
    nets: Array
    usds: Array


class Walk(NamedTuple):
    """Whose rows come next: a heap of cursors, each in what one address paid and got of one asset, by its next row.

    `row`: the next row (backward its negative), `entry`: its place among the statements, `stop`: where the cursor ends.
    `joined`: addresses reached in the transaction that is being followed. `used`: cursors, addresses joined, entries
    before all cursors; at `FULL` 1: there was no room.
    """

    row: Array
    entry: Array
    stop: Array
    joined: Array
    used: Array


class Run(NamedTuple):
    """All of it."""

    ledger: Ledger
    town: Town
    wish: Wish
    jumps: Jumps
    pots: Pots
    told: Told
    scratch: Scratch
    walk: Walk


@compile_bare
def _find_place(key: int, keys: Array) -> int:
    """Return where the key stands in the hash table, or where it would."""
    mask = len(keys) - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    place = np.int64(mixed >> np.uint64(32)) & mask
    while keys[place] >= 0 and keys[place] != key:
        place = (place + 1) & mask
    return int(place)


@compile_bare
def find_pot(owner: int, pool: int, run: Run) -> int:
    """Return the number of the pot, -1 where there is none."""
    key = owner * (run.town.pools + 1) + pool
    place = _find_place(key, run.pots.keys)
    return int(run.pots.places[place]) if run.pots.keys[place] == key else -1


@compile_bare
def enter_pots(pots: Pots, pools: int) -> None:
    """Enter all pots into an empty hash table."""
    for pot in range(pots.used[0]):
        key = int(pots.owner[pot]) * (pools + 1) + int(pots.pool[pot])
        place = _find_place(key, pots.keys)
        pots.keys[place], pots.places[place] = key, pot


@compile_bare
def _look_up(owner: int, pool: int, edge: int, run: Run) -> float:
    """Return what an address held of a pool before the row `edge`, by its statement; never below zero."""
    ledger, town = run.ledger, run.town
    entry, end = ledger.statement_ends[owner], ledger.statement_ends[owner + 1]
    total = 0.0
    while entry < end:
        asset = ledger.statement_asset[entry]
        after = entry + np.searchsorted(ledger.statement_asset[entry:end], asset, "right")
        if town.pool[asset] == pool:
            place = entry + np.searchsorted(ledger.statement_row[entry:after], edge)
            if place > entry:
                total += ledger.statement_balance[place - 1] * town.scale[asset]
        entry = after
    return max(total, 0.0)


@compile_bare
def add_pot(owner: int, pool: int, run: Run) -> int:
    """Add an empty pot; what rests as far away as was asked is in one pot per owner, of the pool after the last."""
    pots = run.pots
    pot = int(pots.used[0])
    pots.used[0] += 1
    key = owner * (run.town.pools + 1) + pool
    place = _find_place(key, pots.keys)
    pots.keys[place], pots.places[place] = key, pot
    pots.balance[pot], pots.weight[pot] = 0.0, 0.0
    pots.owner[pot], pots.pool[pot] = owner, pool
    pots.head[pot] = pots.tail[pot] = -1
    return pot


@compile_bare
def open_pot(owner: int, pool: int, span: tuple[int, int], run: Run) -> int:
    """Open the pot of an owner with the balance before the transaction whose rows are `span`, both included."""
    pot = add_pot(owner, pool, run)
    # Backward, the later rows have been undone already: what is left is what there was after this transaction.
    balance = _look_up(owner, pool, span[0] if run.wish.is_forward else span[1] + 1, run)
    run.pots.balance[pot] = balance
    if run.wish.method == FIFO and balance > 0:
        _append_part(run.pots, pot, balance, 0.0)
    return pot


@compile_bare
def _append_part(pots: Pots, pot: int, amount: float, weight: float) -> None:
    part = pots.used[1]
    pots.used[1] += 1
    pots.part_amount[part], pots.part_weight[part], pots.part_next[part] = amount, weight, -1
    if pots.tail[pot] >= 0:
        pots.part_next[pots.tail[pot]] = part
    else:
        pots.head[pot] = part
    pots.tail[pot] = part


@compile_bare
def put(pots: Pots, pot: int, amount: float, weight: float, method: int) -> None:
    """Add to a pot."""
    pots.balance[pot] += amount
    pots.weight[pot] += weight
    if method == FIFO and amount > 0:
        _append_part(pots, pot, amount, weight)


@compile_bare
def take(pots: Pots, pot: int, amount: float, usd: float, method: int) -> float:
    """Take an amount out of a pot and return the weight that goes with it.

    Haircut: in proportion. FIFO: of what came first. Poison: the whole value of the payment, for ever after. What is
    taken beyond the balance was never seen coming in, and carries nothing.
    """
    if method == POISON:
        return usd if pots.weight[pot] > 0 and usd == usd else 0.0
    if method == FIFO:
        weight = _take_parts(pots, pot, amount)
    else:
        held = pots.balance[pot]
        weight = pots.weight[pot] if amount >= held else pots.weight[pot] * (amount / held)
    pots.balance[pot] = max(pots.balance[pot] - amount, 0.0)
    pots.weight[pot] = max(pots.weight[pot] - weight, 0.0)
    return float(weight)


@compile_bare
def _take_parts(pots: Pots, pot: int, amount: float) -> float:
    weight, left = float(0), amount
    while left > 0 and pots.head[pot] >= 0:
        part = pots.head[pot]
        if pots.part_amount[part] > left:
            share = pots.part_weight[part] * (left / pots.part_amount[part])
            pots.part_amount[part] -= left
            pots.part_weight[part] -= share
            return float(weight + share)
        weight += pots.part_weight[part]
        left -= pots.part_amount[part]
        pots.head[pot] = pots.part_next[part]
    if pots.head[pot] < 0:
        pots.tail[pot] = -1
    return weight
