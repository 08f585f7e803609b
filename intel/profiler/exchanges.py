"""Which exchanges does the subject use, how much goes in and comes out, and when?"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from intel.model import MICRO, ExchangeUsage, Subject
from intel.profiler.counterparties import gather_parties
from intel.profiler.postings import ALWAYS, EXCHANGE_CATEGORIES, Window, gather_flows
from intel.store.reader import Reader

Step = Literal["week", "month"]

# What a subject moves within its own exchange is not usage.
_OTHER_EXCHANGE = (
    "o.entity_id is not null and o.category in (select unnest($exchanges)) and o.entity_id is distinct from $own"
)


def list_exchange_usage(reader: Reader, subject: Subject, window: Window = ALWAYS) -> list[ExchangeUsage]:
    """Return what went to each exchange (to its wallets and its deposit addresses) and came back, largest USD first.

    Spam is excluded; USD are those of the priced transfers.
    """
    parties, _ = gather_parties(reader, subject, window, limit=0)
    rows = reader.query(
        f"""select o.entity_id, o.name, o.transfers_out, o.out_micro_usd, o.transfers_in, o.in_micro_usd, o.first_time,
            o.last_time
        from {parties} o where {_OTHER_EXCHANGE}""",
        {"exchanges": list(EXCHANGE_CATEGORIES), "own": subject.entity_id},
    )
    return [
        ExchangeUsage(
            exchange=row[0],
            name=row[1],
            deposits=row[2],
            deposited_usd=row[3] / MICRO,
            withdrawals=row[4],
            withdrawn_usd=row[5] / MICRO,
            first_time=row[6],
            last_time=row[7],
        )
        for row in sorted(rows, key=lambda row: (-(row[3] + row[5]), row[0]))
    ]


def tabulate_usage_over_time(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, step: Step = "month"
) -> pa.Table:
    """Return exchange, name, period (its first day), deposits, deposited_usd, withdrawals, withdrawn_usd."""
    gather_flows(reader, subject, window)
    return reader.arrow(
        f"""with used as (
            select o.address_id, o.entity_id, o.name from owners o where {_OTHER_EXCHANGE}
                and o.address_id not in (select address_id from members))
        select u.entity_id as exchange, min(u.name) as name, date_trunc($step, p.block_time)::date as period,
            count(*) filter (p.direction < 0) as deposits,
            coalesce(sum(p.value_micro_usd) filter (p.direction < 0), 0)::double / 1e6 as deposited_usd,
            count(*) filter (p.direction > 0) as withdrawals,
            coalesce(sum(p.value_micro_usd) filter (p.direction > 0), 0)::double / 1e6 as withdrawn_usd
        from moves p join used u on u.address_id = p.counterparty_id
        where p.asset_id not in (select asset_id from spam_assets)
            and p.transfer_id not in (select transfer_id from spam_transfers)
        group by 1, 3 order by 3, 1""",
        {"exchanges": list(EXCHANGE_CATEGORIES), "own": subject.entity_id, "step": step},
    )
