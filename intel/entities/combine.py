"""How sure do all the rules together make us of one link?"""

from __future__ import annotations

from collections.abc import Sequence

from intel.heuristics import ALL, Heuristic
from intel.store import Connection

# Caps in bits, per family of heuristics that see the same kind of fact; priors in bits, per relation: what is to be
# believed of a pair that a rule proposes before its weight is counted. All ASSUMED (SCIENCE.md C1): the deposit rules
# propose only addresses all of whose sends go to one exchange, hence even odds; sharing a deposit address, 1 : 8.
# PAIR is the learned score of a pair; it and BEHAV only modify what another family says.
FAMILY_CAPS = {
    "FLOW": 10.0, "FUND": 6.0, "AUTH": 9.0, "CHAIN": 16.0, "UTXO": 12.0, "BEHAV": 1.5, "ID": 14.0, "PAIR": 3.0,
    "NEG": 0.0,
}  # fmt: skip
PRIOR_BITS = {"same_controller": -3.0, "deposit_of": 0.0, "controls": 0.0, "used_by": 0.0}
DOUBTFUL_BITS = 4.2  # .948: as sure as a link can be whose consent is not known, under both `confirmed` thresholds

# The one place where a crowd lowers a weight: what n addresses share through a third one (an event of FLOW or FUND
# that links each with each) is worth at most log2(100 / n) bits, nothing from 100 on (SCIENCE.md A1). Rules that
# lower their weight themselves stay below that. Weights are decimals: exact, whatever the order of adding.
_ROWS = """
create or replace temp table weighed_rows as
with rule_facts as (
    select
        unnest($rules::varchar[]) as heuristic, unnest($known::boolean[]) as is_known,
        unnest($atomic::boolean[]) as is_atomic, unnest($trees::boolean[]) as is_tree
),
marked as (
    select
        case when e.relation = 'same_controller' then least(e.left_id, e.right_id) else e.left_id end as left_id,
        case when e.relation = 'same_controller' then greatest(e.left_id, e.right_id) else e.right_id end as right_id,
        coalesce(e.right_entity, '') as right_entity, e.relation, e.family, e.event, e.heuristic, e.reason,
        e.visibility, e.weight_bits, e.family <> 'PAIR' and coalesce(r.is_known, true) as is_known,
        coalesce(r.is_atomic, false) as is_atomic, coalesce(r.is_tree, false) as is_tree
    from beliefs.evidence e
    left join rule_facts r on r.heuristic = e.heuristic
    where e.relation in (select unnest($relations::varchar[]))
),
users as (
    select m.heuristic, m.event, m.visibility, unnest([m.left_id, m.right_id]) as user_id
    from marked m
    where m.relation = 'same_controller' and m.family in ('FLOW', 'FUND') and not m.is_tree
),
crowds as (
    select
        heuristic, event, count(distinct user_id) as private,
        count(distinct case when visibility = 'public' then user_id end) as public
    from users
    group by heuristic, event
    having count(distinct user_id) > 2
),
counted as (
    select m.*, case when m.visibility = 'public' then c.public else c.private end as crowd
    from marked m
    left join crowds c on c.heuristic = m.heuristic and c.event = m.event
        and m.relation = 'same_controller' and m.family in ('FLOW', 'FUND') and not m.is_tree
)
select
    * exclude (weight_bits, crowd),
    cast(round(
        case when crowd > 2 then least(weight_bits, greatest(0.0, log2(100.0 / crowd))) else weight_bits end, 3
    ) as decimal(9, 3)) as bits
from counted
"""

# The public layer knows public rows alone; a link that a private row touches is scored once more, with all its rows,
# in the private layer.
_LINKS = """
insert into beliefs.links by name
with touched as (
    select distinct left_id, coalesce(right_id, -1) as right_id, right_entity, relation
    from weighed_rows
    where visibility = 'private'
),
layered as (
    select w.* replace ('public' as visibility) from weighed_rows w where visibility = 'public'
    union all
    select w.* replace ('private' as visibility)
    from weighed_rows w
    join touched t on t.left_id = w.left_id and t.right_id = coalesce(w.right_id, -1)
        and t.right_entity = w.right_entity and t.relation = w.relation
),
events as (
    select
        left_id, right_id, right_entity, relation, visibility, family, event, greatest(max(bits), 0) as bits,
        greatest(max(case when is_known then bits end), 0) as known_bits, least(min(bits), 0) as against
    from layered
    group by left_id, right_id, right_entity, relation, visibility, family, event
),
caps as (select unnest($families::varchar[]) as family, unnest($caps::decimal(9, 3)[]) as cap),
families as (
    select
        e.left_id, e.right_id, e.right_entity, e.relation, e.visibility, e.family, c.cap,
        cast(sum(e.against) as decimal(38, 5)) as against, -- with five decimals like bits: a case takes the fewer
        least(c.cap, max(e.bits) + (sum(e.bits) - max(e.bits)) * 0.25) as bits,
        least(c.cap, coalesce(max(e.known_bits) + (sum(e.known_bits) - max(e.known_bits)) * 0.25, 0)) as known_bits,
        count(case when e.bits > 0 then 1 end) as events
    from events e
    join caps c on c.family = e.family
    group by e.left_id, e.right_id, e.right_entity, e.relation, e.visibility, e.family, c.cap
),
opened as (
    select
        *, max(case when family not in ('BEHAV', 'PAIR') then bits else 0 end) over link > 0 as is_open,
        max(case when family not in ('BEHAV', 'PAIR') then known_bits else 0 end) over link > 0 as is_known_open
    from families
    window link as (partition by left_id, right_id, right_entity, relation, visibility)
),
parts as (
    select
        left_id, right_id, right_entity, relation, visibility, events,
        case
            when family = 'BEHAV' then greatest(-cap, least(cap, case when is_open then bits else 0 end + against))
            when family = 'PAIR' and not is_open then against
            else bits + against
        end as bits,
        case
            when family = 'BEHAV'
                then greatest(-cap, least(cap, case when is_known_open then known_bits else 0 end + against))
            when family = 'PAIR' and not is_known_open then against
            else known_bits + against
        end as known_bits
    from opened
),
priors as (select unnest($relations::varchar[]) as relation, unnest($priors::decimal(9, 3)[]) as prior),
totals as (
    select
        t.left_id, t.right_id, t.right_entity, t.relation, t.visibility, sum(t.events) as events,
        cast(greatest(sum(t.known_bits) + p.prior, least(sum(t.bits) + p.prior, $doubtful::decimal(9, 3))) as double)
            as bits
    from parts t
    join priors p on p.relation = t.relation
    group by t.left_id, t.right_id, t.right_entity, t.relation, t.visibility, p.prior
),
words as (
    select
        left_id, right_id, right_entity, relation, visibility, list_sort(list(distinct heuristic)) as basis,
        arg_min(reason, (-bits, heuristic, event)) as reason
    from layered
    group by left_id, right_id, right_entity, relation, visibility
)
select
    t.left_id, t.right_id, nullif(t.right_entity, '') as right_entity, t.relation, t.bits,
    1.0 / (1.0 + pow(2.0, -t.bits)) as probability, cast(t.events as bigint) as events, w.basis, w.reason, t.visibility
from totals t
join words w on w.left_id = t.left_id and w.right_id is not distinct from t.right_id
    and w.right_entity = t.right_entity and w.relation = t.relation and w.visibility = t.visibility
order by t.relation, t.left_id, t.right_id, t.right_entity, t.visibility
"""


def weigh_rows(con: Connection, rules: Sequence[Heuristic] = ALL) -> None:
    """Make the temporary table weighed_rows: the evidence that counts, with what `rules` say of each row's rule.

    Columns: left_id, right_id (left < right for same_controller), right_entity ('' for none), relation, family,
    event, heuristic, reason, visibility, bits, is_known (consent), is_atomic, is_tree.
    """
    con.execute(
        _ROWS,
        {
            "relations": list(PRIOR_BITS),
            "rules": [rule.name for rule in rules],
            "known": [rule.consent != "not known" for rule in rules],
            "atomic": [rule.is_atomic and rule.consent != "not known" for rule in rules],
            "trees": [rule.is_tree for rule in rules],
        },
    )


def score_evidence(con: Connection, rules: Sequence[Heuristic] = ALL) -> None:
    """Fill beliefs.links anew from beliefs.evidence: one row per link and visibility layer, with its probability.

    An event counts once, at its best; inside a family the strongest event fully and the rest by a quarter, up to the
    family's cap; what speaks against counts fully; families add up; then one prior. Behaviour and the pair score
    never make a link by themselves. `bits` are posterior log2 odds, at most DOUBTFUL_BITS where the rules whose
    consent is known do not carry it further.
    """
    weigh_rows(con, rules)
    con.execute("delete from beliefs.links")
    con.execute(
        _LINKS,
        {
            "relations": list(PRIOR_BITS),
            "priors": list(PRIOR_BITS.values()),
            "families": list(FAMILY_CAPS),
            "caps": list(FAMILY_CAPS.values()),
            "doubtful": DOUBTFUL_BITS,
        },
    )
