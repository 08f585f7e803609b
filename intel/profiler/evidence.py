"""What evidence is there about the subject, in sentences that can be checked?"""

from __future__ import annotations

from collections import Counter
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
_NOT_SHOWN = ("left_id", "right_id", "weight_is_assumed", "place", "mark")

# Rows of equal weight stand in the order of their ends, then of a mark of all else that tells them apart: two builds of
# the same lake fill the table in different orders.
_PLACE = "rowid as place, hash(event, right_entity, visibility) as mark"
_LAST = "left_id nulls last, right_id nulls last, mark, place"


def _select_about(subject: Subject) -> tuple[str, dict[str, object]]:
    """Return SQL of the rows that touch a member, by one end or the other, and its parameters; needs `members`.

    A row may come twice: its place tells.
    """
    # Looks that an index answers, one after the other, are quicker than one with an `or`, or a second condition.
    by_left, params = select_rows(subject, "beliefs.evidence", "left_id", columns=f"*, {_PLACE}")
    by_right, _ = select_rows(subject, "beliefs.evidence", "right_id", columns=f"*, {_PLACE}")
    about = f"select * from {by_left} union all select * from {by_right}"
    if subject.kind == "entity":
        about += f" union all select *, {_PLACE} from beliefs.evidence where right_entity = $entity_id"
        params["entity_id"] = subject.entity_id
    return about, params


def list_evidence(reader: Reader, subject: Subject, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return the evidence rows about the subject, with addresses instead of ids.

    The weightiest of each kind of statement (a rule's relation) come first, then the second of each, and so on: a rule
    that speaks of every member would hide all others.
    """
    gather_members(reader, subject)
    about, params = _select_about(subject)
    is_large = len(subject.address_ids) >= _FEW
    rows = [] if is_large else reader.records(f"{about} limit $few", {**params, "few": _FEW})
    # A few are put in order here: a plan that sorts rows as wide takes half as long again to make.
    is_large = is_large or len(rows) == _FEW
    rows = _read_in_turns(reader, subject, limit) if is_large else _take_turns(rows)[:limit]
    # Joining the names of both ends costs more to plan than looking them up for the rows that are shown.
    ids = sorted({row[end] for row in rows for end in ("left_id", "right_id") if row[end] is not None})
    named = name_addresses(reader, ids)
    return [_name_ends(row, named) for row in rows]


def _take_turns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put rows in the order of their places among their kind, the weightiest first."""
    seen: Counter[tuple[str, str]] = Counter()
    turns = []
    for row in sorted({row["place"]: row for row in rows}.values(), key=_rank_weight):
        kind = (row["heuristic"], row["relation"])
        turns.append((seen[kind], row))
        seen[kind] += 1
    return [row for _, row in sorted(turns, key=lambda turn: turn[0])]


def _rank_weight(row: dict[str, Any]) -> tuple[object, ...]:
    """Order as `_LAST` does within one weight, the largest weight first."""
    bits, ends = row["weight_bits"], (row["left_id"], row["right_id"])
    known = ((end is None, end or 0) for end in ends)
    return bits is None, -abs(bits or 0.0), *known, row["mark"], row["place"]


def _read_in_turns(reader: Reader, subject: Subject, limit: int) -> list[dict[str, Any]]:
    """Do in SQL what `_take_turns` does: find the rows by what their order rests on, then read those whole.

    The largest owner has millions of rows, as wide as sentences.
    """
    names = "or right_entity = $entity_id" if subject.kind == "entity" else ""
    reader.query(
        f"""create or replace temp table evidence_turns as
        select place, row_number() over (order by turn, weight desc nulls last, {_LAST}) as turn from (
            select *, row_number() over (
                partition by heuristic, relation order by weight desc nulls last, {_LAST}) as turn
            from (
                select heuristic, relation, abs(weight_bits) as weight, left_id, right_id, {_PLACE}
                from beliefs.evidence
                where left_id in (select address_id from members) or right_id in (select address_id from members)
                    {names})
            qualify turn <= $limit)
        order by turn limit $limit""",
        {"limit": limit} | ({"entity_id": subject.entity_id} if names else {}),
    )
    return reader.records(
        "select v.*, t.place from beliefs.evidence v join evidence_turns t on t.place = v.rowid order by t.turn"
    )


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
