"""What do the services do? Airdrop and farm, payroll, mixer, bridge, staking and block rewards, new contracts."""

from __future__ import annotations

import numpy as np

from intel.sources.world.book import NOBODY
from intel.sources.world.market import CHAINS, DAY, ETH, NATIVE, POLYGON_USDX, SPRKL, USDX, Ints
from intel.sources.world.people import COMPANY, Events, People
from intel.sources.world.town import MAIN, SECONDARY, Town
from intel.sources.world.trading import plan_swaps

BATCH = 100  # recipients per disperse transaction


def plan_airdrop(town: Town, people: People, recipients: int) -> None:
    """Send one token to many wallets; a few farmers receive it many times and gather it at their main wallet."""
    rng, cast = town.rng, town.cast
    day = town.days * 2 // 5
    early = np.flatnonzero(people.start < day - 5)
    mains = people.first[rng.permutation(early)[: recipients * 4 // 5]]
    farmers = rng.choice(early[early > COMPANY], max(recipients // 200, 3), replace=False)
    each = max(recipients // 5 // len(farmers), 2)
    farm = cast.add_accounts("sybil", np.repeat(people.owner[farmers], each), each * len(farmers))
    boss = np.repeat(people.first[farmers], each)
    town.back(SECONDARY, farm, boss, 2)
    # Each farm wallet does a little of what the airdrop rewards: it trades a few dollars at the router.
    time = rng.integers(5 * DAY, (day - 3) * DAY, len(farm))
    usd = rng.uniform(20, 60, len(farm)).round()
    plan_swaps(town, Events(np.repeat(farmers, each), farm, time, usd, np.full(len(farm), ETH)))
    _disperse_airdrop(town, np.concatenate([mains, farm]), day)
    gather = (day + 1) * DAY + rng.integers(0, 4 * DAY, len(farm))
    town.book.pay(gather, (farm, boss), SPRKL, np.full(len(farm), 400 * 10**6), town.contracts)


def _disperse_airdrop(town: Town, wallets: Ints, day: int) -> None:
    rng = town.rng
    sender = town.cast.add_account("airdrop", int(town.cast.owner_of[town.issuers[SPRKL]]))
    town.services["airdrop"] = sender
    town.back(MAIN, np.array([sender]), town.issuers[SPRKL], 1)
    wallets = rng.permutation(wallets)
    count = len(wallets)
    batch = np.arange(count) // BATCH
    time = day * DAY + np.arange(batch[-1] + 1) * 24
    signer = np.full(len(time), sender)
    tx, _ = town.book.sign("disperse_token", time, signer, np.full(len(time), town.services["disperser"]))
    amount = np.full(count, 400 * 10**6)
    town.book.move("erc20", tx[batch], time[batch], (sender, wallets), (SPRKL, amount))


def plan_payroll(town: Town, people: People, employees: int) -> None:
    """Pay employees each month through a multi-send contract that many senders share."""
    rng = town.rng
    staff = 2 + rng.permutation(len(people.owner) - 2)[:employees]
    salary = rng.lognormal(np.log(3500), 0.4, len(staff)).round(-1).astype(np.int64) * 10**6
    payer, disperser = int(people.first[COMPANY]), town.services["disperser"]
    months = np.arange(1, town.days // 30)
    time = months * 30 * DAY + 9 * 3600 + rng.integers(0, 3600, len(months))
    month = np.repeat(np.arange(len(months)), len(staff))
    who = np.tile(staff, len(months))
    stays = people.start[who] <= months[month] * 30
    month, who, amount = month[stays], who[stays], np.tile(salary, len(months))[stays]
    total = np.bincount(month, weights=amount, minlength=len(months)).astype(np.int64)
    tx, _ = town.book.sign("disperse_token", time, np.full(len(months), payer), np.full(len(months), disperser))
    paid = total > 0
    town.book.move("erc20", tx[paid], time[paid], (payer, disperser), (USDX, total[paid]))
    town.book.move("erc20", tx[month], time[month], (disperser, people.first[who]), (USDX, amount))


def plan_mixer(town: Town, people: People, uses: int) -> None:
    """Let people put one or ten coins into the mixer and take them out elsewhere, through a relayer, much later."""
    rng, cast, book = town.rng, town.cast, town.book
    person = 2 + rng.permutation(len(people.owner) - 2)[:uses]
    large = rng.random(len(person)) < 0.2
    pool = np.where(large, town.services["mixer_10"], town.services["mixer_1"])
    amount = np.where(large, 10, 1) * 10**9
    time = people.start[person] * DAY + rng.integers(DAY, 20 * DAY, len(person))
    time = np.minimum(time, town.end - 8 * DAY)
    tx, _ = book.sign("mixer_deposit", time, people.first[person], pool)
    book.move("native", tx, time, (people.first[person], pool), (ETH, amount))
    fresh = cast.add_accounts("person", people.owner[person], len(person))
    later = np.minimum(time + rng.integers(DAY, 40 * DAY, len(person)), town.end - 3 * DAY)
    relayer = np.full(len(person), town.services["relayer"])
    tx, fee = book.sign("mixer_withdraw", later, relayer, pool)
    tip = fee + amount // 500
    book.move("internal", tx, later, (pool, fresh), (ETH, amount - tip))
    book.move("internal", tx, later, (pool, relayer), (ETH, tip))
    spend = later + rng.integers(3600, 2 * DAY, len(person))
    stranger = people.first[(person * 53 + 11) % len(people.owner)]
    book.pay(spend, (fresh, stranger), ETH, amount // 2, town.contracts)


def plan_bridge(town: Town, people: People, uses: int) -> None:
    """Carry dollars to the second chain: locked here by the user, released there by a relayer to the same key."""
    rng, book = town.rng, town.book
    far = np.flatnonzero(people.is_far)
    person = rng.choice(far, uses)
    here, there = np.full(uses, town.services["bridge"]), np.full(uses, town.services["bridge_far"])
    time = people.start[person] * DAY + (rng.random(uses) * (people.stop - people.start)[person] * DAY).astype(np.int64)
    time = np.clip(time, 2 * DAY, town.end - DAY)
    who, amount = people.first[person], (rng.lognormal(np.log(400), 1, uses).round() + 20).astype(np.int64) * 10**6
    tx, _ = book.sign("bridge_send", time, who, here)
    book.move("erc20", tx, time, (who, here), (USDX, amount))
    released = time + rng.integers(120, 1500, uses)
    tx, _ = book.sign("bridge_release", released, np.full(uses, town.services["bridge_relayer"]), there, 1)
    book.move("erc20", tx, released, (there, who), (POLYGON_USDX, amount - amount // 1000))


def plan_rewards(town: Town, people: People, stakers: int) -> None:
    """Give block producers a reward a day on each chain, and stakers their withdrawals every nine days."""
    rng, book = town.rng, town.book
    for chain in range(len(CHAINS)):
        for producer in book.producers[chain].tolist():
            time = np.arange(1, town.days - 1) * DAY + int(rng.integers(0, DAY))
            amount = rng.integers(10**7, 10**8, len(time))
            book.move(
                "reward",
                NOBODY,
                book.align(time, np.full(len(time), chain)),
                (NOBODY, producer),
                (NATIVE[chain], amount),
            )
    person = 2 + rng.permutation(len(people.owner) - 2)[:stakers]
    begin = people.start[person] * DAY + rng.integers(DAY, 5 * DAY, len(person))
    begin = np.minimum(begin, town.end - DAY)
    to = np.full(len(person), town.services["validator_deposit"])
    tx, _ = book.sign("wrap", begin, people.first[person], to)
    book.move("native", tx, begin, (people.first[person], to), (ETH, np.full(len(person), 32 * 10**9)))
    rounds = np.arange(3, town.days // 9)
    time, who = np.repeat(rounds * 9 * DAY, len(person)), np.tile(np.arange(len(person)), len(rounds))
    time = time + who * 12
    due = np.flatnonzero((time > begin[who] + 9 * DAY) & (time < town.end))
    amount = rng.integers(20_000_000, 22_000_000, len(due))
    book.move("withdrawal", NOBODY, time[due], (NOBODY, people.first[person[who[due]]]), (ETH, amount))


def plan_creations(town: Town, people: People, count: int) -> None:
    """Let a few people create contracts of their own."""
    person = 2 + town.rng.permutation(len(people.owner) - 2)[:count]
    contract = town.cast.add_accounts("contract", people.owner[person], len(person), contract=True)
    time = people.start[person] * DAY + town.rng.integers(0, 20 * DAY, len(person))
    town.book.sign("create", np.minimum(time, town.end - DAY), people.first[person], contract)
