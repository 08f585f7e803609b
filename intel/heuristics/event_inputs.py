"""Who takes part in a named event besides the one who acts? Addresses in an event's details, resolved to ids."""

from __future__ import annotations

# One row per event and party. `key` is the detail that names the party: owner, signer, recipient, ...
EVENT_PARTIES = """
with keys as (
    select 'owner' as key union all select 'signer' union all select 'recipient' union all select 'spender'
    union all select 'operator' union all select 'parent' union all select 'factory' union all select 'target'
    union all select 'sender' union all select 'paymaster' union all select 'delegate' union all select 'collection'
),
named as (
    select
        e.event, e.address_id, e.actor_id, e.block_number, e.block_time, e.tx_hash, e.token, e.value_text, e.details,
        a.chain, k.key,
        case k.key
            when 'owner' then json_extract_string(e.details, '$.owner')
            when 'signer' then json_extract_string(e.details, '$.signer')
            when 'recipient' then json_extract_string(e.details, '$.recipient')
            when 'spender' then json_extract_string(e.details, '$.spender')
            when 'operator' then json_extract_string(e.details, '$.operator')
            when 'parent' then json_extract_string(e.details, '$.parent')
            when 'factory' then json_extract_string(e.details, '$.factory')
            when 'target' then json_extract_string(e.details, '$.target')
            when 'sender' then json_extract_string(e.details, '$.sender')
            when 'paymaster' then json_extract_string(e.details, '$.paymaster')
            when 'delegate' then json_extract_string(e.details, '$.delegate')
            when 'collection' then json_extract_string(e.details, '$.collection')
        end as party
    from facts.events e
    join facts.addresses a on a.address_id = coalesce(e.address_id, e.actor_id)
    cross join keys k
    where e.details is not null
)
select
    n.event, n.address_id, n.actor_id, n.block_number, n.block_time, n.tx_hash, n.token, n.value_text, n.details,
    n.chain, n.key, p.address_id as party_id
from named n
join facts.addresses p on p.address = lower(n.party) and p.chain = n.chain
where n.party is not null
"""
