"""How right is the evidence? Every rule and the whole engine against worlds whose truth is known.

    .venv/bin/python bench/evidence.py --rules [--seeds 1,2] [--presets default,hard] [--variants whole,...]
        [--only RULE,...] [--wrong] [--transfers 100000] [--work DIR]    one world after the other, for the eye
    .venv/bin/python bench/evidence.py --fit --work DIR       data/weights.toml from the tuning seeds, 101 to 105
    .venv/bin/python bench/evidence.py --report --work DIR    docs/heuristics.md and docs/evaluation.md

Reporting seeds are 1 to 10; 101 to 105 are for tuning (weights, thresholds) and never reported. Results are kept in
DIR/results, one file per world, and made anew when the engine has changed (not with --keep): a run that was stopped
goes on where it was. The real sets are measured where INTEL_DATA_MIRROR names their local copy.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evidence_evaluation import write_evaluation
from evidence_pages import WORLDS, write_heuristics
from evidence_real import measure_hidden, measure_hop
from evidence_rules import (
    list_wrong,
    measure_calibration,
    measure_outcome,
    measure_rules,
    write_calibration,
    write_outcome,
    write_rules,
)
from evidence_weights import TUNING, fit_weights, pool_rules, write_weights
from evidence_worlds import VARIANTS, Plan, open_plan

from intel.config import data_path, read_settings
from intel.heuristics.weights import load_weights
from intel.pipeline import code_version

DOCS = Path(__file__).parent.parent / "docs"
REPORTING = range(1, 11)


def show_rules(options: argparse.Namespace, work: Path) -> None:
    """Print, per world, every rule's precision and coverage, then the whole engine's."""
    only = set(options.only.split(",")) if options.only else None
    presets, variants = options.presets.split(","), options.variants.split(",")
    for plan in list_plans(options, [(p, v) for p in presets for v in variants], options.seeds or "1,2"):
        with open_plan(plan, work) as (world, reader):
            rows = [row for row in measure_rules(reader) if only is None or row["heuristic"] in only]
            print(f"\n== {plan.preset}, {plan.variant}, {plan.transfers} transfers, seed {plan.seed}")
            print("\n".join(write_rules(rows)))
            print("\n".join(f"{told['name']}: {told['note']}" for told in reader.manifest.reports if told["note"]))
            if options.wrong:
                print("\n".join(list_wrong(reader)))
            print("\n".join(write_calibration(measure_calibration(reader))))
            print("\n".join(write_outcome(measure_outcome(world, reader))), flush=True)


def list_plans(options: argparse.Namespace, worlds: Iterable[tuple[str, str]], seeds: str) -> list[Plan]:
    """Return the worlds to measure, all seeds of each."""
    return [Plan(p, int(seed), options.transfers, v) for p, v in worlds for seed in seeds.split(",")]


def measure_plan(plan: Plan, work: Path) -> dict[str, Any]:
    """Return all that is measured on one world."""
    with open_plan(plan, work) as (world, reader):
        return {
            "preset": plan.preset,
            "variant": plan.variant,
            "seed": plan.seed,
            "transfers": plan.transfers,
            "measured_at": datetime.now(UTC).date().isoformat(),
            "notes": {told["name"]: told["note"] for told in reader.manifest.reports if told["note"]},
            "rules": measure_rules(reader),
            "outcome": measure_outcome(world, reader),
            "calibration": measure_calibration(reader),
        }


def keep_result(path: Path, options: argparse.Namespace, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what an earlier run of the same engine found, or measure and keep it."""
    version = digest_code()
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if options.keep or kept["version"] == version:
            return dict(kept["found"])
    started = time.monotonic()
    found = json.loads(json.dumps(measure()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": version, "found": found}), encoding="utf-8")
    print(f"{path.stem}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return dict(found)


def digest_code() -> str:
    """Return what a result depends on: the engine, its data files and these scripts."""
    files = sorted(Path(__file__).parent.glob("evidence*.py"))
    return code_version() + hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def measure_worlds(options: argparse.Namespace, work: Path, plans: list[Plan]) -> list[dict[str, Any]]:
    """Return the results of all plans, from earlier runs where they stand."""
    return [
        keep_result(work / "results" / f"{plan.name}.json", options, lambda plan=plan: measure_plan(plan, work))
        for plan in plans
    ]


def fit(options: argparse.Namespace, work: Path) -> None:
    """Write data/weights.toml from the tuning seeds."""
    seeds = options.seeds or ",".join(map(str, TUNING))
    if not set(map(int, seeds.split(","))) <= set(TUNING):
        raise SystemExit(f"weights are fitted on the seeds {TUNING} alone")
    plans = list_plans(options, [(preset, "whole") for preset in options.presets.split(",")], seeds)
    fitted = fit_weights(pool_rules(measure_worlds(options, work, plans)))
    told = {"seeds": [plan.seed for plan in plans], "rules": fitted}
    (work / "fitted.json").write_text(json.dumps(told), encoding="utf-8")
    path = options.out / "weights.toml" if options.out else data_path("weights.toml")
    path.write_text(write_weights(fitted, told["seeds"], datetime.now(UTC).date()), encoding="utf-8")
    for name, row in sorted(fitted.items()):
        print(
            f"{name:26s} {row['bits']:6.2f} of {row['start']:5.1f}  {row['relation']} {row['precision']} n {row['n']}"
        )


def report(options: argparse.Namespace, work: Path) -> None:
    """Write both pages from the reporting seeds and, where there is a mirror, the real sets."""
    seeds = options.seeds or ",".join(map(str, REPORTING))
    if set(map(int, seeds.split(","))) & set(TUNING):
        raise SystemExit(f"the seeds {TUNING} are for tuning and are not reported")
    results = measure_worlds(options, work, list_plans(options, WORLDS, seeds))
    mirror = read_settings().data_mirror
    real: dict[str, Any] = {}
    if mirror is not None and not options.no_real:
        for name, measure in (("hop", measure_hop), ("hidden", measure_hidden)):
            path = work / "results" / f"real-{name}.json"
            real[name] = keep_result(path, options, lambda measure=measure: measure(mirror, work))
    fitted = work / "fitted.json"
    weights = json.loads(fitted.read_text(encoding="utf-8")) if fitted.is_file() else {}
    present = {name: weight.bits for name, weight in load_weights().items()}
    if {name: row["bits"] for name, row in weights.get("rules", {}).items()} != present:
        weights = {}  # fitted, but not what this engine weighs with
    out = options.out or DOCS
    (out / "heuristics.md").write_text(write_heuristics(results), encoding="utf-8")
    (out / "evaluation.md").write_text(write_evaluation(results, real, weights), encoding="utf-8")
    print(write_evaluation(results, real, weights))


def main() -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--rules", action="store_true", help="print each rule's precision and coverage")
    what.add_argument("--fit", action="store_true", help="write data/weights.toml")
    what.add_argument("--report", action="store_true", help="write docs/heuristics.md and docs/evaluation.md")
    parser.add_argument("--transfers", type=int, default=100_000)
    parser.add_argument("--presets", default="default,hard")
    parser.add_argument("--seeds", help="if not given 1,2 to look, 101 to 105 to fit, 1 to 10 to report")
    parser.add_argument("--variants", default="whole", help=f"of {', '.join(VARIANTS)}, for --rules")
    parser.add_argument("--wrong", action="store_true", help="print what the wrong claims are about")
    parser.add_argument("--only", help="only these rules, separated by commas")
    parser.add_argument("--keep", action="store_true", help="take kept results even of another engine")
    parser.add_argument("--no-real", action="store_true", help="leave the real sets out")
    parser.add_argument("--out", type=Path, help="where to write; if not given docs/, or data/ with --fit")
    parser.add_argument("--work", type=Path, help="where stores and results are kept; if not given, nowhere")
    options = parser.parse_args()
    do = show_rules if options.rules else fit if options.fit else report
    with tempfile.TemporaryDirectory() as scratch:
        do(options, options.work or Path(scratch))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
