"""How do deposits reach an exchange, and what does it do with them? Deposit addresses, sweeps, cold storage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intel.sources.world.market import ASSET_CHAIN, ASSETS, DAY, IS_NATIVE, NATIVE, USDX, Ints
from intel.sources.world.people import Events, People, draw_uses
from intel.sources.world.town import Exchange, Span, Town

LEAST_COINS = 10**7  # grains: less is not worth its fee, and stays
GUARD = 600  # seconds between the end of a collecting window and its sweep
WEEK = 7 * DAY


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
    second = (rng.random(count) < 0.2).astype(np.int64)
    exchange = people.exchanges[events.person, second]
    # Some customers use another address from each of their wallets, up to four.
    rotates = (events.person * 2654435761 + second) % 1000 < 1000 * town.knobs.own_addresses
    slot = (events.person * 2 + second) * 4 + rotates * (events.wallet % 4)
    deposit = _find_accounts(town, people, slot)
    amount = town.market.convert(events.usd, events.asset, events.time)
    town.book.pay(events.time, (events.wallet, deposit), events.asset, amount, town.contracts)
    return Receipts(deposit, exchange, events.asset, town.book.align(events.time, ASSET_CHAIN[events.asset]), amount)


def _find_accounts(town: Town, people: People, slot: Ints) -> Ints:
    """Deposit account of each slot, which is (person * 2 + first or second exchange) * 4 + number of the address."""
    rng = town.rng
    known = town.groups.setdefault("deposit_slots", np.full(len(people.owner) * 8, -1, dtype=np.int32))
    fresh = np.unique(slot[known[slot] < 0])
    exchange = people.exchanges[fresh // 8, fresh // 4 % 2]
    owners = np.array([item.owner for item in town.exchanges])
    shares = rng.random(len(fresh)) < town.knobs.shared_deposits
    for number, item in enumerate(town.exchanges):
        own = np.flatnonzero(exchange == number)
        role_is_contract = item.has_forwarders
        accounts = town.cast.add_accounts("deposit", item.owner, len(own), contract=role_is_contract)
        place = np.arange(len(own))
        lends = shares[own] & ~np.roll(shares[own], 1) & (place > 0)  # this one uses its neighbour's
        account = accounts[np.where(lends, place - 1, place)]
        known[fresh[own]] = account
    account = known[fresh]
    town.truths.deposits.append((account, owners[exchange], people.owner[fresh // 8]))
    found: Ints = known[slot].astype(np.int64)
    return found


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
    forwards = np.array([exchange.has_forwarders for exchange in town.exchanges])[swept.exchange]
    _flush_forwarders(town, swept.at(np.flatnonzero(forwards)))
    swept = swept.at(np.flatnonzero(~forwards))
    hot = np.zeros(len(swept.time), dtype=np.int64)
    gas = np.array([exchange.gas for exchange in town.exchanges])[swept.exchange]
    for number, exchange in enumerate(town.exchanges):
        hot = np.where(swept.exchange == number, exchange.find_hot(swept.time), hot)
    sweep_accounts(town, swept, hot, gas)


def sweep_accounts(town: Town, swept: Receipts, hot: Ints, gas: Ints) -> None:
    """Empty key-held deposit accounts into `hot`; `gas` pays for the sweeps of tokens."""
    coins, tokens = (np.flatnonzero(kind) for kind in (
        IS_NATIVE[swept.asset] & (swept.amount >= LEAST_COINS), ~IS_NATIVE[swept.asset],
    ))  # fmt: skip
    for at, sweep in ((coins, _sweep_coins), (tokens, _sweep_tokens)):
        sweep(town, swept.at(at), hot[at], gas[at])


def _sweep_coins(town: Town, swept: Receipts, hot: Ints, _gas: Ints) -> None:
    tx, fee = town.book.sign("send", swept.time, swept.deposit, hot, ASSET_CHAIN[swept.asset])
    rest = swept.amount - fee
    assert (rest > 0).all(), "gas prices are bounded so that LEAST_COINS pays a fee"
    town.book.move("native", tx, swept.time, (swept.deposit, hot), (swept.asset, rest))


def _sweep_tokens(town: Town, swept: Receipts, hot: Ints, gas: Ints) -> None:
    rng, chain = town.rng, ASSET_CHAIN[swept.asset]
    tx, fee = town.book.sign("token_transfer", swept.time, swept.deposit, town.contracts[swept.asset], chain)
    town.book.move("erc20", tx, swept.time, (swept.deposit, hot), (swept.asset, swept.amount))
    early = swept.time - rng.integers(60, GUARD - 60, len(hot))
    amount = (fee * rng.uniform(1.0, 1.3, len(hot))).astype(np.int64) + 1
    town.book.pay(early, (gas, swept.deposit), NATIVE[chain], amount, town.contracts)


def _flush_forwarders(town: Town, swept: Receipts) -> None:
    """Empty deposit contracts: the gas account calls them; a contract is made by the factory at its first flush."""
    made = town.groups.setdefault("made", np.empty(0, dtype=np.int64))
    chain = ASSET_CHAIN[swept.asset]
    for number, exchange in enumerate(town.exchanges):
        own = np.flatnonzero(swept.exchange == number)
        if not exchange.has_forwarders or not len(own):
            continue
        part, on = swept.at(own), chain[own]
        parent, factory = int(exchange.hots[0]), town.services[f"factory_{exchange.owner}"]
        # The address is known before the contract stands on it: money may wait there.
        key = part.deposit * 16 + on
        order = np.lexsort((part.time, key))
        first = order[np.flatnonzero(np.diff(key[order], prepend=-1))]
        first = first[~np.isin(key[first], made)]
        town.groups["made"] = made = np.concatenate([made, key[first]])
        time = part.time[first] - 120
        tx, _ = town.book.sign("create_forwarder", time, exchange.gas, factory, on[first], created=part.deposit[first])
        town.book.tell(
            "forwarder_created", tx, time, (part.deposit[first], exchange.gas), on[first], facts=(parent, factory)
        )
        tx, _ = town.book.sign("flush", part.time, exchange.gas, part.deposit, on)
        for kind, native in (("internal", True), ("erc20", False)):
            at = np.flatnonzero(IS_NATIVE[part.asset] == native)
            what = (part.asset[at], part.amount[at])
            town.book.move(kind, tx[at], part.time[at], (part.deposit[at], parent), what)


def plan_cash_outs(town: Town, people: People, span: Span) -> None:
    """Let some people cash out from a wallet of their own, straight to a hot wallet: the near miss of a deposit."""
    rng, count = town.rng, int(town.size * town.knobs.cash_outs * span.share)
    person, begin = draw_uses(town, people, span, count, 62 * DAY)
    wallets = town.open_wallets("person", people.owner[person], len(person), people.first[person])
    times = rng.integers(2, 7, len(person))
    who = np.repeat(np.arange(len(person)), times)
    time = begin[who] + rng.integers(0, 60 * DAY, len(who))
    hot = np.array([exchange.hots[0] for exchange in town.exchanges])[people.exchanges[person, 0]]
    asset = people.tastes[person, 0][who]
    amount = town.market.convert(people.wealth[person[who]] * rng.lognormal(0, 0.5, len(who)) + 30, asset, time)
    town.book.pay(time, (wallets[who], hot[who]), asset, amount, town.contracts)


def plan_settlements(town: Town, span: Span) -> None:
    """Let exchanges settle with each other from hot wallet to hot wallet, which makes them no less separate."""
    rng, count = town.rng, max(int(town.days / 6 * span.share), 2)
    hot = np.array([exchange.hots[0] for exchange in town.exchanges])
    payer = rng.integers(0, len(hot), count)
    payee = (payer + rng.integers(1, len(hot), count)) % len(hot)
    time = rng.integers(span.begin, span.end - DAY, count)
    amount = rng.integers(5, 80, count) * 10**9
    town.book.pay(time, (hot[payer], hot[payee]), USDX, amount, town.contracts)
    pairs, times = np.unique(np.stack([payer, payee]), axis=1, return_counts=True)
    town.truths.keep_apart("exchange_to_exchange", hot[pairs[0]], hot[pairs[1]], np.minimum(times / 10, 1))


def plan_cold_storage(town: Town, span: Span) -> None:
    """Move most of what each hot wallet collected in a week to cold storage, asset by asset."""
    rows = town.book.stack()
    due = np.flatnonzero((rows["time"] >= span.begin) & (rows["time"] < span.end))
    week = rows["time"][due] // WEEK
    for exchange in town.exchanges:
        for hot in exchange.hots.tolist():
            at = np.flatnonzero(rows["receiver"][due] == hot)
            collected = np.zeros((town.days // 7 + 2, len(ASSETS)), dtype=np.int64)
            np.add.at(collected, (week[at], rows["asset"][due[at]]), rows["amount"][due[at]])
            weeks, asset = np.nonzero(collected)
            amount = collected[weeks, asset] // 10 * 6
            time = (weeks + 1) * WEEK + DAY + town.rng.integers(0, 3 * 3600, len(weeks))
            keep = (time < town.end) & (town.market.usd[asset, np.minimum(weeks * 7, town.days - 1)] > 0)
            at = np.flatnonzero(keep & (amount > 0))
            town.book.pay(time[at], (hot, exchange.cold), asset[at], amount[at], town.contracts)
        _migrate(town, exchange, span)


def _migrate(town: Town, exchange: Exchange, span: Span) -> None:
    """When a new hot wallet takes over, a small test payment goes there, then the bulk."""
    if not span.begin <= exchange.migration < span.end or len(exchange.hots) != 2:
        return
    old, new = exchange.hots.tolist()
    time = np.array([exchange.migration, exchange.migration + 3600])
    for asset, grains in ((USDX, np.array([10**7, 4 * 10**11])), (int(NATIVE[0]), np.array([10**7, 2 * 10**11]))):
        town.book.pay(time, (old, new), asset, grains, town.contracts)
