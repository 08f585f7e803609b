"""How sure do all the rules together make us of one link?"""

from __future__ import annotations

from intel.store import Connection

# Caps in bits, per family of heuristics that see the same kind of fact; priors in bits, per relation: what is to be
# believed of a pair that a rule proposes before its weight is counted. All ASSUMED (SCIENCE.md C1): the deposit rules
# propose only addresses all of whose sends go to one exchange, hence even odds; sharing a deposit address, 1 : 8.
FAMILY_CAPS = {
    "FLOW": 10.0, "FUND": 6.0, "AUTH": 9.0, "CHAIN": 16.0, "UTXO": 12.0, "BEHAV": 1.5, "ID": 14.0, "NEG": 0.0,
}  # fmt: skip
PRIOR_BITS = {"same_controller": -3.0, "deposit_of": 0.0, "controls": 0.0, "used_by": 0.0}

# Weights are summed as decimals: exact, whatever the order. The public layer knows public rows alone; a link that a
# private row touches is scored once more, with all its rows, in the private layer.
_SCORES = """
create or replace temp table evidence_scores as
with links as (
    select
        case when relation = 'same_controller' then least(left_id, right_id) else left_id end as left_id,
        case when relation = 'same_controller' then greatest(left_id, right_id) else right_id end as right_id,
        coalesce(right_entity, '') as right_entity, relation, family, event, heuristic, reason, visibility,
        cast(round(weight_bits, 3) as decimal(9, 3)) as bits
    from beliefs.evidence
    where relation in (select unnest($relations::varchar[]))
),
touched as (
    select distinct left_id, coalesce(right_id, -1) as right_id, right_entity, relation
    from links
    where visibility = 'private'
),
layered as (
    select l.* replace ('public' as visibility) from links l where visibility = 'public'
    union all
    select l.* replace ('private' as visibility)
    from links l
    join touched t on t.left_id = l.left_id and t.right_id = coalesce(l.right_id, -1)
        and t.right_entity = l.right_entity and t.relation = l.relation
),
events as (
    select left_id, right_id, right_entity, relation, visibility, family, event, max(bits) as bits
    from layered
    group by all
),
caps as (select unnest($families::varchar[]) as family, unnest($caps::decimal(9, 3)[]) as cap),
families as (
    select
        e.left_id, e.right_id, e.right_entity, e.relation, e.visibility,
        least(c.cap, max(e.bits) + (sum(e.bits) - max(e.bits)) * 0.25) as bits
    from events e
    join caps c on c.family = e.family
    group by e.left_id, e.right_id, e.right_entity, e.relation, e.visibility, e.family, c.cap
),
priors as (select unnest($relations::varchar[]) as relation, unnest($priors::decimal(9, 3)[]) as prior),
totals as (
    select f.left_id, f.right_id, f.right_entity, f.relation, f.visibility, sum(f.bits) + p.prior as bits
    from families f
    join priors p on p.relation = f.relation
    group by f.left_id, f.right_id, f.right_entity, f.relation, f.visibility, p.prior
),
words as (
    select
        left_id, right_id, right_entity, relation, visibility, list_sort(list(distinct heuristic)) as basis,
        arg_min(reason, (-bits, heuristic, event)) as reason
    from layered
    group by all
)
select
    t.left_id, t.right_id, nullif(t.right_entity, '') as right_entity, t.relation, t.visibility,
    cast(t.bits as double) as bits, 1.0 / (1.0 + pow(2.0, -cast(t.bits as double))) as probability, w.basis, w.reason
from totals t
join words w on w.left_id = t.left_id and w.right_id is not distinct from t.right_id
    and w.right_entity = t.right_entity and w.relation = t.relation and w.visibility = t.visibility
"""


def score_evidence(con: Connection) -> None:
    """Make the temporary table evidence_scores: one row per link and visibility layer, with its probability.

    An event counts once, at its best; inside a family the strongest event fully and the rest by a quarter, up to the
    family's cap; families add up; then one prior. Columns: left_id, right_id or right_entity, relation, visibility,
    bits (posterior log2 odds), probability, basis (heuristics), reason (that of the strongest row).
    """
    con.execute(
        _SCORES,
        {
            "relations": list(PRIOR_BITS),
            "priors": list(PRIOR_BITS.values()),
            "families": list(FAMILY_CAPS),
            "caps": list(FAMILY_CAPS.values()),
        },
    )
