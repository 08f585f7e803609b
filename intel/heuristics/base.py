"""What is a heuristic, and what does a run of it report?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Value = int | float | str

# How both ends agreed to what the rule saw (SCIENCE.md 0.1): without it a link never counts as one controller.
Consent = Literal["both signed", "labelled service", "ledger fact", "not known", "not claimed"]

# The columns that a rule's SQL returns, in this order; beliefs.evidence has four more, known from the rule itself.
RESULT_COLUMNS = (
    "left_id", "right_id", "right_entity", "relation", "event", "weight_bits", "support", "tx_hashes",
    "first_block", "last_block", "valid_from", "valid_to", "visibility", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heuristic:
    """One rule: a query over facts, beliefs and the inputs that returns RESULT_COLUMNS.

    `params` are the values bound to $name in `sql`, never formatted into it; `requires` names REQUIREMENTS. A weight
    is assumed until data/weights.toml says how it was measured. Claims about an entity have the address left and the
    slug in right_entity; claims about two addresses have both ids (used_by: deposit left, its user right).

    consent: how both ends took part. "not known": evidence of the tier `probable` at most; "not claimed": the rule
        never says that two addresses have one controller.
    is_atomic: a fact of the ledger that unites at once, without weighing (one key, one signed single-owner Safe).
    is_tree: links every leaf to one trunk (funder, collector); pairs among the leaves are not missing evidence.
    is_on: False for rules that run only when settings enable them.
    """

    name: str
    version: int
    family: str
    relations: tuple[str, ...]
    requires: tuple[str, ...]
    params: Mapping[str, Value]
    sql: str
    title: str = ""  # for people: "Deposit address that passes everything on"
    consent: Consent = "not claimed"
    is_atomic: bool = False
    is_tree: bool = False
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Which rules run, and which of their parameters differ from the default: {heuristic: {param: value}}."""

    disabled: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()  # rules that are off by default
    params: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    def runs(self, rule: Heuristic) -> bool:
        """Tell whether a rule is to run."""
        return rule.name not in self.disabled and (rule.is_on or rule.name in self.enabled)


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What one rule did. `note` is empty, or says why there are no rows; `failed` tells an error from "no input"."""

    name: str
    rows: int
    seconds: float
    note: str = ""
    failed: bool = False
