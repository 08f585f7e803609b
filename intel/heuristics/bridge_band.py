"""Who sent what to whom across chains, where a bridge tells no message ids?

Reads: clean_transfers, facts.assets, addresses and events, beliefs.anchors.
Requires: transfers, several_chains, bridge_wallets.
Returns: bridged_to, sender on one chain -> recipient on the other, one row per pair whose payments match: the same
    asset of one labelled bridge, paid out within `window_seconds`, in full but for a fee of at most `max_fee`. Both
    must be each other's best match, those of one key before the others. The probability is 1 / (1 + e) for e payments
    out that chance alone would bring into window and band, at the rate of the three days around (to the same key,
    where that is what matched); below `min_probability` there is no row.
Fails when: a bridge batches payments or fills one in parts; a fixed fee eats more than `max_fee` of a small amount; a
    busy bridge and a round amount leave no single match, which gives no row rather than a wrong one.
Source: Connector and ABCTracer match by asset, amount and time in the same way (F1 .92 on twelve bridges).
Cost: semi-joins of the transfers with the labelled wallets, then a join on bridge, asset, day and band of the amount.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with wallets as (
    select a.address_id, min(a.entity_id) as bridge, max(a.visibility) as visibility
    from beliefs.anchors a
    where a.category = 'bridge'
    group by a.address_id
    having min(a.entity_id) = max(a.entity_id)
),
told as (
    select distinct a.chain, e.tx_hash
    from facts.events e
    join facts.addresses a on a.address_id = e.address_id
    where e.event in ('bridge_sent', 'bridge_received')
),
legs as (
    select
        t.transfer_id, t.chain, t.sender_id, t.receiver_id, t.block_number, t.block_time, t.tx_hash,
        coalesce(s.price_symbol, s.symbol) as symbol, cast(t.value_raw as double) / power(10.0, s.decimals) as amount,
        i.bridge as bridge_in, o.bridge as bridge_out, coalesce(i.visibility, o.visibility) as visibility
    from clean_transfers t
    join facts.assets s on s.asset_id = t.asset_id
    left join wallets i on i.address_id = t.receiver_id
    left join wallets o on o.address_id = t.sender_id
    left join told m on m.chain = t.chain and m.tx_hash = t.tx_hash
    where (i.bridge is null) <> (o.bridge is null) and m.tx_hash is null and s.decimals is not null
        and t.value_raw is not null
),
keyed as (
    select
        g.*, coalesce(g.bridge_in, g.bridge_out) as bridge,
        date_diff('day', timestamp '2000-01-01', g.block_time) as day,
        cast(floor(ln(g.amount) * $bands) as bigint) as band, a.address
    from legs g
    join facts.addresses a on a.address_id = coalesce(case when g.bridge_in is null then g.receiver_id end, g.sender_id)
),
near as (select -1 as step union all select 0 union all select 1),
pairs as (
    select
        d.transfer_id as sent_id, p.transfer_id as paid_id, d.sender_id, p.receiver_id, d.chain as sent_chain,
        p.chain as paid_chain, d.tx_hash as sent_tx, p.tx_hash as paid_tx, p.block_time, p.block_number,
        least(d.visibility, p.visibility) as visibility,
        date_diff('second', d.block_time, p.block_time) as gap_seconds,
        case when d.address = p.address then 1 else 0 end as same_key
    from keyed d
    join near y on true
    join near b on b.step <= 0
    join keyed p on p.bridge = d.bridge and p.symbol = d.symbol and p.day = d.day + y.step and p.band = d.band + b.step
    where d.bridge_in is not null and p.bridge_out is not null and p.chain <> d.chain
        and p.amount between d.amount * (1 - $max_fee) and d.amount
),
rated as (
    select
        m.*, m.gap_seconds between 0 and $window_seconds as is_near,
        count(*) over (partition by m.sent_id) - 1 as others,
        count(case when m.same_key = 1 then 1 end) over (partition by m.sent_id) - 1 as own_others
    from pairs m
),
ranked as (
    select
        r.*,
        row_number() over (partition by r.sent_id order by r.same_key desc, r.gap_seconds, r.paid_id) as sent_rank,
        row_number() over (partition by r.paid_id order by r.same_key desc, r.gap_seconds, r.sent_id) as paid_rank
    from rated r
    where r.is_near
),
matched as (
    select
        k.*, 1.0 / (1.0 + case when k.same_key = 1 then k.own_others else k.others end
            * ($window_seconds / 259200.0)) as probability,
        row_number() over (partition by k.sender_id, k.receiver_id order by k.paid_id) as nth
    from ranked k
    where k.sent_rank = 1 and k.paid_rank = 1
),
chosen as (select * from matched where probability >= $min_probability),
proofs as (
    select c.sender_id, c.receiver_id, list_sort(list(distinct c.tx_hash)) as tx_hashes
    from (
        select sender_id, receiver_id, sent_tx as tx_hash from chosen where nth <= 10
        union all
        select sender_id, receiver_id, paid_tx as tx_hash from chosen where nth <= 10
    ) c
    group by c.sender_id, c.receiver_id
)
select
    c.sender_id as left_id, c.receiver_id as right_id, cast(null as varchar) as right_entity,
    'bridged_to' as relation, 'bridged ' || min(c.sent_tx) as event, cast($weight_bits as double) as weight_bits,
    count(*) as support, p.tx_hashes, min(c.block_number) as first_block, max(c.block_number) as last_block,
    min(c.block_time) as valid_from, cast(null as timestamp) as valid_to, min(c.visibility) as visibility,
    cast(count(*) as varchar) || case when count(*) = 1 then ' payment' else ' payments' end
        || ' into a bridge on ' || c.sent_chain || ' and out of it on ' || c.paid_chain
        || ' match in asset, amount and time' as reason
from chosen c
join proofs p on p.sender_id = c.sender_id and p.receiver_id = c.receiver_id
group by c.sender_id, c.receiver_id, c.sent_chain, c.paid_chain, p.tx_hashes
"""

HEURISTIC = Heuristic(
    name="bridge_band",
    version=1,
    family="CHAIN",
    relations=("bridged_to",),
    requires=("transfers", "several_chains", "bridge_wallets"),
    params={
        "window_seconds": 86_400,
        "max_fee": 0.01,
        "bands": 90.0,  # per factor e: a band is a little wider than the highest fee, so a match is in it or one below
        "min_probability": 0.95,
        "weight_bits": 4.3,
    },
    sql=_SQL,
    title="Sent across a bridge, by amount and time",
    consent="not claimed",
)
