"""Who might have taken out of a mixer what somebody put in?

Reads: facts.events, event_parties, clean_transfers, beliefs.services, facts.addresses.
Requires: mixer_events.
Returns: possible, depositor -> recipient of a later withdrawal: shown, never counted, for a mixer is a wall. Three
    kinds: one address on both sides (left and right are the same); `min_transfers` or more dealings outside the
    mixer; the same counts of two or more pools on both sides, each within a day, that at most `max_candidates`
    depositors share. The reason says how many had put into the pool by then: each of them may be the one.
Fails when: friends use one mixer; counts of pools that many choose; the source does not tell the depositor.
Source: Tutela (2022) on Tornado Cash; no precision of these three was ever published.
Cost: the events of mixers, one pass over the transfers of those who take part.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with moves as (
    select e.address_id as pool_id, 'in' as side, e.actor_id as person_id, e.block_number, e.block_time, e.tx_hash
    from facts.events e
    where e.event = 'mixer_deposit' and e.actor_id is not null and e.address_id is not null
    union all
    select p.address_id, 'out', p.party_id, p.block_number, p.block_time, p.tx_hash
    from event_parties p
    where p.event = 'mixer_withdrawal' and p.key = 'recipient' and p.address_id is not null
),
rounds as (
    select
        pool_id, side, person_id, count(*) as times, min(block_number) as first_block,
        max(block_number) as last_block, min(block_time) as first_time, max(block_time) as last_time,
        case when side = 'in' then min(block_time) else max(block_time) end as counted_time,
        case when side = 'in' then min(tx_hash) else max(tx_hash) end as tx_hash
    from moves
    group by pool_id, side, person_id
),
crowded as (
    select
        r.*, count(case when r.side = 'in' then 1 end) over (
            partition by r.pool_id order by r.counted_time, r.side, r.person_id
            rows between unbounded preceding and current row
        ) as depositors
    from rounds r
),
parties as (
    select r.side, r.person_id
    from rounds r
    where not exists (select 1 from beliefs.services v where v.address_id = r.person_id)
    group by r.side, r.person_id
),
dealings as (
    select sender_id, receiver_id, block_time from clean_transfers
    where sender_id in (select person_id from parties) and receiver_id in (select person_id from parties)
),
acquainted as (
    select d.left_id, d.right_id, count(*) as transfers, min(d.block_time) as met_time
    from (
        select sender_id as left_id, receiver_id as right_id, block_time from dealings
        union all
        select receiver_id, sender_id, block_time from dealings
    ) d
    where d.left_id <> d.right_id
    group by d.left_id, d.right_id
    having count(*) >= $min_transfers
    union all
    select person_id, person_id, 0, cast(null as timestamp) from parties where side = 'in'
),
portfolios as (
    select r.side, r.person_id, count(*) as pools, min(r.first_time) as first_time, max(r.last_time) as last_time
    from rounds r
    join parties p on p.side = r.side and p.person_id = r.person_id
    group by r.side, r.person_id
    having count(*) >= 2 and sum(r.times) >= $min_rounds
        and date_diff('second', min(r.first_time), max(r.last_time)) <= $max_seconds
),
same_counts as (
    select p.person_id as left_id, t.person_id as right_id, p.pools, min(i.pool_id) as pool_id
    from portfolios p
    join rounds i on i.side = 'in' and i.person_id = p.person_id
    join rounds o on o.side = 'out' and o.pool_id = i.pool_id and o.times = i.times
    join portfolios t on t.side = 'out' and t.person_id = o.person_id
    where p.side = 'in' and t.pools = p.pools and t.first_time > p.last_time and t.person_id <> p.person_id
    group by p.person_id, t.person_id, p.pools
    having count(*) = p.pools
),
alike as (
    select s.*, count(*) over (partition by s.right_id) as candidates from same_counts s
),
pairs as (
    select
        a.left_id, a.right_id, i.pool_id, a.transfers as support,
        case when a.left_id = a.right_id then cast($address_bits as double)
            when date_diff('second', a.met_time, o.last_time) between 0 and $met_seconds then cast($met_bits as double)
            else cast($weight_bits as double) end as weight_bits,
        case when a.left_id = a.right_id then 'It put into a pool and later took out of it itself'
            else 'One put into a pool, the other took out of it later, and they dealt with each other '
                || cast(a.transfers as varchar) || ' times outside it' end as words
    from acquainted a
    join rounds i on i.side = 'in' and i.person_id = a.left_id
    join rounds o on o.side = 'out' and o.person_id = a.right_id and o.pool_id = i.pool_id
    where i.first_time < o.last_time
    union all
    select
        s.left_id, s.right_id, s.pool_id, s.pools, cast($counts_bits as double),
        'One took out of ' || cast(s.pools as varchar) || ' pools as often as the other had put in, as '
            || cast(s.candidates as varchar) || case when s.candidates = 1 then ' depositor' else ' depositors' end
            || ' had'
    from alike s
    where s.candidates <= $max_candidates
)
select
    p.left_id, p.right_id, cast(null as varchar) as right_entity, 'possible' as relation,
    'mixer ' || a.chain || ':' || a.address as event, p.weight_bits, p.support,
    list_sort(list(distinct r.tx_hash)) as tx_hashes, min(r.first_block) as first_block,
    max(r.last_block) as last_block, min(r.first_time) as valid_from, cast(null as timestamp) as valid_to,
    'public' as visibility,
    p.words || '; ' || cast(max(case when r.side = 'out' then r.depositors end) as varchar)
        || ' addresses had put into it by then' as reason
from pairs p
join facts.addresses a on a.address_id = p.pool_id
join crowded r on r.pool_id = p.pool_id
    and r.person_id = case when r.side = 'in' then p.left_id else p.right_id end
group by p.left_id, p.right_id, a.chain, a.address, p.weight_bits, p.support, p.words
"""

HEURISTIC = Heuristic(
    name="mixer_reveal",
    version=1,
    family="FLOW",
    relations=("possible",),
    requires=("mixer_events",),
    params={
        "min_transfers": 3,
        "min_rounds": 3,
        "max_seconds": 86_400,
        "max_candidates": 10,
        "met_seconds": 259_200,
        "address_bits": 12.0,
        "met_bits": 5.0,
        "weight_bits": 3.0,
        "counts_bits": 2.0,
    },
    sql=_SQL,
    title="Put into a mixer, and might have taken out of it",
)
