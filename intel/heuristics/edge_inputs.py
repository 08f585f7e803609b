"""Who deals with whom where a source tells no amounts, one row per key whatever the chain?"""

from __future__ import annotations

# One key has one address on every EVM chain, so dealings of all chains are its own. Its home is where it sent, the
# lowest chain of several: links between keys are said there. Contracts are services, and never become one by text.
EDGE_HOMES = """
with ends as (
    select sender_id as address_id, 1 as sent from facts.edges where sender_id <> receiver_id
    union all
    select receiver_id, 0 from facts.edges where sender_id <> receiver_id
),
seen as (
    select a.address_id, a.chain, a.address, coalesce(a.is_contract, false) as is_contract, max(e.sent) as sent,
        case when a.address like '0x%' and length(a.address) = 42 then a.address
            else a.chain || ':' || a.address end as key
    from ends e
    join facts.addresses a on a.address_id = e.address_id
    group by a.address_id, a.chain, a.address, a.is_contract
),
served as (
    select s.key,
        max(case when v.address_id is not null then 1 else 0 end) as is_service,
        max(case when v.is_hub or v.kind <> 'labelled' then 1 else 0 end) as is_crowded
    from seen s
    left join beliefs.services v on v.address_id = s.address_id
    group by s.key
),
keys as (
    select key, max(case when is_contract then 1 else 0 end) as is_contract, max(sent) as has_sent
    from seen
    group by key
),
ranked as (
    select s.*, row_number() over (partition by s.key order by s.sent desc, s.chain) as place from seen s
)
select
    r.address_id, h.address_id as home_id, h.chain as home_chain, h.address, k.has_sent = 1 as has_sent,
    v.is_service = 1 or k.is_contract = 1 as is_service,
    v.is_crowded = 1 or k.is_contract = 1 as is_crowded -- else a person, or a deposit address of one customer
from ranked r
join ranked h on h.key = r.key and h.place = 1
join keys k on k.key = r.key
join served v on v.key = r.key
"""

# Dealings of two keys, all chains, kinds and sources together.
EDGE_PAIRS = """
with dealings as (
    select
        least(s.home_id, r.home_id) as left_id, greatest(s.home_id, r.home_id) as right_id,
        case when s.home_id < r.home_id then e.transfers else 0 end as forth,
        case when s.home_id < r.home_id then 0 else e.transfers end as back,
        a.chain, e.block_number, e.block_time
    from facts.edges e
    join edge_homes s on s.address_id = e.sender_id
    join edge_homes r on r.address_id = e.receiver_id
    join facts.addresses a on a.address_id = e.sender_id
    where s.home_id <> r.home_id
)
select
    left_id, right_id, cast(sum(forth + back) as bigint) as transfers,
    sum(forth) > 0 and sum(back) > 0 as is_mutual, min(block_time) as first_time,
    case when count(distinct chain) = 1 then min(block_number) end as first_block, -- blocks of two chains: no order
    case when count(distinct chain) = 1 then max(block_number) end as last_block
from dealings
group by left_id, right_id
"""

EDGE_DEGREES = """
with ends as (
    select left_id as home_id from edge_pairs
    union all
    select right_id from edge_pairs
)
select home_id, count(*) as degree from ends group by home_id
"""
