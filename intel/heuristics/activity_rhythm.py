"""Do two addresses that another rule links sleep at the same hours, or at opposite ones?

Reads: proposed_pairs (beliefs.evidence of other rules), facts.address_stats, facts.transfers, facts.addresses.
Requires: evidence, initiators. Each of the two signed `min_signed` transactions or more over 60 days.
Returns: same_controller, only for pairs that are proposed already: `weight_bits` where the hours of the day agree
    (Jensen-Shannon divergence below `max_divergence`), `apart_bits` where the six quietest hours do not overlap.
    Hours are smoothed by half a transaction each. Who is active around the clock (entropy of `max_entropy` bits or
    more) is a machine or a desk and says nothing; no more do quiet hours that are not quiet (`max_quiet_share`).
Fails when: the owner moved to another part of the world; two people of one country keep the same hours, by which
    thousands agree: hence half a bit, and never a pair of its own.
Source: SCIENCE.md A18; quasi-identifiers of Beres et al. 2021.
Cost: one pass over the transfers that the proposed addresses signed; 24 rows per address and pair.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

# Logarithms are rounded to decimals before they are added up: one sum on every engine and in every order.
_SQL = """
with ends as (
    select left_id as address_id from proposed_pairs
    union
    select right_id from proposed_pairs
),
active as (
    select s.address_id
    from facts.address_stats s
    join ends e on e.address_id = s.address_id
    where s.signed >= $min_signed and date_diff('second', s.first_time, s.last_time) >= $min_seconds
),
signed as (
    select distinct t.initiator_id as address_id, t.tx_hash, t.block_number, t.block_time,
        extract(hour from t.block_time) as hour
    from facts.transfers t
    where t.initiator_id in (select address_id from active)
),
spans as (
    select address_id, count(*) as times, min(block_number) as first_block, max(block_number) as last_block,
        min(block_time) as first_time, max(block_time) as last_time
    from signed
    group by address_id
    having count(*) >= $min_signed and date_diff('second', min(block_time), max(block_time)) >= $min_seconds
),
hours as (
    select s.address_id, h.hour, count(x.hour) as times, 2 * count(x.hour) + 1 as mass, 2 * s.times + 24 as total
    from spans s
    cross join (select unnest(generate_series(0, 23)) as hour) h
    left join signed x on x.address_id = s.address_id and x.hour = h.hour
    group by s.address_id, h.hour, s.times
),
entropies as (
    select h.address_id, sum(h.part) as entropy
    from (
        select address_id, cast(round(
            -log2(cast(mass as double) / cast(total as double)) * cast(mass as double) / cast(total as double), 9
        ) as decimal(18, 9)) as part
        from hours
    ) h
    group by h.address_id
),
arcs as (
    select a.address_id, a.hour, sum(b.times) as times, sum(b.mass) as mass
    from hours a
    join hours b on b.address_id = a.address_id and (b.hour - a.hour + 24) % 24 < 6
    group by a.address_id, a.hour
),
sleepers as (
    select q.address_id, q.hour as quiet_hour, q.mass, s.times, s.first_block, s.last_block, s.first_time, s.last_time,
        cast(q.times as double) <= $max_quiet_share * cast(s.times as double) as is_quiet
    from (select a.*, row_number() over (partition by a.address_id order by a.mass, a.hour) as nth from arcs a) q
    join spans s on s.address_id = q.address_id
    join entropies e on e.address_id = q.address_id
    where q.nth = 1 and cast(e.entropy as double) < $max_entropy
),
divergences as (
    select d.left_id, d.right_id, sum(d.part) as divergence
    from (
        select p.left_id, p.right_id, cast(round(
            (p.l * log2(2.0 * p.l / (p.l + p.r)) + p.r * log2(2.0 * p.r / (p.l + p.r))) / 2.0, 9
        ) as decimal(18, 9)) as part
        from (
            select p.left_id, p.right_id, cast(l.mass as double) / cast(l.total as double) as l,
                cast(r.mass as double) / cast(r.total as double) as r
            from proposed_pairs p
            join hours l on l.address_id = p.left_id
            join hours r on r.address_id = p.right_id and r.hour = l.hour
        ) p
    ) d
    group by d.left_id, d.right_id
),
judged as (
    select
        p.left_id, p.right_id, p.visibility, l.times + r.times as support, l.quiet_hour as left_hour,
        r.quiet_hour as right_hour, greatest(l.first_time, r.first_time) as first_time,
        least(l.first_block, r.first_block) as first_block, greatest(l.last_block, r.last_block) as last_block,
        case
            when l.is_quiet and r.is_quiet and (l.quiet_hour - r.quiet_hour + 24) % 24 between 6 and 18
                then cast($apart_bits as double)
            when cast(d.divergence as double) < $max_divergence then cast($weight_bits as double)
        end as bits
    from proposed_pairs p
    join sleepers l on l.address_id = p.left_id
    join sleepers r on r.address_id = p.right_id
    join divergences d on d.left_id = p.left_id and d.right_id = p.right_id
)
select
    j.left_id, j.right_id, cast(null as varchar) as right_entity, 'same_controller' as relation,
    'rhythm ' || a.chain || ':' || a.address || ' ' || b.address as event, j.bits as weight_bits, j.support,
    cast(null as varchar[]) as tx_hashes, j.first_block, j.last_block, j.first_time as valid_from,
    cast(null as timestamp) as valid_to, j.visibility,
    case when j.bits < 0 then 'They rest at different hours' else 'They are active at the same hours' end
        || ': quietest for six hours from ' || cast(j.left_hour as varchar) || ':00 and from '
        || cast(j.right_hour as varchar) || ':00 UTC' as reason
from judged j
join facts.addresses a on a.address_id = j.left_id
join facts.addresses b on b.address_id = j.right_id
where j.bits is not null
"""

HEURISTIC = Heuristic(
    name="activity_rhythm",
    version=1,
    family="BEHAV",
    relations=("same_controller",),
    requires=("evidence", "initiators"),
    params={
        "min_signed": 200,
        "min_seconds": 5_184_000,  # 60 days
        "max_entropy": 4.4,
        "max_quiet_share": 0.1,
        "max_divergence": 0.03,
        "weight_bits": 0.5,
        "apart_bits": -3.0,
    },
    sql=_SQL,
    title="Hours of the day",
    consent="not known",
)
