"""Who tries to mislead? Poisoners, dusters, counterfeits and spam, and addresses that only begin alike."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import ASSETS, DAY, ETH, FAKE_GLIMR, FAKE_USDX, IS_NATIVE, SPAM, USDX, Ints
from intel.sources.world.people import Events, People, draw_uses, find_partner
from intel.sources.world.town import MAIN, SECONDARY, Span, Town

BATCH = 10  # zero-value transfers per transaction of a poisoner


def open_pests(town: Town) -> None:
    """Open the poisoners with their contracts, and the dusters."""
    count = max(town.size // 1000, 2)
    owners = np.array([town.cast.add_owner(None, "phishing_scam") for _ in range(count)])
    mains = town.open_mains("poisoner", owners, count, 6)
    emitters = town.cast.add_accounts("poison_contract", owners, count, contract=True)
    town.book.sign("create", np.full(count, 3 * DAY), mains, -1, created=emitters)
    dusters = np.array([town.cast.add_owner(None, "phishing_scam") for _ in range(2)])
    town.groups |= {"poisoners": mains, "emitters": emitters, "dusters": town.open_mains("duster", dusters, 2)}


def plan_poison(town: Town, events: Events, payees: Ints) -> None:
    """After genuine payments, put an address that looks like the payee's into the payer's history."""
    rng, cast = town.rng, town.cast
    token = ~IS_NATIVE[events.asset] & (events.time > 4 * DAY) & (events.time < town.end - 2 * DAY)
    token &= np.array([asset.chain == 0 for asset in ASSETS])[events.asset]
    hit = np.flatnonzero(token & (rng.random(len(events.time)) < town.knobs.poison))
    hit = hit[np.argsort(events.time[hit], kind="stable")]
    if not len(hit):
        return
    mains, emitters = town.groups["poisoners"], town.groups["emitters"]
    batch = np.arange(len(hit)) // BATCH
    who = batch % len(mains)
    strength = town.strengths(len(hit))
    alike = cast.add_accounts("look_alike", cast.owner_of[mains[who]].astype(np.int64), len(hit))
    digits = 4 + np.round(strength * 3).astype(np.int64)
    cast.imitate(alike, payees[hit], digits, digits)
    last = np.flatnonzero(np.diff(batch, append=batch[-1] + 1))
    time = events.time[hit][last] + rng.integers(60, 1800, len(last))
    tx, _ = town.book.sign("multi_transfer_from", time, mains[who[last]], emitters[who[last]])
    ends = (events.wallet[hit], alike)
    town.book.move("erc20", tx[batch], time[batch], ends, (events.asset[hit], 0))
    # Some look-alikes also send a cent, real or counterfeit, which needs gas and a cent of their own.
    dusts = np.flatnonzero(rng.random(len(hit)) < strength)
    town.back(SECONDARY, alike[dusts], mains[who[dusts]], 1)
    cents = rng.integers(1000, 30_000, len(dusts))
    later = time[batch[dusts]] + rng.integers(600, 7200, len(dusts))
    fake = rng.random(len(dusts)) < 0.3  # counterfeit money costs nothing, so there is more of it
    tx, _ = town.book.sign("mint", later[fake] - 120, int(town.issuers[FAKE_USDX]), int(town.contracts[FAKE_USDX]))
    cents[fake] *= 1000
    town.book.move("erc20", tx, later[fake] - 120, (0, alike[dusts][fake]), (FAKE_USDX, cents[fake]))
    asset = np.where(fake, FAKE_USDX, USDX)
    town.book.pay(later, (alike[dusts], events.wallet[hit[dusts]]), asset, cents, town.contracts)
    town.truths.keep_apart("poison_look_alike", alike, events.wallet[hit], strength)


def plan_deposit_dust(town: Town, people: People, span: Span) -> None:
    """Send something to deposit addresses of strangers: who shares a deposit address need not be one person.

    The weak send cents, the strong real money, the strongest on two days.
    """
    rng = town.rng
    deposits, _, users = (np.concatenate(part) for part in zip(*town.truths.deposits[-12:], strict=True))
    person = users - people.owner[2] + 2
    fit = np.flatnonzero((person >= 2) & (person < len(people.owner)))
    count = town.count(0.005, 8, span)
    chosen = rng.choice(fit, count, replace=count > len(fit))
    sender, strength = town.groups["dusters"][np.arange(count) % 2], town.strengths(count)
    time = span.begin + rng.integers(0, max(min(span.end, town.end - 5 * DAY) - span.begin, DAY), count)
    time = time[: 0 if span.begin + DAY > town.end - 5 * DAY else count]
    count = len(time)
    strength, sender, chosen = strength[:count], sender[:count], chosen[:count]
    gap = np.where(strength >= 0.8, DAY, 7200)
    for again in range(4):
        at = np.flatnonzero(strength * 4 >= again)
        when = time[at] // DAY * DAY + DAY + again * gap[at]
        amount = (strength[at] * 20e6).astype(np.int64) + 10_000
        town.book.pay(when, (sender[at], deposits[chosen[at]]), USDX, amount, town.contracts)
    town.truths.keep_apart("deposit_dust", sender, people.first[person[chosen]], strength)


def plan_counterfeits(town: Town, people: People, span: Span) -> None:
    """Spray tokens on people who never asked: some carry the symbol of a real one, some an advertisement."""
    for asset in (FAKE_USDX, FAKE_GLIMR, *SPAM):
        victims, times = draw_uses(town, people, span, town.count(0.06, 30, span), 2 * DAY)
        if not len(victims):
            continue
        begin = int(times.min()) // DAY * DAY + DAY
        chain, contract = ASSETS[asset].chain, int(town.contracts[asset])
        sender = town.cast.add_account("spammer", int(town.cast.owner_of[town.issuers[asset]]))
        town.back(MAIN, [sender], town.exchanges[-1].desk, 3)
        batch = np.arange(len(victims)) // 50
        time = begin + np.arange(batch[-1] + 1) * 36
        amount = town.rng.integers(1, 90, len(victims)) * 10**5
        before = np.array([begin - 3600])
        minted, _ = town.book.sign("mint", before, sender, contract, chain)
        town.book.move("erc20", minted, before, (0, sender), (asset, np.array([amount.sum()])))
        tx, _ = town.book.sign("disperse_token", time, sender, contract, chain)
        town.book.move("erc20", tx[batch], time[batch], (sender, people.first[victims]), (asset, amount))


def plan_dust(town: Town, people: People, span: Span) -> None:
    """Send the smallest coins to many, for no reason that the receivers know."""
    person, time = draw_uses(town, people, span, town.count(0.05, 20, span), DAY)
    sender = town.groups["dusters"][np.arange(len(person)) % 2]
    town.book.pay(
        time, (sender, people.first[person]), ETH, 1 + town.rng.integers(0, 20_000, len(person)), town.contracts
    )


def plan_vanity(town: Town, people: People, span: Span) -> None:
    """Some people grind addresses with the same fashionable beginning, which says nothing of who they are."""
    rng = town.rng
    person, time = draw_uses(town, people, span, town.count(0.006, 10, span), 5 * DAY)
    wallet = town.open_wallets("person", people.owner[person], len(person), people.first[person])
    strength = town.strengths(len(person))
    model = town.groups.setdefault("vanity", wallet[:1].copy())
    if len(wallet) and len(model):
        town.cast.imitate(
            wallet[1:], np.full(len(wallet) - 1, model[0]), 5 + np.round(strength[1:] * 4).astype(np.int64), 0
        )
    amount = town.market.convert(rng.lognormal(4, 1, len(person)) + 10, np.full(len(person), USDX), time)
    payee = people.first[find_partner(people, person)]
    town.book.pay(time, (wallet, payee), USDX, amount, town.contracts)
    town.truths.keep_neighbours_apart("vanity_prefix", wallet, people.owner[person], strength)
