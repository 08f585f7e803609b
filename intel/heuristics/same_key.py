"""Which addresses of several chains are one key?

Reads: facts.addresses, address_stats, events and transfers, event_parties, beliefs.services.
Requires: several_chains, initiators. Nothing here rests on "only" or "never": a part of history proves as much.
Returns: same_controller, for a key that signed on one chain at least: its address on the chain where it signed first
    -> its address on every other chain, signed there or only received there. One row per further chain.
Fails when: a private key is public or leaked: whoever uses it, it stays one key. Contracts never count, because the
    same address can hold another contract on another chain; an account whose user operations a bundler sends is one,
    unless the key delegated (EIP-7702).
Source: the address of a key is derived from the key alone, so all EVM chains agree on it.
Cost: one pass over the addresses, one over the transfers (semi-join with the keys of several chains).
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with accounts as (
    select a.address
    from facts.events e
    join facts.addresses a on a.address_id = e.address_id
    where e.event in ('safe_created', 'safe_executed', 'account_created', 'forwarder_created')
    union
    select a.address
    from event_parties p
    join facts.addresses a on a.address_id = p.party_id
    where p.event = 'user_operation' and p.key = 'sender'
        and not exists (select 1 from facts.events d where d.event = 'authorization' and d.address_id = p.party_id)
),
keys as (
    select a.address
    from facts.addresses a
    left join facts.address_stats s on s.address_id = a.address_id
    where a.address like '0x%' and length(a.address) = 42
        and not exists (select 1 from accounts c where c.address = a.address)
    group by a.address
    having count(*) > 1
        and max(case when s.signed > 0 then 1 else 0 end) = 1
        and max(case when a.is_contract then 1 else 0 end) = 0
),
members as (
    select a.address_id, a.chain, a.address
    from facts.addresses a
    join keys k on k.address = a.address
    where not exists (select 1 from beliefs.services v where v.address_id = a.address_id and v.kind = 'system')
),
signatures as (
    select
        t.initiator_id as address_id, t.tx_hash, t.block_number, t.block_time,
        row_number() over (partition by t.initiator_id order by t.transfer_id) as nth
    from facts.transfers t
    where t.initiator_id in (select address_id from members)
),
ranked as (
    select
        m.address_id, m.chain, m.address, s.tx_hash, s.block_number, s.block_time,
        row_number() over (
            partition by m.address
            order by case when s.block_time is null then 1 else 0 end, s.block_time, m.chain
        ) as place
    from members m
    left join signatures s on s.address_id = m.address_id and s.nth = 1
)
select
    t.address_id as left_id, o.address_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'key ' || t.address as event, cast($weight_bits as double) as weight_bits,
    cast(case when o.tx_hash is null then 1 else 2 end as bigint) as support,
    case when o.tx_hash is null then [t.tx_hash] else [t.tx_hash, o.tx_hash] end as tx_hashes,
    coalesce(o.block_number, t.block_number) as first_block, coalesce(o.block_number, t.block_number) as last_block,
    cast(null as timestamp) as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    case
        when o.tx_hash is null then 'One key: it signed on ' || t.chain || '; on ' || o.chain
            || ' its address has only received so far'
        else 'One key signed on ' || t.chain || ' and on ' || o.chain
    end as reason
from ranked t
join ranked o on o.address = t.address and o.place > 1
where t.place = 1 and t.tx_hash is not null
"""

HEURISTIC = Heuristic(
    name="same_key",
    version=1,
    family="CHAIN",
    relations=("same_controller",),
    requires=("several_chains", "initiators"),
    params={"weight_bits": 16.0},
    sql=_SQL,
    title="One key on several chains",
    consent="ledger fact",
    is_atomic=True,
    is_tree=True,
)
