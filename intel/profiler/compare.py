"""What changed in the subject's holdings from one date to another: amounts, or prices?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from intel.errors import UsageError
from intel.model import MICRO, Holding, Subject
from intel.profiler.holdings import list_holdings
from intel.profiler.postings import parse_window
from intel.store.reader import Reader

_CHANGE = pa.schema({
    "symbol": pa.string(), "standing": pa.string(), "amount_a": pa.string(), "amount_b": pa.string(),
    "price_a": pa.float64(), "price_b": pa.float64(), "price_date_a": pa.date32(), "price_date_b": pa.date32(),
    "usd_a": pa.float64(), "usd_b": pa.float64(), "share_a": pa.float64(), "share_b": pa.float64(),
    "change_usd": pa.float64(), "quantity_effect_usd": pa.float64(), "price_effect_usd": pa.float64(),
    "chain": pa.string(), "token": pa.string(), "token_id": pa.string(), "flags": pa.string(),
})  # fmt: skip

# How a token stands in the comparison; only the first two have a part in the sums.
STANDINGS = ("priced", "newly_priced", "unpriced", "oversize", "spam")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holdings at the ends of two days: one row per token, and the sums of the priced ones.

    `totals`: usd_a, usd_b, change_usd = quantity_effect_usd (what came and went, at the later price) +
    price_effect_usd (what was there all along, price against price) + newly_priced_usd (held before, but valued only
    since); and how many tokens are apart: unpriced, oversize, spam.
    """

    date_a: date
    date_b: date
    rows: pa.Table
    totals: dict[str, Any]


def compare_dates(reader: Reader, subject: Subject, date_a: str | date, date_b: str | date) -> Comparison:
    """Compare what the subject held at the end of two days; largest change first, what has no value last.

    A date is read as `parse_window` reads an end: 2024-03 means the end of March. Raises UsageError where the second
    is not after the first.
    """
    ends = [parse_window(until=moment) for moment in (date_a, date_b)]
    if ends[0].until is None or ends[1].until is None or ends[0].until >= ends[1].until:
        raise UsageError(f"{date_b} is not after {date_a}", "give the earlier date first")
    before, after = (_by_token(list_holdings(reader, subject, end, limit=None)) for end in ends)
    sums = (_add_up(before.values()), _add_up(after.values()))
    rows = [_compare(before.get(key), after.get(key), sums) for key in sorted(before.keys() | after.keys(), key=str)]
    rows.sort(key=lambda row: (STANDINGS.index(row["standing"]) // 2, -abs(row["change_usd"] or 0.0)))
    days = [(end.until - timedelta(microseconds=1)).date() for end in ends if end.until]
    return Comparison(days[0], days[1], pa.Table.from_pylist(rows, _CHANGE), _sum_up(rows, sums))


_Key = tuple[str, str | None, str | None]


def _by_token(holdings: Iterable[Holding]) -> dict[_Key, Holding]:
    return {(item.chain, item.token, item.token_id): item for item in holdings}


def _add_up(holdings: Iterable[Holding]) -> float:
    """Return the USD of what counts, summed as whole micro-dollars: the same in any order."""
    values = (item.value_usd for item in holdings if item.value_usd is not None and "spam" not in item.flags)
    return sum(round(value * MICRO) for value in values) / MICRO


def _compare(before: Holding | None, after: Holding | None, sums: tuple[float, float]) -> dict[str, Any]:
    """Return one token's row; a side that holds nothing is a plain zero."""
    known = after or before
    assert known is not None
    usd = [_value(item) for item in (before, after)]
    standing = _stand(known, before, after)
    row: dict[str, Any] = {
        "symbol": known.symbol, "standing": standing, "chain": known.chain, "token": known.token or "native",
        "token_id": known.token_id, "flags": ", ".join(flag.replace("_", " ") for flag in known.flags),
        "usd_a": usd[0], "usd_b": usd[1], "change_usd": None, "quantity_effect_usd": None, "price_effect_usd": None,
    }  # fmt: skip
    for side, item, total in (("a", before, sums[0]), ("b", after, sums[1])):
        value = _value(item)
        row[f"amount_{side}"] = None if item and item.amount is None else format(item.amount or 0, "f") if item else "0"
        row[f"price_{side}"] = _price(item)
        row[f"price_date_{side}"] = item.price_date if item else None
        row[f"share_{side}"] = value / total if value is not None and total and standing in STANDINGS[:2] else None
    if standing == "priced":
        row |= _split_change(before, after)
    elif standing == "newly_priced":
        row["change_usd"] = usd[1]
    return row


def _stand(known: Holding, before: Holding | None, after: Holding | None) -> str:
    for flag in ("spam", "oversize"):
        if flag in known.flags:
            return flag
    if _value(before) is None:
        return "newly_priced" if after is not None and after.value_usd is not None else "unpriced"
    return "unpriced" if _value(after) is None else "priced"


def _value(item: Holding | None) -> float | None:
    return 0.0 if item is None else item.value_usd


def _price(item: Holding | None) -> float | None:
    return item.value_usd / float(item.amount) if item and item.amount and item.value_usd is not None else None


def _split_change(before: Holding | None, after: Holding | None) -> dict[str, float]:
    """Split the change of one token: what was held before gained by price, the rest came or went at the later price.

    Where nothing is left, there is no later price: it went at what it was worth before.
    """
    old, new = _value(before) or 0.0, _value(after) or 0.0
    kept = old
    if before and after and before.amount and after.amount:
        kept = float(before.amount / after.amount) * new
    by_price = round(kept - old, 6)
    return {
        "change_usd": round(new - old, 6),
        "quantity_effect_usd": round(new - old - by_price, 6),
        "price_effect_usd": by_price,
    }


def _sum_up(rows: list[dict[str, Any]], sums: tuple[float, float]) -> dict[str, Any]:
    def add(name: str, standing: str) -> float:
        found: int = sum(round(row[name] * MICRO) for row in rows if row["standing"] == standing)
        return found / MICRO

    return {
        "usd_a": sums[0],
        "usd_b": sums[1],
        "change_usd": round(sums[1] - sums[0], 6),
        "quantity_effect_usd": add("quantity_effect_usd", "priced"),
        "price_effect_usd": add("price_effect_usd", "priced"),
        "newly_priced_usd": add("change_usd", "newly_priced"),
        **{name: sum(row["standing"] == name for row in rows) for name in ("unpriced", "oversize", "spam")},
    }
