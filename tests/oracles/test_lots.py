"""Does lot matching give what plain rational arithmetic gives, for every method, kind of movement and size?"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from intel.errors import BadInput
from intel.profiler.lots import (
    ACQUIRE,
    CARRY_IN,
    CARRY_OUT,
    DISPOSE,
    METHODS,
    Matched,
    Method,
    Movements,
    join_quantity,
    match_lots,
)

E18 = 10**18


@dataclass(frozen=True)
class Step:
    """One movement as a person would write it; `micro_usd` None: no price."""

    pool: int
    kind: int
    quantity: int
    micro_usd: int | None = 0
    group: int = -1


def arrange(steps: list[Step]) -> Movements:
    limbs = [divmod(step.quantity, E18) for step in steps]
    return Movements(
        np.array([step.pool for step in steps], dtype=np.int64),
        np.array([step.kind for step in steps], dtype=np.int8),
        np.array([high for high, _ in limbs], dtype=np.int64),
        np.array([low for _, low in limbs], dtype=np.int64),
        np.array([step.micro_usd or 0 for step in steps], dtype=np.int64),
        np.array([step.micro_usd is not None for step in steps]),
        np.array([step.group for step in steps], dtype=np.int64),
    )


# ------------------------------------------------------------------------------------------------ the plain way


@dataclass
class Lot:
    """`doubt`: by how much a whole number of micro-dollars may differ from the exact cost, and no more."""

    number: int
    quantity: Fraction
    cost: Fraction | None
    doubt: Fraction = Fraction(0)
    unit: Fraction = Fraction(0)

    def take(self, wanted: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        """Quantity, cost and doubt of a part; the lot keeps the rest."""
        part = min(wanted, self.quantity)
        share = part / self.quantity
        cost = (self.cost or Fraction(0)) * share
        rounding = Fraction(0) if share == 1 else Fraction(51, 100) + cost / 2**51
        doubt = self.doubt * share + rounding
        self.quantity -= part
        if self.cost is not None:
            self.cost -= cost
        self.doubt = self.doubt * (1 - share) + rounding
        return part, cost, doubt


@dataclass
class Plain:
    """What the oracle finds: cost and its doubt per movement, how much was known, and the lots that are left."""

    cost: list[Fraction] = field(default_factory=list)
    doubt: list[Fraction] = field(default_factory=list)
    known: list[Fraction] = field(default_factory=list)
    trail: list[list[tuple[int, int]]] = field(default_factory=list)
    pools: dict[int, list[Lot]] = field(default_factory=dict)


def pick(lots: list[Lot], method: Method) -> Lot | None:
    known = [lot for lot in lots if lot.cost is not None]
    if not known:
        return lots[0] if lots else None
    if method == "lifo":
        return known[-1]
    return max(known, key=lambda lot: (lot.unit, -lot.number)) if method == "hifo" else known[0]


def match_plainly(steps: list[Step], method: Method) -> Plain:
    found = Plain()
    carried: dict[int, list[Fraction | bool]] = {}
    for number, step in enumerate(steps):
        lots = found.pools.setdefault(step.pool, [])
        add = _receive if step.kind > 0 else _give
        cost, doubt, known, trail = add(steps, number, lots, carried, method)
        found.cost.append(cost)
        found.doubt.append(doubt)
        found.known.append(known)
        found.trail.append(trail)
    return found


Row = tuple[Fraction, Fraction, Fraction, list[tuple[int, int]]]


def _receive(
    steps: list[Step], number: int, lots: list[Lot], carried: dict[int, list[Fraction | bool]], method: Method
) -> Row:
    step, nothing = steps[number], Fraction(0)
    cost, doubt = None if step.micro_usd is None else Fraction(step.micro_usd), nothing
    if step.kind == CARRY_IN:
        legs = [one for one in steps if one.kind == CARRY_IN and one.group == step.group]
        weights = sum(one.micro_usd or 0 for one in legs)
        share = Fraction(step.micro_usd or 0, weights) if weights else Fraction(1, len(legs))
        total, doubts, is_whole = carried[step.group]
        cost = total * share if is_whole else None
        doubt = doubts + len(legs) + total / 2**50
    if cost is None:
        lots.append(Lot(number, Fraction(step.quantity), None))
        return nothing, nothing, nothing, []
    pooled = [lot for lot in lots if lot.cost is not None] if method == "average" else []
    if pooled:
        pooled[0].quantity += step.quantity
        pooled[0].cost = (pooled[0].cost or 0) + cost
        pooled[0].doubt += doubt
    else:
        lots.append(Lot(number, Fraction(step.quantity), cost, doubt, cost / step.quantity))
    return cost, doubt, Fraction(step.quantity), []


def _give(
    steps: list[Step], number: int, lots: list[Lot], carried: dict[int, list[Fraction | bool]], method: Method
) -> Row:
    step = steps[number]
    wanted, cost, doubt, known = Fraction(step.quantity), Fraction(0), Fraction(0), Fraction(0)
    trail = []
    while wanted and (lot := pick(lots, method)):
        part, part_cost, part_doubt = lot.take(wanted)
        trail.append((lot.number, int(part)))
        wanted -= part
        if lot.cost is not None:
            cost, doubt, known = cost + part_cost, doubt + part_doubt, known + part
        if not lot.quantity:
            lots.remove(lot)
    if step.kind == CARRY_OUT:
        before = carried.get(step.group, [Fraction(0), Fraction(0), True])
        is_whole = before[2] and known == step.quantity
        carried[step.group] = [before[0] + cost, before[1] + doubt, is_whole]
    return cost, doubt, known, trail


# ------------------------------------------------------------------------------------------------ random ledgers


def draw_steps(seed: int, count: int, *, largest: int, is_grid: bool = False) -> list[Step]:
    """Buys, sales beyond what is held, lots without a price, carries of one to two legs on either side."""
    rng = random.Random(seed)
    steps: list[Step] = []

    def quantity() -> int:
        return rng.choice([1, 2, 4, 8]) if is_grid else rng.randint(1, largest)

    def value(of: int) -> int | None:
        return None if rng.random() < 0.1 else of * rng.choice([1, 2, 3]) if is_grid else rng.randint(0, 10**12)

    for group in range(count):
        pool, what = rng.randrange(3), rng.random()
        if what < 0.5:
            bought = quantity()
            steps.append(Step(pool, ACQUIRE, bought, value(bought)))
        elif what < 0.88:
            sold = quantity()
            steps.append(Step(pool, DISPOSE, sold, value(sold)))
        else:
            legs = [(CARRY_OUT, number) for number in range(rng.choice([1, 2]))]
            legs += [(CARRY_IN, number) for number in range(rng.choice([1, 2]))]
            for kind, number in legs:
                moved = quantity()
                steps.append(Step((pool + number + (kind == CARRY_IN)) % 3, kind, moved, value(moved), group))
    numbers = {group: number for number, group in enumerate(sorted({s.group for s in steps if s.group >= 0}))}
    return [Step(s.pool, s.kind, s.quantity, s.micro_usd, numbers.get(s.group, -1)) for s in steps]


def quantities(high: np.ndarray, low: np.ndarray) -> list[int]:
    return [join_quantity(*pair) for pair in zip(high.tolist(), low.tolist(), strict=True)]


SIZES = [10, 5 * E18, 10**30, 10**35]
SEEDS = [(seed, size) for seed in range(4) for size in SIZES]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("seed", "largest"), SEEDS)
def test_basis_is_the_exact_one(seed: int, largest: int, method: Method) -> None:
    steps = draw_steps(seed, 120, largest=largest)
    found, plain = match_lots(arrange(steps), method), match_plainly(steps, method)
    assert quantities(found.known_high, found.known_low) == plain.known
    for cost, exact, doubt in zip(found.basis.tolist(), plain.cost, plain.doubt, strict=True):
        assert abs(cost - exact) <= doubt
    held = [(pool, lot) for pool, lots in plain.pools.items() for lot in lots]
    left = {int(row[1]): row.tolist() for row in found.left}
    assert {lot.number for _, lot in held} == set(left)
    for pool, lot in held:
        at, _, high, low, cost = left[lot.number]
        assert (at, join_quantity(high, low)) == (pool, lot.quantity)
        assert cost == -1 if lot.cost is None else abs(cost - lot.cost) <= lot.doubt


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(12))
def test_lots_are_taken_in_their_order_and_ties_by_age(seed: int, method: Method) -> None:
    steps = draw_steps(seed, 120, largest=8, is_grid=True)  # few unit costs: many ties under hifo
    if method == "hifo":  # a carried cost is rounded, and a rounded unit cost is no tie
        steps = [step for step in steps if step.group < 0]
    found, plain = match_lots(arrange(steps), method), match_plainly(steps, method)
    told: list[list[tuple[int, int]]] = [[] for _ in steps]
    for row, lot, high, low, _ in found.trail.tolist():
        told[row].append((lot, join_quantity(high, low)))
    assert told == plain.trail
    assert method == "average" or any(len(trail) > 1 for trail in told)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("seed", "largest"), SEEDS)
def test_nothing_is_lost_to_rounding(seed: int, largest: int, method: Method) -> None:
    steps = draw_steps(seed, 120, largest=largest)
    found = match_lots(arrange(steps), method)
    check_trail(steps, found)
    for pool in range(3):
        mine = [number for number, step in enumerate(steps) if step.pool == pool]
        got = sum(steps[n].quantity for n in mine if steps[n].kind > 0)
        consumed = sum(join_quantity(high, low) for row, _, high, low, _ in found.trail.tolist() if row in mine)
        left = sum(join_quantity(high, low) for at, _, high, low, _ in found.left.tolist() if at == pool)
        assert left + consumed == got
        spent = sum(int(found.basis[n]) * (1 if steps[n].kind > 0 else -1) for n in mine)
        assert spent == sum(cost for at, *_, cost in found.left.tolist() if at == pool and cost >= 0)


def check_trail(steps: list[Step], found: Matched) -> None:
    """The trail of each movement sums to its basis and to what of it had a known cost."""
    basis, known, all_ = [0] * len(steps), [0] * len(steps), [0] * len(steps)
    for row, lot, high, low, cost in found.trail.tolist():
        assert lot < row
        assert steps[lot].pool == steps[row].pool
        all_[row] += join_quantity(high, low)
        if cost >= 0:
            basis[row] += cost
            known[row] += join_quantity(high, low)
    for number, step in enumerate(steps):
        if step.kind < 0:
            assert basis[number] == found.basis[number]
            assert known[number] == join_quantity(found.known_high[number], found.known_low[number])
            assert all_[number] <= step.quantity


@pytest.mark.parametrize("seed", range(8))
def test_known_quantities_are_the_same_under_all_methods(seed: int) -> None:
    arranged = arrange(draw_steps(seed, 200, largest=5 * E18))
    found = [match_lots(arranged, method) for method in METHODS]
    for one, other in pairwise(found):
        assert (one.known_high == other.known_high).all()
        assert (one.known_low == other.known_low).all()
        assert (one.proceeds == other.proceeds).all()


# ------------------------------------------------------------------------------------------------ worked numbers


def realize(steps: list[Step], method: Method) -> list[int]:
    """Gains in micro-dollars of the disposals, in order."""
    found = match_lots(arrange(steps), method)
    gains = (found.proceeds - found.basis).tolist()
    return [gain for gain, step in zip(gains, steps, strict=True) if step.kind == DISPOSE]


def test_moving_average_of_nansen() -> None:
    """Buy two at 10, sell one, buy one at 100: the two that are held cost 55 each."""
    steps = [Step(0, ACQUIRE, 2, 20), Step(0, DISPOSE, 1, 30), Step(0, ACQUIRE, 1, 100)]
    found = match_lots(arrange(steps), "average")
    assert found.left[:, [3, 4]].tolist() == [[2, 110]]
    assert 110 / 2 == 55
    assert realize(steps, "average") == [20]


def test_realised_gain_of_codex() -> None:
    """Realised = proceeds - cost * sold / held: 3 of 4 that cost 80, sold for 90."""
    steps = [Step(0, ACQUIRE, 1, 10), Step(0, ACQUIRE, 3, 70), Step(0, DISPOSE, 3, 90)]
    assert realize(steps, "average") == [90 - 80 * 3 // 4]


def test_the_four_methods_part_where_they_should() -> None:
    """One each at 30, 50 and 10, one sold for 100; HIFO goes by unit cost, whatever the size of the lot."""
    steps = [Step(0, ACQUIRE, 1, 30), Step(0, ACQUIRE, 1, 50), Step(0, ACQUIRE, 8, 80), Step(0, DISPOSE, 1, 100)]
    assert {method: realize(steps, method) for method in METHODS} == {
        "average": [84], "fifo": [70], "lifo": [90], "hifo": [50],
    }  # fmt: skip


def test_what_was_never_bought_has_no_gain() -> None:
    """Three sold, two known: two thirds of the proceeds are measured against the cost, the rest stays apart."""
    steps = [Step(0, ACQUIRE, 2, 10), Step(0, DISPOSE, 3, 60)]
    for method in METHODS:
        found = match_lots(arrange(steps), method)
        assert (found.proceeds[1], found.basis[1]) == (40, 10)


def test_a_carry_takes_cost_along_and_later_sales_realise_it() -> None:
    steps = [
        Step(0, ACQUIRE, 10, 100), Step(0, CARRY_OUT, 10, 500, 0), Step(1, CARRY_IN, 3, 400, 0),
        Step(2, CARRY_IN, 7, 100, 0), Step(1, DISPOSE, 3, 450), Step(2, DISPOSE, 7, 90),
    ]  # fmt: skip
    for method in METHODS:
        assert realize(steps, method) == [450 - 80, 90 - 20]


def test_a_pool_that_would_overflow_is_refused() -> None:
    with pytest.raises(BadInput, match="more than a lot can hold"):
        match_lots(arrange([Step(0, ACQUIRE, 5 * E18 * E18, 1), Step(0, ACQUIRE, 5 * E18 * E18, 1)]), "average")


def test_nothing_moved() -> None:
    found = match_lots(arrange([]), "fifo")
    assert (len(found.basis), len(found.trail), len(found.left)) == (0, 0, 0)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(BadInput, match="lofo"):
        match_lots(arrange([]), "lofo")  # type: ignore[arg-type]
