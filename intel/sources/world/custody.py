"""Who deals with money for others besides exchanges? A broker, a custodian of firms, an OTC desk, merchants."""

from __future__ import annotations

import numpy as np

from intel.sources.world.exchanges import Receipts, sweep_accounts
from intel.sources.world.market import DAY, ETH, USDX, Floats, Ints
from intel.sources.world.people import People, draw_uses
from intel.sources.world.town import MAIN, Span, Town


def plan_broker(town: Town, people: People, span: Span) -> None:
    """Customers pay into the broker's deposit addresses; the broker itself is a customer of the largest exchange."""
    person, time = draw_uses(town, people, span, town.count(0.02, 12, span), 5 * DAY)
    broker, owner = town.services["broker"], int(town.cast.owner_of[town.services["broker"]])
    receipts = _take_in(town, people, (person, time), owner)
    gas = np.full(len(person), town.services["broker_gas"])
    sweep_accounts(town, receipts, np.full(len(person), broker), gas)
    if span.is_first:
        town.groups["broker_deposit"] = town.cast.add_accounts("deposit", town.exchanges[0].owner, 1)
        town.back(MAIN, [broker], town.exchanges[0].desk, 9)
        own = town.groups["broker_deposit"]
        town.truths.deposits.append((own, np.array([town.exchanges[0].owner]), np.array([owner])))
    weeks = np.arange(span.begin // DAY + 8, span.end // DAY - 2, 7) * DAY
    deposit = np.repeat(town.groups["broker_deposit"], len(weeks))
    amount = town.rng.integers(200, 900, len(weeks)) * 10**7
    town.book.pay(weeks, (broker, deposit), USDX, amount, town.contracts)
    passed = Receipts(deposit, np.zeros(len(weeks), np.int64), np.full(len(weeks), USDX), weeks + 2400, amount)
    exchange = town.exchanges[0]
    sweep_accounts(town, passed, exchange.find_hot(weeks), np.full(len(weeks), exchange.gas))


def _take_in(town: Town, people: People, uses: tuple[Ints, Ints], owner: int) -> Receipts:
    """Each customer pays his own new deposit address of `owner`, which is swept within hours."""
    rng, (person, time) = town.rng, uses
    count = len(person)
    customers, place = np.unique(person, return_inverse=True)
    accounts = town.cast.add_accounts("deposit", owner, len(customers))
    town.truths.deposits.append((accounts, np.full(len(customers), owner), people.owner[customers]))
    asset = rng.choice([ETH, USDX], count)
    usd = people.wealth[person] * rng.lognormal(0.5, 0.6, count) + 40
    amount = town.market.convert(usd, asset, time)
    town.book.pay(time, (people.first[person], accounts[place]), asset, amount, town.contracts)
    swept = time + rng.integers(1800, 9 * 3600, count)
    # What comes in before the sweep of an earlier payment may leave with it: only totals are moved.
    return Receipts(accounts[place], np.zeros(count, np.int64), asset, swept, amount)


def plan_custodian(town: Town, span: Span) -> None:
    """Firms keep their money with one custodian: own addresses in, one omnibus wallet out."""
    rng, cast = town.rng, town.cast
    custody = town.services["custody"]
    owner = int(cast.owner_of[custody])
    if span.is_first:
        count = max(town.size // 120, 8)
        firms = np.array([cast.add_owner(None, "organisation") for _ in range(count)])
        town.groups["firms"] = town.open_mains("organisation", firms, count)
        town.groups["vaults"] = cast.add_accounts("deposit", owner, count)
        town.truths.deposits.append((town.groups["vaults"], np.full(count, owner), firms))
        town.back(MAIN, [custody], town.exchanges[1].desk, 9)
    wallets, vaults = town.groups["firms"], town.groups["vaults"]
    weeks = np.arange(span.begin // DAY + 3, span.end // DAY - 4, 14)
    if not len(weeks):
        return
    firm = np.tile(np.arange(len(wallets)), len(weeks))
    time = np.repeat(weeks, len(wallets)) * DAY + rng.integers(8 * 3600, 18 * 3600, len(firm))
    amount = rng.integers(100, 9000, len(firm)) * 10**7
    town.book.pay(time, (wallets[firm], vaults[firm]), USDX, amount, town.contracts)
    swept = Receipts(
        vaults[firm], firm * 0, np.full(len(firm), USDX), time + rng.integers(1200, 7200, len(firm)), amount
    )
    sweep_accounts(town, swept, np.full(len(firm), custody), np.full(len(firm), town.services["custody_gas"]))
    back = time + rng.integers(DAY, 3 * DAY, len(firm))
    town.book.pay(back, (custody, wallets[firm]), USDX, amount // 2, town.contracts)
    owners = cast.owner_of[wallets].astype(np.int64)
    town.truths.keep_neighbours_apart("shared_custody", wallets, owners, min(len(weeks) / 30, 1.0))


def plan_otc(town: Town, people: People, span: Span) -> None:
    """Clients wire dollars to the OTC desk and get coins within the hour; it trades back with its market maker."""
    rng, desk = town.rng, town.services["otc"]
    if span.is_first:
        town.back(MAIN, [desk], town.exchanges[2].desk, 12)
    person, time = draw_uses(town, people, span, town.count(0.01, 8, span), 3 * DAY)
    usd: Floats = rng.lognormal(np.log(30_000), 0.8, len(person))
    dollars = town.market.convert(usd, np.full(len(person), USDX), time)
    client = people.first[person]
    town.book.pay(time, (client, desk), USDX, dollars, town.contracts)
    to = client.copy()
    fresh = rng.random(len(person)) < 0.4
    to[fresh] = town.cast.add_accounts("person", people.owner[person[fresh]], int(fresh.sum()))
    town.back_second(to[fresh], client[fresh])
    coins = town.market.convert(usd * 0.997, np.full(len(person), ETH), time)
    town.book.pay(time + rng.integers(600, 3600, len(person)), (desk, to), ETH, coins, town.contracts)
    town.book.pay(time + 2 * DAY, (desk, int(people.first[0])), USDX, dollars // 2, town.contracts)


def plan_tills(town: Town, people: People, span: Span) -> None:
    """Merchants have their customers pay straight into the deposit address of an exchange: it has many senders."""
    rng, exchange = town.rng, town.exchanges[0]
    if span.is_first:
        count = max(town.size // 100, 2)
        merchants = np.array([town.cast.add_owner(None, "payment_merchant") for _ in range(count)])
        town.groups["tills"] = tills = town.cast.add_accounts("deposit", exchange.owner, count)
        town.truths.deposits.append((tills, np.full(count, exchange.owner), merchants))
        town.groups["till_weights"] = rng.permutation(1.0 / (3 + np.arange(count)))
    tills, weights = town.groups["tills"], town.groups["till_weights"]
    person, time = draw_uses(town, people, span, town.count(0.5, 80, span), DAY)
    till = rng.choice(tills, len(person), p=weights / weights.sum())
    amount = town.market.convert(rng.lognormal(3.5, 1, len(person)) + 2, np.full(len(person), USDX), time)
    town.book.pay(time, (people.first[person], till), USDX, amount, town.contracts)
    # Swept every three hours, all that came in since.
    slot = time // 10_800
    key = till * 10**6 + slot
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    if not len(starts):
        return
    total, first = np.add.reduceat(amount[order], starts), order[starts]
    when = (slot[first] + 1) * 10_800 + 700
    swept = Receipts(till[first], first * 0, np.full(len(first), USDX), when, total)
    sweep_accounts(town, swept, exchange.find_hot(when), np.full(len(first), exchange.gas))
