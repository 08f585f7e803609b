"""Which single transfers are spoofed, dust, spam or no dealing between two parties at all?"""

from __future__ import annotations

from collections.abc import Mapping

from intel.heuristics.base import Value

_ZERO_VALUE_SPOOF = """
select transfer_id, 'zero_value_spoof' as flag
from facts.transfers
where kind = 'erc20' and value_raw = 0 and (initiator_id is null or initiator_id <> sender_id)
"""

_FLAGGED_ASSETS = """
select t.transfer_id, f.flag
from facts.transfers t
join beliefs.asset_flags f on f.asset_id = t.asset_id
where f.flag in ('counterfeit', 'mass_airdrop')
"""

# A stranger x whose address reads like that of y, with whom the victim really dealt, moves next to nothing to or
# "from" the victim. First comes who reads like another address of the chain: few of millions do by chance, and pairs
# with all the others, which are as many as a build has, need not be made. Then pairs, and transfers last, for an
# address has far fewer counterparties than transfers.
_LOOKALIKE_DUST = """
with faces as (
    select a.chain, a.address_id, substr(a.address, 3, 3) || substr(a.address, length(a.address) - 2, 3) as face,
        substr(a.address, 6, 1) as fourth, substr(a.address, length(a.address) - 3, 1) as fourth_last
    from facts.addresses a
    where substr(a.address, 1, 2) = '0x'
),
looks as (
    select chain, address_id, face || fourth || '-' as look from faces
    union all
    select chain, address_id, face || '-' || fourth_last from faces
),
shared as (
    select chain, look from looks group by chain, look having count(*) > 1
),
doubles as (
    select distinct l.address_id from looks l join shared s on s.chain = l.chain and s.look = l.look
),
pairs as (
    select p.address_id, p.counterparty_id, max(p.value_micro_usd) as largest, min(p.block_time) as first_time,
        max(case when p.value_micro_usd >= $tiny_micro_usd then p.block_time end) as last_time
    from facts.postings p
    join doubles d on d.address_id = p.counterparty_id
    join facts.address_stats s on s.address_id = p.address_id
    where s.counterparties between 2 and $max_counterparties
    group by p.address_id, p.counterparty_id
),
strangers as (
    select p.address_id, p.counterparty_id, f.face, f.fourth, f.fourth_last
    from pairs p
    join faces f on f.address_id = p.counterparty_id
    where p.largest is null or p.largest < $tiny_micro_usd
),
twins as (
    select x.address_id, x.counterparty_id, min(y.first_time) as first_time, max(y.last_time) as last_time
    from pairs y
    join faces f on f.address_id = y.counterparty_id
    join strangers x on x.address_id = y.address_id and x.face = f.face
    where y.counterparty_id <> x.counterparty_id
        and y.last_time is not null
        and (x.fourth = f.fourth or x.fourth_last = f.fourth_last)
    group by x.address_id, x.counterparty_id
)
select distinct p.transfer_id, 'lookalike_dust' as flag
from twins w
join facts.postings p on p.address_id = w.address_id and p.counterparty_id = w.counterparty_id
where p.block_time >= w.first_time and p.block_time <= w.last_time + interval 30 day
"""

# First by a few bits of the hash: fewer than the hashes of all small transfers, and much shorter.
_BATCH_SPAM = """
with tiny as (
    select t.transfer_id, t.chain, t.tx_hash, t.receiver_id, case when t.tx_tag >= 0 then t.tx_tag else -1 end as tag
    from facts.transfers t
    where t.kind = 'erc20' and (t.value_raw = 0 or t.value_micro_usd < $batch_micro_usd)
),
crowds as (
    select tag from tiny group by tag having count(receiver_id) > $max_victims
),
batches as (
    select t.chain, t.tx_hash
    from tiny t
    join crowds c on c.tag = t.tag
    group by t.chain, t.tx_hash
    having count(distinct t.receiver_id) > $max_victims
)
select t.transfer_id, 'batch_spam' as flag
from tiny t
join batches b on b.chain = t.chain and b.tx_hash = t.tx_hash
"""

# Native dust: less than three plain sends cost in that block, or, where no gas price is known, less than ten cents.
_DUST = """
with prices as (
    select chain, block_number, cast(sum(gas_price) as double) / count(gas_price) as gas_price
    from facts.transactions
    where gas_price > 0
    group by chain, block_number
)
select t.transfer_id, 'dust' as flag
from facts.transfers t
left join prices p on p.chain = t.chain and p.block_number = t.block_number
where t.kind in ('native', 'internal')
    and t.value_raw > 0
    and case
        when p.gas_price is not null then cast(t.value_raw as double) < 63000 * p.gas_price
        else t.value_micro_usd < $dust_micro_usd
    end
"""

_NO_COUNTERPARTY = """
with nobody as (
    select address_id
    from facts.addresses
    where address like '0x00000000000000000000000000000000%' or address like '0xdead0000000000000000%'
)
select transfer_id, 'self_transfer' as flag
from facts.transfers
where sender_id = receiver_id
union all
select transfer_id, 'system_address' as flag
from facts.transfers
where sender_id in (select address_id from nobody) or receiver_id in (select address_id from nobody)
"""

TRANSFER_FLAGS: tuple[tuple[str, Mapping[str, Value]], ...] = (
    (_ZERO_VALUE_SPOOF, {}),
    (_FLAGGED_ASSETS, {}),
    (_LOOKALIKE_DUST, {"tiny_micro_usd": 10_000_000, "max_counterparties": 5_000}),
    (_BATCH_SPAM, {"batch_micro_usd": 1_000_000, "max_victims": 3}),
    (_DUST, {"dust_micro_usd": 100_000}),
    (_NO_COUNTERPARTY, {}),
)
