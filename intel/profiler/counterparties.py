"""With whom does the subject deal, and for how much?"""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa

from intel.model import MICRO, SYSTEM_ADDRESSES, Counterparty, Subject
from intel.profiler.large_sums import KEPT_PARTIES, gather_summed_parties, is_summed
from intel.profiler.postings import ALWAYS, Window, add_flows, cap_sum, name_addresses
from intel.store.reader import Reader

By = Literal["entity", "address"]


# One plain grouping: a union of the owned and the ownerless costs less to run and twice as much to plan.
_KEYS: dict[By, str] = {
    "address": "f.counterparty_id",
    "entity": "o.entity_id, case when o.entity_id is null then f.counterparty_id end",
}


def group_parties(flows: str, by: By) -> str:
    """Return SQL of one row per counterparty, out of a temporary table like `flows` and the `owners` beside it."""
    return f"""select min(o.entity_id) as entity_id, min(o.name) as name, min(o.category) as category,
        coalesce(max(o.status), 'unknown') as status, min(f.counterparty_id) as first_id,
        count(distinct f.counterparty_id) as addresses,
        {cap_sum("sum(f.in_micro_usd)")} as in_micro_usd, {cap_sum("sum(f.out_micro_usd)")} as out_micro_usd,
        sum(f.transfers_in + f.transfers_out)::bigint as transfers, sum(f.transfers_in)::bigint as transfers_in,
        sum(f.transfers_out)::bigint as transfers_out, sum(f.unpriced)::bigint as unpriced,
        min(f.first_time) as first_time, max(f.last_time) as last_time,
        coalesce(min(o.visibility), 'public') as visibility, f.is_venue
    from {flows} f left join owners o on o.address_id = f.counterparty_id
    where not f.is_spam and not f.is_internal and not f.is_fee and f.counterparty_id is not null
    group by {_KEYS[by]}, f.is_venue"""


_FEW = 1000
LARGEST_FIRST = "is_venue, in_micro_usd::hugeint + out_micro_usd desc, transfers desc, first_id"


def gather_parties(
    reader: Reader, subject: Subject, window: Window, by: By = "entity", *, limit: int | None = None
) -> tuple[str, int]:
    """Fill a temporary table of the thread with one row per counterparty; return its name and how many there are.

    With `limit` these are at least so many of the largest ones, so many of the largest venues, and every exchange.
    """
    if by == "entity" and limit is not None and limit <= KEPT_PARTIES and is_summed(reader, subject, window):
        return gather_summed_parties(reader, subject)
    add_flows(reader, subject, window)
    name = f"parties_by_{by}"

    def fill() -> int:
        return int(reader.query(f"create or replace temp table {name} as {group_parties('flows', by)}")[0][0])

    return name, reader.recall(name, (subject.address_ids, subject.tier, window), fill)


def read_if_few(
    reader: Reader, subject: Subject, window: Window, parties: tuple[str, int]
) -> list[dict[str, Any]] | None:
    """Return the rows of what `gather_parties` returned, in no order, read once for all; None for very many."""
    name, count = parties
    if count > _FEW:
        return None
    key = (subject.address_ids, subject.tier, window)
    return reader.recall(f"{name} read", key, lambda: reader.records(f"select * from {name}"))


def tabulate_counterparties(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, by: By = "entity", limit: int | None = None
) -> pa.Table:
    """Return all counterparties as a table, the largest USD turnover first; `limit` None is the whole of it.

    By entity, the addresses of one entity are one row and the others stand alone. Contracts by way of which the subject
    swapped, wrapped or lent stand last, as `is_venue`. Spam, fees and transfers between
    members of the subject are excluded (`count_moves` counts them). USD are micro-dollars of the priced transfers.
    """
    parties, _ = gather_parties(reader, subject, window, by, limit=limit)
    return reader.arrow(
        f"""select g.entity_id, coalesce(g.name, s.name) as name, g.category,
            case when g.name is null and s.name is not null then 'system' else g.status end as status,
            case when g.addresses = 1 then a.address end as address,
            case when g.addresses = 1 then a.chain end as chain,
            g.* exclude (entity_id, name, category, status, first_id)
        from (select * from {parties} order by {LARGEST_FIRST} limit $limit) g
        left join facts.addresses a on a.address_id = g.first_id
        left join (select unnest($system) as address, unnest($names) as name) s on s.address = a.address
        order by g.is_venue, g.in_micro_usd::hugeint + g.out_micro_usd desc, g.transfers desc, g.first_id""",
        {
            "limit": 2**62 if limit is None else limit,
            "system": list(SYSTEM_ADDRESSES),
            "names": list(SYSTEM_ADDRESSES.values()),
        },
    )


def rank_counterparties(
    reader: Reader,
    subject: Subject,
    window: Window = ALWAYS,
    *,
    by: By = "entity",
    limit: int = 50,
    venues: bool = False,
) -> list[Counterparty]:
    """Return the `limit` counterparties with the largest USD turnover; with `venues`, what it swapped by way of."""
    parties = gather_parties(reader, subject, window, by, limit=limit)
    rows = read_if_few(reader, subject, window, parties)
    # A few are put in order here: a plan that sorts takes longer to make than all of them to read.
    if rows is not None:
        rows = sorted((row for row in rows if row["is_venue"] == venues), key=_rank_party)[:limit]
    else:
        rows = reader.records(
            f"select * from {parties[0]} where is_venue = $venues order by {LARGEST_FIRST} limit $limit",
            {"limit": limit, "venues": venues},
        )
    named = name_addresses(reader, sorted(row["first_id"] for row in rows if row["addresses"] == 1))
    return [_read_party(row, named) for row in rows]


def _rank_party(row: dict[str, Any]) -> tuple[int, int, int]:
    """Order as `LARGEST_FIRST` does."""
    return -(row["in_micro_usd"] + row["out_micro_usd"]), -row["transfers"], row["first_id"]


def _read_party(row: dict[str, Any], named: dict[int, tuple[str, str]]) -> Counterparty:
    chain, address = named[row["first_id"]] if row["addresses"] == 1 else (None, None)
    system = SYSTEM_ADDRESSES.get(address or "") if row["name"] is None else None
    return Counterparty(
        entity_id=row["entity_id"],
        name=row["name"] or system,
        address=address,
        chain=chain,
        in_usd=row["in_micro_usd"] / MICRO,
        out_usd=row["out_micro_usd"] / MICRO,
        transfers=row["transfers"],
        transfers_in=row["transfers_in"],
        transfers_out=row["transfers_out"],
        category=row["category"],
        status="system" if system else row["status"],
    )
