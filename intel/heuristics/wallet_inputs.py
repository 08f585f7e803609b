"""Which addresses can be somebody's own wallet, who paid its first coins, and what moved between two such?"""

from __future__ import annotations

# Accounts with a key that signed at least once, and no service of any kind. Labelled people and firms stay in: the
# veto of labels works later, pair by pair.
PLAIN_WALLETS = """
select a.address_id, a.chain, a.address
from facts.addresses a
join facts.address_stats s on s.address_id = a.address_id
where s.signed > 0
    and coalesce(a.is_contract, false) = false
    and not exists (select 1 from beliefs.services v where v.address_id = a.address_id)
    and not exists (
        select 1 from beliefs.anchors b
        where b.address_id = a.address_id and b.role in ('deposit', 'exchange_deposit') and b.visibility = 'public'
    )
"""

# The first coins of an address that could pay for a transaction; dust sent ahead of them is none.
FIRST_FUNDINGS = """
with arrivals as (
    select
        t.receiver_id as address_id, t.sender_id as funder_id, t.transfer_id, t.block_number, t.block_time, t.tx_hash,
        t.value_raw, t.value_micro_usd, t.initiator_id,
        row_number() over (partition by t.receiver_id order by t.transfer_id) as nth
    from clean_transfers t
    where t.kind in ('native', 'internal')
)
select address_id, funder_id, transfer_id, block_number, block_time, tx_hash, value_raw, value_micro_usd, initiator_id
from arrivals
where nth = 1
"""

# First coins from one plain wallet to another, signed by the funder, before the funded one signed anything. `funded`:
# how many addresses got their first coins from this funder; deposit addresses of exchanges are none of them.
WALLET_FUNDINGS = """
with deposits as (
    select address_id from known_deposits where visibility = 'public'
),
fundings as (
    select x.*, count(*) over (partition by x.funder_id) as funded
    from first_fundings x
    where not exists (select 1 from deposits d where d.address_id = x.address_id)
),
chosen as (
    select f.*, w.chain, w.address
    from fundings f
    join plain_wallets w on w.address_id = f.address_id
    join plain_wallets p on p.address_id = f.funder_id
    where f.initiator_id = f.funder_id
        and f.funder_id <> f.address_id
        and not exists (select 1 from deposits d where d.address_id = f.funder_id)
),
signed as (
    select t.initiator_id as address_id, min(t.block_time) as first_time
    from facts.transfers t
    where t.initiator_id in (select address_id from chosen)
    group by t.initiator_id
)
select c.*, s.first_time as signed_time, 'funding ' || c.chain || ':' || c.address as event
from chosen c
join signed s on s.address_id = c.address_id
where s.first_time >= c.block_time
"""

# What one plain wallet sent another by its own signature, all coins and tokens together; spam and dust are out, and so
# are collectibles, which change hands by sale.
WALLET_FLOWS = """
select
    t.sender_id, t.receiver_id, count(*) as transfers, count(distinct t.asset_id) as assets,
    count(distinct cast(t.block_time as date)) as days,
    sum(cast(t.value_micro_usd as decimal(38, 0))) as value_micro_usd,
    min(t.transfer_id) as first_id, max(t.transfer_id) as last_id,
    min(t.block_number) as first_block, max(t.block_number) as last_block,
    min(t.block_time) as first_time, max(t.block_time) as last_time
from clean_transfers t
join plain_wallets s on s.address_id = t.sender_id
join plain_wallets r on r.address_id = t.receiver_id
where t.initiator_id = t.sender_id and t.sender_id <> t.receiver_id and t.kind in ('native', 'internal', 'erc20')
group by t.sender_id, t.receiver_id
"""
