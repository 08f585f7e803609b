"""When the engine says how sure it is, of a link or of an answer, how often is it right?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from evidence_rules import JUDGED

from intel.ml import metrics
from intel.ml.calibration import apply_knots, load_calibration
from intel.store.reader import Reader

Rows = Sequence[Sequence[Any]]  # [name, probability, right, weight, number]

_LINKS = f"""
create or replace temp table judged_links as
with links as (
    select left_id, right_id, right_entity, relation, probability from beliefs.links where visibility = 'public'
), {JUDGED}
"""

# Of an answer that names an owner, the owner is compared; of a member of a nameless group, whether each other member
# has the same owner in truth. One address on several chains is one member.
_ANSWERS = """
create or replace temp table judged_answers as
with answers as (
    select a.address_id, x.address, x.chain, a.entity_id, a.confidence, e.kind, e.name, o.cluster_id as owner,
        o.entity, case when e.kind = 'owner' then coalesce(a.role, 'member of a named group') else 'member' end as role
    from beliefs.attributions a
    join beliefs.entities e on e.entity_id = a.entity_id and e.visibility = 'public'
    join facts.addresses x on x.address_id = a.address_id
    left join truth_owners o on o.address = x.address and o.chain = x.chain
    where a.status = 'attributed' and a.visibility = 'public'
),
mates as (
    select a.*, b.owner as other_owner, 1.0 / count(*) over (partition by a.address_id) as share
    from answers a
    join answers b on b.entity_id = a.entity_id and b.address <> a.address
    where a.kind <> 'owner'
)
select role, confidence, entity_id, 1.0 as share,
    case role when 'exchange_deposit'
        then exists (select 1 from truth_deposits d where d.deposit = a.address and d.exchange = a.name)
        else coalesce(entity = name, false) end as is_right
from answers a where kind = 'owner'
union all
select role, confidence, entity_id, share, coalesce(owner = other_owner, false) from mates
"""


def measure_links(reader: Reader) -> list[list[Any]]:
    """Return [relation, probability, right, weight, links] of all links; each entity weighs one in each relation.

    The entity is the one that is claimed, of used_by the customer, between addresses the left one's owner. Links of
    one probability are one row: error and Brier score of many worlds together follow from these.
    """
    reader.query(_LINKS)
    rows = reader.query(
        """with weighed as (
            select relation, round(probability, 4) as p, is_right::int as is_right,
                1.0 / count(*) over (partition by relation, case
                    when right_entity is not null then right_entity
                    when relation = 'used_by' then coalesce(ro, right_address)
                    else coalesce(lo, left_address) end) as weight
            from judged_links
        )
        select relation, p, is_right, sum(weight), count(*) from weighed group by all order by all"""
    )
    return [list(row) for row in rows]


def measure_answers(reader: Reader) -> list[list[Any]]:
    """Return [role, confidence, right, weight, answers] of all attributions; each owner weighs one in each role.

    The owner is the one that is claimed, or the nameless group ("member"). Confidences are those the product shows.
    """
    reader.query(_ANSWERS)
    rows = reader.query(
        """with weighed as (
            select role, round(confidence, 4) as p, is_right::int as is_right, share,
                share / sum(share) over (partition by role, entity_id) as weight
            from judged_answers
        )
        select role, p, is_right, sum(weight), sum(share) from weighed group by all order by all"""
    )
    return [list(row) for row in rows]


def calibrate_rows(rows: Rows) -> list[list[Any]]:
    """Return the rows with probabilities brought to what was measured, where data/calibration.toml has a curve."""
    curves = load_calibration()
    return [
        [name, float(apply_knots(curves[name], np.array([p]))[0]) if name in curves else p, *rest]
        for name, p, *rest in rows
    ]


def pool_calibration(rows: Rows) -> dict[str, Any]:
    """Return error and Brier skill of the rows of any number of worlds."""
    if not rows:
        return {"n": 0, "ece": None, "brier": None, "brier_skill": None}
    p, right, weight = (np.array([row[at] for row in rows], dtype=float) for at in (1, 2, 3))
    brier, skill = metrics.score_brier(p, right, weight)
    return {
        "n": round(sum(row[4] for row in rows)),
        "said": float(np.average(p, weights=weight)),
        "right": float(np.average(right, weights=weight)),
        "ece": metrics.calibration_error(p, right, weight),
        "brier": brier,
        "brier_skill": skill,
    }


def pool_by_name(rows: Rows) -> dict[str, dict[str, Any]]:
    """Return pool_calibration of each relation or role, as told and, where there is a curve, "measured" beside it."""
    found = {}
    for name in sorted({str(row[0]) for row in rows}):
        mine = [row for row in rows if row[0] == name]
        found[name] = pool_calibration(mine)
        if name in load_calibration():
            found[name]["measured"] = pool_calibration(calibrate_rows(mine))
    return found


def write_calibration(rows: Rows, what: str) -> list[str]:
    """Return a line per relation or role: what is said, how much is right, error and skill."""
    found = pool_by_name(rows) | {"all": pool_calibration(rows)}
    return [
        f"{what} {name}: {told['n']}, say {told['said']:.3f}, right {told['right']:.3f}, ECE {told['ece']:.3f}, "
        f"Brier skill {write_skill(told)}" + (
            f"; after its curve ECE {told['measured']['ece']:.3f}, skill {write_skill(told['measured'])}"
            if "measured" in told else ""
        )
        for name, told in found.items() if told["n"]
    ]  # fmt: skip


def write_skill(told: dict[str, Any]) -> str:
    """Return the Brier skill in digits; it is not defined where all are alike."""
    return "not defined" if told["brier_skill"] is None else f"{told['brier_skill']:.3f}"
