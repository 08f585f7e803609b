"""What evidence is there about the subject, in sentences that can be checked?"""

from __future__ import annotations

from typing import Any

from intel.model import Subject
from intel.profiler.postings import gather_members, name_addresses, select_rows
from intel.store.reader import Reader

# Every column of an evidence row as the reader sees it: addresses in words, never ids.
EVIDENCE_COLUMNS = """l.chain as left_chain, l.address as "left",
    coalesce(r.address, v.right_entity) as "right", r.chain as right_chain, v.right_entity,
    v.relation, v.heuristic, v.version, v.family, v.event, v.weight_bits, coalesce(v.weight_is_assumed, true) as
    weight_is_assumed, v.support, v.tx_hashes, v.first_block, v.last_block, v.valid_from, v.valid_to, v.visibility,
    v.reason"""
EVIDENCE_ENDS = """left join facts.addresses l on l.address_id = v.left_id
    left join facts.addresses r on r.address_id = v.right_id"""
EVIDENCE_ORDER = """abs(v.weight_bits) desc nulls last, v.heuristic, v.event, v.left_id, v.right_id, v.right_entity,
    v.relation, v.visibility"""

_FEW = 1000


def _about(subject: Subject) -> tuple[str, dict[str, object]]:
    """Return SQL of the rows that touch a member, by one end or the other: a row may come twice, see `_IS_FIRST`."""
    # Two looks that an index answers, one after the other, are quicker than one with an `or`, or a second condition.
    by_left, params = select_rows(subject, "beliefs.evidence", "left_id")
    by_right, _ = select_rows(subject, "beliefs.evidence", "right_id")
    about = f"select true as is_left, * from {by_left} union all select false, * from {by_right}"
    if subject.kind == "entity":
        about += " union all select false, * from beliefs.evidence where right_entity = $entity_id"
        params["entity_id"] = subject.entity_id
    return about, params


_IS_FIRST = "is_left or left_id not in (select address_id from members)"


def list_evidence(reader: Reader, subject: Subject, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return the evidence rows about the subject, the weightiest first, with addresses instead of ids."""
    gather_members(reader, subject)
    about, params = _about(subject)
    rows = reader.records(f"{about} limit $few", {**params, "few": _FEW})
    if len(rows) < _FEW:  # put in order here: a plan that sorts rows as wide takes half as long again to make
        members = frozenset(subject.address_ids)
        rows = [row for row in rows if row["is_left"] or row["left_id"] not in members]
        rows = sorted(rows, key=_rank_evidence)[:limit]
    else:
        rows = reader.records(
            f"select * from ({about}) v where {_IS_FIRST} order by {EVIDENCE_ORDER} limit $limit",
            {**params, "limit": limit},
        )
    # Joining the names of both ends costs more to plan than looking them up for the rows that are shown.
    ids = sorted({row[end] for row in rows for end in ("left_id", "right_id") if row[end] is not None})
    named = name_addresses(reader, ids)
    return [_name_ends(row, named) for row in rows]


def _rank_evidence(row: dict[str, Any]) -> tuple[Any, ...]:
    """Order as `EVIDENCE_ORDER` does: what is null stands last."""
    bits = row["weight_bits"]
    names = ("heuristic", "event", "left_id", "right_id", "right_entity", "relation", "visibility")
    return (bits is None, -abs(bits or 0.0)), *((row[name] is None, row[name]) for name in names)


_NOT_SHOWN = {"is_left", "left_id", "right_id", "weight_is_assumed"}


def _name_ends(row: dict[str, Any], named: dict[int, tuple[str, str]]) -> dict[str, Any]:
    left = named.get(row["left_id"], (None, None))
    right = named.get(row["right_id"], (None, row["right_entity"]))
    rest = {name: value for name, value in row.items() if name not in _NOT_SHOWN}
    return {
        "left_chain": left[0],
        "left": left[1],
        "right": right[1],
        "right_chain": right[0],
        **rest,
        "weight_is_assumed": row["weight_is_assumed"] is not False,
    }
