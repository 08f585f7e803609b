"""Which nouns does the platform speak in? Frozen values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

Visibility = Literal["public", "private"]
Tier = Literal["confirmed", "probable"]

# Kinds that enter balances, and kinds a source could not decide (never in balances until resolved).
COUNTED_KINDS = (
    "native", "internal", "erc20", "erc721", "erc1155", "fee", "reward", "withdrawal", "wrap", "unwrap",
)  # fmt: skip
UNRESOLVED_KINDS = ("erc20_or_erc721", "erc20_calldata", "erc20_or_erc721_calldata")
TRANSFER_KINDS = COUNTED_KINDS + UNRESOLVED_KINDS

DATASETS = ("transfers", "transactions", "blocks", "edges", "events", "tokens", "prices", "assets", "labels", "actors")

# Addresses that nobody owns: the ledger's own bookkeeping.
SYSTEM_ADDRESSES: Mapping[str, str] = {
    "0x" + "0" * 40: "Null address: mints and burns",
    "0x" + "0" * 36 + "dead": "Burn address",
}

OVERSIZE = 10**37  # base units; a token with any value or sum of this size is listed but never summed
MICRO = 1_000_000  # micro-dollars per dollar

# Confidence levels follow TagPack; bare level names map to 0..100.
CONFIDENCE_LEVELS: Mapping[str, int] = {
    "override": 100, "ownership": 100, "ledger_immanent": 100, "manual_transaction": 90, "service_api": 70,
    "forensic_investigation": 70, "authority_data": 60, "trusted_provider": 50, "service_data": 50, "forensic": 50,
    "untrusted_transaction": 40, "web_crawl": 20, "heuristic": 10, "unknown": 5,
}  # fmt: skip

RELATIONS = (
    "same_controller", "controls", "deposit_of", "used_by", "funded_by", "deployed", "signer_of", "bridged_to",
    "coordinated", "cannot_link", "possible",
)  # fmt: skip

FAMILIES = ("FLOW", "FUND", "AUTH", "CHAIN", "UTXO", "BEHAV", "ID", "PAIR", "NEG")

VERDICTS = ("same", "different", "unsure")  # what a person can judge of two ends

# code -> (what it means, is the row kept?)
ISSUE_CODES: Mapping[str, tuple[str, bool]] = {
    "bad_address": ("an address that is none on its chain", False),
    "bad_hash": ("a transaction hash that is none", False),
    "bad_value": ("a value that is no whole number of base units", False),
    "value_over_256_bits": ("a value no ledger can hold", False),
    "oversize_value": ("a value of 10^37 or more: listed, never summed", True),
    "bad_block": ("a block number that is missing or negative", False),
    "bad_time": ("a block time that is missing or unreadable", False),
    "future_time": ("a block time after now", False),
    "bad_kind": ("a transfer kind outside the vocabulary", False),
    "unknown_chain": ("a chain that data/chains.toml does not list", False),
    "missing_chain": ("no chain column and no --chain", False),
    "duplicate_row": ("the same row twice: kept once", False),
    "duplicate_key": ("one key with different content: the first is kept", False),
    "malformed_row": ("a line the reader could not split into columns", False),
    "missing_field": ("a required field is empty", False),
    "bad_log": ("an event log whose topics and data are not those of its event", False),
    "unknown_success": ("native value of a transaction whose success the source does not tell", True),
    "bad_price": ("a price that is no positive finite number", False),
    "bad_decimals": ("decimals outside 0..77", False),
    "bad_confidence": ("a confidence level outside the TagPack vocabulary", True),
    "bad_category": ("a category that data/categories.toml does not know", True),
    "bad_date": ("a date that cannot be read", True),
    "checksum_mismatch": ("mixed-case address whose EIP-55 checksum is wrong: kept in lower case", True),
}


@dataclass(frozen=True, slots=True)
class Address:
    """An address on one chain, or on every chain of its kind where `chain` is None (bare input of a person)."""

    chain: str | None
    text: str  # the chain's own form; EVM in lower case


@dataclass(frozen=True, slots=True)
class DataIssue:
    """Rows of one kind of fault in one file: `rows` of them, the first at `row_number` with `value`."""

    code: str
    dataset: str
    source: str
    file: str
    row_number: int | None = None
    column_name: str | None = None
    value: str | None = None
    hint: str = ""
    rows: int = 1

    @property
    def kept(self) -> bool:
        """True when such rows are in the lake all the same."""
        return ISSUE_CODES[self.code][1]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one ingest or labels run did. `rows` were written, `bad_rows` were not; `issues` says why, by kind."""

    run_id: str
    commit_id: str
    rows: Mapping[str, int]
    bad_rows: int
    replaced: int = 0  # older rows of the same source that these rows took the place of
    issues: tuple[DataIssue, ...] = ()

    @property
    def bad_share(self) -> float:
        """Share of input rows that were not taken."""
        total = sum(self.rows.values()) + self.bad_rows
        return self.bad_rows / total if total else 0.0


@dataclass(frozen=True, slots=True)
class CoverageRange:
    """Blocks one source covers for one kind on one chain, without a hole."""

    dataset: str
    chain: str
    kind: str
    source: str
    first_block: int
    last_block: int
    first_time: datetime | None
    last_time: datetime | None
    rows: int


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a question is about: `address_ids` are its members in the ledger (sorted), `addresses` all of them.

    Of an entity `addresses` holds the first 100 and `address_count` counts all; `left_out` counts the probable ones
    that tier `confirmed` leaves out. `asked_as` is the former id of an unnamed owner that goes by another one now.
    """

    kind: Literal["address", "entity"]
    name: str
    addresses: tuple[Address, ...]
    address_ids: tuple[int, ...]
    entity_id: str | None = None
    tier: Tier = "confirmed"
    address_count: int = 0
    left_out: int = 0
    asked_as: str | None = None


@dataclass(frozen=True, slots=True)
class JudgementEnd:
    """One end of a judgement: an address (`chain` None: wherever it occurs), or an entity by its id."""

    chain: str | None = None
    address: str | None = None
    entity_id: str | None = None

    @property
    def text(self) -> str:
        """The end as a person writes it."""
        return self.entity_id or (f"{self.chain}:{self.address}" if self.chain else str(self.address))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person decided about two ends, and by which state of the workspace; times in UTC.

    `revision` and `revoked_revision` number the changes of the workspace: a build knows those up to its own.
    """

    judgement_id: int
    left: JudgementEnd
    right: JudgementEnd
    verdict: str  # of VERDICTS
    because: str
    made_by: str  # empty: nobody said who
    made_at: datetime
    revision: int
    revoked_by: str | None = None
    revoked_at: datetime | None = None
    revoked_revision: int | None = None

    def holds_at(self, revision: int) -> bool:
        """Say whether it was made, and not yet taken back, at this state of the workspace."""
        return self.revision <= revision and (self.revoked_revision is None or self.revoked_revision > revision)


@dataclass(frozen=True, slots=True)
class Holding:
    """Net amount of one asset. `amount` is exact, in whole tokens where decimals are known, else in base units.

    It is None for an oversize asset, whose values are listed but never summed.
    """

    chain: str
    token: str | None
    symbol: str | None
    amount: Decimal | None
    value_usd: float | None
    token_id: str | None = None
    decimals: int | None = None
    price_date: date | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counterparty:
    """Flows with one entity or address, seen from the subject; USD of priced transfers only."""

    entity_id: str | None
    name: str | None
    address: str | None
    chain: str | None
    in_usd: float
    out_usd: float
    transfers: int
    transfers_in: int = 0
    transfers_out: int = 0
    category: str | None = None
    status: str = "unknown"  # labelled, attributed, probable (not at the tier asked for), system, unknown


@dataclass(frozen=True, slots=True)
class ExchangeUsage:
    """What the subject moved to and from one exchange, through its wallets and its deposit addresses."""

    exchange: str
    name: str
    deposits: int
    deposited_usd: float
    withdrawals: int
    withdrawn_usd: float
    first_time: datetime | None = None
    last_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything one page shows about a subject. Field names are those of `intel profile --json` (INTERFACES)."""

    subject: Mapping[str, Any]
    entity: Mapping[str, Any] | None
    role: Mapping[str, Any] | None
    labels: tuple[Mapping[str, Any], ...]
    holdings: tuple[Holding, ...]
    holdings_title: str  # balance, net flow over the window, or held for customers (intel.profiler.holdings)
    counterparties: tuple[Counterparty, ...]
    exchange_usage: tuple[ExchangeUsage, ...]
    pnl: Mapping[str, Any] | None
    activity: Mapping[str, Any]
    evidence: tuple[Mapping[str, Any], ...]
    coverage: Mapping[str, Any]
    caveats: tuple[str, ...]
    build_id: str
    extra: Mapping[str, Any] = field(default_factory=dict)
