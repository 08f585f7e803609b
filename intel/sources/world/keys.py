"""Which accounts are more than a key? Smart accounts with bundlers, delegated keys, Safes with one or more owners."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import DAY, ETH, USDX, Ints
from intel.sources.world.people import People, draw_uses, find_partner
from intel.sources.world.town import SECONDARY, Span, Town


def plan_smart_accounts(town: Town, people: People, span: Span) -> None:
    """ERC-4337: a bundler signs for many accounts at once, a paymaster pays; the account alone says who acts."""
    rng, book, service = town.rng, town.book, town.services
    person, time = draw_uses(town, people, span, town.count(0.02, 12, span), 30 * DAY)
    count = len(person)
    account = town.cast.add_accounts("smart_account", people.owner[person], count, contract=True)
    town.back_second(account, people.first[person])
    entry = service["entry_point"]
    tx, _ = book.sign("user_operations", time, service["bundler"], entry, created=account)
    book.tell("account_created", tx, time, (account, service["bundler"]), facts=(people.first[person], -1))
    uses = 1 + rng.integers(0, 5, count)
    who = np.repeat(np.arange(count), uses)
    later = time[who] + rng.integers(3600, 29 * DAY, len(who))
    sponsored = rng.random(len(who)) < 0.4
    payee = people.first[find_partner(people, person[who])]
    amount = town.market.convert(rng.lognormal(4, 1, len(who)) + 5, np.full(len(who), USDX), later)
    # Operations of one quarter of an hour share a transaction.
    slot, batch = np.unique(later // 900, return_inverse=True)
    tx, fee = book.sign("user_operations", slot * 900 + 890, service["bundler"], entry)
    at = book.align(slot * 900 + 890, np.zeros(len(slot), np.int64))[batch]
    book.move("erc20", tx[batch], at, (account[who], payee), (USDX, amount))
    gas = (fee[batch] // np.bincount(batch)[batch] * 11 // 10) + 1
    payer = np.where(sponsored, service["paymaster"], account[who])
    book.move("internal", tx[batch], at, (payer, service["bundler"]), (ETH, gas))
    facts = (account[who], np.where(sponsored, service["paymaster"], -1))
    book.tell("user_operation", tx[batch], at, (entry, account[who]), facts=facts)
    order = np.argsort(later, kind="stable")
    users, owners = account[who][order], people.owner[person[who]][order]
    town.truths.keep_neighbours_apart("common_relayer", users, owners, 0.5)


def plan_delegations(town: Town, people: People, span: Span) -> None:
    """EIP-7702: thousands of keys name one delegate contract, which makes them no kin."""
    person, time = draw_uses(town, people, span, town.count(0.03, 12, span), DAY)
    wallet, delegate = people.first[person], town.services["delegate"]
    tx, _ = town.book.sign("set_code", time, wallet, wallet)
    town.book.tell("authorization", tx, time, (wallet, wallet), facts=(delegate, -1))
    town.truths.keep_neighbours_apart("common_delegate", wallet, people.owner[person], 0.5)


def plan_safes(town: Town, people: People, span: Span) -> None:
    """Safes: half have one owner, the others two to four owners who are different people and sign together."""
    rng, book = town.rng, town.book
    person, time = draw_uses(town, people, span, town.count(0.01, 10, span), 40 * DAY)
    count = len(person)
    single = rng.random(count) < 0.5
    size = np.where(single, 1, rng.integers(2, 5, count))
    threshold = np.where(single, 1, np.maximum(size - 1, 2))
    safe_owner = people.owner[person].copy()
    safe_owner[~single] = town.cast.add_people(int((~single).sum()))  # a group owns it, not one of its members
    safe = town.cast.add_accounts("safe", safe_owner, count, contract=True)
    town.back(SECONDARY, safe, people.first[person], 2)
    tx, _ = book.sign("create_safe", time, people.first[person], town.services["safe_factory"], created=safe)
    book.tell("safe_created", tx, time, (safe, people.first[person]), facts=(threshold, size))
    member = [person, find_partner(people, person)]
    member += [find_partner(people, member[1]), find_partner(people, find_partner(people, member[1]))]
    for place in range(4):
        at = np.flatnonzero(size > place)
        key = people.first[member[place][at]]
        book.tell("safe_owner_added", tx[at], time[at], (safe[at], key), facts=(key, threshold[at]))
    _use_safes(town, (safe, threshold, time), [people.first[part] for part in member])


def _use_safes(town: Town, safes: tuple[Ints, Ints, Ints], keys: list[Ints]) -> None:
    """Spend from Safes: one owner executes what as many as the threshold have signed."""
    rng, book, (safe, threshold, time) = town.rng, town.book, safes
    who = np.repeat(np.arange(len(safe)), 1 + rng.integers(0, 6, len(safe)))
    later = time[who] + rng.integers(DAY, 39 * DAY, len(who))
    tx, _ = book.sign("safe_execute", later, keys[0][who], safe[who])
    amount = town.market.convert(rng.lognormal(6, 1, len(who)) + 20, np.full(len(who), USDX), later)
    book.move("erc20", tx, later, (safe[who], keys[3][who]), (USDX, amount))
    for place in range(4):
        at = np.flatnonzero(threshold[who] > place)
        signer = keys[place][who[at]]
        book.tell("safe_executed", tx[at], later[at], (safe[who[at]], signer), facts=(signer, threshold[who[at]]))
