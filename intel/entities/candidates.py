"""Which rows, labels and judgements may decide who has one controller, as one layer sees them?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.entities.cuts import UNIT
from intel.entities.merging import Constraints, Evidence
from intel.entities.unite import HOSTILE_BIT, JUDGEMENT_BIT
from intel.model import FAMILIES
from intel.store import Connection

Ids = npt.NDArray[np.int64]

_MOST_RULES = 63  # a set of rules is one integer

# Services grow by attribution, never by merging, so no pair with a service end comes in; but a contract that is no
# hub may be somebody's own (a Safe, a smart account) where a signature or the protocol says so.
_PAIRS = """
create or replace temp table candidate_pairs as
with closed as (
    select address_id, min(case when kind = 'contract' and not is_hub then 1 else 0 end) = 1 as may_pass
    from beliefs.services
    group by address_id
),
pairs as (
    select
        left_id, right_id, max(case when bits > 0 and family in ('AUTH', 'CHAIN') then 1 else 0 end) = 1 as is_proven,
        max(case when bits > 0 and family not in ('BEHAV', 'PAIR') then 1 else 0 end) = 1 as is_open,
        max(visibility) as visibility
    from weighed_rows
    where relation = 'same_controller' and left_id < right_id and (visibility = 'public' or $layer = 'private')
    group by left_id, right_id
)
select p.left_id, p.right_id, p.is_open
from pairs p
left join closed l on l.address_id = p.left_id
left join closed r on r.address_id = p.right_id
where (l.address_id is null or (l.may_pass and p.is_proven)) and (r.address_id is null or (r.may_pass and p.is_proven))
"""

_JUDGED = """
create or replace temp table candidate_judged as
select left_id, right_id, verdict, judgement_id
from beliefs.judgements
where $layer = 'private' and verdict in ('same', 'different') and left_id <> right_id
"""

# Nodes are numbered in the order of their addresses: what is lower wins every tie.
_NODES = """
create or replace temp table candidate_nodes as
with ends as (
    select left_id as address_id from candidate_pairs where is_open
    union
    select right_id from candidate_pairs where is_open
    union
    select left_id from candidate_judged where verdict = 'same'
    union
    select right_id from candidate_judged where verdict = 'same'
)
select e.address_id, row_number() over (order by a.address, a.chain) - 1 as node
from ends e
join facts.addresses a on a.address_id = e.address_id
"""

_ROWS = """
create or replace temp table candidate_rows as
select
    l.node as left_node, r.node as right_node, w.family, w.event, w.bits > 0 as is_for, w.bits, w.is_known,
    w.is_atomic, case when w.is_tree or w.family in ('BEHAV', 'PAIR') then '' else w.heuristic end as charged
from weighed_rows w
join candidate_pairs p on p.left_id = w.left_id and p.right_id = w.right_id
join candidate_nodes l on l.address_id = w.left_id
join candidate_nodes r on r.address_id = w.right_id
where w.relation = 'same_controller' and (w.visibility = 'public' or $layer = 'private') and w.bits <> 0
"""

_EVENTS = """
create or replace temp table candidate_events as
select family, event, is_for, row_number() over () - 1 as number
from (select distinct family, event, is_for from candidate_rows)
"""

_READ = """
select
    least(c.left_node, c.right_node) as left_node, greatest(c.left_node, c.right_node) as right_node,
    e.number as event, f.number as family, cast(c.bits * $unit as bigint) as units, r.number as rule, c.is_known,
    c.is_atomic
from candidate_rows c
join candidate_events e on e.family = c.family and e.event = c.event and e.is_for = c.is_for
join candidate_families f on f.family = c.family
join candidate_rules r on r.charged = c.charged
"""

_LABELS = """
with claims as (
    select
        a.address_id, a.entity_id, a.level, coalesce(a.label_source, '') as origin, a.confidence, a.rival_entity_id,
        coalesce(a.rival_level, -1) as rival_level
    from beliefs.anchors a
    join beliefs.entities e on e.entity_id = a.entity_id
    where e.kind = 'owner' and (a.visibility = 'public' or $layer = 'private')
    qualify row_number() over (partition by a.address_id order by a.visibility = 'private' desc, a.entity_id) = 1
)
select n.node, c.entity_id, c.level, c.origin, c.confidence, c.rival_entity_id, c.rival_level >= c.level as is_contested
from claims c
join candidate_nodes n on n.address_id = c.address_id
order by n.node
"""

# Of several judgements about a pair the newest counts; it also counts first where they contradict by closure.
_NEWEST = """
select least(l.node, r.node) as left_node, greatest(l.node, r.node) as right_node, j.verdict
from candidate_judged j
join candidate_nodes l on l.address_id = j.left_id
join candidate_nodes r on r.address_id = j.right_id
qualify row_number() over (
    partition by least(l.node, r.node), greatest(l.node, r.node) order by j.judgement_id desc, j.verdict) = 1
order by j.judgement_id desc, left_node, right_node
"""

_HOSTILE = """
select distinct least(l.node, r.node) as left_node, greatest(l.node, r.node) as right_node
from beliefs.evidence e
join candidate_nodes l on l.address_id = e.left_id
join candidate_nodes r on r.address_id = e.right_id
where e.relation = 'cannot_link' and l.node <> r.node and (e.visibility = 'public' or $layer = 'private')
order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one layer knows. `address_ids` by node; `slugs` and `contested` by label (in the order of constraints)."""

    address_ids: Ids
    evidence: Evidence
    constraints: Constraints
    slugs: list[str]
    contested: list[tuple[int, str, str]]  # node, the owner and the rival that two equal labels name


def read_candidates(con: Connection, layer: str) -> Candidates:
    """Read from weighed_rows, services, anchors, evidence (cannot_link) and judgements what `layer` may see."""
    for query in (_PAIRS, _JUDGED, _NODES, _ROWS, _EVENTS):
        con.execute(query, {"layer": layer} if "$layer" in query else {})
    nodes = con.execute("select address_id from candidate_nodes order by node").fetchnumpy()
    evidence = _read_evidence(con)
    constraints, slugs, contested = _read_constraints(con, layer)
    for name in ("pairs", "judged", "nodes", "rows", "events"):
        con.execute(f"drop table candidate_{name}")
    return Candidates(np.asarray(nodes["address_id"], dtype=np.int64), evidence, constraints, slugs, contested)


def _read_evidence(con: Connection) -> Evidence:
    charged = [name for (name,) in con.execute("select distinct charged from candidate_rows order by 1").fetchall()]
    numbers = dict(zip([name for name in charged if name], range(_MOST_RULES), strict=False))
    con.register("candidate_rules", pa.table({
        "charged": pa.array(charged, pa.string()),
        "number": pa.array([numbers.get(name, -1) for name in charged], pa.int64()),
    }))  # fmt: skip
    con.register("candidate_families", pa.table({"family": list(FAMILIES), "number": list(range(len(FAMILIES)))}))
    rows = con.execute(_READ, {"unit": UNIT}).fetchnumpy()
    con.unregister("candidate_rules")
    con.unregister("candidate_families")
    left, right, event, family, units, rule = (
        np.asarray(rows[name], dtype=np.int64)
        for name in ("left_node", "right_node", "event", "family", "units", "rule")
    )
    is_known, is_atomic = (np.asarray(rows[name], dtype=np.bool_) for name in ("is_known", "is_atomic"))
    return Evidence(left, right, event, family, units, rule, is_known, is_atomic)


def _read_constraints(con: Connection, layer: str) -> tuple[Constraints, list[str], list[tuple[int, str, str]]]:
    labels = con.execute(_LABELS, {"layer": layer}).fetchall()
    contested = [(int(row[0]), str(row[1]), str(row[5])) for row in labels if row[6]]
    labels = [row for row in labels if not row[6]]
    roots = _find_roots(con)
    owners = {root: number for number, root in enumerate(sorted({roots.get(row[1], row[1]) for row in labels}))}
    origins = {origin: number for number, origin in enumerate(sorted({row[3] for row in labels}))}
    judged = con.execute(_NEWEST).fetchall()
    hostile = con.execute(_HOSTILE, {"layer": layer}).fetchall()
    same = [(left, right) for left, right, verdict in judged if verdict == "same"]
    apart = [(left, right) for left, right, verdict in judged if verdict == "different"]
    ban_left, ban_right = _to_columns([*hostile, *apart])
    constraints = Constraints(
        _to_ids([row[0] for row in labels]),
        _to_ids([owners[roots.get(row[1], row[1])] for row in labels]),
        _to_ids([row[2] for row in labels]),
        _to_ids([origins[row[3]] for row in labels]),
        np.array([row[4] for row in labels], dtype=np.float64),
        ban_left,
        ban_right,
        _to_ids([HOSTILE_BIT] * len(hostile) + [JUDGEMENT_BIT] * len(apart)),
        *_to_columns(same),
    )
    return constraints, [str(row[1]) for row in labels], contested


def _find_roots(con: Connection) -> dict[str, str]:
    """Return the topmost parent of every entity; related owners have the same."""
    parents = dict(con.execute("select entity_id, parent from beliefs.entities where parent is not null").fetchall())
    roots = {}
    for entity in parents:
        root, seen = entity, {entity}
        while (above := parents.get(root)) is not None and above not in seen:
            root = above
            seen.add(root)
        roots[entity] = root
    return roots


def _to_ids(values: list[int]) -> Ids:
    return np.array(values, dtype=np.int64)


def _to_columns(pairs: list[tuple[int, int]]) -> tuple[Ids, Ids]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()
