"""What is a heuristic, and what does a run of it report?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = int | float | str

# What a heuristic may ask for in `requires`: a test query (one boolean) and the words for its absence.
REQUIREMENTS: Mapping[str, tuple[str, str]] = {
    "transfers": ("select exists (select 1 from facts.transfers)", "no transfers"),
    "exchange_wallets": (
        "select exists (select 1 from exchange_wallets)",
        "no labelled wallet of an exchange or custodian occurs in the ledger",
    ),
    "tokens": ("select exists (select 1 from facts.transfers where kind = 'erc20')", "no token transfers"),
    "deposits": ("select exists (select 1 from known_deposits)", "no deposit address is known"),
    "initiators": (
        "select exists (select 1 from facts.transfers where initiator_id is not null)",
        "no source says who signed a transfer",
    ),
}

# The columns that a rule's SQL returns, in this order; beliefs.evidence has four more, known from the rule itself.
RESULT_COLUMNS = (
    "left_id", "right_id", "right_entity", "relation", "event", "weight_bits", "support", "tx_hashes",
    "first_block", "last_block", "valid_from", "valid_to", "visibility", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heuristic:
    """One rule: a query over facts, beliefs and the inputs that returns RESULT_COLUMNS.

    `params` are the values bound to $name in `sql`, never formatted into it; `requires` names REQUIREMENTS.
    A weight is `assumed` until it was measured on labelled data. Claims about an entity have the address left and
    the slug in right_entity; claims about two addresses have both ids (used_by: deposit left, its user right).
    """

    name: str
    version: int
    family: str
    relations: tuple[str, ...]
    requires: tuple[str, ...]
    params: Mapping[str, Value]
    sql: str
    weight_is_assumed: bool = True


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Which rules run, and which of their parameters differ from the default: {heuristic: {param: value}}."""

    disabled: frozenset[str] = frozenset()
    params: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What one rule did. `note` is empty, or says why there are no rows; `failed` tells an error from "no input"."""

    name: str
    rows: int
    seconds: float
    note: str = ""
    failed: bool = False
