"""Small evidence tables for the tests of clustering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from intel.entities.combine import FAMILY_CAPS
from intel.entities.merging import Constraints, Evidence, no_constraints
from intel.model import FAMILIES

NODES = 9
CAPS = FAMILY_CAPS
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """One row of evidence about two nodes."""

    left: int
    right: int
    family: str
    event: int
    bits: float
    rule: int = -1
    is_known: bool = True
    is_atomic: bool = False


def _make_row(ends: tuple[int, int], what: tuple[str, int, float, int]) -> Row:
    family, event, bits, rule = what
    return Row(*ends, family, event, bits, -1 if family in {"BEHAV", "PAIR"} else rule)


ends = st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1))
facts = st.tuples(
    st.sampled_from(["FLOW", "FUND", "AUTH", "BEHAV", "PAIR"]), st.integers(0, 3),
    st.sampled_from([-3.0, -0.5, 1.0, 2.5, 4.0, 5.0, 5.5, 8.0]), st.integers(-1, 1),
)  # fmt: skip
rows = st.lists(st.builds(_make_row, ends, facts), max_size=25)


def evidence_of(evidence: list[Row]) -> Evidence:
    """Turn rows into the arrays that merging takes."""
    kept = [row for row in evidence if row.left != row.right]

    def column(values: list[int]) -> Ids:
        return np.array(values, dtype=np.int64)

    return Evidence(
        column([min(row.left, row.right) for row in kept]),
        column([max(row.left, row.right) for row in kept]),
        column([(row.event * len(FAMILIES) + FAMILIES.index(row.family)) * 2 + (row.bits < 0) for row in kept]),
        column([FAMILIES.index(row.family) for row in kept]),
        column([round(row.bits * 4000) for row in kept]),
        column([row.rule for row in kept]),
        np.array([row.is_known for row in kept], dtype=np.bool_),
        np.array([row.is_atomic for row in kept], dtype=np.bool_),
    )


def constrain(forbidden: list[tuple[int, int]], claims: list[tuple[int, int, int, int]], cause: int) -> Constraints:
    """Turn forbidden pairs and labels (node, owner, level, origin; each 60 % sure) into arrays."""
    pairs = np.array([pair for pair in forbidden if pair[0] != pair[1]], dtype=np.int64).reshape(-1, 2)
    told = np.array(claims, dtype=np.int64).reshape(-1, 4)
    return no_constraints()._replace(
        label_node=told[:, 0].copy(), owner=told[:, 1].copy(), level=told[:, 2].copy(), origin=told[:, 3].copy(),
        confidence=np.full(len(told), 0.6), ban_left=pairs[:, 0].copy(), ban_right=pairs[:, 1].copy(),
        ban_cause=np.full(len(pairs), cause),
    )  # fmt: skip


def as_partition(first: Ids) -> set[frozenset[int]]:
    """Return groups of nodes that have the same number."""
    return {frozenset(np.flatnonzero(first == group).tolist()) for group in np.unique(first)}
