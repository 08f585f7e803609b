"""With whom does the subject deal in one token, who is new, and to what is it exposed, as sheets and charts?"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from intel.model import SYSTEM_ADDRESSES, Profile, Subject
from intel.profiler.exposure import SIDES, UNRESOLVED, Exposure, gather_exposed
from intel.profiler.postings import Window
from intel.profiler.sheets import add_up, sheet_counterparties
from intel.store.reader import Reader

_BAR = pa.schema({
    "category": pa.string(), "direction": pa.string(), "how": pa.string(), "usd": pa.float64(), "share": pa.float64(),
})  # fmt: skip
_PART = pa.schema({
    "category": pa.string(), "how": pa.string(), "usd": pa.float64(), "share": pa.float64(), "note": pa.string(),
    "addresses": pa.int64(),
})  # fmt: skip
_COMMON = pa.schema({
    "who": pa.string(), "status": pa.string(), "category": pa.string(), "left_in_usd": pa.float64(),
    "left_out_usd": pa.float64(), "right_in_usd": pa.float64(), "right_out_usd": pa.float64(),
    "entity_id": pa.string(), "address": pa.string(),
})  # fmt: skip


def draw_exposure(found: Mapping[str, Exposure]) -> pa.Table:
    """Return category, direction, how (direct, indirect, unresolved), usd, share: parts of one whole per direction."""
    rows = [
        {
            "category": part["category"],
            "direction": name,
            "how": part["how"],
            "usd": part["usd"],
            "share": part["share"],
        }
        for name, side in found.items()
        for part in sheet_exposure(side).to_pylist()
    ]
    return pa.Table.from_pylist(rows, _BAR)


def sheet_exposure(side: Exposure) -> pa.Table:
    """Return the parts of one direction, which make its whole: category, how, usd, share, note, addresses."""
    rows: list[tuple[str, str, float, str | None, int | None]] = []
    for row in side.rows.to_pylist():
        for how in ("direct", "indirect"):
            if row[f"{how}_usd"]:
                count = row["addresses"] if how == "direct" else None
                rows.append((row["category"], how, row[f"{how}_usd"], None, count))
    rows += [("unresolved", "unresolved", usd, UNRESOLVED[why], None) for why, usd in side.unresolved.items()]
    total = side.total_usd
    told = [
        {"category": category, "how": how, "usd": usd, "share": usd / total if total else None, "note": note,
         "addresses": count}
        for category, how, usd, note, count in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(told, _PART)


def sheet_exposed(reader: Reader, subject: Subject, window: Window, direction: str, category: str | None) -> pa.Table:
    """Return the counterparties behind a part of an exposure (`incoming` or `outgoing`), the largest USD first.

    `category` None means those nobody is known to own: what is indirect and what is unresolved lies behind them.
    """
    gather_exposed(reader, subject, window)
    return reader.arrow(
        """select coalesce(o.name, s.name, a.address, 'nobody: minted, burnt or a reward') as who,
            case when o.visibility = 'private' then 'private' when s.name is not null then 'system'
                else coalesce(o.status, 'unknown') end as status,
            e.micro_usd::double / 1e6 as usd, a.address, a.chain, o.entity_id
        from exposed e left join facts.addresses a using (address_id) left join owners o using (address_id)
            left join (select unnest($system) as address, unnest($names) as name) s on s.address = a.address
        where e.side = $side and e.category is not distinct from $category
        order by e.micro_usd desc, e.address_id nulls last""",
        {
            "side": SIDES[direction],
            "category": category,
            "system": list(SYSTEM_ADDRESSES),
            "names": list(SYSTEM_ADDRESSES.values()),
        },
    )


def draw_sides(over_time: pa.Table) -> pa.Table:
    """Return period, direction (in, out), usd (out below zero) of a table with period, in_usd and out_usd."""
    sums: dict[tuple[object, str], float] = {}
    for row in over_time.select(["period", "in_usd", "out_usd"]).to_pylist():
        for direction, sign in (("in", 1), ("out", -1)):
            key = (row["period"], direction)
            sums[key] = sums.get(key, 0.0) + sign * row[f"{direction}_usd"]
    rows = [{"period": period, "direction": direction, "usd": usd} for (period, direction), usd in sorted(sums.items())]
    return pa.Table.from_pylist(rows, pa.schema({"period": pa.date32(), "direction": pa.string(), "usd": pa.float64()}))


def name_sides(netflows: pa.Table) -> pa.Table:
    """Return netflows with the names that `draw_sides` reads: deposits are in, withdrawals out."""
    return netflows.rename_columns({"deposited_usd": "in_usd", "withdrawn_usd": "out_usd"})


def sheet_common(reader: Reader, left: Subject, right: Subject) -> pa.Table:
    """Return with whom both subjects deal, by entity: the largest common turnover first."""
    sides = [sheet_counterparties(reader, subject).to_pylist() for subject in (left, right)]
    known = [{row["entity_id"] or row["address"]: row for row in side} for side in sides]
    rows = []
    for key in known[0].keys() & known[1].keys() - {None}:
        one, other = known[0][key], known[1][key]
        rows.append({
            **{name: one[name] for name in ("who", "status", "category", "entity_id", "address")},
            "left_in_usd": one["in_usd"], "left_out_usd": one["out_usd"],
            "right_in_usd": other["in_usd"], "right_out_usd": other["out_usd"],
        })  # fmt: skip
    rows.sort(key=lambda row: (-min(row["left_in_usd"] + row["left_out_usd"],
                                    row["right_in_usd"] + row["right_out_usd"]), str(row["who"])))  # fmt: skip
    return pa.Table.from_pylist(rows, _COMMON)


def sheet_side_by_side(left: Profile, right: Profile) -> pa.Table:
    """Return what, left, right: the figures of two profiles as text."""
    sides = [_list_figures(profile) for profile in (left, right)]
    rows = [{"what": what, "left": sides[0][what], "right": sides[1][what]} for what in sides[0]]
    return pa.Table.from_pylist(rows, pa.schema({name: pa.string() for name in ("what", "left", "right")}))


def _say_usd(value: float | None) -> str:
    return "–" if value is None else f"{'−' if value < 0 else ''}${abs(value):,.2f}"


def _list_figures(profile: Profile) -> dict[str, str]:
    entity, activity, pnl = profile.entity, profile.activity, profile.pnl
    value = add_up(profile.holdings)
    return {
        "Category": str((entity or {}).get("category") or "–").replace("_", " "),
        "Addresses": f"{entity['addresses']:,}" if entity else "–",
        "What the amounts are": profile.holdings_title,
        "Value USD": _say_usd(value),
        "PnL USD (average cost)": _say_usd(pnl["total_usd"] if pnl else None),
        "Realised USD": _say_usd(pnl["realized_usd"] if pnl else None),
        "Transfers in": f"{activity['transfers_in']:,}",
        "Transfers out": f"{activity['transfers_out']:,}",
        "Counterparties": f"{activity['counterparties']:,}",
        "Exchanges used": f"{len(profile.exchange_usage):,}",
        "Tokens held": f"{len(profile.holdings):,}",
        "First seen (UTC)": "–" if activity["first_seen"] is None else f"{activity['first_seen']:%Y-%m-%d}",
        "Last seen (UTC)": "–" if activity["last_seen"] is None else f"{activity['last_seen']:%Y-%m-%d}",
    }
