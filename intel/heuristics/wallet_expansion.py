"""Which unlabelled wallets are an exchange's own: collecting its deposits, or keeping what it does not need?

Reads: expanded_wallets (exchange_inputs.py says how they are found), exchange_wallets, exchange_payers,
    deposit_candidates, deposit_moves, clean_transfers.
Requires: transfers, exchange_wallets. Where coverage does not prove the whole history the weight is capped.
Returns: controls, wallet -> exchange. Hot: ten deposit addresses of this exchange and of no other are swept to it as
    to the labelled wallets, and the exchange dealt with it. Cold: paid by the exchange alone (`min_purity` of the
    value), ten times or more, a tenth or more of all that it pays out; sends to the exchange alone; keeps for a day.
Fails when: an exchange sends everything to a custodian or a staking provider in bulk; wallets are sold with customers.
Source: SCIENCE.md A6. One step only: what was found is never a reason to find more wallets. The deposit rules read the
    found ones as destinations, never above the eight bits that they stand on.
Cost: the stored inputs; one pass over the transfers for what the exchange pays out.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with sweeps as (
    select
        x.address_id, t.tx_hash, t.block_number, t.block_time,
        row_number() over (partition by x.address_id order by t.transfer_id) as nth
    from expanded_wallets x
    join clean_transfers t on t.receiver_id = x.address_id
    join exchange_payers p on p.address_id = t.sender_id and p.receiver_id = x.address_id
),
hot as (
    select
        s.address_id, list_sort(list(distinct s.tx_hash) filter (where s.nth <= 20)) as tx_hashes,
        min(s.block_number) as first_block, max(s.block_number) as last_block, min(s.block_time) as first_time
    from sweeps s
    group by s.address_id
),
paid_out as (
    select w.root_id, a.chain, sum(cast(t.value_micro_usd as decimal(38, 0))) as paid
    from clean_transfers t
    join labelled_wallets w on w.address_id = t.sender_id
    join facts.addresses a on a.address_id = t.sender_id
    left join labelled_wallets o on o.address_id = t.receiver_id
    where coalesce(o.root_id, '') <> w.root_id
    group by w.root_id, a.chain
),
valued as (
    select
        m.address_id, m.direction, m.transfer_id, m.block_number, m.block_time, m.value_micro_usd,
        case when w.root_id = c.root_id then 1 else 0 end as is_own,
        row_number() over (partition by m.address_id, m.direction order by m.transfer_id) as nth
    from deposit_moves m
    join deposit_candidates c on c.address_id = m.address_id
    join facts.addresses a on a.address_id = m.address_id
    left join labelled_wallets w on w.address_id = m.counterparty_id
    where m.direction in ('in', 'out') and coalesce(a.is_contract, false) = false
),
kept as (
    select
        address_id, sum(case when direction = 'in' then is_own else 0 end) as payments,
        sum(case when direction = 'in' then cast(value_micro_usd as decimal(38, 0)) end) as received,
        sum(case when direction = 'in' and is_own = 1 then cast(value_micro_usd as decimal(38, 0)) end) as own_received,
        min(case when direction = 'in' then block_time end) as first_time,
        min(case when direction = 'out' then block_time end) as first_out,
        min(block_number) as first_block, max(block_number) as last_block
    from valued
    group by address_id
    having sum(case when direction = 'in' then is_own else 0 end) >= $min_payments
),
proofs as (
    select v.address_id, list_sort(list(distinct t.tx_hash)) as tx_hashes
    from valued v
    join kept k on k.address_id = v.address_id
    join facts.transfers t on t.transfer_id = v.transfer_id
    where v.direction = 'in' and v.is_own = 1 and v.nth <= 20
    group by v.address_id
)
select
    x.address_id as left_id, cast(null as bigint) as right_id, x.entity_id as right_entity, 'controls' as relation,
    'wallet ' || a.chain || ':' || a.address as event,
    case when c.chain is null then cast($partial_weight_bits as double) else cast($weight_bits as double) end
        as weight_bits,
    x.feeders as support, h.tx_hashes, h.first_block, h.last_block, h.first_time as valid_from,
    cast(null as timestamp) as valid_to, x.visibility,
    cast(x.feeders as varchar) || ' deposit addresses of ' || coalesce(e.name, x.entity_id)
        || ' are swept to it as to the known wallets, and none of another exchange; '
        || cast(x.senders as varchar) || ' senders in all'
        || case when c.chain is null then ' (partial history)' else '' end as reason
from expanded_wallets x
join hot h on h.address_id = x.address_id
join facts.addresses a on a.address_id = x.address_id
left join whole_chains c on c.chain = a.chain
left join beliefs.entities e on e.entity_id = x.entity_id
union all
select
    c.address_id, cast(null as bigint), c.entity_id, 'controls', 'wallet ' || c.chain || ':' || c.address,
    case when c.is_whole then cast($weight_bits as double) else cast($partial_weight_bits as double) end,
    cast(k.payments as bigint), f.tx_hashes, k.first_block, k.last_block, k.first_time, cast(null as timestamp),
    c.visibility,
    'Paid by ' || c.name || ' alone, ' || cast(k.payments as varchar)
        || ' times, a tenth or more of all it pays out, and sends to it alone, after a day or more'
        || case when c.is_whole then '' else ' (partial history)' end
from kept k
join deposit_candidates c on c.address_id = k.address_id
join paid_out p on p.root_id = c.root_id and p.chain = c.chain
left join proofs f on f.address_id = k.address_id
where cast(k.own_received as double) >= cast($min_purity as double) * cast(k.received as double)
    and cast(k.own_received as double) >= cast($min_share as double) * cast(p.paid as double)
    and date_diff('second', k.first_time, k.first_out) >= $min_dwell_seconds
"""

HEURISTIC = Heuristic(
    name="wallet_expansion",
    version=1,
    family="FLOW",
    relations=("controls",),
    requires=("transfers", "exchange_wallets"),
    params={
        "min_payments": 10,
        "min_purity": 0.99,
        "min_share": 0.1,
        "min_dwell_seconds": 86_400,
        "weight_bits": 8.0,
        "partial_weight_bits": 2.0,
    },
    sql=_SQL,
    title="Works as a wallet of the exchange",
    consent="labelled service",
)
