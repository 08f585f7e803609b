"""What changes its owner? Names that people register and sell, wallets that are sold, wallets that fall asleep."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import DAY, ETH, USDX
from intel.sources.world.people import People, draw_uses, find_partner
from intel.sources.world.thieves import take_names
from intel.sources.world.town import Span, Town


def plan_names(town: Town, people: People, span: Span) -> None:
    """Register names with forward and reverse records; a quarter are sold later, and point elsewhere from then on."""
    rng, book, registry = town.rng, town.book, town.services["names"]
    person, time = draw_uses(town, people, span, town.count(0.03, 24, span), 100 * DAY)
    who, number = people.first[person], take_names(town, len(person))
    tx, _ = book.sign("register_name", time, who, registry)
    book.tell("name_registered", tx, time, (registry, who), facts=(number, who))
    tx, _ = book.sign("set_record", time + 120, who, registry)
    book.tell("name_record_set", tx, time + 120, (registry, who), facts=(number, who))
    book.tell("reverse_record_set", tx, time + 120, (who, who), facts=(number, -1))
    sold = np.flatnonzero(rng.random(len(person)) < 0.25)
    when = time[sold] + rng.integers(10 * DAY, 90 * DAY, len(sold))
    buyer = find_partner(people, person[sold])
    price = rng.integers(50, 900, len(sold)) * 10**6
    book.pay(when, (people.first[buyer], who[sold]), USDX, price, town.contracts)
    tx, _ = book.sign("transfer_name", when + 3600, who[sold], registry)
    facts = (number[sold], people.first[buyer])
    book.tell("name_transferred", tx, when + 3600, (registry, who[sold]), facts=facts)
    tx, _ = book.sign("set_record", when + 7200, people.first[buyer], registry)
    book.tell("name_record_set", tx, when + 7200, (registry, people.first[buyer]), facts=facts)
    differ = np.flatnonzero(people.owner[person[sold]] != people.owner[buyer])
    strength = town.strengths(len(differ))
    town.truths.keep_apart("sold_wallet_or_name", who[sold][differ], people.first[buyer][differ], strength)


def plan_sold_wallets(town: Town, people: People, span: Span) -> None:
    """A wallet with a history is sold for dollars: its old owner fed it until then, its new owner feeds it after."""
    rng, pay = town.rng, town.book.pay
    person, time = draw_uses(town, people, span, town.count(0.003, 6, span), 80 * DAY)
    buyer = find_partner(people, person)
    wallet = town.cast.add_accounts("person", people.owner[buyer], len(person))  # who has it in the end
    sold = time + 30 * DAY
    town.truths.sales.append((wallet, people.owner[person], people.owner[buyer], sold))
    pay(
        sold,
        (people.first[buyer], people.first[person]),
        USDX,
        rng.integers(50, 900, len(person)) * 10**6,
        town.contracts,
    )
    strength = town.strengths(len(person))
    town.truths.keep_apart("sold_wallet_or_name", people.first[person], people.first[buyer], strength)
    for begin, master in ((time, person), (sold + DAY, buyer)):
        rounds = 1 + (strength * 4).astype(np.int64)
        for turn in range(int(rounds.max(initial=0))):
            at = np.flatnonzero(rounds > turn)
            when = begin[at] + turn * 5 * DAY + rng.integers(0, DAY, len(at))
            amount = rng.integers(2, 90, len(at)) * 10**7
            pay(when, (people.first[master[at]], wallet[at]), ETH, amount, town.contracts)
            payee = people.first[find_partner(people, master[at])]
            pay(when + 2 * DAY, (wallet[at], payee), ETH, amount - 10**7, town.contracts)


def plan_sleepers(town: Town, people: People, span: Span) -> None:
    """Some wallets are filled, sleep for months and then move everything at once; others never wake."""
    rng = town.rng
    person, time = draw_uses(town, people, span, town.count(0.02, 6, span), 81 * DAY)
    wallet = town.cast.add_accounts("person", people.owner[person], len(person))
    amount = rng.integers(5, 500, len(person)) * 10**7
    town.book.pay(time, (people.first[person], wallet), ETH, amount, town.contracts)
    wakes = np.flatnonzero(rng.random(len(person)) < 0.4)
    to = people.first[find_partner(people, person[wakes])]
    when = time[wakes] + 80 * DAY
    tx, fee = town.book.sign("send", when, wallet[wakes], to)
    town.book.move("native", tx, when, (wallet[wakes], to), (ETH, amount[wakes] - fee))
