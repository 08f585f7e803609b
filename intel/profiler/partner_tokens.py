"""With whom does the subject deal in one token, and in which tokens does it deal with one counterparty?"""

from __future__ import annotations

import pyarrow as pa

from intel.model import Subject
from intel.profiler.counterparties import By
from intel.profiler.postings import FEE, Window, gather_flows
from intel.profiler.tokens import Token, gather_token
from intel.store.reader import Reader

_SUMS = """coalesce(sum(p.value_micro_usd) filter (p.direction > 0), 0)::double / 1e6 as in_usd,
        coalesce(sum(p.value_micro_usd) filter (p.direction < 0), 0)::double / 1e6 as out_usd,
        coalesce(sum(p.value_micro_usd * p.direction), 0)::double / 1e6 as net_usd,
        count(*) filter (p.direction > 0) as transfers_in, count(*) filter (p.direction < 0) as transfers_out,
        count(*) - count(p.value_micro_usd) as unpriced,
        min(p.block_time) as first_time, max(p.block_time) as last_time"""
_COUNTED = f"""p.kind_code <> {FEE} and p.counterparty_id is not null
        and p.counterparty_id not in (select address_id from members)
        and p.asset_id not in (select asset_id from spam_assets)
        and p.transfer_id not in (select transfer_id from spam_transfers)"""
_LARGEST_FIRST = "in_usd + out_usd desc, transfers_in + transfers_out desc"


def tabulate_partners_in_token(
    reader: Reader, subject: Subject, token: Token, window: Window, *, by: By = "entity", limit: int | None = None
) -> pa.Table:
    """Return the counterparties in one token, in the columns of `sheet_counterparties`, the largest USD first.

    Legs of swaps count here: what went to a router in this token did go there.
    """
    gather_flows(reader, subject, window)
    gather_token(reader, token)
    owner = "o.entity_id" if by == "entity" else "null"
    return reader.arrow(
        f"""with sums as (
            select {owner} as entity_id, case when {owner} is null then p.counterparty_id end as party_id,
                count(distinct p.counterparty_id) as addresses, min(o.name) as name, min(o.category) as category,
                coalesce(max(o.status), 'unknown') as status, max(o.visibility) as visibility, {_SUMS}
            from moves p left join owners o on o.address_id = p.counterparty_id
            where {_COUNTED} and p.asset_id in (select asset_id from token_assets) group by 1, 2)
        select coalesce({"s.name, s.entity_id, " if by == "entity" else ""}a.address) as who, s.name,
            case when s.visibility = 'private' then 'private' else s.status end as status, s.category, s.in_usd,
            s.out_usd, s.net_usd, s.transfers_in, s.transfers_out, s.unpriced, s.first_time, s.last_time, a.address,
            s.addresses, s.entity_id, a.chain
        from sums s left join facts.addresses a on a.address_id = s.party_id
        order by {_LARGEST_FIRST}, who limit $limit""",
        {"limit": 2**62 if limit is None else limit},
    )


def tabulate_tokens_with_partner(
    reader: Reader, subject: Subject, window: Window, *, entity_id: str | None, address: str | None
) -> pa.Table:
    """Return symbol, sums, chain and token of what moved between the subject and one entity, or one address."""
    gather_flows(reader, subject, window)
    chosen = "o.entity_id = $party" if entity_id is not None else "c.address = $party"
    return reader.arrow(
        f"""select min(a.symbol) as symbol, {_SUMS}, a.chain, coalesce(a.token, 'native') as token
        from moves p left join owners o on o.address_id = p.counterparty_id
            join facts.addresses c on c.address_id = p.counterparty_id join facts.assets a on a.asset_id = p.asset_id
        where {_COUNTED} and {chosen} group by a.chain, a.token
        order by {_LARGEST_FIRST}, a.chain, a.token nulls first""",
        {"party": entity_id or address},
    )
