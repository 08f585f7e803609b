"""Which Safes have the same owners, who sign for both?

Reads: safes, safe_signers, facts.events and addresses.
Requires: safe_events. A Safe whose creation was not seen has owners that nobody knows, and gives no row.
Returns: same_controller between Safes, on one chain or on several, that have the same two or more owners and need two
    or more signatures: the one created first -> every other one. As many of those owners as the threshold asks for
    must have signed executions of each: one member alone can create a second Safe that names all of them.
Fails when: the same people sign for two organisations; above `max_safes` they are a signing service and none counts.
Source: Safe contracts: an execution needs the signatures of as many owners as the threshold.
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with named as (
    select e.address_id as safe_id, lower(json_extract_string(e.details, '$.owner')) as owner
    from facts.events e
    where e.event in ('safe_owner_added', 'safe_owner_removed')
    group by e.address_id, lower(json_extract_string(e.details, '$.owner'))
    having count(distinct e.event) = 1 and min(e.event) = 'safe_owner_added'
),
sets as (
    select
        s.safe_id, s.chain, s.address, s.threshold, s.owners, s.created_time,
        list_sort(list(distinct n.owner)) as owner_set
    from safes s
    join named n on n.safe_id = s.safe_id
    where s.threshold >= 2
    group by s.safe_id, s.chain, s.address, s.threshold, s.owners, s.created_time
    having count(distinct n.owner) = s.owners
),
signed as (
    select
        n.safe_id, count(distinct n.owner) as signers, sum(g.executions) as executions,
        min(g.first_block) as first_block, max(g.last_block) as last_block, min(g.first_time) as first_time
    from named n
    join safe_signers g on g.safe_id = n.safe_id
    join facts.addresses a on a.address_id = g.signer_id and a.address = n.owner
    group by n.safe_id
),
ranked as (
    select
        s.*, g.executions, g.first_block, g.last_block, g.first_time,
        row_number() over (partition by s.owner_set order by s.created_time, s.chain, s.address) as place,
        count(*) over (partition by s.owner_set) as safes
    from sets s
    join signed g on g.safe_id = s.safe_id and g.signers >= s.threshold
),
proofs as (
    select address_id as safe_id, min(tx_hash) as tx_hash
    from facts.events
    where event = 'safe_executed'
    group by address_id
)
select
    t.safe_id as left_id, o.safe_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'owners of safe ' || t.chain || ':' || t.address as event,
    cast($weight_bits as double) as weight_bits, cast(o.executions as bigint) as support,
    [p.tx_hash, q.tx_hash] as tx_hashes, o.first_block, o.last_block, o.first_time as valid_from,
    cast(null as timestamp) as valid_to, 'public' as visibility,
    'Two Safes with the same ' || cast(t.owners as varchar) || ' owners, '
        || cast(t.threshold as varchar) || ' of whom have signed for this one and '
        || cast(o.threshold as varchar) || ' for that one' as reason
from ranked t
join ranked o on o.owner_set = t.owner_set and o.place > 1
join proofs p on p.safe_id = t.safe_id
join proofs q on q.safe_id = o.safe_id
where t.place = 1 and t.safes <= $max_safes
"""

HEURISTIC = Heuristic(
    name="safe_owners",
    version=1,
    family="AUTH",
    relations=("same_controller",),
    requires=("safe_events",),
    params={"weight_bits": 7.0, "max_safes": 20},
    sql=_SQL,
    title="Two Safes with the same owners",
    consent="both signed",
    is_tree=True,
)
