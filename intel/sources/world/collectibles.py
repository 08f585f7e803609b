"""How do collectibles change hands? Mints, sales by way of a market, and sales by escrow."""

from __future__ import annotations

import numpy as np

from intel.sources.world.book import KIND, NOBODY
from intel.sources.world.market import ASSETS, COLLECTIONS, DAY, NATIVE, Ints
from intel.sources.world.people import People, draw_uses, find_partner
from intel.sources.world.town import Span, Town


def plan_collectibles(town: Town, people: People, span: Span) -> None:
    """Mint collectibles, and let some be sold once or twice, each sale after the one before."""
    rng = town.rng
    person, time = draw_uses(town, people, span, town.count(0.12, 20, span), 50 * DAY)
    collection = rng.choice(np.array(COLLECTIONS), len(person), p=[0.4, 0.2, 0.2, 0.2])
    number = town.groups.setdefault("minted", np.zeros(1, dtype=np.int64))
    token = number[0] + np.arange(len(person)) + 1
    number[0] += len(person)
    for asset in COLLECTIONS:
        at = np.flatnonzero(collection == asset)
        goods = (people.first[person[at]], token[at], time[at])
        _mint(town, asset, goods)
        first_sold = np.flatnonzero(rng.random(len(at)) < 0.5)
        buyer = find_partner(people, person[at[first_sold]])
        _sell(town, asset, tuple(part[first_sold] for part in goods), people.first[buyer])  # type: ignore[arg-type]


def _mint(town: Town, asset: int, goods: tuple[Ints, Ints, Ints]) -> None:
    who, token, time = goods
    chain, contract = ASSETS[asset].chain, town.contracts[asset]
    tx, _ = town.book.sign("nft_mint", time, who, contract, chain)
    cost = town.market.convert(np.full(len(who), 25.0), np.full(len(who), NATIVE[chain]), time)
    town.book.move("native", tx, time, (who, contract), (NATIVE[chain], cost))
    town.book.move(ASSETS[asset].standard, tx, time, (0, who), (asset, 1, token))


def _sell(town: Town, asset: int, goods: tuple[Ints, Ints, Ints], buyer: Ints) -> None:
    """Sell each through the market of its chain: half go straight to the buyer, half wait in the market's escrow."""
    rng, book, (seller, token, minted) = town.rng, town.book, goods
    chain, standard, count = ASSETS[asset].chain, ASSETS[asset].standard, len(seller)
    market = town.services["market" if chain == 0 else f"market_{chain}"]
    assert standard in KIND
    listed = minted + rng.integers(3600, 20 * DAY, count)
    sold = listed + rng.integers(3600, 20 * DAY, count)
    escrow = rng.random(count) < 0.5
    tx, _ = book.sign("nft_list", listed[escrow], seller[escrow], market, chain)
    book.move(standard, tx, listed[escrow], (seller[escrow], market), (asset, 1, token[escrow]))
    facts = (token[escrow], int(town.contracts[asset]))
    book.tell("nft_listed", tx, listed[escrow], (market, seller[escrow]), chain, facts=facts)
    tx, _ = book.sign("approve_all", listed[~escrow], seller[~escrow], town.contracts[asset], chain)
    where = (int(town.contracts[asset]), seller[~escrow])
    book.tell("approval_for_all", tx, listed[~escrow], where, chain, facts=(market, NOBODY))
    coin = int(NATIVE[chain])
    price = town.market.convert(rng.lognormal(5, 1, count), np.full(count, coin), sold)
    fee = price // 40
    tx, _ = book.sign("nft_buy", sold, buyer, market, chain)
    book.move("native", tx, sold, (buyer, market), (coin, price))
    book.move("internal", tx, sold, (market, seller), (coin, price - fee))
    book.move(standard, tx, sold, (np.where(escrow, market, seller), buyer), (asset, 1, token))
    strength = np.where(escrow, 0.9, 0.4)
    differ = np.flatnonzero(seller != buyer)
    town.truths.keep_apart("market_escrow", seller[differ], buyer[differ], strength[differ], chain)
