"""Which keys point at each other by a name?

Reads: facts.events and addresses, plain_wallets.
Requires: names. Where the registration of a name was not seen, its owner is not known: no row.
Returns: same_controller, owner of a name -> the other key that the owner let the name point to and that has taken the
    name as its own (reverse record), for the time in which all three held; a sale of the name ends it.
Fails when: somebody gives a friend or an employee a name of his own. Names whose owner points to more than
    `max_targets` keys are a registrar's, and a key that has taken names of several owners is left out.
Source: forward and reverse record must agree (as name services ask of every application); one alone is one-sided.
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with told as (
    select
        e.event, a.chain, e.actor_id, e.block_number, e.block_time, e.tx_hash,
        coalesce(
            json_extract_string(e.details, '$.name'), json_extract_string(e.details, '$.node'),
            json_extract_string(e.details, '$.name_number')
        ) as name,
        lower(coalesce(
            json_extract_string(e.details, '$.owner'), json_extract_string(e.details, '$.target')
        )) as party
    from facts.events e
    join facts.addresses a on a.address_id = coalesce(e.actor_id, e.address_id)
    where e.event in ('name_registered', 'name_transferred', 'name_record_set', 'reverse_record_set')
),
owned as (
    select
        t.chain, t.name, t.party, t.block_time as begins,
        lead(t.block_time) over (
            partition by t.chain, t.name order by t.block_time, t.tx_hash, t.event, t.party
        ) as ends
    from told t
    where t.event in ('name_registered', 'name_transferred')
),
pointed as (
    select
        t.*, t.block_time as begins,
        lead(t.block_time) over (partition by t.chain, t.name order by t.block_time, t.tx_hash, t.party) as ends
    from told t
    where t.event = 'name_record_set'
),
taken as (
    select
        t.*, t.block_time as begins,
        lead(t.block_time) over (partition by t.actor_id order by t.block_time, t.tx_hash, t.name) as ends
    from told t
    where t.event = 'reverse_record_set' and t.actor_id is not null
),
agreed as (
    select
        f.actor_id as owner_id, r.actor_id as target_id, f.chain, f.name, f.tx_hash as forward_tx,
        r.tx_hash as reverse_tx, f.block_number, r.block_number as reverse_block,
        greatest(f.begins, r.begins, o.begins) as begins,
        least(
            coalesce(f.ends, timestamp '9999-01-01'), coalesce(r.ends, timestamp '9999-01-01'),
            coalesce(o.ends, timestamp '9999-01-01')
        ) as ends
    from pointed f
    join taken r on r.chain = f.chain and r.name = f.name
    join facts.addresses ra on ra.address_id = r.actor_id and ra.address = f.party
    join facts.addresses fa on fa.address_id = f.actor_id
    join owned o on o.chain = f.chain and o.name = f.name and o.party = fa.address
    where f.begins >= o.begins and f.begins < coalesce(o.ends, timestamp '9999-01-01')
),
held as (select * from agreed where begins < ends),
owners as (select owner_id, count(distinct target_id) as targets from held group by owner_id),
targets as (
    select target_id, count(distinct owner_id) as owners from held where owner_id <> target_id group by target_id
),
numbered as (
    select h.*, row_number() over (partition by h.owner_id, h.target_id, h.name order by h.begins, h.ends) as nth
    from held h
    where h.owner_id <> h.target_id
)
select
    h.owner_id as left_id, h.target_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'name ' || h.chain || ':' || h.name as event,
    cast($weight_bits as double) as weight_bits, cast(1 as bigint) as support,
    list_sort([h.forward_tx, h.reverse_tx]) as tx_hashes, least(h.block_number, h.reverse_block) as first_block,
    greatest(h.block_number, h.reverse_block) as last_block, h.begins as valid_from,
    case when h.ends < timestamp '9999-01-01' then h.ends end as valid_to, 'public' as visibility,
    'The owner of name ' || h.name || ' let it point to this key, and the key took the name as its own' as reason
from numbered h
join owners o on o.owner_id = h.owner_id and o.targets <= $max_targets
join targets t on t.target_id = h.target_id and t.owners = 1
join plain_wallets l on l.address_id = h.owner_id
join plain_wallets r on r.address_id = h.target_id
where h.nth = 1
"""

HEURISTIC = Heuristic(
    name="verified_name",
    version=1,
    family="ID",
    relations=("same_controller",),
    requires=("names",),
    params={"weight_bits": 7.0, "max_targets": 5},
    sql=_SQL,
    title="A name that points both ways",
    consent="both signed",
    is_tree=True,
)
