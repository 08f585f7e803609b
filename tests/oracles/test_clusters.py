"""Do the compiled loops give the partition of the slow, obvious ones?"""

from __future__ import annotations

import networkx as nx
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from gs_clustering import Clustering
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.entities.merging import PROBABLE, Evidence, make_guard, merge_evidence, to_units
from intel.entities.unite import HOSTILE_BIT, MANY_PAIRS, find_components
from intel.model import FAMILIES
from tests.clusters import CAPS, NODES, Row, as_partition, constrain, evidence_of, rows

bans = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=3)
labels = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, 1), st.sampled_from([20, 70, 90]), st.integers(0, 1)),
    max_size=4, unique_by=lambda label: label[0],
)  # fmt: skip


class SlowMerger:
    """Merges by weighing every pair of groups anew before every step, as ARCHITECTURE section 5 says it in words."""

    def __init__(self, evidence: list[Row], forbidden: list[tuple[int, int]], claims: list[tuple[int, ...]]) -> None:
        self.rows = [row for row in evidence if row.left != row.right]
        self.forbidden = forbidden
        self.claims = {node: rest for node, *rest in claims}
        self.groups = [frozenset({node}) for node in range(NODES)]

    def list_clashes(self, a: frozenset[int], b: frozenset[int]) -> tuple[bool, float]:
        """A veto? And how sure the surest pair of labels is that clashes."""
        veto, surest = False, 0.0
        for one in a & set(self.claims):
            for two in b & set(self.claims):
                (owner, level, origin), (other, height, source) = self.claims[one], self.claims[two]
                if owner != other:
                    low = min(level, height)
                    veto = veto or low >= 90 or (low >= 70 and origin != source)
                    surest = max(surest, 0.6 * 0.6)
        return veto, surest

    def weigh(self, a: frozenset[int], b: frozenset[int]) -> float:
        """Bits of the cut, as many as it takes."""
        across = [r for r in self.rows if (r.left in a and r.right in b) or (r.left in b and r.right in a)]
        best: dict[tuple[str, int], float] = {}
        against: dict[tuple[str, int], float] = {}
        for row in across:
            key, store = (row.family, row.event), best if row.bits > 0 else against
            store[key] = max(store.get(key, 0), row.bits) if row.bits > 0 else min(store.get(key, 0), row.bits)
        sums = {}
        for family in FAMILIES:
            bits = sorted((b for (f, _), b in best.items() if f == family), reverse=True)
            sums[family] = min(CAPS[family], bits[0] + sum(bits[1:]) / 4) if bits else 0.0
        opens = any(f not in {"BEHAV", "PAIR"} for f, _ in best)
        if not opens:
            return -1.0
        habits = sums.pop("BEHAV") + sum(b for (f, _), b in against.items() if f == "BEHAV")
        total = sum(sums.values()) + max(-1.5, min(1.5, habits))
        total += sum(b for (f, _), b in against.items() if f != "BEHAV")
        charged = [r for r in self.rows if r.rule >= 0 and r.bits > 0]
        at_work = {r.rule for r in across if r.rule >= 0 and r.bits > 0}
        shown = len({frozenset({r.left, r.right}) for r in across if r.rule >= 0 and r.bits > 0})
        possible = 0
        for rule in at_work:
            knows = {end for r in charged if r.rule == rule for end in (r.left, r.right)}
            possible = max(possible, min(3, len(a & knows)) * min(3, len(b & knows)))
        veto, surest = self.list_clashes(a, b)
        if surest and not veto:
            total += round(1000 * np.log2(1 - surest)) / 1000
        return total - 3 - 0.2 * max(0, possible - shown)

    def is_refused(self, a: frozenset[int], b: frozenset[int]) -> bool:
        if any((x in a and y in b) or (x in b and y in a) for x, y in self.forbidden):
            return True
        across = [r for r in self.rows if (r.left in a and r.right in b) or (r.left in b and r.right in a)]
        told = {(r.family, r.event) for r in across if r.bits > 0 and r.family not in {"BEHAV", "PAIR"}}
        small = min(len(a), len(b)) <= 2
        return self.list_clashes(a, b)[0] or not (small or (len(told) >= 3 and len({f for f, _ in told}) >= 2))

    def merge(self) -> set[frozenset[int]]:
        while True:
            cuts = []
            for i, a in enumerate(self.groups):
                for b in self.groups[i + 1 :]:
                    bits = self.weigh(a, b)
                    if bits >= 2 - 1e-9 and not self.is_refused(a, b):
                        first = min(
                            tuple(sorted((r.left, r.right)))
                            for r in self.rows
                            if (r.left in a and r.right in b) or (r.left in b and r.right in a)
                        )
                        banned = [
                            tuple(sorted(ban))
                            for ban in self.forbidden
                            if (ban[0] in a and ban[1] in b) or (ban[0] in b and ban[1] in a)
                        ]
                        cuts.append((-round(bits, 6), min([first, *banned]), a, b))
            if not cuts:
                return set(self.groups)
            *_, a, b = min(cuts, key=lambda cut: cut[:2])
            self.groups = [g for g in self.groups if g not in (a, b)] + [a | b]


@settings(deadline=None, max_examples=300)
@given(rows, bans, labels)
def test_guarded_merging_is_the_slow_one(
    evidence: list[Row], forbidden: list[tuple[int, int]], claims: list[tuple[int, int, int, int]]
) -> None:
    found = merge_evidence(
        NODES, evidence_of(evidence), constrain(forbidden, claims, HOSTILE_BIT), make_guard(most_seen=3, gate=2)
    )
    forbidden = [pair for pair in forbidden if pair[0] != pair[1]]
    assert as_partition(found.first) == SlowMerger(evidence, forbidden, claims).merge()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
def test_components_are_those_of_networkx(pairs: list[tuple[int, int]]) -> None:
    graph = nx.Graph(pairs)
    graph.add_nodes_from(range(12))
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    found = find_components(ends[:, 0].copy(), ends[:, 1].copy(), 12)
    assert as_partition(found) == {frozenset(group) for group in nx.connected_components(graph)}
    assert all(found[node] <= node for node in range(12))


@settings(deadline=None)
@given(rows)
def test_atoms_without_a_veto_are_components(evidence: list[Row]) -> None:
    table = evidence_of(evidence)
    table = Evidence(*table[:-1], np.ones(len(table.left), dtype=np.bool_))
    atomic = [row for row in evidence if row.bits > 0 and row.left != row.right]
    graph = nx.Graph([(row.left, row.right) for row in atomic])
    graph.add_nodes_from(range(NODES))
    found = merge_evidence(NODES, table, constrain([], [], 0), make_guard())
    assert as_partition(found.first) == {frozenset(group) for group in nx.connected_components(graph)}


def test_the_threshold_is_two_bits() -> None:
    assert to_units(PROBABLE) == 2 * 4000


def draw_pairs(pairs: int, nodes: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    rng = np.random.default_rng(5)
    left = rng.integers(0, nodes, pairs, dtype=np.uint32)
    return left, ((left + rng.zipf(1.7, pairs) % nodes) % nodes).astype(np.uint32)


@pytest.mark.parametrize("pairs", [20_000, MANY_PAIRS + 1])
def test_components_are_those_of_graphsense(pairs: int) -> None:
    nodes = pairs
    left, right = draw_pairs(pairs, nodes)
    listed = pa.ListArray.from_arrays(
        pa.array(np.arange(0, 2 * pairs + 1, 2, dtype=np.int32)), pa.array(np.column_stack([left, right]).ravel())
    )
    theirs = Clustering(max_address_id=nodes - 1)
    theirs.process_transactions_arrow(listed)
    assert find_components(left, right, nodes).tolist() == theirs.get_mapping().column(1).to_pylist()
