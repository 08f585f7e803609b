"""Which groups does weighed evidence unite? Best-first merging of cuts, guarded, component by component.

A cut is all evidence between two groups. Of its events each counts once; in a family the best
counts fully and the others by a quarter, up to the family's cap; what speaks against counts fully; then one prior,
and the charge for pairs that the rules at work could have shown and did not.
"""

from __future__ import annotations

import numba
import numpy as np

from intel.entities.cuts import BEHAVIOUR, PAIR, Graph, Ids, Rows
from intel.entities.pair_table import drop_cut, find_cut, pop_key, push_key, put_cut, read_place, reset_table, write_key
from intel.entities.unite import (
    HOSTILE,
    HOSTILE_BIT,
    JOINED,
    JUDGEMENT_BIT,
    JUDGEMENT_VETO,
    LABEL_VETO,
    SIZE_GATE,
    find_clash,
    find_root,
    join_labels,
)  # fmt: skip
from intel.model import FAMILIES

_FAMILIES = len(FAMILIES)

# Columns of the merge log and of Desk.found.
SOURCE, LEFT_SIZE, RIGHT_SIZE, UNITS, CHARGE, EVENTS, FAMILY_SET, KNOWN_UNITS, LABEL, RIVAL = range(10)
_EVENTS, _FAMILY_SET, _SOURCE, _CHARGE, _TOKEN = range(5)


@numba.njit(cache=True)
def merge_components(graph: Graph, starts: Ids, thresholds: Ids) -> Ids:
    """Merge within each component best-first; return the log, one line per merge in order.

    `starts` are the first cut of each component and, last, the number of cuts; a merge needs `thresholds` units.
    Time O(E log E) by moving the shorter list of cuts at each merge, memory O(E).
    """
    log = np.zeros((len(graph.groups.parent), 10), dtype=np.int64)
    merges = 0
    for component in range(len(starts) - 1):
        start, stop = starts[component], starts[component + 1]
        _open_component(graph, start, stop, thresholds[component])
        while graph.desk.queue.length[0] > 0:
            key = pop_key(graph.desk.queue)
            cut = start + read_place(key)
            if graph.cuts.left[cut] < 0 or graph.cuts.pushed[cut] != key:
                continue
            units = weigh_cut(graph, cut, False)
            if write_key(units, cut - start) != key:  # the groups grew since: the charge did too
                _push_cut(graph, cut, start, thresholds[component])
                continue
            graph.cuts.pushed[cut] = -1
            if _is_refused(graph, cut, units):
                continue
            _record_merge(graph, cut, units, log[merges])
            merges += 1
            _merge_groups(graph, cut, start, thresholds[component])
    return log[:merges]


@numba.njit(cache=True)
def weigh_all(graph: Graph) -> Ids:
    """Return the units of every cut by itself."""
    units = np.zeros(len(graph.cuts.left), dtype=np.int64)
    for cut in range(len(units)):
        _count_events_once(graph, cut)
        units[cut] = weigh_cut(graph, cut, False)
    return units


@numba.njit(cache=True)
def _open_component(graph: Graph, start: int, stop: int, threshold: int) -> None:
    reset_table(graph.desk.table, stop - start)
    graph.desk.queue.length[0] = 0
    for cut in range(start, stop):
        put_cut(graph.desk.table, graph.cuts.left[cut], graph.cuts.right[cut], cut)
        _add_entry(graph, graph.cuts.left[cut], 2 * cut)
        _add_entry(graph, graph.cuts.right[cut], 2 * cut + 1)
        _count_events_once(graph, cut)
        _push_cut(graph, cut, start, threshold)


@numba.njit(cache=True)
def _add_entry(graph: Graph, group: int, entry: int) -> None:
    graph.cuts.next[entry] = graph.groups.head[group]
    graph.groups.head[group] = entry
    graph.groups.length[group] += 1


@numba.njit(cache=True)
def _push_cut(graph: Graph, cut: int, start: int, threshold: int) -> None:
    units = weigh_cut(graph, cut, False)
    if units >= threshold:
        graph.cuts.pushed[cut] = write_key(units, cut - start)
        push_key(graph.desk.queue, graph.cuts.pushed[cut])
    else:
        graph.cuts.pushed[cut] = -1


@numba.njit(cache=True)
def _count_events_once(graph: Graph, cut: int) -> None:
    """Leave one row per event: the strongest; of equals one with known consent, then the first."""
    rows, desk = graph.rows, graph.desk
    desk.found[_TOKEN] += 1
    before, row = -1, graph.cuts.head[cut]
    while row >= 0:
        following, event = rows.next[row], rows.event[row]
        if desk.stamp[event] != desk.found[_TOKEN]:
            desk.stamp[event], desk.place[event] = desk.found[_TOKEN], row
            before = row
        else:
            kept = desk.place[event]
            if _is_stronger(rows, row, kept):
                rows.units[kept], rows.is_known[kept] = rows.units[row], rows.is_known[row]
                rows.source[kept], rows.left[kept] = rows.source[row], rows.left[row]
            rows.next[before] = following
            if following < 0:
                graph.cuts.tail[cut] = before
        row = following


@numba.njit(cache=True)
def _is_stronger(rows: Rows, row: int, other: int) -> bool:
    if abs(rows.units[row]) != abs(rows.units[other]):
        return bool(abs(rows.units[row]) > abs(rows.units[other]))
    if rows.is_known[row] != rows.is_known[other]:
        return bool(rows.is_known[row])
    return bool(rows.source[row] < rows.source[other])


@numba.njit(cache=True)
def weigh_cut(graph: Graph, cut: int, only_known: bool) -> int:
    """Return the units of a cut and leave in `desk.found` what they are made of; with or without doubtful consent."""
    desk, guard = graph.desk, graph.guard
    against, behaviour = _sum_events(graph, cut, only_known)
    opens, sure = False, 0
    for family in range(_FAMILIES):
        if desk.total[family] <= 0:
            continue
        units = min(guard.caps[family], desk.best[family] + (desk.total[family] - desk.best[family]) // 4)
        if family == BEHAVIOUR:
            behaviour += units
        else:
            opens = opens or family != PAIR
            sure += units
    if not opens:
        sure, behaviour = 0, min(behaviour, 0)
    limit = guard.caps[BEHAVIOUR]
    desk.found[_CHARGE] = _charge_missing(graph, cut)
    units = sure + max(-limit, min(limit, behaviour)) + against + guard.prior - desk.found[_CHARGE]
    is_veto, one, two = find_clash(graph.labels, graph.cuts.left[cut], graph.cuts.right[cut])
    if one >= 0 and not is_veto:  # one of two labels is wrong if both addresses have one controller
        doubt = max(1e-6, 1.0 - graph.labels.confidence[one] * graph.labels.confidence[two])
        units += 4 * np.int64(np.round(1000.0 * np.log2(doubt)))
    return int(units if opens else min(units, 0))


@numba.njit(cache=True)
def _sum_events(graph: Graph, cut: int, only_known: bool) -> tuple[int, int]:
    """Add up a cut's events by family in `desk`; return what speaks against, behaviour apart."""
    rows, desk = graph.rows, graph.desk
    desk.best[:] = 0
    desk.total[:] = 0
    desk.found[_EVENTS] = desk.found[_FAMILY_SET] = 0
    desk.found[_SOURCE] = -1
    against, behaviour, strongest = 0, 0, -1
    row = graph.cuts.head[cut]
    while row >= 0:
        family, units = rows.family[row], rows.units[row]
        if units <= 0:
            if family == BEHAVIOUR:
                behaviour += units
            else:
                against += units
        elif rows.is_known[row] or not only_known:
            desk.total[family] += units
            desk.best[family] = max(desk.best[family], units)
            if family not in {BEHAVIOUR, PAIR}:
                desk.found[_EVENTS] += 1
                desk.found[_FAMILY_SET] |= 1 << family
                if strongest < 0 or _is_stronger(rows, row, strongest):
                    strongest = row
        row = rows.next[row]
    desk.found[_SOURCE] = strongest
    return against, behaviour


@numba.njit(cache=True)
def _charge_missing(graph: Graph, cut: int) -> int:
    """Charge the pairs that some charged rule of this cut could have shown, by the atoms it knows on both sides."""
    groups, most = graph.groups, graph.guard.most_seen
    a, b = graph.cuts.left[cut], graph.cuts.right[cut]
    pairs = 0
    for rule in range(groups.seen.shape[1]):
        if (graph.cuts.rules[cut] >> rule) & 1:
            pairs = max(pairs, min(most, groups.seen[a, rule]) * min(most, groups.seen[b, rule]))
    return int(graph.guard.charge * max(0, pairs - graph.cuts.shown[cut]))


@numba.njit(cache=True)
def _is_refused(graph: Graph, cut: int, units: int) -> bool:
    """Tell whether something forbids a merge, and note why."""
    cuts, found = graph.cuts, graph.desk.found
    a, b = cuts.left[cut], cuts.right[cut]
    families, rest = 0, found[_FAMILY_SET]
    while rest:
        families, rest = families + (rest & 1), rest >> 1
    refusal = JOINED
    if cuts.ban[cut] & JUDGEMENT_BIT:
        refusal = JUDGEMENT_VETO
    elif cuts.ban[cut] & HOSTILE_BIT:
        refusal = HOSTILE
    elif find_clash(graph.labels, a, b)[0]:
        refusal = LABEL_VETO
    elif min(graph.groups.size[a], graph.groups.size[b]) > graph.guard.gate and (found[_EVENTS] < 3 or families < 2):
        refusal = SIZE_GATE
    if refusal != JOINED:
        cuts.refusal[cut], cuts.refused_units[cut] = refusal, units
        cuts.refused_source[cut] = graph.rows.source[found[_SOURCE]]
    return refusal != JOINED


@numba.njit(cache=True)
def _record_merge(graph: Graph, cut: int, units: int, line: Ids) -> None:
    found, groups = graph.desk.found, graph.groups
    a, b = graph.cuts.left[cut], graph.cuts.right[cut]
    row = found[_SOURCE]
    if find_root(groups.parent, graph.rows.left[row]) != a:
        a, b = b, a
    _, line[LABEL], line[RIVAL] = find_clash(graph.labels, a, b)
    line[SOURCE], line[LEFT_SIZE], line[RIGHT_SIZE] = graph.rows.source[row], groups.size[a], groups.size[b]
    line[UNITS], line[CHARGE], line[EVENTS] = units, found[_CHARGE], found[_EVENTS]
    line[FAMILY_SET] = found[_FAMILY_SET]
    line[KNOWN_UNITS] = weigh_cut(graph, cut, True)


@numba.njit(cache=True)
def _merge_groups(graph: Graph, cut: int, start: int, threshold: int) -> None:
    """Unite the two groups of a cut: the cuts of the group with fewer of them become cuts of the other."""
    cuts, groups, table = graph.cuts, graph.groups, graph.desk.table
    kept, gone = cuts.left[cut], cuts.right[cut]
    if groups.length[kept] < groups.length[gone]:
        kept, gone = gone, kept
    drop_cut(table, kept, gone)
    cuts.left[cut] = -1
    groups.parent[gone] = kept
    groups.size[kept] += groups.size[gone]
    groups.seen[kept] += groups.seen[gone]
    join_labels(graph.labels, kept, gone)
    entry = groups.head[gone]
    while entry >= 0:
        following, moved = cuts.next[entry], entry >> 1
        if cuts.left[moved] >= 0:
            other = cuts.right[moved] if cuts.left[moved] == gone else cuts.left[moved]
            drop_cut(table, gone, other)
            twin = find_cut(table, kept, other)
            if twin >= 0 and twin < moved:
                _fold_cut(graph, twin, moved)
                _push_cut(graph, twin, start, threshold)
            else:
                cuts.left[moved], cuts.right[moved] = (kept, other) if entry == 2 * moved else (other, kept)
                put_cut(table, kept, other, moved)
                _add_entry(graph, kept, entry)
                if twin >= 0:
                    _fold_cut(graph, moved, twin)
                    _push_cut(graph, moved, start, threshold)
        entry = following


@numba.njit(cache=True)
def _fold_cut(graph: Graph, kept: int, gone: int) -> None:
    """Put all of one cut into another between the same groups; the lower number stays, which settles ties."""
    cuts = graph.cuts
    if cuts.head[kept] < 0:
        cuts.head[kept] = cuts.head[gone]
    elif cuts.head[gone] >= 0:
        graph.rows.next[cuts.tail[kept]] = cuts.head[gone]
    if cuts.head[gone] >= 0:
        cuts.tail[kept] = cuts.tail[gone]
    cuts.shown[kept] += cuts.shown[gone]
    cuts.rules[kept] |= cuts.rules[gone]
    cuts.ban[kept] |= cuts.ban[gone]
    cuts.left[gone] = -1
    _count_events_once(graph, kept)
