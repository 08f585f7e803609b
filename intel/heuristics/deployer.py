"""Who created which contracts, and for whom?

Reads: facts.transactions and addresses, beliefs.anchors and entities.
Requires: creations.
Returns: deployed, creator -> contract, for every contract that a key created itself, not by way of a factory: a fact,
    and no claim of ownership. Besides controls, creator -> entity, where two or more of its contracts, and half of all
    it created at least, carry labels of that entity and none those of another one.
Fails when: a hired developer or a deployment service created the contracts and all its other work is unlabelled; the
    project has changed hands since.
Source: creation transactions; the bar of two official contracts is the design's.
Cost: one pass over the transactions.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with creations as (
    select
        t.sender_id, t.created_id, t.chain, t.tx_hash, t.block_number, t.block_time,
        row_number() over (partition by t.sender_id order by t.block_time, t.tx_hash, t.created_id) as nth
    from facts.transactions t
    where t.created_id is not null and t.receiver_id is null and t.sender_id is not null
        and coalesce(t.success, true)
),
claims as (
    select
        a.address_id, a.entity_id, e.name, a.visibility,
        row_number() over (partition by a.address_id order by a.visibility desc, a.entity_id) as choice
    from beliefs.anchors a
    join beliefs.entities e on e.entity_id = a.entity_id
    where e.kind = 'owner' and coalesce(a.rival_level, -1) < a.level
),
teams as (
    select
        c.sender_id, count(*) as contracts, count(l.entity_id) as official, min(l.entity_id) as entity_id,
        min(l.name) as name, min(l.visibility) as visibility,
        list_sort(list(distinct c.tx_hash) filter (where c.nth <= 20)) as tx_hashes,
        min(c.block_number) as first_block, max(c.block_number) as last_block, min(c.block_time) as first_time
    from creations c
    left join claims l on l.address_id = c.created_id and l.choice = 1
    group by c.sender_id
    having count(l.entity_id) >= $min_official and 2 * count(l.entity_id) >= count(*)
        and min(l.entity_id) = max(l.entity_id)
)
select
    c.sender_id as left_id, c.created_id as right_id, cast(null as varchar) as right_entity, 'deployed' as relation,
    'creation ' || c.chain || ':' || a.address as event, cast($deployed_bits as double) as weight_bits,
    cast(1 as bigint) as support, [c.tx_hash] as tx_hashes, c.block_number as first_block,
    c.block_number as last_block, c.block_time as valid_from, cast(null as timestamp) as valid_to,
    'public' as visibility, 'Created this contract' as reason
from creations c
join facts.addresses a on a.address_id = c.created_id
union all
select
    t.sender_id as left_id, cast(null as bigint) as right_id, t.entity_id as right_entity, 'controls' as relation,
    'creator ' || a.chain || ':' || a.address as event, cast($weight_bits as double) as weight_bits,
    t.official as support, t.tx_hashes, t.first_block, t.last_block, t.first_time as valid_from,
    cast(null as timestamp) as valid_to, t.visibility,
    'Created ' || cast(t.official as varchar) || ' labelled contracts of ' || t.name || ', '
        || cast(t.contracts as varchar) || ' in all, and none of another owner' as reason
from teams t
join facts.addresses a on a.address_id = t.sender_id
where not exists (
    select 1 from claims o where o.address_id = t.sender_id and o.choice = 1 and o.entity_id <> t.entity_id
)
"""

HEURISTIC = Heuristic(
    name="deployer",
    version=1,
    family="AUTH",
    relations=("deployed", "controls"),
    requires=("creations",),
    params={"weight_bits": 7.0, "deployed_bits": 2.0, "min_official": 2},
    sql=_SQL,
    title="Created the contracts of one owner",
    consent="labelled service",
)
