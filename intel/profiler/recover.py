"""If half of each known owner's addresses were hidden, and some owners unknown, what would the links find again?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intel.entities.paths import Anchors, Links, spread_labels
from intel.errors import UsageError
from intel.ml.metrics import cover_at_precision
from intel.store.reader import Reader

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEVELS = (0.95, 0.9, 0.8)

_LINKS = """
with families as (
    select heuristic, 1::bigint << (dense_rank() over (order by family) - 1)::integer as bit
    from (select distinct heuristic, family from beliefs.weights)
)
select l.left_id, l.right_id, l.probability,
    coalesce(list_sum(list_distinct([f.bit for f in
        (select list(f) from families f where list_contains(l.basis, f.heuristic))])), 0)::bigint as families
from beliefs.links l
where l.relation = 'same_controller' and l.visibility = 'public' and l.right_id is not null
order by l.left_id, l.right_id
"""


def recover_hidden(reader: Reader, groups: Ids, *, share: float, splits: int) -> dict[str, Any]:
    """Return the coverage of hidden addresses at each precision over random splits (median, lowest, highest).

    A split leaves `share` of the groups wholly unknown, where every answer is wrong; half of each other group's
    addresses, one at least, are anchors. Labels spread from them along the build's public links.
    Reads the temporary table truth_places, which `place_truth` made.
    """
    if splits < 1:
        raise UsageError(f"--splits {splits} measures nothing", "give 1 or more")
    links, walls = _read_links(reader)
    rows = reader.arrow("select row, address_id from truth_places order by row, address_id").to_pandas()
    row, node = rows["row"].to_numpy(dtype=np.int64), rows["address_id"].to_numpy(dtype=np.int64)
    curves: dict[float, list[float]] = {level: [] for level in LEVELS}
    knowable = []
    for split in range(splits):
        is_anchor, is_known = draw_anchors(np.random.default_rng([split, len(groups)]), groups, share)
        label, score = _recover(links, walls, (row, node), np.where(is_anchor, groups, -1))
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


def _read_links(reader: Reader) -> tuple[Links, Ids]:
    table = reader.arrow(_LINKS)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    links = Links(
        left=columns["left_id"].astype(np.int64),
        right=columns["right_id"].astype(np.int64),
        entity=np.full(table.num_rows, -1, dtype=np.int64),
        probability=columns["probability"].astype(np.float64),
        families=columns["families"].astype(np.int64),
        passes=np.ones(table.num_rows, dtype=bool),
    )
    walls = reader.arrow("select distinct address_id from beliefs.services order by address_id")["address_id"]
    return links, walls.to_numpy().astype(np.int64)


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


def _recover(links: Links, walls: Ids, places: tuple[Ids, Ids], labels: Ids) -> tuple[Ids, Floats]:
    """Return the label that reaches each row (-1: none) and how sure it is, less where a second label is near."""
    row, node = places
    told = np.flatnonzero(labels[row] >= 0)
    anchors = Anchors(node[told], labels[row[told]], np.ones(len(told)), row[told])
    spread = spread_labels(anchors, links, walls)
    best = np.full(len(labels), -1, dtype=np.int64)
    score = np.zeros(len(labels))
    if len(spread.node) == 0:
        return best, score
    at = np.minimum(np.searchsorted(spread.node, node), len(spread.node) - 1)
    hit = spread.node[at] == node
    sure = spread.confidence[at] * (1 - spread.second_confidence[at])
    order = np.lexsort((spread.best[at], sure))  # the surest of an address's chains is written last
    order = order[hit[order]]
    best[row[order]] = spread.best[at][order]
    score[row[order]] = sure[order]
    return best, score
