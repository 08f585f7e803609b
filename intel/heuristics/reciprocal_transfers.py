"""Which two wallets of few dealings pay each other, on different days?

Reads: wallet_flows (each payment signed by who sent it), first_fundings, facts.address_stats, known_deposits,
    beliefs.listings.
Requires: transfers, initiators.
Returns: same_controller, one row per pair, where both ways together span two days or more and neither has more than
    `max_counterparties` counterparties. First coins and what came back for them are told by first_funder, not here.
Fails when: friends lend each other money; a worker pays back an advance. Hence a weight that unites nobody alone.
Source: SCIENCE.md A23: precision .92 on the groups of Hop, at 2 % of the pairs.
Cost: a self-join of the flows between plain wallets.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
select
    f.sender_id as left_id, f.receiver_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'dealings ' || a.chain || ':' || a.address || ' ' || b.address as event,
    cast($weight_bits as double) as weight_bits, f.transfers + r.transfers as support,
    list_sort([x.tx_hash, y.tx_hash]) as tx_hashes, least(f.first_block, r.first_block) as first_block,
    greatest(f.last_block, r.last_block) as last_block, greatest(f.first_time, r.first_time) as valid_from,
    cast(null as timestamp) as valid_to, 'public' as visibility,
    'Each pays the other, ' || cast(f.transfers as varchar) || ' and ' || cast(r.transfers as varchar)
        || ' times, on different days, and neither deals with many' as reason
from wallet_flows f
join wallet_flows r on r.sender_id = f.receiver_id and r.receiver_id = f.sender_id
join facts.address_stats s on s.address_id = f.sender_id
join facts.address_stats u on u.address_id = f.receiver_id
join facts.addresses a on a.address_id = f.sender_id
join facts.addresses b on b.address_id = f.receiver_id
join facts.transfers x on x.transfer_id = f.first_id
join facts.transfers y on y.transfer_id = r.first_id
left join first_fundings g on g.transfer_id = f.first_id
left join first_fundings h on h.transfer_id = r.first_id
where f.sender_id < f.receiver_id
    and (g.transfer_id is null or f.transfers > 1)
    and (h.transfer_id is null or r.transfers > 1)
    and s.counterparties <= $max_counterparties
    and u.counterparties <= $max_counterparties
    and (cast(least(f.first_time, r.first_time) as date) < cast(greatest(f.last_time, r.last_time) as date))
    and not exists (select 1 from known_deposits k where k.address_id = f.sender_id and k.visibility = 'public')
    and not exists (select 1 from known_deposits k where k.address_id = f.receiver_id and k.visibility = 'public')
    and not exists (select 1 from beliefs.listings l where l.address_id = f.sender_id)
    and not exists (select 1 from beliefs.listings l where l.address_id = f.receiver_id)
"""

HEURISTIC = Heuristic(
    name="reciprocal_transfers",
    version=1,
    family="FLOW",
    relations=("same_controller",),
    requires=("transfers", "initiators"),
    params={"max_counterparties": 50, "weight_bits": 3.5},
    sql=_SQL,
    title="Each pays the other",
    consent="both signed",
)
