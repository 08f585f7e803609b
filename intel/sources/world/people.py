"""Who are the people, and when does each of them act? Wallets, tastes, hours and a power law of activity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intel.sources.world.market import CHAINS, DAY, FAR_PAID, PAID_IN, Floats, Ints
from intel.sources.world.town import EXCHANGES, MAIN, SECONDARY, Span, Town

MAKER, COMPANY = 0, 1  # the market maker and the payroll company act like very busy people


@dataclass(frozen=True, slots=True)
class People:
    """One row per person; person i has `wallets[i]` wallets from number `first[i]` on, the first is the main one."""

    owner: Ints
    first: Ints
    wallets: Ints
    hour: Floats  # of the day, UTC, around which they act
    weekend: Floats  # chance that an action planned for a weekend happens then
    start: Ints  # day of the first action
    stop: Ints
    activity: Floats  # relative, sums to 1
    wealth: Floats  # usual payment in USD
    exchanges: Ints  # shape (people, 2): index of the exchange they use first and second
    tastes: Ints  # shape (people, 3): assets
    far: Ints  # a second chain on which they act too; 0: none


@dataclass(frozen=True, slots=True)
class Events:
    """Actions of people: who, with which wallet, when (seconds), worth how much, in which asset."""

    person: Ints
    wallet: Ints
    time: Ints
    usd: Floats
    asset: Ints

    def at(self, chosen: Ints) -> Events:
        """The chosen ones."""
        return Events(self.person[chosen], self.wallet[chosen], self.time[chosen], self.usd[chosen], self.asset[chosen])


def settle_people(town: Town, count: int) -> People:
    """Draw `count` people with their wallets, and say who funds each wallet."""
    rng, cast = town.rng, town.cast
    fixed = [cast.add_owner("Pumpernickel Trading", "fund_otc"), cast.add_owner("Haberdash Works", "organisation")]
    owner = np.concatenate([fixed, cast.add_people(count - 2)])
    wallets = np.minimum(rng.geometric(town.knobs.few_wallets, count), 24)
    wallets[:2] = 3
    first = cast.size + np.cumsum(wallets) - wallets
    cast.add_accounts("market_maker", int(owner[MAKER]), 3)
    cast.add_accounts("organisation", int(owner[COMPANY]), 3)
    cast.add_accounts("person", np.repeat(owner[2:], wallets[2:]), int(wallets[2:].sum()))
    start = (rng.beta(1.0, 2.2, count) * (town.days - 30)).astype(np.int64) + 2
    stop = np.minimum(start + 1 + rng.exponential(town.days * 0.6, count).astype(np.int64), town.days - 1)
    start[:2], stop[:2] = 2, town.days - 1
    activity = np.minimum(rng.pareto(1.3, count) + 0.3, 0.002 * count + 50)
    activity[:2] = activity.sum() * 0.01
    wealth = rng.lognormal(np.log(250), 1.4, count)
    wealth[:2] = 60_000, 9_000
    weights = np.array([share for _, share, *_ in EXCHANGES])
    people = People(
        owner=owner, first=first, wallets=wallets, start=start, stop=stop, wealth=wealth,
        hour=rng.choice([1.0, 8.0, 13.0, 19.0], count, p=[0.15, 0.25, 0.35, 0.25]) + rng.normal(0, 1.5, count),
        weekend=rng.uniform(0.3, 1.0, count), activity=activity / activity.sum(),
        exchanges=rng.choice(len(EXCHANGES), (count, 2), p=weights), tastes=_draw_tastes(rng, count),
        far=np.where(rng.random(count) < 0.25, rng.integers(1, len(CHAINS), count), 0),
    )  # fmt: skip
    _back_people(town, people)
    town.groups["people_owner"] = owner[2:3]
    return people


def _draw_tastes(rng: np.random.Generator, count: int) -> Ints:
    weights = 1.0 / np.arange(1, len(PAID_IN) + 1)
    return rng.choice(PAID_IN, (count, 3), p=weights / weights.sum())


def _back_people(town: Town, people: People) -> None:
    """Main wallets are funded from an exchange, the others mostly by the main wallet: what an analyst hopes for."""
    rng = town.rng
    desks = np.array([exchange.desk for exchange in town.exchanges])[people.exchanges[:, 0]]
    town.back(MAIN, people.first, desks, 1 + rng.zipf(1.7, len(desks)).clip(max=12))
    person = np.repeat(np.arange(len(people.owner)), people.wallets)
    wallet = np.arange(people.first[0], people.first[0] + len(person))
    second = wallet != people.first[person]
    person, wallet = person[second], wallet[second]
    by_exchange = rng.random(len(wallet)) < town.knobs.wallets_funded_by_exchange
    parts = 1 + rng.zipf(2.0, len(wallet)).clip(max=6)
    town.back(SECONDARY, wallet[~by_exchange], people.first[person[~by_exchange]], parts[~by_exchange])
    town.back(MAIN, wallet[by_exchange], desks[person[by_exchange]], parts[by_exchange])


def draw_events(town: Town, people: People, count: int, span: Span) -> Events:
    """Draw the actions of `span`, of `count` in a whole life: busy people act more, each in his hours and tastes."""
    rng = town.rng
    first, last = span.begin // DAY, (span.end - 1) // DAY
    low, high = np.maximum(people.start, first), np.minimum(people.stop, last)
    weight = people.activity * np.maximum(high - low + 1, 0) / (people.stop - people.start + 1)
    total = np.cumsum(weight)
    count = int(np.ceil(count * total[-1]))
    person = np.minimum(np.searchsorted(total, rng.random(count) * total[-1], side="right"), len(total) - 1)
    day = low[person] + (rng.random(count) * (high - low + 1)[person]).astype(np.int64)
    moved = (day % 7 >= 5) & (rng.random(count) > people.weekend[person])
    day = np.where(moved, np.maximum(day - 2, low[person]), day)
    hour = (people.hour[person] + rng.normal(0, 2.6, count)) % 24
    time = day * DAY + (hour * 3600).astype(np.int64) + rng.integers(0, 60, count)
    time = np.clip(time, span.begin, span.end - 7200)
    other = (rng.random(count) > 0.6) * rng.integers(0, 24, count) % people.wallets[person]
    usd = np.clip(people.wealth[person] * rng.lognormal(0, 0.8, count), 30, 5e6)
    asset = people.tastes[person, rng.choice(3, count, p=[0.6, 0.3, 0.1])]
    away = (people.far[person] > 0) & (rng.random(count) < 0.3)
    asset = np.where(away, FAR_PAID[people.far[person], rng.integers(0, 2, count)], asset)
    return Events(person, people.first[person] + other, time, usd, asset)


def draw_uses(town: Town, people: People, span: Span, count: int, margin: int) -> tuple[Ints, Ints]:
    """Draw `count` people who do something in `span`, and when; afterwards `margin` seconds are left to the end.

    Nobody, where the span leaves no time. People may be drawn twice, the market maker and the company never.
    """
    rng = town.rng
    begin, end = span.begin, min(span.end, town.end - margin)
    if end <= begin:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    there = np.flatnonzero((people.start * DAY < end) & (people.stop * DAY >= begin))
    there = there[there > COMPANY]
    person = rng.choice(there, count, replace=count > len(there))
    low = np.maximum(people.start[person] * DAY, begin)
    high = np.maximum(np.minimum(people.stop[person] * DAY, end), low + 1)
    return person, low + (rng.random(count) * (high - low)).astype(np.int64)


def find_partner(people: People, person: Ints) -> Ints:
    """Another person for each: far away in number, always the same."""
    count = len(people.owner) - 2
    return 2 + (person - 2 + 1 + person * 37 % (count - 1)) % count
