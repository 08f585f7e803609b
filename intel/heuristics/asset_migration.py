"""Which wallet moved all it had to another at once, and has rested since?

Reads: wallet_flows, clean_transfers, facts.address_assets, facts.address_stats, known_deposits, beliefs.listings.
Requires: transfers, initiators, prices.
Returns: same_controller, old wallet -> new one. Within an hour, `min_assets` different assets or more go to one wallet,
    after which next to nothing is left (in the value it ever had), the old one sends nothing more, and the ledger goes
    on for `min_rest_days`. Weight: `weight_bits` where the new wallet had paid the old one before by its own
    signature, else `one_sided_bits`, which unites nobody: a thief who holds the key empties a wallet in the same way.
    None where more than `max_sources` wallets are moved to one.
Fails when: a wallet is sold with all that is in it.
Source: SCIENCE.md A22.
Cost: one pass over the transfers for each wallet's last send, one over the last hour of the few that fit.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with wide as (
    select f.sender_id, f.receiver_id, f.last_time
    from wallet_flows f
    where f.assets >= $min_assets
        and not exists (select 1 from known_deposits k where k.address_id = f.sender_id)
        and not exists (select 1 from known_deposits k where k.address_id = f.receiver_id)
        and not exists (select 1 from beliefs.listings l where l.address_id = f.sender_id)
        and not exists (select 1 from beliefs.listings l where l.address_id = f.receiver_id)
),
ends as (
    select t.sender_id, max(t.block_time) as last_time
    from clean_transfers t
    where t.sender_id in (select sender_id from wide)
    group by t.sender_id
),
newest as (
    select a.chain, max(s.last_time) as last_time
    from facts.address_stats s
    join facts.addresses a on a.address_id = s.address_id
    group by a.chain
),
rested as (
    select w.sender_id, w.receiver_id, e.last_time, a.chain, a.address
    from wide w
    join ends e on e.sender_id = w.sender_id
    join facts.addresses a on a.address_id = w.sender_id
    join newest n on n.chain = a.chain
    where date_diff('second', w.last_time, e.last_time) <= 3600
        and date_diff('second', e.last_time, n.last_time) >= $min_rest_days * 86400
),
moved as (
    select
        r.sender_id, r.receiver_id, r.chain, r.address, count(distinct t.asset_id) as assets,
        list_sort(list(distinct t.tx_hash)) as tx_hashes, min(t.block_number) as first_block,
        max(t.block_number) as last_block, min(t.block_time) as first_time, min(t.transfer_id) as first_id
    from rested r
    join clean_transfers t on t.sender_id = r.sender_id
    where t.receiver_id = r.receiver_id
        and t.initiator_id = r.sender_id
        and date_diff('second', t.block_time, r.last_time) <= 3600
    group by r.sender_id, r.receiver_id, r.chain, r.address
    having count(distinct t.asset_id) >= $min_assets
),
remains as (
    select
        b.address_id, b.in_micro_usd,
        case when b.out_raw >= b.in_raw then 0 else cast(round(
            cast(b.in_micro_usd as double) * (1.0 - cast(b.out_raw as double) / cast(b.in_raw as double))
        ) as bigint) end as kept
    from facts.address_assets b
    where b.address_id in (select sender_id from moved) and b.in_raw > 0 and b.in_micro_usd is not null
),
left_over as (
    select
        address_id, sum(cast(in_micro_usd as decimal(38, 0))) as had, sum(cast(kept as decimal(38, 0))) as kept
    from remains
    group by address_id
),
emptied as (
    select m.*, count(*) over (partition by m.receiver_id) as sources
    from moved m
    join left_over o on o.address_id = m.sender_id
    where cast(o.kept as double) <= (1.0 - cast($min_share as double)) * cast(o.had as double)
)
select
    e.sender_id as left_id, e.receiver_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'move ' || e.chain || ':' || e.address as event,
    case when r.first_id < e.first_id then cast($weight_bits as double) else cast($one_sided_bits as double) end
        as weight_bits,
    e.assets as support, e.tx_hashes, e.first_block, e.last_block, e.first_time as valid_from,
    cast(null as timestamp) as valid_to, 'public' as visibility,
    'Sent all it had, ' || cast(e.assets as varchar) || ' assets, to the other within an hour and nothing since'
        || case when r.first_id < e.first_id then '; the other had paid it before' else '' end as reason
from emptied e
left join wallet_flows r on r.sender_id = e.receiver_id and r.receiver_id = e.sender_id
where e.sources <= $max_sources
"""

HEURISTIC = Heuristic(
    name="asset_migration",
    version=1,
    family="FLOW",
    relations=("same_controller",),
    requires=("transfers", "initiators", "prices"),
    params={
        "min_assets": 3,
        "min_share": 0.95,
        "min_rest_days": 30,
        "max_sources": 3,
        "weight_bits": 6.0,
        "one_sided_bits": 3.5,
    },
    sql=_SQL,
    title="Moved all it had to another wallet",
    consent="both signed",
)
