"""What do people pay and swap? Payments among people, and swaps of several legs through the DEX."""

from __future__ import annotations

import numpy as np

from intel.sources.world.book import NOBODY
from intel.sources.world.market import ASSET_CHAIN, ETH, PAID_IN, WETH, Ints
from intel.sources.world.people import Events, People
from intel.sources.world.town import Town

FAILED = 0.03  # share of swaps


def plan_payments(town: Town, people: People, events: Events) -> Ints:
    """Let people pay friends, or themselves on another wallet. Returns the payees."""
    rng, count = town.rng, len(events.time)
    friend = rng.zipf(1.6, count).clip(max=40)
    payee = (events.person * 31 + friend * 977 + 5) % len(people.owner)
    payee = np.where(payee == events.person, (payee + 1) % len(people.owner), payee)
    to = people.first[payee] + (rng.random(count) < 0.3) * rng.integers(0, 24, count) % people.wallets[payee]
    index = events.wallet - people.first[events.person]
    own = (rng.random(count) < town.knobs.own_transfers) & (people.wallets[events.person] > 1)
    other = people.first[events.person] + (index + 1) % people.wallets[events.person]
    to = np.where(own, other, to)
    # Nobody pays into a wallet of the future: a friend who is not there yet is paid at his first wallet anyway,
    # as people do who open it for the occasion.
    amount = town.market.convert(events.usd * 0.5, events.asset, events.time)
    town.book.pay(events.time, (events.wallet, to), events.asset, amount, town.contracts)
    return to


def plan_swaps(town: Town, events: Events) -> None:
    """Let people swap on the first chain: coin to token, token to coin, or token to token through two pools.

    Some swaps fail: their fee is gone and nothing else moves.
    """
    rng = town.rng
    events = events.at(np.flatnonzero(ASSET_CHAIN[events.asset] == 0))
    fails = rng.random(len(events.time)) < FAILED
    failed, events = events.at(np.flatnonzero(fails)), events.at(np.flatnonzero(~fails))
    router = np.full(len(failed.time), town.services["router"])
    town.book.sign("swap", failed.time, failed.wallet, router, success=False)
    bought = rng.choice(PAID_IN, len(events.time))
    bought = np.where(bought == events.asset, np.where(events.asset == ETH, PAID_IN[1], ETH), bought)
    amount = town.market.convert(events.usd, events.asset, events.time)
    inner = town.market.exchange(amount, events.asset, np.full(len(bought), WETH), events.time)
    out = town.market.exchange(inner, np.full(len(bought), WETH), bought, events.time)
    for method, chosen in (
        ("swap_coin_in", events.asset == ETH),
        ("swap_coin_out", bought == ETH),
        ("swap", (events.asset != ETH) & (bought != ETH)),
    ):
        at = np.flatnonzero(chosen)
        _swap(town, method, events.at(at), (bought[at], amount[at], inner[at], out[at]))


def _swap(town: Town, method: str, events: Events, deal: tuple[Ints, Ints, Ints, Ints]) -> None:
    """Post the legs of one kind of swap, in causal order; both ends of WETH are wrapped and unwrapped by the router."""
    bought, amount, inner, out = deal
    time, who, sold, count = events.time, events.wallet, events.asset, len(events.time)
    router, weth = np.full(count, town.services["router"]), np.full(count, town.contracts[WETH])
    move = town.book.move
    tx, _ = town.book.sign(method, time, who, router)
    if method == "swap_coin_in":
        move("native", tx, time, (who, router), (ETH, amount))
        move("internal", tx, time, (router, weth), (ETH, amount))
        move("wrap", tx, time, (NOBODY, router), (WETH, amount))
        move("erc20", tx, time, (router, town.pools[bought]), (WETH, amount))
        move("erc20", tx, time, (town.pools[bought], who), (bought, out))
        return
    move("erc20", tx, time, (who, town.pools[sold]), (sold, amount))
    if method == "swap":
        move("erc20", tx, time, (town.pools[sold], town.pools[bought]), (WETH, inner))
        move("erc20", tx, time, (town.pools[bought], who), (bought, out))
        return
    move("erc20", tx, time, (town.pools[sold], router), (WETH, inner))
    move("unwrap", tx, time, (router, NOBODY), (WETH, inner))
    move("internal", tx, time, (weth, router), (ETH, inner))
    move("internal", tx, time, (router, who), (ETH, inner))
