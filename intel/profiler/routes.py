"""By which payments could money have come from one subject to another: the fewest, or the largest?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np

from intel.errors import UsageError
from intel.profiler.profile import to_plain
from intel.profiler.trace import Question, Source, find_rows_between
from intel.profiler.trace_kernels import FEE, Array
from intel.profiler.trace_report import describe_question, tell_rows
from intel.profiler.trace_town import read_flows, read_places
from intel.store.reader import Reader

FEWEST, WIDEST = 0, 1
AIMS = {"fewest": "With the fewest payments", "widest": "With the largest smallest payment"}
_EVENTS = 1 << 16


@dataclass(frozen=True, slots=True)
class Route:
    """Payments from source to target, none before the one that paid for it: rows of the flow columns.

    `bottleneck_usd` is the smallest payment on the way; one without a price counts as nothing.
    """

    aim: str
    rows: tuple[int, ...]
    bottleneck_usd: float


class _Rows(NamedTuple):
    sender: Array
    receiver: Array
    kind: Array
    usd: Array
    asset: Array


class _Best(NamedTuple):
    """Per address the best way so far: its hops or its bottleneck, and the event that made it; -1: none."""

    hops: Array
    usd: Array
    event: Array
    rows: Array  # per event: the row, and the event before it
    before: Array
    used: Array


def find_routes(reader: Reader, source: Source, target: Source, question: Question | None = None) -> list[Route]:
    """Return the route with the fewest payments and the one with the largest bottleneck; an empty list: there is none.

    Every payment comes after the one before it. No route leads through a named service, a mixer or a hub: what comes
    out of one is not what went in. `max_hops` limits the first route only.
    """
    asked = question or Question()
    flows, places = read_flows(reader), read_places(reader, "confirmed", shows_private=asked.shows_private)
    addresses = len(flows.statement_ends) - 1
    is_open = (places.wall == 0) | np.isin(np.arange(addresses), source.address_ids)
    is_goal = np.zeros(addresses, np.bool_)
    is_goal[list(target.address_ids)] = True
    rows = _Rows(flows.sender, flows.receiver, flows.kind, flows.usd, flows.asset)
    begin, end = find_rows_between(reader, flows, asked.window)
    found = []
    for aim, name in enumerate(AIMS):
        best = _start(source, addresses)
        row = begin
        while row != end:
            row = _search(row, end, rows, best, (aim, asked.max_hops, is_open, places.pool))
            if row != end:
                best = best._replace(**{n: np.concatenate([getattr(best, n)] * 2) for n in ("rows", "before")})
        route = _walk_back(best, flows.usd, is_goal, aim)
        if route:
            found.append(Route(name, *route))
    return found


def _start(source: Source, addresses: int) -> _Best:
    hops, usd = np.full(addresses, 32_000, np.int16), np.full(addresses, -1.0)
    hops[list(source.address_ids)], usd[list(source.address_ids)] = 0, np.inf
    return _Best(
        hops, usd, np.full(addresses, -1, np.int64), np.zeros(_EVENTS, np.int64), np.zeros(_EVENTS, np.int64),
        np.zeros(1, np.int64),
    )  # fmt: skip


@numba.njit(cache=True)
def _search(row: int, end: int, rows: _Rows, best: _Best, wish: Any) -> int:
    """Improve the best ways row by row; return the row to go on with, `end` or where there is no more room."""
    aim, max_hops, is_open, pool = wish
    while row < end:
        payer, payee = rows.sender[row], rows.receiver[row]
        is_reached = payer >= 0 and payee >= 0 and best.usd[payer] >= 0 and is_open[payer]
        if is_reached and rows.kind[row] >= 0 and rows.kind[row] != FEE and pool[rows.asset[row]] >= 0:
            if best.used[0] == len(best.rows):
                return row
            _improve(row, (payer, payee), rows.usd[row], (aim, max_hops), best)
        row += 1
    return row


@numba.njit(cache=True)
def _improve(row: int, ends: Any, usd: float, wish: Any, best: _Best) -> None:
    payer, payee = ends
    aim, max_hops = wish
    hops = best.hops[payer] + 1
    width = min(best.usd[payer], usd if usd == usd else 0.0)
    is_better = (aim == FEWEST and hops < best.hops[payee] and hops <= max_hops) or (
        aim == WIDEST and width > best.usd[payee]
    )
    if is_better:
        place = best.used[0]
        best.used[0] += 1
        best.rows[place], best.before[place] = row, best.event[payer]
        best.event[payee] = place
        best.hops[payee], best.usd[payee] = hops, width


def _walk_back(best: _Best, usd: Array, is_goal: Array, aim: int) -> tuple[tuple[int, ...], float] | None:
    """Return the rows of the best way to any address of the target, and its bottleneck."""
    reached = np.flatnonzero(is_goal & (best.event >= 0))
    if not len(reached):
        return None
    score = best.hops[reached] if aim == FEWEST else -best.usd[reached]
    event = int(best.event[reached[np.argmin(score)]])
    rows = []
    while event >= 0:
        rows.append(int(best.rows[event]))
        event = int(best.before[event])
    width = float(np.nan_to_num(usd[rows]).min())
    return tuple(rows[::-1]), width


def describe_routes(reader: Reader, source: Source, target: Source, asked: Question) -> dict[str, Any]:
    """Return the routes as one plain document, each payment with its transaction; `answer` says it in a sentence.

    Backward, the money came from the target. Raises UsageError for a target that is a transaction.
    """
    for end in (source, target):
        if end.tx_hash is not None:
            raise UsageError(
                f"a route has an address or an entity at each end, not {end.tx_hash}", "name one of its ends"
            )
    ends = (source, target) if asked.direction == "forward" else (target, source)
    routes = find_routes(reader, *ends, asked)
    told = [
        {
            "aim": route.aim, "title": AIMS[route.aim], "bottleneck_usd": route.bottleneck_usd,
            "steps": tell_rows(reader, route.rows, asked),
        }
        for route in routes
    ]  # fmt: skip
    names = f"{ends[0].name} to {ends[1].name}"
    answer = f"Money could have come from {names}" if routes else f"No payments lead from {names} that this store knows"
    plain = to_plain({
        "answer": answer, "routes": told, "question": describe_question(asked), "build": reader.build_id,
        "caveats": (
            "A route is a possibility: it shows that the payments follow each other, not that the same money did.",
            "No route leads through a named service, a mixer or an unlabelled hub.",
        ),
    })  # fmt: skip
    assert isinstance(plain, dict)
    return plain
