"""Are pairs united as networkx unites them, but for those that a label forbids?"""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.entities.cluster import mint_id, unite_with_veto

NODES = 12
pairs = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), min_size=1, max_size=30)
owners = st.lists(st.integers(-1, 2), min_size=NODES, max_size=NODES)


def unite(edges: list[tuple[int, int]], labels: list[int]) -> list[set[int]]:
    ends = np.array(edges, dtype=np.int64)
    roots = unite_with_veto(ends[:, 0].copy(), ends[:, 1].copy(), np.array(labels, dtype=np.int64))
    groups: dict[int, set[int]] = {}
    for node, root in enumerate(roots.tolist()):
        groups.setdefault(root, set()).add(node)
    return list(groups.values())


def components(edges: list[tuple[int, int]]) -> list[set[int]]:
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(NODES))
    return list(nx.connected_components(graph))


def as_partition(groups: list[set[int]]) -> set[frozenset[int]]:
    return {frozenset(group) for group in groups}


@settings(deadline=None)  # the first call compiles
@given(pairs)
def test_without_labels_groups_are_components(edges: list[tuple[int, int]]) -> None:
    assert as_partition(unite(edges, [-1] * NODES)) == as_partition(components(edges))


@settings(deadline=None)  # the first call compiles
@given(pairs, owners)
def test_no_group_has_two_owners_and_only_a_clash_splits(edges: list[tuple[int, int]], labels: list[int]) -> None:
    groups = unite(edges, labels)
    for group in groups:
        assert len({labels[node] for node in group} - {-1}) <= 1
    home = {node: group for group in map(frozenset, groups) for node in group}
    for left, right in edges:
        if home[left] != home[right]:
            first, second = ({labels[node] for node in home[end]} - {-1} for end in (left, right))
            assert first
            assert second
            assert first != second


def test_the_surer_pair_wins_where_two_owners_claim_a_wallet() -> None:
    assert {1, 2} in unite([(1, 2), (2, 3)], [-1, 0, -1, 1] + [-1] * 8)
    assert {2, 3} in unite([(2, 3), (1, 2)], [-1, 0, -1, 1] + [-1] * 8)


def test_an_anonymous_id_depends_on_the_address_alone() -> None:
    assert mint_id("ethereum:0xaa") == mint_id("ethereum:0xaa") != mint_id("polygon:0xaa")
    assert mint_id("ethereum:0xaa").startswith("anon-")
