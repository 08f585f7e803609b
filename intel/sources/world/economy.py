"""In which order does life happen? People act, services answer, pests follow, and money is found for all of it."""

from __future__ import annotations

import numpy as np

from intel.errors import BadInput
from intel.sources.world.exchanges import (
    plan_cash_outs,
    plan_cold_storage,
    plan_deposits,
    plan_settlements,
    plan_sweeps,
)
from intel.sources.world.funding import find_shortfalls, fund_from_genesis, fund_layer
from intel.sources.world.people import draw_events, settle_people
from intel.sources.world.pests import plan_counterfeits, plan_deposit_dust, plan_poison
from intel.sources.world.services import (
    plan_airdrop,
    plan_bridge,
    plan_creations,
    plan_mixer,
    plan_payroll,
    plan_rewards,
)
from intel.sources.world.town import HOT, Town, found_town
from intel.sources.world.trading import plan_payments, plan_swaps

ROWS_PER_PERSON, ROWS_PER_DAY = 54, 14  # transfers that a person and a day cause, fees and funding too; measured
FEWEST = 200  # people; with fewer the fixed cast would be most of the economy
ACTIONS_PER_PERSON = 9


def simulate_town(rng: np.random.Generator, transfers: int, preset: str, days: int) -> Town:
    """Simulate everything that is signed and moved; the book is complete, though not yet in order."""
    size = int((transfers - ROWS_PER_DAY * days) / ROWS_PER_PERSON)
    if size < FEWEST:
        least = int(FEWEST * ROWS_PER_PERSON + ROWS_PER_DAY * days) + 1
        raise BadInput(
            f"{transfers} transfers are too few for an economy of {days} days",
            f"ask for {least} or more, or for fewer days",
        )
    town = found_town(rng, days, preset)
    people = settle_people(town, size)
    events = draw_events(town, people, size * ACTIONS_PER_PERSON)
    choice = rng.choice(3, len(events.time), p=[0.38, 0.37, 0.25])
    deposits, payments, swaps = (events.at(np.flatnonzero(choice == part)) for part in range(3))
    plan_sweeps(town, plan_deposits(town, people, deposits))
    payees = plan_payments(town, people, payments)
    plan_swaps(town, swaps)
    plan_airdrop(town, people, max(size // 2, 200))
    plan_payroll(town, people, max(size // 50, 5))
    plan_mixer(town, people, max(size // 40, 10))
    plan_bridge(town, people, max(size // 10, 10))
    plan_rewards(town, people, max(size // 200, 3))
    plan_creations(town, people, max(size // 100, 5))
    plan_poison(town, payments, payees, max(size // 1000, 2))
    plan_deposit_dust(town, max(size // 200, 2))
    plan_counterfeits(town, people, max(size // 10, 50))
    plan_cash_outs(town, people)
    plan_settlements(town)
    plan_cold_storage(town)
    fund_town(town)
    return town


def fund_town(town: Town) -> None:
    """Fund layer by layer, each from the next: second wallets, main wallets, exchange desks, hot wallets, genesis."""
    total = town.cast.size
    for layer in range(HOT + 1):
        backed = [group[1:] for group in town.backers if group[0] == layer]
        accounts, funders, parts = (np.concatenate(column) for column in zip(*backed, strict=True))
        short = find_shortfalls(town.book, accounts, total, parts)
        funder_of = np.zeros(total, dtype=np.int64)
        funder_of[accounts] = funders
        fund_layer(town.book, town.rng, short, funder_of[short.account], town.contracts)
    fund_from_genesis(town.book, total, town.contracts, town.issuers)
