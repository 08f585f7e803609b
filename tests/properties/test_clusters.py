"""What must hold of clusters whatever the evidence is?"""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.entities.cuts import Guard
from intel.entities.merging import Clustering, Evidence, make_guard, merge_evidence
from intel.entities.unite import HOSTILE_BIT
from tests.clusters import NODES, Row, as_partition, constrain, evidence_of, rows

compiled = settings(deadline=None)  # the first call compiles
Partition = set[frozenset[int]]
pairs = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=4)
labels = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, 2), st.sampled_from([50, 70, 90]), st.integers(0, 1)),
    max_size=5, unique_by=lambda label: label[0],
)  # fmt: skip
SMALL = make_guard(most_seen=3, gate=2)
FREE = make_guard(charge_bits=0.0, gate=NODES)


def merge(evidence: list[Row], guard: Guard = SMALL, limit: int = 100_000) -> Clustering:
    return merge_evidence(NODES, evidence_of(evidence), constrain([], [], 0), guard, limit=limit)


def refines(fine: Partition, coarse: Partition) -> bool:
    return all(any(group <= other for other in coarse) for group in fine)


@compiled
@given(rows, pairs, labels)
def test_replaying_the_merges_gives_the_clusters(
    evidence: list[Row], forbidden: list[tuple[int, int]], claims: list[tuple[int, int, int, int]]
) -> None:
    found = merge_evidence(NODES, evidence_of(evidence), constrain(forbidden, claims, HOSTILE_BIT), SMALL)
    graph = nx.Graph()
    graph.add_nodes_from(range(NODES))
    for left, right, left_size, right_size in zip(*(column.tolist() for column in found.merges[1:5]), strict=True):
        ends = nx.node_connected_component(graph, left), nx.node_connected_component(graph, right)
        assert not ends[0] & ends[1]
        assert (left_size, right_size) == (len(ends[0]), len(ends[1]))
        graph.add_edge(left, right)
    assert {frozenset(group) for group in nx.connected_components(graph)} == as_partition(found.first)
    assert NODES - len(found.merges.left) == len(as_partition(found.first))


@compiled
@given(rows, st.randoms())
def test_the_order_of_rows_does_not_matter(evidence: list[Row], random: np.random.Generator) -> None:
    table = evidence_of(evidence)
    order = list(range(len(table.left)))
    random.shuffle(order)
    ready, mixed = (
        merge_evidence(NODES, one, constrain([], [], 0), SMALL)
        for one in (table, Evidence(*(column[order] for column in table)))
    )
    assert ready.first.tolist() == mixed.first.tolist()
    assert ready.is_confirmed.tolist() == mixed.is_confirmed.tolist()
    assert [column.tolist() for column in ready.merges] == [column.tolist() for column in mixed.merges]
    assert [column.tolist() for column in ready.refusals] == [column.tolist() for column in mixed.refusals]


@compiled
@given(rows, st.data())
def test_a_revoked_row_touches_its_own_component_alone(evidence: list[Row], data: st.DataObject) -> None:
    evidence = [row for row in evidence if row.left != row.right]
    if not evidence:
        return
    revoked = data.draw(st.sampled_from(range(len(evidence))))
    rest = evidence[:revoked] + evidence[revoked + 1 :]
    graph = nx.Graph([(row.left, row.right) for row in evidence])
    touched = nx.node_connected_component(graph, evidence[revoked].left)
    before = {group for group in as_partition(merge(evidence).first) if not group & touched}
    inside = [row for row in rest if row.left in touched]
    after = {group for group in as_partition(merge(inside).first) if group <= touched}
    assert before | after == as_partition(merge(rest).first)


@compiled
@given(rows, rows)
def test_without_charge_and_vetoes_more_evidence_never_splits(evidence: list[Row], more: list[Row]) -> None:
    given_first = [row for row in evidence if row.bits > 0]
    added = [row for row in more if row.bits > 0]
    fine = as_partition(merge(given_first, FREE).first)
    assert refines(fine, as_partition(merge([*given_first, *added], FREE).first))


@compiled
@given(rows)
def test_the_charge_and_the_gate_only_hold_back(evidence: list[Row]) -> None:
    positive = [row for row in evidence if row.bits > 0]
    assert refines(as_partition(merge(positive).first), as_partition(merge(positive, FREE).first))


@compiled
@given(rows, pairs, labels)
def test_a_veto_holds(
    evidence: list[Row], forbidden: list[tuple[int, int]], claims: list[tuple[int, int, int, int]]
) -> None:
    table = evidence_of(evidence)
    atomic = table._replace(is_atomic=np.arange(len(table.left)) % 2 == 0)
    for one in (table, atomic):
        found = merge_evidence(NODES, one, constrain(forbidden, claims, HOSTILE_BIT), SMALL)
        for left, right in forbidden:
            assert left == right or found.first[left] != found.first[right]
        for left, owner, level, origin in claims:
            for right, other, height, source in claims:
                low = min(level, height)
                if owner != other and (low >= 90 or (low >= 70 and origin != source)):
                    assert found.first[left] != found.first[right]


@compiled
@given(rows)
def test_a_giant_component_falls_apart_and_is_named(evidence: list[Row]) -> None:
    opening = [
        row for row in evidence if row.bits > 0 and row.left != row.right and row.family not in {"BEHAV", "PAIR"}
    ]
    graph = nx.Graph([(row.left, row.right) for row in opening])
    found = merge(evidence, limit=3)
    assert max((len(group) for group in as_partition(found.first)), default=0) <= 3
    giants = {min(group): len(group) for group in nx.connected_components(graph) if len(group) > 3}
    assert giants.items() <= {low: atoms for low, atoms, units in found.raised if units == 3 * 4000}.items()
    assert refines(as_partition(found.first), as_partition(merge(evidence, FREE).first)) or any(
        row.bits < 0 for row in evidence
    )
