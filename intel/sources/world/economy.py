"""In which order does life happen? Span by span: people act, services answer, pests follow, money is found for all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from intel.errors import BadInput
from intel.sources.world.bridges import back_bridges, plan_bridges
from intel.sources.world.collectibles import plan_collectibles
from intel.sources.world.custody import plan_broker, plan_custodian, plan_otc, plan_tills
from intel.sources.world.exchanges import (
    plan_cash_outs,
    plan_cold_storage,
    plan_deposits,
    plan_settlements,
    plan_sweeps,
)
from intel.sources.world.farms import plan_airdrops
from intel.sources.world.funding import Balances, Source, find_shortfalls, fund_layer, make_money, rows_before
from intel.sources.world.keys import plan_delegations, plan_safes, plan_smart_accounts
from intel.sources.world.lending import (
    open_bots,
    plan_backs,
    plan_fronts,
    plan_liquidity,
    plan_loans,
    plan_settlements_by_batch,
)
from intel.sources.world.market import ASSET_CHAIN, CHAINS, DAY, Ints
from intel.sources.world.mixing import plan_hacks, plan_mixer
from intel.sources.world.names import plan_names, plan_sleepers, plan_sold_wallets
from intel.sources.world.numbering import Counters, number_period
from intel.sources.world.people import Events, People, draw_events, settle_people
from intel.sources.world.pests import (
    open_pests,
    plan_counterfeits,
    plan_deposit_dust,
    plan_dust,
    plan_poison,
    plan_vanity,
)
from intel.sources.world.services import plan_creations, plan_payroll, plan_rewards, plan_salaries
from intel.sources.world.spool import Spool
from intel.sources.world.thieves import (
    open_thieves,
    plan_drains,
    plan_first_funders,
    plan_impostors,
    plan_sweeper_bots,
)
from intel.sources.world.town import HOT, Span, Town, found_town
from intel.sources.world.trading import plan_payments, plan_swaps

# Transfers that a person and a day cause, fees and funding too, measured; with several periods more are topped up.
ROWS_PER_PERSON, ROWS_PER_PERSON_CUT, ROWS_PER_DAY = 58, 70, 64
FEWEST = 200  # people; with fewer the fixed cast would be most of the economy
ACTIONS_PER_PERSON = 9
ROWS_PER_PERIOD = 2_000_000
LEAD = DAY  # what is planned is ahead of what is closed: money must be found before it is needed
PEOPLE_START = 2 * DAY  # before that only the town is set up


@dataclass
class Life:
    """What goes on from one period to the next, beside the town itself."""

    spool: Spool
    balances: Balances = field(default_factory=Balances)
    counters: Counters = field(default_factory=Counters)
    seen: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros((len(CHAINS), 0), dtype=np.bool_))


def fit_days(transfers: int, longest: int) -> int:
    """How many days, at most `longest`, an economy of so few transfers can last."""
    return min(longest, int((transfers - FEWEST * ROWS_PER_PERSON) / ROWS_PER_DAY) - 1)


def count_people(transfers: int, days: int) -> int:
    """How many people cause about `transfers` transfers in `days`."""
    each = ROWS_PER_PERSON if transfers < 1.5 * ROWS_PER_PERIOD else ROWS_PER_PERSON_CUT
    size = int((transfers - ROWS_PER_DAY * days) / each)
    if size < FEWEST:
        least = int(FEWEST * ROWS_PER_PERSON + ROWS_PER_DAY * days) + 1
        raise BadInput(
            f"{transfers} transfers are too few for an economy of {days} days",
            f"ask for {least} or more, or for fewer days",
        )
    return size


def cut_periods(transfers: int, days: int, periods: int | None) -> list[tuple[Span, int, int]]:
    """Cut the life into periods of whole weeks: (what is planned, where the period begins, where it ends)."""
    wanted = periods or max(round(transfers / ROWS_PER_PERIOD), 1)
    length = max(-(-days // wanted // 7) * 7, 7) * DAY
    count = max(-(-days * DAY // length), 1)
    if count > 1 and days * DAY - (count - 1) * length <= 7 * DAY:
        count -= 1  # no stump at the end
    last, whole = days * DAY - 3600, days * DAY - PEOPLE_START
    cut = []
    for number in range(count):
        begin = number * length + LEAD if number else PEOPLE_START
        end = (number + 1) * length + LEAD if number < count - 1 else last
        closed = (number + 1) * length if number < count - 1 else (days + 1) * DAY
        cut.append((Span(begin, end, (end - begin) / whole, number), number * length, closed))
    return cut


def simulate_town(
    rng: np.random.Generator, sizes: tuple[int, int], preset: str, periods: int | None = None
) -> tuple[Town, Life]:
    """Simulate all that is signed and moved; `sizes` are transfers and days."""
    transfers, days = sizes
    size = count_people(transfers, days)
    town = found_town(rng, days, preset, size)
    people = settle_people(town, size)
    open_pests(town)
    open_thieves(town)
    open_bots(town)
    back_bridges(town)
    cut = cut_periods(transfers, days, periods)
    life = Life(Spool(on_disk=len(cut) > 1))
    for span, begin, closed in cut:
        live(town, people, span)
        horizon = span.end if span.index < len(cut) - 1 else closed
        fund_town(town, life, (begin, horizon), len(cut) - span.index)
        close_period(town, life, closed)
    return town, life


def live(town: Town, people: People, span: Span) -> None:
    """Plan what begins in `span`; what follows from it may come later, never earlier."""
    events = draw_events(town, people, town.size * ACTIONS_PER_PERSON, span)
    choice = town.rng.choice(3, len(events.time), p=[0.38, 0.37, 0.25])
    deposits, payments, swaps = (events.at(np.flatnonzero(choice == part)) for part in range(3))
    plan_sweeps(town, plan_deposits(town, people, deposits))
    payees = plan_payments(town, people, payments)
    _trade(town, swaps)
    for plan in (
        plan_airdrops, plan_payroll, plan_salaries, plan_mixer, plan_hacks, plan_bridges, plan_broker, plan_otc,
        plan_tills, plan_smart_accounts, plan_delegations, plan_safes, plan_collectibles, plan_loans, plan_liquidity,
        plan_settlements_by_batch, plan_rewards, plan_creations, plan_drains, plan_sweeper_bots, plan_first_funders,
        plan_impostors, plan_names, plan_sold_wallets, plan_sleepers, plan_counterfeits, plan_dust, plan_vanity,
        plan_deposit_dust, plan_cash_outs,
    ):  # fmt: skip
        plan(town, people, span)
    plan_custodian(town, span)
    plan_poison(town, payments, payees)
    plan_settlements(town, span)
    plan_cold_storage(town, span)
    _note_customers(town, people, events)


def _trade(town: Town, swaps: Events) -> None:
    """Swaps, with the bots' trades before and after in the same block."""
    swaps = swaps.at(np.flatnonzero(ASSET_CHAIN[swaps.asset] == 0))
    fronts = plan_fronts(town, swaps)
    plan_swaps(town, swaps)
    plan_backs(town, fronts)


def _note_customers(town: Town, people: People, events: Events) -> None:
    """Two customers of one exchange meet in its hot wallet only; so do two traders at the router."""
    person = np.unique(events.person)[: max(len(events.person) // 40, 8)]
    person = person[person > 1]
    order = person[np.argsort(people.exchanges[person, 0], kind="stable")]
    same = people.exchanges[order[:-1], 0] == people.exchanges[order[1:], 0]
    left, right = people.first[order[:-1]][same], people.first[order[1:]][same]
    town.truths.keep_apart("shared_hot_wallet", left, right, 0.5)
    town.truths.keep_neighbours_apart("pool_and_router", people.first[person], people.owner[person], 0.3)


def fund_town(town: Town, life: Life, period: tuple[int, int], ahead: int) -> None:
    """Fund layer by layer, each from the next: second wallets, main wallets, exchange desks, hot wallets, genesis."""
    for layer in range(HOT + 1):
        layers, funders, parts = town.read_backing()
        rows = rows_before(town.book, period[1])
        short = find_shortfalls(rows, life.balances, layers == layer, parts.astype(np.int64))
        fund_layer(town.book, town.rng, short, funders[short.account].astype(np.int64), town.contracts)
    source = Source(town.contracts, town.issuers, ahead)
    make_money(town.book, life.balances, town.cast.size, period, source)


def close_period(town: Town, life: Life, until: int) -> None:
    """Number what happened before `until` and put it away."""
    taken = {table: town.book.take(table, until) for table in ("transactions", "transfers", "events")}
    town.cast.draw_addresses()
    tables = number_period(taken, life.counters, town.cast.size)
    life.balances.settle(tables["transfers"])
    _mark_seen(town, life, tables)
    life.spool.add(tables)


def _mark_seen(town: Town, life: Life, tables: dict[str, dict[str, Ints]]) -> None:
    """Remember which accounts have appeared on which chain."""
    seen = np.zeros((len(CHAINS), town.cast.size), dtype=np.bool_)
    seen[:, : life.seen.shape[1]] = life.seen
    moved, signed = tables["transfers"], tables["transactions"]
    for rows, chain, names in (
        (moved, ASSET_CHAIN[moved["asset"]], ("sender", "receiver", "initiator")),
        (signed, signed["chain"], ("to", "created")),
    ):
        for name in names:
            known = rows[name] > 0
            seen[chain[known], rows[name][known]] = True
    life.seen = seen
