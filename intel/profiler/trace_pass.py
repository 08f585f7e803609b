"""Which rows does the money take? The one pass of a trace, transaction by transaction."""

from __future__ import annotations

import numpy as np

from intel.profiler.trace_kernels import (
    BRIDGED,
    FEE,
    FEES,
    JOINED,
    MANY_LEGS,
    PASSED,
    RETURNED,
    SMALL,
    WALL,
    Array,
    Run,
    add_pot,
    compile_bare,
    find_pot,
    open_pot,
    put,
    take,
)


@compile_bare
def follow_rows(row: int, end: int, run: Run) -> int:
    """Work through the transactions from `row` to before `end` (backward: down to after it).

    Returns the row to go on with: `end`, or the first of a transaction for which the state's arrays are too short.
    """
    tx = run.ledger.tx
    step = 1 if run.wish.is_forward else -1
    while row != end:
        last = row
        while last + step != end and tx[last + step] == tx[row]:
            last += step
        if _concerns(min(row, last), max(row, last), tx, run):
            if not has_room(abs(last - row) + 1, run):
                return row
            run.walk.used[JOINED] = 0
            follow_transaction(row, last, run)
        row = last + step
    return row


@compile_bare
def has_room(rows: int, run: Run) -> bool:
    """Say whether the state can take a transaction of so many rows."""
    pots = run.pots
    parts = (len(pots.part_next) - pots.used[1]) // 2
    free = min(len(pots.balance) - pots.used[0], len(run.told.row) - pots.used[2], parts)
    return bool(min(free, len(run.walk.joined)) >= 4 * rows)


@compile_bare
def _concerns(first: int, last: int, tx: Array, run: Run) -> bool:
    """Say whether anybody whom the money has reached, and who may pass it on, has a part in these rows."""
    reach = run.pots.reach
    for row in range(first, last + 1):
        payer, payee = run.ledger.payer[row], run.ledger.payee[row]
        if (payer >= 0 and reach[payer] > 1) or (payee >= 0 and reach[payee] > 1):
            return True
    return bool(tx[first] == run.wish.only_tx)


@compile_bare
def _reach(address: int, hop: int, run: Run) -> None:
    """Note that money came to an address `hop` payments from the source."""
    reach, walk = run.pots.reach, run.walk
    left = run.wish.max_hops + 1 - hop
    if left > 1 and reach[address] <= 1:
        walk.joined[walk.used[JOINED]] = address
        walk.used[JOINED] += 1
    reach[address] = max(reach[address], left)


@compile_bare
def follow_transaction(begin: int, stop: int, run: Run) -> None:
    """Follow the rows from `begin` to `stop` (backward: down to it), which are one transaction."""
    step = 1 if stop >= begin else -1
    span = (min(begin, stop), max(begin, stop))
    if _has_swap(span, run):
        _follow_swaps(begin, stop, run)
        return
    for row in range(begin, stop + step, step):
        _follow_row(row, span, run)


@compile_bare
def _follow_swaps(begin: int, stop: int, run: Run) -> None:
    """Settle what is swapped in a transaction, then follow its other rows."""
    step = 1 if stop >= begin else -1
    span = (min(begin, stop), max(begin, stop))
    settled, tried = run.scratch.settled, run.scratch.tried
    for place in range(span[1] - span[0] + 1):
        settled[place] = tried[place] = False
    for row in range(begin, stop + step, step):
        if not tried[row - span[0]] and _may_swap(row, run):
            who = run.ledger.payer[row]
            for other in range(span[0], span[1] + 1):
                tried[other - span[0]] |= run.ledger.payer[other] == who
            _settle_swap(who, span, run)
    for row in range(begin, stop + step, step):
        if not settled[row - span[0]]:
            _follow_row(row, span, run)


@compile_bare
def _has_swap(span: tuple[int, int], run: Run) -> bool:
    """Say whether anybody in a transaction both pays and is paid in a way that may be a swap."""
    if span[1] - span[0] >= MANY_LEGS or run.ledger.tx[span[0]] == run.wish.only_tx:
        return False
    for row in range(span[0], span[1] + 1):
        if _may_swap(row, run):
            who = run.ledger.payer[row]
            for other in range(span[0], span[1] + 1):
                if run.ledger.payee[other] == who and _is_leg(other, who, run.ledger.payer[other], run):
                    return True
    return False


@compile_bare
def _follow_row(row: int, span: tuple[int, int], run: Run) -> None:
    ledger = run.ledger
    counts = ledger.kind[row] >= 0 and run.town.pool[ledger.asset[row]] >= 0
    if counts and ledger.payer[row] != ledger.payee[row] and ledger.amount[row] > 0:
        _deliver(row, span, _pay(row, span, run), run)


@compile_bare
def _may_swap(row: int, run: Run) -> bool:
    """Say whether the row may begin a swap: somebody whom the money reached pays a contract, of his own will."""
    who = run.ledger.payer[row]
    if who < 0 or run.pots.reach[who] == 0 or (run.town.is_contract[who] and not run.town.is_source[who]):
        return False
    return _is_leg(row, who, run.ledger.payee[row], run)


@compile_bare
def _is_leg(row: int, who: int, other: int, run: Run) -> bool:
    """Say whether one trades by this row: no fee, no spam, and the other side is a contract, a service or nobody."""
    kind = run.ledger.kind[row]
    if kind < 0 or kind == FEE or run.town.pool[run.ledger.asset[row]] < 0 or who == other:
        return False
    return other < 0 or run.town.is_contract[other] or run.town.wall[other] > 0


@compile_bare
def _settle_swap(who: int, span: tuple[int, int], run: Run) -> None:
    """Where somebody gives contracts one asset for another, move the weight between pots and settle the rows."""
    ledger, scratch = run.ledger, run.scratch
    for row in range(span[0], span[1] + 1):
        scratch.legs[row - span[0]] = _find_side(row, who, run)
    losses, gains, value = _net_pools(span, run)
    if losses > 0 and gains == 0:
        return  # paid, and perhaps got change
    weight = 0.0
    for place in range(span[1] - span[0] + 1):
        if scratch.nets[place] < 0:
            pot = find_pot(who, run.town.pool[ledger.asset[span[0] + place]], run)
            paid = (-scratch.nets[place], -scratch.usds[place])
            weight += take(run.pots, pot, paid[0], paid[1], run.wish.method) if pot >= 0 else 0.0
    for place in range(span[1] - span[0] + 1):
        if scratch.nets[place] > 0 and not run.town.is_source[who]:
            # By value, or evenly where nothing has a price.
            share = max(scratch.usds[place], 0.0) / value if value > 0 else 1.0 / gains
            _take_in(who, place, span, weight * share, run)
        scratch.settled[place] |= scratch.legs[place] != 0


@compile_bare
def _find_side(row: int, who: int, run: Run) -> int:
    """Return -1 where the row is a leg by which `who` gives, 1 where he gets, 0 where it is none."""
    ledger = run.ledger
    if ledger.payer[row] == who:
        return -1 if _is_leg(row, who, ledger.payee[row], run) else 0
    return 1 if ledger.payee[row] == who and _is_leg(row, who, ledger.payer[row], run) else 0


@compile_bare
def _take_in(who: int, place: int, span: tuple[int, int], weight: float, run: Run) -> None:
    """Put what was got in a swap into the pot of its pool."""
    pool = run.town.pool[run.ledger.asset[span[0] + place]]
    pot = find_pot(who, pool, run)
    if pot < 0 and weight > 0:
        pot = open_pot(who, pool, span, run)
    if pot >= 0:
        put(run.pots, pot, run.scratch.nets[place], weight, run.wish.method)


@compile_bare
def _net_pools(span: tuple[int, int], run: Run) -> tuple[int, int, float]:
    """Fill net amount and dollars per pool, each at the first row of its pool; zero at the other rows.

    Returns how many pools lost, how many gained, and the dollars gained.
    """
    ledger, town, scratch = run.ledger, run.town, run.scratch
    for place in range(span[1] - span[0] + 1):
        scratch.nets[place] = scratch.usds[place] = 0.0
        if scratch.legs[place] == 0:
            continue
        asset = ledger.asset[span[0] + place]
        home = place
        for earlier in range(place):
            if scratch.legs[earlier] != 0 and town.pool[ledger.asset[span[0] + earlier]] == town.pool[asset]:
                home = earlier
                break
        usd = ledger.usd[span[0] + place]
        scratch.nets[home] += scratch.legs[place] * ledger.amount[span[0] + place] * town.scale[asset]
        scratch.usds[home] += scratch.legs[place] * usd if usd == usd else 0.0
    losses, gains, value = 0, 0, 0.0
    for place in range(span[1] - span[0] + 1):
        losses += scratch.nets[place] < 0
        if scratch.nets[place] > 0:
            gains += 1
            value += max(scratch.usds[place], 0.0)
    return losses, gains, value


@compile_bare
def _pay(row: int, span: tuple[int, int], run: Run) -> tuple[float, int]:
    """Return the weight that leaves the payer with this row, and the payer's distance from the source."""
    ledger, town = run.ledger, run.town
    payer = ledger.payer[row]
    value = ledger.usd[row] if ledger.usd[row] == ledger.usd[row] and ledger.kind[row] != FEE else 0.0
    if ledger.tx[row] == run.wish.only_tx:
        return (value if _keeps(row, span, run) else 0.0), 0
    if payer < 0:
        return 0.0, 0
    if town.is_source[payer]:
        return value, 0
    if town.wall[payer] > 0:
        return _land(row, run)
    if run.pots.reach[payer] <= 1:  # most rows: no pot that could pay
        return 0.0, 0
    pot = find_pot(payer, town.pool[ledger.asset[row]], run)
    if pot < 0:
        return 0.0, 0
    hop = run.wish.max_hops + 1 - int(run.pots.reach[payer])
    weight = take(run.pots, pot, ledger.amount[row] * town.scale[ledger.asset[row]], value, run.wish.method)
    if ledger.kind[row] == FEE:
        run.pots.sums[FEES] += weight
        return 0.0, hop
    return weight, hop


@compile_bare
def _keeps(row: int, span: tuple[int, int], run: Run) -> bool:
    """Say whether the payee keeps what it got: it pays nothing in the same transaction, fees aside."""
    for other in range(span[0], span[1] + 1):
        if run.ledger.payer[other] == run.ledger.payee[row] and run.ledger.kind[other] != FEE:
            return False
    return True


@compile_bare
def _land(row: int, run: Run) -> tuple[float, int]:
    """Return what a bridge carried to this row, once."""
    jumps = run.jumps
    place = np.searchsorted(jumps.landings, row)
    if place >= len(jumps.landings) or jumps.landings[place] != row:
        return 0.0, 0
    way = jumps.order[place]
    weight = jumps.weight[way]
    jumps.weight[way] = 0.0
    return weight, int(jumps.hops[way])


@compile_bare
def _leave(row: int, weight: float, hop: int, run: Run) -> bool:
    """Put the weight on its way, where the other end of a bridge is known."""
    jumps = run.jumps
    place = np.searchsorted(jumps.leaves, row)
    if place >= len(jumps.leaves) or jumps.leaves[place] != row:
        return False
    jumps.weight[place] += weight
    jumps.hops[place] = hop
    _reach(run.ledger.payee[jumps.arrives[place]], hop + 1, run)
    return True


@compile_bare
def _deliver(row: int, span: tuple[int, int], paid: tuple[float, int], run: Run) -> None:
    """Hand the weight to the payee, or note where it ended."""
    weight, hop = paid
    payee, pots, pool = run.ledger.payee[row], run.pots, run.town.pool[run.ledger.asset[row]]
    if payee < 0 or run.town.is_source[payee] or run.town.wall[payee] > 0:
        if weight > 0:
            _stop(row, weight, hop, run)
        return
    if weight == 0 and pots.reach[payee] <= 1:
        return
    is_last = weight > 0 and hop + 1 >= run.wish.max_hops and pots.reach[payee] <= 1
    pot = find_pot(payee, run.town.pools if is_last else pool, run)
    if pot < 0 and weight > 0 and weight >= run.wish.min_weight:
        pot = add_pot(payee, run.town.pools, run) if is_last else open_pot(payee, pool, span, run)
    if pot < 0:
        run.pots.sums[SMALL] += weight
        return
    # What rests as far away as was asked goes no further, even where other money reaches the payee by a shorter way.
    amount = 0.0 if is_last else run.ledger.amount[row] * run.town.scale[run.ledger.asset[row]]
    put(pots, pot, amount, weight, run.wish.method)
    if weight > 0:
        _reach(payee, hop + 1, run)
        _tell(row, weight, hop + 1, PASSED, run)


@compile_bare
def _stop(row: int, weight: float, hop: int, run: Run) -> None:
    payee = run.ledger.payee[row]
    if weight < run.wish.min_weight:
        run.pots.sums[SMALL] += weight
    elif payee >= 0 and run.town.is_source[payee]:
        _tell(row, weight, hop + 1, RETURNED, run)
    else:
        _tell(row, weight, hop + 1, BRIDGED if _leave(row, weight, hop + 1, run) else WALL, run)


@compile_bare
def _tell(row: int, weight: float, hop: int, outcome: int, run: Run) -> None:
    told, used = run.told, run.pots.used
    place = used[2]
    used[2] += 1
    told.row[place], told.weight[place] = row, weight
    told.hop[place], told.outcome[place] = hop, outcome
