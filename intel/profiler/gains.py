"""What moved through the subject's pools of assets, at which value, ready to be matched into lots?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intel.model import Subject
from intel.profiler.events import CLASSES, gather_events
from intel.profiler.lots import ACQUIRE, CARRY_IN, CARRY_OUT, DISPOSE, LARGEST, LIMB, Movements
from intel.profiler.postings import Window
from intel.store.reader import Reader

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CLASS = {name: code for code, name in enumerate(CLASSES)}
INCOME = ("airdrop", "reward")
CARRIES = ("lending", "liquidity")
LARGEST_USD = 2**60  # micro-dollars that a pool may move altogether, a trillion USD: only a wrong price says more
BRIDGE_HOURS, BRIDGE_LOSS = 24, 0.01  # a bridge pays out within a day, less one percent at most


@dataclass(frozen=True, slots=True)
class Flow:
    """Movements with what each belongs to: arrays of one row per leg, in the order in which lots are matched.

    event_id, class_code (place in CLASSES), asset_id, time (microseconds since 1970), first_id (first transfer of the
    transaction), is_swapped (leg of a swap whose two sides have one value; the legs of any other swap are received and
    sent). `pools` names the pools by number; `too_large` counts legs left out: no lot, or no sum of USD, can hold them.
    """

    movements: Movements
    event_id: Ints
    class_code: Ints
    asset_id: Ints
    time: Ints
    first_id: Ints
    is_swapped: Flags
    pools: tuple[str, ...]
    too_large: int


def read_flow(reader: Reader, subject: Subject, window: Window) -> Flow:
    """Return everything that moved up to the window's end: gains inside a window rest on what was bought before it."""
    gather_events(reader, subject, Window(None, window.until))
    table = reader.arrow(
        f"""select event_id, class, pool, asset_id, epoch_us(block_time) as time, first_id,
            net <> 0 as is_moved, net > 0 as is_in, abs(net)::double as units,
            least(abs(net) // {LIMB}, {LARGEST // LIMB})::bigint as high, (abs(net) % {LIMB})::bigint as low,
            coalesce(micro_usd, 0) as micro_usd, micro_usd is not null as is_priced
        from event_legs order by event_id, class, pool, net"""
    )
    pools = tuple(sorted(pc.unique(table["pool"]).to_pylist()))
    codes, numbers = (
        pc.index_in(table[name], value_set=pa.array(values, pa.string())).to_numpy().astype(np.int64)
        for name, values in (("class", CLASSES), ("pool", pools))
    )
    columns = {name: table[name].to_numpy() for name in table.column_names if name not in ("class", "pool")}
    # Half of what a pool can hold: the check adds up floats, and a pool without its largest legs would tell nonsense.
    units, usd = (np.bincount(numbers, columns[name], len(pools)) for name in ("units", "micro_usd"))
    is_huge = (units >= LARGEST / 2) | (usd >= LARGEST_USD)
    is_moved = columns["is_moved"].astype(np.bool_)
    kept = is_moved & ~is_huge[numbers]
    legs = {name: values[kept] for name, values in columns.items() if name not in ("is_moved", "units")}
    return arrange_flow(legs | {"pool": numbers[kept]}, codes[kept], pools, int((is_moved & ~kept).sum()))


def arrange_flow(columns: dict[str, npt.NDArray[np.generic]], codes: Ints, pools: tuple[str, ...], lost: int) -> Flow:
    """Value the legs, take matched bridge trips out, and put the legs into the order in which lots are matched."""
    legs = {name: values.astype(np.int64) for name, values in columns.items()}
    is_in, is_priced = legs["is_in"] == 1, legs["is_priced"] == 1
    value = legs["micro_usd"].copy()
    is_swap = codes == CLASS["swap"]
    value_swaps(legs["event_id"], is_swap, is_in, (value, is_priced))
    is_swapped = is_swap & ~find_lopsided(legs["event_id"], is_swap, is_in, (value, is_priced))
    kind = np.where(is_in, ACQUIRE, DISPOSE)
    carried = np.isin(codes, [CLASS[name] for name in CARRIES])
    kind[carried] = np.where(is_in[carried], CARRY_IN, CARRY_OUT)
    codes = codes.copy()
    kept = settle_trips(legs, codes, is_in, value)
    rank = np.select([kind == CARRY_OUT, is_in, codes != CLASS["fee"]], [0, 1, 2], 3)
    order = np.lexsort((legs["asset_id"], legs["pool"], rank, legs["event_id"]))
    order = order[kept[order]]
    groups = np.full(len(kind), -1, dtype=np.int64)
    groups[carried] = np.unique(legs["event_id"][carried], return_inverse=True)[1]
    moved = Movements(
        legs["pool"][order], kind[order].astype(np.int8), legs["high"][order], legs["low"][order], value[order],
        is_priced[order], groups[order],
    )  # fmt: skip
    names = ("event_id", "asset_id", "time", "first_id")
    event_id, asset_id, time, first_id = (legs[name][order] for name in names)
    return Flow(moved, event_id, codes[order], asset_id, time, first_id, is_swapped[order], pools, lost)


def value_swaps(event: Ints, is_swap: Flags, is_in: Flags, valued: tuple[Ints, Flags]) -> None:
    """Give both sides of each swap one value: that of what was given, or else of what was got; changes `valued`.

    Where a side has several legs they share the value by their own prices; a single leg without a price takes the rest.
    A swap of which no side is wholly priced keeps what it has.
    """
    value, is_priced = valued
    rows = np.flatnonzero(is_swap)
    if not len(rows):
        return
    _, place = np.unique(event[rows], return_inverse=True)
    side = place * 2 + is_in[rows]
    legs = np.bincount(side, minlength=2 * (int(place.max()) + 1))
    totals, lacking = np.zeros((2, len(legs)), dtype=np.int64)
    np.add.at(totals, side, value[rows])
    np.add.at(lacking, side, ~is_priced[rows])
    given, got = np.arange(0, len(legs), 2), np.arange(1, len(legs), 2)
    takes_got = (lacking[given] > 0) & (lacking[got] == 0)
    worth = np.where(takes_got, totals[got], totals[given])
    target = np.where(takes_got, given, got)
    settled = (lacking[given] == 0) | takes_got
    wanted = np.full(len(legs), -1, dtype=np.int64)
    wanted[target[settled]] = worth[settled]
    alone = (wanted[side] >= 0) & (legs[side] == 1)
    value[rows[alone]], is_priced[rows[alone]] = wanted[side[alone]], True
    order = np.argsort(side, kind="stable")
    starts = np.searchsorted(side[order], np.arange(len(legs) + 1))
    for number in np.flatnonzero((wanted >= 0) & (legs > 1)).tolist():
        _share_out(int(wanted[number]), rows[order[starts[number] : starts[number + 1]]], value, is_priced)


def find_lopsided(event: Ints, is_swap: Flags, is_in: Flags, valued: tuple[Ints, Flags]) -> Flags:
    """Return which legs belong to a swap that lacks a price, or whose two sides differ in value."""
    value, is_priced = valued
    found = np.zeros(len(event), dtype=np.bool_)
    rows = np.flatnonzero(is_swap)
    _, place = np.unique(event[rows], return_inverse=True)
    gap, lacking = np.zeros((2, len(rows)), dtype=np.int64)
    np.add.at(gap, place, np.where(is_in[rows], value[rows], -value[rows]))
    np.add.at(lacking, place, ~is_priced[rows])
    found[rows] = (gap[place] != 0) | (lacking[place] > 0)
    return found


def _share_out(worth: int, legs: Ints, value: Ints, is_priced: Flags) -> None:
    blank = legs[~is_priced[legs]]
    if len(blank) > 1:
        return
    known = legs[is_priced[legs]]
    if len(blank) == 1:
        rest = worth - int(value[known].sum())
        if rest >= 0:
            value[blank], is_priced[blank] = rest, True
        return
    total = int(value[known].sum())
    left = worth
    for leg in known[:-1].tolist():
        value[leg] = round(worth * (int(value[leg]) / total)) if total else worth // len(known)
        left -= int(value[leg])
    value[known[-1]] = left


def settle_trips(legs: dict[str, Ints], codes: Ints, is_in: Flags, value: Ints) -> Flags:
    """Pair what went into a bridge with what came out of one elsewhere; return which legs remain.

    Of a pair only what the bridge kept remains, as a fee: the coins never left the subject. Pairs: the same asset on
    another chain (another asset id), within a day, less one percent at most; each leg once, the earliest first.
    """
    kept = np.ones(len(codes), dtype=np.bool_)
    trips = np.flatnonzero(codes == CLASS["bridge"])
    amount = legs["high"] * 1e18 + legs["low"]
    longest = int(timedelta(hours=BRIDGE_HOURS).total_seconds() * 1e6)
    waiting: dict[int, list[int]] = {}
    for leg in trips[np.argsort(legs["time"][trips], kind="stable")].tolist():
        queue = waiting.setdefault(int(legs["pool"][leg]), [])
        if not is_in[leg]:
            queue.append(leg)
            continue
        sent = next(
            (
                one
                for one in queue
                if legs["time"][leg] - legs["time"][one] <= longest
                and legs["asset_id"][one] != legs["asset_id"][leg]
                and amount[one] * (1 - BRIDGE_LOSS) <= amount[leg] <= amount[one]
            ),
            None,
        )
        waiting[int(legs["pool"][leg])] = [
            one for one in queue if one != sent and legs["time"][leg] - legs["time"][one] <= longest
        ]
        if sent is not None:
            _keep_loss(legs, codes, value, (sent, leg, kept))
    return kept


def _keep_loss(legs: dict[str, Ints], codes: Ints, value: Ints, pair: tuple[int, int, Flags]) -> None:
    sent, got, kept = pair
    kept[got] = False
    all_of_it = int(legs["high"][sent]) * LIMB + int(legs["low"][sent])
    lost = all_of_it - int(legs["high"][got]) * LIMB - int(legs["low"][got])
    if lost <= 0:
        kept[sent] = False
        return
    value[sent] = round(int(value[sent]) * (lost / all_of_it))
    legs["high"][sent], legs["low"][sent] = divmod(lost, LIMB)
    codes[sent] = CLASS["fee"]
