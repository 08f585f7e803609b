"""Which addresses only ever pass on what they receive, soon and in full, to one exchange?

Reads: deposit_candidates, deposit_moves, deposit_fees, deposit_spans, exchange_wallets.
Requires: transfers, exchange_wallets. "Only" counts fully where coverage proves the whole history of the chain
    (native and token transfers), else the weight is capped at `partial_weight_bits`.
Returns: deposit_of, address -> exchange, one row per address with two full sweeps or more, most of all its
    sweeps. A sweep is a send together with what the address received of that asset since the sweep before.
Fails when: somebody's own wallet always cashes out at one exchange, in full and on the same day; a sub-broker
    forwards for its own customers (the labelled, outer exchange is named); an exchange wallet is labelled wrongly.
    A sweeper bot has the same shape towards a thief: hence only labelled exchange wallets count as destination.
Source: Dune spellbook `cex_deposit_addresses`, with dwell time and the share passed on, sweep by sweep.
Cost: two passes over the transfers for the inputs (semi-joins), then windows over the candidates' transfers.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with sources as (
    select
        m.address_id, count(distinct m.counterparty_id) as senders,
        count(case when coalesce(w.root_id, '') <> c.root_id then 1 end) as from_others, count(*) as payments
    from deposit_moves m
    join deposit_candidates c on c.address_id = m.address_id
    left join exchange_wallets w on w.address_id = m.counterparty_id and w.visibility in ('public', c.visibility)
    where m.direction = 'in'
    group by m.address_id
),
numbered as (
    select
        m.address_id, m.asset_id, m.direction, m.block_time, m.value_raw, f.fee_raw,
        count(case when m.direction = 'out' then 1 end) over (
            partition by m.address_id, m.asset_id order by m.transfer_id
            rows between unbounded preceding and current row
        ) - case when m.direction = 'out' then 1 else 0 end as sweep
    from deposit_moves m
    join sources s on s.address_id = m.address_id
    left join deposit_fees f on f.transfer_id = m.transfer_id and m.direction = 'out'
    where s.senders <= $max_senders and 2 * s.from_others >= s.payments and m.value_raw is not null
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
        t.address_id, t.asset_id, t.sweep,
        cast(sum(case when t.direction <> 'out' then t.value_raw end) as double) as received,
        cast(sum(case when t.direction = 'out' then t.value_raw end) as double)
            + coalesce(cast(sum(t.fee_raw) as double), 0.0) as passed_on,
        cast(sum(case when t.direction <> 'out' and date_diff('second', t.block_time, t.out_time) < $max_dwell_seconds
            then t.value_raw end) as double) as fresh
    from timed t
    where t.out_time is not null
    group by t.address_id, t.asset_id, t.sweep
),
judged as (
    select
        address_id, count(*) as all_sweeps,
        count(case when passed_on between $min_share * received and $max_share * received then 1 end) as full_sweeps,
        count(case when passed_on between $min_share * received and $max_share * received
            and 2 * fresh > received then 1 end) as quick_sweeps
    from sweeps
    group by address_id
),
chosen as (
    select * from judged
    where full_sweeps >= $min_sweeps and 2 * full_sweeps > all_sweeps and 2 * quick_sweeps > full_sweeps
)
select
    c.address_id as left_id, cast(null as bigint) as right_id, c.entity_id as right_entity,
    'deposit_of' as relation, 'deposit ' || c.chain || ':' || c.address as event,
    least(
        case when c.is_whole then cast($weight_bits as double) else cast($partial_weight_bits as double) end,
        c.wallet_bits
    ) as weight_bits,
    j.full_sweeps as support, p.tx_hashes, p.first_block, p.last_block, p.first_time as valid_from,
    cast(null as timestamp) as valid_to, c.visibility,
    'All ' || cast(c.sends as varchar) || ' sends of this address go to ' || c.name || '; '
        || cast(j.full_sweeps as varchar) || ' of ' || cast(j.all_sweeps as varchar)
        || ' sweeps pass on all that had come in, ' || cast(j.quick_sweeps as varchar) || ' within a day; it has '
        || cast(s.senders as varchar) || case when s.senders = 1 then ' sender' else ' senders' end
        || case when c.is_whole then '' else ' (partial history)' end as reason
from chosen j
join deposit_candidates c on c.address_id = j.address_id
join sources s on s.address_id = j.address_id
join deposit_spans p on p.address_id = j.address_id
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
        "max_share": 1.02,  # above 1 where an inflow was internal and not told
        "max_dwell_seconds": 86_400,
        "weight_bits": 9.0,
        "partial_weight_bits": 2.0,
    },
    sql=_SQL,
    title="Passes everything on to one exchange",
    consent="labelled service",
)
