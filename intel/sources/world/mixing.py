"""How is money's past hidden? The mixer's honest users, and hacks that launder through hops, services and the mixer."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import DAY, ETH, Ints
from intel.sources.world.people import People, draw_uses, find_partner
from intel.sources.world.town import Span, Town

COIN = 10**9


def plan_mixer(town: Town, people: People, span: Span) -> None:
    """Let people put one or ten coins into the mixer and take them out elsewhere, through a relayer, much later."""
    rng = town.rng
    person, time = draw_uses(town, people, span, town.count(0.025, 30, span), 45 * DAY)
    large = rng.random(len(person)) < 0.2
    pool = np.where(large, town.services["mixer_10"], town.services["mixer_1"])
    put_in(town, people.first[person], pool, time)
    fresh = town.cast.add_accounts("person", people.owner[person], len(person))
    out = time + rng.integers(DAY, 40 * DAY, len(person))
    amount = take_out(town, fresh, pool, out)
    spend = out + rng.integers(3600, 2 * DAY, len(person))
    stranger = people.first[find_partner(people, person)]
    town.book.pay(spend, (fresh, stranger), ETH, amount // 2, town.contracts)
    for chosen in (large, ~large):  # who took out soon after a stranger put in
        at = np.flatnonzero(chosen)
        nearest = np.minimum(np.searchsorted(np.sort(out[at]), time[at]), max(len(at) - 1, 0))
        right = at[np.argsort(out[at])[nearest]] if len(at) else at
        differ = person[at] != person[right]
        gap = np.abs(out[right] - time[at])[differ] / (40 * DAY)
        left, other = people.first[person[at]][differ], fresh[right][differ]
        town.truths.keep_apart("mixer_denomination", left, other, np.round(np.clip(1 - gap, 0, 1), 3))


def put_in(town: Town, sender: Ints, pool: Ints, time: Ints) -> None:
    """Pay one denomination into the mixer."""
    amount = _denomination(town, pool)
    tx, _ = town.book.sign("mixer_deposit", time, sender, pool)
    town.book.move("native", tx, time, (sender, pool), (ETH, amount))
    town.book.tell("mixer_deposit", tx, time, (pool, sender), what=(ETH, amount))


def take_out(town: Town, receiver: Ints, pool: Ints, time: Ints) -> Ints:
    """Take one denomination out to `receiver` through the relayer, who keeps a tip; returns what arrives."""
    amount, relayer = _denomination(town, pool), town.services["relayer"]
    tx, fee = town.book.sign("mixer_withdraw", time, relayer, pool)
    tip = fee + amount // 500
    town.book.move("internal", tx, time, (pool, receiver), (ETH, amount - tip))
    town.book.move("internal", tx, time, (pool, relayer), (ETH, tip))
    town.book.tell("mixer_withdrawal", tx, time, (pool, relayer), what=(ETH, amount), facts=(receiver, -1))
    return amount - tip


def _denomination(town: Town, pool: Ints) -> Ints:
    return np.where(pool == town.services["mixer_10"], 10 * COIN, COIN)


def plan_hacks(town: Town, people: People, span: Span) -> None:
    """Drain a pool, or the lender, and move the money over hops into an exchange, a bridge and the mixer."""
    rng = town.rng
    victims, time = draw_uses(town, people, span, town.count(0.002, 3, span), 60 * DAY)
    for number in range(len(victims)):
        _launder(town, int(time[number]), len(town.truths.laundering) // 3, int(rng.integers(2, 6)))


def _launder(town: Town, begin: int, hack: int, hops: int) -> None:
    """One hack: steal coins from the lender, split them in three, carry each part over `hops` to its end."""
    rng, cast, book = town.rng, town.cast, town.book
    thief = cast.add_owner(None, "hack")
    source = town.open_mains("hacker", thief, 1)
    loot = int(rng.integers(30, 120)) * COIN
    at = np.array([begin])
    tx, _ = book.sign("redeem", at, source, town.services["lender"])
    book.move("internal", tx, at, (town.services["lender"], source), (ETH, np.array([loot])))
    # The thief's own deposit address, whatever the exchange knows of him.
    exchange = town.exchanges[int(rng.integers(0, 3))]
    deposit = cast.add_account("deposit", exchange.owner)
    town.truths.deposits.append((np.array([deposit]), np.array([exchange.owner]), np.array([thief])))
    ends = (deposit, town.services["hop_0"], town.services["mixer_10"])
    for part, planned in enumerate(ends):
        amount, time, holder = loot // 4, begin, source
        path = cast.add_accounts("launderer", thief, hops)
        left = 0  # when the money left the thief
        for hop in path.tolist():
            time += int(rng.integers(600, 2 * DAY))
            left = left or time
            to = np.array([hop])
            book.pay(np.array([time]), (holder, to), ETH, np.array([amount]), town.contracts)
            holder, amount = to, amount - COIN // 20  # the rest pays the fees
        cashed, end = _cash_in(town, (holder, part, planned), amount, time + 3600)
        usd = int(cashed * town.market.usd[ETH, left // DAY] / COIN * 1e6)
        row = (np.array([value]) for value in (hack, int(source[0]), int(end), usd))
        hack_column, source_column, end_column, usd_column = row
        town.truths.laundering.append((hack_column, source_column, end_column, usd_column))
        if part == 0:
            _collect(town, exchange.find_hot(np.array([time])), deposit, amount, time + 3 * 3600)


def _cash_in(town: Town, path: tuple[Ints, int, int], amount: int, time: int) -> tuple[int, int]:
    """The last step: pay the deposit address or the bridge, or feed the mixer; return how much it was, and to whom."""
    holder, part, end = path
    if part < 2:
        town.book.pay(np.array([time]), (holder, np.array([end])), ETH, np.array([amount]), town.contracts)
        return amount, end
    times = (amount - COIN) // (10 * COIN)
    small = times == 0
    pool = town.services["mixer_1"] if small else end
    rounds = np.arange(max(amount // COIN - 1, 1) if small else times)
    put_in(town, np.repeat(holder, len(rounds)), np.full(len(rounds), pool), time + rounds * 1800)
    return len(rounds) * (COIN if small else 10 * COIN), pool


def _collect(town: Town, hot: Ints, deposit: int, amount: int, time: int) -> None:
    at = np.array([time])
    tx, fee = town.book.sign("send", at, deposit, hot)
    town.book.move("native", tx, at, (deposit, hot), (ETH, amount - fee))
