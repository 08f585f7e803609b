"""Do two addresses that another rule links set gas in the same uncommon way, or in opposite ways?

Reads: proposed_pairs (beliefs.evidence of other rules), facts.transactions, facts.addresses.
Requires: evidence, transactions. Each of the two sent `min_sent` transactions or more since its chain knows those of
    type 2; older ones had no choice.
Returns: same_controller, only for pairs that are proposed already: `weight_bits` where three habits agree (old type
    of transaction, gas limits in whole thousands, gas prices in tenths of a gwei) and at most `max_share` of the busy
    senders of the chain have all three, `apart_bits` where two are opposite. A habit is what `min_habit` of the
    transactions show, or as many do not; in between there is none, and the pair says nothing.
Fails when: both merely use one wallet's software, as thousands do; a person uses two. The tip cannot be read from the
    price paid, so it is no habit here.
Source: SCIENCE.md A10 and A18 (fingerprints after EIP-1559).
Cost: one pass over the transactions with a group-by on the sender.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with eras as (
    select chain, min(block_number) as first_block from facts.transactions where type = 2 group by chain
),
senders as (
    select
        e.chain, x.sender_id, count(*) as sent, count(case when x.type = 0 then 1 end) as old_type,
        count(case when x.gas_limit <> 21000 then 1 end) as limits,
        count(case when x.gas_limit <> 21000 and x.gas_limit % 1000 = 0 then 1 end) as round_limits,
        count(x.gas_price) as prices, count(case when x.gas_price % 100000000 = 0 then 1 end) as round_prices,
        min(x.block_number) as first_block, max(x.block_number) as last_block, min(x.block_time) as first_time
    from facts.transactions x
    join eras e on e.chain = x.chain
    where x.block_number >= e.first_block and x.type is not null and x.sender_id is not null
    group by e.chain, x.sender_id
    having count(*) >= $min_sent and count(case when x.gas_limit <> 21000 then 1 end) >= $min_sent
        and count(x.gas_price) >= $min_sent
),
habits as (
    select
        s.*,
        case when old_type >= $min_habit * sent then 1 when sent - old_type >= $min_habit * sent then -1
            else 0 end as type_habit,
        case when round_limits >= $min_habit * limits then 1 when limits - round_limits >= $min_habit * limits then -1
            else 0 end as limit_habit,
        case when round_prices >= $min_habit * prices then 1 when prices - round_prices >= $min_habit * prices then -1
            else 0 end as price_habit
    from senders s
),
shares as (
    select
        h.*, count(*) over (partition by h.chain, h.type_habit, h.limit_habit, h.price_habit) as fellows,
        count(*) over (partition by h.chain) as everyone
    from habits h
),
judged as (
    select
        p.left_id, p.right_id, p.visibility, l.sent + r.sent as support,
        least(l.first_block, r.first_block) as first_block, greatest(l.last_block, r.last_block) as last_block,
        greatest(l.first_time, r.first_time) as first_time, l.fellows, l.everyone,
        case when l.type_habit = -r.type_habit then 1 else 0 end
            + case when l.limit_habit = -r.limit_habit then 1 else 0 end
            + case when l.price_habit = -r.price_habit then 1 else 0 end as differ,
        l.type_habit = r.type_habit and l.limit_habit = r.limit_habit and l.price_habit = r.price_habit as agree
    from proposed_pairs p
    join shares l on l.sender_id = p.left_id
    join shares r on r.sender_id = p.right_id
    where l.type_habit * l.limit_habit * l.price_habit <> 0 and r.type_habit * r.limit_habit * r.price_habit <> 0
)
select
    j.left_id, j.right_id, cast(null as varchar) as right_entity, 'same_controller' as relation,
    'gas ' || a.chain || ':' || a.address || ' ' || b.address as event,
    case when j.agree then cast($weight_bits as double) else cast($apart_bits as double) end as weight_bits, j.support,
    cast(null as varchar[]) as tx_hashes, j.first_block, j.last_block, j.first_time as valid_from,
    cast(null as timestamp) as valid_to, j.visibility,
    case when j.agree then 'They set type, limit and price of gas alike, as do ' || cast(j.fellows as varchar)
            || ' of ' || cast(j.everyone as varchar) || ' busy senders'
        else 'They set type, limit or price of gas in opposite ways' end as reason
from judged j
join facts.addresses a on a.address_id = j.left_id
join facts.addresses b on b.address_id = j.right_id
where j.differ >= 2
    or (j.agree and cast(j.fellows as double) <= $max_share * cast(j.everyone as double))
"""

HEURISTIC = Heuristic(
    name="gas_habit",
    version=1,
    family="BEHAV",
    relations=("same_controller",),
    requires=("evidence", "transactions"),
    params={"min_sent": 20, "min_habit": 0.9, "max_share": 0.25, "weight_bits": 0.5, "apart_bits": -0.5},
    sql=_SQL,
    title="Habits of setting gas",
    consent="not known",
)
