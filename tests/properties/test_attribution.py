"""Does the spreading of labels agree with a search through all paths, and does it keep its promises?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.entities.paths import DECAY, MAX_STEPS, WEAKEST, Anchors, Links, Spread, spread_labels

NODES = st.integers(0, 5)
SHARES = st.sampled_from([0.3, 0.5, 0.8, 0.9, 0.99])


@dataclass(frozen=True)
class Label:
    node: int
    entity: int
    confidence: float
    origin: int


@dataclass(frozen=True)
class Link:
    left: int
    right: int
    entity: int
    probability: float
    family: int
    passes: bool


PAIRS = st.builds(
    Link, NODES, NODES, st.just(-1), SHARES, st.sampled_from([1, 2, 4]), st.booleans()
).filter(lambda link: link.left != link.right)  # fmt: skip
CLAIMS = st.builds(
    Link, NODES, st.one_of(st.just(-1), NODES), st.integers(0, 2), SHARES, st.sampled_from([1, 2, 4]), st.booleans()
)
LABELS = st.lists(
    st.builds(Label, NODES, st.integers(0, 2), SHARES, st.integers(0, 1)), max_size=3, unique_by=lambda one: one.node
)
LINKS = st.lists(st.one_of(PAIRS, CLAIMS), max_size=6)
WALLS = st.sets(NODES, max_size=2)


def spread(labels: list[Label], links: list[Link], walls: set[int]) -> Spread:
    return spread_labels(
        Anchors(
            np.array([one.node for one in labels], dtype=np.int64),
            np.array([one.entity for one in labels], dtype=np.int64),
            np.array([one.confidence for one in labels], dtype=np.float64),
            np.array([one.origin for one in labels], dtype=np.int64),
        ),
        Links(
            np.array([one.left for one in links], dtype=np.int64),
            np.array([one.right for one in links], dtype=np.int64),
            np.array([one.entity for one in links], dtype=np.int64),
            np.array([one.probability for one in links], dtype=np.float64),
            np.array([one.family for one in links], dtype=np.int64),
            np.array([one.passes for one in links], dtype=bool),
        ),
        np.array(sorted(walls), dtype=np.int64),
    )


def walk(node: int, labels: list[Label], links: list[Link], walls: set[int]) -> Iterator[tuple[Label, list[Link]]]:
    """Yield every path from an unlabelled node to a label, with its links in the order of the walk."""
    named = {one.node: one for one in labels}

    def go(here: int, came: int, used: list[Link]) -> Iterator[tuple[Label, list[Link]]]:
        if len(used) == MAX_STEPS:
            return
        for link in links:
            if link.entity >= 0 and link.left == here and (not used or link.passes):
                rests = named.get(link.right)
                of_owner = [one for one in labels if one.entity == link.entity]
                label = rests if rests in of_owner else max(of_owner, key=lambda o: o.confidence, default=None)
                if label is not None:
                    yield label, [*used, link]
            elif link.entity < 0 and here in (link.left, link.right) and (not used or link.passes):
                there = link.left + link.right - here
                if there in named:
                    yield named[there], [*used, link]
                elif there not in walls and there != came:
                    yield from go(there, here, [*used, link])

    yield from go(node, -1, [])


def worth(links: list[Link]) -> float:
    return math.prod(link.probability for link in links) * DECAY ** (len(links) - 1)


def find_strongest(labels: list[Label], links: list[Link], walls: set[int]) -> dict[tuple[int, int], float]:
    """Return by node and owner the worth of its strongest path, label included."""
    best: dict[tuple[int, int], float] = defaultdict(float)
    for node in set(range(6)) - {one.node for one in labels}:
        for label, path in walk(node, labels, links, walls):
            best[node, label.entity] = max(best[node, label.entity], worth(path) * label.confidence)
    return best


@settings(deadline=None)  # the first call compiles
@given(LABELS, LINKS, WALLS)
def test_every_address_in_reach_is_found_and_stands_at_least_as_its_strongest_path(
    labels: list[Label], links: list[Link], walls: set[int]
) -> None:
    best = find_strongest(labels, links, walls)
    found = spread(labels, links, walls)
    surely = {node for (node, _), share in best.items() if share >= WEAKEST}
    assert surely <= set(found.node.tolist()) <= {node for node, _ in best}
    for node, entity, confidence in zip(found.node, found.best, found.confidence, strict=True):
        assert confidence >= max(share for (other, _), share in best.items() if other == node) - 1e-9
        assert (node, entity) in best


@settings(deadline=None)  # the first call compiles
@given(LABELS, LINKS, WALLS)
def test_an_owner_is_never_surer_than_its_surest_label_and_never_behind_its_rival(
    labels: list[Label], links: list[Link], walls: set[int]
) -> None:
    found = spread(labels, links, walls)
    for entity, confidence, second, rival in zip(
        found.best, found.confidence, found.second, found.second_confidence, strict=True
    ):
        assert confidence <= max(one.confidence for one in labels if one.entity == entity)
        assert confidence >= rival
        assert second != entity


@settings(deadline=None)  # the first call compiles
@given(LABELS, LINKS, WALLS)
def test_evidence_of_one_family_and_labels_of_one_origin_count_once(
    labels: list[Label], links: list[Link], walls: set[int]
) -> None:
    alike = [Link(one.left, one.right, one.entity, one.probability, 1, one.passes) for one in links]
    best = find_strongest(labels, alike, walls)
    found = spread(labels, alike, walls)
    for node, entity, confidence in zip(found.node, found.best, found.confidence, strict=True):
        assert math.isclose(confidence, best[node, entity])


@settings(deadline=None)  # the first call compiles
@given(LABELS, LINKS, WALLS)
def test_the_path_told_leads_from_the_address_to_the_label(
    labels: list[Label], links: list[Link], walls: set[int]
) -> None:
    found = spread(labels, links, walls)
    for node, entity, anchor, steps in zip(found.node, found.best, found.anchor, found.steps, strict=True):
        path = [links[row] for row in steps if row >= 0]
        assert (labels[anchor], path) in list(walk(int(node), labels, links, walls))
        assert labels[anchor].entity == entity


def test_independent_evidence_adds_up_and_distance_wears_it_down() -> None:
    labels = [Label(0, 7, 0.9, 0)]
    one, other = Link(1, 0, -1, 0.8, 1, True), Link(1, -1, 7, 0.5, 2, True)
    assert np.isclose(spread(labels, [one, other], set()).confidence, [0.9 * (1 - 0.2 * 0.5)])
    chain = [one, Link(1, 2, -1, 0.8, 1, True), Link(2, 3, -1, 0.8, 1, True), Link(3, 4, -1, 0.8, 1, True)]
    found = spread(labels, chain, set())
    assert found.node.tolist() == [1, 2, 3]
    assert np.allclose(found.evidence, [0.8, 0.8**2 * DECAY, (0.8 * DECAY) ** 2 * 0.8])


def test_labels_of_independent_origins_add_up_to_the_surest_label_at_most() -> None:
    labels = [Label(0, 7, 0.6, 0), Label(1, 7, 0.5, 1)]
    links = [Link(2, 0, -1, 0.5, 1, True), Link(2, 1, -1, 0.5, 2, True)]
    assert np.isclose(spread(labels, links, set()).confidence, [1 - (1 - 0.3) * (1 - 0.25)])
    copied = [labels[0], Label(1, 7, 0.5, 0)]
    assert np.isclose(spread(copied, links, set()).confidence, [0.6 * 0.75])
    sure = [Link(2, 0, -1, 0.99, 1, True), Link(2, 1, -1, 0.99, 2, True)]
    assert spread(labels, sure, set()).confidence.tolist() == [0.6]
