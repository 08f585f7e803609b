"""Who steals, or makes himself look like his victim? Drainers, sweeper bots, first funders, false Safes and records."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import DAY, ETH, USDX, Ints
from intel.sources.world.people import People, draw_uses
from intel.sources.world.town import SECONDARY, Span, Town


def open_thieves(town: Town) -> None:
    """Open the keys of those who attack, one owner each."""
    count = max(town.size // 700, 3)
    for role in ("drainer", "sweeper_bot", "first_funder", "impostor"):
        owners = np.array([town.cast.add_owner(None, "phishing_scam") for _ in range(count)])
        town.groups[role] = town.open_mains(role, owners, count)


def plan_drains(town: Town, people: People, span: Span) -> None:
    """A victim approves the drainer's key, which then takes his dollars; the strong ones come back for more."""
    rng, book = town.rng, town.book
    person, time = draw_uses(town, people, span, town.count(0.006, 8, span), 20 * DAY)
    victim, drainer = people.first[person], rng.choice(town.groups["drainer"], len(person))
    strength = town.strengths(len(person))
    token = town.contracts[USDX]
    by_permit = rng.random(len(person)) < 0.5
    signer = np.where(by_permit, drainer, victim)
    for method, event, at in (
        ("permit", "permit", np.flatnonzero(by_permit)), ("approve", "approval", np.flatnonzero(~by_permit)),
    ):  # fmt: skip
        tx, _ = book.sign(method, time[at], signer[at], token)
        book.tell(event, tx, time[at], (token, victim[at]), what=(USDX, 10**12), facts=(drainer[at], -1))
    for again in range(3):
        at = np.flatnonzero(strength * 3 >= again)
        when = time[at] + 600 + again * 5 * DAY
        amount = town.market.convert(rng.lognormal(5, 1, len(at)) + 20, np.full(len(at), USDX), when)
        tx, _ = book.sign("transfer_from", when, drainer[at], token)
        book.move("erc20", tx, when, (victim[at], drainer[at]), (USDX, amount))
    lures = np.flatnonzero(strength > 0.4)  # the drainer sent something first, so that they have dealt both ways
    book.pay(time[lures] - 300, (drainer[lures], victim[lures]), ETH, 10**6, town.contracts)
    town.truths.keep_apart("approval_drainer", drainer, victim, strength)


def plan_sweeper_bots(town: Town, people: People, span: Span) -> None:
    """A key has leaked: whatever its owner sends there is gone within a minute, signed by his own key."""
    rng = town.rng
    person, time = draw_uses(town, people, span, town.count(0.004, 8, span), 30 * DAY)
    thief = rng.choice(town.groups["sweeper_bot"], len(person))
    wallet = town.cast.add_accounts("person", people.owner[person], len(person))
    strength = town.strengths(len(person))
    times = 1 + (strength * 4).astype(np.int64)
    who = np.repeat(np.arange(len(person)), times)
    when = time[who] + np.concatenate([np.arange(n) for n in times]) * 5 * DAY if len(times) else time
    amount = town.market.convert(rng.lognormal(4, 0.7, len(who)) + 30, np.full(len(who), ETH), when)
    town.book.pay(when, (people.first[person[who]], wallet[who]), ETH, amount, town.contracts)
    when = when + rng.integers(12, 60, len(who))
    tx, fee = town.book.sign("send", when, wallet[who], thief[who])
    town.book.move("native", tx, when, (wallet[who], thief[who]), (ETH, amount - fee))
    town.truths.keep_apart("common_thief", thief, wallet, strength)
    town.truths.keep_neighbours_apart("common_thief", wallet, people.owner[person], strength)


def plan_first_funders(town: Town, people: People, span: Span) -> None:
    """A stranger sends a fresh wallet its first coins before its owner does."""
    rng = town.rng
    person, time = draw_uses(town, people, span, town.count(0.005, 8, span), 20 * DAY)
    funder, strength = rng.choice(town.groups["first_funder"], len(person)), town.strengths(len(person))
    fresh = town.open_wallets("person", people.owner[person], len(person), people.first[person])
    amount = 10**6 + (strength * 4 * 10**7).astype(np.int64)
    town.book.pay(time, (funder, fresh), ETH, amount, town.contracts)
    who = np.repeat(np.arange(len(person)), 3)
    later = time[who] + DAY + rng.integers(0, 18 * DAY, len(who))
    spent = town.market.convert(rng.lognormal(4, 0.7, len(who)) + 30, np.full(len(who), ETH), later)
    town.book.pay(later, (fresh[who], people.first[people.exchanges[person[who], 0] + 9]), ETH, spent, town.contracts)
    town.truths.keep_apart("first_funder", funder, fresh, strength)


def plan_impostors(town: Town, people: People, span: Span) -> None:
    """Name a stranger as owner of one's Safe, or point one's name at him."""
    rng, book = town.rng, town.book
    person, time = draw_uses(town, people, span, town.count(0.006, 16, span), 10 * DAY)
    impostor, strength = rng.choice(town.groups["impostor"], len(person)), town.strengths(len(person))
    victim = people.first[person]
    safes = np.arange(len(person)) % 2 == 0
    at = np.flatnonzero(safes)
    safe = town.cast.add_accounts("safe", town.cast.owner_of[impostor[at]].astype(np.int64), len(at), contract=True)
    tx, _ = book.sign("create_safe", time[at], impostor[at], town.services["safe_factory"], created=safe)
    book.tell("safe_created", tx, time[at], (safe, impostor[at]), facts=(1, 2))
    for owner in (impostor[at], victim[at]):
        book.tell("safe_owner_added", tx, time[at], (safe, owner), facts=(owner, 1))
    town.back(SECONDARY, safe, impostor[at], 1)
    gifts = np.flatnonzero(strength[at] > 0.3)
    when = time[at][gifts] + 3600
    tx, _ = book.sign("safe_execute", when, impostor[at][gifts], safe[gifts])
    book.move("erc20", tx, when, (safe[gifts], victim[at][gifts]), (USDX, 10**6))
    book.tell("safe_executed", tx, when, (safe[gifts], impostor[at][gifts]), facts=(impostor[at][gifts], 1))
    town.truths.keep_apart("safe_named_owner", safe[gifts], victim[at][gifts], strength[at][gifts])
    town.truths.keep_apart("safe_named_owner", impostor[at], victim[at], strength[at])
    at = np.flatnonzero(~safes)
    _point_names(town, (impostor[at], victim[at], time[at], strength[at]))


def _point_names(town: Town, attack: tuple[Ints, Ints, Ints, np.ndarray[tuple[int], np.dtype[np.float64]]]) -> None:
    impostor, victim, time, strength = attack
    registry = town.services["names"]
    number = take_names(town, len(time))
    tx, _ = town.book.sign("register_name", time, impostor, registry)
    town.book.tell("name_registered", tx, time, (registry, impostor), facts=(number, impostor))
    tx, _ = town.book.sign("set_record", time + 120, impostor, registry)
    town.book.tell("name_record_set", tx, time + 120, (registry, impostor), facts=(number, victim))
    at = np.flatnonzero(strength > 0.4)
    town.book.pay(time[at] + DAY, (impostor[at], victim[at]), ETH, 2 * 10**6, town.contracts)
    town.truths.keep_apart("name_record", impostor, victim, strength)


def take_names(town: Town, count: int) -> Ints:
    """Numbers of names nobody has registered yet."""
    number = town.groups.setdefault("names", np.zeros(1, dtype=np.int64))
    taken: Ints = number[0] + np.arange(count)
    number[0] += count
    return taken
