"""Which addresses only ever pass on what they receive, soon and in full, to one exchange?

Reads: deposit_candidates, deposit_moves, deposit_fees, exchange_wallets, facts.assets.
Requires: transfers, exchange_wallets. "Only" counts fully where coverage proves the whole history of the chain
    (native and token transfers), else the weight is capped at `partial_weight_bits`.
Returns: deposit_of, address -> exchange, one row per address with two sweeps or more. A sweep is a send to the
    exchange together with what the address received of that asset since the sweep before.
Fails when: somebody's own wallet always cashes out at one exchange, in full and on the same day; a sub-broker
    forwards for its own customers (the labelled, outer exchange is named); an exchange wallet is labelled wrongly.
    A sweeper bot has the same shape towards a thief: hence only labelled exchange wallets count as destination.
Source: Dune spellbook `cex_deposit_addresses`, with dwell time and flow-through ratio per asset.
Cost: two passes over the transfers for the inputs (semi-joins), then windows over the candidates' transfers.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with sources as (
    select
        m.address_id, count(distinct m.counterparty_id) as senders,
        count(distinct case when w.entity_id is null or w.entity_id <> c.entity_id then m.counterparty_id end)
            as outsiders
    from deposit_moves m
    join deposit_candidates c on c.address_id = m.address_id
    left join exchange_wallets w on w.address_id = m.counterparty_id
    where m.direction = 'in'
    group by m.address_id
),
numbered as (
    select
        m.*,
        count(case when m.direction = 'out' then 1 end) over (
            partition by m.address_id, m.asset_id order by m.transfer_id
            rows between unbounded preceding and current row
        ) - case when m.direction = 'out' then 1 else 0 end as sweep
    from deposit_moves m
    join sources s on s.address_id = m.address_id
    where s.senders <= $max_senders and s.outsiders > 0 and m.value_raw is not null
),
timed as (
    select
        n.*, max(case when n.direction = 'out' then n.block_time end) over (
            partition by n.address_id, n.asset_id, n.sweep
        ) as out_time
    from numbered n
),
sweeps as (
    select
        address_id, asset_id, sweep,
        sum(case when direction <> 'out' then value_raw end) as in_raw,
        sum(case when direction = 'out' then value_raw end) as out_raw,
        sum(case when direction <> 'out' and date_diff('second', block_time, out_time) < $max_dwell_seconds
            then value_raw end) as fresh_raw
    from timed
    where out_time is not null
    group by address_id, asset_id, sweep
),
fees as (
    select address_id, sum(fee_raw) as fee_raw from deposit_fees group by address_id
),
flows as (
    select
        w.address_id, w.asset_id, count(w.in_raw) as sweeps,
        count(case when 2 * cast(w.fresh_raw as double) > cast(w.in_raw as double) then 1 end) as quick_sweeps,
        cast(sum(w.out_raw) as double) as passed_on, cast(sum(w.in_raw) as double) as received
    from sweeps w
    group by w.address_id, w.asset_id
    having sum(w.in_raw) > 0
),
shares as (
    select
        f.address_id, f.sweeps, f.quick_sweeps,
        (f.passed_on + case when a.token is null then coalesce(cast(p.fee_raw as double), 0.0) else 0.0 end)
            / f.received as share
    from flows f
    join facts.assets a on a.asset_id = f.asset_id
    left join fees p on p.address_id = f.address_id
),
judged as (
    select
        address_id, sum(sweeps) as all_sweeps,
        sum(case when share between $min_share and $max_share then sweeps else 0 end) as full_sweeps,
        sum(case when share between $min_share and $max_share then quick_sweeps else 0 end) as quick_sweeps,
        min(case when share between $min_share and $max_share then share end) as share
    from shares
    group by address_id
),
sends as (
    select
        m.*, row_number() over (partition by m.address_id order by m.transfer_id) as nth
    from deposit_moves m
    where m.direction = 'out'
),
spans as (
    select
        address_id, list_sort(list(distinct tx_hash) filter (where nth <= 20)) as tx_hashes,
        min(block_number) as first_block, max(block_number) as last_block, min(block_time) as first_time
    from sends
    group by address_id
)
select
    c.address_id as left_id, cast(null as bigint) as right_id, c.entity_id as right_entity,
    'deposit_of' as relation, 'deposit ' || c.chain || ':' || c.address as event,
    case when c.is_whole then cast($weight_bits as double) else cast($partial_weight_bits as double) end as weight_bits,
    cast(j.full_sweeps as bigint) as support, p.tx_hashes, p.first_block, p.last_block, p.first_time as valid_from,
    cast(null as timestamp) as valid_to, c.visibility,
    'All ' || cast(c.sends as varchar) || ' sends of this address go to ' || c.name || '; '
        || cast(cast(j.full_sweeps as bigint) as varchar) || ' sweeps pass on '
        || cast(cast(floor(j.share * 100) as bigint) as varchar) || ' % of what came in from '
        || cast(s.senders as varchar) || case when s.senders = 1 then ' sender, ' else ' senders, ' end
        || cast(cast(j.quick_sweeps as bigint) as varchar) || ' of them mostly of what had come within a day'
        || case when c.is_whole then '' else ' (partial history)' end as reason
from judged j
join deposit_candidates c on c.address_id = j.address_id
join sources s on s.address_id = j.address_id
join spans p on p.address_id = j.address_id
where j.full_sweeps >= $min_sweeps and 2 * j.full_sweeps > j.all_sweeps and 2 * j.quick_sweeps > j.full_sweeps
"""

HEURISTIC = Heuristic(
    name="exclusive_deposit",
    version=1,
    family="FLOW",
    relations=("deposit_of",),
    requires=("transfers", "exchange_wallets"),
    params={
        "max_senders": 25,
        "min_sweeps": 2,
        "min_share": 0.98,
        "max_share": 1.02,  # above 1 where an inflow lies before the window or was internal
        "max_dwell_seconds": 86_400,
        "weight_bits": 9.0,
        "partial_weight_bits": 2.0,
    },
    sql=_SQL,
)
