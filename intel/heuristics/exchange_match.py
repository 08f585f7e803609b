"""Who might have taken out of an exchange what somebody paid in shortly before?

Reads: known_deposits, exchange_wallets, plain_wallets, clean_transfers, facts.assets, facts.addresses.
Requires: transfers, exchange_wallets, deposits, initiators.
Returns: possible, user of the exchange -> recipient of a withdrawal within a day, of the same asset and of
    `min_share` to all of the amount: shown, never counted. Only withdrawals of rare amounts: `max_expected` or fewer
    are to be expected of this size in that time, by what the exchange paid out in the same month; and only pairs
    that match `min_matches` times, for of single matches hardly one in thirty was right on worlds of known truth.
    Bits are those of the rarity, up to `weight_bits`, from `min_repeats` matches up to `repeat_bits`.
Fails when: the exchange's wallets are known in part, so that common amounts look rare; somebody buys or sells inside.
Source: amount and time correlation as in Yousaf et al., USENIX Security 2019; no precision for exchanges is known.
Cost: one pass over the transfers into deposits and out of exchange wallets; joins on asset, size class and day, of
    withdrawals of rare amounts alone: nearly all are common, and fall out first.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

# Size classes are 1/22 of a doubling: amounts of 97 % to 100 % lie in the same class or in the one below.
_SQL = """
with paid_in as (
    select
        t.transfer_id, t.sender_id, d.entity_id, d.name, d.visibility, t.asset_id, t.value_raw, t.block_time,
        cast(floor(log2(cast(t.value_raw as double)) * 22) as bigint) as size,
        cast(floor(date_diff('second', timestamp '2000-01-01 00:00:00', t.block_time) / 86400.0) as bigint) as day
    from clean_transfers t
    join known_deposits d on d.address_id = t.receiver_id
    join plain_wallets w on w.address_id = t.sender_id
    where t.initiator_id = t.sender_id and t.value_raw > 0 and t.kind in ('native', 'erc20')
),
paid_out as (
    select
        t.transfer_id, t.receiver_id, w.entity_id, w.visibility, t.asset_id, t.value_raw, t.block_time,
        cast(floor(log2(cast(t.value_raw as double)) * 22) as bigint) as size,
        cast(floor(date_diff('second', timestamp '2000-01-01 00:00:00', t.block_time) / 86400.0) as bigint) as day
    from clean_transfers t
    join exchange_wallets w on w.address_id = t.sender_id
    where t.value_raw > 0 and t.kind in ('native', 'internal', 'erc20')
        and not exists (select 1 from exchange_wallets x where x.address_id = t.receiver_id)
),
rare as (
    select o.entity_id, o.asset_id, o.size + s.step as band, floor(o.day / 30.0) as month, count(*) as payments
    from paid_out o
    cross join (select 0 as step union all select 1) s
    group by o.entity_id, o.asset_id, o.size + s.step, floor(o.day / 30.0)
    having cast(count(*) as double) / 30.0 <= $max_expected
),
near as (
    select
        o.*, o.size + s.step as band, o.day - d.step as in_day, floor((o.day - d.step) / 30.0) as month
    from paid_out o
    join plain_wallets w on w.address_id = o.receiver_id
    cross join (select 0 as step union all select 1) s
    cross join (select 0 as step union all select 1) d
),
reachable as (
    select n.*, r.payments
    from near n
    join rare r on r.entity_id = n.entity_id and r.asset_id = n.asset_id and r.band = n.band and r.month = n.month
),
matches as (
    select
        i.sender_id, o.receiver_id, i.entity_id, i.name, i.transfer_id, o.transfer_id as out_id, i.block_time,
        o.payments, least(i.visibility, o.visibility) as visibility,
        round(log2(30.0 / cast(o.payments as double)), 3) as bits,
        count(*) over (partition by i.transfer_id) as answers
    from paid_in i
    join reachable o on o.entity_id = i.entity_id and o.asset_id = i.asset_id and o.band = i.size
        and o.in_day = i.day
    where o.block_time > i.block_time
        and date_diff('second', i.block_time, o.block_time) <= $max_seconds
        and o.value_raw <= i.value_raw
        and cast(o.value_raw as double) >= $min_share * cast(i.value_raw as double)
        and o.receiver_id <> i.sender_id
),
numbered as (
    select
        m.*, i.chain, i.tx_hash as in_hash, o.tx_hash as out_hash, i.block_number as first_block,
        o.block_number as last_block, row_number() over (
            partition by m.sender_id, m.receiver_id, m.entity_id order by m.transfer_id, m.out_id
        ) as nth
    from matches m
    join facts.transfers i on i.transfer_id = m.transfer_id
    join facts.transfers o on o.transfer_id = m.out_id
    where m.answers = 1
)
select
    n.sender_id as left_id, n.receiver_id as right_id, cast(null as varchar) as right_entity, 'possible' as relation,
    'in and out of ' || n.entity_id || ' ' || min(n.chain) || ':' || min(case when n.nth = 1 then n.in_hash end)
        as event,
    least(max(n.bits), case when count(*) >= $min_repeats then cast($repeat_bits as double)
        else cast($weight_bits as double) end) as weight_bits,
    count(*) as support,
    list_sort(list_distinct(list_concat(
        list_sort(list(n.in_hash) filter (where n.nth <= 10)), list_sort(list(n.out_hash) filter (where n.nth <= 10))
    ))) as tx_hashes,
    min(n.first_block) as first_block, max(n.last_block) as last_block, min(n.block_time) as valid_from,
    cast(null as timestamp) as valid_to, min(n.visibility) as visibility,
    'One paid into ' || min(n.name) || ', and within a day the other got almost the same amount from there ('
        || cast(count(*) as varchar) || ' times); of this size it makes at most '
        || cast(max(n.payments) as varchar) || ' payments in 30 days' as reason
from numbered n
group by n.sender_id, n.receiver_id, n.entity_id
having count(*) >= $min_matches
"""

HEURISTIC = Heuristic(
    name="exchange_match",
    version=1,
    family="FLOW",
    relations=("possible",),
    requires=("transfers", "exchange_wallets", "deposits", "initiators"),
    params={
        "max_seconds": 86_400,
        "min_share": 0.97,
        "max_expected": 0.1,
        "min_matches": 2,
        "min_repeats": 3,
        "weight_bits": 2.0,
        "repeat_bits": 4.0,
    },
    sql=_SQL,
    title="Paid into an exchange, and might have been paid out of it",
)
