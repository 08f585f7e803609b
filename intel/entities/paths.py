"""Whose labels reach which unlabelled addresses along links, how surely, and which owner comes second?"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MAX_STEPS = 3
DECAY = 0.9  # for each step after the first
KEPT = 4  # paths per address, owner and length that are carried on; the others are weaker and of the same kind
WEAKEST = 0.01  # a path below this is no rival to anything that is shown
NONE = -1


@dataclass(frozen=True, slots=True)
class Anchors:
    """Labelled addresses, one row per label; `origin` numbers who said it first, so that copies count once."""

    node: Ids
    entity: Ids
    confidence: Floats
    origin: Ids


@dataclass(frozen=True, slots=True)
class Links:
    """What joins an address (`left`) to another (`right`, both ways), or to an owner (`entity`); -1 is "none".

    For a link to an owner, `right` may name the labelled address that the link rests on. `families` is a bit mask of
    the kinds of evidence, 0 for unknown; where `passes` is false, the path ends at `left`.
    """

    left: Ids
    right: Ids
    entity: Ids
    probability: Floats
    families: Ids
    passes: Flags


@dataclass(frozen=True, slots=True)
class Spread:
    """One row per address that some label reaches, by node; `second` is -1 where no other owner is in reach.

    `confidence` holds label and evidence, `evidence` the links alone. `anchor` is a row of the anchors and `steps`
    (n x 3) rows of the links: the strongest path, from the address to the label, filled up with -1.
    """

    node: Ids
    best: Ids
    confidence: Floats
    evidence: Floats
    second: Ids
    second_confidence: Floats
    families: Ids
    anchor: Ids
    steps: Ids


@dataclass(frozen=True, slots=True)
class _Claims:
    """Paths in the making: node, before (the node one step nearer to the label, -1 at it), and the steps so far."""

    node: Ids
    before: Ids
    anchor: Ids
    path: Floats
    families: Ids
    steps: Ids  # n x 3, from the label outwards
    passes: Flags

    def take(self, rows: Ids | Flags) -> _Claims:
        return _Claims(*(getattr(self, name)[rows] for name in self.__slots__))


def spread_labels(anchors: Anchors, links: Links, walls: Ids | None = None) -> Spread:
    """Return the owner, and the second best, of each unlabelled node within three steps of a label.

    A path is worth p(label) times the product of its links, times .9 for each step after the first; it never runs
    through a labelled node or through `walls` (hubs, mixers, services), though it may end at a wall. Paths add up
    (noisy-or) only where they share no family of evidence, so no link either; labels only where their origins differ;
    and the sum never exceeds the surest label. Nodes are any ids; ties go to the lower entity, then the lower rows.
    Source: SCIENCE.md C4. Cost: one sort of the paths per step.
    """
    nodes = np.unique(np.concatenate([anchors.node, links.left, links.right[links.right >= 0]]))
    at, left = np.searchsorted(nodes, anchors.node), np.searchsorted(nodes, links.left)
    right = np.where(links.right >= 0, np.searchsorted(nodes, links.right), NONE)
    closed = np.isin(nodes, walls) if walls is not None else np.zeros(len(nodes), dtype=bool)
    labelled = np.zeros(len(nodes), dtype=bool)
    labelled[at] = True
    directions = _list_directions(left, right, links, labelled, len(nodes))
    claims = _claim_by_owner(anchors, links, (at, left, right), labelled)
    frontier = _keep_best(anchors, _join(claims, _extend(_start(anchors, at), links, directions, 0)))
    claims = frontier
    for step in range(1, MAX_STEPS):
        frontier = frontier.take(frontier.passes & ~closed[frontier.node])
        frontier = _keep_best(anchors, _extend(frontier, links, directions, step))
        claims = _join(claims, frontier)
    return _choose(anchors, claims, nodes)


def _list_directions(left: Ids, right: Ids, links: Links, labelled: Flags, count: int) -> tuple[Ids, Ids, Ids]:
    """Return the links between addresses, both ways, by the node they leave: starts (CSR), ends, rows of links."""
    pairs = np.flatnonzero((links.entity < 0) & (right >= 0))
    tails = np.concatenate([left[pairs], right[pairs]])
    heads = np.concatenate([right[pairs], left[pairs]])
    rows = np.concatenate([pairs, pairs])
    useful = ~labelled[heads] & (heads != tails)
    tails, heads, rows = tails[useful], heads[useful], rows[useful]
    order = np.lexsort((rows, tails))
    starts = np.searchsorted(tails[order], np.arange(count + 1))
    return starts.astype(np.int64), heads[order], rows[order]


def _start(anchors: Anchors, at: Ids) -> _Claims:
    count = len(at)
    return _Claims(
        node=at,
        before=np.full(count, NONE, dtype=np.int64),
        anchor=np.arange(count, dtype=np.int64),
        path=np.ones(count),
        families=np.zeros(count, dtype=np.int64),
        steps=np.full((count, MAX_STEPS), NONE, dtype=np.int64),
        passes=np.ones(count, dtype=bool),
    )


def _claim_by_owner(anchors: Anchors, links: Links, places: tuple[Ids, Ids, Ids], labelled: Flags) -> _Claims:
    """Return what links to owners say: under the label they rest on, or else the owner's surest."""
    at, left, right = places
    rows = np.flatnonzero((links.entity >= 0) & ~labelled[left] & (links.probability >= WEAKEST))
    surest = np.lexsort((np.arange(len(at)), -anchors.confidence))
    anchor = _match(links.entity[rows], anchors.entity[surest], surest)
    # One number per node and owner: the label at that node for that owner.
    width = 1 + int(max(anchors.entity.max(initial=0), links.entity.max(initial=0)))
    named = _match(right[rows] * width + links.entity[rows], (at * width + anchors.entity)[surest], surest)
    anchor = np.where((right[rows] >= 0) & (named >= 0), named, anchor)
    rows, anchor = rows[anchor >= 0], anchor[anchor >= 0]
    steps = np.full((len(rows), MAX_STEPS), NONE, dtype=np.int64)
    steps[:, 0] = rows
    before = np.full(len(rows), NONE, dtype=np.int64)
    return _Claims(left[rows], before, anchor, links.probability[rows], links.families[rows], steps, links.passes[rows])


def _match(wanted: Ids, keys: Ids, values: Ids) -> Ids:
    """Return for each wanted key the value of its first occurrence in `keys`, -1 where there is none."""
    if len(keys) == 0:
        return np.full(len(wanted), NONE, dtype=np.int64)
    known, first = np.unique(keys, return_index=True)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, values[first[place]], NONE)


def _extend(claims: _Claims, links: Links, directions: tuple[Ids, Ids, Ids], step: int) -> _Claims:
    """Return the claims one link further on; a path never goes back the way it came."""
    starts, ends, rows = directions
    counts = starts[claims.node + 1] - starts[claims.node]
    source = np.repeat(np.arange(len(claims.node)), counts)
    place = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts) + starts[claims.node][source]
    link, node = rows[place], ends[place]
    old = claims.take(source)
    steps = old.steps.copy()
    steps[:, step] = link
    decay = DECAY if step else 1.0
    path = old.path * links.probability[link] * decay
    further = _Claims(node, old.node, old.anchor, path, old.families | links.families[link], steps, links.passes[link])
    return further.take((node != old.before) & (path >= WEAKEST))


def _join(one: _Claims, other: _Claims) -> _Claims:
    return _Claims(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in one.__slots__))


def _sort(anchors: Anchors, claims: _Claims) -> tuple[_Claims, Ids]:
    """Return the claims by node, owner and strength, and the number of each row's group (node and owner)."""
    entity = anchors.entity[claims.anchor]
    worth = claims.path * anchors.confidence[claims.anchor]
    steps = claims.steps
    order = np.lexsort((claims.anchor, steps[:, 2], steps[:, 1], steps[:, 0], -worth, entity, claims.node))
    claims, entity = claims.take(order), entity[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (claims.node[1:] != claims.node[:-1]) | (entity[1:] != entity[:-1])
    return claims, np.cumsum(is_new) - 1


def _keep_best(anchors: Anchors, claims: _Claims) -> _Claims:
    if len(claims.node) == 0:
        return claims
    claims, group = _sort(anchors, claims)
    first = np.searchsorted(group, group)
    return claims.take(np.arange(len(group)) - first < KEPT)


def _choose(anchors: Anchors, claims: _Claims, nodes: Ids) -> Spread:
    claims, group = _sort(anchors, claims)
    first = np.searchsorted(group, np.arange(group[-1] + 1 if len(group) else 0))
    total, evidence, families = _combine(
        np.append(first, len(group)).astype(np.int64),
        anchors.confidence[claims.anchor],
        anchors.origin[claims.anchor],
        claims.path,
        claims.families,
    )
    best_rows = claims.take(first)
    entity, node = anchors.entity[best_rows.anchor], best_rows.node
    order = np.lexsort((entity, -total, node))
    leads = np.ones(len(order), dtype=bool)
    leads[1:] = node[order][1:] != node[order][:-1]
    top = order[leads]
    after = np.flatnonzero(leads) + 1
    has_second = np.zeros(len(top), dtype=bool)
    inside = after < len(order)
    has_second[inside] = ~leads[after[inside]]
    runner = order[np.minimum(after, max(len(order) - 1, 0))]
    return Spread(
        node=nodes[node[top]],
        best=entity[top],
        confidence=total[top],
        evidence=evidence[top],
        second=np.where(has_second, entity[runner], NONE),
        second_confidence=np.where(has_second, total[runner], 0.0),
        families=families[top],
        anchor=best_rows.anchor[top],
        steps=_turn_round(best_rows.steps[top]),
    )


def _turn_round(steps: Ids) -> Ids:
    """Return the steps from the address to the label, where they were kept from the label outwards."""
    length = (steps >= 0).sum(axis=1)
    place = length[:, None] - 1 - np.arange(MAX_STEPS)[None, :]
    turned = np.take_along_axis(steps, np.maximum(place, 0), axis=1)
    return np.where(place >= 0, turned, NONE)


@numba.njit(cache=True)
def _combine(first: Ids, label: Floats, origin: Ids, path: Floats, families: Ids) -> tuple[Floats, Floats, Ids]:
    """Return confidence, evidence and families of each group of claims, whose rows stand best first."""
    groups = len(first) - 1
    total, evidence = np.zeros(groups), np.zeros(groups)
    taken = np.zeros(groups, dtype=np.int64)
    for group in range(groups):
        start, end = first[group], first[group + 1]
        counts = np.zeros(end - start, dtype=np.bool_)
        missed, surest = 1.0, 0.0
        for row in range(start, end):
            if row == start or (families[row] != 0 and taken[group] != 0 and families[row] & taken[group] == 0):
                counts[row - start] = True
                taken[group] |= families[row]
                missed *= 1.0 - path[row]
                surest = max(surest, label[row])
        doubt = 1.0
        for row in range(start, end):  # each origin once, at the first of its rows
            if not counts[row - start]:
                continue
            said, unseen, is_first = 0.0, 1.0, True
            for other in range(start, end):
                if counts[other - start] and origin[other] == origin[row]:
                    is_first = is_first and other >= row
                    said = max(said, label[other])
                    unseen *= 1.0 - path[other]
            if is_first:
                doubt *= 1.0 - said * (1.0 - unseen)
        evidence[group] = 1.0 - missed
        total[group] = min(surest, 1.0 - doubt)
    return total, evidence, taken
