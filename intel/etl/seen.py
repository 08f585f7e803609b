"""Which blocks were seen of each kind, all sources together?"""

from __future__ import annotations

from intel.store import Connection

SHOWN_RANGES = 20  # a sampled ledger has as many ranges as blocks: an answer names the first ones and counts the rest


def summarise_coverage(con: Connection) -> None:
    """Fill facts.coverage_summary from facts.coverage: ranges of several sources united where they meet or overlap."""
    con.execute(_SUMMARY, {"shown": SHOWN_RANGES})


_SUMMARY = """
insert into facts.coverage_summary
with starts as (
    select *, case when first_block <= 1 + max(last_block) over (
        partition by dataset, chain, kind order by first_block, last_block
        rows between unbounded preceding and 1 preceding) then 0 else 1 end as opens
    from facts.coverage where first_block is not null
),
numbered as (
    select *, sum(opens) over (partition by dataset, chain, kind order by first_block, last_block
        rows between unbounded preceding and current row) as run
    from starts
),
runs as (
    select dataset, chain, kind, run, min(first_block) as first_block, max(last_block) as last_block,
        min(first_time) as first_time, max(last_time) as last_time
    from numbered group by dataset, chain, kind, run
),
told as (
    select dataset, chain, kind, list(distinct source order by source) as sources
    from facts.coverage where first_block is not null group by dataset, chain, kind
)
select r.dataset, r.chain, r.kind, any_value(t.sources), min(r.first_block), max(r.last_block),
    cast(sum(r.last_block - r.first_block + 1) as bigint), count(*) - 1, min(r.first_time), max(r.last_time),
    list([r.first_block, r.last_block] order by r.run) filter (where r.run <= $shown)
from runs r join told t on t.dataset = r.dataset and t.chain = r.chain and t.kind = r.kind
group by r.dataset, r.chain, r.kind order by r.dataset, r.chain, r.kind
"""
