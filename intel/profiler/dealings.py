"""With whom does the subject deal in one token, or newly, and what remains of it net?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import pyarrow as pa

from intel.errors import UsageError
from intel.model import SYSTEM_ADDRESSES, Subject
from intel.profiler.counterparties import By, group_parties
from intel.profiler.coverage import last_seen_by_chain
from intel.profiler.postings import ALWAYS, FEE, Window, cap_sum, fill_owners, gather_flows
from intel.profiler.transfers import find_assets
from intel.store.reader import Reader

DealingSort = Literal["turnover", "in", "out", "net", "transfers", "first_time", "last_time", "name"]

_SORTS: Mapping[str, str] = {
    "turnover": "g.in_micro_usd::hugeint + g.out_micro_usd",
    "in": "g.in_micro_usd",
    "out": "g.out_micro_usd",
    "net": "g.in_micro_usd::hugeint - g.out_micro_usd",
    "transfers": "g.transfers",
    "first_time": "g.first_time",
    "last_time": "g.last_time",
    "name": "lower(coalesce(g.name, s.name, a.address))",
}


def tabulate_dealings(
    reader: Reader,
    subject: Subject,
    window: Window = ALWAYS,
    *,
    by: By = "entity",
    token: str | None = None,
    only_new: bool = False,
    sort: DealingSort = "turnover",
    descending: bool = True,
    limit: int | None = None,
) -> pa.Table:
    """Return the counterparties in one token (contract, symbol or `native`; None: all), those of `only_new`, or all.

    Columns: who, name, entity_id, category, status (`private` for a private claim), in_usd, out_usd, net_usd (in less
    out), transfers, transfers_in, transfers_out, unpriced, first_time, last_time (inside the window), is_new (no
    dealing before the window, whichever token and address of theirs; null for a window without a start), is_venue (a
    contract by way of which it swapped), addresses, address, chain. Spam, fees and moves between members are left out.
    Raises UsageError for `only_new` without a start, UnknownSubject for a token that is none.
    """
    if only_new and window.since is None:
        raise UsageError("what is new has no start", "give the period in which they are new: --since")
    if sort not in _SORTS:
        raise UsageError(f"counterparties cannot be sorted by {sort!r}", f"sort by {', '.join(_SORTS)}")
    gather_flows(reader, subject, window)
    flows = "flows"
    if token is not None:
        _fill_token_flows(reader, token)
        flows = "flows_of_token"
    known = _fill_known(reader, subject, window)
    # No other row has the same first address: it is a total order.
    order = f"g.is_venue, {_SORTS[sort]} {'desc' if descending else 'asc'}, g.first_id"
    return reader.arrow(
        f"""select coalesce(g.name, s.name, case when g.addresses = 1 then a.address end, g.entity_id) as who,
            coalesce(g.name, s.name) as name, g.entity_id, g.category,
            case when g.visibility = 'private' then 'private' when g.name is null and s.name is not null then 'system'
                else g.status end as status,
            g.in_micro_usd / 1e6 as in_usd, g.out_micro_usd / 1e6 as out_usd,
            (g.in_micro_usd::hugeint - g.out_micro_usd)::double / 1e6 as net_usd, g.transfers, g.transfers_in,
            g.transfers_out, g.unpriced, g.first_time, g.last_time, g.is_new, g.is_venue, g.addresses,
            case when g.addresses = 1 then a.address end as address, case when g.addresses = 1 then a.chain end as chain
        from (select *, {known} as is_new from ({group_parties(flows, by)})) g
        left join facts.addresses a on a.address_id = g.first_id
        left join (select unnest($system) as address, unnest($names) as name) s on s.address = a.address
        where g.is_new or not $only_new
        order by {order} limit $limit""",
        {
            "limit": 2**62 if limit is None else limit,
            "system": list(SYSTEM_ADDRESSES),
            "names": list(SYSTEM_ADDRESSES.values()),
            "only_new": only_new,
        },
    )


def tabulate_new(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, days: int, by: By = "entity", limit: int | None = None
) -> pa.Table:
    """Return with whom the subject dealt for the first time in the last `days` of the window, or of what was seen."""
    ends = [max(last_seen_by_chain(reader).values(), default=None), window.until]
    end = min((one for one in ends if one is not None), default=None)
    if end is None:  # nothing was ever seen
        return tabulate_dealings(reader, subject, window, by=by, limit=0)
    last = Window(end - timedelta(days=days), window.until)
    return tabulate_dealings(reader, subject, last, by=by, only_new=True, limit=limit)


def _fill_token_flows(reader: Reader, token: str) -> None:
    """Fill `flows_of_token`, like `flows`, of the moves in one token; `swapped` and `owners` are those of all."""
    find_assets(reader, token)
    incoming = "coalesce(sum(p.value_micro_usd) filter (p.direction > 0), 0)"
    outgoing = "coalesce(sum(p.value_micro_usd) filter (p.direction < 0), 0)"
    reader.query(
        f"""create or replace temp table flows_of_token as
        select p.counterparty_id,
            p.asset_id in (select asset_id from spam_assets)
                or p.transfer_id in (select transfer_id from spam_transfers) as is_spam,
            coalesce(p.counterparty_id in (select address_id from members), false) as is_internal,
            count(*) filter (p.direction > 0) as transfers_in, count(*) filter (p.direction < 0) as transfers_out,
            {cap_sum(incoming)} as in_micro_usd, {cap_sum(outgoing)} as out_micro_usd,
            count(*) - count(p.value_micro_usd) as unpriced, min(p.block_time) as first_time,
            max(p.block_time) as last_time,
            s.tx_tag is not null and p.counterparty_id in (select counterparty_id from flows where is_venue)
                as is_venue, p.kind_code = {FEE} as is_fee
        from moves p left join swapped s on s.block_time = p.block_time and s.tx_tag = p.tx_tag
        where p.asset_id in (select asset_id from wanted_assets)
        group by p.counterparty_id, is_spam, is_internal, is_venue, is_fee"""
    )


def _fill_known(reader: Reader, subject: Subject, window: Window) -> str:
    """Fill `known_ids` and `known_owners` with whom it dealt before the window; return SQL that says who is new."""
    if window.since is None:
        return "null::boolean"
    key = (subject.address_ids, subject.tier, window.since)

    def fill() -> None:
        reader.query(
            f"""create or replace temp table known_ids as
            select distinct counterparty_id as address_id from all_moves
            where block_time < $since and kind_code <> {FEE}
                and counterparty_id is not null and asset_id not in (select asset_id from spam_assets)""",
            {"since": window.since},
        )
        fill_owners(reader, "select address_id from known_ids", subject.tier, table="known_owners")

    reader.prepare("known_ids", key, fill)
    return """coalesce(entity_id not in (select entity_id from known_owners where entity_id is not null), true)
                and (entity_id is not null or first_id not in (select address_id from known_ids))"""
