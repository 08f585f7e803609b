"""What did the subject gain: realised and not, per token and in total, by which method, and resting on what?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from intel.model import MICRO, Subject
from intel.profiler.coverage import last_seen_by_chain
from intel.profiler.gains import CLASS, INCOME, LARGEST_USD, Flow, read_flow
from intel.profiler.lots import (
    ACQUIRE,
    CARRY_IN,
    CARRY_OUT,
    DISPOSE,
    METHODS,
    Matched,
    Method,
    check_method,
    match_lots,
)
from intel.profiler.postings import ALWAYS, Window, select_rows
from intel.store.reader import Reader

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FEE = CLASS["fee"]
DEFAULT: Method = "average"


@dataclass(frozen=True, slots=True)
class Worth:
    """Prices at one moment, per pool: micro-dollars per unit of the pool, NaN where there is none, day, source."""

    micro_usd: Floats
    days: tuple[Any, ...]
    sources: tuple[str | None, ...]
    is_stale: Flags  # older than the day before


def compute_pnl(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, method: Method = DEFAULT
) -> dict[str, Any]:
    """Return the PnL of the window by one method, with the spread of all four (docs/profiler.md defines each number).

    total = realized + income - fees + unrealized = value at the end - value before - received + sent, the same for
    every method. Disposals whose basis nobody saw stand apart in `unknown_basis_usd` and in no sum. What has no price
    counts at its average cost, whatever the method: any other choice would make the total depend on the method.
    `unpriced_usd` is what left so, `stale_usd` what is held at a price older than a day.
    """
    check_method(method)
    flow = read_flow(reader, subject, window)
    since = _to_micros(window.since)
    now = read_worth(reader, flow, window.until)
    # Before everything nothing was held: any price will do.
    ends = (now, now if window.since is None else read_worth(reader, flow, window.since))
    found = {name: match_lots(flow.movements, name) for name in METHODS}
    summed = {name: _sum_up(flow, matched, since, ends, found["average"]) for name, matched in found.items()}
    chosen = summed[method]
    return {
        "method": method,
        **_in_usd(chosen.totals),
        "by_token": _list_tokens(reader, flow, chosen, ends[0]),
        "by_method": {name: _in_usd(item.totals) for name, item in summed.items()},
        "stale_usd": sum(chosen.by_pool["value"][ends[0].is_stale & ~np.isnan(ends[0].micro_usd)].tolist()) / MICRO,
        **_describe_basis(reader, subject, flow, ends[0]),
    }


def _to_micros(moment: datetime | None) -> int:
    return -(2**62) if moment is None else int(moment.replace(tzinfo=UTC).timestamp()) * MICRO


def _in_usd(totals: dict[str, int]) -> dict[str, float]:
    return {f"{name}_usd": value / MICRO for name, value in totals.items()}


@dataclass(frozen=True, slots=True)
class _Sums:
    totals: dict[str, int]  # micro-dollars
    by_pool: dict[str, Ints]
    held: Floats  # units with a known cost at the end


def _sum_up(flow: Flow, matched: Matched, since: int, ends: tuple[Worth, Worth], average: Matched) -> _Sums:
    moved = flow.movements
    count = len(flow.pools)
    inside, kind = flow.time >= since, moved.kind
    out, is_priced, proceeds = settle_disposals(flow, matched, average)
    enters = kind == ACQUIRE
    income = np.isin(flow.class_code, [CLASS[name] for name in INCOME])
    fee = flow.class_code == FEE
    swap = flow.is_swapped
    dealing = swap | fee
    unknown = np.where(is_priced, moved.micro_usd - matched.proceeds, 0)
    parts = {
        "realized": (out & inside, proceeds - matched.basis),
        "transferred_out": (out & inside & ~dealing, proceeds - matched.basis),
        "income": (enters & inside & income & moved.is_priced, matched.basis),
        "fees": (out & inside & fee, proceeds),
        # What was swapped without a known basis brings in a value that was never counted: it was received, once.
        "received": (inside & ((enters & ~income & ~swap) | (out & swap)), np.where(out, unknown, matched.basis)),
        "sent": (out & inside & ~dealing, proceeds),
        "unknown_basis": (out & inside, unknown),
        "unpriced": (out & inside & ~is_priced, proceeds),
    }
    by_pool = {name: _add_by_pool(moved.pool[rows], values[rows], count) for name, (rows, values) in parts.items()}
    now = _value_held(flow, (matched, average), np.ones(len(kind), dtype=np.bool_), ends[0])
    before = _value_held(flow, (matched, average), ~inside, ends[1])
    by_pool |= {
        "value": now[0],
        "cost": now[1],
        "value_before": before[0],
        "unrealized": now[0] - now[1] - before[0] + before[1],
    }
    by_pool["total"] = by_pool["realized"] + by_pool["income"] - by_pool["fees"] + by_pool["unrealized"]
    return _Sums({name: sum(values.tolist()) for name, values in by_pool.items()}, by_pool, now[2])


def settle_disposals(flow: Flow, matched: Matched, average: Matched) -> tuple[Flags, Flags, Ints]:
    """Return per leg: is it a disposal, has it a price, and its proceeds, micro-dollars of what had a known cost.

    Disposals are also what lenders and pools took for good. What has no price counts at its average cost.
    """
    stranded = _find_stranded(flow, matched)
    is_priced = flow.movements.is_priced & ~stranded
    return (flow.movements.kind == DISPOSE) | stranded, is_priced, np.where(is_priced, matched.proceeds, average.basis)


def _find_stranded(flow: Flow, matched: Matched) -> Flags:
    """Return which legs took a cost away that no leg of the same event could take over: it left the subject."""
    moved = flow.movements
    arrives = (moved.kind == CARRY_IN) & ((matched.known_high > 0) | (matched.known_low > 0))
    is_met = np.zeros(int(moved.group.max(initial=-1)) + 1, dtype=np.bool_)
    is_met[moved.group[arrives]] = True
    stranded: Flags = moved.kind == CARRY_OUT
    stranded[stranded] = ~is_met[moved.group[stranded]]
    return stranded


def _add_by_pool(pool: Ints, values: Ints, count: int) -> Ints:
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, pool, values)
    return sums


def _value_held(flow: Flow, found: tuple[Matched, Matched], rows: Flags, worth: Worth) -> tuple[Ints, Ints, Floats]:
    """Value, cost and units of what is held with a known cost after the movements `rows`, by pool.

    `found` is the method and `average`: a pool without a price, or with an absurd one, is worth its average cost.
    """
    matched, average = found
    kind, pool, count = flow.movements.kind, flow.movements.pool, len(flow.pools)
    sign = np.where((kind == ACQUIRE) | (kind == CARRY_IN), 1, -1)
    cost, average_cost = (_add_by_pool(pool[rows], (sign * item.basis)[rows], count) for item in (matched, average))
    units = np.zeros(count)
    # Sums of 18 digits would overflow, sums of their halves do not: exact until they become floats.
    upper, lower = np.divmod(matched.known_low, 10**9)
    for digits, weight in ((matched.known_high, 1e18), (upper, 1e9), (lower, 1.0)):
        units += _add_by_pool(pool[rows], (sign * digits)[rows], count) * weight
    has_price = np.isfinite(worth.micro_usd)
    with np.errstate(over="ignore"):
        worths = np.rint(units * np.where(has_price, worth.micro_usd, 0.0))
    is_told = has_price & (np.abs(worths) < LARGEST_USD)
    value = np.where(is_told, np.where(is_told, worths, 0).astype(np.int64), average_cost)
    return value, cost, units


def read_worth(reader: Reader, flow: Flow, moment: datetime | None) -> Worth:
    """Return the last price of each pool up to `moment` (None: what was last seen); never one of a later day."""
    seen = max(last_seen_by_chain(reader).values(), default=None)
    last = seen if moment is None else moment - timedelta(microseconds=1)
    found = (
        reader.once("last prices", lambda: _read_prices(reader, seen)) if last == seen else _read_prices(reader, last)
    )
    told = [found.get(pool, (np.nan, None, None)) for pool in flow.pools]
    prices = np.array([price for price, _, _ in told], dtype=np.float64)
    is_stale = [last is None or day is None or (last.date() - day).days > 1 for _, day, _ in told]
    return Worth(
        prices,
        tuple(day for _, day, _ in told),
        tuple(source for *_, source in told),
        np.array(is_stale, dtype=np.bool_),
    )


def _read_prices(reader: Reader, last: datetime | None) -> dict[str, tuple[float, Any, str | None]]:
    """Return {pool: (price, day, source)} of every pool that had a price by then: a few hundred at most."""
    rows = reader.query(
        """select k.pool, arg_max(p.usd * 1e6 / pow(10::double, a.decimals) / k.scale::double, (p.date, -p.asset_id)),
            max(p.date), arg_max(p.source, (p.date, -p.asset_id))
        from facts.asset_prices p join asset_pools k using (asset_id) join facts.assets a using (asset_id)
        where p.date <= $last::date and a.decimals is not null group by 1""",
        {"last": last},
    )
    return {str(pool): (float(price), day, source) for pool, price, day, source in rows}


def _list_tokens(reader: Reader, flow: Flow, sums: _Sums, worth: Worth) -> list[dict[str, Any]]:
    """One row per pool that moved, the largest total gain or loss first."""
    named = _name_pools(reader, flow.pools)
    rows = []
    for number, pool in enumerate(flow.pools):
        told = named.get(pool, {"symbol": pool, "chain": None, "token": None, "decimals": 0})
        figures = {f"{name}_usd": int(values[number]) / MICRO for name, values in sums.by_pool.items()}
        rows.append({
            **{name: told[name] for name in ("symbol", "chain", "token")},
            "amount": float(sums.held[number] / 10 ** told["decimals"]),
            "price_usd": None if np.isnan(worth.micro_usd[number])
            else float(worth.micro_usd[number] * 10 ** told["decimals"] / MICRO),
            "price_date": worth.days[number],
            "price_source": worth.sources[number],
            "is_stale": bool(worth.is_stale[number]) if worth.days[number] else None,
            **figures,
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-abs(row["total_usd"]), -row["value_usd"], str(row["symbol"])))


_ALONE = "asset "  # and its id: a pool of one asset


def _name_pools(reader: Reader, pools: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Symbol of each pool, its decimals, and contract and chain where it is one asset only."""
    named = reader.once("shared pools", lambda: _name_shared_pools(reader))
    ids = [int(pool.removeprefix(_ALONE)) for pool in pools if pool.startswith(_ALONE)]
    if not ids:
        return named
    rows = reader.records(
        """select asset_id, symbol, coalesce(decimals, 0) as decimals, chain, token from facts.assets
        where asset_id in (select unnest($ids))""",
        {"ids": ids},
    )
    return named | {f"{_ALONE}{row['asset_id']}": row for row in rows}


def _name_shared_pools(reader: Reader) -> dict[str, dict[str, Any]]:
    """The same of every pool that goes by a symbol."""
    rows = reader.records(
        """select k.pool, k.pool as symbol, max(coalesce(a.decimals, 0)) as decimals,
            case when count(*) = 1 then min(a.chain) end as chain, case when count(*) = 1 then min(a.token) end as token
        from asset_pools k join facts.assets a using (asset_id) where not starts_with(k.pool, $alone) group by 1""",
        {"alone": _ALONE},
    )
    return {row["pool"]: row for row in rows}


def _describe_basis(reader: Reader, subject: Subject, flow: Flow, worth: Worth) -> dict[str, Any]:
    """What the figures rest on: build, members, and how much of what moved has a price."""
    moved = flow.movements
    sources = ", ".join(sorted({source for source in worth.sources if source}))
    return {
        "build": reader.build_id,
        "tier": subject.tier,
        "members": len(subject.address_ids),
        "membership_hash": hash_members(reader, subject),
        "events": int(flow.event_id.max()) + 1 if len(flow.event_id) else 0,
        "priced_share": round(float(moved.is_priced.mean()), 4) if len(moved.is_priced) else None,
        "price_source": f"daily USD prices{' of ' * bool(sources)}{sources}: of the transfer's day, or the one before",
        "too_large": flow.too_large,
    }


def hash_members(reader: Reader, subject: Subject) -> str:
    """Return a digest of who counts as the subject: equal for equal sets of (chain, address), in every build."""
    if subject.address_count == len(subject.addresses) == len(subject.address_ids):
        members = [f"{one.chain}:{one.text}" for one in subject.addresses]
    else:
        named, params = select_rows(subject, "facts.addresses")
        members = [str(row[0]) for row in reader.query(f"select chain || ':' || address from {named}", params)]
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()[:16]
