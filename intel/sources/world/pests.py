"""Who tries to mislead? Address poisoners with zero-value transfers and dust, and counterfeit tokens."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import DAY, FAKE_GLIMR, FAKE_USDX, IS_NATIVE, USDX, Ints
from intel.sources.world.people import Events, People
from intel.sources.world.town import MAIN, SECONDARY, Town

BATCH = 10  # zero-value transfers per transaction of a poisoner


def plan_poison(town: Town, events: Events, payees: Ints, poisoners: int) -> None:
    """After genuine payments, put an address that looks like the payee's into the payer's history."""
    rng, cast = town.rng, town.cast
    owners = np.array([cast.add_owner(None, "phishing_scam") for _ in range(poisoners)])
    mains = cast.add_accounts("poisoner", owners, poisoners)
    desk = np.array([exchange.desk for exchange in town.exchanges])
    town.back(MAIN, mains, desk[np.arange(poisoners) % len(desk)], 6)
    emitters = cast.add_accounts("poison_contract", owners, poisoners, contract=True)
    town.book.sign("create", np.full(poisoners, 3 * DAY), mains, emitters)
    token = ~IS_NATIVE[events.asset] & (events.asset != FAKE_USDX) & (events.time < town.end - 2 * DAY)
    token &= events.time > 4 * DAY
    hit = np.flatnonzero(token & (events.asset < FAKE_USDX) & (rng.random(len(events.time)) < town.knobs.poison))
    hit = hit[np.argsort(events.time[hit], kind="stable")]
    if not len(hit):
        return
    batch = np.arange(len(hit)) // BATCH
    who = batch % poisoners
    alike = cast.add_accounts("look_alike", owners[who], len(hit))
    cast.imitate(alike, payees[hit])
    last = np.flatnonzero(np.diff(batch, append=batch[-1] + 1))
    time = events.time[hit][last] + rng.integers(60, 1800, len(last))
    tx, _ = town.book.sign("multi_transfer_from", time, mains[who[last]], emitters[who[last]])
    nothing = np.zeros(len(hit), dtype=np.int64)
    town.book.move("erc20", tx[batch], time[batch], (events.wallet[hit], alike), (events.asset[hit], nothing))
    # Some look-alikes also send a real cent, which needs gas and a cent of their own.
    dusts = np.flatnonzero(rng.random(len(hit)) < 0.3)
    town.back(SECONDARY, alike[dusts], mains[who[dusts]], 1)
    cents = rng.integers(1000, 30_000, len(dusts))
    later = time[batch[dusts]] + rng.integers(600, 7200, len(dusts))
    town.book.pay(later, (alike[dusts], events.wallet[hit[dusts]]), USDX, cents, town.contracts)


def plan_deposit_dust(town: Town, count: int) -> None:
    """Send a little to deposit addresses of strangers: who shares a deposit address need not be one person."""
    rng, cast = town.rng, town.cast
    known = np.unique(np.concatenate([deposits for deposits, _, _ in town.deposits]))
    owner = cast.add_owner(None, "phishing_scam")
    sender = cast.add_accounts("duster", owner, 2)
    town.back(MAIN, sender, town.exchanges[-1].desk, 5)
    victims = rng.choice(known, count, replace=False)
    time = rng.integers(10 * DAY, town.end - DAY, count)
    amount = rng.integers(10_000, 900_000, count)
    town.book.pay(time, (sender[np.arange(count) % 2], victims), USDX, amount, town.contracts)


def plan_counterfeits(town: Town, people: People, victims: int) -> None:
    """Spray tokens that carry the symbol of a real one on people who never asked."""
    rng = town.rng
    for asset in (FAKE_USDX, FAKE_GLIMR):
        person = rng.permutation(len(people.owner))[:victims]
        sender = town.cast.add_account("spammer", int(town.cast.owner_of[town.issuers[asset]]))
        town.back(MAIN, np.array([sender]), town.exchanges[-1].desk, 3)
        begin = int(rng.integers(town.days // 4, town.days * 3 // 4)) * DAY
        batch = np.arange(len(person)) // 50
        time = begin + np.arange(batch[-1] + 1) * 36
        tx, _ = town.book.sign(
            "disperse_token", time, np.full(len(time), sender), np.full(len(time), town.contracts[asset])
        )
        amount = rng.integers(1, 90, len(person)) * 10**8
        token, before = np.full(1, town.contracts[asset]), np.full(1, begin - 3600)
        minted, _ = town.book.sign("mint", before, np.full(1, sender), token)
        town.book.move("erc20", minted, before, (0, sender), (asset, np.full(1, amount.sum())))
        town.book.move("erc20", tx[batch], time[batch], (sender, people.first[person]), (asset, amount))
