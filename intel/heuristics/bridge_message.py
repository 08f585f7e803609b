"""Who sent what to whom across chains, by the message ids of bridges?

Reads: bridge_messages, plain_wallets, wallet_flows, whole_chains, facts.addresses and address_stats.
Requires: bridge_messages.
Returns: bridged_to, sender on one chain -> recipient on the other, one row per pair. Besides same_controller, where the
    recipient is another key that nobody had used before the message came and that has signed since, or that has
    paid the sender's key back; `partial_weight_bits` where the history of its chain is not whole, since "never used
    before" rests on it. A sender with more than `max_recipients` other keys serves customers, and a recipient of more
    than one key collects.
Fails when: somebody opens a wallet for a friend by way of a bridge, or a shop makes a new address per order and is paid
    from another chain; the bridge reuses its ids within eight days for the same recipient.
Source: message ids join both ends exactly (XChainWatcher; Connector associates 95.8 % of withdrawals).
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with messages as (
    select
        m.*, row_number() over (
            partition by m.sender_id, m.recipient_id order by m.received_time, m.received_tx, m.message_id
        ) as nth
    from bridge_messages m
),
pairs as (
    select
        m.sender_id, m.recipient_id, m.sender, m.recipient, m.sent_chain, m.received_chain, count(*) as messages,
        min(m.received_time) as first_time, min(m.received_block) as first_block, max(m.received_block) as last_block,
        min(case when m.nth = 1 then m.message_id end) as message_id
    from messages m
    group by m.sender_id, m.recipient_id, m.sender, m.recipient, m.sent_chain, m.received_chain
),
legs as (
    select sender_id, recipient_id, sent_tx as tx_hash from messages where nth <= 10
    union all
    select sender_id, recipient_id, received_tx as tx_hash from messages where nth <= 10
),
proofs as (
    select sender_id, recipient_id, list_sort(list(distinct tx_hash)) as tx_hashes
    from legs
    group by sender_id, recipient_id
),
foreign_pairs as (select distinct sender, recipient from pairs where sender <> recipient),
senders as (select sender, count(*) as recipients from foreign_pairs group by sender),
recipients as (select recipient, count(*) as senders from foreign_pairs group by recipient),
used as (
    select a.address, min(s.first_time) as first_time
    from facts.addresses a
    join facts.address_stats s on s.address_id = a.address_id
    where a.address in (select recipient from foreign_pairs)
    group by a.address
),
returns as (
    select distinct f.address as recipient, t.address as sender
    from wallet_flows w
    join facts.addresses f on f.address_id = w.sender_id
    join facts.addresses t on t.address_id = w.receiver_id
    join foreign_pairs p on p.recipient = f.address and p.sender = t.address
),
own as (
    select
        p.sender_id, p.recipient_id, b.sender is not null as is_returned, c.chain is not null as is_whole
    from pairs p
    join senders s on s.sender = p.sender and s.recipients <= $max_recipients
    join recipients r on r.recipient = p.recipient and r.senders = 1
    join plain_wallets l on l.address_id = p.sender_id
    join plain_wallets g on g.address_id = p.recipient_id
    join used u on u.address = p.recipient
    left join returns b on b.sender = p.sender and b.recipient = p.recipient
    left join whole_chains c on c.chain = p.received_chain
    where p.sender <> p.recipient and (u.first_time >= p.first_time or b.sender is not null)
),
claims as (
    select
        p.*, 'bridged_to' as relation, cast($message_bits as double) as bits,
        'Sent across a bridge from ' || p.sent_chain || ' to ' || p.received_chain || ', joined by message id' as reason
    from pairs p
    union all
    select
        p.*, 'same_controller' as relation,
        case when o.is_returned or o.is_whole then cast($weight_bits as double)
            else cast($partial_weight_bits as double) end as bits,
        case
            when o.is_returned then 'Sent across a bridge to a key that has paid the sender back'
            else 'Sent across a bridge to a key that was not used before and has signed since'
        end || case when o.is_returned or o.is_whole then '' else ' (partial history)' end as reason
    from pairs p
    join own o on o.sender_id = p.sender_id and o.recipient_id = p.recipient_id
)
select
    c.sender_id as left_id, c.recipient_id as right_id, cast(null as varchar) as right_entity, c.relation,
    'bridge message ' || c.message_id || ' to ' || c.recipient as event, c.bits as weight_bits, c.messages as support,
    p.tx_hashes, c.first_block, c.last_block, c.first_time as valid_from, cast(null as timestamp) as valid_to,
    'public' as visibility, c.reason
from claims c
join proofs p on p.sender_id = c.sender_id and p.recipient_id = c.recipient_id
"""

HEURISTIC = Heuristic(
    name="bridge_message",
    version=1,
    family="CHAIN",
    relations=("bridged_to", "same_controller"),
    requires=("bridge_messages",),
    params={"weight_bits": 5.0, "partial_weight_bits": 2.0, "message_bits": 12.0, "max_recipients": 3},
    sql=_SQL,
    title="Sent across a bridge, by message id",
    consent="not known",
    is_tree=True,
)
