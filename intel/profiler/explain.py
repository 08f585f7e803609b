"""Why are these two linked, or what keeps them apart?"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from intel.model import MICRO, Subject
from intel.profiler.evidence import EVIDENCE_COLUMNS, EVIDENCE_ENDS, EVIDENCE_ORDER
from intel.profiler.judge import list_judgements_about
from intel.profiler.labels import list_claim_chains, list_labels
from intel.profiler.path import MergePath, find_anchor_path, find_merge_path, tell_step
from intel.profiler.postings import cap_sum
from intel.profiler.subjects import list_told_chains, read_attributions
from intel.profiler.verdict import VETOES, list_against, list_changes
from intel.profiler.waterfall import list_weights, select_across, weigh_merge, weigh_owner, weigh_pair
from intel.store.reader import Reader

_SHOWN = 50
_IN_LEFT = "select address_id from left_members"
_IN_RIGHT = "select address_id from right_members"


def explain_link(reader: Reader, left: Subject, right: Subject) -> dict[str, Any]:
    """Return verdict, answer (a sentence), and what it rests on.

    Keys: `waterfall` (bits by event up to the sum, or null; intel.profiler.waterfall), `path` (steps to the nearest
    label of an owner, or through the merge tree between two addresses), `against` (the strongest first), `changes`
    (sentences: what would change the verdict), `judgements` (with their state), `weights` (what each weight stands
    on); `evidence` (rows between the two), `shared` (third parties that both have evidence with), `transfers` (direct
    ones: how many, USD, first hashes), `left` and `right` (attributions and labels), `kept_apart_by`.
    Verdicts: same entity, same cluster, kept apart, linked, linked through others, transfers only, no evidence.
    """
    for name, subject in (("left_members", left), ("right_members", right)):
        reader.load(name, pa.table({"address_id": pa.array(subject.address_ids, pa.int64())}))
    evidence = _list_between(reader, left, right)
    judgements, warning = list_judgements_about(reader, [left, right])
    found: dict[str, Any] = {
        "left": _describe_side(reader, left),
        "right": _describe_side(reader, right),
        "evidence": [row for row in evidence if row["relation"] != "cannot_link"],
        "kept_apart_by": [row for row in evidence if row["relation"] == "cannot_link" or (row["weight_bits"] or 0) < 0],
        "shared": _list_shared(reader, left, right),
        "clusters": _list_shared_clusters(reader),
        "transfers": _count_between(reader),
        "judgements": judgements,
    }
    found["against"] = list_against(reader, left, right, found["kept_apart_by"])
    verdict, answer = _judge(found, left, right)
    found |= _weigh(reader, left, right)
    found["changes"] = list_changes(found, verdict)
    found["weights"] = list_weights(reader, _name_rules(found))
    caveats = [text for text in (warning,) if text]
    return {"verdict": verdict, "answer": answer, **found, "caveats": caveats, "build": reader.build_id}


def _weigh(reader: Reader, left: Subject, right: Subject) -> dict[str, Any]:
    """Return the sum of bits and the path that answer the question: of two addresses, or of one and an owner."""
    if left.kind == "address" and right.kind == "address":
        way = find_merge_path(reader, left.address_ids, right.address_ids)
        if way is not None:
            return {"waterfall": weigh_merge(reader, way), "path": _tell_merges(reader, way)}
        return {"waterfall": weigh_pair(reader, left.address_ids, right.address_ids), "path": []}
    if left.kind == "entity" and right.kind == "entity":
        return {"waterfall": None, "path": []}
    address, owner = (left, right) if left.kind == "address" else (right, left)
    path = find_anchor_path(reader, address.address_ids, str(owner.entity_id))
    return {"waterfall": weigh_owner(reader, address.address_ids, str(owner.entity_id)), "path": path}


def _tell_merges(reader: Reader, way: MergePath) -> list[dict[str, Any]]:
    """Return the merges on the way, each with the evidence between its two ends, in walking order."""
    steps = []
    for merge in way.merges:
        rows = select_across(reader, [merge["left_id"]], [merge["right_id"]], merge["visibility"])
        ends = (merge["left"], merge["right"])
        step = tell_step(rows, ends if merge["from_id"] == merge["left_id"] else ends[::-1], "same_controller",
                         merge["bits"], merge["kind"])  # fmt: skip
        if merge["kind"] == "judgement":
            step |= {"reason": "A person judged them the same", "visibility": "private"}
        steps.append(step | {"left_size": merge["left_size"], "right_size": merge["right_size"]})
    return steps


def _name_rules(found: dict[str, Any]) -> list[str]:
    bars = found["waterfall"]["bars"] if found["waterfall"] else []
    rows = [*found["evidence"], *bars, *found["path"]]
    return sorted({str(row["heuristic"]) for row in rows if row.get("heuristic")})


def _list_between(reader: Reader, left: Subject, right: Subject) -> list[dict[str, Any]]:
    left_entity = left.entity_id if left.kind == "entity" else None
    right_entity = right.entity_id if right.kind == "entity" else None
    return reader.records(
        f"""select {EVIDENCE_COLUMNS} from (
            select * from beliefs.evidence v
            where (v.left_id in ({_IN_LEFT}) and (v.right_id in ({_IN_RIGHT}) or v.right_entity = $right_entity))
                or (v.left_id in ({_IN_RIGHT}) and (v.right_id in ({_IN_LEFT}) or v.right_entity = $left_entity))
            order by {EVIDENCE_ORDER} limit {_SHOWN}) v
        {EVIDENCE_ENDS} order by {EVIDENCE_ORDER}""",
        {"left_entity": left_entity, "right_entity": right_entity},
    )


def _list_shared(reader: Reader, left: Subject, right: Subject) -> list[dict[str, Any]]:
    """Return third parties, an address or an entity, with which both sides have evidence; the strongest first."""
    return reader.records(
        f"""with ends as (
            select v.left_id as near, v.right_id as far, v.right_entity as far_entity, v.* from beliefs.evidence v
            union all
            select v.right_id, v.left_id, null, v.* from beliefs.evidence v where v.right_id is not null),
        ours as (select * from ends where near in ({_IN_LEFT})),
        theirs as (select * from ends where near in ({_IN_RIGHT})),
        met as (
            select coalesce(o.far_entity, 'id ' || o.far) as key, min(o.far) as far, min(o.far_entity) as entity_id,
                max(o.weight_bits) as left_bits, max(t.weight_bits) as right_bits,
                arg_max(o.reason, (o.weight_bits, o.heuristic, o.event)) as left_reason,
                arg_max(t.reason, (t.weight_bits, t.heuristic, t.event)) as right_reason
            from ours o join theirs t
                on coalesce(o.far_entity, 'id ' || o.far) = coalesce(t.far_entity, 'id ' || t.far)
            where o.relation <> 'cannot_link' and t.relation <> 'cannot_link'
                and coalesce(o.far_entity not in ($left_entity, $right_entity), true)
                and (o.far is null or o.far not in (select * from left_members union select * from right_members))
            group by 1
            order by least(left_bits, right_bits) desc, key limit {_SHOWN})
        select a.chain, a.address, m.entity_id, m.left_bits, m.right_bits, m.left_reason, m.right_reason
        from met m left join facts.addresses a on a.address_id = m.far
        order by least(m.left_bits, m.right_bits) desc, m.key""",
        {side: one.entity_id if one.kind == "entity" else "" for side, one in
         (("left_entity", left), ("right_entity", right))},
    )  # fmt: skip


def _list_shared_clusters(reader: Reader) -> list[dict[str, Any]]:
    rows = reader.query(
        f"""select l.cluster_id, count(distinct l.address_id), count(distinct r.address_id)
        from beliefs.clusters l join beliefs.clusters r on r.cluster_id = l.cluster_id and r.visibility = l.visibility
        where l.address_id in ({_IN_LEFT}) and r.address_id in ({_IN_RIGHT}) group by 1 order by 1 limit {_SHOWN}"""
    )
    return [{"cluster_id": row[0], "left_addresses": row[1], "right_addresses": row[2]} for row in rows]


def _count_between(reader: Reader) -> dict[str, Any]:
    reader.query(
        f"""create or replace temp table between_them as
        select p.transfer_id, p.direction, p.block_time, p.value_micro_usd from facts.postings p
        where p.address_id in ({_IN_LEFT}) and p.counterparty_id in ({_IN_RIGHT})"""
    )
    row = reader.query(
        f"""select count(*) filter (direction < 0), count(*) filter (direction > 0),
            {cap_sum("coalesce(sum(value_micro_usd) filter (direction < 0), 0)")},
            {cap_sum("coalesce(sum(value_micro_usd) filter (direction > 0), 0)")}, min(block_time), max(block_time)
        from between_them"""
    )[0]
    hashes = reader.query(
        """select t.tx_hash from facts.transfers t where t.transfer_id in (
            select distinct transfer_id from between_them order by transfer_id limit 20) order by t.transfer_id"""
    )
    return {
        "left_to_right": row[0],
        "right_to_left": row[1],
        "left_to_right_usd": row[2] / MICRO,
        "right_to_left_usd": row[3] / MICRO,
        "first_time": row[4],
        "last_time": row[5],
        "tx_hashes": list(dict.fromkeys(item[0] for item in hashes)),
    }


def _describe_side(reader: Reader, subject: Subject) -> dict[str, Any]:
    return {
        "kind": subject.kind,
        "name": subject.name,
        "entity_id": subject.entity_id,
        "attributions": list_attributions(reader, subject),
        "labels": list_labels(reader, subject, limit=10),
    }


def list_attributions(reader: Reader, subject: Subject, *, limit: int = 10) -> list[dict[str, Any]]:
    """Return who an address belongs to, on each chain, with confidence, path (basis, reason) and the best rival."""
    if subject.kind == "entity":
        return []
    rows = read_attributions(reader, subject.address_ids)
    chains = set(list_claim_chains(subject))
    if list_told_chains(reader, subject.name):
        told = "select * from beliefs.attributions where address_id is null and address = $address"
        rows = rows + reader.records(told, {"address": subject.name})
    rows = [row for row in rows if row["chain"] in chains]
    return [{name: row[name] for name in _TOLD} for row in sorted(rows, key=_rank_attribution)[:limit]]


_TOLD = (
    "chain", "address", "entity_id", "confidence", "tier", "status", "role", "basis", "reason", "label_source",
    "rival_entity_id", "rival_confidence", "visibility",
)  # fmt: skip


def _rank_attribution(row: dict[str, Any]) -> tuple[bool, float, str, str]:
    """Order attributions of one address: private before public, the surest first."""
    confidence = -1.0 if row["confidence"] is None else row["confidence"]
    return row["visibility"] != "private", -confidence, row["chain"], row["entity_id"]


def _judge(found: dict[str, Any], left: Subject, right: Subject) -> tuple[str, str]:
    count = len(found["evidence"])
    judged = _find_judgement(found)
    if judged:
        return "kept apart", judged
    if left.entity_id is not None and left.entity_id == right.entity_id:
        return "same entity", f"Both belong to {left.entity_id}; evidence rows between the two: {count}."
    if found["clusters"]:
        return "same cluster", f"Both are in cluster {found['clusters'][0]['cluster_id']}."
    apart = _find_obstacle(found, left, right)
    if apart:
        return "kept apart", apart
    if count:
        links = "1 evidence row links them; it is" if count == 1 else f"{count} evidence rows link them; they are"
        return "linked", f"{links} not enough for one entity."
    if found["shared"]:
        return "linked through others", f"Both have evidence with {len(found['shared'])} third parties, none directly."
    moved = found["transfers"]["left_to_right"] + found["transfers"]["right_to_left"]
    if moved:
        return "transfers only", f"{moved} transfers went between them; a transfer alone is no evidence of one owner."
    return "no evidence", "Nothing in this store links them. That is no proof that they are unrelated."


def _find_judgement(found: dict[str, Any]) -> str:
    """Return what a judgement that this build has applied says against the two being one."""
    for row in found["judgements"]:
        if row["verdict"] == "different" and row["state"] in {"applied", "revocation pending"}:
            return f"Judgement #{row['judgement_id']} keeps them apart, because {row['because'].rstrip('.')}."
    return ""


def _find_obstacle(found: dict[str, Any], left: Subject, right: Subject) -> str:
    """Return what keeps two subjects of no common owner apart: a veto, evidence against, or two owners."""
    for row in found["against"]:
        if row.get("cause") in VETOES:
            return f"{row['text']}."
    if found["kept_apart_by"]:
        return str(found["kept_apart_by"][0]["reason"])
    if left.entity_id and right.entity_id:
        return f"One belongs to {left.entity_id}, the other to {right.entity_id}."
    return ""
