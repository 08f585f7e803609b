"""Which addresses could be deposit addresses of an exchange, what moved through them, and which ones are known?"""

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

# What went out of a candidate and what came in. Dust received pays fees, so the books need it; nobody is known by it.
# Hashes are for proofs, and are looked up for the few moves that a rule shows.
DEPOSIT_MOVES = """
select
    t.sender_id as address_id, t.receiver_id as counterparty_id, 'out' as direction, t.transfer_id, t.block_number,
    t.block_time, t.kind, t.asset_id, t.value_raw, t.value_micro_usd
from clean_transfers t
join deposit_candidates c on c.address_id = t.sender_id
union all
select
    t.receiver_id, t.sender_id, 'in', t.transfer_id, t.block_number, t.block_time, t.kind, t.asset_id, t.value_raw,
    t.value_micro_usd
from clean_transfers t
join deposit_candidates c on c.address_id = t.receiver_id
union all
select
    t.receiver_id, t.sender_id, 'dust', t.transfer_id, t.block_number, t.block_time, t.kind, t.asset_id, t.value_raw,
    t.value_micro_usd
from facts.transfers t
join beliefs.transfer_flags f on f.transfer_id = t.transfer_id
join deposit_candidates c on c.address_id = t.receiver_id
where f.flag = 'dust'
"""

# The fee of the transaction of each coin that a candidate sent, from the ledger's fee rows or else from the
# transaction. Only a plain send is certain to use exactly the 21,000 gas that it may. Tokens pay no fees.
DEPOSIT_FEES = """
with sends as (
    select m.address_id, m.transfer_id, t.tx_hash
    from deposit_moves m
    join facts.assets a on a.asset_id = m.asset_id
    join facts.transfers t on t.transfer_id = m.transfer_id
    where m.direction = 'out' and a.token is null
),
fees as (
    select t.sender_id as address_id, t.tx_hash, t.value_raw as fee_raw
    from facts.transfers t
    join deposit_candidates c on c.address_id = t.sender_id
    where t.kind = 'fee'
    union all
    select x.sender_id, x.tx_hash, coalesce(x.fee_raw, case when x.gas_limit = 21000 then 21000 * x.gas_price end)
    from facts.transactions x
    join deposit_candidates c on c.address_id = x.sender_id
)
select s.transfer_id, max(f.fee_raw) as fee_raw
from sends s
join fees f on f.address_id = s.address_id and f.tx_hash = s.tx_hash
where f.fee_raw is not null
group by s.transfer_id
"""

# When a candidate sent, and the transactions of its first twenty sends.
DEPOSIT_SPANS = """
with sends as (
    select
        m.address_id, m.transfer_id, m.block_number, m.block_time,
        row_number() over (partition by m.address_id order by m.transfer_id) as nth
    from deposit_moves m
    where m.direction = 'out'
),
spans as (
    select address_id, min(block_number) as first_block, max(block_number) as last_block, min(block_time) as first_time
    from sends
    group by address_id
),
proofs as (
    select s.address_id, list_sort(list(distinct t.tx_hash)) as tx_hashes
    from sends s
    join facts.transfers t on t.transfer_id = s.transfer_id
    where s.nth <= 20
    group by s.address_id
)
select s.*, p.tx_hashes from spans s join proofs p on p.address_id = s.address_id
"""

# Deposit addresses by label and by the evidence gathered so far; claims for two organisations cancel each other.
KNOWN_DEPOSITS = """
with claims as (
    select e.left_id as address_id, e.right_entity as entity_id, e.weight_bits as bits, e.visibility
    from beliefs.evidence e
    where e.relation = 'deposit_of'
    union all
    select a.address_id, a.entity_id, 14.0, a.visibility
    from beliefs.anchors a
    where a.category = 'exchange_deposit' or a.role in ('deposit', 'deposit_wallet', 'exchange_deposit')
)
select
    c.address_id, min(c.entity_id) as entity_id, min(coalesce(e.name, c.entity_id)) as name, max(c.bits) as bits,
    max(c.visibility) as visibility
from claims c
left join beliefs.entities e on e.entity_id = c.entity_id
left join beliefs.entities p on p.entity_id = e.parent
left join beliefs.entities g on g.entity_id = p.parent
-- Where the public layer says something, a private claim neither cancels nor strengthens it.
where c.visibility = 'public' or c.address_id not in (select address_id from claims where visibility = 'public')
group by c.address_id
having min(coalesce(g.entity_id, p.entity_id, c.entity_id)) = max(coalesce(g.entity_id, p.entity_id, c.entity_id))
"""
