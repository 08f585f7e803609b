"""What may a heuristic ask for, and in which words does its absence go?"""

from __future__ import annotations

from collections.abc import Mapping


def _require_event(*events: str) -> str:
    names = ", ".join(f"'{event}'" for event in events)
    return f"select exists (select 1 from facts.events where event in ({names}))"


# name in `requires` -> (a query of one boolean, the words for its absence)
REQUIREMENTS: Mapping[str, tuple[str, str]] = {
    "transfers": ("select exists (select 1 from facts.transfers)", "no transfers"),
    "exchange_wallets": (
        "select exists (select 1 from exchange_wallets)",
        "no labelled wallet of an exchange or custodian occurs in the ledger",
    ),
    "tokens": ("select exists (select 1 from facts.transfers where kind = 'erc20')", "no token transfers"),
    "collectibles": ("select exists (select 1 from facts.transfers where kind = 'erc721')", "no collectibles"),
    "prices": ("select exists (select 1 from facts.transfers where value_micro_usd is not null)", "no prices"),
    "deposits": ("select exists (select 1 from known_deposits)", "no deposit address is known"),
    "initiators": (
        "select exists (select 1 from facts.transfers where initiator_id is not null)",
        "no source says who signed a transfer",
    ),
    "transactions": ("select exists (select 1 from facts.transactions)", "no transactions"),
    "creations": (
        "select exists (select 1 from facts.transactions where created_id is not null)",
        "no source says who created a contract",
    ),
    "rewards": (
        "select exists (select 1 from facts.transfers where kind in ('reward', 'withdrawal'))",
        "no block rewards and no withdrawals of validators",
    ),
    "edges": ("select exists (select 1 from facts.edges)", "no edges without amounts"),
    "several_chains": (
        "select count(*) > 1 from (select distinct chain from facts.transfers) c",
        "transfers of one chain only",
    ),
    "evidence": (
        "select exists (select 1 from beliefs.evidence where relation = 'same_controller')",
        "no other rule proposes a pair",
    ),
    "anchors": ("select exists (select 1 from beliefs.anchors)", "no labelled address occurs in the ledger"),
    "listings": ("select exists (select 1 from beliefs.listings)", "no list names an address of the ledger"),
    "approvals": (_require_event("approval", "approval_for_all", "permit"), "no approvals"),
    "safe_events": (_require_event("safe_executed"), "no executions of Safes"),
    "user_operations": (_require_event("user_operation"), "no user operations (ERC-4337)"),
    "authorizations": (_require_event("authorization"), "no authorisations (EIP-7702)"),
    "bridge_messages": (_require_event("bridge_sent"), "no bridge messages"),
    "bridge_wallets": (
        "select exists (select 1 from beliefs.anchors where category = 'bridge')",
        "no labelled wallet of a bridge occurs in the ledger",
    ),
    "validator_deposits": (
        _require_event("validator_deposit"),
        "no deposits of validators that name where withdrawals go",
    ),
    "names": (_require_event("name_record_set", "name_registered"), "no name records"),
    "mixer_events": (_require_event("mixer_withdrawal"), "no mixer events"),
    "forwarders": (_require_event("forwarder_created"), "no forwarders created by a factory"),
}
