"""What speaks against a link, and what would change the verdict about it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from intel.model import Subject
from intel.profiler.evidence import EVIDENCE_COLUMNS, EVIDENCE_ENDS, EVIDENCE_ORDER
from intel.store.reader import Reader

_SHOWN = 10

CAUSES = {
    "label_veto": "Published labels of two owners keep them apart",
    "judgement_veto": "A judgement keeps them apart",
    "size_gate": "Both groups are large: a merge needs three independent events of two families",
    "hostile": "One acted against the other",
    "label_conflict": "Labels contradict each other",
    "overruled": "A judgement outranked what kept them apart",
}

VETOES = {"label_veto", "judgement_veto", "size_gate", "hostile"}

_DISPUTES = """
select d.cause, d.bits, d.detail, d.left_entity, d.right_entity, l.address as "left", r.address as "right",
    d.visibility
from beliefs.disputes d
left join facts.addresses l on l.address_id = d.left_id
left join facts.addresses r on r.address_id = d.right_id
where (d.left_id in (select address_id from left_members) and d.right_id in (select address_id from right_members))
    or (d.left_id in (select address_id from right_members) and d.right_id in (select address_id from left_members))
    or (coalesce(d.left_id in (select unnest($ids::bigint[])), false)
        and ($entity_id in (d.left_entity, d.right_entity)))
order by d.cause, l.address, r.address, d.detail, d.visibility
limit 10
"""

_OTHER_OWNERS = f"""
select {EVIDENCE_COLUMNS}
from beliefs.evidence v
{EVIDENCE_ENDS}
where v.left_id in (select unnest($ids::bigint[])) and v.right_entity <> $entity_id and v.weight_bits > 0
    and v.relation in ('deposit_of', 'controls')
order by {EVIDENCE_ORDER} limit {_SHOWN}
"""

_OTHER_LABELS = """
select distinct l.label, l.entity_id, l.source, l.level, l.visibility
from beliefs.labels l
join beliefs.entities e on e.entity_id = l.entity_id and e.kind = 'owner'
where l.address = $address and l.entity_id <> $entity_id
order by l.level desc nulls last, l.entity_id, l.source limit 10
"""


def list_against(
    reader: Reader, left: Subject, right: Subject, negative: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what stands against one owner of both: negative evidence, vetoes and disputes, rivals, other labels.

    Each with `kind`, `text` (a sentence), `bits` where it has any, and `visibility`; vetoes first.
    """
    address = left if left.kind == "address" else right
    owner = right if left.kind == "address" else left
    entity_id = owner.entity_id if owner.kind == "entity" and address.kind == "address" else None
    params: dict[str, object] = {"ids": list(address.address_ids), "entity_id": entity_id or ""}
    found = [
        _tell("dispute", ": ".join(filter(None, (CAUSES.get(row["cause"], row["cause"]), row["detail"]))), row["bits"],
              row["visibility"], cause=row["cause"])
        for row in reader.records(_DISPUTES, params)
    ]  # fmt: skip
    found += [
        _tell("evidence", str(row["reason"]), row["weight_bits"], row["visibility"], heuristic=row["heuristic"])
        for row in negative
    ]
    if entity_id is not None:
        found += _list_rivals(reader, address, entity_id, params)
    return found


def _list_rivals(reader: Reader, address: Subject, entity_id: str, params: dict[str, object]) -> list[dict[str, Any]]:
    found = [
        _tell("rival evidence", f"{row['right_entity']}: {row['reason']}", row["weight_bits"], row["visibility"],
              heuristic=row["heuristic"])
        for row in reader.records(_OTHER_OWNERS, params)
    ]  # fmt: skip
    labels = reader.records(_OTHER_LABELS, {"address": address.name, "entity_id": entity_id})
    found += [
        _tell("rival label", f"{row['source']} labels it {row['label'] or row['entity_id']} ({row['entity_id']})", None,
              row["visibility"], level=row["level"])
        for row in labels
    ]  # fmt: skip
    rivals = reader.records(
        """select entity_id, rival_entity_id, rival_confidence, visibility from beliefs.attributions
        where address_id in (select unnest($ids::bigint[])) and rival_entity_id is not null
            and (entity_id = $entity_id or rival_entity_id = $entity_id)
        order by rival_confidence desc, address_id, visibility limit 3""",
        params,
    )
    for row in rivals:
        if row["entity_id"] == entity_id:
            name = (
                "an owner that nobody has labelled" if row["rival_entity_id"] == "unlisted" else row["rival_entity_id"]
            )
            text = f"The best rival is {name}, {row['rival_confidence']:.1%} likely"
        else:
            text = f"It is attributed to {row['entity_id']}; {entity_id} is only the rival"
        found.append(_tell("rival", text, None, row["visibility"]))
    return found


def _tell(kind: str, text: str, bits: float | None, visibility: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "text": text, "bits": bits, "visibility": visibility, **more}


def list_changes(found: Mapping[str, Any], verdict: str) -> list[str]:
    """Return sentences: what would change the verdict, the likeliest change first."""
    sentences = [
        f"Judgement #{row['judgement_id']} ({row['verdict']}) is {row['state']}: {row['state_means']}."
        for row in found["judgements"] if row["state"].endswith("pending")
    ]  # fmt: skip
    sentences += [
        f"{row['text'].rstrip('.')}: while this stands, no evidence unites them."
        for row in found["against"] if row["kind"] == "dispute" and row.get("cause") in VETOES
    ]  # fmt: skip
    waterfall = found["waterfall"]
    if waterfall is None:
        if verdict in {"no evidence", "transfers only", "linked through others", "kept apart"}:
            sentences.append("No observation links the two directly: nothing can be added up yet.")
        return sentences
    if waterfall["missing_bits"] > 0:
        sentences.append(
            f"It has {waterfall['bits']:.2f} bits; {waterfall['missing_bits']:.2f} more are missing: "
            f"{waterfall['threshold_means']} ({waterfall['threshold_bits']:.2f} bits)."
        )
    falling = [loss for loss in waterfall["without"] if loss["falls"]]
    sentences += [f"{loss['sentence']}." for loss in falling[:5]]
    if not falling and waterfall["without"] and not waterfall["missing_bits"]:
        sentences.append(f"{waterfall['without'][0]['sentence']}: no single observation decides.")
    return sentences
