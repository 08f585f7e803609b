"""How much does each rule weigh, and was that measured or assumed?"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from intel.config import data_path
from intel.heuristics.base import EvidenceSettings, Heuristic
from intel.store import Connection


@dataclass(frozen=True, slots=True)
class Weight:
    """A measured weight: log2 Bayes factor, and the precision (with its 95 % interval) of n links that gave it."""

    bits: float
    precision: float
    low: float
    high: float
    n: int
    measured_on: str
    measured_at: date


@cache
def load_weights() -> Mapping[str, Weight]:
    """Return the measured weights of data/weights.toml by heuristic; a rule that is not there is assumed."""
    rows = tomllib.loads(data_path("weights.toml").read_text(encoding="utf-8"))
    return {name: Weight(**row) for name, row in rows.items()}


def record_weights(con: Connection, rules: Sequence[Heuristic], settings: EvidenceSettings) -> None:
    """Fill beliefs.weights: one row per rule that is on, with what its weight stands on."""
    con.execute("delete from beliefs.weights")
    for rule in rules:
        if not settings.runs(rule):
            continue
        weight = load_weights().get(rule.name)
        bits = weight.bits if weight else rule.params.get("weight_bits")
        told = (
            (weight.precision, weight.low, weight.high, weight.n, weight.measured_on, weight.measured_at)
            if weight
            else (None,) * 6
        )
        con.execute(
            "insert into beliefs.weights values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            [rule.name, rule.version, rule.family, rule.consent, bits, weight is None, *told],
        )
