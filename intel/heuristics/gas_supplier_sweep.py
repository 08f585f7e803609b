"""Which address hands out gas so that deposit addresses can send their tokens on to an exchange?

Reads: deposit_candidates, deposit_moves, exchange_wallets, facts.transfers, facts.assets, beliefs.anchors.
Requires: transfers, tokens, exchange_wallets. That the supplied addresses serve one exchange only counts fully where
    coverage proves the whole history, else the weight is capped at `partial_weight_bits`.
Returns: deposit_of, address -> exchange, for each address supplied and swept; controls, supplier -> exchange.
Fails when: a gas service works for several exchanges (hence `min_purity`); gas is bought by the block long before
    the sweep; the native coin has no price (gas is told from a payment by its small value).
Source: SCIENCE.md A4; the roles are those of the public exchange taxonomies (hot wallet, gas supplier).
Cost: one pass over the native transfers into the candidates, one window over them and the token sweeps.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

# Gas is dust by its size, so the supply is read from the ledger itself and not from clean_transfers.
_SQL = """
with steps as (
    select
        t.receiver_id as address_id, t.transfer_id, t.block_time, t.block_number, t.transfer_id as supply_id,
        'gas' as step, t.asset_id, t.value_raw
    from facts.transfers t
    join deposit_candidates c on c.address_id = t.receiver_id
    where t.kind in ('native', 'internal')
        and t.value_raw > 0
        and t.value_micro_usd <= $max_gas_micro_usd
    union all
    select
        m.address_id, m.transfer_id, m.block_time, m.block_number, cast(null as bigint), m.direction,
        m.asset_id, m.value_raw
    from deposit_moves m
    where m.kind = 'erc20' and m.value_raw is not null
),
totals as (
    select
        s.*,
        max(s.supply_id) over (
            partition by s.address_id order by s.transfer_id, s.step rows between unbounded preceding and current row
        ) as last_supply_id,
        sum(case when s.step = 'in' then s.value_raw when s.step = 'out' then -s.value_raw end) over (
            partition by s.address_id, s.asset_id order by s.transfer_id, s.step
            rows between unbounded preceding and current row
        ) as left_raw
    from steps s
),
supplied as (
    select
        t.address_id, g.sender_id as supplier_id, t.transfer_id, t.last_supply_id, t.block_number, t.block_time,
        g.block_number as gas_block,
        row_number() over (partition by t.address_id order by t.transfer_id) as nth
    from totals t
    join facts.transfers g on g.transfer_id = t.last_supply_id
    where t.step = 'out'
        and t.left_raw = 0
        and date_diff('second', g.block_time, t.block_time) <= $max_gap_seconds
),
suppliers as (
    select
        s.supplier_id, c.root_id, min(c.entity_id) as entity_id, count(distinct s.address_id) as addresses,
        min(c.visibility) as visibility, min(case when c.is_whole then 1 else 0 end) as is_whole,
        min(s.gas_block) as first_block, max(s.block_number) as last_block, min(s.block_time) as first_time
    from supplied s
    join deposit_candidates c on c.address_id = s.address_id
    group by s.supplier_id, c.root_id
),
shares as (
    select s.*, sum(s.addresses) over (partition by s.supplier_id) as all_addresses from suppliers s
),
proven as (
    select
        s.*, coalesce(e.name, s.entity_id) as name,
        case when s.is_whole = 1 then cast($weight_bits as double) else cast($partial_weight_bits as double) end
            as weight_bits,
        'gas ' || a.chain || ':' || a.address as event, case when s.is_whole = 1 then '' else ' (partial history)' end
            as note
    from shares s
    join facts.addresses a on a.address_id = s.supplier_id
    left join beliefs.entities e on e.entity_id = s.entity_id
    where s.addresses >= $min_addresses
        and cast(s.addresses as double) >= cast($min_purity as double) * cast(s.all_addresses as double)
),
chosen as (
    select
        d.*, c.wallet_bits,
        row_number() over (partition by d.supplier_id order by d.address_id, d.nth) as nth_of_supplier
    from supplied d
    join deposit_candidates c on c.address_id = d.address_id
    join proven p on p.supplier_id = d.supplier_id and p.root_id = c.root_id
),
swept as (
    select
        address_id, supplier_id, count(*) as sweeps, min(wallet_bits) as wallet_bits, min(gas_block) as first_block,
        max(block_number) as last_block, min(block_time) as first_time
    from chosen
    group by address_id, supplier_id
),
sweep_proofs as (
    select d.address_id, d.supplier_id, list_sort(list(distinct t.tx_hash)) as tx_hashes
    from chosen d
    join facts.transfers t on t.transfer_id = d.transfer_id
    where d.nth <= 20
    group by d.address_id, d.supplier_id
),
supply_proofs as (
    select d.supplier_id, list_sort(list(distinct t.tx_hash)) as tx_hashes
    from chosen d
    join facts.transfers t on t.transfer_id = d.last_supply_id
    where d.nth_of_supplier <= 20
    group by d.supplier_id
)
select
    d.address_id as left_id, cast(null as bigint) as right_id, p.entity_id as right_entity, 'deposit_of' as relation,
    p.event, least(p.weight_bits, d.wallet_bits) as weight_bits, d.sweeps as support, f.tx_hashes, d.first_block,
    d.last_block, d.first_time as valid_from, cast(null as timestamp) as valid_to, p.visibility,
    'Got gas and sent all its tokens to ' || p.name || ' within the hour, as did '
        || cast(p.addresses - 1 as varchar) || ' other addresses with the same gas supplier' || p.note as reason
from swept d
join proven p on p.supplier_id = d.supplier_id
left join sweep_proofs f on f.address_id = d.address_id and f.supplier_id = d.supplier_id
union all
select
    p.supplier_id, cast(null as bigint), p.entity_id, 'controls', p.event, p.weight_bits, p.addresses, f.tx_hashes,
    p.first_block, p.last_block, p.first_time, cast(null as timestamp), p.visibility,
    'Supplied gas to ' || cast(p.addresses as varchar) || ' addresses that then sent all their tokens to ' || p.name
        || ' within the hour' || p.note
from proven p
join supply_proofs f on f.supplier_id = p.supplier_id
where not exists (select 1 from beliefs.anchors a where a.address_id = p.supplier_id and a.visibility = 'public')
"""

HEURISTIC = Heuristic(
    name="gas_supplier_sweep",
    version=1,
    family="FLOW",
    relations=("deposit_of", "controls"),
    requires=("transfers", "tokens", "exchange_wallets"),
    params={
        "max_gas_micro_usd": 20_000_000,
        "max_gap_seconds": 3_600,
        "min_addresses": 20,
        "min_purity": 0.99,
        "weight_bits": 10.0,
        "partial_weight_bits": 2.0,
    },
    sql=_SQL,
    title="Gets gas from the exchange's supplier, then sweeps",
    consent="labelled service",
)
