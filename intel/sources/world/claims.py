"""What does the outside world say about the simulated ledger? Labels of mixed quality, actors, tokens and prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from intel.sources.world.ledger import SOURCE, START, Ledger
from intel.sources.world.market import ASSET_CHAIN, ASSETS, CHAINS, Ints, Market
from intel.sources.world.town import Exchange, Town

EXPLORER, DISCLOSURE, FORUM = "world-explorer", "world-disclosure", "world-forum"
_LEVELS = {EXPLORER: "trusted_provider", DISCLOSURE: "service_data", FORUM: "web_crawl"}
LABELLED_DEPOSITS = 0.03  # share of deposit addresses that somebody once labelled


@dataclass
class _Claims:
    """Rows of lake.labels, collected one by one: there are hundreds, not millions."""

    addresses: Sequence[str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, account: int, entity: str | None, label: str, category: str, source: str) -> None:
        day = date(2024, 1, 1) if source != FORUM else date(2023, 6, 1)
        self.rows.append({
            "chain": "evm", "address": self.addresses[account], "entity": entity, "label": label,
            "category": category, "source": source, "source_ref": f"{source}/{len(self.rows)}",
            "licence": "CC0-1.0", "source_date": day, "confidence": _LEVELS[source],
            "recorded_at": datetime(2024, 7, 1, tzinfo=UTC).replace(tzinfo=None),
        })  # fmt: skip


def write_labels(town: Town, ledger: Ledger, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Rows of lake.labels: what is well known, a few deposits and pests; one label is wrong, one is disputed."""
    claims = _Claims(ledger.addresses.to_pylist())
    for exchange in town.exchanges:
        _label_exchange(town, claims, rng, exchange)
    _label_services(town, claims)
    _label_pests(town, claims, rng)
    biggest, rival = town.exchanges[0], town.exchanges[1]
    wrong = int(town.services["liquidity"])
    claims.add(wrong, town.cast.owners[biggest.owner].name, "maybe an exchange wallet", "exchange", FORUM)
    disputed = town.exchanges[2].desk
    claims.add(disputed, town.cast.owners[rival.owner].name, "said to be a hot wallet", "exchange", FORUM)
    return claims.rows


def _label_exchange(town: Town, claims: _Claims, rng: np.random.Generator, exchange: Exchange) -> None:
    name = town.cast.owners[exchange.owner].name
    claims.add(exchange.hot, name, f"{name}: Hot Wallet 1", "exchange", DISCLOSURE)
    claims.add(exchange.hot, name, f"{name} 1", "exchange", EXPLORER)
    claims.add(exchange.desk, name, f"{name} 2", "exchange", EXPLORER)
    if exchange in town.exchanges[:3]:
        claims.add(exchange.cold, name, f"{name}: Cold Wallet", "exchange", DISCLOSURE)
    for deposits, owners, _ in town.deposits:
        own = np.unique(deposits[owners == exchange.owner])
        for account in rng.permutation(own)[: int(len(own) * LABELLED_DEPOSITS) + 1].tolist():
            claims.add(account, name, f"{name}: Deposit", "exchange_deposit", EXPLORER)


def _label_services(town: Town, claims: _Claims) -> None:
    for key, text in (
        ("router", "Teapot Swap: Router"), ("mixer_1", "Custard Mixer: 1 ETH"), ("mixer_10", "Custard Mixer: 10 ETH"),
        ("bridge", "Biscuit Bridge: Ethereum Vault"), ("bridge_far", "Biscuit Bridge: Polygon Vault"),
        ("disperser", "Pigeonhole Payouts: Multisend"), ("validator_deposit", "Hedgehog Staking: Deposit Contract"),
    ):  # fmt: skip
        account = town.services[key]
        owner = town.cast.owners[int(town.cast.owner_of[account])]
        claims.add(account, owner.name, text, owner.category, EXPLORER)
    for asset, pool in enumerate(town.pools.tolist()):
        if pool >= 0:
            claims.add(pool, "Teapot Swap", f"Teapot Swap: {ASSETS[asset].symbol}-WETH Pool", "dex", EXPLORER)
    for asset, contract in enumerate(town.contracts.tolist()):
        if contract >= 0 and ASSETS[asset].is_listed:
            claims.add(contract, ASSETS[asset].name, f"{ASSETS[asset].name}: Token", "token", EXPLORER)
    for producer in np.unique(town.book.producers).tolist():
        name = town.cast.owners[int(town.cast.owner_of[producer])].name
        claims.add(producer, name, f"{name}: Fee Recipient", "miner", EXPLORER)


def _label_pests(town: Town, claims: _Claims, rng: np.random.Generator) -> None:
    role = np.array(town.cast.roles)[town.cast.role_of]
    for number, account in enumerate(np.flatnonzero(role == "look_alike")[::40].tolist()):
        claims.add(account, None, f"Fake_Phishing{number + 1}", "phishing_scam", EXPLORER)
    for account in rng.permutation(np.flatnonzero(role == "sybil"))[:20].tolist():
        claims.add(account, None, "airdrop-farmer", "airdrop_sybil", FORUM)
    maker = int(np.flatnonzero(role == "market_maker")[0])
    claims.add(maker, "Pumpernickel Trading", "Pumpernickel Trading", "fund_otc", EXPLORER)


def write_actors(town: Town) -> list[dict[str, Any]]:
    """Rows of lake.actors: the organisations that have a name and are no token."""
    named = {owner.name: owner for owner in town.cast.owners if owner.name and owner.category != "token"}
    return [
        {
            "slug": _slug(name), "name": name, "categories": owner.category, "source": SOURCE, "licence": "CC0-1.0",
            "website": f"https://{_slug(name)}.example", "aliases": name.split()[0].lower(),
        }
        for name, owner in sorted(named.items())
    ]  # fmt: skip


def _slug(name: str) -> str:
    return "_".join(name.lower().split())


def write_tokens(ledger: Ledger) -> list[dict[str, Any]]:
    """Rows of lake.tokens: every contract says its own symbol, counterfeits too."""
    return [
        {
            "chain": CHAINS[asset.chain].slug, "token": ledger.addresses[int(contract)].as_py(),
            "symbol": asset.symbol, "name": asset.name, "decimals": asset.decimals, "standard": asset.standard,
            "lists": asset.lists, "source": SOURCE,
        }
        for asset, contract in zip(ASSETS, ledger.contracts, strict=True)
        if contract >= 0
    ]  # fmt: skip


def write_assets(ledger: Ledger) -> list[dict[str, Any]]:
    """Rows of lake.assets: which contract a priced symbol means; the native coin has no token."""
    return [
        {
            "chain": CHAINS[asset.chain].slug,
            "token": ledger.addresses[int(contract)].as_py() if contract >= 0 else None,
            "symbol": asset.symbol, "decimals": asset.decimals, "lists": asset.lists, "source": SOURCE,
        }
        for asset, contract in zip(ASSETS, ledger.contracts, strict=True)
        if asset.is_listed
    ]  # fmt: skip


def write_prices(market: Market) -> list[dict[str, Any]]:
    """Rows of lake.prices: one price per symbol and day."""
    first = datetime.fromtimestamp(START, UTC).date()
    symbols = {asset.symbol: index for index, asset in enumerate(ASSETS) if asset.is_listed}
    return [
        {"date": first + timedelta(days=day), "symbol": symbol, "usd": usd, "source": SOURCE, "is_doubtful": False}
        for symbol, index in sorted(symbols.items())
        for day, usd in enumerate(market.usd[index].tolist())
    ]


def write_truth(town: Town, ledger: Ledger) -> dict[str, pa.Table]:
    """Tables `owners`, `roles` and `deposits`: what no pipeline may read. Only addresses that occur in the ledger."""
    chain, account = _find_seen(ledger)
    owner = town.cast.owner_of[account]
    names = pa.array([item.name for item in town.cast.owners], pa.string())
    address = ledger.addresses.take(pa.array(account))
    slug = pa.array([item.slug for item in CHAINS]).take(pa.array(chain))
    cluster = pa.array([f"owner-{number}" for number in range(len(town.cast.owners))])
    owners = pa.table({
        "cluster_id": cluster.take(pa.array(owner)), "address": address, "chain": slug,
        "entity": names.take(pa.array(owner)),
    })  # fmt: skip
    roles = pa.table({
        "address": address, "chain": slug, "role": pa.array(town.cast.roles).take(pa.array(town.cast.role_of[account])),
    })  # fmt: skip
    uses = np.unique(np.concatenate([np.stack(use) for use in town.deposits], axis=1), axis=1)
    deposits = pa.table({
        "deposit": ledger.addresses.take(pa.array(uses[0])), "exchange": names.take(pa.array(uses[1])),
        "user": cluster.take(pa.array(uses[2])),
    })  # fmt: skip
    return {"owners": owners, "roles": roles, "deposits": deposits}


def _find_seen(ledger: Ledger) -> tuple[Ints, Ints]:
    """Chain and account of every party of a transfer or transaction, but not the zero address."""
    size = len(ledger.addresses)
    seen = []
    for name in ("sender", "receiver", "initiator"):
        parties = ledger.transfers[name]
        known = parties > 0
        seen.append(ASSET_CHAIN[ledger.transfers["asset"][known]] * size + parties[known])
    for name in ("to", "created"):
        parties = ledger.transactions[name]
        seen.append((ledger.transactions["chain"] * size + parties)[parties > 0])
    key = np.unique(np.concatenate(seen))
    return key // size, key % size
