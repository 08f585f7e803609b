"""How does one layer's evidence become clusters? Atoms first, then cuts, and a record of every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intel.entities import agglomerate as kernel
from intel.entities import unite
from intel.entities.combine import FAMILY_CAPS, PRIOR_BITS
from intel.entities.cuts import BEHAVIOUR, PAIR, UNIT, Graph, Guard, Rows, make_graph
from intel.model import FAMILIES

Ids = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

PROBABLE = 0.8  # a cut below this is no merge
CONFIRMED = 0.98  # SCIENCE.md C4: tau for a person


def to_units(probability: float) -> int:
    """Return the log2 odds of a probability in units."""
    return round(UNIT * float(np.log2(probability / (1.0 - probability))))


def make_guard(charge_bits: float = 0.2, most_seen: int = 64, gate: int = 64) -> Guard:
    """Return the numbers that decide; charge and effective size as tuned on the Hop data (SCIENCE.md 0.3 c)."""
    caps = np.array([round(FAMILY_CAPS[family] * UNIT) for family in FAMILIES], dtype=np.int64)
    return Guard(caps, round(PRIOR_BITS["same_controller"] * UNIT), round(charge_bits * UNIT), most_seen, gate)


class Evidence(NamedTuple):
    """Rows about pairs of nodes; nodes are numbered in the order of their addresses, and left < right."""

    left: Ids
    right: Ids
    event: Ids  # the same event for and against has two numbers
    family: Ids  # index in FAMILIES
    units: Ids
    rule: Ids  # number of a rule whose missing pairs are charged (at most 63), else -1: trees, modifiers
    is_known: Bools
    is_atomic: Bools


class Constraints(NamedTuple):
    """What keeps nodes apart or brings them together beside evidence; no row is the usual case."""

    label_node: Ids
    owner: Ids
    level: Ids
    origin: Ids
    confidence: Floats
    ban_left: Ids
    ban_right: Ids
    ban_cause: Ids  # unite.HOSTILE_BIT or JUDGEMENT_BIT
    same_left: Ids  # judged to be one, in order of importance
    same_right: Ids


class Merges(NamedTuple):
    """The merge tree in order; `kind` 0 judgement, 1 atom, 2 weighed; labels are -1 where none clash."""

    kind: Ids
    left: Ids
    right: Ids
    left_size: Ids
    right_size: Ids
    units: Ids
    charge: Ids
    events: Ids
    families: Ids  # bit set
    known_units: Ids
    label: Ids
    rival: Ids
    outranked: Ids  # what a judgement overruled: 1 hostile, 4 labels


class Refusals(NamedTuple):
    """Merges that did not happen: `cause` as in unite, at their best units."""

    cause: Ids
    left: Ids
    right: Ids
    units: Ids
    label: Ids
    rival: Ids


@dataclass(frozen=True, slots=True)
class Clustering:
    """The groups (`first`: lowest node of every node's group) and how they came about.

    `raised` lists giant components: lowest node, atoms, and the units their merges had to reach.
    """

    first: Ids
    is_confirmed: Bools
    merges: Merges
    refusals: Refusals
    raised: list[tuple[int, int, int]]


def no_constraints() -> Constraints:
    """Return constraints that say nothing."""
    none = np.zeros(0, dtype=np.int64)
    return Constraints(none, none, none, none, np.zeros(0), none, none, none, none, none)


def merge_evidence(
    nodes: int, evidence: Evidence, constraints: Constraints, guard: Guard, *, limit: int = 100_000
) -> Clustering:
    """Return the clusters of `nodes` nodes; the order of rows does not matter. `limit`: see _split_components."""
    parent, merges, refusals = _unite_atoms(nodes, evidence, constraints)
    first = _find_first(parent)
    open_rows = first[evidence.left] != first[evidence.right]
    names, atom = np.unique(first, return_inverse=True)
    rest = Evidence(*(column[open_rows] for column in evidence))
    log, refused, atoms, raised = _weigh_rest(atom, rest, constraints, guard, limit)
    tree = Merges(*(np.concatenate([a, b]) for a, b in zip(merges, log, strict=True)))
    first = names[_find_first(atoms)][atom]
    vetoed = Refusals(*(np.concatenate([a, b]) for a, b in zip(refusals, refused, strict=True)))
    apart = first[vetoed.left] != first[vetoed.right]
    confirmed = _find_cores(nodes, tree, first)
    return Clustering(
        first, confirmed, tree, Refusals(*(column[apart] for column in vetoed)),
        [(int(names[low]), count, units) for low, count, units in raised],
    )  # fmt: skip


def _find_first(parent: Ids) -> Ids:
    """Return the lowest member of every node's group, from roots."""
    lowest = np.full(len(parent), len(parent), dtype=np.int64)
    np.minimum.at(lowest, parent, np.arange(len(parent)))
    return lowest[parent]


def _unite_atoms(nodes: int, evidence: Evidence, constraints: Constraints) -> tuple[Ids, Merges, Refusals]:
    """Unite what was judged one, then the facts of the ledger, the strongest first."""
    atomic = np.flatnonzero(evidence.is_atomic & (evidence.units > 0))
    order = np.lexsort((evidence.right[atomic], evidence.left[atomic], -evidence.units[atomic]))
    atomic = atomic[order]
    left = np.concatenate([constraints.same_left, evidence.left[atomic]])
    right = np.concatenate([constraints.same_right, evidence.right[atomic]])
    forced = np.arange(len(left)) < len(constraints.same_left)
    labels = _list_labels(nodes, constraints.label_node, constraints)
    bans = (constraints.ban_left, constraints.ban_right, constraints.ban_cause)
    parent, told = unite.unite_pairs((left, right), forced, labels, unite.list_forbidden(nodes, *bans))
    units = np.concatenate([np.zeros(len(constraints.same_left), dtype=np.int64), evidence.units[atomic]])
    family = np.concatenate([np.full(len(constraints.same_left), -1), evidence.family[atomic]])
    outcome, left_size, right_size, label, rival, outranked = told.T
    done = outcome == unite.JOINED
    nothing = np.zeros(int(done.sum()), dtype=np.int64)
    merges = Merges(
        np.where(forced, 0, 1)[done], left[done], right[done], left_size[done], right_size[done], units[done], nothing,
        np.where(forced, 0, 1)[done], np.where(family < 0, 0, np.int64(1) << np.maximum(family, 0))[done],
        np.full(len(nothing), to_units(CONFIRMED)), label[done], rival[done], outranked[done],
    )  # fmt: skip
    vetoed = outcome > unite.KNOWN
    refusals = Refusals(*(column[vetoed] for column in (outcome, left, right, units, label, rival)))
    return parent, merges, refusals


def _list_labels(groups: int, at: Ids, constraints: Constraints) -> unite.Labels:
    return unite.list_labels(
        groups, at, (constraints.owner, constraints.level, constraints.origin, constraints.confidence)
    )


class _Cuts(NamedTuple):
    """Pairs of atoms, sorted: their ends (left < right), bans, and the pair of each row of evidence."""

    left: Ids
    right: Ids
    ban: Ids
    of_row: Ids


def _weigh_rest(
    atom: Ids, rows: Evidence, constraints: Constraints, guard: Guard, limit: int
) -> tuple[Merges, Refusals, Ids, list[tuple[int, int, int]]]:
    """Merge atoms by the weight of the cuts between them; return the log, refusals and parents of atoms."""
    atoms = int(atom.max(initial=-1)) + 1
    cuts = _list_cuts(atom, rows, constraints)
    component, threshold, raised = _split_components((atom, rows, cuts), constraints, guard, limit)
    alive = np.bincount(component, minlength=atoms) > 1
    kept = np.flatnonzero((component[cuts.left] == component[cuts.right]) & alive[component[cuts.left]])
    kept = kept[np.argsort(component[cuts.left[kept]], kind="stable")]  # by component, then by address
    graph, used = _build_graph((atom, rows, cuts), kept, constraints, guard)
    home = component[cuts.left[kept]]
    starts = np.concatenate([np.flatnonzero(np.diff(home, prepend=-1)), [len(home)]]).astype(np.int64)
    log = kernel.merge_components(graph, starts, threshold[home[starts[:-1]]])
    ends = (rows.left[used], rows.right[used])
    parent = unite.flatten_parents(graph.groups.parent)
    return _read_log(log, ends), _read_refusals(graph, ends, atom), parent, raised


def _list_cuts(atom: Ids, rows: Evidence, constraints: Constraints) -> _Cuts:
    atoms = int(atom.max(initial=-1)) + 1
    ends = np.concatenate([rows.left, constraints.ban_left]), np.concatenate([rows.right, constraints.ban_right])
    one, two = atom[ends[0]], atom[ends[1]]
    pair, of_end = np.unique(np.minimum(one, two) * atoms + np.maximum(one, two), return_inverse=True)
    left, right = np.divmod(pair, max(atoms, 1))
    ban = np.zeros(len(pair), dtype=np.int64)
    np.bitwise_or.at(ban, of_end[len(rows.left) :], constraints.ban_cause)
    return _Cuts(left, right, ban, of_end[: len(rows.left)].astype(np.int64))


def _build_graph(
    problem: tuple[Ids, Evidence, _Cuts], kept: Ids, constraints: Constraints, guard: Guard
) -> tuple[Graph, Ids]:
    """Lay out the kept cuts with their rows in a total order; return the graph and the rows it numbers as sources."""
    atom, rows, cuts = problem
    atoms = int(atom.max(initial=-1)) + 1
    place = np.full(len(cuts.left), -1)
    place[kept] = np.arange(len(kept))
    used = np.flatnonzero(place[cuts.of_row] >= 0)
    keys = (rows.is_known, rows.units, rows.event, rows.right, rows.left, place[cuts.of_row])
    used = used[np.lexsort([key[used] for key in keys])]
    laid = Rows(
        place[cuts.of_row[used]], atom[rows.left[used]], rows.event[used], rows.family[used], rows.units[used].copy(),
        rows.rule[used], rows.is_known[used].copy(), np.arange(len(used)), np.zeros(len(used), dtype=np.int64),
    )  # fmt: skip
    sizes = np.bincount(atom, minlength=atoms).astype(np.int64)
    labels = _list_labels(atoms, atom[constraints.label_node], constraints)
    return make_graph(laid, (cuts.left[kept], cuts.right[kept], cuts.ban[kept]), sizes, labels, guard), used


def _split_components(
    problem: tuple[Ids, Evidence, _Cuts], constraints: Constraints, guard: Guard, limit: int
) -> tuple[Ids, Ids, list[tuple[int, int, int]]]:
    """Return each atom's component and the units its merges need; a giant one is cut by raising them bit by bit.

    A component joins what some evidence opens. One above `limit` atoms would merge by chance somewhere, and take
    long: only cuts that reach the raised threshold alone hold it together.
    """
    atom, rows, cuts = problem
    atoms = int(atom.max(initial=-1)) + 1
    opening = (rows.units > 0) & (rows.family != BEHAVIOUR) & (rows.family != PAIR)
    holds = np.bincount(cuts.of_row[opening], minlength=len(cuts.left)) > 0
    units = to_units(PROBABLE)
    threshold = np.full(atoms, units)
    raised: list[tuple[int, int, int]] = []
    strength: Ids | None = None
    while True:
        component = unite.find_components(cuts.left[holds], cuts.right[holds], atoms)
        sizes = np.bincount(component, minlength=atoms)
        big = sizes[component] > limit
        if not big.any():
            return component, threshold, raised
        units += UNIT
        raised += [(int(low), int(sizes[low]), units) for low in np.flatnonzero(sizes > limit)]
        threshold[big] = units
        if strength is None:
            everything = np.arange(len(cuts.left))
            strength = kernel.weigh_all(_build_graph(problem, everything, constraints, guard)[0])
        holds &= ~big[cuts.left] | (strength >= units)


def _read_log(log: Ids, ends: tuple[Ids, Ids]) -> Merges:
    source = log[:, kernel.SOURCE]
    nothing = np.zeros(len(log), dtype=np.int64)
    return Merges(
        nothing + 2, ends[0][source], ends[1][source], log[:, kernel.LEFT_SIZE], log[:, kernel.RIGHT_SIZE],
        log[:, kernel.UNITS], log[:, kernel.CHARGE], log[:, kernel.EVENTS], log[:, kernel.FAMILY_SET],
        log[:, kernel.KNOWN_UNITS], log[:, kernel.LABEL], log[:, kernel.RIVAL], nothing,
    )  # fmt: skip


def _read_refusals(graph: Graph, ends: tuple[Ids, Ids], atom: Ids) -> Refusals:
    """Return what was refused, with the labels that clash between the groups as they are at the end."""
    at = np.flatnonzero(graph.cuts.refusal)
    left, right = (end[graph.cuts.refused_source[at]] for end in ends)
    groups = zip(graph.groups.parent[atom[left]], graph.groups.parent[atom[right]], strict=True)
    clashes = [unite.find_clash(graph.labels, one, two)[1:] for one, two in groups]
    label, rival = np.array(clashes, dtype=np.int64).reshape(-1, 2).T
    return Refusals(graph.cuts.refusal[at], left, right, graph.cuts.refused_units[at], label, rival)


def _find_cores(nodes: int, merges: Merges, first: Ids) -> Bools:
    """Tell which nodes are confirmed: in each cluster the largest part that merges above CONFIRMED hold together.

    The ends of all merges are a tree over the cluster; its sure branches are its parts. Ties: the lowest node.
    """
    sure = merges.known_units >= to_units(CONFIRMED)
    part = unite.find_components(merges.left[sure], merges.right[sure], nodes)
    sizes = np.bincount(part, minlength=nodes)
    parts = np.flatnonzero(sizes > 1)
    parts = parts[np.lexsort((parts, -sizes[parts], first[parts]))]
    _, place = np.unique(first[parts], return_index=True)
    core = np.zeros(nodes, dtype=np.bool_)
    core[parts[place]] = True
    return core[part]
