"""Who pays into a deposit address, and do those who share one belong together?

Reads: known_deposits, clean_transfers, facts.addresses, beliefs.services, beliefs.anchors.
Requires: transfers, deposits, initiators (a user must have signed the payment: consent).
Returns: used_by, deposit -> user; same_controller, first user -> each other user of the deposit (a star: pairs
    among the others are not claimed). Weight: `weight_bits` - log2(senders / 2), never above what is known of the
    deposit itself, none above `max_senders`.
Fails when: friends or an employer pay into somebody's deposit address; a payment processor has customers pay there.
    Dust sent to a victim's deposit address does not count: two payments on different days or 50 USD are asked for.
Source: Victor, Financial Cryptography 2020 (deposit address reuse); every user of a batched sweep is kept.
Cost: one pass over the transfers (semi-join with the deposits), one window over what is left.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with deposits as (
    select * from known_deposits
),
moves as (
    select
        d.address_id as deposit_id, t.sender_id as user_id, 'in' as direction, t.transfer_id, t.asset_id,
        t.block_number, t.block_time, t.initiator_id, t.value_micro_usd
    from clean_transfers t
    join deposits d on d.address_id = t.receiver_id
    union all
    select
        d.address_id, t.receiver_id, 'out', t.transfer_id, t.asset_id,
        t.block_number, t.block_time, t.initiator_id, t.value_micro_usd
    from clean_transfers t
    join deposits d on d.address_id = t.sender_id
),
swept as (
    select
        m.*,
        min(case when m.direction = 'out' then m.block_time end) over (
            partition by m.deposit_id, m.asset_id order by m.transfer_id
            rows between current row and unbounded following
        ) as sweep_time
    from moves m
),
crowds as (
    select deposit_id, count(distinct user_id) as senders from moves where direction = 'in' group by deposit_id
),
payments as (
    select s.*, row_number() over (partition by s.deposit_id, s.user_id order by s.transfer_id) as nth
    from swept s
    join facts.addresses a on a.address_id = s.user_id
    where s.direction = 'in'
        and s.initiator_id = s.user_id
        and date_diff('second', s.block_time, s.sweep_time) <= $max_seconds
        and coalesce(a.is_contract, false) = false
        and not exists (select 1 from beliefs.services v where v.address_id = s.user_id)
        and not exists (select 1 from beliefs.anchors b where b.address_id = s.user_id and b.visibility = 'public')
        and not exists (select 1 from deposits k where k.address_id = s.user_id and k.visibility = 'public')
),
users as (
    select
        deposit_id, user_id, count(*) as payments, min(transfer_id) as first_id,
        min(block_number) as first_block, max(block_number) as last_block, min(block_time) as first_time
    from payments
    group by deposit_id, user_id
    having count(distinct cast(block_time as date)) >= 2
        or sum(cast(value_micro_usd as decimal(38, 0))) >= $min_micro_usd
),
proofs as (
    select p.deposit_id, p.user_id, list_sort(list(distinct t.tx_hash)) as tx_hashes
    from payments p
    join users u on u.deposit_id = p.deposit_id and u.user_id = p.user_id
    join facts.transfers t on t.transfer_id = p.transfer_id
    where p.nth <= 10
    group by p.deposit_id, p.user_id
),
ranked as (
    select
        u.*, p.tx_hashes, d.name, d.visibility, c.senders, 'deposit ' || a.chain || ':' || a.address as event,
        least(
            cast($weight_bits as double) - round(log2(greatest(1.0, cast(c.senders as double) / 2.0)), 3), d.bits
        ) as weight_bits,
        row_number() over (partition by u.deposit_id order by u.first_id, u.user_id) as place
    from users u
    join proofs p on p.deposit_id = u.deposit_id and p.user_id = u.user_id
    join deposits d on d.address_id = u.deposit_id
    join crowds c on c.deposit_id = u.deposit_id
    join facts.addresses a on a.address_id = u.deposit_id
    where c.senders <= $max_senders
)
select
    u.deposit_id as left_id, u.user_id as right_id, cast(null as varchar) as right_entity, 'used_by' as relation,
    u.event, u.weight_bits, u.payments as support, u.tx_hashes, u.first_block, u.last_block,
    u.first_time as valid_from, cast(null as timestamp) as valid_to, u.visibility,
    'Paid ' || cast(u.payments as varchar) || case when u.payments = 1 then ' time' else ' times' end
        || ' into this deposit address of ' || u.name || ', signed by itself and swept soon after' as reason
from ranked u
union all
select
    f.user_id, u.user_id, cast(null as varchar), 'same_controller', u.event, u.weight_bits, f.payments + u.payments,
    list_sort(list_concat(f.tx_hashes, u.tx_hashes)), least(f.first_block, u.first_block),
    greatest(f.last_block, u.last_block), greatest(f.first_time, u.first_time), cast(null as timestamp), u.visibility,
    'Both pay into one deposit address of ' || u.name || ' (' || cast(f.payments as varchar) || ' and '
        || cast(u.payments as varchar) || ' times), which has ' || cast(u.senders as varchar) || ' senders in all'
from ranked u
join ranked f on f.deposit_id = u.deposit_id and f.place = 1
where u.place > 1 and u.weight_bits > 0
"""

HEURISTIC = Heuristic(
    name="deposit_user",
    version=1,
    family="FLOW",
    relations=("used_by", "same_controller"),
    requires=("transfers", "deposits", "initiators"),
    params={"max_senders": 25, "max_seconds": 43_200, "min_micro_usd": 50_000_000, "weight_bits": 5.0},
    sql=_SQL,
    title="Pays into a deposit address",
    consent="both signed",
    is_tree=True,
)
