"""Which addresses passed a payment on to an exchange as they got it, once at least?

Reads: deposit_candidates, deposit_moves, deposit_fees, exchange_wallets, facts.assets, facts.transfers.
Requires: transfers, exchange_wallets. All sends go to one exchange; where coverage does not prove the whole history
    the weight is capped at `partial_weight_bits`.
Returns: deposit_of, address -> exchange, one row per address.
Fails when: a person moves one payment through an own wallet to an exchange (hence the low weight: with one forward
    nothing tells the two apart); a payment waits longer than `max_seconds` for its sweep.
Source: Victor, Financial Cryptography 2020, without the faults of the released code: amounts are compared in a band,
    not after rounding; what may go missing is twice the fee or half a percent, not a fixed amount of one coin.
Cost: self-join of the candidates' transfers by address and asset; candidates with many sends stay out.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with moves as (
    select
        m.address_id, m.counterparty_id, m.direction, m.transfer_id, m.asset_id, m.block_number, m.block_time,
        m.value_raw, c.root_id, c.visibility, a.token, coalesce(cast(f.fee_raw as double), 0.0) as fee
    from deposit_moves m
    join deposit_candidates c on c.address_id = m.address_id
    join facts.assets a on a.asset_id = m.asset_id
    left join deposit_fees f on f.transfer_id = m.transfer_id and m.direction = 'out'
    where c.sends <= $max_sends and m.value_raw is not null
),
pairs as (
    select
        i.address_id, i.counterparty_id as sender_id, i.transfer_id as in_id, o.transfer_id as out_id,
        i.block_number as in_block, o.block_number, i.block_time,
        date_diff('second', i.block_time, o.block_time) as seconds,
        row_number() over (partition by i.address_id order by o.transfer_id, i.transfer_id) as nth
    from moves i
    join moves o on o.address_id = i.address_id and o.asset_id = i.asset_id
    left join exchange_wallets w on w.address_id = i.counterparty_id and w.visibility in ('public', i.visibility)
    where i.direction = 'in'
        and o.direction = 'out'
        and o.transfer_id > i.transfer_id
        and date_diff('second', i.block_time, o.block_time) <= $max_seconds
        and o.value_raw <= i.value_raw
        and cast(i.value_raw - o.value_raw as double)
            <= case
                when i.token is not null then 0.0
                else greatest(2 * o.fee, cast($max_loss as double) * cast(i.value_raw as double))
            end
        and coalesce(w.root_id, '') <> i.root_id
),
proofs as (
    select p.address_id, list_sort(list(distinct t.tx_hash)) as tx_hashes
    from (
        select address_id, in_id as transfer_id from pairs where nth <= 10
        union all
        select address_id, out_id from pairs where nth <= 10
    ) p
    join facts.transfers t on t.transfer_id = p.transfer_id
    group by p.address_id
),
forwards as (
    select
        address_id, count(distinct in_id) as payments, count(distinct sender_id) as senders,
        min(in_block) as first_block, max(block_number) as last_block, min(block_time) as first_time,
        min(seconds) as quickest
    from pairs
    group by address_id
)
select
    c.address_id as left_id, cast(null as bigint) as right_id, c.entity_id as right_entity,
    'deposit_of' as relation, 'deposit ' || c.chain || ':' || c.address as event,
    least(
        case when c.is_whole then cast($weight_bits as double) else cast($partial_weight_bits as double) end,
        c.wallet_bits
    ) as weight_bits,
    f.payments as support, p.tx_hashes, f.first_block, f.last_block, f.first_time as valid_from,
    cast(null as timestamp) as valid_to, c.visibility,
    'Passed ' || cast(f.payments as varchar) || case when f.payments = 1 then ' payment' else ' payments' end
        || ' on to ' || c.name || ' in the same amount, at the quickest after ' || cast(f.quickest as varchar)
        || ' seconds; ' || case when c.sends = 1 then 'its only send goes' else 'all ' || cast(c.sends as varchar)
            || ' sends go' end || ' there'
        || case when c.is_whole then '' else ' (partial history)' end as reason
from forwards f
join proofs p on p.address_id = f.address_id
join deposit_candidates c on c.address_id = f.address_id
where f.senders <= $max_senders
"""

HEURISTIC = Heuristic(
    name="forwarded_deposit",
    version=1,
    family="FLOW",
    relations=("deposit_of",),
    requires=("transfers", "exchange_wallets"),
    params={
        "max_senders": 25,
        "max_sends": 1_000,
        "max_seconds": 43_200,  # 3,200 blocks of Ethereum as the paper knew it; other chains count faster
        "max_loss": 0.005,
        "weight_bits": 4.0,
        "partial_weight_bits": 2.0,
    },
    sql=_SQL,
    title="Passed a payment on to an exchange as it came",
    consent="labelled service",
)
