"""Which links of this build carry labels, to which addresses do they reach, and is that enough to name an owner?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.entities.paths import Anchors, Links, Spread, spread_labels
from intel.ml.calibration import load_calibration
from intel.store import Connection

# SCIENCE.md C4: below `tau` an owner is not confirmed. "member" is an address that only its group gives an owner.
TAU = {"exchange_deposit": 0.95, "gas_supplier": 0.95, "exchange_hot": 0.95, "exchange": 0.95, "member": 0.98}
# What an address does for its owner, by the rule that found it.
ROLES_BY_RULE = {"gas_supplier_sweep": "gas_supplier"}

_HAS_PRIVATE = """
select 1 from path_links where visibility = 'private' union all select 1 from path_anchors where visibility = 'private'
limit 1
"""
_FAMILY_BITS = """
create or replace temp table family_bits as
select heuristic, family, 1::bigint << (dense_rank() over (order by family) - 1) as bit
from (select distinct heuristic, family from beliefs.evidence)
"""


def calibrate(raw: str) -> str:
    """Return SQL of what `raw` came to when it was measured, `k` being the piece of `calibration` that it lies in.

    The curve is straight within a piece; without one, the raw value stands.
    """
    return f"""coalesce(case when k.high_raw > k.low_raw then
            k.low_p + (k.high_p - k.low_p) * ({raw} - k.low_raw) / (k.high_raw - k.low_raw) else k.low_p end, {raw})"""


# A link scored with private rows stands before the same link without. People's labels travel inside a cluster only,
# so no path gets round what kept two clusters apart; links to a service go where they say.
_LINKS = """
create or replace temp table path_links as
with scored as (
    select left_id, right_id, right_entity, relation, probability, basis, reason, visibility
    from beliefs.links
    where relation in ('deposit_of', 'controls', 'same_controller') and (visibility = 'public' or $layer = 'private')
    qualify row_number() over (
        partition by left_id, right_id, right_entity, relation order by visibility = 'private' desc
    ) = 1
),
groups as (
    select address_id, cluster_id
    from beliefs.clusters
    where visibility = 'public' or $layer = 'private'
    qualify row_number() over (partition by address_id order by visibility = 'private' desc, cluster_id) = 1
),
useful as (
    select s.*
    from scored s
    left join groups l on l.address_id = s.left_id
    left join groups r on r.address_id = s.right_id
    where s.relation <> 'same_controller' or l.cluster_id = r.cluster_id
),
paid as (
    select t.sender_id as left_id, w.entity_id as right_entity,
        arg_min(w.address_id, (-w.confidence, w.address_id)) as wallet_id
    from facts.transfers t
    join path_anchors w on w.address_id = t.receiver_id
    where t.sender_id in (select left_id from useful where right_entity is not null)
    group by all
),
masks as (
    select u.left_id, u.right_id, u.right_entity, u.relation, bit_or(k.bit) as families
    from (select *, unnest(basis) as heuristic from useful) u
    join family_bits k on k.heuristic = u.heuristic
    group by all
),
times as (
    select
        case when relation = 'same_controller' then least(left_id, right_id) else left_id end as left_id,
        case when relation = 'same_controller' then greatest(left_id, right_id) else right_id end as right_id,
        right_entity, relation, min(valid_from) as valid_from,
        case when count(*) = count(valid_to) then max(valid_to) end as valid_to
    from beliefs.evidence
    where weight_bits > 0 and (visibility = 'public' or $layer = 'private')
    group by all
)
select
    row_number() over (order by u.left_id, u.right_id, u.right_entity, u.relation) - 1 as link,
    u.*, p.wallet_id, coalesce(m.families, 0) as families, t.valid_from, t.valid_to
from useful u
left join paid p on p.left_id = u.left_id and p.right_entity = u.right_entity
left join masks m on m.left_id = u.left_id and m.right_id is not distinct from u.right_id
    and m.right_entity is not distinct from u.right_entity and m.relation = u.relation
left join times t on t.left_id = u.left_id and t.right_id is not distinct from u.right_id
    and t.right_entity is not distinct from u.right_entity and t.relation = u.relation
order by link
"""

# A label that another of the same level contradicts names nobody's neighbours.
_ANCHORS = """
create or replace temp table path_anchors as
with origins as (
    select address, source, coalesce(label, '') as label, entity_id, min(coalesce(origin, source)) as origin
    from beliefs.labels
    where entity_id is not null and (visibility = 'public' or $layer = 'private')
    group by all
),
rows as (
    select a.*, d.address, d.chain
    from beliefs.anchors a
    join beliefs.entities e on e.entity_id = a.entity_id and e.kind = 'owner'
    join facts.addresses d on d.address_id = a.address_id
    where a.visibility = 'public' or $layer = 'private'
    qualify row_number() over (
        partition by a.address_id order by a.visibility = 'private' desc, e.visibility, a.entity_id
    ) = 1
)
select
    row_number() over (order by r.address_id) - 1 as anchor, r.address_id, r.entity_id,
    dense_rank() over (order by r.entity_id) - 1 as entity, r.confidence, r.level, r.label, r.label_source,
    r.valid_from, r.valid_to, r.visibility,
    dense_rank() over (order by coalesce(o.origin, r.label_source, '')) as origin
from rows r
left join origins o on o.address = r.address and o.source = r.label_source and o.label = coalesce(r.label, '')
    and o.entity_id = r.entity_id
where coalesce(r.rival_level, -1) < r.level
order by anchor
"""

# A link to an owner without a label that stands leads nowhere: worth nothing, but its row keeps its number.
_LINK_ROWS = """
select
    l.left_id, coalesce(l.right_id, l.wallet_id, -1) as right_id, coalesce(e.entity, -1) as entity,
    case when l.right_entity is null or e.entity is not null then l.probability else 0.0 end as probability,
    l.families, l.relation <> 'deposit_of' as passes
from path_links l
left join (select distinct entity_id, entity from path_anchors) e on e.entity_id = l.right_entity
order by l.link
"""

_WALLS = """
select address_id from beliefs.services
union
select address_id from beliefs.anchors where visibility = 'public' or $layer = 'private'
order by 1
"""

_INSERT = (
    """
insert into beliefs.attributions by name
with steps as (
    select
        r.address_id as start_id, r.* exclude (address_id), a.label, a.label_source, a.level, a.valid_from as a_from,
        a.valid_to as a_to, a.visibility as a_visibility, x, y, z,
        x.left_id + x.right_id - r.address_id as x_id,
        y.left_id + y.right_id - (x.left_id + x.right_id - r.address_id) as y_id,
        coalesce(z.right_entity, y.right_entity, x.right_entity) is null as ends_at_label
    from reached r
    join path_anchors a on a.anchor = r.anchor
    join path_links x on x.link = r.step_1
    left join path_links y on y.link = r.step_2
    left join path_links z on z.link = r.step_3
),
claims as (
    select
        s.*, list_concat(x.basis, coalesce(y.basis, []), coalesce(z.basis, [])) as basis,
        case
            when x.relation = 'deposit_of' then 'exchange_deposit'
            when k.role is not null then k.role
            when x.relation = 'controls' and e.category in ('exchange', 'custodian') then 'exchange'
        end as role,
        case when 'private' in (a_visibility, x.visibility, y.visibility, z.visibility) then 'private' else 'public'
        end as visibility,
        concat_ws('; ', x.reason,
            case when ends_at_label or y.link is not null then 'so goes with ' || coalesce(xa.address, '?') end,
            y.reason, case when z.link is not null then 'which goes with ' || coalesce(ya.address, '?') end, z.reason,
            case when ends_at_label then 'labelled "' || coalesce(label, s.entity_id) || '" by '
                || coalesce(label_source, 'an unnamed source') end) as reason
    from steps s
    join beliefs.entities e on e.entity_id = s.entity_id
    left join rule_roles k on list_contains(s.x.basis, k.rule)
    left join facts.addresses xa on xa.address_id = x_id
    left join facts.addresses ya on ya.address_id = y_id
    qualify row_number() over (partition by start_id order by e.visibility = 'private', k.role) = 1
),
measured as (
    select c.*, k.role is not null as is_calibrated, """
    + calibrate("c.raw")
    + """ as confidence
    from claims c
    left join calibration k on k.role = coalesce(c.role, 'member') and c.raw >= k.from_raw and c.raw < k.below_raw
),
decided as (
    select m.*, case when m.is_calibrated then m.confidence else m.evidence end as surety, t.tau
    from measured m
    join thresholds t on t.role = coalesce(m.role, 'member')
)
select
    d.chain, d.address, r.start_id as address_id, r.entity_id, round(r.confidence, 4) as confidence,
    'attributed' as status, r.role,
    case when r.surety >= r.tau and r.level >= $level then 'confirmed' else 'probable' end as tier,
    r.basis, r.reason, case when r.second_raw > 1 - r.evidence then r.second_id else $unlisted end as rival_entity_id,
    round(greatest(1 - r.confidence, r.second_raw), 4) as rival_confidence, r.is_calibrated,
    greatest(r.a_from, r.x.valid_from, r.y.valid_from, r.z.valid_from) as valid_from,
    least(r.a_to, r.x.valid_to, r.y.valid_to, r.z.valid_to) as valid_to, r.visibility
from decided r
join facts.addresses d on d.address_id = r.start_id
where r.visibility = $layer
    and r.surety >= $probable
    and (r.second_id is null or r.raw >= $lead * r.second_raw)
    and r.families not in (select bit from family_bits where family = 'BEHAV')
    and not exists (
        select 1 from beliefs.attributions b
        where b.address_id = r.start_id and b.visibility in (r.visibility, 'public')
            and (b.visibility = r.visibility or b.status = 'labelled')
    )
order by r.start_id
"""
)


def attribute_by_paths(con: Connection, limits: Mapping[str, object]) -> None:
    """Add to beliefs.attributions what labels reach over links: public rows, then those that private input made.

    Reads beliefs.links, anchors, clusters and services, and the view calibration.
    `limits`: level, probable, lead, unlisted.
    """
    _register_tables(con)
    con.execute(_FAMILY_BITS)
    for layer in ("public", "private"):
        con.execute(_ANCHORS, {"layer": layer})
        con.execute(_LINKS, {"layer": layer})
        if layer == "public" or con.execute(_HAS_PRIVATE).fetchall():
            _insert_layer(con, {**limits, "layer": layer})
    for name in ("thresholds", "rule_roles"):
        con.unregister(name)


def _insert_layer(con: Connection, limits: Mapping[str, object]) -> None:
    rows = _read_columns(con, "select address_id, entity, confidence, origin from path_anchors order by anchor")
    anchors = Anchors(rows["address_id"], rows["entity"], rows["confidence"], rows["origin"])
    rows = _read_columns(con, _LINK_ROWS)
    links = Links(
        rows["left_id"], rows["right_id"], rows["entity"], rows["probability"], rows["families"],
        rows["passes"].astype(np.bool_),
    )  # fmt: skip
    walls = _read_columns(con, _WALLS, {"layer": limits["layer"]})
    _register_spread(con, spread_labels(anchors, links, walls["address_id"]))
    con.execute(_INSERT, limits)
    con.unregister("reached_rows")


def _read_columns(
    con: Connection, query: str, params: Mapping[str, object] | None = None
) -> dict[str, npt.NDArray[Any]]:
    found = con.sql(query, params=dict(params or {})).to_arrow_table()
    return {name: found[name].to_numpy() for name in found.column_names}


def _register_spread(con: Connection, found: Spread) -> None:
    con.register(
        "reached_rows",
        pa.table(
            {
                "address_id": found.node,
                "entity": found.best,
                "raw": found.confidence,
                "evidence": found.evidence,
                "second": found.second,
                "second_raw": found.second_confidence,
                "families": found.families,
                "anchor": found.anchor,
                "step_1": found.steps[:, 0],
                "step_2": found.steps[:, 1],
                "step_3": found.steps[:, 2],
            }
        ),
    )
    con.execute(
        """
        create or replace temp table reached as
        with slugs as (select distinct entity, entity_id from path_anchors)
        select r.* exclude (entity, second), b.entity_id, s.entity_id as second_id
        from reached_rows r
        join slugs b on b.entity = r.entity
        left join slugs s on s.entity = r.second
        """
    )


def register_calibration(con: Connection) -> None:
    """Register the view `calibration`: one row per role and straight piece of its measured curve."""
    segments = [segment for role, knots in sorted(load_calibration().items()) for segment in _cut_segments(role, knots)]
    names = ("role", "from_raw", "below_raw", "low_raw", "low_p", "high_raw", "high_p")
    con.register(
        "calibration",
        pa.table(
            {
                name: pa.array([segment[place] for segment in segments], pa.float64() if place else pa.string())
                for place, name in enumerate(names)
            }
        ),
    )


def _register_tables(con: Connection) -> None:
    con.register("thresholds", pa.table({"role": list(TAU), "tau": list(TAU.values())}))
    con.register("rule_roles", pa.table({"rule": list(ROLES_BY_RULE), "role": list(ROLES_BY_RULE.values())}))


def _cut_segments(role: str, knots: list[list[float]]) -> list[tuple[str | float, ...]]:
    """Return the straight pieces between knots; before the first and after the last the curve is level."""
    ends = [[-1.0, knots[0][1]], *knots, [2.0, knots[-1][1]]]
    return [
        (role, low, high, low, low_p, high, high_p) for (low, low_p), (high, high_p) in pairwise(ends) if high > low
    ]
