"""What do PnL, balance history and comparisons look like as sheets and charts that a person reads?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

# What each figure of a PnL is called, and what it means, in the order in which they add up.
FIGURES: Mapping[str, tuple[str, str]] = {
    "realized": ("Realised", "Proceeds less basis of what was disposed of, basis known."),
    "income": ("Income", "Airdrops and rewards at their value on arrival."),
    "fees": ("Fees", "What transactions and bridges cost; taken off."),
    "unrealized": ("Unrealised", "Value less cost of what is held, against the start of the period."),
    "total": ("Total", "Realised + income − fees + unrealised; the same by every method."),
    "unknown_basis": ("Unknown basis", "Proceeds of what was never seen coming in: in no sum above."),
    "unpriced": ("Without a price", "What left without a price: it counts at its average cost, so as no gain by that."),
    "received": ("Received", "Came from outside: no gain, it enters at its value."),
    "sent": ("Sent", "Went outside, at its value."),
    "value": ("Value", "What is held with a known cost, at the last price."),
    "cost": ("Cost", "What that had cost."),
}

_TOKEN = pa.schema({
    "symbol": pa.string(), "total_usd": pa.float64(), "realized_usd": pa.float64(), "unrealized_usd": pa.float64(),
    "income_usd": pa.float64(), "fees_usd": pa.float64(), "unknown_basis_usd": pa.float64(),
    "amount": pa.string(), "value_usd": pa.float64(), "cost_usd": pa.float64(), "price_usd": pa.float64(),
    "price_date": pa.date32(), "price_source": pa.string(), "is_stale": pa.bool_(),
    "chain": pa.string(), "token": pa.string(),
})  # fmt: skip
_METHOD = pa.schema({"method": pa.string(), **{f"{name}_usd": pa.float64() for name in FIGURES}})
_LOT = pa.schema({
    "time": pa.timestamp("us"), "class": pa.string(), "symbol": pa.string(), "amount": pa.string(),
    "cost_usd": pa.float64(), "unit_cost_usd": pa.float64(), "tx_hash": pa.string(),
})  # fmt: skip

METHOD_NAMES = {"average": "Average cost", "fifo": "FIFO", "lifo": "LIFO", "hifo": "HIFO"}


def sheet_pnl_tokens(pnl: Mapping[str, Any]) -> pa.Table:
    """Return one row per token of a PnL, the largest gain or loss first; `amount` is what is held at a known cost."""
    rows = [
        {**row, "amount": format(row["amount"], ".12g") if row["amount"] is not None else None,
         "token": row["token"] or ("native" if row["chain"] else None)}
        for row in pnl["by_token"]
    ]  # fmt: skip
    return pa.Table.from_pylist([{name: row.get(name) for name in _TOKEN.names} for row in rows], _TOKEN)


def sheet_methods(pnl: Mapping[str, Any]) -> pa.Table:
    """Return one row per method, so that what the choice of method changes is seen."""
    rows = [{"method": METHOD_NAMES[name], **figures} for name, figures in pnl["by_method"].items()]
    return pa.Table.from_pylist([{name: row.get(name) for name in _METHOD.names} for row in rows], _METHOD)


def measure_spread(pnl: Mapping[str, Any]) -> float:
    """Return how far the realised gains of the four methods lie apart, in USD."""
    told = [figures["realized_usd"] for figures in pnl["by_method"].values()]
    return float(max(told) - min(told))


def sheet_lots(lots: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the lots behind one disposal as a sheet."""
    return pa.Table.from_pylist([dict(lot) for lot in lots], _LOT)


def draw_changes(history: pa.Table) -> pa.Table:
    """Return day, cause, usd of each day that changed: what moved, and what prices did."""
    rows = [
        {"day": row["day"], "cause": cause, "usd": row[name]}
        for row in history.select(["day", "moved_usd", "revalued_usd"]).to_pylist()
        for name, cause in (("moved_usd", "came and went"), ("revalued_usd", "price"))
        if row[name]
    ]
    return pa.Table.from_pylist(rows, pa.schema({"day": pa.date32(), "cause": pa.string(), "usd": pa.float64()}))
