"""What do the services do? Payroll, salaries by hand, staking and block rewards, builders, new contracts."""

from __future__ import annotations

import numpy as np

from intel.sources.world.book import NOBODY
from intel.sources.world.market import CHAINS, DAY, ETH, NATIVE, USDX, Ints
from intel.sources.world.people import COMPANY, People, draw_uses
from intel.sources.world.town import Span, Town

MONTH = 30 * DAY


def plan_payroll(town: Town, people: People, span: Span) -> None:
    """Pay employees each month through a multi-send contract that many senders share."""
    if span.is_first:
        employees = min(max(town.size // 50, 8), len(people.owner) - 2)
        town.groups["staff"] = staff = 2 + town.rng.permutation(len(people.owner) - 2)[:employees]
        town.groups["salary"] = town.rng.lognormal(np.log(3500), 0.4, len(staff)).round(-1).astype(np.int64) * 10**6
    staff, salary = town.groups["staff"], town.groups["salary"]
    for month in find_months(town, span).tolist():
        at = np.flatnonzero(people.start[staff] * DAY <= month)
        if not len(at):
            continue
        for batch in np.array_split(at, len(at) // 200 + 1):
            disperse(town, int(people.first[COMPANY]), people.first[staff[batch]], salary[batch], month)
            wallets = people.first[staff[batch]]
            town.truths.keep_neighbours_apart("multisender_recipients", wallets, people.owner[staff[batch]])


def find_months(town: Town, span: Span) -> Ints:
    """Pay days within `span`: the first weekday morning of each thirty days."""
    days = np.arange(1, town.days // 30 + 1) * MONTH + 9 * 3600
    return days[(days >= span.begin) & (days < span.end - DAY)]


def disperse(town: Town, payer: int, wallets: Ints, amount: Ints, time: int) -> None:
    """Pay many wallets in dollars in one transaction, by way of the multi-send contract."""
    disperser, at = town.services["disperser"], np.array([time + int(town.rng.integers(0, 3600))])
    tx, _ = town.book.sign("disperse_token", at, payer, disperser)
    town.book.move("erc20", tx, at, (payer, disperser), (USDX, np.array([amount.sum()])))
    each = np.zeros(len(wallets), dtype=np.int64)
    town.book.move("erc20", tx[each], at[each], (disperser, wallets), (USDX, amount))


def plan_salaries(town: Town, people: People, span: Span) -> None:
    """Let small firms pay a few employees each by hand: siblings by money who are strangers."""
    rng, cast = town.rng, town.cast
    if span.is_first:
        firms = max(town.size // 150, 2)
        owners = np.array([cast.add_owner(None, "organisation") for _ in range(firms)])
        town.groups["employers"] = town.open_mains("organisation", owners, firms)
        town.groups["employees"] = rng.integers(2, len(people.owner), (firms, 6))
    payers, staff = town.groups["employers"], town.groups["employees"]
    strength = town.strengths(1)[0]
    for month in find_months(town, span).tolist():
        time = np.full(staff.size, month) + rng.integers(0, 7200, staff.size)
        amount = rng.integers(150, 500, staff.size) * 10**7
        wallets = people.first[staff]
        town.book.pay(time, (np.repeat(payers, 6), wallets.ravel()), USDX, amount, town.contracts)
        town.truths.keep_apart("payroll_siblings", payers, wallets[:, 0], strength)
        for column in range(5):
            differ = staff[:, column] != staff[:, column + 1]
            pair = wallets[differ, column], wallets[differ, column + 1]
            town.truths.keep_apart("payroll_siblings", *pair, strength)


def plan_rewards(town: Town, people: People, span: Span) -> None:
    """Give block producers a reward a day on each chain, and stakers their withdrawals every nine days."""
    rng, book = town.rng, town.book
    days = np.arange(-(-span.begin // DAY), span.end // DAY)
    for chain in range(len(CHAINS)):
        for producer in book.producers[chain].tolist():
            time = book.align(days * DAY + int(rng.integers(0, DAY // 2)), np.full(len(days), chain))
            amount = rng.integers(10**7, 10**8, len(days))
            book.move("reward", NOBODY, time, (NOBODY, producer), (NATIVE[chain], amount))
    builder = town.services["builder"]
    time = days[days % 2 == 1] * DAY + 7200
    validators = book.producers[0][rng.integers(0, len(book.producers[0]), len(time))]
    book.pay(time, (builder, validators), ETH, rng.integers(10**6, 10**8, len(time)), town.contracts)
    _stake(town, people, span)


def _stake(town: Town, people: People, span: Span) -> None:
    """A few people stake 32 coins, and are sent what these earn every nine days."""
    rng, book = town.rng, town.book
    person, begin = draw_uses(town, people, span, town.count(0.003, 3, span), DAY)
    to = town.services["validator_deposit"]
    tx, _ = book.sign("wrap", begin, people.first[person], to)
    book.move("native", tx, begin, (people.first[person], to), (ETH, 32 * 10**9))
    rounds = np.arange(1, town.days // 9)
    who = np.repeat(np.arange(len(person)), len(rounds))
    time = begin[who] + np.tile(rounds, len(person)) * 9 * DAY
    due = np.flatnonzero(time < town.end)
    amount = rng.integers(20_000_000, 22_000_000, len(due))
    book.move("withdrawal", NOBODY, time[due], (NOBODY, people.first[person[who[due]]]), (ETH, amount))


def plan_creations(town: Town, people: People, span: Span) -> None:
    """Let a few people create contracts of their own."""
    person, time = draw_uses(town, people, span, town.count(0.01, 5, span), DAY)
    contract = town.cast.add_accounts("contract", people.owner[person], len(person), contract=True)
    town.book.sign("create", time, people.first[person], NOBODY, created=contract)
