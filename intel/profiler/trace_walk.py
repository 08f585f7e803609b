"""Which rows does the money take where few are reached? From address to address, with no look at any other row.

The same transactions in the same order as in the pass: those in which somebody has a part whom the money has reached.
Who is reached puts a cursor on each list of his statement into a heap; the smallest row is the next one.
"""

from __future__ import annotations

import numpy as np

from intel.profiler.trace_kernels import AHEAD, CURSORS, FULL, JOINED, Run, Walk, compile_bare
from intel.profiler.trace_pass import follow_transaction, has_room

# One row of a statement costs the walk as much as this many cost the pass, which meets them one after the other.
DEARER = 32


@compile_bare
def walk_rows(row: int, end: int, run: Run) -> int:
    """Work through the transaction of `row`, and then those of everybody reached, as `follow_rows` would.

    Returns the row to go on with: `end`; or the first of a transaction for which the state's arrays are too short; or,
    with `used[FULL]`, where the pass is quicker from now on.
    """
    tx, used = run.ledger.tx, run.walk.used
    step = 1 if run.wish.is_forward else -1
    while row != end:
        while row - step >= 0 and row - step < len(tx) and tx[row - step] == tx[row]:
            row -= step
        last = row
        while last + step != end and tx[last + step] == tx[row]:
            last += step
        if not has_room(abs(last - row) + 1, run):
            return row
        follow_transaction(row, last, run)
        _pass_by(last, run)
        while used[JOINED] > 0 and used[FULL] == 0:
            used[JOINED] -= 1
            _enter(run.walk.joined[used[JOINED]], last + step, end, run)
        if used[FULL] > 0 or used[AHEAD] * run.wish.dearer > abs(end - last):
            used[FULL], used[JOINED] = 1, 0
            return last + step
        row = abs(run.walk.row[0]) if used[CURSORS] > 0 else end
    return row


@compile_bare
def _enter(address: int, edge: int, end: int, run: Run) -> None:
    """Put cursors on the statement of an address, each at the first row of an asset from `edge` on."""
    ledger, walk = run.ledger, run.walk
    entry, stop = ledger.statement_ends[address], ledger.statement_ends[address + 1]
    while entry < stop:
        asset = ledger.statement_asset[entry]
        after = entry + np.searchsorted(ledger.statement_asset[entry:stop], asset, "right")
        rows = ledger.statement_row[entry:after]
        if run.wish.is_forward:
            first, last = entry + np.searchsorted(rows, edge), entry + np.searchsorted(rows, end)
        else:
            first, last = entry + np.searchsorted(rows, edge, "right"), entry + np.searchsorted(rows, end, "right")
            first, last = first - 1, last - 1
        if first != last:
            if walk.used[CURSORS] == len(walk.row):
                walk.used[FULL] = 1
                return
            place = walk.used[CURSORS]
            walk.used[CURSORS] += 1
            walk.used[AHEAD] += abs(last - first)
            _set_cursor(place, first, last, run)
            _rise(place, walk)
        entry = after


@compile_bare
def _set_cursor(place: int, entry: int, stop: int, run: Run) -> None:
    row = np.int64(run.ledger.statement_row[entry])
    run.walk.row[place] = row if run.wish.is_forward else -row
    run.walk.entry[place], run.walk.stop[place] = entry, stop


@compile_bare
def _pass_by(last: int, run: Run) -> None:
    """Move the cursors behind the transaction that ends with the row `last`."""
    walk, step = run.walk, 1 if run.wish.is_forward else -1
    edge = step * last
    while walk.used[CURSORS] > 0 and walk.row[0] <= edge:
        entry, stop = walk.entry[0] + step, walk.stop[0]
        walk.used[AHEAD] -= 1
        while entry != stop and step * run.ledger.statement_row[entry] <= edge:
            entry += step
            walk.used[AHEAD] -= 1
        if entry == stop:
            walk.used[CURSORS] -= 1
            _move(walk.used[CURSORS], 0, walk)
        else:
            _set_cursor(0, entry, stop, run)
        _sink(walk)


@compile_bare
def _move(source: int, target: int, walk: Walk) -> None:
    walk.row[target], walk.entry[target], walk.stop[target] = walk.row[source], walk.entry[source], walk.stop[source]


@compile_bare
def _rise(place: int, walk: Walk) -> None:
    row, entry, stop = walk.row[place], walk.entry[place], walk.stop[place]
    while place > 0 and walk.row[(place - 1) // 2] > row:
        _move((place - 1) // 2, place, walk)
        place = (place - 1) // 2
    walk.row[place], walk.entry[place], walk.stop[place] = row, entry, stop


@compile_bare
def _sink(walk: Walk) -> None:
    """Let the first cursor of the heap sink to its place."""
    place, size = 0, walk.used[CURSORS]
    row, entry, stop = walk.row[0], walk.entry[0], walk.stop[0]
    while 2 * place + 1 < size:
        below = 2 * place + 1
        if below + 1 < size and walk.row[below + 1] < walk.row[below]:
            below += 1
        if walk.row[below] >= row:
            break
        _move(below, place, walk)
        place = below
    walk.row[place], walk.entry[place], walk.stop[place] = row, entry, stop
