"""How does money change chains? A bridge whose messages carry ids, and one where only amount and time agree."""

from __future__ import annotations

import numpy as np

from intel.sources.world.market import CHAINS, DAY, DOLLAR, NATIVE, Ints
from intel.sources.world.people import People, draw_uses
from intel.sources.world.town import MAIN, SECONDARY, Span, Town


def plan_bridges(town: Town, people: People, span: Span) -> None:
    """Carry dollars and coins to a second chain: to the same key mostly, sometimes to another one."""
    count = town.count(0.1, 20, span)
    person, time = draw_uses(town, people, span, count, DAY)
    far = np.where(people.far[person] > 0, people.far[person], 1 + person % (len(CHAINS) - 1))
    who, rng = people.first[person], town.rng
    elsewhere = rng.random(len(who)) < 0.15
    to = who.copy()
    to[elsewhere] = town.open_wallets("person", people.owner[person[elsewhere]], int(elsewhere.sum()), who[elsewhere])
    has_id = rng.random(len(who)) < 0.6
    for chosen, name, payer in ((has_id, "bridge", "bridge_relayer"), (~has_id, "hop", "solver")):
        at = np.flatnonzero(chosen)
        _carry(town, name, payer, (who[at], to[at], far[at], time[at]))
        town.truths.keep_neighbours_apart("common_relayer", to[at], people.owner[person[at]], 0.5, far[at])


def _carry(town: Town, name: str, payer: str, trips: tuple[Ints, Ints, Ints, Ints]) -> None:
    """Lock here, release there. `bridge` tells its message ids; `hop` takes a fee that nobody announces."""
    rng, book, (who, to, far, time) = town.rng, town.book, trips
    count = len(who)
    here, there = (np.array([town.services[f"{name}_{c}"] for c in range(len(CHAINS))])[c] for c in (far * 0, far))
    coins = (rng.random(count) < 0.3) & (NATIVE[far] != NATIVE[1])
    usd = rng.lognormal(np.log(400), 1, count).round() + 20
    sent, got = np.where(coins, NATIVE[0], DOLLAR[0]), np.where(coins, NATIVE[far], DOLLAR[far])
    amount = np.where(coins, town.market.convert(usd, np.full(count, NATIVE[0]), time), usd.astype(np.int64) * 10**6)
    fee = amount // 1000 if name == "bridge" else (amount * rng.uniform(0.0005, 0.004, count)).astype(np.int64)
    out = time + rng.integers(60, 1500 if name == "bridge" else 600, count)
    number = town.groups.setdefault("messages", np.zeros(1, dtype=np.int64))
    message = number[0] + np.arange(count)
    number[0] += count
    tx, _ = book.sign("bridge_send", time, who, here)
    release, _ = book.sign("bridge_release", out, town.services[payer], there, far)
    for kind, native in (("native", True), ("erc20", False)):
        at = np.flatnonzero(coins == native)
        book.move(kind, tx[at], time[at], (who[at], here[at]), (sent[at], amount[at]))
        paid = "internal" if native else kind
        book.move(paid, release[at], out[at], (there[at], to[at]), (got[at], (amount - fee)[at]))
    if name == "bridge":
        book.tell("bridge_sent", tx, time, (here, who), what=(sent, amount), facts=(message, to))
        payer_account = town.services[payer]
        book.tell(
            "bridge_received", release, out, (there, payer_account), far, what=(got, amount - fee), facts=(message, to)
        )
    book.tell("pair_sent", tx, time, (here, who), what=(sent, amount), facts=(message, int(name == "bridge")))
    book.tell("pair_received", release, out, (there, to), far, what=(got, amount - fee), facts=(message, -1))


def back_bridges(town: Town) -> None:
    """Say who pays the relayers' fees on every chain."""
    payers = [town.services["bridge_relayer"], town.services["solver"]]
    town.back(MAIN, payers, town.exchanges[0].desk, 6)
    vaults = [town.services[f"bridge_{chain}"] for chain in range(len(CHAINS))]
    town.back(SECONDARY, vaults, town.services["liquidity"], 4)
