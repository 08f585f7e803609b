"""Which lots did each disposal consume: the trail behind a realised gain?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from intel.errors import BadInput
from intel.model import MICRO, Subject
from intel.profiler.events import CLASSES
from intel.profiler.gains import Flow, read_flow
from intel.profiler.lots import Flags, Ints, Matched, Method, join_quantity, match_lots
from intel.profiler.pnl import DEFAULT, settle_disposals
from intel.profiler.postings import ALWAYS, Window
from intel.store.reader import Reader

AT_MARKET, AT_COST = "market price", "average cost"
_CLASS_NAMES = np.array(list(CLASSES), dtype=object)


def tabulate_disposals(
    reader: Reader,
    subject: Subject,
    window: Window = ALWAYS,
    *,
    method: Method = DEFAULT,
    limit: int | None = None,
) -> pa.Table:
    """Return what was disposed of, newest first: one row per asset and transaction.

    The gains add up to what `compute_pnl` calls realized. Columns: disposal (number for `list_lots`), time, class,
    symbol, chain, token, amount (exact text), value_usd, valued_at (AT_MARKET, or AT_COST where there is no price),
    basis_usd, gain_usd, unknown_amount (how much had no known basis, exact text), unknown_basis_usd (null: no price),
    tx_hash.
    """
    flow, matched, (out, is_priced, proceeds) = _match(reader, subject, window, method)
    moved = flow.movements
    rows = np.flatnonzero(out)
    if window.since is not None:
        since = np.datetime64(window.since, "us").astype(np.int64)
        rows = rows[flow.time[rows] >= since]
    rows = rows[::-1][: None if limit is None else limit]
    priced = is_priced[rows]
    unknown = (moved.micro_usd[rows] - matched.proceeds[rows]) / MICRO
    exact = [join_quantity(high, low) for high, low in zip(moved.high[rows], moved.low[rows], strict=True)]
    known = [join_quantity(*pair) for pair in zip(matched.known_high[rows], matched.known_low[rows], strict=True)]
    facts = _describe_rows(reader, flow, rows)
    return pa.table({
        "disposal": rows,
        "time": pa.array(flow.time[rows], pa.timestamp("us")),
        "class": pa.array(_CLASS_NAMES[flow.class_code[rows]], pa.string()),
        **{name: [fact[name] for fact in facts] for name in ("symbol", "chain", "token")},
        "amount": _write_amounts(exact, facts),
        "value_usd": np.where(priced, moved.micro_usd[rows], proceeds[rows]) / MICRO,
        "valued_at": pa.array([AT_MARKET if one else AT_COST for one in priced.tolist()], pa.string()),
        "basis_usd": matched.basis[rows] / MICRO,
        "gain_usd": (proceeds[rows] - matched.basis[rows]) / MICRO,
        "unknown_amount": _write_amounts([all_ - part for all_, part in zip(exact, known, strict=True)], facts),
        "unknown_basis_usd": pa.array(unknown, mask=~priced),
        "tx_hash": [fact["tx_hash"] for fact in facts],
    })  # fmt: skip


def _match(
    reader: Reader, subject: Subject, window: Window, method: Method
) -> tuple[Flow, Matched, tuple[Flags, Flags, Ints]]:
    flow = read_flow(reader, subject, window)
    average = match_lots(flow.movements, "average")
    matched = average if method == "average" else match_lots(flow.movements, method)
    return flow, matched, settle_disposals(flow, matched, average)


def list_lots(
    reader: Reader, subject: Subject, disposal: int, window: Window = ALWAYS, *, method: Method = DEFAULT
) -> list[dict[str, Any]]:
    """Return the lots behind one disposal, in the order they were consumed; under `average` the pool as it stood.

    Keys: time, class, amount (exact text), cost_usd (null: never known), unit_cost_usd, symbol, tx_hash of what brought
    the lot in. What is missing from the disposal's amount was never seen coming in.
    """
    flow, matched, (out, *_) = _match(reader, subject, window, method)
    if not 0 <= disposal < len(flow.time) or not out[disposal]:
        raise BadInput(f"there is no disposal {disposal}", "take a number of the list of disposals of the same window")
    trail = matched.trail
    used = trail[trail[:, 0] == disposal]
    facts = _describe_rows(reader, flow, used[:, 1])
    lots = []
    for fact, (_, lot, high, low, cost) in zip(facts, used.tolist(), strict=True):
        quantity = join_quantity(high, low)
        units = quantity / 10 ** fact["decimals"]
        lots.append({
            "time": np.datetime64(int(flow.time[lot]), "us").item(),
            "class": str(_CLASS_NAMES[flow.class_code[lot]]),
            "symbol": fact["symbol"],
            "amount": _write_amount(quantity, fact["decimals"]),
            "cost_usd": None if cost < 0 else cost / MICRO,
            "unit_cost_usd": None if cost < 0 or not units else cost / MICRO / units,
            "tx_hash": fact["tx_hash"],
        })  # fmt: skip
    return lots


def _describe_rows(reader: Reader, flow: Flow, rows: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """Symbol, chain, token, decimals of the pool's unit and transaction of each row."""
    reader.load(
        "described_rows",
        pa.table({
            "number": np.arange(len(rows)), "asset_id": flow.asset_id[rows], "transfer_id": flow.first_id[rows],
        }),
    )  # fmt: skip
    return reader.records(
        """select a.symbol, a.chain, a.token, t.tx_hash, w.decimals
        from described_rows d join facts.assets a using (asset_id) join asset_pools k using (asset_id)
        join (select k.pool, max(coalesce(a.decimals, 0)) as decimals
            from asset_pools k join facts.assets a using (asset_id) group by 1) w using (pool)
        left join facts.transfers t on t.transfer_id = d.transfer_id order by d.number"""
    )


def _write_amounts(quantities: list[int], facts: list[dict[str, Any]]) -> list[str]:
    return [_write_amount(quantity, fact["decimals"]) for quantity, fact in zip(quantities, facts, strict=True)]


def _write_amount(quantity: int, decimals: int) -> str:
    """The exact amount in whole tokens, without trailing zeros."""
    whole, part = divmod(quantity, 10**decimals)
    digits = str(part).rjust(decimals, "0").rstrip("0") if decimals else ""
    return f"{whole}.{digits}" if digits else str(whole)
