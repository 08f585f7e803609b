"""Which two addresses of few dealings deal with each other, again and again or both ways?

Reads: facts.edges, facts.addresses, beliefs.services.
Requires: edges. Degrees are counted over all edges of the store: where the source left dealings out, a hub looks
    like a person, so nothing here is more than probable.
Returns: same_controller, one row per pair: both ways with degrees up to `max_mutual_degree`, or one way with
    `min_transfers` or more and degrees up to `max_degree`.
Fails when: friends, couples or a firm and its supplier pay one another; a small service has no label and few
    customers so far. Who signed is not known, so consent is not proven.
Source: SCIENCE.md A23 and T2 rank 18.
Cost: two passes over the edges; degrees by one group-by.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with clean_edges as (
    select e.sender_id, e.receiver_id, sum(e.transfers) as transfers, min(e.block_number) as first_block,
        max(e.block_number) as last_block, min(e.block_time) as first_time
    from facts.edges e
    where e.sender_id <> e.receiver_id
    group by e.sender_id, e.receiver_id
),
pairs as (
    select
        least(sender_id, receiver_id) as left_id, greatest(sender_id, receiver_id) as right_id,
        cast(sum(transfers) as bigint) as transfers, count(*) as ways, min(first_block) as first_block,
        max(last_block) as last_block, min(first_time) as first_time
    from clean_edges
    group by least(sender_id, receiver_id), greatest(sender_id, receiver_id)
),
ends as (
    select left_id as address_id from pairs
    union all
    select right_id from pairs
),
people as (
    select e.address_id, count(*) as degree
    from ends e
    where not exists (select 1 from beliefs.services v where v.address_id = e.address_id)
    group by e.address_id
    having count(*) <= $max_mutual_degree
),
close as (
    select
        p.*, greatest(l.degree, r.degree) as degree, a.chain, a.address as left_address, b.address as right_address,
        coalesce(a.is_contract, false) or coalesce(b.is_contract, false) as has_contract
    from pairs p
    join people l on l.address_id = p.left_id
    join people r on r.address_id = p.right_id
    join facts.addresses a on a.address_id = p.left_id
    join facts.addresses b on b.address_id = p.right_id
    where p.ways = 2 or (p.transfers >= $min_transfers and l.degree <= $max_degree and r.degree <= $max_degree)
)
select
    c.left_id, c.right_id, cast(null as varchar) as right_entity, 'same_controller' as relation,
    'dealings ' || c.chain || ':' || c.left_address || ' ' || c.right_address as event,
    case when c.ways = 2 then cast($mutual_bits as double) else cast($weight_bits as double) end as weight_bits,
    c.transfers as support, cast(null as varchar[]) as tx_hashes, c.first_block, c.last_block,
    c.first_time as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    'They dealt with each other ' || cast(c.transfers as varchar) || ' times'
        || case when c.ways = 2 then ', both ways' else '' end || '; neither deals with more than '
        || cast(c.degree as varchar) || ' addresses' as reason
from close c
where not c.has_contract
"""

HEURISTIC = Heuristic(
    name="close_dealings",
    version=1,
    family="FLOW",
    relations=("same_controller",),
    requires=("edges",),
    params={
        "max_degree": 20,
        "max_mutual_degree": 50,
        "min_transfers": 2,
        "weight_bits": 2.5,
        "mutual_bits": 3.5,
    },
    sql=_SQL,
    title="Two addresses of few dealings that deal with each other",
    consent="not known",
)
