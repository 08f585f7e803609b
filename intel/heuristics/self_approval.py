"""Which keys may spend each other's tokens, and did?

Reads: event_parties, clean_transfers, wallet_flows, plain_wallets, beliefs.listings.
Requires: approvals, initiators.
Returns: same_controller, owner -> spender, both keys, where the owner allowed the spender to take tokens, the spender
    took some, at most `max_owners` allowed this spender, no list names it, and each had paid the other before.
Fails when: the spender is a thief: drainers are keys that were approved, and a patient one pays his victim first. Off
    unless settings enable it.
Source: self-authorisation of Victor 2020; his third and weakest rule, before drainers made the same trace common.
Cost: events, and a semi-join of the transfers with the approved spenders.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with approvals as (
    select
        p.actor_id as owner_id, p.party_id as spender_id, min(p.block_time) as approved_time,
        min(p.block_number) as first_block, min(p.tx_hash) as approved_tx
    from event_parties p
    where p.event in ('approval', 'approval_for_all', 'permit') and p.key in ('spender', 'operator')
        and p.actor_id is not null and p.actor_id <> p.party_id
    group by p.actor_id, p.party_id
),
fans as (select spender_id, count(*) as owners from approvals group by spender_id),
taken as (
    select
        a.owner_id, a.spender_id, count(*) as transfers, max(t.block_number) as last_block, min(t.tx_hash) as taken_tx
    from approvals a
    join clean_transfers t on t.initiator_id = a.spender_id and t.sender_id = a.owner_id
    where t.kind in ('erc20', 'erc721', 'erc1155') and t.block_time >= a.approved_time
    group by a.owner_id, a.spender_id
)
select
    a.owner_id as left_id, a.spender_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'approval ' || a.approved_tx as event, cast($weight_bits as double) as weight_bits,
    k.transfers as support, list_sort([a.approved_tx, k.taken_tx]) as tx_hashes, a.first_block, k.last_block,
    a.approved_time as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    'Allowed this key to take its tokens, which it did '
        || cast(k.transfers as varchar) || case when k.transfers = 1 then ' time' else ' times' end
        || ' after each had paid the other' as reason
from approvals a
join fans f on f.spender_id = a.spender_id and f.owners <= $max_owners
join taken k on k.owner_id = a.owner_id and k.spender_id = a.spender_id
join plain_wallets l on l.address_id = a.owner_id
join plain_wallets r on r.address_id = a.spender_id
join wallet_flows o on o.sender_id = a.owner_id and o.receiver_id = a.spender_id and o.first_time < a.approved_time
join wallet_flows b on b.sender_id = a.spender_id and b.receiver_id = a.owner_id and b.first_time < a.approved_time
where not exists (select 1 from beliefs.listings i where i.address_id = a.spender_id)
"""

HEURISTIC = Heuristic(
    name="self_approval",
    version=1,
    family="AUTH",
    relations=("same_controller",),
    requires=("approvals", "initiators"),
    params={"weight_bits": 4.0, "max_owners": 3},
    sql=_SQL,
    title="May spend its tokens, and did",
    consent="both signed",
    is_on=False,
)
