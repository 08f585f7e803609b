"""Who gathers from several wallets exactly what an airdrop gave to each of them?

Reads: clean_transfers, plain_wallets, first_fundings, known_deposits, facts.address_stats, beliefs.listings.
Requires: tokens, initiators (each wallet signed what it passed on).
Returns: same_controller, collector -> wallet. An airdrop: one token, source and amount, `min_recipients` wallets or
    more, half of them within two blocks of the one before. A collector: a wallet of few sources that got exactly that
    amount from `min_gathered` recipients or more; a recipient counts that passed on two different airdrops to it, or
    whose first coins the collector paid.
Fails when: somebody buys airdrops from strangers whom he paid the fee for.
Source: Victor, Financial Cryptography 2020, with the condition of two airdrops or first coins against buyers: since
    2023 rewards are sold over the counter.
Cost: two passes over the token transfers for the airdrops, one over what their recipients sent (semi-join).
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with large as (
    select t.sender_id as giver_id, t.asset_id, t.value_raw
    from clean_transfers t
    where t.kind = 'erc20' and t.value_raw is not null
    group by t.sender_id, t.asset_id, t.value_raw
    having count(*) >= $min_recipients
),
drops as (
    select t.sender_id as giver_id, t.asset_id, t.value_raw, t.receiver_id, min(t.transfer_id) as transfer_id,
        min(t.block_number) as block_number
    from clean_transfers t
    join large g on g.giver_id = t.sender_id and g.asset_id = t.asset_id and g.value_raw = t.value_raw
    where t.kind = 'erc20'
    group by t.sender_id, t.asset_id, t.value_raw, t.receiver_id
),
gaps as (
    select
        d.giver_id, d.asset_id, d.value_raw,
        d.block_number - lag(d.block_number) over (
            partition by d.giver_id, d.asset_id, d.value_raw order by d.block_number, d.transfer_id
        ) as gap
    from drops d
),
airdrops as (
    select giver_id, asset_id, value_raw
    from gaps
    group by giver_id, asset_id, value_raw
    having count(*) >= $min_recipients and 2 * count(case when gap <= 2 then 1 end) >= count(gap)
),
received as (
    select d.*
    from drops d
    join airdrops a on a.giver_id = d.giver_id and a.asset_id = d.asset_id and a.value_raw = d.value_raw
    join plain_wallets w on w.address_id = d.receiver_id
),
passed as (
    select
        r.receiver_id as address_id, t.receiver_id as collector_id, r.asset_id, r.giver_id,
        min(t.transfer_id) as transfer_id
    from received r
    join clean_transfers t on t.sender_id = r.receiver_id and t.asset_id = r.asset_id and t.value_raw = r.value_raw
    join plain_wallets c on c.address_id = t.receiver_id
    where t.transfer_id > r.transfer_id
        and t.initiator_id = t.sender_id
        and t.receiver_id <> r.giver_id
        and t.receiver_id <> t.sender_id
        and not exists (select 1 from known_deposits k where k.address_id = t.sender_id)
        and not exists (select 1 from known_deposits k where k.address_id = t.receiver_id)
    group by r.receiver_id, t.receiver_id, r.asset_id, r.giver_id
),
gathered as (
    select p.collector_id, count(distinct p.address_id) as wallets
    from passed p
    group by p.collector_id
),
proven as (
    select
        p.collector_id, p.address_id, count(distinct p.asset_id) as airdrops, max(p.transfer_id) as transfer_id,
        max(case when f.funder_id is null then 0 else 1 end) as is_funded
    from passed p
    left join first_fundings f on f.address_id = p.address_id and f.funder_id = p.collector_id
    group by p.collector_id, p.address_id
)
select
    p.collector_id as left_id, p.address_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'airdrop ' || a.chain || ':' || a.address as event,
    cast($weight_bits as double) as weight_bits, p.airdrops as support, [t.tx_hash] as tx_hashes,
    t.block_number as first_block, t.block_number as last_block, t.block_time as valid_from,
    cast(null as timestamp) as valid_to, 'public' as visibility,
    'Passed on exactly what it got from ' || case when p.airdrops = 1 then 'an airdrop' else cast(p.airdrops as varchar)
        || ' airdrops' end || ' to the other, which gathers from ' || cast(g.wallets as varchar) || ' such wallets'
        || case when p.is_funded = 1 then ' and paid the first coins of this one' else '' end as reason
from proven p
join gathered g on g.collector_id = p.collector_id
join facts.transfers t on t.transfer_id = p.transfer_id
join facts.addresses a on a.address_id = p.address_id
join facts.address_stats s on s.address_id = p.collector_id
where g.wallets >= $min_gathered
    and s.counterparties_in <= $max_sources
    and (p.airdrops >= 2 or p.is_funded = 1)
    and not exists (select 1 from beliefs.listings l where l.address_id = p.collector_id)
    and not exists (select 1 from beliefs.listings l where l.address_id = p.address_id)
"""

HEURISTIC = Heuristic(
    name="airdrop_collector",
    version=1,
    family="FLOW",
    relations=("same_controller",),
    requires=("tokens", "initiators"),
    params={"min_recipients": 100, "min_gathered": 2, "max_sources": 50, "weight_bits": 6.0},
    sql=_SQL,
    title="Gathers what an airdrop gave to several wallets",
    consent="both signed",
    is_tree=True,
)
