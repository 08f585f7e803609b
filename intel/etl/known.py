"""What of the lake was known on a date: labels recorded and blocks mined before it, and nothing later?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from intel.model import Judgement
from intel.store import Connection

_LEDGER = ("transfers", "transactions", "blocks", "edges", "events")

# A claim that was taken back later still stood then.
_LABELS = """
select * replace (case when retracted_at < $until then retracted_at end as retracted_at)
from {table}
where recorded_at < $until
"""

# A run of blocks that goes on after the date ends with the last block that the ledger still shows; of a run whose
# times are not known, or whose blocks before the date the ledger shows none of, nothing is claimed.
_COVERAGE = """
with seen as (
    select chain, max(block_number) as last_block
    from (
        select chain, block_number from known_transfers
        union all select chain, block_number from known_transactions
        union all select chain, block_number from known_blocks
        union all select chain, block_number from known_events
    )
    group by chain
)
select
    c.dataset, c.chain, c.kind, c.source, c.first_block,
    case when c.last_time < $until then c.last_block else s.last_block end as last_block, c.first_time,
    case when c.last_time < $until then c.last_time else $until end as last_time,
    case when c.last_time < $until then c.rows end as rows
from lake_coverage c
left join seen s on s.chain = c.chain
where c.first_time < $until and (c.last_time < $until or s.last_block between c.first_block and c.last_block)
"""


def limit_lake(con: Connection, until: datetime) -> None:
    """Put tables of what was known before `until` (UTC) in place of the lake's views on this connection.

    Ledger rows without a time were not known to be there, so they are left out. Lists of tokens, assets and actors
    carry no date and stay whole; prices end with the day before. The identity ledger ends with what builds recorded
    before `until`.
    """
    for table in _LEDGER:
        con.execute(
            f"create or replace temp table known_{table} as select * from lake_{table} where block_time < $until",
            {"until": until},
        )
    for table, query in {
        "labels": _LABELS.format(table="lake_labels"),
        "private_labels": _LABELS.format(table="lake_private_labels"),
        "coverage": _COVERAGE,
        "identity": "select * from lake_identity where recorded_at < $until",
        "prices": "select * from lake_prices where date < cast($until as date)",
    }.items():
        con.execute(f"create or replace temp table known_{table} as {query}", {"until": until})
    con.execute("alter table lake_private_labels rename to all_private_labels")
    for table in (*_LEDGER, "labels", "private_labels", "coverage", "identity", "prices"):
        con.execute(f"create or replace temp view lake_{table} as select * from known_{table}")


def limit_judgements(judgements: Iterable[Judgement], until: datetime) -> list[Judgement]:
    """Return the judgements made before `until`; one that was taken back later still stood then."""
    return [
        one if one.revoked_at is None or one.revoked_at < until else replace(one, revoked_revision=None)
        for one in judgements
        if one.made_at < until
    ]
