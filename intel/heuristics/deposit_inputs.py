"""Which addresses could be deposit addresses of an exchange, and what moved through them?"""

from __future__ import annotations

# Unlabelled addresses, no services, all of whose sends go to wallets of one exchange. Hubs stay in: anybody can
# make an address look like a hub by dusting it, and the rules count genuine senders themselves.
DEPOSIT_CANDIDATES = """
with senders as (
    select distinct t.sender_id as address_id
    from clean_transfers t
    join exchange_wallets w on w.address_id = t.receiver_id
    where not exists (select 1 from beliefs.anchors a where a.address_id = t.sender_id)
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
)
select
    s.address_id, min(w.entity_id) as entity_id, min(w.name) as name, min(w.visibility) as visibility,
    count(*) as sends, min(a.chain) as chain, min(a.address) as address,
    case when min(c.chain) is null then false else true end as is_whole
from sends s
join facts.addresses a on a.address_id = s.address_id
left join exchange_wallets w on w.address_id = s.receiver_id
left join whole_chains c on c.chain = a.chain
where s.address_id not in (select address_id from callers)
group by s.address_id
having count(*) = count(w.entity_id) and min(w.entity_id) = max(w.entity_id)
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
