"""How does a PnL look on a terminal?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from intel.render import format_day, format_usd, make_facts, make_section, make_table

_SHOWN = 5  # tokens, the ones with the largest gain or loss
# In the order of what they add up to: total = realized + income - fees + unrealized.
_PARTS = (
    ("total", "total_usd"), ("realised", "realized_usd"), ("income", "income_usd"), ("fees", "fees_usd"),
    ("unrealised", "unrealized_usd"),
)  # fmt: skip


def render_pnl(pnl: Mapping[str, Any] | None) -> Group:
    """Return the short block of a profile: the sums, the tokens that matter most, and what another method would say."""
    if pnl is None:
        return make_section("Profit and loss", None)
    tokens = [row for row in pnl["by_token"] if row["total_usd"] or row["value_usd"]]
    shown = [
        (row["symbol"] or row["token"], *(format_usd(row[key]) for _, key in _PARTS), format_usd(row["value_usd"]),
         format_day(row["price_date"]))
        for row in tokens[:_SHOWN]
    ]  # fmt: skip
    columns = ("token", *(f">{title}" for title, _ in _PARTS), ">value", "price of")
    parts: list[Any] = [make_facts([*((title, format_usd(pnl[key])) for title, key in _PARTS), *_list_rest(pnl)])]
    if shown:
        parts.append(make_table(columns, shown))
    more = f"first {_SHOWN} of {len(tokens):,} tokens" if len(tokens) > _SHOWN else ""
    note = "; ".join(part for part in (f"USD, method {pnl['method']}", more) if part)
    return make_section("Profit and loss", Group(*parts), note)


def _list_rest(pnl: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    realized = [sums["realized_usd"] for sums in pnl["by_method"].values()]
    spread = f"realised {format_usd(min(realized))} to {format_usd(max(realized))}; the total is the same"
    unknown = pnl["unknown_basis_usd"]
    return [
        ("of unknown cost", f"{format_usd(unknown)} went out, in no gain and no loss" if unknown else None),
        ("by other methods", spread if format_usd(min(realized)) != format_usd(max(realized)) else None),
        (
            "rests on",
            f"members {pnl['members']:,} ({pnl['membership_hash']}), tier {pnl['tier']}, build {pnl['build']}",
        ),
    ]
