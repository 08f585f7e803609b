"""What would lists tell about the simulated ledger? Tokens, prices, what a symbol means, organisations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from intel.sources.chains import find_chain
from intel.sources.world.ledger import SOURCE, START, Ledger
from intel.sources.world.market import ASSETS, CHAINS, Market
from intel.sources.world.town import Town


def write_actors(town: Town) -> list[dict[str, Any]]:
    """Rows of lake.actors: the organisations that have a name and are no token."""
    named = {owner.name: owner for owner in town.cast.named.values() if owner.name and owner.category != "token"}
    return [
        {
            "slug": write_slug(name), "name": name, "categories": owner.category, "source": SOURCE,
            "licence": "CC0-1.0", "website": f"https://{write_slug(name)}.example", "aliases": name.split()[0].lower(),
        }
        for name, owner in sorted(named.items())
    ]  # fmt: skip


def write_slug(name: str) -> str:
    """The name as an identifier."""
    return "_".join(name.lower().split())


def write_tokens(ledger: Ledger) -> list[dict[str, Any]]:
    """Rows of lake.tokens: every contract says its own symbol, counterfeits too."""
    texts = ledger.cast.write_addresses(np.asarray(ledger.contracts)).to_pylist()
    return [
        {
            "chain": CHAINS[asset.chain].slug, "token": text, "symbol": asset.symbol, "name": asset.name,
            "decimals": asset.decimals, "standard": asset.standard, "lists": asset.lists, "source": SOURCE,
        }
        for asset, text in zip(ASSETS, texts, strict=True)
        if text
    ]  # fmt: skip


def write_assets(ledger: Ledger) -> list[dict[str, Any]]:
    """Rows of lake.assets: which contract a priced symbol means; the native coin has no token."""
    texts = ledger.cast.write_addresses(np.asarray(ledger.contracts)).to_pylist()
    return [
        {
            "chain": CHAINS[asset.chain].slug, "token": text, "symbol": asset.symbol, "decimals": asset.decimals,
            "lists": asset.lists, "source": SOURCE,
        }
        for asset, text in zip(ASSETS, texts, strict=True)
        if asset.is_listed
    ]  # fmt: skip


def write_prices(market: Market) -> list[dict[str, Any]]:
    """Rows of lake.prices: one price per symbol and day; a chain's coin goes by the name its prices go by."""
    first = datetime.fromtimestamp(START, UTC).date()
    symbols = {asset.symbol: index for index, asset in enumerate(ASSETS) if asset.is_listed}
    for index, asset in enumerate(ASSETS):
        if asset.standard == "native":
            symbols.setdefault(find_chain(CHAINS[asset.chain].slug).price_symbol or asset.symbol, index)
    return [
        {"date": first + timedelta(days=day), "symbol": symbol, "usd": usd, "source": SOURCE, "is_doubtful": False}
        for symbol, index in sorted(symbols.items())
        for day, usd in enumerate(market.usd[index].tolist())
    ]
