"""What is written down of a clustering: its groups, its merge tree, and what was refused or stands in doubt?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.entities import unite
from intel.entities.candidates import Candidates
from intel.entities.cuts import UNIT
from intel.entities.merging import Clustering
from intel.model import FAMILIES
from intel.store import Connection

Ids = npt.NDArray[np.int64]

_KINDS = ("judgement", "atom", "weighed")
_REFUSALS = {
    unite.LABEL_VETO: ("label_veto", "Strong labels name two unrelated owners"),
    unite.HOSTILE: ("hostile", "One side acted against the other"),
    unite.JUDGEMENT_VETO: ("judgement_veto", "Judged to be different"),
    unite.SIZE_GATE: (
        "size_gate", "Two large groups: three independent observations of two kinds are asked for",
    ),
}  # fmt: skip
_CONFLICT = "Labels name two unrelated owners in one group; the weaker one is too weak to keep the group apart"
_CONTESTED = "Labels of one level name two unrelated owners of this address: neither counts"

_WRITE_MERGES = "insert into beliefs.merges by name select * from merge_rows order by step"
_WRITE_DISPUTES = """
insert into beliefs.disputes by name
select
    $layer as visibility, cause, left_id, right_id, left_entity, right_entity, max(bits) as bits, min(detail) as detail
from dispute_rows d
where not exists (
    select 1 from beliefs.disputes p
    where p.cause = d.cause and p.left_id = d.left_id and p.right_id is not distinct from d.right_id
)
group by cause, left_id, right_id, left_entity, right_entity
order by cause, left_id, right_id, left_entity, right_entity
"""

Dispute = tuple[str, int, int | None, str | None, str | None, float | None, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Which nodes of a layer are written, and under which name: `names` by lowest node."""

    layer: str
    is_kept: npt.NDArray[np.bool_]
    names: dict[int, str]


def record_groups(con: Connection, group: Group, candidates: Candidates, found: Clustering) -> None:
    """Write the kept groups into beliefs.clusters and how they came together into beliefs.merges."""
    nodes = np.flatnonzero(group.is_kept)
    con.register("cluster_rows", pa.table({
        "cluster_id": pa.array([group.names[first] for first in found.first[nodes].tolist()], pa.string()),
        "address_id": candidates.address_ids[nodes],
        "tier": pa.array(np.where(found.is_confirmed[nodes], "confirmed", "probable").tolist(), pa.string()),
        "visibility": pa.array([group.layer] * len(nodes), pa.string()),
    }))  # fmt: skip
    con.execute("insert into beliefs.clusters by name select * from cluster_rows order by cluster_id, address_id")
    con.unregister("cluster_rows")
    merges = found.merges
    at = np.flatnonzero(group.is_kept[merges.left])
    sets = {bits: _name_families(bits) for bits in np.unique(merges.families).tolist()}
    con.register("merge_rows", pa.table({
        "visibility": pa.array([group.layer] * len(at), pa.string()),
        "step": np.arange(1, len(at) + 1),
        "cluster_id": pa.array([group.names[first] for first in found.first[merges.left[at]].tolist()], pa.string()),
        "kind": pa.array([_KINDS[kind] for kind in merges.kind[at].tolist()], pa.string()),
        "left_id": candidates.address_ids[merges.left[at]],
        "right_id": candidates.address_ids[merges.right[at]],
        "left_size": merges.left_size[at],
        "right_size": merges.right_size[at],
        "bits": merges.units[at] / UNIT,
        "charge_bits": merges.charge[at] / UNIT,
        "events": merges.events[at],
        "families": pa.array([sets[bits] for bits in merges.families[at].tolist()], pa.list_(pa.string())),
    }))  # fmt: skip
    con.execute(_WRITE_MERGES)
    con.unregister("merge_rows")


def _name_families(bits: int) -> list[str]:
    return [family for number, family in enumerate(FAMILIES) if bits >> number & 1]


def record_disputes(con: Connection, layer: str, candidates: Candidates, found: Clustering) -> None:
    """Write into beliefs.disputes what was refused, overruled or is in doubt, but for what the public layer has."""
    rows = [*_list_refusals(candidates, found), *_list_conflicts(candidates, found)]
    for node, owner, rival in candidates.contested:
        address_id = int(candidates.address_ids[node])
        rows.append(("label_conflict", address_id, address_id, owner, rival, None, _CONTESTED))
    for node, atoms, units in found.raised:
        detail = f"{atoms} addresses hang together: only merges of {units / UNIT:.1f} bits or more are made among them"
        rows.append(("size_gate", int(candidates.address_ids[node]), None, None, None, units / UNIT, detail))
    con.register("dispute_rows", _make_table(rows))
    con.execute(_WRITE_DISPUTES, {"layer": layer})
    con.unregister("dispute_rows")


def _list_refusals(candidates: Candidates, found: Clustering) -> list[Dispute]:
    refused = found.refusals
    rows: list[Dispute] = []
    columns = (refused.cause, refused.left, refused.right, refused.units, refused.label, refused.rival)
    for cause, left, right, units, label, rival in zip(*(column.tolist() for column in columns), strict=True):
        name, detail = _REFUSALS[cause]
        is_named = cause == unite.LABEL_VETO and label >= 0
        slugs = (candidates.slugs[label], candidates.slugs[rival]) if is_named else (None, None)
        ends = int(candidates.address_ids[left]), int(candidates.address_ids[right])
        rows.append((name, *ends, *slugs, units / UNIT, detail))
    return rows


def _list_conflicts(candidates: Candidates, found: Clustering) -> list[Dispute]:
    """List the merges that were made although labels or a hostile act stood against them."""
    merges, at_label = found.merges, candidates.constraints.label_node
    rows: list[Dispute] = []
    for step in np.flatnonzero((merges.label >= 0) | (merges.outranked > 0)).tolist():
        label, rival, units = int(merges.label[step]), int(merges.rival[step]), int(merges.units[step])
        slugs = (candidates.slugs[label], candidates.slugs[rival]) if label >= 0 else (None, None)
        if merges.outranked[step]:
            ends, cause = (merges.left[step], merges.right[step]), "overruled"
            against = "strong labels of two unrelated owners" if merges.outranked[step] & 4 else "a hostile act"
            detail = f"Judged to be the same, against {against}"
        else:
            ends, cause, detail = (at_label[label], at_label[rival]), "label_conflict", _CONFLICT
        left, right = (int(candidates.address_ids[end]) for end in ends)
        rows.append((cause, left, right, *slugs, units / UNIT, detail))
    return rows


def _make_table(rows: Sequence[Dispute]) -> pa.Table:
    names = ("cause", "left_id", "right_id", "left_entity", "right_entity", "bits", "detail")
    types = (pa.string(), pa.int64(), pa.int64(), pa.string(), pa.string(), pa.float64(), pa.string())
    columns = [[row[place] for row in rows] for place in range(len(names))]
    return pa.table({name: pa.array(c, kind) for name, c, kind in zip(names, columns, types, strict=True)})
