"""By which steps does evidence lead from one address to another, or to the nearest label of an owner?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

from intel.entities.arithmetic import weigh_link
from intel.entities.paths import DECAY
from intel.profiler.evidence import EVIDENCE_COLUMNS, EVIDENCE_ENDS, EVIDENCE_ORDER
from intel.store.reader import Reader

MAX_STEPS = 4
_WIDTH = 400  # addresses looked at per step, the likeliest first
_STEP_COST = log2(1 / DECAY)

_AROUND = f"""
select v.left_id, v.right_id, {EVIDENCE_COLUMNS}
from (
    select * from beliefs.evidence where left_id in (select unnest($ids::bigint[]))
    union
    select * from beliefs.evidence where right_id in (select unnest($ids::bigint[]))
) v
{EVIDENCE_ENDS}
where v.relation in ('same_controller', 'deposit_of', 'controls') and v.weight_bits > 0
order by {EVIDENCE_ORDER}
"""

_MERGES = """
select m.step, m.kind, m.left_id, m.right_id, m.left_size, m.right_size, m.bits, m.charge_bits, m.events, m.families,
    m.visibility, m.cluster_id, l.chain as left_chain, l.address as "left", r.chain as right_chain,
    r.address as "right"
from beliefs.merges m
left join facts.addresses l on l.address_id = m.left_id
left join facts.addresses r on r.address_id = m.right_id
where m.cluster_id = $cluster_id and m.visibility = $visibility
order by m.step
"""

# The strongest labels of an owner, its own wallets before others of the same confidence.
_ANCHORS = """
select n.address_id, a.chain, a.address, n.entity_id, n.label, n.label_source, n.level, n.confidence, n.role,
    n.visibility
from beliefs.anchors n
join facts.addresses a on a.address_id = n.address_id
where n.entity_id = $entity_id
order by n.confidence desc, a.chain, a.address, n.visibility
"""


@dataclass(frozen=True, slots=True)
class MergePath:
    """The merges between two addresses, in order, and the one that united them with its two sides."""

    merges: list[dict[str, Any]]
    uniting: dict[str, Any]
    left_ids: list[int]
    right_ids: list[int]


def find_merge_path(reader: Reader, left_ids: Iterable[int], right_ids: Iterable[int]) -> MergePath | None:
    """Return the way through the merge tree of the cluster that holds both, private knowledge first; None: no such."""
    starts, goals = sorted(left_ids), set(right_ids)
    clusters = reader.query(
        """select distinct l.cluster_id, l.visibility from beliefs.clusters l
        join beliefs.clusters r on r.cluster_id = l.cluster_id and r.visibility = l.visibility
        where l.address_id in (select unnest($left::bigint[])) and r.address_id in (select unnest($right::bigint[]))
        order by l.visibility = 'private' desc, l.cluster_id""",
        {"left": starts, "right": sorted(goals)},
    )
    for cluster_id, visibility in clusters:
        merges = reader.records(_MERGES, {"cluster_id": cluster_id, "visibility": visibility})
        way = _walk_tree(merges, starts, goals)
        if way:
            uniting = max(way, key=lambda merge: int(merge["step"]))
            sides = _replay(merges, uniting)
            return MergePath(way, uniting, sorted(sides[0]), sorted(sides[1]))
    return None


def _walk_tree(merges: list[dict[str, Any]], starts: list[int], goals: set[int]) -> list[dict[str, Any]]:
    """Return the merges on the way from a start to a goal; each `from` and `to` say in which direction."""
    around: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for merge in merges:
        around.setdefault(merge["left_id"], []).append((merge["right_id"], merge))
        around.setdefault(merge["right_id"], []).append((merge["left_id"], merge))
    came: dict[int, tuple[int, dict[str, Any]] | None] = dict.fromkeys(starts)
    queue = list(starts)
    for node in queue:
        if node in goals:
            return _collect(came, node)
        for other, merge in around.get(node, ()):
            if other not in came:
                came[other] = node, merge
                queue.append(other)
    return []


def _collect(came: Mapping[int, tuple[int, dict[str, Any]] | None], node: int) -> list[dict[str, Any]]:
    way: list[dict[str, Any]] = []
    while (step := came[node]) is not None:
        way.append({**step[1], "from_id": step[0], "to_id": node})
        node = step[0]
    return way[::-1]


def _replay(merges: list[dict[str, Any]], last: Mapping[str, Any]) -> tuple[set[int], set[int]]:
    """Return the two groups as they stood before the merge `last`."""
    groups: dict[int, set[int]] = {}
    for merge in merges:
        one = groups.setdefault(merge["left_id"], {merge["left_id"]})
        other = groups.setdefault(merge["right_id"], {merge["right_id"]})
        if merge["step"] == last["step"]:
            return one, other
        small, large = sorted((one, other), key=len)
        large |= small
        for member in small:
            groups[member] = large
    return {last["left_id"]}, {last["right_id"]}


def find_anchor_path(reader: Reader, address_ids: Iterable[int], entity_id: str) -> list[dict[str, Any]]:
    """Return the likeliest steps of evidence from an address to a label of an owner; empty where there are none.

    A step: `from`, `to`, the relation, its bits (each event once, caps, prior), its strongest row's rule, version,
    reason, and the transactions of all its rows. The last step is the label. At most four steps; it does not pass
    through services.
    """
    anchors = reader.records(_ANCHORS, {"entity_id": entity_id})
    search = _Search(entity_id, {row["address_id"] for row in anchors}, sorted(address_ids))
    for step in range(MAX_STEPS):
        walls = _list_walls(reader, search.frontier) if step else set()  # a path may begin at a service
        nodes = sorted(search.frontier - walls, key=search.rank)[:_WIDTH]
        search.frontier = set()
        for (one, other, target), link in _list_links(reader, nodes).items():
            search.follow(one, other, target, link)
    if search.found is None:
        return []
    return _tell_path(search.came, search.found, entity_id, _put_paid_first(reader, anchors, search.found[1]))


class _Search:
    """What is reached so far, at what cost (-log2 of the path's probability), and the cheapest way to the owner."""

    def __init__(self, entity_id: str, labelled: set[int], starts: list[int]) -> None:
        self.entity_id = entity_id
        self.labelled = labelled
        self.costs: dict[int, float] = dict.fromkeys(starts, 0.0)
        self.came: dict[int, tuple[int, dict[str, Any]] | None] = dict.fromkeys(starts)
        self.found: tuple[float, int, dict[str, Any] | None] | None = None
        self.frontier = set(starts)
        for node in sorted(labelled & self.frontier)[:1]:
            self._reach(0.0, node, None)
            self.frontier = set()

    def rank(self, node: int) -> tuple[float, int]:
        """Return what the likelier address has less of."""
        return self.costs[node], node

    def follow(self, one: int, other: int, target: str | None, link: dict[str, Any]) -> None:
        """Take a link into account: to an owner, or between two addresses in both directions."""
        if target is not None:
            if target == self.entity_id and one in self.costs:
                self._reach(self.costs[one] + link["cost"], one, link)
            return
        for start, end in ((one, other), (other, one)):
            cost = self.costs.get(start, float("inf")) + link["cost"]
            if cost < self.costs.get(end, float("inf")):
                self.costs[end], self.came[end] = cost, (start, link)
                self.frontier.add(end)
                if end in self.labelled:
                    self._reach(cost, end, None)

    def _reach(self, cost: float, node: int, link: dict[str, Any] | None) -> None:
        if self.found is None or cost < self.found[0]:
            self.found = (cost, node, link)


def _put_paid_first(reader: Reader, anchors: list[dict[str, Any]], address_id: int) -> list[dict[str, Any]]:
    """Return the labels with those first whose address was paid: a deposit address leads to the wallet it pays."""
    paid = reader.query(
        """select distinct counterparty_id from facts.postings where address_id = $address_id and direction < 0
            and counterparty_id in (select unnest($anchors::bigint[]))""",
        {"address_id": address_id, "anchors": [row["address_id"] for row in anchors]},
    )
    near = {row[0] for row in paid}
    return sorted(anchors, key=lambda row: row["address_id"] not in near)


def _list_links(reader: Reader, ids: list[int]) -> dict[tuple[int, int, str | None], dict[str, Any]]:
    """Return what links the addresses to others or to an owner, each link weighed as a whole."""
    rows: dict[tuple[int, int, str | None, str], list[dict[str, Any]]] = {}
    for row in reader.records(_AROUND, {"ids": ids}) if ids else []:
        right = -1 if row["right_id"] is None or row["right_entity"] is not None else row["right_id"]
        rows.setdefault((row["left_id"], right, row["right_entity"], row["relation"]), []).append(row)
    links: dict[tuple[int, int, str | None], dict[str, Any]] = {}
    for (left, right, entity_id, relation), found in rows.items():
        weighed = weigh_link(found, relation)
        cost = -log2(weighed.probability) + _STEP_COST
        known = links.get((left, right, entity_id))
        if known is None or cost < known["cost"]:
            links[left, right, entity_id] = {"cost": cost, "relation": relation, "weighed": weighed, "rows": found}
    return links


def _list_walls(reader: Reader, ids: set[int]) -> set[int]:
    rows = reader.query(
        "select distinct address_id from beliefs.services where address_id in (select unnest($ids::bigint[]))",
        {"ids": sorted(ids)},
    )
    return {int(row[0]) for row in rows}


def _tell_path(
    came: Mapping[int, tuple[int, dict[str, Any]] | None],
    found: tuple[float, int, dict[str, Any] | None],
    entity_id: str,
    anchors: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    _, node, last = found
    steps: list[dict[str, Any]] = []
    cursor = node
    while (step := came[cursor]) is not None:
        row = step[1]["rows"][0]
        is_forward = row["left_id"] == step[0]
        ends = (row["left"], row["right"]) if is_forward else (row["right"], row["left"])
        steps.append(tell_step(step[1]["rows"], ends, step[1]["relation"], float(step[1]["weighed"].bits)))
        cursor = step[0]
    steps.reverse()
    if last is not None:
        steps.append(
            tell_step(last["rows"], (last["rows"][0]["left"], entity_id), last["relation"], float(last["weighed"].bits))
        )
    label = next((row for row in anchors if last is not None or row["address_id"] == node), None)
    if label is not None:
        steps.append(_tell_label(label))
    return steps


def _tell_label(label: Mapping[str, Any]) -> dict[str, Any]:
    named = f'labelled "{label["label"] or label["entity_id"]}" by {label["label_source"] or "an unnamed source"}'
    return {
        "kind": "label", "from": label["address"], "to": label["entity_id"], "relation": "label", "bits": None,
        "confidence": label["confidence"], "heuristic": None, "version": None, "rules": [],
        "reason": f"{label['address']} is {named}", "level": label["level"], "weight": None, "tx_hashes": [],
        "visibility": label["visibility"],
    }  # fmt: skip


def tell_step(
    rows: list[dict[str, Any]], ends: tuple[str, str], relation: str, bits: float | None, kind: str = "evidence"
) -> dict[str, Any]:
    """Return one step of a path as the reader sees it; `rows` are its evidence, the strongest first."""
    first: Mapping[str, Any] = rows[0] if rows else {}
    hashes = list(dict.fromkeys(tx for row in rows for tx in row["tx_hashes"] or ()))
    is_private = any(row["visibility"] == "private" for row in rows)
    return {
        "kind": kind, "from": ends[0], "to": ends[1], "relation": relation, "bits": bits, "confidence": None,
        "heuristic": first.get("heuristic"), "version": first.get("version"),
        "rules": sorted({f"{row['heuristic']} v{row['version']}" for row in rows}), "reason": first.get("reason"),
        "level": None, "weight": ("assumed" if first["weight_is_assumed"] else "measured") if first else None,
        "tx_hashes": hashes[:20], "visibility": "private" if is_private else "public",
    }  # fmt: skip
