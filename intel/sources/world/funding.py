"""Where does the money come from? Whoever would spend what he does not have is funded in time, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from intel.sources.world.book import BLOCK_SECONDS, NOBODY, Book, Rows
from intel.sources.world.market import ASSET_CHAIN, ASSETS, ETH, IS_NATIVE, WETH, Ints

MINT_TIME, WRAP_TIME, OPEN_TIME = 3600, 5400, 7200  # after the start of a period; nobody else acts before OPEN_TIME
PATIENCE = 9000  # seconds; money arrives at most this long before it is needed
WIDTH = len(ASSETS)


@dataclass
class Balances:
    """What each account holds of each asset after the periods that are over; keys are account * WIDTH + asset."""

    keys: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    amounts: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def read(self, keys: Ints) -> Ints:
        """Grains by key, 0 where nothing is known."""
        if not len(self.keys):
            return np.zeros(len(keys), dtype=np.int64)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        held: Ints = np.where(self.keys[at] == keys, self.amounts[at], 0)
        return held

    def settle(self, rows: Rows) -> None:
        """Add transfers of a period."""
        keys, amounts = [], []
        for column, sign in (("sender", -1), ("receiver", 1)):
            at = np.flatnonzero(rows[column] > 0)
            keys.append(rows[column][at] * WIDTH + rows["asset"][at])
            amounts.append(sign * rows["amount"][at])
        key, amount = np.concatenate(keys), np.concatenate(amounts)
        order = np.argsort(key, kind="stable")
        key, amount = key[order], amount[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        self._add(key[starts], np.add.reduceat(amount, starts))

    def _add(self, keys: Ints, amounts: Ints) -> None:
        """Add sums by key, sorted: to what is there in place, so that only new keys cost a copy."""
        place = np.searchsorted(self.keys, keys)
        known = np.zeros(len(keys), dtype=np.bool_)
        if len(self.keys):
            known = self.keys[np.minimum(place, len(self.keys) - 1)] == keys
        self.amounts[place[known]] += amounts[known]
        fresh = np.flatnonzero(~known & (amounts != 0))
        self.keys = np.insert(self.keys, place[fresh], keys[fresh])
        self.amounts = np.insert(self.amounts, place[fresh], amounts[fresh])


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Money that accounts lack: at `time` account `account` needs `amount` more of `asset`, beyond earlier rows."""

    account: Ints
    asset: Ints
    time: Ints
    amount: Ints


def find_shortfalls(rows: Rows, balances: Balances, wanted: Ints, parts: Ints) -> Shortfall:
    """Find when accounts run dry; `wanted` (bool) and `parts` are by account.

    Account i is topped up at most `parts[i]` times per asset.
    """
    posted = []
    for column, sign in (("sender", -1), ("receiver", 1)):
        at = np.flatnonzero((rows[column] > 0) & wanted[rows[column]])
        posted.append((rows[column][at] * WIDTH + rows["asset"][at], sign * rows["amount"][at], at))
    key, delta, row = (np.concatenate(columns) for columns in zip(*posted, strict=True))
    # Sent before received within one row, then in order of the ledger.
    order = np.lexsort((row, rows["tx"][row], rows["time"][row], key))
    key, delta, row = key[order], delta[order], row[order]
    if not len(key):
        return Shortfall(key, key, key, key)
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    group = np.cumsum(np.diff(key, prepend=-1) != 0) - 1
    needed = running_need(delta, group, balances.read(key[starts]))
    last = np.append(starts[1:], len(key)) - 1
    share = -(-needed[last] // np.maximum(parts[key[last] // WIDTH], 1))
    share = np.maximum(_round_up(share), 1)[group]
    funded = -(-needed // share) * share
    step = np.diff(funded, prepend=0)
    step[starts] = funded[starts]
    at = np.flatnonzero(step > 0)
    return Shortfall(key[at] // WIDTH, key[at] % WIDTH, rows["time"][row[at]], step[at])


def running_need(delta: Ints, group: Ints, opening: Ints) -> Ints:
    """Money that must have come from elsewhere so far: minus the lowest running sum, never below 0, per group.

    `group` numbers the groups from 0 in order, `opening` is what each starts with; sums of a group must fit 64 bits.
    """
    total = np.cumsum(delta)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    balance = np.minimum(total + (opening - (total[starts] - delta[starts]))[group], 0)
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


@dataclass(frozen=True, slots=True)
class Source:
    """Where money is made: token contracts and issuers by asset; `ahead` times as much as needed is made at once."""

    contracts: Ints
    issuers: Ints
    ahead: int


def make_money(book: Book, balances: Balances, size: int, period: tuple[int, int], source: Source) -> None:
    """Fund whoever is still short as a period (begin, horizon) opens.

    Wrapped coins by wrapping, tokens by their issuer's mint, coins in the first block, which is block 0 at first.
    """
    begin, horizon = period
    everyone, once = np.ones(size, dtype=bool), np.ones(size, dtype=np.int64)
    everyone[0] = False
    short = find_shortfalls(rows_before(book, horizon), balances, everyone, once)
    at = short.asset == WETH
    who, amount = short.account[at], short.amount[at] * source.ahead
    time = np.full(len(who), begin + WRAP_TIME)
    tx, _ = book.sign("wrap", time, who, source.contracts[WETH])
    book.move("native", tx, time, (who, int(source.contracts[WETH])), (ETH, amount))
    book.move("wrap", tx, time, (NOBODY, who), (WETH, amount))
    at = ~IS_NATIVE[short.asset] & (short.asset != WETH)
    asset, who, amount = short.asset[at], short.account[at], short.amount[at] * source.ahead
    time = np.full(len(asset), begin + MINT_TIME)
    tx, _ = book.sign("mint", time, source.issuers[asset], source.contracts[asset], ASSET_CHAIN[asset])
    book.move("erc20", tx, time, (0, who), (asset, amount))
    short = find_shortfalls(rows_before(book, horizon), balances, everyone, once)
    at = IS_NATIVE[short.asset]
    time = np.full(int(at.sum()), begin)
    amount = short.amount[at] * source.ahead
    book.move("reward", NOBODY, time, (NOBODY, short.account[at]), (short.asset[at], amount))


def rows_before(book: Book, horizon: int) -> Rows:
    """The planned transfers before `horizon`."""
    rows = book.stack()
    due = rows["time"] < horizon
    if due.all():
        return rows
    return {name: values[due] for name, values in rows.items()}
