"""Which wallet lives on the coins of one other wallet alone, and goes on getting them from there?

Reads: wallet_fundings (first_fundings, plain_wallets, known_deposits), clean_transfers, whole_chains, beliefs.listings.
Requires: transfers, initiators. "Alone" counts fully where coverage proves the whole history, else the weight is
    capped at `partial_weight_bits`.
Returns: same_controller, funder -> wallet, where every coin that ever came in was sent by the funder, on `min_days`
    days or more, and the wallet signed within `max_days` of the first and after a later one: coins for fees are sent
    when they are needed, a friend's payment lies until its owner has use for it. Weight: `weight_bits` - log2(wallets
    first paid by this funder), none above `max_funded`. The event is that of first_funder: both tell of one funding.
Fails when: somebody pays the fees of a parent or a friend for months; an employer keeps the gas of his staff's wallets
    up. One payment to a stranger is not enough: whoever attacks would have to carry his victim's fees, and his victim
    to have no coin of his own.
Source: SCIENCE.md A11, gas funding trees; that the supply goes on, and is the only one, was measured on simulated
    economies (docs/heuristics.md).
Cost: one pass over the coins that reach funded wallets (semi-join).
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with fundings as (
    select * from wallet_fundings where funded <= $max_funded
),
arrivals as (
    select t.receiver_id as address_id, t.sender_id, t.transfer_id, t.tx_hash, t.block_number, t.block_time
    from clean_transfers t
    where t.kind in ('native', 'internal')
        and t.receiver_id in (select address_id from fundings)
),
numbered as (
    select a.*, row_number() over (partition by a.address_id order by a.transfer_id) as nth from arrivals a
),
supplies as (
    select
        address_id, min(sender_id) as funder_id, count(*) as payments,
        count(distinct cast(block_time as date)) as days, min(block_number) as first_block,
        max(block_number) as last_block, max(block_time) as last_time,
        list_sort(list(distinct tx_hash) filter (where nth <= 20)) as tx_hashes
    from numbered
    group by address_id
    having min(sender_id) = max(sender_id)
),
signed as (
    select t.initiator_id as address_id, max(t.block_time) as last_time
    from facts.transfers t
    where t.initiator_id in (select address_id from supplies where days >= $min_days)
    group by t.initiator_id
),
seconds as (
    select n.address_id, min(n.block_time) as second_time
    from numbered n
    join fundings f on f.address_id = n.address_id
    where cast(n.block_time as date) > cast(f.block_time as date)
    group by n.address_id
)
select
    f.funder_id as left_id, f.address_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, f.event,
    least(
        cast($weight_bits as double) - round(log2(cast(f.funded as double)), 3),
        case when c.chain is null then cast($partial_weight_bits as double) else cast($weight_bits as double) end
    ) as weight_bits,
    s.payments as support, s.tx_hashes, s.first_block, s.last_block, f.block_time as valid_from,
    cast(null as timestamp) as valid_to, 'public' as visibility,
    'All coins that the other ever got came from there, ' || cast(s.payments as varchar) || ' payments on '
        || cast(s.days as varchar) || ' days, and it signed with them'
        || case when c.chain is null then ' (partial history)' else '' end as reason
from supplies s
join fundings f on f.address_id = s.address_id and f.funder_id = s.funder_id
join signed g on g.address_id = s.address_id
join seconds n on n.address_id = s.address_id
left join whole_chains c on c.chain = f.chain
where s.days >= $min_days
    and g.last_time >= n.second_time
    and date_diff('second', f.block_time, f.signed_time) <= $max_days * 86400
    and not exists (select 1 from beliefs.listings l where l.address_id = f.address_id)
    and not exists (select 1 from beliefs.listings l where l.address_id = f.funder_id)
"""

HEURISTIC = Heuristic(
    name="sole_supply",
    version=1,
    family="FUND",
    relations=("same_controller",),
    requires=("transfers", "initiators"),
    params={"max_funded": 16, "min_days": 2, "max_days": 7, "weight_bits": 7.0, "partial_weight_bits": 2.0},
    sql=_SQL,
    title="Lives on one wallet's coins",
    consent="both signed",
    is_tree=True,
)
