"""Which rules find evidence? One file per heuristic, all of the same shape; ALL lists them in running order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from intel.heuristics.account_owner import HEURISTIC as ACCOUNT_OWNER
from intel.heuristics.activity_rhythm import HEURISTIC as ACTIVITY_RHYTHM
from intel.heuristics.airdrop_collector import HEURISTIC as AIRDROP_COLLECTOR
from intel.heuristics.asset_migration import HEURISTIC as ASSET_MIGRATION
from intel.heuristics.base import EvidenceSettings, Heuristic, RuleReport
from intel.heuristics.bridge_band import HEURISTIC as BRIDGE_BAND
from intel.heuristics.bridge_message import HEURISTIC as BRIDGE_MESSAGE
from intel.heuristics.close_dealings import HEURISTIC as CLOSE_DEALINGS
from intel.heuristics.delegation import HEURISTIC as DELEGATION
from intel.heuristics.deployer import HEURISTIC as DEPLOYER
from intel.heuristics.deposit_user import HEURISTIC as DEPOSIT_USER
from intel.heuristics.exchange_match import HEURISTIC as EXCHANGE_MATCH
from intel.heuristics.exclusive_deposit import HEURISTIC as EXCLUSIVE_DEPOSIT
from intel.heuristics.first_funder import HEURISTIC as FIRST_FUNDER
from intel.heuristics.forwarded_deposit import HEURISTIC as FORWARDED_DEPOSIT
from intel.heuristics.forwarder_clone import HEURISTIC as FORWARDER_CLONE
from intel.heuristics.funder_last_sweep import HEURISTIC as FUNDER_LAST_SWEEP
from intel.heuristics.gas_habit import HEURISTIC as GAS_HABIT
from intel.heuristics.gas_supplier_sweep import HEURISTIC as GAS_SUPPLIER_SWEEP
from intel.heuristics.gather import run_rules
from intel.heuristics.hostile_pair import HEURISTIC as HOSTILE_PAIR
from intel.heuristics.hygiene import flag_hygiene
from intel.heuristics.mev_operator import HEURISTIC as MEV_OPERATOR
from intel.heuristics.mixer_reveal import HEURISTIC as MIXER_REVEAL
from intel.heuristics.network_operator import HEURISTIC as NETWORK_OPERATOR
from intel.heuristics.reciprocal_transfers import HEURISTIC as RECIPROCAL_TRANSFERS
from intel.heuristics.safe_member import HEURISTIC as SAFE_MEMBER
from intel.heuristics.safe_owners import HEURISTIC as SAFE_OWNERS
from intel.heuristics.safe_signer import HEURISTIC as SAFE_SIGNER
from intel.heuristics.same_account import HEURISTIC as SAME_ACCOUNT
from intel.heuristics.same_key import HEURISTIC as SAME_KEY
from intel.heuristics.self_approval import HEURISTIC as SELF_APPROVAL
from intel.heuristics.services import type_services
from intel.heuristics.shared_counterparty import HEURISTIC as SHARED_COUNTERPARTY
from intel.heuristics.sole_supply import HEURISTIC as SOLE_SUPPLY
from intel.heuristics.sybil_group import HEURISTIC as SYBIL_GROUP
from intel.heuristics.verified_name import HEURISTIC as VERIFIED_NAME
from intel.heuristics.wallet_expansion import HEURISTIC as WALLET_EXPANSION
from intel.heuristics.wash_trade import HEURISTIC as WASH_TRADE
from intel.store import Connection, Engine

if TYPE_CHECKING:  # whoever only reads evidence need not wait for what translates SQL
    from intel.store.spark_engine import SparkEngine

T = TypeVar("T")

# Rules that name deposit addresses run before the one that reads who uses them; ACTIVITY_RHYTHM and GAS_HABIT last,
# for they speak only of pairs that a rule above proposes.
ALL: list[Heuristic] = [
    EXCLUSIVE_DEPOSIT,
    FORWARDED_DEPOSIT,
    GAS_SUPPLIER_SWEEP,
    FORWARDER_CLONE,
    WALLET_EXPANSION,
    DEPOSIT_USER,
    FIRST_FUNDER,
    SOLE_SUPPLY,
    FUNDER_LAST_SWEEP,
    AIRDROP_COLLECTOR,
    ASSET_MIGRATION,
    RECIPROCAL_TRANSFERS,
    CLOSE_DEALINGS,
    SHARED_COUNTERPARTY,
    SAME_ACCOUNT,
    SAME_KEY,
    SAFE_SIGNER,
    SAFE_MEMBER,
    SAFE_OWNERS,
    ACCOUNT_OWNER,
    DELEGATION,
    BRIDGE_MESSAGE,
    BRIDGE_BAND,
    HOSTILE_PAIR,
    MIXER_REVEAL,
    EXCHANGE_MATCH,
    SYBIL_GROUP,
    WASH_TRADE,
    DEPLOYER,
    VERIFIED_NAME,
    MEV_OPERATOR,
    NETWORK_OPERATOR,
    SELF_APPROVAL,
    ACTIVITY_RHYTHM,
    GAS_HABIT,
]


def gather_evidence(con: Engine, settings: EvidenceSettings | None = None) -> list[RuleReport]:
    """Run every heuristic in ALL, in order, and fill beliefs.evidence; one report per rule.

    Reads facts, and the labels, anchors, flags and services in beliefs, all filled before.
    """
    return run_rules(con, ALL, settings or EvidenceSettings())


_FACTS = (
    "facts.addresses", "facts.assets", "facts.transfers", "facts.postings", "facts.address_assets",
    "facts.address_stats", "facts.edges", "facts.events", "facts.transactions", "facts.coverage",
)  # fmt: skip
_BELIEFS = (
    "beliefs.labels", "beliefs.entities", "beliefs.anchors", "beliefs.listings", "beliefs.asset_flags",
    "beliefs.transfer_flags", "beliefs.services",
)  # fmt: skip
_FILLS: dict[Callable[..., Any], tuple[str, ...]] = {
    flag_hygiene: ("beliefs.asset_flags", "beliefs.transfer_flags"),
    type_services: ("beliefs.services",),
    gather_evidence: ("beliefs.weights", "beliefs.evidence"),
}


def run_on(engine: Connection | SparkEngine, con: Connection, step: Callable[[Engine], T]) -> T:
    """Run flag_hygiene, type_services or gather_evidence on `engine`; what it finds stands in `con` at the end.

    `engine` is the connection itself, or a cluster: then what the step reads is copied there and its findings back.
    """
    if isinstance(engine, Connection):
        return step(con)
    filled = _FILLS[step]
    engine.take(con, *_FACTS, *(table for table in _BELIEFS if table not in filled))
    answer = step(engine)
    engine.give(con, *filled)
    return answer


__all__ = [
    "ALL",
    "EvidenceSettings",
    "Heuristic",
    "RuleReport",
    "flag_hygiene",
    "gather_evidence",
    "run_on",
    "type_services",
]
