"""Which addresses could be deposit addresses of an exchange, and what moved through them?"""

from __future__ import annotations

# Unlabelled addresses, no services, all of whose sends go to wallets of one exchange, its departments counted as one.
# Between departments the address is named after the organisation at the top.
DEPOSIT_CANDIDATES = """
with senders as (
    select distinct t.sender_id as address_id
    from clean_transfers t
    join exchange_wallets w on w.address_id = t.receiver_id
    where not exists (select 1 from beliefs.anchors a where a.address_id = t.sender_id and a.visibility = 'public')
        and not exists (select 1 from exchange_wallets x where x.address_id = t.sender_id and x.visibility = 'public')
        and not exists (
            select 1 from beliefs.services s where s.address_id = t.sender_id and s.kind not in ('contract', 'hub')
        )
),
callers as (
    select distinct x.sender_id as address_id
    from facts.transactions x
    where x.sender_id in (select address_id from senders)
        and coalesce(x.method_id, '') not in ('', '0x', '0xa9059cbb')
),
sends as (
    select t.sender_id as address_id, t.receiver_id
    from clean_transfers t
    where t.sender_id in (select address_id from senders)
),
owned as (
    select
        s.address_id, min(w.root_id) as root_id,
        case when min(w.entity_id) = max(w.entity_id) then min(w.entity_id) else min(w.root_id) end as entity_id,
        min(w.visibility) as visibility, min(w.bits) as wallet_bits, count(*) as sends
    from sends s
    left join exchange_wallets w on w.address_id = s.receiver_id
    where s.address_id not in (select address_id from callers)
    group by s.address_id
    having count(*) = count(w.entity_id) and min(w.root_id) = max(w.root_id)
)
select
    o.address_id, o.entity_id, o.root_id, coalesce(e.name, o.entity_id) as name, o.visibility, o.wallet_bits, o.sends,
    a.chain, a.address, case when c.chain is null then false else true end as is_whole
from owned o
join facts.addresses a on a.address_id = o.address_id
left join beliefs.entities e on e.entity_id = o.entity_id
left join whole_chains c on c.chain = a.chain
"""

# The fee of each transaction a candidate paid for, from the ledger's fee rows or else from the transaction. Only a
# plain send is certain to use exactly the 21,000 gas that it may.
DEPOSIT_FEES = """
with fees as (
    select t.sender_id as address_id, t.tx_hash, t.value_raw as fee_raw
    from facts.transfers t
    where t.kind = 'fee' and t.sender_id in (select address_id from deposit_candidates)
    union all
    select x.sender_id, x.tx_hash, coalesce(x.fee_raw, case when x.gas_limit = 21000 then 21000 * x.gas_price end)
    from facts.transactions x
    where x.sender_id in (select address_id from deposit_candidates)
)
select address_id, tx_hash, max(fee_raw) as fee_raw
from fees
where fee_raw is not null
group by address_id, tx_hash
"""

# What went out of a candidate, with the fee of its transaction, and what came in. Dust received pays fees, so the books
# need it; nobody is known by it.
DEPOSIT_MOVES = """
select
    t.sender_id as address_id, t.receiver_id as counterparty_id, 'out' as direction, t.transfer_id, t.block_number,
    t.block_time, t.tx_hash, t.kind, t.asset_id, t.value_raw, f.fee_raw
from clean_transfers t
left join deposit_fees f on f.address_id = t.sender_id and f.tx_hash = t.tx_hash
where t.sender_id in (select address_id from deposit_candidates)
union all
select
    t.receiver_id, t.sender_id, 'in', t.transfer_id, t.block_number,
    t.block_time, t.tx_hash, t.kind, t.asset_id, t.value_raw, cast(null as decimal(38, 0))
from clean_transfers t
where t.receiver_id in (select address_id from deposit_candidates)
union all
select
    t.receiver_id, t.sender_id, 'dust', t.transfer_id, t.block_number,
    t.block_time, t.tx_hash, t.kind, t.asset_id, t.value_raw, cast(null as decimal(38, 0))
from facts.transfers t
join beliefs.transfer_flags f on f.transfer_id = t.transfer_id
where f.flag = 'dust' and t.receiver_id in (select address_id from deposit_candidates)
"""

# When a candidate sent, and the transactions of its first twenty sends.
DEPOSIT_SPANS = """
select
    address_id, list_sort(list(distinct tx_hash) filter (where nth <= 20)) as tx_hashes,
    min(block_number) as first_block, max(block_number) as last_block, min(block_time) as first_time
from (
    select
        m.address_id, m.tx_hash, m.block_number, m.block_time,
        row_number() over (partition by m.address_id order by m.transfer_id) as nth
    from deposit_moves m
    where m.direction = 'out'
) sends
group by address_id
"""
