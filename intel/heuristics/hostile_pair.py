"""Which two addresses can have no common controller, because one of them deceives or robs the other?

Reads: beliefs.transfer_flags, beliefs.listings, beliefs.services, clean_transfers, facts.transfers, facts.postings.
Requires: transfers. A spoof and a theft by allowance are seen only where it is known who signed.
Returns: cannot_link, one row per pair and visibility. A look-alike and whom it deceives: its dust is flagged and the
    two never signed payments both ways, or a stranger signed a transfer of nothing from the one to the other, which
    looks like one that it really pays. A listed thief and whom it robs: the tokens left without the owner's
    signature, or `min_victims` paid a listed scam and the one got nothing back.
Fails when: a list is wrong; a thief moves his own money into his listed wallet, among many victims, from one that no
    list names. The owner of two addresses alike (one vanity prefix) signs from both, so he is not hit.
Source: SCIENCE.md C2 and A0; Tsuchiya et al. 2025 (arXiv 2501.16681) on poisoned histories.
Cost: joins with the flagged transfers and the listed addresses; one pass over the transfers for each of the two.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

# A spoof that worked is paid in full afterwards: its crumbs are then no dust, so look-alikes are compared once more.
_SQL = """
with dusted as (
    select t.transfer_id, t.sender_id, t.receiver_id
    from facts.transfers t
    join beliefs.transfer_flags f on f.transfer_id = t.transfer_id
    where f.flag = 'lookalike_dust'
),
mutual as (
    select d.one_id, d.other_id
    from (
        select distinct least(sender_id, receiver_id) as one_id, greatest(sender_id, receiver_id) as other_id
        from dusted
    ) d
    join facts.postings p on p.address_id = d.one_id and p.counterparty_id = d.other_id
    join facts.transfers t on t.transfer_id = p.transfer_id
    where t.initiator_id = t.sender_id
    group by d.one_id, d.other_id
    having min(p.direction) < max(p.direction)
),
spoofs as (
    select t.transfer_id, t.sender_id, t.receiver_id, a.address
    from facts.transfers t
    join beliefs.transfer_flags f on f.transfer_id = t.transfer_id
    join facts.addresses a on a.address_id = t.receiver_id
    where f.flag = 'zero_value_spoof' and t.initiator_id <> t.sender_id and t.initiator_id <> t.receiver_id
),
models as (
    select distinct p.address_id, p.counterparty_id, a.address, substr(a.address, 3, 3) as head,
        substr(a.address, length(a.address) - 2, 3) as tail
    from facts.postings p
    join facts.addresses a on a.address_id = p.counterparty_id
    where p.address_id in (select sender_id from spoofs) and p.direction = -1
        and p.value_micro_usd >= $tiny_micro_usd
),
thieves as (
    select address_id, visibility, min(category) as category, min(source) as source
    from beliefs.listings
    where category in ('phishing_scam', 'hack')
    group by address_id, visibility
),
taken as (
    select t.transfer_id, t.sender_id, t.receiver_id, t.initiator_id, t.kind, x.category, x.visibility,
        'Listed as ' || replace(x.category, '_', ' ') || ' by ' || coalesce(x.source, 'an unnamed source') as listed
    from clean_transfers t
    join thieves x on x.address_id = t.receiver_id
    where not exists (select 1 from thieves y where y.address_id = t.sender_id)
        and not exists (select 1 from beliefs.services v where v.address_id = t.sender_id)
),
crowds as (
    select receiver_id, count(distinct sender_id) as victims from taken group by receiver_id
),
given as (
    select distinct t.sender_id, t.receiver_id from clean_transfers t join thieves x on x.address_id = t.sender_id
),
found as (
    select d.transfer_id, d.sender_id, d.receiver_id, 1 as rank, 'public' as visibility,
        'One looks like an address that the other deals with, and sends or fakes next to nothing' as reason
    from dusted d
    left join mutual m on m.one_id = least(d.sender_id, d.receiver_id)
        and m.other_id = greatest(d.sender_id, d.receiver_id)
    where m.one_id is null
    union all
    select s.transfer_id, s.sender_id, s.receiver_id, 0, 'public',
        'A stranger signed a transfer of nothing between the two, to one that looks like whom the other really pays'
    from spoofs s
    join models m on m.address_id = s.sender_id and m.head = substr(s.address, 3, 3)
        and m.tail = substr(s.address, length(s.address) - 2, 3)
    where m.counterparty_id <> s.receiver_id
        and (substr(m.address, 6, 1) = substr(s.address, 6, 1)
            or substr(m.address, length(m.address) - 3, 1) = substr(s.address, length(s.address) - 3, 1))
    union all
    select transfer_id, sender_id, receiver_id, 2, visibility,
        listed || ', one took tokens that the other did not sign away'
    from taken
    where kind in ('erc20', 'erc721', 'erc1155') and initiator_id <> sender_id
    union all
    select k.transfer_id, k.sender_id, k.receiver_id, 3, k.visibility,
        k.listed || ', one was paid by ' || cast(c.victims as varchar) || ' addresses and gave the other nothing'
    from taken k
    join crowds c on c.receiver_id = k.receiver_id
    left join given g on g.sender_id = k.receiver_id and g.receiver_id = k.sender_id
    where c.victims >= $min_victims and k.category = 'phishing_scam' and g.sender_id is null
),
ranked as (
    select
        f.*, least(f.sender_id, f.receiver_id) as left_id, greatest(f.sender_id, f.receiver_id) as right_id,
        row_number() over (
            partition by least(f.sender_id, f.receiver_id), greatest(f.sender_id, f.receiver_id), f.visibility
            order by f.rank, f.transfer_id, f.reason
        ) as nth
    from found f
    where f.sender_id <> f.receiver_id
)
select
    r.left_id, r.right_id, cast(null as varchar) as right_entity, 'cannot_link' as relation,
    'hostile ' || min(t.chain) || ':' || min(case when r.nth = 1 then t.tx_hash end) as event,
    cast($weight_bits as double) as weight_bits, count(distinct r.transfer_id) as support,
    list_sort(list(distinct t.tx_hash) filter (where r.nth <= 20)) as tx_hashes,
    min(t.block_number) as first_block, max(t.block_number) as last_block, min(t.block_time) as valid_from,
    cast(null as timestamp) as valid_to, r.visibility,
    min(case when r.nth = 1 then r.reason end) as reason
from ranked r
join facts.transfers t on t.transfer_id = r.transfer_id
group by r.left_id, r.right_id, r.visibility
"""

HEURISTIC = Heuristic(
    name="hostile_pair",
    version=1,
    family="NEG",
    relations=("cannot_link",),
    requires=("transfers",),
    params={"tiny_micro_usd": 10_000_000, "min_victims": 5, "weight_bits": -10.0},
    sql=_SQL,
    title="One deceives or robs the other",
)
