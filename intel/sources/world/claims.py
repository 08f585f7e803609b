"""What does the outside world say about who is who? Labels for about two in a hundred addresses, of mixed quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from intel.sources.world.ledger import START
from intel.sources.world.market import ASSETS, Ints
from intel.sources.world.town import Exchange, Town

if TYPE_CHECKING:
    from intel.sources.world.economy import Life

EXPLORER, DISCLOSURE, FORUM, NOTES = "world-explorer", "world-disclosure", "world-forum", "world-case-notes"
_LEVELS = {EXPLORER: "trusted_provider", DISCLOSURE: "service_data", FORUM: "web_crawl", NOTES: "forensic"}
LABELLED_DEPOSITS = 0.03  # share of deposit addresses that somebody once labelled
LABELLED_PESTS, LABELLED_PEOPLE = 0.04, 0.006
WRONG, DISPUTED = 0.02, 0.02  # share of the explorer's claims that the forum repeats about another, or contradicts

Row = dict[str, Any]


@dataclass
class _Claims:
    """Rows of lake.labels: first who is said to be whom, then texts and dates."""

    town: Town
    days: int
    rng: np.random.Generator
    rows: list[tuple[int, str | None, str, str, str]] = field(default_factory=list)

    def add(self, account: int, entity: str | None, label: str, category: str, source: str) -> None:
        self.rows.append((account, entity, label, category, source))

    def add_own(self, account: int, text: str, source: str = EXPLORER) -> None:
        """A claim that is right: the account's owner, with `text` after his name."""
        owner = self.town.cast.find_owner(int(self.town.cast.owner_of[account]))
        self.add(account, owner.name, f"{owner.name}: {text}", owner.category, source)

    def write(self) -> list[Row]:
        addresses = self.town.cast.write_addresses(np.array([row[0] for row in self.rows], dtype=np.int64)).to_pylist()
        days = self.rng.integers(20, self.days + 60, len(self.rows)).tolist()
        written = []
        for number, ((_, entity, label, category, source), address) in enumerate(
            zip(self.rows, addresses, strict=True)
        ):
            told = datetime.fromtimestamp(START, UTC).replace(tzinfo=None) + timedelta(days=days[number])
            written.append({
                "chain": "evm", "address": address, "entity": entity, "label": label, "category": category,
                "source": source, "source_ref": f"{source}/{number}", "licence": "CC0-1.0", "source_date": told.date(),
                "confidence": _LEVELS[source], "recorded_at": told + timedelta(days=30),
            })  # fmt: skip
        return written


def write_labels(town: Town, life: Life, rng: np.random.Generator) -> tuple[list[Row], list[Row]]:
    """Rows of lake.labels, public and private: what is well known, samples of the rest, errors and disputes."""
    public, private = (_Claims(town, town.days, rng) for _ in range(2))
    for exchange in town.exchanges:
        _label_exchange(town, public, exchange)
    _label_services(town, public)
    _sample(town, life, public, rng)
    _err(town, public, rng)
    people = _find_role(town, life, "person")
    for account in rng.permutation(people)[: max(len(people) // 500, 5)].tolist():
        owner = int(town.cast.owner_of[account])
        private.add(account, f"Subject {owner}", f"Subject {owner}, from a case file", "other", NOTES)
    return public.write(), private.write()


def _find_role(town: Town, life: Life, role: str) -> Ints:
    """Accounts of `role` that occur in the ledger."""
    if role not in town.cast.roles:
        return np.empty(0, dtype=np.int64)
    is_role = town.cast.role_of[: life.seen.shape[1]] == town.cast.roles.index(role)
    return np.flatnonzero(is_role & life.seen.any(axis=0))


def _label_exchange(town: Town, claims: _Claims, exchange: Exchange) -> None:
    name = town.cast.find_owner(exchange.owner).name
    first = int(exchange.hots[0])
    claims.add_own(first, "Hot Wallet 1", DISCLOSURE)
    claims.add(first, name, f"{name} 1", "exchange", EXPLORER)
    claims.add(exchange.desk, name, f"{name} 2", "exchange", EXPLORER)
    if exchange in town.exchanges[:3]:
        claims.add_own(exchange.cold, "Cold Wallet", DISCLOSURE)
        for hot in exchange.hots[1:].tolist():  # the smaller exchange's new wallet nobody knows yet
            claims.add_own(hot, "Hot Wallet 3", EXPLORER)


_SERVICE_TEXTS = {
    "router": "Router", "mixer_1": "1 ETH", "mixer_10": "10 ETH", "bridge_0": "Ethereum Vault",
    "bridge_1": "Polygon Vault", "bridge_2": "Arbitrum Vault", "bridge_3": "Base Vault", "hop_0": "Ethereum Pool",
    "hop_1": "Polygon Pool", "hop_2": "Arbitrum Pool", "hop_3": "Base Pool", "disperser": "Multisend",
    "validator_deposit": "Deposit Contract", "lender": "Pool", "market": "Market", "market_1": "Market",
    "market_3": "Market", "names": "Registry", "safe_factory": "Factory", "entry_point": "Entry Point",
    "bundler": "Bundler", "paymaster": "Paymaster", "delegate": "Delegate", "settlement": "Settlement",
    "custody": "Omnibus", "broker": "Hot Wallet", "otc": "Desk", "solver": "Solver",
}  # fmt: skip


def _label_services(town: Town, claims: _Claims) -> None:
    for key, text in _SERVICE_TEXTS.items():
        claims.add_own(town.services[key], text)
    for asset, pool in enumerate(town.pools.tolist()):
        if pool >= 0:
            claims.add_own(pool, f"{ASSETS[asset].symbol}-WETH Pool")
    for contract in town.contracts.tolist():
        if contract >= 0 and town.cast.find_owner(int(town.cast.owner_of[contract])).name:
            claims.add_own(contract, "Token")
    for producer in np.unique(town.book.producers).tolist():
        claims.add_own(producer, "Fee Recipient")


# role, share that is labelled, category, label; `None`: the owner's own category and name
_SAMPLES = (
    ("deposit", LABELLED_DEPOSITS, "exchange_deposit", "Deposit", EXPLORER),
    ("look_alike", LABELLED_PESTS, "phishing_scam", "Fake_Phishing", EXPLORER),
    ("drainer", 0.5, "phishing_scam", "Drainer", EXPLORER),
    ("hacker", 1.0, "hack", "Exploiter", EXPLORER),
    ("launderer", 0.2, "hack", "Exploiter, hop", FORUM),
    ("sybil", LABELLED_PESTS, "airdrop_sybil", "airdrop-farmer", FORUM),
    ("mev_bot", 0.4, "mev", "MEV Bot", EXPLORER),
    ("safe", 0.05, "dao_multisig", "Safe", EXPLORER),
    ("person", LABELLED_PEOPLE, "nft_power_user", "collector", FORUM),
    ("spammer", 0.3, "phishing_scam", "Spam", EXPLORER),
)
_NAMED = {"exchange_deposit"}


def _sample(town: Town, life: Life, claims: _Claims, rng: np.random.Generator) -> None:
    """Label a share of each kind of address; only deposits name whose they are."""
    for role, share, category, label, source in _SAMPLES:
        accounts = _find_role(town, life, role)
        chosen = rng.permutation(accounts)[: int(np.ceil(len(accounts) * share))]
        for number, account in enumerate(np.sort(chosen).tolist()):
            name = town.cast.find_owner(int(town.cast.owner_of[account])).name if category in _NAMED else None
            text = f"{name}: {label}" if name else f"{label} {number + 1}"
            claims.add(account, name, text, category, source)
    maker = int(_find_role(town, life, "market_maker")[0])
    claims.add(maker, "Pumpernickel Trading", "Pumpernickel Trading", "fund_otc", EXPLORER)


def _err(town: Town, claims: _Claims, rng: np.random.Generator) -> None:
    """The forum errs: it names a wrong owner for somebody, and disputes what others say rightly."""
    biggest, rival = (town.cast.find_owner(exchange.owner).name for exchange in town.exchanges[:2])
    claims.add(int(town.services["liquidity"]), biggest, "maybe an exchange wallet", "exchange", FORUM)
    claims.add(town.exchanges[2].desk, rival, "said to be a hot wallet", "exchange", FORUM)
    right = [row for row in claims.rows if row[3] == "exchange_deposit"]
    for number in rng.permutation(len(right))[: int(np.ceil(len(right) * DISPUTED))].tolist():
        account, said = right[number][:2]
        other = rival if said == biggest else biggest
        claims.add(account, other, f"{other}: Deposit", "exchange_deposit", FORUM)
    people = np.flatnonzero(town.cast.role_of == town.cast.roles.index("person"))
    for account in rng.choice(people, int(np.ceil(len(right) * WRONG)) + 1, replace=False).tolist():
        claims.add(account, biggest, f"{biggest}: Deposit", "exchange_deposit", FORUM)
