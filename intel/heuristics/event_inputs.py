"""What do events say? Parties in their details, Safes and who signs for them, leaked keys, messages of bridges."""

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

# Accounts that gave themselves to code which a list names as malicious (EIP-7702): from then on whoever holds that
# code moves their funds, and what leaves them is no act of the owner.
COMPROMISED_KEYS = """
select a.address_id, min(e.block_time) as since
from facts.events e
join facts.addresses a on a.address_id = coalesce(e.address_id, e.actor_id)
join facts.addresses d on d.chain = a.chain and d.address = lower(json_extract_string(e.details, '$.delegate'))
join beliefs.listings l on l.address_id = d.address_id
where e.event = 'authorization' and l.visibility = 'public'
    and l.category in ('phishing_scam', 'hack', 'ransomware', 'compromised_or_blocked')
group by a.address_id
"""

# One row per Safe whose creation was seen. `owners` counts all it ever had and `threshold` is the highest it ever
# had: who signed alone then, signs alone whatever happened in between.
SAFES = """
with told as (
    select
        e.address_id as safe_id, e.event, e.block_number, e.block_time, e.tx_hash,
        lower(json_extract_string(e.details, '$.owner')) as owner,
        try_cast(json_extract_string(e.details, '$.owners') as bigint) as owners,
        coalesce(
            try_cast(json_extract_string(e.details, '$.threshold') as bigint),
            try_cast(json_extract_string(e.details, '$.signatures') as bigint)
        ) as threshold
    from facts.events e
    where e.event in ('safe_created', 'safe_owner_added', 'safe_threshold_changed', 'safe_executed')
)
select
    t.safe_id, a.chain, a.address, max(t.threshold) as threshold,
    greatest(max(coalesce(t.owners, 0)), count(distinct t.owner)) as owners,
    min(case when t.event = 'safe_created' then t.block_number end) as created_block,
    min(case when t.event = 'safe_created' then t.block_time end) as created_time,
    min(case when t.event = 'safe_created' then t.tx_hash end) as created_tx
from told t
join facts.addresses a on a.address_id = t.safe_id
group by t.safe_id, a.chain, a.address
having max(case when t.event = 'safe_created' then 1 else 0 end) = 1
"""

# One row per Safe and key that signed an execution; being named as owner is nothing that the owner did.
SAFE_SIGNERS = """
with signatures as (
    select
        p.address_id as safe_id, p.party_id as signer_id, p.block_number, p.block_time, p.tx_hash,
        row_number() over (partition by p.address_id, p.party_id order by p.block_time, p.tx_hash) as nth
    from event_parties p
    where p.event = 'safe_executed' and p.key = 'signer'
),
removals as (
    select p.address_id as safe_id, p.party_id as owner_id, max(p.block_time) as removed_time
    from event_parties p
    where p.event = 'safe_owner_removed' and p.key = 'owner'
    group by p.address_id, p.party_id
)
select
    s.safe_id, s.signer_id, count(distinct s.tx_hash) as executions,
    list_sort(list(distinct s.tx_hash) filter (where s.nth <= 20)) as tx_hashes,
    min(s.block_number) as first_block, max(s.block_number) as last_block,
    min(s.block_time) as first_time, max(s.block_time) as last_time, max(r.removed_time) as removed_time
from signatures s
left join removals r on r.safe_id = s.safe_id and r.owner_id = s.signer_id
group by s.safe_id, s.signer_id
"""

# What left one chain and came out on another under one message id that only one sending and one receipt bear. Ids of
# different bridges may be equal numbers: both ends have to tell the same recipient.
BRIDGE_MESSAGES = """
with told as (
    select
        e.event, e.address_id as bridge_id, e.actor_id, a.chain, e.block_number, e.block_time, e.tx_hash,
        json_extract_string(e.details, '$.message_id') as message_id,
        lower(json_extract_string(e.details, '$.recipient')) as recipient
    from facts.events e
    join facts.addresses a on a.address_id = e.address_id
    where e.event in ('bridge_sent', 'bridge_received')
),
paired as (
    select
        s.message_id, s.actor_id as sender_id, s.chain as sent_chain, s.tx_hash as sent_tx, s.block_time as sent_time,
        s.block_number as sent_block, r.chain as received_chain, r.tx_hash as received_tx,
        r.block_time as received_time, r.block_number as received_block, r.recipient,
        count(*) over (partition by s.bridge_id, s.tx_hash, s.message_id) as receipts,
        count(*) over (partition by r.bridge_id, r.tx_hash, r.message_id) as sends
    from told s
    join told r on r.message_id = s.message_id and r.recipient = s.recipient and r.event = 'bridge_received'
        and r.chain <> s.chain and r.block_time >= s.block_time and date_diff('day', s.block_time, r.block_time) <= 8
    where s.event = 'bridge_sent'
)
select
    p.message_id, p.sender_id, f.address as sender, p.sent_chain, p.sent_tx, p.sent_time, p.sent_block,
    t.address_id as recipient_id, p.recipient, p.received_chain, p.received_tx, p.received_time, p.received_block
from paired p
join facts.addresses f on f.address_id = p.sender_id
join facts.addresses t on t.chain = p.received_chain and t.address = p.recipient
where p.receipts = 1 and p.sends = 1
"""
