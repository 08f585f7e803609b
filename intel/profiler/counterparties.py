"""With whom does the subject deal, and for how much?"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from intel.model import MICRO, Counterparty, Subject
from intel.profiler.postings import ALWAYS, Window, gather_flows
from intel.store.reader import Reader

By = Literal["entity", "address"]


# Without spam, `flows` holds one row per counterparty, so only what has an owner needs grouping.
_DEALINGS = """select f.*, o.entity_id, o.name, o.category, o.status, o.visibility
    from flows f left join owners o on o.address_id = f.counterparty_id
    where not f.is_spam and not f.is_internal and f.counterparty_id is not null"""
_ALONE = """select entity_id, name, category, status, visibility, counterparty_id as first_id, 1 as addresses,
    in_micro_usd, out_micro_usd, transfers_in, transfers_out, unpriced, first_time, last_time from dealings"""
_FOLDED = """select entity_id, min(name), min(category), max(status), min(visibility), min(counterparty_id), count(*),
    sum(in_micro_usd)::bigint, sum(out_micro_usd)::bigint, sum(transfers_in)::bigint, sum(transfers_out)::bigint,
    sum(unpriced)::bigint, min(first_time), max(last_time) from dealings where entity_id is not null group by 1"""
_PARTIES: dict[By, str] = {
    "address": _ALONE,
    "entity": f"{_ALONE} where entity_id is null union all {_FOLDED}",
}
_LARGEST_FIRST = "g.in_micro_usd + g.out_micro_usd desc, g.transfers_in + g.transfers_out desc, g.first_id"


_LARGEST: dict[By, str] = {
    by: f"""with dealings as ({_DEALINGS}),
    parties as ({parties}),
    largest as (select * from parties g order by {_LARGEST_FIRST} limit $limit)
    select g.entity_id, g.name, g.category, coalesce(g.status, 'unknown') as status,
        case when g.addresses = 1 then a.address end as address,
        case when g.addresses = 1 then a.chain end as chain,
        g.addresses, g.in_micro_usd, g.out_micro_usd, g.transfers_in + g.transfers_out as transfers,
        g.transfers_in, g.transfers_out, g.unpriced, g.first_time, g.last_time,
        coalesce(g.visibility, 'public') as visibility
    from largest g left join facts.addresses a on a.address_id = g.first_id
    order by {_LARGEST_FIRST}"""
    for by, parties in _PARTIES.items()
}


def tabulate_counterparties(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, by: By = "entity", limit: int | None = None
) -> pa.Table:
    """Return all counterparties as a table, the largest USD turnover first; `limit` None is the whole of it.

    By entity, the addresses of one entity are one row and the others stand alone. Spam and transfers between members
    of the subject are excluded (`count_moves` counts them). USD are micro-dollars of the priced transfers.
    """
    gather_flows(reader, subject, window)
    return reader.arrow(_LARGEST[by], {"limit": 2**62 if limit is None else limit})


def rank_counterparties(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, by: By = "entity", limit: int = 50
) -> list[Counterparty]:
    """Return the `limit` counterparties with the largest USD turnover."""
    gather_flows(reader, subject, window)
    rows = reader.records(_LARGEST[by], {"limit": limit})
    return [
        Counterparty(
            entity_id=row["entity_id"],
            name=row["name"],
            address=row["address"],
            chain=row["chain"],
            in_usd=row["in_micro_usd"] / MICRO,
            out_usd=row["out_micro_usd"] / MICRO,
            transfers=row["transfers"],
            transfers_in=row["transfers_in"],
            transfers_out=row["transfers_out"],
            category=row["category"],
            status=row["status"],
        )
        for row in rows
    ]
