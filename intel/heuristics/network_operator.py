"""Who runs validators, and where do their earnings go?

Reads: event_parties, plain_wallets, facts.transfers.
Requires: validator_deposits, rewards. Deposits whose events do not name the withdrawal address prove nothing: many
    validators are deposited by one service for others.
Returns: same_controller, sender of the deposits -> the address to which withdrawals of these validators are paid, where
    the one deposited for nobody else, nobody else deposited for the other, withdrawals have come and the receiver has
    signed since.
Fails when: somebody sets up a validator for a friend; a staking service uses a fresh key per customer.
Source: withdrawal credentials (0x01) of the deposit contract's events. Keys of rollup operators stand in labels, not in
    the ledger, and come in with them.
Cost: events, and one pass over the withdrawals.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with deposits as (
    select
        p.actor_id as depositor_id, p.party_id as receiver_id, p.chain, count(*) as deposits,
        min(p.block_number) as first_block, max(p.block_number) as last_block, min(p.block_time) as first_time,
        min(p.tx_hash) as first_tx
    from event_parties p
    where p.event = 'validator_deposit' and p.key = 'recipient' and p.actor_id is not null
    group by p.actor_id, p.party_id, p.chain
),
depositors as (select depositor_id from deposits group by depositor_id having count(*) = 1),
receivers as (select receiver_id from deposits group by receiver_id having count(*) = 1),
paid as (
    select distinct receiver_id from facts.transfers where kind = 'withdrawal'
)
select
    d.depositor_id as left_id, d.receiver_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'validators of ' || d.chain || ':' || a.address as event,
    cast($weight_bits as double) as weight_bits, d.deposits as support, [d.first_tx] as tx_hashes, d.first_block,
    d.last_block, d.first_time as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    'Deposited for ' || cast(d.deposits as varchar)
        || case when d.deposits = 1 then ' validator' else ' validators' end
        || ', all of whose withdrawals go to this address, and for no other' as reason
from deposits d
join depositors s on s.depositor_id = d.depositor_id
join receivers r on r.receiver_id = d.receiver_id
join paid w on w.receiver_id = d.receiver_id
join plain_wallets l on l.address_id = d.depositor_id
join plain_wallets g on g.address_id = d.receiver_id
join facts.addresses a on a.address_id = d.depositor_id
where d.depositor_id <> d.receiver_id
"""

HEURISTIC = Heuristic(
    name="network_operator",
    version=1,
    family="AUTH",
    relations=("same_controller",),
    requires=("validator_deposits", "rewards"),
    params={"weight_bits": 6.0},
    sql=_SQL,
    title="Deposits for validators that pay out to it",
    consent="not known",
)
