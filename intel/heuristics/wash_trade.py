"""Who sells collectibles back and forth, so that the trades look arranged?

Reads: facts.transfers, whole_chains, first_fundings, beliefs.services, facts.addresses.
Requires: collectibles. A trade is a change of holder in a transaction that also moves money from the buyer or to the
    seller; escrows and markets in between are skipped. Where the whole history is not known, nobody's first coins
    are: then they count `partial_weight_bits`.
Returns: coordinated, one row per pair of traders: collusion, which is no common controller. Filters: the same piece
    sold back (F2); a trader who bought the same piece `min_buys` times (F3), with each from whom he bought it; first
    coins of both from one address that is no service, or of one from the other (F4). F1 (buyer is seller) has no
    second party, and F5 (flash loan) needs the calls inside a transaction: both are left out.
Fails when: a lender hands a piece back against money; friends trade; a market that no one labelled holds the pieces.
Source: the wash-trade filters of Dune's NFT tables; arXiv 2311.18717 on their extent.
Cost: one window over the transfers of collectibles, joins with the money of their transactions.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with holders as (
    select a.address_id
    from facts.addresses a
    where not coalesce(a.is_contract, false)
        and not exists (select 1 from beliefs.services v where v.address_id = a.address_id)
),
changes as (
    select
        t.transfer_id, t.chain, t.tx_hash, t.asset_id, t.block_number, t.block_time, t.receiver_id as buyer_id,
        coalesce(s.address_id, lag(t.receiver_id) over (partition by t.asset_id order by t.transfer_id)) as seller_id
    from facts.transfers t
    join holders r on r.address_id = t.receiver_id
    left join holders s on s.address_id = t.sender_id
    where t.kind = 'erc721'
),
paid as (
    select c.transfer_id, least(c.transfer_id, min(m.transfer_id)) as began_id
    from changes c
    join facts.transfers m on m.chain = c.chain and m.tx_hash = c.tx_hash
    where c.seller_id <> c.buyer_id and m.kind in ('native', 'internal', 'erc20') and m.value_raw > 0
        and (m.sender_id = c.buyer_id or m.receiver_id = c.seller_id)
    group by c.transfer_id
),
trades as (
    select c.*, p.began_id, count(*) over (partition by c.asset_id, c.buyer_id) as buys
    from changes c
    join paid p on p.transfer_id = c.transfer_id
),
sold_back as (
    select distinct t.transfer_id
    from trades t
    join trades b on b.asset_id = t.asset_id and b.seller_id = t.buyer_id and b.buyer_id = t.seller_id
),
funders as (
    select f.address_id, f.funder_id, f.transfer_id
    from first_fundings f
    join holders h on h.address_id = f.funder_id
),
found as (
    select t.transfer_id, 'the same piece was sold back' as words, 0 as is_first
    from trades t
    join sold_back b on b.transfer_id = t.transfer_id
    union all
    select transfer_id, 'one bought the same piece again and again', 0
    from trades
    where buys >= $min_buys
    union all
    select t.transfer_id, 'the first coins of one came from the other, or of both from one address', 1
    from trades t
    left join funders s on s.address_id = t.seller_id and s.transfer_id < t.began_id
    left join funders b on b.address_id = t.buyer_id and b.transfer_id < t.began_id
    where s.funder_id = b.funder_id or s.funder_id = t.buyer_id or b.funder_id = t.seller_id
),
ranked as (
    select
        f.words, f.is_first, t.*, h.chain as whole_chain, row_number() over (
            partition by least(t.seller_id, t.buyer_id), greatest(t.seller_id, t.buyer_id)
            order by t.transfer_id, f.words
        ) as nth
    from found f
    join trades t on t.transfer_id = f.transfer_id
    left join whole_chains h on h.chain = t.chain
)
select
    least(r.seller_id, r.buyer_id) as left_id, greatest(r.seller_id, r.buyer_id) as right_id,
    cast(null as varchar) as right_entity, 'coordinated' as relation,
    'wash ' || min(r.chain) || ':' || min(case when r.nth = 1 then r.tx_hash end) as event,
    case when min(r.is_first) = 0 or min(r.whole_chain) is not null then cast($weight_bits as double)
        else cast($partial_weight_bits as double) end as weight_bits,
    count(distinct r.transfer_id) as support,
    list_sort(list(distinct r.tx_hash) filter (where r.nth <= 20)) as tx_hashes,
    min(r.block_number) as first_block, max(r.block_number) as last_block, min(r.block_time) as valid_from,
    cast(null as timestamp) as valid_to, 'public' as visibility,
    'They sold collectibles to each other ' || cast(count(distinct r.transfer_id) as varchar)
        || case when count(distinct r.transfer_id) = 1 then ' time' else ' times' end || ', it looks arranged: '
        || array_to_string(list_sort(list(distinct r.words)), '; ') as reason
from ranked r
group by least(r.seller_id, r.buyer_id), greatest(r.seller_id, r.buyer_id)
"""

HEURISTIC = Heuristic(
    name="wash_trade",
    version=1,
    family="FLOW",
    relations=("coordinated",),
    requires=("collectibles",),
    params={"min_buys": 3, "weight_bits": 3.0, "partial_weight_bits": 2.0},
    sql=_SQL,
    title="Arranged trades of collectibles",
)
