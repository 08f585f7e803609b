"""Who farms airdrops? Campaigns that reward many wallets, and farmers who own dozens of them."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import AIRDROPPED, DAY, ETH, Ints
from intel.sources.world.people import COMPANY, Events, People
from intel.sources.world.town import MAIN, Span, Town
from intel.sources.world.trading import plan_swaps

BATCH = 100  # recipients per disperse transaction
LARGEST = 40_000  # recipients of one campaign
CAMPAIGN = 30 * DAY  # from the first farmed trade to the gathering


def plan_airdrops(town: Town, people: People, span: Span) -> None:
    """Run the campaigns that begin in `span`: three in a small world, more in a large one."""
    recipients = max(town.size // 3, 240)
    campaigns = max(-(-recipients // LARGEST), len(AIRDROPPED))
    last = town.end - CAMPAIGN
    starts = (np.arange(campaigns) + 0.4) / (campaigns + 0.4) * last
    for number in np.flatnonzero((starts >= span.begin) & (starts < span.end)).tolist():
        size = recipients // campaigns
        _run_campaign(town, people, int(starts[number]) // DAY * DAY + DAY, (AIRDROPPED[number % 3], size))


def _run_campaign(town: Town, people: People, begin: int, prize: tuple[int, int]) -> None:
    """Farm wallets trade a little for three weeks; then all are rewarded at once and the farmers gather."""
    rng, (token, recipients) = town.rng, prize
    there = np.flatnonzero(people.start * DAY < begin)
    there = there[there > COMPANY]
    genuine = people.first[rng.permutation(there)[: recipients // 2]]
    farmers = rng.choice(there, max(recipients // 40, 2), replace=False)
    sizes = np.minimum(7 + 2 * rng.zipf(1.6, len(farmers)), max(recipients // 6, 8))
    person = np.repeat(farmers, sizes)
    farm = town.open_wallets("sybil", people.owner[person], len(person), people.first[person])
    time = begin + rng.integers(0, 20 * DAY, len(farm))
    usd = rng.uniform(20, 60, len(farm)).round()
    plan_swaps(town, Events(person, farm, time, usd, np.full(len(farm), ETH)))
    day = begin + 22 * DAY
    recipient = np.concatenate([genuine, farm])
    owner = np.concatenate([town.cast.owner_of[genuine], people.owner[person]])
    order = rng.permutation(len(recipient))
    _reward(town, token, recipient[order], day)
    town.truths.keep_neighbours_apart("multisender_recipients", recipient[order][:200], owner[order][:200])
    gather = day + DAY + rng.integers(0, 4 * DAY, len(farm))
    boss = people.first[person]
    sells = rng.random(len(farm)) < 0.8 * town.knobs.blending  # sold to a stranger instead of gathered
    boss = np.where(sells, people.first[rng.choice(there, len(farm))], boss)
    town.book.pay(gather, (farm, boss), token, np.full(len(farm), 400 * 10**6), town.contracts)


def _reward(town: Town, token: int, wallets: Ints, day: int) -> None:
    role_owner = int(town.cast.owner_of[town.issuers[token]])
    sender = town.cast.add_account("airdrop", role_owner)
    town.back(MAIN, [sender], int(town.issuers[token]), 1)
    batch = np.arange(len(wallets)) // BATCH
    time = day + np.arange(batch[-1] + 1) * 24
    tx, _ = town.book.sign("disperse_token", time, sender, town.services["disperser"])
    amount = np.full(len(wallets), 400 * 10**6)
    town.book.move("erc20", tx[batch], time[batch], (sender, wallets), (token, amount))
