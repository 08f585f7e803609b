"""How do deposits reach an exchange, and what does it do with them? Deposit addresses, sweeps, cold storage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intel.sources.world.market import ASSET_CHAIN, ASSETS, DAY, IS_NATIVE, NATIVE, USDX, Ints
from intel.sources.world.people import Events, People
from intel.sources.world.town import SECONDARY, Exchange, Town

LEAST_COINS = 10**7  # grains: less is not worth its fee, and stays
GUARD = 600  # seconds between the end of a collecting window and its sweep


@dataclass(frozen=True, slots=True)
class Receipts:
    """Money that arrived at deposit accounts: `exchange` is an index into the town's exchanges."""

    deposit: Ints
    exchange: Ints
    asset: Ints
    time: Ints
    amount: Ints

    def at(self, chosen: Ints) -> Receipts:
        """The chosen ones."""
        return Receipts(*(getattr(self, name)[chosen] for name in self.__slots__))


def plan_deposits(town: Town, people: People, events: Events) -> Receipts:
    """Let people send money to deposit accounts of their exchanges: one account per customer, rarely two."""
    rng, count = town.rng, len(events.time)
    exchange = people.exchanges[events.person, (rng.random(count) < 0.2).astype(np.int64)]
    key = events.person * len(town.exchanges) + exchange
    rotates = (key * 2654435761 % 1000) < 150  # some exchanges' customers get a second address
    key = (exchange * len(people.owner) + events.person) * 2 + (rotates & (rng.random(count) < 0.5))
    keys, place = np.unique(key, return_inverse=True)
    account_of = np.arange(len(keys))
    at_exchange = keys // 2 // len(people.owner)
    neighbour = np.minimum(account_of + 2, len(keys) - 1)
    shares = (rng.random(len(keys)) < town.knobs.shared_deposits) & (at_exchange == at_exchange[neighbour])
    shares &= ~shares[neighbour]
    account_of = np.where(shares, neighbour, account_of)
    owners = np.array([exchange.owner for exchange in town.exchanges])
    accounts = town.cast.add_accounts("deposit", owners[at_exchange], len(keys))
    deposit = accounts[account_of]
    user = people.owner[keys // 2 % len(people.owner)]
    town.deposits.append((deposit, owners[at_exchange], user))
    amount = town.market.convert(events.usd, events.asset, events.time)
    town.book.pay(events.time, (events.wallet, deposit[place]), events.asset, amount, town.contracts)
    return Receipts(
        deposit[place], exchange, events.asset, town.book.align(events.time, ASSET_CHAIN[events.asset]), amount
    )


def plan_sweeps(town: Town, receipts: Receipts) -> None:
    """Let each exchange sweep what a deposit account got of one asset in one window; tokens after a gas top-up."""
    window = np.array([exchange.sweep_seconds for exchange in town.exchanges])[receipts.exchange]
    # Exchanges that sweep at once do so per account; the others in rounds, all accounts within half an hour.
    phase = receipts.deposit * 7919 % np.minimum(window, 1800)
    slot = (receipts.time + phase - GUARD) // window
    slot_end = (slot + 1) * window - phase + 2 * GUARD
    order = np.lexsort((slot, receipts.asset, receipts.deposit))
    sorted_ = receipts.at(order)
    key = np.stack([sorted_.deposit, sorted_.asset, slot[order]])
    starts = np.flatnonzero(np.any(np.diff(key, prepend=-1) != 0, axis=0))
    amount = np.add.reduceat(sorted_.amount, starts)
    swept = Receipts(
        sorted_.deposit[starts], sorted_.exchange[starts], sorted_.asset[starts], slot_end[order][starts], amount
    )
    swept = swept.at(np.flatnonzero(swept.time < town.end))
    _sweep_coins(town, swept.at(np.flatnonzero(IS_NATIVE[swept.asset] & (swept.amount >= LEAST_COINS))))
    _sweep_tokens(town, swept.at(np.flatnonzero(~IS_NATIVE[swept.asset])))


def _collectors(town: Town, receipts: Receipts) -> Ints:
    return np.array([exchange.hot for exchange in town.exchanges])[receipts.exchange]


def _sweep_coins(town: Town, swept: Receipts) -> None:
    hot = _collectors(town, swept)
    tx, fee = town.book.sign("send", swept.time, swept.deposit, hot, ASSET_CHAIN[swept.asset])
    rest = swept.amount - fee
    assert (rest > 0).all(), "gas prices are bounded so that LEAST_COINS pays a fee"
    town.book.move("native", tx, swept.time, (swept.deposit, hot), (swept.asset, rest))


def _sweep_tokens(town: Town, swept: Receipts) -> None:
    rng, chain = town.rng, ASSET_CHAIN[swept.asset]
    hot = _collectors(town, swept)
    tx, fee = town.book.sign("token_transfer", swept.time, swept.deposit, town.contracts[swept.asset], chain)
    town.book.move("erc20", tx, swept.time, (swept.deposit, hot), (swept.asset, swept.amount))
    gas = np.array([exchange.gas for exchange in town.exchanges])[swept.exchange]
    early = swept.time - rng.integers(60, GUARD - 60, len(hot))
    town.book.pay(
        early, (gas, swept.deposit), NATIVE[chain], (fee * rng.uniform(1.0, 1.3, len(hot))).astype(np.int64) + 1,
        town.contracts,
    )  # fmt: skip


def plan_cash_outs(town: Town, people: People) -> None:
    """Let some people cash out from a wallet of their own, straight to a hot wallet: the near miss of a deposit."""
    rng = town.rng
    person = np.flatnonzero(rng.random(len(people.owner)) < town.knobs.cash_outs)
    wallets = town.cast.add_accounts("person", people.owner[person], len(person))
    times = rng.integers(2, 7, len(person))
    town.back(SECONDARY, wallets, people.first[person], times)
    who = np.repeat(np.arange(len(person)), times)
    time = people.start[person[who]] * DAY + rng.integers(DAY, 60 * DAY, len(who))
    hot = np.array([exchange.hot for exchange in town.exchanges])[people.exchanges[person, 0]]
    asset = people.tastes[person, 0][who]
    time = np.minimum(time, town.end - DAY + who * 12 % 7200)
    amount = town.market.convert(people.wealth[person[who]] * rng.lognormal(0, 0.5, len(who)) + 30, asset, time)
    town.book.pay(time, (wallets[who], hot[who]), asset, amount, town.contracts)


def plan_settlements(town: Town) -> None:
    """Let exchanges settle with each other from hot wallet to hot wallet, which makes them no less separate."""
    rng, count = town.rng, town.days // 6
    hot = np.array([exchange.hot for exchange in town.exchanges])
    payer = rng.integers(0, len(hot), count)
    payee = (payer + rng.integers(1, len(hot), count)) % len(hot)
    time = rng.integers(20 * DAY, town.end, count)
    amount = rng.integers(5, 80, count) * 10**9
    town.book.pay(time, (hot[payer], hot[payee]), USDX, amount, town.contracts)


def plan_cold_storage(town: Town) -> None:
    """Move most of what each hot wallet collected in a week to cold storage, asset by asset."""
    rows = town.book.stack()
    week = rows["time"] // (7 * DAY)
    for exchange in town.exchanges:
        at = np.flatnonzero(rows["receiver"] == exchange.hot)
        size = (int(week.max()) + 1, len(ASSETS))
        collected = np.zeros(size, dtype=np.int64)
        np.add.at(collected, (week[at], rows["asset"][at]), rows["amount"][at])
        weeks, asset = np.nonzero(collected)
        amount = collected[weeks, asset] // 10 * 6
        time = (weeks + 1) * 7 * DAY + town.rng.integers(0, 3 * 3600, len(weeks))
        keep = np.flatnonzero((time < town.end) & (town.market.usd[asset, np.minimum(weeks * 7, town.days - 1)] > 0))
        _store(town, exchange, time[keep], asset[keep], amount[keep])


def _store(town: Town, exchange: Exchange, time: Ints, asset: Ints, amount: Ints) -> None:
    ends = (np.full(len(time), exchange.hot), np.full(len(time), exchange.cold))
    town.book.pay(time, ends, asset, amount, town.contracts)
