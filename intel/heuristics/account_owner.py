"""Whose key stands behind a smart account (ERC-4337)?

Reads: event_parties, facts.addresses.
Requires: user_operations. Where the creation of the account was not seen, its owner is not known: no row.
Returns: same_controller, owner's key -> account, one row per account that was created for one owner and has sent a
    user operation since, which the account accepts on its owner's signature alone.
Fails when: the account has got another owner since, or session keys and modules let others act for it. Never links
    the bundler, which signs the transaction for many, nor the paymaster. An owner of more than `max_accounts` is a
    wallet service.
Source: ERC-4337: the actor is the operation's sender, not the transaction's; anybody can create an account for
    anybody, so the creation alone proves nothing.
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with creations as (
    select
        p.address_id as account_id, min(p.party_id) as owner_id, min(p.block_number) as created_block,
        min(p.block_time) as created_time, min(p.tx_hash) as created_tx
    from event_parties p
    where p.event = 'account_created' and p.key = 'owner'
    group by p.address_id
    having count(distinct p.party_id) = 1
),
fans as (
    select owner_id, count(*) as accounts from creations group by owner_id
),
operations as (
    select
        p.party_id as account_id, p.tx_hash, p.block_number, p.block_time,
        row_number() over (partition by p.party_id order by p.block_time, p.tx_hash) as nth
    from event_parties p
    where p.event = 'user_operation' and p.key = 'sender'
),
used as (
    select
        o.account_id, count(*) as operations,
        list_sort(list(distinct o.tx_hash) filter (where o.nth <= 20)) as tx_hashes,
        max(o.block_number) as last_block
    from operations o
    join creations c on c.account_id = o.account_id and o.block_time >= c.created_time
    group by o.account_id
)
select
    c.owner_id as left_id, c.account_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'account ' || a.chain || ':' || a.address as event,
    cast($weight_bits as double) as weight_bits, u.operations as support, u.tx_hashes, c.created_block as first_block,
    u.last_block, c.created_time as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    'The smart account was created for this key and has since sent ' || cast(u.operations as varchar)
        || case when u.operations = 1 then ' operation' else ' operations' end
        || ', which need its signature' as reason
from creations c
join used u on u.account_id = c.account_id
join fans f on f.owner_id = c.owner_id and f.accounts <= $max_accounts
join facts.addresses a on a.address_id = c.account_id
where c.owner_id <> c.account_id
"""

HEURISTIC = Heuristic(
    name="account_owner",
    version=1,
    family="AUTH",
    relations=("same_controller",),
    requires=("user_operations",),
    params={"weight_bits": 9.0, "max_accounts": 20},
    sql=_SQL,
    title="Owner of a smart account",
    consent="both signed",
    is_tree=True,
)
