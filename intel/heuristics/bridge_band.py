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
Source: Connector and ABCTracer match by asset, amount and time in the same way (F1 .92 on twelve bridges). The window
    is a day because bridges differ, and one that is too short matches strangers. On the 7,788 transfers of the Nomad
    bridge that XChainWatcher matched by id: precision .999, recall .94; .46 if no recipient were the sender's key.
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
ends as (
    select t.*, w.bridge, w.visibility, 'in' as direction, t.sender_id as party_id
    from clean_transfers t
    join wallets w on w.address_id = t.receiver_id
    union all
    select t.*, w.bridge, w.visibility, 'out' as direction, t.receiver_id as party_id
    from clean_transfers t
    join wallets w on w.address_id = t.sender_id
),
keyed as (
    select
        e.transfer_id, e.chain, e.block_number, e.block_time, e.tx_hash, e.bridge, e.visibility, e.direction,
        e.party_id, a.address, coalesce(s.price_symbol, s.symbol) as symbol,
        cast(e.value_raw as double) / power(10.0, s.decimals) as amount,
        date_diff('day', timestamp '2000-01-01', e.block_time) as day,
        cast(floor(ln(cast(e.value_raw as double) / power(10.0, s.decimals)) * $bands) as bigint) as band
    from ends e
    join facts.assets s on s.asset_id = e.asset_id
    join facts.addresses a on a.address_id = e.party_id
    where s.decimals is not null and e.value_raw > 0
        and not exists (select 1 from wallets w where w.address_id = e.party_id)
        and not exists (select 1 from told m where m.chain = e.chain and m.tx_hash = e.tx_hash)
),
near as (select -1 as step union all select 0 union all select 1),
pairs as (
    select
        d.transfer_id as sent_id, p.transfer_id as paid_id, d.party_id as sender_id, p.party_id as receiver_id,
        d.chain as sent_chain,
        p.chain as paid_chain, d.tx_hash as sent_tx, p.tx_hash as paid_tx, p.block_time, p.block_number,
        least(d.visibility, p.visibility) as visibility,
        date_diff('second', d.block_time, p.block_time) as gap_seconds,
        case when d.address = p.address then 1 else 0 end as same_key
    from keyed d
    join near y on true
    join near b on b.step <= 0
    join keyed p on p.bridge = d.bridge and p.symbol = d.symbol and p.day = d.day + y.step and p.band = d.band + b.step
    where d.direction = 'in' and p.direction = 'out' and p.chain <> d.chain
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
