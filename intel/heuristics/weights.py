"""How much does each rule weigh, and was that measured or assumed?"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import pyarrow as pa

from intel.config import data_path
from intel.heuristics.base import EvidenceSettings, Heuristic
from intel.store import Engine


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


def record_weights(con: Engine, rules: Sequence[Heuristic], settings: EvidenceSettings) -> None:
    """Fill beliefs.weights: one row per rule that is on, with what its weight stands on."""
    con.execute("delete from beliefs.weights")
    con.register("told_weights", pa.Table.from_pylist([*map(_tell, filter(settings.runs, rules))], schema=_TOLD))
    con.execute("insert into beliefs.weights by name select * from told_weights")
    con.unregister("told_weights")


_TEXT, _REAL = pa.string(), pa.float64()
_TOLD = pa.schema(
    {
        "heuristic": _TEXT, "version": pa.int32(), "family": _TEXT, "consent": _TEXT, "weight_bits": _REAL,
        "is_assumed": pa.bool_(), "precision": _REAL, "precision_low": _REAL, "precision_high": _REAL,
        "n": pa.int64(), "measured_on": _TEXT, "measured_at": pa.date32(),
    }
)  # fmt: skip


def _tell(rule: Heuristic) -> dict[str, object]:
    weight = load_weights().get(rule.name)
    told: dict[str, object] = {
        "heuristic": rule.name, "version": rule.version, "family": rule.family, "consent": rule.consent,
        "weight_bits": weight.bits if weight else rule.params.get("weight_bits"), "is_assumed": weight is None,
    }  # fmt: skip
    if weight is not None:
        told |= {
            "precision": weight.precision, "precision_low": weight.low, "precision_high": weight.high, "n": weight.n,
            "measured_on": weight.measured_on, "measured_at": weight.measured_at,
        }  # fmt: skip
    return told
