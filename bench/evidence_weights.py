"""What may a rule weigh, given how often it was right on the tuning worlds?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from math import log2
from typing import Any

from intel.entities.combine import PRIOR_BITS
from intel.heuristics import ALL
from intel.heuristics.weights import load_weights
from intel.ml.metrics import bound_share

TUNING = (101, 102, 103, 104, 105)
MODIFIERS = ("BEHAV", "NEG")  # no proposals: how often they are right says little of what they add
CLUSTERS = "same_controller"  # of equal weights, that of the relation that unites is told
ENOUGH = 50  # links; below, a weight stays assumed
HEADER = """# Measured weights of the heuristics, written by `bench/evidence.py --fit`: do not edit.
# A rule that is not here has an assumed weight, and every row it writes says so.
"""


def pool_rules(worlds: Iterable[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Add up the claims of each rule and relation over worlds: how many, how right, how much of the truth."""
    sums: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for world in worlds:
        for row in world["rules"]:
            into = sums[row["heuristic"], row["relation"]]
            for name in ("rows", "pairs", "right", "reachable", "reached"):
                into[name] += row[name]
            into["bits"] += row["bits"] * row["pairs"]
    return {key: _finish(total) for key, total in sorted(sums.items())}


def _finish(total: dict[str, float]) -> dict[str, Any]:
    pairs, right = int(total["pairs"]), int(total["right"])
    low, high = bound_share(right, pairs)
    share = total["reached"] / total["reachable"] if total["reachable"] else None
    return {
        "rows": int(total["rows"]), "pairs": pairs, "right": right, "precision": right / pairs, "low": low,
        "high": high, "coverage": share, "bits": total["bits"] / pairs,
    }  # fmt: skip


def fit_weights(pooled: dict[tuple[str, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the weight of each rule with enough links: that of its least sure relation.

    The bits are the log2 odds of the lower end of the interval less the prior of the relation. Rules that take bits
    off (crowds, partial history) keep their scale: what their rows weighed on average is brought to what was
    measured. Facts of the ledger unite without being weighed; they have no entry. No weight exceeds the rule's
    starting one, so a simulation never adds to what is known of real ledgers.
    """
    fitted: dict[str, dict[str, Any]] = {}
    for rule in ALL:
        start = rule.params.get("weight_bits")
        if not isinstance(start, float) or rule.is_atomic or rule.family in MODIFIERS:
            continue
        present = load_weights()[rule.name].bits if rule.name in load_weights() else start
        for relation in rule.relations:
            row = pooled.get((rule.name, relation))
            if row is None or row["pairs"] < ENOUGH or relation not in PRIOR_BITS:
                continue
            measured = log2(row["low"] / (1 - row["low"])) - PRIOR_BITS[relation] if row["low"] > 0 else 0.0
            bits = round(max(0.0, min(start, present + measured - row["bits"])), 2)
            if rule.name not in fitted or (bits, relation != CLUSTERS) < _rank(fitted[rule.name]):
                fitted[rule.name] = {
                    "bits": bits, "precision": round(row["precision"], 4), "low": round(row["low"], 4),
                    "high": round(row["high"], 4), "n": row["pairs"], "relation": relation, "start": start,
                    "measured": round(measured, 2),
                }  # fmt: skip
    return fitted


def _rank(row: dict[str, Any]) -> tuple[float, bool]:
    return row["bits"], row["relation"] != CLUSTERS


def write_weights(fitted: dict[str, dict[str, Any]], seeds: Sequence[int], on: date) -> str:
    """Return the text of data/weights.toml; `seeds` are those that were really measured."""
    parts = [HEADER]
    for name, row in sorted(fitted.items()):
        values = "\n".join(f"{key} = {row[key]}" for key in ("bits", "precision", "low", "high", "n"))
        told = f'measured_on = "simulated economy, seeds {name_seeds(seeds)}"\nmeasured_at = {on.isoformat()}'
        parts.append(f"[{name}]\n{values}\n{told}\n")
    return "\n".join(parts)


def name_seeds(seeds: Sequence[int]) -> str:
    """Return "101-105", or "101, 103" where there are gaps."""
    found = sorted(set(seeds))
    is_run = len(found) > 1 and found[-1] - found[0] == len(found) - 1
    return f"{found[0]}-{found[-1]}" if is_run else ", ".join(map(str, found))
