"""How far may a confidence be trusted? Fits data/calibration.toml on the tuning seeds, and tells the error on others.

    .venv/bin/python bench/pair_score.py --calibrate --work DIR [--seeds 101,102] [--transfers 100000]
    .venv/bin/python bench/pair_score.py --check --work DIR [--seeds 103]          error before and after, no fitting

Every claim of the engine counts, also those below the threshold of an answer; each owner weighs one in all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from evidence_weights import TUNING
from evidence_worlds import Plan, open_plan

from intel.config import data_path
from intel.ml import metrics
from intel.ml.calibration import apply_knots, fit_knots, load_calibration, write_calibration
from intel.store.reader import Reader

# Deposits are measured and not kept yet: on the simulated economy none is wrong and all labels are strong, so the
# curve says nothing of weak labels, whose confidence the tier must not read off it.
KEPT = ("same_controller",)
FEWEST = 50  # owners; with fewer even a role that never errs could not be told to be as sure as `confirmed` asks

# What the engine says of an address and its owner before calibration: what it answered where it did, else its best
# link to a named owner; and, beside it, every link between two addresses.
_CLAIMS = """
with answers as (
    select a.address_id, a.entity_id, coalesce(a.role, 'member') as role, a.confidence as raw
    from beliefs.attributions a
    join beliefs.entities e on e.entity_id = a.entity_id and e.kind = 'owner' and e.visibility = 'public'
    where a.status = 'attributed' and a.visibility = 'public' and not coalesce(a.is_calibrated, false)
),
missed as (
    select l.left_id as address_id, l.right_entity as entity_id,
        case l.relation when 'deposit_of' then 'exchange_deposit' else 'exchange' end as role,
        max(l.probability) as raw
    from beliefs.links l
    where l.relation in ('deposit_of', 'controls') and l.visibility = 'public'
        and l.left_id not in (select address_id from beliefs.attributions where address_id is not null)
        and l.left_id not in (select address_id from beliefs.anchors)
    group by all
),
claims as (from answers union all from missed)
select c.role, c.raw, coalesce(n.name, c.entity_id) as entity,
    case c.role when 'exchange_deposit'
        then exists (select 1 from truth_deposits d where d.deposit = x.address and d.exchange = n.name)
        else coalesce(o.entity = n.name, false) end as is_right
from claims c
join facts.addresses x on x.address_id = c.address_id
left join beliefs.entities n on n.entity_id = c.entity_id and n.visibility = 'public'
left join truth_owners o on o.address = x.address and o.chain = x.chain
union all
select 'same_controller', l.probability, coalesce(o.cluster_id, x.address),
    coalesce(o.cluster_id = p.cluster_id, false)
from beliefs.links l
join facts.addresses x on x.address_id = l.left_id
join facts.addresses y on y.address_id = l.right_id
left join truth_owners o on o.address = x.address and o.chain = x.chain
left join truth_owners p on p.address = y.address and p.chain = y.chain
where l.relation = 'same_controller' and l.visibility = 'public'
"""


def read_claims(options: argparse.Namespace, work: Path) -> pd.DataFrame:
    """Return role, raw, is_right and entity (one per world) of every claim on all worlds of the options."""
    frames = []
    for plan in list_plans(options):
        with open_plan(plan, work) as (_, reader):
            found = read_world(reader)
        frames.append(found.assign(entity=plan.name + " " + found["entity"]))
    return pd.concat(frames, ignore_index=True)


def list_plans(options: argparse.Namespace) -> Iterator[Plan]:
    """Return the worlds, all presets of each seed."""
    for seed in map(int, options.seeds.split(",")):
        for preset in options.presets.split(","):
            yield Plan(preset, seed, options.transfers)


def read_world(reader: Reader) -> pd.DataFrame:
    """Return the claims of one build beside the truth."""
    found: pd.DataFrame = reader.arrow(_CLAIMS).to_pandas()
    return found


def describe(role: str, rows: pd.DataFrame, knots: list[list[float]] | None) -> str:
    """Return one line: calibration error and Brier skill before and after."""
    raw, right = rows["raw"].to_numpy(float), rows["is_right"].to_numpy(float)
    weights = metrics.weigh_by_entity(pd.factorize(rows["entity"])[0])
    share = np.average(right, weights=weights)
    told = [f"{role:17} n {len(rows):6}", f"owners {rows['entity'].nunique():5}", f"right {share:.4f}"]
    for name, values in (("raw", raw), ("calibrated", apply_knots(knots, raw) if knots else None)):
        if values is not None:
            skill = metrics.score_brier(values, right, weights)[1]
            ece = metrics.calibration_error(values, right, weights)
            told.append(f"{name} ECE {ece:.4f} skill {'-' if skill is None else f'{skill:.3f}'}")
    return "  ".join(told)


def main() -> None:
    """Fit or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seeds", default="101,102")
    parser.add_argument("--presets", default="default,hard")
    parser.add_argument("--transfers", type=int, default=100_000)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    path = data_path("weights.toml").with_name("calibration.toml")
    if options.calibrate and not set(map(int, options.seeds.split(","))) <= set(TUNING):
        raise SystemExit(f"calibration is fitted on the seeds {TUNING} alone")
    told, known = (path.read_text(encoding="utf-8") if path.exists() else ""), load_calibration()
    path.unlink(missing_ok=True)  # builds must say the raw confidences
    try:
        claims = read_claims(options, options.work)
    finally:
        if told:
            path.write_text(told, encoding="utf-8")
    fitted = {}
    for role, rows in claims.groupby("role"):
        entity = pd.factorize(rows["entity"])[0]
        knots = known.get(str(role))
        if options.calibrate and len(np.unique(entity)) >= FEWEST:
            knots = fit_knots(rows["raw"].to_numpy(float), rows["is_right"].to_numpy(float), entity)
            fitted[str(role)] = (knots, len(rows), len(np.unique(entity)))
        print(describe(str(role), rows, knots), flush=True)
    if options.calibrate:
        on = f"simulated economy, presets {options.presets}, seeds {options.seeds}"
        fitted = {role: facts for role, facts in fitted.items() if role in KEPT}
        path.write_text(write_calibration(fitted, on, datetime.now(UTC).date()), encoding="utf-8")


if __name__ == "__main__":
    main()
