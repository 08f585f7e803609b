"""Which keys work one private trading contract?

Reads: facts.transactions and addresses, clean_transfers, whole_chains, beliefs.services.
Requires: transactions, transfers. "Nobody else calls it" counts where the history of the chain is whole, else the
    weight is capped at `partial_weight_bits`.
Returns: same_controller, the key that calls most -> the contract, and -> every other key that calls it, for contracts
    that trade with other contracts on their own money whenever one of a few keys calls: half of the calls trade, and
    in nine of ten nothing moves between the contract and anybody who is neither a contract nor a service.
Fails when: a firm lets its customers' keys call one contract that holds their common money; a contract that is open to
    all was found by few.
Source: trading bots let only their operator's keys through: their money lies in the contract (
    which makes the gate the consent).
Cost: one pass over the transactions, one over the transfers (semi-join with the contracts that few keys call).
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with called as (
    select t.receiver_id as contract_id, count(*) as calls, count(distinct t.sender_id) as callers
    from facts.transactions t
    where t.receiver_id is not null and t.method_id is not null and t.success
    group by t.receiver_id
    having count(distinct t.sender_id) <= $max_callers and count(*) >= $min_calls
),
contracts as (
    select c.*, a.chain, a.address
    from called c
    join facts.addresses a on a.address_id = c.contract_id and a.is_contract
    where not exists (
        select 1 from beliefs.services v where v.address_id = c.contract_id and v.kind in ('labelled', 'system')
    )
        and not exists (
            select 1 from facts.events e
            where e.address_id = c.contract_id and e.event in ('safe_created', 'account_created', 'forwarder_created')
        )
),
calls as (
    select
        t.receiver_id as contract_id, t.sender_id, t.chain, t.tx_hash, t.block_number, t.block_time,
        row_number() over (partition by t.receiver_id, t.sender_id order by t.block_time, t.tx_hash) as nth
    from facts.transactions t
    join contracts c on c.contract_id = t.receiver_id
    where t.method_id is not null and t.success
),
moves as (
    select c.contract_id, t.chain, t.tx_hash, 'out' as direction, t.receiver_id as other_id
    from clean_transfers t
    join contracts c on c.contract_id = t.sender_id
    union all
    select c.contract_id, t.chain, t.tx_hash, 'in' as direction, t.sender_id as other_id
    from clean_transfers t
    join contracts c on c.contract_id = t.receiver_id
),
seen as (
    select
        m.contract_id, m.chain, m.tx_hash,
        max(case when a.is_contract and m.direction = 'out' then 1 else 0 end) as sells,
        max(case when a.is_contract and m.direction = 'in' then 1 else 0 end) as buys,
        max(case when coalesce(a.is_contract, false) or v.address_id is not null then 0 else 1 end) as people
    from moves m
    join facts.addresses a on a.address_id = m.other_id
    left join (select distinct address_id from beliefs.services) v on v.address_id = m.other_id
    group by m.contract_id, m.chain, m.tx_hash
),
bots as (
    select c.contract_id, sum(s.sells * s.buys) as trades, sum(s.people) as others
    from calls c
    left join seen s on s.contract_id = c.contract_id and s.chain = c.chain and s.tx_hash = c.tx_hash
    group by c.contract_id
    having 2 * sum(s.sells * s.buys) >= count(*) and 10 * sum(s.people) <= count(*)
),
keys as (
    select
        c.contract_id, c.sender_id, count(*) as calls, min(c.block_number) as first_block,
        max(c.block_number) as last_block, min(c.block_time) as first_time,
        list_sort(list(distinct c.tx_hash) filter (where c.nth <= 10)) as tx_hashes
    from calls c
    join bots b on b.contract_id = c.contract_id
    group by c.contract_id, c.sender_id
    having count(*) >= $min_calls_per_key
),
ranked as (
    select
        k.*, a.address,
        row_number() over (partition by k.contract_id order by k.calls desc, k.first_time, a.address) as place
    from keys k
    join facts.addresses a on a.address_id = k.sender_id
),
ends as (
    select k.contract_id, k.sender_id as trunk_id, k.contract_id as right_id, k.calls, k.first_block, k.last_block,
        k.first_time, k.tx_hashes
    from ranked k
    where k.place = 1
    union all
    select k.contract_id, t.sender_id as trunk_id, k.sender_id as right_id, k.calls, k.first_block, k.last_block,
        k.first_time, k.tx_hashes
    from ranked k
    join ranked t on t.contract_id = k.contract_id and t.place = 1
    where k.place > 1
)
select
    e.trunk_id as left_id, e.right_id, cast(null as varchar) as right_entity, 'same_controller' as relation,
    'bot ' || c.chain || ':' || c.address as event,
    case when w.chain is null then cast($partial_weight_bits as double) else cast($weight_bits as double) end
        as weight_bits,
    e.calls as support, e.tx_hashes, e.first_block, e.last_block, e.first_time as valid_from,
    cast(null as timestamp) as valid_to, 'public' as visibility,
    'Only ' || cast(c.callers as varchar) || case when c.callers = 1 then ' key calls' else ' keys call' end
        || ' this contract, which trades on its own money in ' || cast(b.trades as varchar) || ' of '
        || cast(c.calls as varchar) || ' calls'
        || case when w.chain is null then ' (partial history)' else '' end as reason
from ends e
join contracts c on c.contract_id = e.contract_id
join bots b on b.contract_id = e.contract_id
left join whole_chains w on w.chain = c.chain
"""

HEURISTIC = Heuristic(
    name="mev_operator",
    version=1,
    family="AUTH",
    relations=("same_controller",),
    requires=("transactions", "transfers"),
    params={
        "max_callers": 10,
        "min_calls": 20,
        "min_calls_per_key": 5,
        "weight_bits": 8.0,
        "partial_weight_bits": 2.0,
    },
    sql=_SQL,
    title="Keys of one private trading contract",
    consent="both signed",
    is_tree=True,
)
