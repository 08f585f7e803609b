"""Where does the money come from? Whoever would spend what he does not have is funded in time, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intel.sources.world.book import BLOCK_SECONDS, NOBODY, Book
from intel.sources.world.market import ASSET_CHAIN, ASSETS, ETH, IS_NATIVE, NATIVE, WETH, Ints

MINT_TIME, WRAP_TIME, OPEN_TIME = 3600, 5400, 7200  # nobody else acts before OPEN_TIME
PATIENCE = 9000  # seconds; money arrives at most this long before it is needed


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Money that accounts lack: at `time` account `account` needs `amount` more of `asset`, beyond earlier rows."""

    account: Ints
    asset: Ints
    time: Ints
    amount: Ints


def find_shortfalls(book: Book, accounts: Ints, total: int, parts: Ints) -> Shortfall:
    """Find when `accounts` (of `total` in all) run dry; account i is topped up at most `parts[i]` times per asset."""
    rows = book.stack()
    place = np.full(total + 1, NOBODY)  # the last place stands for "nobody"
    place[accounts] = np.arange(len(accounts))
    posted = []
    for column, sign in (("sender", -1), ("receiver", 1)):
        at = np.flatnonzero(place[rows[column]] >= 0)
        posted.append((place[rows[column][at]], rows["asset"][at], sign * rows["amount"][at], at))
    owner, asset, delta, row = (np.concatenate(parts) for parts in zip(*posted, strict=True))
    # Sent before received within one row, then in order of the ledger.
    order = np.lexsort((row, rows["tx"][row], rows["time"][row], owner * len(ASSETS) + asset))
    owner, asset, delta, row = owner[order], asset[order], delta[order], row[order]
    if not len(owner):
        return Shortfall(owner, asset, owner, owner)
    group = np.cumsum(np.diff(owner * len(ASSETS) + asset, prepend=-1) != 0) - 1
    needed = running_need(delta, group)
    last = np.flatnonzero(np.diff(group, append=group[-1] + 1))
    share = -(-needed[last] // np.maximum(parts[owner[last]], 1))
    share = np.maximum(_round_up(share), 1)[group]
    funded = -(-needed // share) * share
    first = np.diff(group, prepend=-1) != 0
    step = np.where(first, funded, np.diff(funded, prepend=0))
    at = np.flatnonzero(step > 0)
    return Shortfall(accounts[owner[at]], asset[at], rows["time"][row[at]], step[at])


def running_need(delta: Ints, group: Ints) -> Ints:
    """Money that must have come from elsewhere so far: minus the lowest running sum, never below 0, per group.

    `group` numbers the groups from 0 in order; sums of one group must fit 64 bits.
    """
    total = np.cumsum(delta)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    balance = np.minimum(total - (total[starts] - delta[starts])[group], 0)
    # One running minimum for all groups: balances by rank, each group below the one before it.
    rank = np.empty(len(balance), dtype=np.int64)
    by_size = np.argsort(balance, kind="stable")
    rank[by_size] = np.arange(len(balance))
    lowest = np.minimum.accumulate(rank - group * len(balance)) + group * len(balance)
    return -balance[by_size[lowest]]


def _round_up(amount: Ints) -> Ints:
    """Round up to two leading digits, as people do."""
    unit = (10.0 ** np.maximum(np.floor(np.log10(np.maximum(amount, 1))) - 1, 0)).astype(np.int64)
    rounded: Ints = -(-amount // unit) * unit
    return rounded


def fund_layer(book: Book, rng: np.random.Generator, short: Shortfall, funder: Ints, contracts: Ints) -> None:
    """Pay each shortfall from `funder` (one account per shortfall) shortly before it is felt."""
    seconds = BLOCK_SECONDS[ASSET_CHAIN[short.asset]]
    early = seconds * (1 + (rng.beta(1, 3, len(short.time)) * PATIENCE / seconds).astype(np.int64))
    time = np.maximum(short.time - early, OPEN_TIME)
    book.pay(time, (funder, short.account), short.asset, short.amount, contracts)


def fund_from_genesis(book: Book, total: int, contracts: Ints, issuers: Ints) -> None:
    """Fund whoever is still short: wrapped coins by wrapping, tokens by their issuer's mint, coins in block 0."""
    everyone = np.arange(1, total)
    once = np.ones(total, dtype=np.int64)
    short = find_shortfalls(book, everyone, total, once)
    at = short.asset == WETH
    time = np.full(int(at.sum()), WRAP_TIME)
    who, amount, wrapper = short.account[at], short.amount[at], np.full(int(at.sum()), contracts[WETH])
    tx, _ = book.sign("wrap", time, who, wrapper)
    book.move("native", tx, time, (who, wrapper), (ETH, amount))
    book.move("wrap", tx, time, (NOBODY, who), (WETH, amount))
    at = ~IS_NATIVE[short.asset] & (short.asset != WETH)
    asset, who, amount = short.asset[at], short.account[at], short.amount[at]
    time = np.full(len(asset), MINT_TIME)
    tx, _ = book.sign("mint", time, issuers[asset], contracts[asset], ASSET_CHAIN[asset])
    book.move("erc20", tx, time, (0, who), (asset, amount))
    for coin in NATIVE:
        short = find_shortfalls(book, everyone, total, once)
        at = short.asset == coin
        time = np.zeros(int(at.sum()), dtype=np.int64)
        book.move("reward", NOBODY, time, (NOBODY, short.account[at]), (coin, short.amount[at]))
