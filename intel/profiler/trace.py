"""Where did the money go that left a subject, or where did it come from: row by row, to whom, and how sure is that?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from intel.errors import UnknownSubject, UsageError
from intel.model import Subject, Tier
from intel.profiler.postings import ALWAYS, Window
from intel.profiler.subjects import resolve_subject, take_public
from intel.profiler.trace_kernels import (
    FEE,
    FEES,
    FULL,
    MANY_LEGS,
    SMALL,
    SUMS,
    Array,
    Jumps,
    Ledger,
    Pots,
    Run,
    Scratch,
    Told,
    Town,
    Walk,
    Wish,
    enter_pots,
)
from intel.profiler.trace_pass import follow_rows
from intel.profiler.trace_town import Places, find_rows, read_flows, read_jumps, read_places
from intel.profiler.trace_walk import DEARER, walk_rows
from intel.store.flows import Flows
from intel.store.reader import Reader

Rule = Literal["haircut", "fifo", "poison"]
Direction = Literal["forward", "backward"]
RULES: tuple[Rule, ...] = get_args(Rule)

RULE_TEXTS = {
    "haircut": "each payment carries its share of the money followed, as if all that the payer held were mixed",
    "fifo": "what came in first goes out first",
    "poison": "whoever got any of the money passes on nothing else: an upper bound, added up more than once",
}
FARTHEST = 100


@dataclass(frozen=True, slots=True)
class Source:
    """What is followed: the addresses of a subject, or the rows of one transaction (`tx_hash`)."""

    name: str
    kind: Literal["address", "entity", "transaction"]
    address_ids: tuple[int, ...]
    tx_hash: str | None = None
    subject: Subject | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """How it is followed. `min_usd`: what carries less is not followed further, and counts as `small`.

    Without `shows_private` only what is published names anybody, and only who is named so ends the trace.
    """

    rule: Rule = "haircut"
    direction: Direction = "forward"
    max_hops: int = 10
    min_usd: float = 1.0
    tier: Tier = "confirmed"
    window: Window = ALWAYS
    shows_private: bool = True


@dataclass(frozen=True, slots=True)
class Passage:
    """What the pass found, by row of the flow columns.

    `told`: row, weight (USD that left the source), hop (payments from the source, 1 is its own), outcome, in the order
    in which the money moved. `held`: (address_id, weight, hop) where it rests. `small`, `fees`, `on_the_way` (in
    bridges): weight cut off, paid for gas, not yet out. `unpriced`: rows out of the source without a price.
    """

    told: Told
    held: tuple[Array, Array, Array]
    small: float
    fees: float
    on_the_way: float
    unpriced: int


def resolve_source(reader: Reader, text: str, tier: Tier = "confirmed", *, shows_private: bool = True) -> Source:
    """Return what `text` names: a transaction hash, an address or an entity. Raises what `resolve_subject` raises."""
    wanted = text.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]{64}", wanted):
        return Source(wanted.lower(), "transaction", (), wanted.lower())
    subject = resolve_subject(reader, wanted, tier)
    if not shows_private:
        subject = take_public(reader, subject)
    return Source(subject.name, subject.kind, subject.address_ids, None, subject)


def check_question(question: Question) -> None:
    """Raise UsageError for what cannot be asked."""
    if question.rule not in RULES:
        raise UsageError(f"{question.rule!r} is no rule of tracing", f"use {', '.join(RULES)}")
    if question.direction not in get_args(Direction):
        raise UsageError(f"{question.direction!r} is no direction", "use forward or backward")
    if not 1 <= question.max_hops <= FARTHEST:
        raise UsageError(f"{question.max_hops} hops cannot be followed", f"ask for 1 to {FARTHEST}")
    if not question.min_usd >= 0:
        raise UsageError(f"{question.min_usd} is no amount in USD", "--min-usd takes 0 or more")


def follow_money(reader: Reader, source: Source, question: Question) -> Passage:
    """Follow the money of a source; see `trace_money` for the report. Raises UsageError, UnknownSubject."""
    check_question(question)
    flows, places = read_flows(reader), read_places(reader, question.tier, shows_private=question.shows_private)
    span = find_rows_between(reader, flows, question.window)
    only_tx = -1
    if source.tx_hash is not None:
        only_tx = int(flows.tx[_find_transaction(reader, flows, source.tx_hash)])
    return run_pass(flows, places, read_jumps(reader), source, question, span=span, only_tx=only_tx)


def run_pass(
    flows: Flows, places: Places, jumps: tuple[Array, Array], source: Source, question: Question,
    *, span: tuple[int, int] | None = None, only_tx: int = -1, dearer: int = DEARER,
) -> Passage:  # fmt: skip
    """Follow the money over columns: `span` bounds the rows, `only_tx` numbers the transaction that is the source.

    It walks while few are reached, then passes over all rows, and finds the same: a row of the walk is taken to cost as
    much as `dearer` of the pass.
    """
    is_forward = question.direction == "forward"
    ledger = _turn(flows, is_forward=is_forward)
    town = _mark_source(places, source, len(flows.statement_ends) - 1)
    wish = Wish(RULES.index(question.rule), question.max_hops, question.min_usd, is_forward, only_tx, dearer)
    run = _start_run(ledger, town, wish, _turn_jumps(jumps, is_forward=is_forward), source)
    paid = _list_paid(ledger, source)
    row, end = _find_ends(span or (0, len(flows.tx)), ledger, paid, wish)
    while row != end:
        goes_on = not run.walk.used[FULL]
        row = walk_rows(row, end, run) if goes_on else follow_rows(row, end, run)
        run = run if row == end or (goes_on and run.walk.used[FULL]) else _grow(run)
    return _collect(run, _count_unpriced(ledger, town, paid))


def _turn(flows: Flows, *, is_forward: bool) -> Ledger:
    """Return the rows as the pass meets them: backward, who was paid is the payer."""
    sides = (flows.sender, flows.receiver) if is_forward else (flows.receiver, flows.sender)
    return Ledger(
        *sides, flows.asset, flows.amount, flows.usd, flows.kind, flows.tx, flows.statement_ends,
        flows.statement_asset, flows.statement_row, flows.statement_balance,
    )  # fmt: skip


def _turn_jumps(jumps: tuple[Array, Array], *, is_forward: bool) -> Jumps:
    leaves, arrives = jumps if is_forward else jumps[::-1]
    order = np.argsort(leaves, kind="stable")
    leaves, arrives = leaves[order], arrives[order]
    landing = np.argsort(arrives, kind="stable")
    return Jumps(
        leaves, arrives, arrives[landing], landing, np.zeros(len(leaves)), np.zeros(len(leaves), np.int16)
    )  # fmt: skip


def _mark_source(places: Places, source: Source, addresses: int) -> Town:
    is_source = np.zeros(addresses, np.bool_)
    is_source[list(source.address_ids)] = True
    return Town(places.wall, places.is_contract, is_source, places.pool, places.scale, places.pools)


def find_rows_between(reader: Reader, flows: Flows, window: Window) -> tuple[int, int]:
    """Return the rows of the window, first and behind the last; rows and transfers have the same number at its ends."""
    bounds = []
    for moment, other in ((window.since, 0), (window.until, len(flows.tx))):
        if moment is None:
            bounds.append(other)
        else:
            found = reader.query("select min(transfer_id) from facts.transfers where block_time >= $at", {"at": moment})
            bounds.append(len(flows.tx) if found[0][0] is None else int(found[0][0]))
    return bounds[0], bounds[1]


def _find_transaction(reader: Reader, flows: Flows, tx_hash: str) -> int:
    found = reader.query(
        "select transfer_id from facts.transfers where tx_tag = $tag and tx_hash = $hash limit 1",
        {"tag": int(tx_hash[-7:], 16), "hash": tx_hash},
    )
    if not found:
        raise UnknownSubject(
            f"no transfer of the transaction {tx_hash} is in this store", "`intel coverage` says which blocks were seen"
        )
    return int(find_rows(flows.transfer, np.array([found[0][0]]))[0])


def _find_ends(span: tuple[int, int], ledger: Ledger, paid: Array, wish: Wish) -> tuple[int, int]:
    """Return the row to begin with and the one to stop before, in the order of the pass."""
    first, last = span
    if wish.only_tx >= 0:
        paid = np.arange(*np.searchsorted(ledger.tx, np.array([wish.only_tx, wish.only_tx + 1], ledger.tx.dtype)))
    rows = paid[(paid >= first) & (paid < last)]
    if not len(rows):
        return 0, 0
    if wish.is_forward:
        begin = int(rows.min())
        return int(np.searchsorted(ledger.tx, ledger.tx[begin])), last
    begin = int(rows.max())
    return int(np.searchsorted(ledger.tx, ledger.tx[begin], "right")) - 1, first - 1


def _list_paid(ledger: Ledger, source: Source) -> Array:
    """Return the rows that the addresses of the source paid, in no order."""
    ends = ledger.statement_ends
    found = [ledger.statement_row[ends[i] : ends[i + 1]] for i in source.address_ids]
    rows = np.concatenate(found) if found else np.zeros(0, np.int32)
    owners = np.repeat(np.array(source.address_ids, np.int64), [len(part) for part in found])
    paid: Array = rows[ledger.payer[rows] == owners]
    return paid


_BY_POT = ("keys", "places", "balance", "weight", "owner", "pool", "head", "tail")
_BY_PART = ("part_amount", "part_weight", "part_next")
_POTS, _PARTS, _TOLD, _CURSORS = 1 << 11, 1 << 12, 1 << 12, 1 << 16


def _start_run(ledger: Ledger, town: Town, wish: Wish, jumps: Jumps, source: Source) -> Run:
    reach = np.zeros(len(town.wall), np.int8)
    reach[list(source.address_ids)] = wish.max_hops + 1
    pots = Pots(
        np.full(4 * _POTS, -1, np.int64), np.zeros(4 * _POTS, np.int32), np.zeros(_POTS), np.zeros(_POTS),
        np.zeros(_POTS, np.int32), np.zeros(_POTS, np.int32), np.zeros(_POTS, np.int32), np.zeros(_POTS, np.int32),
        np.zeros(_PARTS), np.zeros(_PARTS), np.zeros(_PARTS, np.int32), np.zeros(3, np.int64), reach, np.zeros(SUMS),
    )  # fmt: skip
    told = Told(np.zeros(_TOLD, np.int64), np.zeros(_TOLD), np.zeros(_TOLD, np.int16), np.zeros(_TOLD, np.int8))
    kinds = (np.bool_, np.bool_, np.int8, np.float64, np.float64)
    scratch = Scratch(*(np.zeros(MANY_LEGS, kind) for kind in kinds))
    ids = source.address_ids
    rows, entries, stops = (np.empty(_CURSORS, np.int64) for _ in range(3))
    walk = Walk(rows, entries, stops, np.zeros(_TOLD + len(ids), np.int64), np.array([0, len(ids), 0, 0]))
    walk.joined[: len(ids)] = ids
    return Run(ledger, town, wish, jumps, pots, told, scratch, walk)


def _grow(run: Run) -> Run:
    """Return the same state with twice the room where half of it is taken; everywhere, if it is nowhere."""
    pots, told, walk = run.pots, run.told, run.walk
    taken = (
        2 * pots.used[0] > len(pots.balance),
        2 * pots.used[1] > len(pots.part_next),
        2 * pots.used[2] > len(told.row),
    )
    by_pot, by_part, by_step = taken if any(taken) else (True, True, True)
    if by_pot:
        pots = pots._replace(**{name: _double(getattr(pots, name)) for name in _BY_POT})
        pots.keys[:] = -1
        enter_pots(pots, run.town.pools)
    if by_part:
        pots = pots._replace(**{name: _double(getattr(pots, name)) for name in _BY_PART})
    if by_step:
        told = Told(*map(_double, told))
        walk = walk._replace(joined=_double(walk.joined))
    return run._replace(pots=pots, told=told, walk=walk)


def _double(column: Array) -> Array:
    wider = np.zeros(2 * len(column), column.dtype)
    wider[: len(column)] = column
    return wider


def _collect(run: Run, unpriced: int) -> Passage:
    used = run.pots.used
    told = Told(*(column[: used[2]] for column in run.told))
    weights, owners = run.pots.weight[: used[0]], run.pots.owner[: used[0]]
    ids, places = np.unique(owners, return_inverse=True)
    held = np.bincount(places, weights, len(ids)) if len(ids) else np.zeros(0)
    rests = held > 0
    sums = run.pots.sums
    hops = run.wish.max_hops + 1 - run.pots.reach[ids[rests]]
    return Passage(
        told, (ids[rests], held[rests], hops), float(sums[SMALL]), float(sums[FEES]),
        float(run.jumps.weight.sum()), unpriced,
    )  # fmt: skip


def _count_unpriced(ledger: Ledger, town: Town, paid: Array) -> int:
    """Return how many payments of the source have no price, so that nothing of them was followed."""
    counts = (ledger.kind[paid] >= 0) & (ledger.kind[paid] != FEE) & (town.pool[ledger.asset[paid]] >= 0)
    return int(np.count_nonzero(counts & np.isnan(ledger.usd[paid])))
