"""What else do contracts do with coins? Loans, pool shares, joint settlements, and bots that trade around others."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import DAY, ETH, LENT_DOLLAR, POOL_SHARE, USDX, WETH, Ints
from intel.sources.world.people import Events, People, draw_uses
from intel.sources.world.town import MAIN, SECONDARY, Span, Town

DEEP_POOL = 5  # asset whose pool hands out shares


def plan_loans(town: Town, people: People, span: Span) -> None:
    """Lend dollars for a receipt token and take them back with interest; borrow coins and repay them."""
    rng, book, lender = town.rng, town.book, town.services["lender"]
    person, time = draw_uses(town, people, span, town.count(0.05, 10, span), 60 * DAY)
    who = people.first[person]
    amount = town.market.convert(rng.lognormal(6, 1, len(who)) + 50, np.full(len(who), USDX), time)
    tx, _ = book.sign("lend", time, who, lender)
    book.move("erc20", tx, time, (who, lender), (USDX, amount))
    book.move("erc20", tx, time, (0, who), (LENT_DOLLAR, amount))
    back = time + rng.integers(5 * DAY, 58 * DAY, len(who))
    tx, _ = book.sign("redeem", back, who, lender)
    book.move("erc20", tx, back, (who, 0), (LENT_DOLLAR, amount))
    book.move("erc20", tx, back, (lender, who), (USDX, amount + amount // 100))
    borrows = np.flatnonzero(rng.random(len(who)) < 0.3)
    loan, at = amount[borrows] // 4 * 10**3 // 2000, time[borrows] + 3600  # about an eighth of the deposit
    tx, _ = book.sign("redeem", at, who[borrows], lender)
    book.move("internal", tx, at, (lender, who[borrows]), (ETH, loan))
    due = back[borrows] - 3600
    tx, _ = book.sign("lend", due, who[borrows], lender)
    book.move("native", tx, due, (who[borrows], lender), (ETH, loan + loan // 100))


def plan_liquidity(town: Town, people: People, span: Span) -> None:
    """Give two tokens to a pool for a share of it, and take them back: who shares a pool shares nothing else."""
    rng, book, pool = town.rng, town.book, int(town.pools[DEEP_POOL])
    router = town.services["router"]
    person, time = draw_uses(town, people, span, town.count(0.02, 10, span), 60 * DAY)
    who, count = people.first[person], len(person)
    usd = rng.lognormal(6, 1, count) + 50
    legs = [(token, town.market.convert(usd, np.full(count, token), time)) for token in (DEEP_POOL, USDX)]
    share = (usd * 10**6).astype(np.int64)
    tx, _ = book.sign("add_liquidity", time, who, router)
    for token, amount in legs:
        book.move("erc20", tx, time, (who, pool), (token, amount))
    book.move("erc20", tx, time, (0, who), (POOL_SHARE, share))
    back = time + rng.integers(5 * DAY, 58 * DAY, count)
    tx, _ = book.sign("remove_liquidity", back, who, router)
    book.move("erc20", tx, back, (who, 0), (POOL_SHARE, share))
    for token, amount in legs:
        book.move("erc20", tx, back, (pool, who), (token, amount))
    town.truths.keep_neighbours_apart("pool_and_router", who, people.owner[person], 0.6)


def plan_settlements_by_batch(town: Town, people: People, span: Span) -> None:
    """Joint transactions: several people's dollars go in, equal amounts come out, one stranger signs.

    What CoinJoin is on Bitcoin, batch auctions and joint payments are here.
    """
    rng, book, settlement = town.rng, town.book, town.services["settlement"]
    rounds = town.count(0.004, 6, span)
    person, time = draw_uses(town, people, span, rounds * 5, DAY)
    if not len(person):
        return
    group = np.arange(len(person)) // 5
    late = time.reshape(rounds, 5).max(axis=1)
    tx, _ = book.sign("settle_batch", late, town.services["settler"], settlement)
    when, who = late[group], people.first[person]
    amount = (rng.integers(1, 20, rounds) * 50 * 10**6)[group]
    book.move("erc20", tx[group], when, (who, settlement), (USDX, amount))
    fresh = rng.random(len(person)) < 0.3
    to = who.copy()
    to[fresh] = town.open_wallets("person", people.owner[person[fresh]], int(fresh.sum()), who[fresh])
    book.move("erc20", tx[group], when, (settlement, to), (USDX, amount))
    town.truths.keep_neighbours_apart("joint_transaction", who, people.owner[person], 0.7)


def open_bots(town: Town) -> None:
    """Open the bots that trade around other people's swaps: a key and a contract each."""
    count = max(town.size // 1500, 2)
    owners = np.array([town.cast.add_owner(None, "mev") for _ in range(count)])
    keys = town.open_mains("mev_bot", owners, count)
    contracts = town.cast.add_accounts("mev_contract", owners, count, contract=True)
    town.back(SECONDARY, contracts, keys, 3)
    town.book.sign("create", np.full(count, 2 * DAY + 600), keys, -1, created=contracts)
    town.back(MAIN, [town.services["builder"]], town.exchanges[0].desk, 4)
    town.groups["bot_keys"], town.groups["bot_contracts"] = keys, contracts


def plan_fronts(town: Town, swaps: Events) -> tuple[Ints, Ints, Ints, Ints]:
    """Buy before a large swap of the same token in the same block. Returns bot, time, token and amount bought."""
    rng, market = town.rng, town.market
    hit = np.flatnonzero((swaps.usd > 1000) & (swaps.asset >= USDX) & (swaps.asset < 20) & (swaps.time > 3 * DAY))
    hit = hit[rng.random(len(hit)) < 0.1]
    bot = rng.integers(0, len(town.groups["bot_keys"]), len(hit))
    time, asset = swaps.time[hit], swaps.asset[hit]
    spent = market.convert(swaps.usd[hit] * 0.2, np.full(len(hit), WETH), time)
    bought = market.exchange(spent, np.full(len(hit), WETH), asset, time)
    tx = _trade(town, bot, time)
    contract, pool = town.groups["bot_contracts"][bot], town.pools[asset]
    town.book.move("erc20", tx, time, (contract, pool), (WETH, spent))
    town.book.move("erc20", tx, time, (pool, contract), (asset, bought))
    return bot, time, asset, bought


def plan_backs(town: Town, fronts: tuple[Ints, Ints, Ints, Ints]) -> None:
    """Sell right after the swap, a little dearer, and tip the builder of the block."""
    bot, time, asset, bought = fronts
    tx = _trade(town, bot, time)
    weth = town.market.exchange(bought, asset, np.full(len(bot), WETH), time)
    contract, pool = town.groups["bot_contracts"][bot], town.pools[asset]
    town.book.move("erc20", tx, time, (contract, pool), (asset, bought))
    town.book.move("erc20", tx, time, (pool, contract), (WETH, weth * 102 // 100))
    tip = np.maximum(weth // 300, 1)
    town.book.pay(time, (town.groups["bot_keys"][bot], town.services["builder"]), ETH, tip, town.contracts)


def _trade(town: Town, bot: Ints, time: Ints) -> Ints:
    tx, _ = town.book.sign("arbitrage", time, town.groups["bot_keys"][bot], town.groups["bot_contracts"][bot])
    return tx
