"""If half of each known owner's addresses were hidden, and some owners unknown, what would the links find again?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array, diags_array

from intel.entities.paths import DECAY
from intel.errors import UsageError
from intel.ml.metrics import cover_at_precision
from intel.store.reader import Reader

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEVELS = (0.95, 0.9, 0.8)

# One node per address text: the same key stands on several chains.
_NODES = """
create or replace temp table recover_nodes as
select address_id, min(address_id) over (partition by address) as node from facts.addresses
"""
_LINKS = """
select a.node as left_id, b.node as right_id, max(l.probability) as probability from beliefs.links l
join recover_nodes a on a.address_id = l.left_id
join recover_nodes b on b.address_id = l.right_id
where l.relation = 'same_controller' and l.visibility = 'public' and a.node <> b.node
group by a.node, b.node order by a.node, b.node
"""
_PLACES = "select distinct p.row, n.node from truth_places p join recover_nodes n using (address_id) order by 1, 2"
_SERVICES = "select distinct n.node from beliefs.services s join recover_nodes n using (address_id) order by 1"


def recover_hidden(reader: Reader, groups: Ids, *, share: float, splits: int) -> dict[str, Any]:
    """Return the coverage of hidden addresses at each precision over random splits (median, lowest, highest).

    A split leaves `share` of the groups wholly unknown, where every answer is wrong; half of each other group's
    addresses, one at least, are anchors. Every link of the build is a vote for the label at its other end, and a
    link to an unlabelled address that is no service passes that one's votes on; links that lead nowhere count
    against the best label. Reads the temporary table truth_places, which `place_truth` made.
    """
    if splits < 1:
        raise UsageError(f"--splits {splits} measures nothing", "give 1 or more")
    graph = _read_graph(reader, len(groups))
    curves: dict[float, list[float]] = {level: [] for level in LEVELS}
    knowable = []
    for split in range(splits):
        is_anchor, is_known = draw_anchors(np.random.default_rng([split, len(groups)]), groups, share)
        label, score = vote_labels(graph, np.where(is_anchor, groups, -1))
        hidden = ~is_anchor
        answered = hidden & (label >= 0)
        right = (is_known & (label == groups))[answered].astype(float)
        knowable.append(float((hidden & is_known).sum() / max(hidden.sum(), 1)))
        for level, found in curves.items():
            found.append(cover_at_precision(score[answered], right, float(hidden.sum()), level))
    return {
        "share": share,
        "splits": splits,
        "knowable": float(np.median(knowable)),
        "coverage_at_precision": {
            str(level): {"median": float(np.median(found)), "lowest": min(found), "highest": max(found)}
            for level, found in curves.items()
        },
    }


@dataclass(frozen=True, slots=True)
class Graph:
    """Links as -log(1 - probability) between nodes; `places` says at which nodes each address of the truth stands."""

    links: csr_array  # nodes x nodes, symmetric
    places: csr_array  # addresses x nodes
    is_open: Flags  # per node: it may pass votes on


def _read_graph(reader: Reader, count: int) -> Graph:
    reader.query(_NODES)
    places = reader.arrow(_PLACES)
    row, address = (places[name].to_numpy().astype(np.int64) for name in ("row", "node"))
    table = reader.arrow(_LINKS)
    left, right = (table[name].to_numpy().astype(np.int64) for name in ("left_id", "right_id"))
    doubt = -np.log1p(-np.minimum(table["probability"].to_numpy().astype(np.float64), 1 - 1e-9))
    ids = np.unique(np.concatenate([left, right, address]))
    at, to = np.searchsorted(ids, left), np.searchsorted(ids, right)
    both = (np.concatenate([at, to]), np.concatenate([to, at]))
    services = reader.arrow(_SERVICES)["node"].to_numpy()
    return Graph(
        csr_array((np.concatenate([doubt, doubt]), both), shape=(len(ids), len(ids))),
        csr_array((np.ones(len(row)), (row, np.searchsorted(ids, address))), shape=(count, len(ids))),
        ~np.isin(ids, services),
    )


def draw_anchors(rng: np.random.Generator, groups: Ids, share: float) -> tuple[Flags, Flags]:
    """Return which addresses are anchors, and which belong to a known group."""
    count = int(groups.max()) + 1
    unknown = rng.permutation(count)[: round(share * count)]
    is_known = ~np.isin(groups, unknown)
    order = np.lexsort((rng.random(len(groups)), groups))
    sizes = np.bincount(groups, minlength=count)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    nth = np.empty(len(groups), dtype=np.int64)
    nth[order] = np.arange(len(groups)) - starts
    return is_known & (nth < np.maximum(sizes // 2, 1)[groups]), is_known


def vote_labels(graph: Graph, labels: Ids) -> tuple[Ids, Floats]:
    """Return for every address the label that most votes carry (-1: none) and how sure it is.

    `labels` holds an anchor's label, -1 elsewhere. Votes add up as noisy-or does, those of the second step by DECAY;
    the sureness is the best label's share of all the address's links, and of one vote against.
    """
    anchors = np.flatnonzero(labels >= 0)
    width = int(labels.max(initial=0)) + 1
    marked = csr_array((np.ones(len(anchors)), (anchors, labels[anchors])), shape=(len(labels), width))
    labelled = graph.places.T @ marked
    labelled.data[:] = 1.0
    direct = graph.links @ labelled
    passed = direct.copy()
    passed.data = -np.expm1(-passed.data)
    passes = graph.is_open & (np.diff(labelled.tocsr().indptr) == 0)
    near = graph.places @ graph.links
    votes = coo_array(near @ labelled + DECAY * (near @ (diags_array(passes.astype(float)) @ passed)))
    best, most = _choose_best(votes.row.astype(np.int64), votes.col.astype(np.int64), votes.data, len(labels))
    return best, most / (near.sum(axis=1) + 1.0)


def _choose_best(row: Ids, label: Ids, votes: Floats, count: int) -> tuple[Ids, Floats]:
    """Return each row's label of most votes, the lowest of equals, and its votes."""
    best, most = np.full(count, -1, dtype=np.int64), np.zeros(count)
    order = np.lexsort((label, -votes, row))
    row, label, votes = row[order], label[order], votes[order]
    first = np.flatnonzero((np.diff(row, prepend=-1) != 0) & (votes > 0))
    best[row[first]], most[row[first]] = label[first], votes[first]
    return best, most
