"""Which pairs unite at once, and which of them does a label, a hostile act or a judgement forbid?"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from intel.entities.parallel_unite import link_in_parallel

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MANY_PAIRS = 1_000_000  # below this, threads cost more than they save
HARD_LEVEL = 90  # TagPack "manual transaction": two such labels of unrelated owners always keep apart
VETO_LEVEL = 70  # TagPack "service API": they do so where their sources are independent

# What became of a pair of groups.
JOINED, KNOWN, LABEL_VETO, HOSTILE, JUDGEMENT_VETO, SIZE_GATE = 1, 2, 3, 4, 5, 6
HOSTILE_BIT, JUDGEMENT_BIT = 1, 2  # why a pair is forbidden


class Labels(NamedTuple):
    """Claims of ownership, as one linked list per group: `head[group]`, then `next[label]`, -1 at the end."""

    head: Ids
    next: Ids
    owner: Ids  # number of the owner's root parent: related owners have the same
    level: Ids
    origin: Ids
    confidence: Floats


class Forbidden(NamedTuple):
    """Pairs that must stay apart, each in the linked lists of both its ends."""

    head: Ids
    tail: Ids
    length: Ids
    next: Ids
    other: Ids
    cause: Ids


def list_labels(nodes: int, node: Ids, claims: tuple[Ids, Ids, Ids, Floats]) -> Labels:
    """Return labels as linked lists; `node` tells whose they are, `claims` are owner, level, origin, confidence."""
    head, following = np.full(nodes, -1), np.full(len(node), -1)
    for label in range(len(node) - 1, -1, -1):
        following[label] = head[node[label]]
        head[node[label]] = label
    return Labels(head, following, *claims)


def list_forbidden(nodes: int, left: Ids, right: Ids, cause: Ids) -> Forbidden:
    """Return forbidden pairs as linked lists, one entry at each end."""
    ends, others = np.concatenate([left, right]), np.concatenate([right, left])
    lists = Forbidden(
        np.full(nodes, -1), np.full(nodes, -1), np.bincount(ends, minlength=nodes).astype(np.int64),
        np.full(len(ends), -1), others, np.concatenate([cause, cause]),
    )  # fmt: skip
    for entry, end in enumerate(ends.tolist()):
        lists.next[entry] = lists.head[end]
        lists.head[end] = entry
        if lists.tail[end] < 0:
            lists.tail[end] = entry
    return lists


@numba.njit(cache=True)
def find_root(parent: Ids, node: int) -> int:
    """Return the group of a node, and shorten the way for the next one who asks."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@numba.njit(cache=True)
def flatten_parents(parent: Ids) -> Ids:
    """Let every node point at its root, in place."""
    for node in range(len(parent)):
        parent[node] = find_root(parent, node)
    return parent


def find_components(left: npt.NDArray[np.integer], right: npt.NDArray[np.integer], nodes: int) -> Ids:
    """Return for every node the lowest node of its component: plain union-find, near-linear in pairs.

    Nodes are kept in 32 bits, of which half the memory is half the waiting; many pairs are shared out among threads.
    """
    if nodes < 2**31:
        small = np.arange(nodes).astype(np.int32)
        if len(left) > MANY_PAIRS:
            link_in_parallel(small, left, right, numba.get_num_threads())
        else:
            _link_pairs(small, left, right)
        return small.astype(np.int64)
    parent = np.arange(nodes)
    _link_pairs(parent, left, right)
    return parent


@numba.njit(cache=True)
def _link_pairs(parent: npt.NDArray[np.integer], left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]) -> None:
    for pair in range(len(left)):
        a, b = left[pair], right[pair]
        while parent[a] != parent[b]:  # Rem's splicing: a parent is never above its node
            if parent[a] < parent[b]:
                a, b = b, a
            above = parent[a]
            parent[a] = parent[b]
            if above == a:
                break
            a = above
    for node in range(len(parent)):
        parent[node] = parent[parent[node]]


@numba.njit(cache=True)
def find_clash(labels: Labels, a: int, b: int) -> tuple[bool, int, int]:
    """Return the clash of labels between two groups: is it a veto, and its two labels (-1 where there is none).

    Of weaker clashes the one whose labels are surest; a veto goes before.
    """
    first, second, surest = -1, -1, -1.0
    one = labels.head[a]
    while one >= 0:
        two = labels.head[b]
        while two >= 0:
            if labels.owner[one] != labels.owner[two]:
                level = min(labels.level[one], labels.level[two])
                if level >= HARD_LEVEL or (level >= VETO_LEVEL and labels.origin[one] != labels.origin[two]):
                    return True, one, two
                if labels.confidence[one] * labels.confidence[two] > surest:
                    first, second, surest = one, two, labels.confidence[one] * labels.confidence[two]
            two = labels.next[two]
        one = labels.next[one]
    return False, first, second


@numba.njit(cache=True)
def join_labels(labels: Labels, into: int, gone: int) -> None:
    """Give the labels of one group to another, but for those that say nothing new there."""
    label = labels.head[gone]
    while label >= 0:
        following = labels.next[label]
        known = labels.head[into]
        while known >= 0 and not (
            labels.owner[known] == labels.owner[label]
            and labels.origin[known] == labels.origin[label]
            and labels.level[known] >= labels.level[label]
            and labels.confidence[known] >= labels.confidence[label]
        ):
            known = labels.next[known]
        if known < 0:
            labels.next[label] = labels.head[into]
            labels.head[into] = label
        label = following
    labels.head[gone] = -1


@numba.njit(cache=True)
def find_ban(forbidden: Forbidden, parent: Ids, a: int, b: int) -> int:
    """Return why two groups must stay apart, as HOSTILE_BIT and JUDGEMENT_BIT; 0 where nothing forbids it."""
    if forbidden.length[a] > forbidden.length[b]:
        a, b = b, a
    found = 0
    entry = forbidden.head[a]
    while entry >= 0:
        if find_root(parent, forbidden.other[entry]) == b:
            found |= forbidden.cause[entry]
        entry = forbidden.next[entry]
    return found


@numba.njit(cache=True)
def _join_groups(parent: Ids, size: Ids, forbidden: Forbidden, a: int, b: int) -> tuple[int, int]:
    if size[a] < size[b]:
        a, b = b, a
    parent[b] = a
    size[a] += size[b]
    if forbidden.head[b] >= 0:
        if forbidden.head[a] < 0:
            forbidden.head[a] = forbidden.head[b]
        else:
            forbidden.next[forbidden.tail[a]] = forbidden.head[b]
        forbidden.tail[a] = forbidden.tail[b]
        forbidden.length[a] += forbidden.length[b]
    return a, b


@numba.njit(cache=True)
def judge_pair(clash: bool, ban: int, is_forced: bool) -> int:
    """Return what keeps two groups apart, or JOINED; a judgement outranks everything but another judgement."""
    if ban & JUDGEMENT_BIT:
        return JUDGEMENT_VETO
    if is_forced:
        return JOINED
    if ban & HOSTILE_BIT:
        return HOSTILE
    return LABEL_VETO if clash else JOINED


@numba.njit(cache=True)
def unite_pairs(
    pairs: tuple[Ids, Ids], is_forced: npt.NDArray[np.bool_], labels: Labels, forbidden: Forbidden
) -> tuple[Ids, Ids]:
    """Unite pairs of nodes in the given order where nothing forbids it; return parents and one line per pair.

    A line: outcome, size of the left group, size of the right, the two labels that clash (-1: none), and what a
    forced pair outranked (1: hostile, 4: labels). `labels` and `forbidden` are used up. Near-linear in pairs.
    """
    left, right = pairs
    parent = np.arange(len(labels.head))
    size = np.ones(len(parent), dtype=np.int64)
    told = np.zeros((len(left), 6), dtype=np.int64)
    for pair in range(len(left)):
        a, b = find_root(parent, left[pair]), find_root(parent, right[pair])
        if a == b:
            told[pair, 0] = KNOWN
            continue
        clash, first, second = find_clash(labels, a, b)
        ban = find_ban(forbidden, parent, a, b)
        told[pair, 0] = judge_pair(clash, ban, is_forced[pair])
        told[pair, 1], told[pair, 2] = size[a], size[b]
        told[pair, 3], told[pair, 4] = first, second
        if told[pair, 0] == JOINED:
            told[pair, 5] = (ban & HOSTILE_BIT) + (4 if clash else 0)
            a, b = _join_groups(parent, size, forbidden, a, b)
            join_labels(labels, a, b)
    return flatten_parents(parent), told
