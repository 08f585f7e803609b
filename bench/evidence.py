"""How right is the evidence? Every rule and the whole engine against worlds whose truth is known.

    .venv/bin/python bench/evidence.py --rules [--transfers 100000] [--presets default,hard] [--seeds 1,2]
        [--variants whole,truncated,traceless] [--only RULE,...] --work DIR

Reporting seeds are 1 to 10; 101 to 105 are for tuning (weights, thresholds) and never reported.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from evidence_rules import list_wrong, measure_outcome, measure_rules, write_outcome, write_rules
from evidence_worlds import VARIANTS, Plan, open_plan


def show_rules(options: argparse.Namespace, work: Path) -> None:
    """Print, per world, every rule's precision and coverage, then the whole engine's."""
    only = set(options.only.split(",")) if options.only else None
    for preset in options.presets.split(","):
        for variant in options.variants.split(","):
            for seed in map(int, options.seeds.split(",")):
                plan = Plan(preset, seed, options.transfers, variant)
                with open_plan(plan, work) as (world, reader):
                    rows = [row for row in measure_rules(reader) if only is None or row["heuristic"] in only]
                    reports = [told for told in reader.manifest.reports if told["note"]]
                    print(f"\n== {preset}, {variant}, {options.transfers} transfers, seed {seed}")
                    print("\n".join(write_rules(rows)))
                    print("\n".join(f"{told['name']}: {told['note']}" for told in reports))
                    if options.wrong:
                        print("\n".join(list_wrong(reader)))
                    print("\n".join(write_outcome(measure_outcome(world, reader))))


def main() -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", action="store_true", help="print each rule's precision and coverage")
    parser.add_argument("--transfers", type=int, default=100_000)
    parser.add_argument("--presets", default="default,hard")
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--variants", default="whole", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--wrong", action="store_true", help="print what the wrong claims are about")
    parser.add_argument("--only", help="only these rules, separated by commas")
    parser.add_argument("--work", type=Path, help="where stores are kept between runs; if not given, nowhere")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        show_rules(options, work)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
