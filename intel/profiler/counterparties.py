"""With whom does the subject deal, and for how much?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from intel.model import MICRO, Counterparty, Subject
from intel.profiler.postings import ALWAYS, Window, gather_flows
from intel.store.reader import Reader

By = Literal["entity", "address"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the list of counterparties does not hold: transfers between members, spam, and those without another end."""

    internal: int
    spam: int
    without_counterparty: int


_GROUP: dict[By, str] = {
    "entity": "coalesce(o.entity_id, 'id ' || f.counterparty_id)",
    "address": "f.counterparty_id",
}


def tabulate_counterparties(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, by: By = "entity", limit: int | None = None
) -> pa.Table:
    """Return all counterparties as a table, the largest USD turnover first; `limit` None is the whole of it.

    By entity, the addresses of one entity are one row and the others stand alone. Spam and transfers between members
    of the subject are excluded (see `count_left_out`). USD are micro-dollars of the priced transfers.
    """
    gather_flows(reader, subject, window)
    return reader.arrow(
        f"""with grouped as (
            select {_GROUP[by]} as party,
                arg_min(o.entity_id, f.counterparty_id) as entity_id, arg_min(o.name, f.counterparty_id) as name,
                arg_min(o.category, f.counterparty_id) as category, min(coalesce(o.status, 'unknown')) as status,
                min(f.counterparty_id) as first_id, count(distinct f.counterparty_id) as addresses,
                sum(f.in_micro_usd)::bigint as in_micro_usd, sum(f.out_micro_usd)::bigint as out_micro_usd,
                sum(f.transfers_in)::bigint as transfers_in, sum(f.transfers_out)::bigint as transfers_out,
                sum(f.unpriced)::bigint as unpriced, min(f.first_time) as first_time, max(f.last_time) as last_time,
                max(coalesce(o.visibility, 'public') = 'private') as is_private
            from flows f left join owners o on o.address_id = f.counterparty_id
            where not f.is_spam and not f.is_internal and f.counterparty_id is not null
            group by 1
            order by sum(f.in_micro_usd + f.out_micro_usd) desc, sum(f.transfers_in + f.transfers_out) desc, first_id
            limit $limit)
        select g.entity_id, g.name, g.category, case when g.status = 'attributed' then 'attributed'
                when g.entity_id is null then 'unknown' else g.status end as status,
            case when g.addresses = 1 then a.address end as address,
            case when g.addresses = 1 then a.chain end as chain,
            g.addresses, g.in_micro_usd, g.out_micro_usd, g.transfers_in + g.transfers_out as transfers,
            g.transfers_in, g.transfers_out, g.unpriced, g.first_time, g.last_time,
            case when g.is_private then 'private' else 'public' end as visibility
        from grouped g left join facts.addresses a on a.address_id = g.first_id
        order by g.in_micro_usd + g.out_micro_usd desc, transfers desc, g.first_id""",
        {"limit": 2**62 if limit is None else limit},
    )


def rank_counterparties(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, by: By = "entity", limit: int = 50
) -> list[Counterparty]:
    """Return the `limit` counterparties with the largest USD turnover."""
    rows = tabulate_counterparties(reader, subject, window, by=by, limit=limit).to_pylist()
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


def count_left_out(reader: Reader, subject: Subject, window: Window = ALWAYS) -> LeftOut:
    """Return how many transfers the list of counterparties leaves out, each counted once."""
    gather_flows(reader, subject, window)
    row = reader.query(
        """select
            coalesce(sum(transfers_out) filter (is_internal), 0)::bigint,
            coalesce(sum(transfers_in + transfers_out) filter (is_spam and not is_internal), 0)::bigint,
            coalesce(sum(transfers_in + transfers_out) filter (counterparty_id is null and not is_spam), 0)::bigint
        from flows"""
    )[0]
    return LeftOut(int(row[0]), int(row[1]), int(row[2]))
