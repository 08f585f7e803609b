"""How are the measured figures told? The pages docs/heuristics.md and docs/evaluation.md, written from results."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from evidence_rules import pool_calibration
from evidence_weights import pool_rules

import intel.heuristics
from intel.heuristics import ALL
from intel.heuristics.base import Heuristic
from intel.heuristics.weights import load_weights
from intel.ml import metrics

HEAD = "Written by `bench/evidence.py --report`: do not edit.\n"
FINDINGS = Path(__file__).with_name("evidence_findings.md")
# What the reader is told a world is; in the order of the tables.
WORLDS = {
    ("default", "whole"): "default",
    ("hard", "whole"): "hard",
    ("default", "truncated"): "default, first half of the blocks withheld",
    ("default", "early"): "default, second half of the blocks withheld",
    ("default", "traceless"): "default, without traces",
}
_SECTION = re.compile(r"^([A-Z][a-z]+(?: when)?): ", re.MULTILINE)
Results = Sequence[dict[str, Any]]


def choose_worlds(results: Results, preset: str, variant: str) -> list[dict[str, Any]]:
    """Return the results of one kind of world, all seeds."""
    return [one for one in results if (one["preset"], one["variant"]) == (preset, variant)]


def find_modules() -> dict[str, str]:
    """Return the docstring of the file that holds each rule, by the rule's name."""
    found = {}
    for module in pkgutil.iter_modules(intel.heuristics.__path__):
        loaded = importlib.import_module(f"intel.heuristics.{module.name}")
        rule = getattr(loaded, "HEURISTIC", None)
        if isinstance(rule, Heuristic):
            found[rule.name] = inspect.getdoc(loaded) or ""
    return found


def split_docstring(text: str) -> dict[str, str]:
    """Return the parts of a rule's docstring by their headings, in one line each; "" is the question it answers."""
    parts = _SECTION.split(text)
    told = {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))
    return {name: " ".join(body.split()) for name, body in told.items()}


def write_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def write_heuristics(results: Results) -> str:
    """Return docs/heuristics.md: every rule of ALL, what it sees, when it fails, and how right it was."""
    pooled = {world: pool_rules(choose_worlds(results, *world)) for world in WORLDS}
    notes = {name: note for one in results for name, note in one["notes"].items()}
    texts = find_modules()
    parts = [
        "# The heuristics\n", HEAD, _introduce(results),
        *(_write_rule(rule, split_docstring(texts.get(rule.name, "")), pooled, notes) for rule in ALL),
    ]  # fmt: skip
    return "\n".join(parts)


def _introduce(results: Results) -> str:
    sizes = sorted({one["transfers"] for one in results})
    text = (
        f"Each rule was run on simulated economies of {' and '.join(f'{size:,}' for size in sizes)} transfers whose "
        "every owner is known (`docs/world.md`). Links are pairs, however often a rule sees them; precision has its "
        "exact 95 % interval; `reached` is the share of what a rule of that relation could find at all. What is right "
        "means: the same owner (`same_controller`, `coordinated`), the true exchange (`deposit_of`, `controls`), a "
        "true customer (`used_by`), one and the same transfer or owner (`bridged_to`), different owners "
        "(`cannot_link`). `funded_by`, `deployed` and `signer_of` are facts that claim no common owner: their figure "
        "says how often the owner is one all the same. Links of one owner are not independent, so that the intervals "
        "are narrower than those of another economy would be."
    )
    return textwrap.fill(text, 120) + "\n"


def _write_rule(
    rule: Heuristic, told: dict[str, str], pooled: dict[tuple[str, str], dict[tuple[str, str], Any]],
    notes: dict[str, str],
) -> str:  # fmt: skip
    rows = [
        (WORLDS[world], f"`{relation}`", f"{row['pairs']:,}",
         f"{row['precision']:.3f} ({row['low']:.3f} to {row['high']:.3f})",
         "" if row["coverage"] is None else f"{row['coverage']:.3f}")
        for world, found in pooled.items() for (name, relation), row in found.items() if name == rule.name
    ]  # fmt: skip
    table = write_table(("world", "relation", "links", "precision", "reached"), rows) if rows else "It claimed nothing."
    note = f" ({notes[rule.name]})" if not rows and rule.name in notes else ""
    facts = [
        f"`{rule.name}`, version {rule.version}, family {rule.family}{'' if rule.is_on else ', off by default'}",
        f"- sees: {told.get('', '')} {told.get('Returns', '')}".rstrip(),
        f"- consent: {rule.consent}",
        f"- requires: {told.get('Requires', ', '.join(rule.requires))}",
        f"- weight: {_tell_weight(rule)}",
        f"- fails when: {told.get('Fails when', 'not told')}",
    ]
    lines = [textwrap.fill(fact, 120, subsequent_indent="  ", break_on_hyphens=False) for fact in facts[1:]]
    return "\n".join([f"## {rule.title or rule.name}\n", facts[0], "", *lines, "", f"{table}{note}\n"])


def _tell_weight(rule: Heuristic) -> str:
    if rule.is_atomic:
        return "none: a fact of the ledger, which unites without being weighed"
    weight = load_weights().get(rule.name)
    start = rule.params.get("weight_bits")
    if weight is None:
        return f"{start} bits, assumed" if start is not None else "assumed"
    return (
        f"{weight.bits} bits (starting weight {start}), measured: precision {weight.precision:.3f} "
        f"({weight.low:.3f} to {weight.high:.3f}) over {weight.n:,} links; {weight.measured_on}, "
        f"{weight.measured_at.isoformat()}"
    )


def pool_outcome(worlds: Results) -> dict[str, Any]:
    """Return what the engine as a whole reached over the seeds of one kind of world."""
    outcomes = [one["outcome"] for one in worlds]
    links = [row for one in worlds for row in one["calibration"]]
    parts = [o["deposits"].get(how, {"found": 0, "right": 0}) for o in outcomes for how in ("labelled", "attributed")]
    found, right = sum(part["found"] for part in parts), sum(part["right"] for part in parts)
    truth = sum(o["deposits"]["truth"] for o in outcomes)
    united: dict[str, int] = {}
    for outcome in outcomes:
        for case, pairs in outcome["united"].items():
            united[case] = united.get(case, 0) + pairs
    series = {name: np.array([o[name]["f1"] for o in outcomes]) for name in ("wallets", "reference")}
    return {
        "seeds": len(worlds),
        "deposits": {
            "found": found, "right": right, "truth": truth, "precision": right / found if found else 1.0,
            "low": metrics.bound_share(right, found)[0], "recall": right / truth,
            "ceiling": sum(o["deposits"]["in_ledger"] for o in outcomes) / truth,
            "recall_worst": min(o["deposits"]["recall"] for o in outcomes),
        },
        "wallets": {
            **{name: float(np.mean([o["wallets"][name] for o in outcomes])) for name in ("precision", "recall", "f1")},
            "worst": float(series["wallets"].min()), "best": float(series["wallets"].max()),
            "recall_worst": min(o["wallets"]["recall"] for o in outcomes),
            "reference": float(series["reference"].mean()),
            "above": int((series["wallets"] > series["reference"]).sum()),
        },
        "pairwise": {
            name: float(np.mean([o["pairwise"][name] for o in outcomes])) for name in ("precision", "recall", "f1")
        },
        "united": united,
        "largest": max(o["largest_cluster"]["size"] for o in outcomes),
        "calibration": pool_calibration(links),
        "relations": {
            relation: pool_calibration([row for row in links if row[0] == relation])
            for relation in sorted({row[0] for row in links})
        },
    }  # fmt: skip
