"""Which fresh addresses were paid their first coins by one hand within days, and then did the same rare things?

Reads: first_fundings, plain_wallets, beliefs.services, facts.transactions, facts.addresses.
Requires: transfers, transactions. Without the whole history a "first" funding may not be the first, and an old wallet
    looks fresh: then the weight is capped at `partial_weight_bits`.
Returns: coordinated, funder -> each address of the group (a star). Never one controller: who runs the group is not
    known. A group has `min_group` addresses or more, funded with pauses of at most `max_pause_seconds`; `min_share`
    of all funded in that run did `min_actions` or more of the group's common calls (contract and method) within
    `max_seconds` of its funding. Bits: rarity of the common calls among all plain wallets, up to `weight_bits`.
Fails when: an unlabelled exchange pays out to new customers of one campaign; an employer onboards a class of people;
    a farmer funds each wallet from an exchange, or in a chain.
Source: Arbitrum Foundation and Hop (groups of ten and more), LayerZero (rarity of common actions); SCIENCE.md A17.
Cost: windows over first fundings, one pass over the transactions of the funded, one over those of plain wallets.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

# Whoever funds many is typed as a funder or a hub: that alone does not make him a service here.
_SQL = """
with funded as (
    select f.*, lag(f.block_time) over (partition by f.funder_id order by f.transfer_id) as before_time
    from first_fundings f
    join plain_wallets w on w.address_id = f.address_id
    join facts.addresses a on a.address_id = f.funder_id
    where not exists (
        select 1 from beliefs.services v
        where v.address_id = f.funder_id and v.kind not in ('funder', 'hub', 'multisender')
    ) and coalesce(a.is_contract, false) = false
),
runs as (
    select
        f.*, sum(case when f.before_time is null
            or date_diff('second', f.before_time, f.block_time) > $max_pause_seconds then 1 else 0 end) over (
            partition by f.funder_id order by f.transfer_id rows between unbounded preceding and current row
        ) as run
    from funded f
),
sized as (
    select r.*, count(*) over (partition by r.funder_id, r.run) as funded_in_run from runs r
),
fresh as (
    select s.* from sized s where s.funded_in_run >= $min_group
),
calls as (
    select distinct f.funder_id, f.run, f.address_id, x.receiver_id as contract_id, x.method_id
    from fresh f
    join facts.transactions x on x.sender_id = f.address_id
    where x.method_id is not null and x.receiver_id is not null
        and date_diff('second', f.block_time, x.block_time) <= $max_seconds
),
common as (
    select c.funder_id, c.run, c.contract_id, c.method_id, count(*) as callers
    from calls c
    group by c.funder_id, c.run, c.contract_id, c.method_id
    having count(*) >= $min_group
),
population as (
    select w.chain, count(distinct x.sender_id) as callers
    from facts.transactions x
    join plain_wallets w on w.address_id = x.sender_id
    group by w.chain
),
rarity as (
    select
        k.contract_id, k.method_id,
        cast(round(log2(
            cast(max(p.callers) as double) / cast(count(distinct x.sender_id) as double)
        ), 3) as decimal(9, 3)) as bits
    from (select distinct contract_id, method_id from common) k
    join facts.transactions x on x.receiver_id = k.contract_id and x.method_id = k.method_id
    join plain_wallets w on w.address_id = x.sender_id
    join population p on p.chain = w.chain
    group by k.contract_id, k.method_id
),
members as (
    select
        c.funder_id, c.run, c.address_id, count(*) as actions, sum(r.bits) as bits
    from calls c
    join common k on k.funder_id = c.funder_id and k.run = c.run and k.contract_id = c.contract_id
        and k.method_id = c.method_id
    join rarity r on r.contract_id = c.contract_id and r.method_id = c.method_id
    group by c.funder_id, c.run, c.address_id
    having count(*) >= $min_actions
),
found as (
    select
        m.*, f.funded_in_run, f.tx_hash, f.block_number, f.block_time, a.chain, a.address,
        count(*) over (partition by m.funder_id, m.run) as size
    from members m
    join fresh f on f.address_id = m.address_id
    join facts.addresses a on a.address_id = m.funder_id
)
select
    n.funder_id as left_id, n.address_id as right_id, cast(null as varchar) as right_entity,
    'coordinated' as relation, 'group ' || n.chain || ':' || n.address || ' ' || cast(n.run as varchar) as event,
    least(cast(n.bits as double), case when h.chain is null then cast($partial_weight_bits as double)
        else cast($weight_bits as double) end) as weight_bits,
    n.size as support, [n.tx_hash] as tx_hashes, n.block_number as first_block,
    n.block_number as last_block, n.block_time as valid_from, cast(null as timestamp) as valid_to,
    'public' as visibility,
    'One of ' || cast(n.size as varchar) || ' fresh addresses whose first coins came from one address within days; '
        || cast(n.actions as varchar) || ' of its calls are those of the whole group'
        || case when h.chain is null then ' (partial history)' else '' end as reason
from found n
left join whole_chains h on h.chain = n.chain
where n.size >= $min_group and cast(n.size as double) >= $min_share * cast(n.funded_in_run as double)
    and cast(n.bits as double) >= $min_bits
"""

HEURISTIC = Heuristic(
    name="sybil_group",
    version=1,
    family="FUND",
    relations=("coordinated",),
    requires=("transfers", "transactions"),
    params={
        "min_group": 10,
        "max_pause_seconds": 259_200,
        "max_seconds": 5_184_000,
        "min_actions": 2,
        "min_share": 0.8,
        "min_bits": 1.0,
        "weight_bits": 4.0,
        "partial_weight_bits": 2.0,
    },
    sql=_SQL,
    title="Funded by one hand within days, and doing the same",
    is_tree=True,
)
