"""Which exchanges does the subject use, how much goes in and comes out, and when?"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from intel.model import MICRO, ExchangeUsage, Subject
from intel.profiler.counterparties import gather_parties, read_if_few
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
    parties = gather_parties(reader, subject, window, limit=0)
    rows = read_if_few(reader, subject, window, parties)
    if rows is None:
        rows = reader.records(
            f"select * from {parties[0]} where category in (select unnest($exchanges))",
            {"exchanges": list(EXCHANGE_CATEGORIES)},
        )
    used = [row for row in rows if row["category"] in EXCHANGE_CATEGORIES and row["entity_id"] is not None]
    return [
        ExchangeUsage(
            exchange=row["entity_id"],
            name=row["name"],
            deposits=row["transfers_out"],
            deposited_usd=row["out_micro_usd"] / MICRO,
            withdrawals=row["transfers_in"],
            withdrawn_usd=row["in_micro_usd"] / MICRO,
            first_time=row["first_time"],
            last_time=row["last_time"],
        )
        for row in sorted(used, key=lambda row: (-(row["in_micro_usd"] + row["out_micro_usd"]), row["entity_id"]))
        if row["entity_id"] != subject.entity_id
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
