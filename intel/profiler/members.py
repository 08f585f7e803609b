"""Which addresses belong to an entity, in which role, and how sure are we of each?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from intel.errors import UsageError
from intel.model import Subject
from intel.store.reader import Reader

MemberSort = Literal[
    "transfers", "address", "role", "status", "tier", "confidence", "evidence", "first_time", "last_time"
]
MemberKey = tuple[Any, ...]  # sort value, chain, address and visibility of the last row seen

# At the subject's tier, and not where a private attribution stands before a public one.
_IS_MEMBER = """a.entity_id = $entity_id
            and (a.tier = 'confirmed' or a.status = 'labelled' or $tier = 'probable')
            and (a.visibility = 'private' or not exists (
                select 1 from beliefs.attributions b
                where b.visibility = 'private' and b.chain = a.chain and b.address = a.address))"""


_TRANSFERS = "coalesce(s.transfers_in, 0) + coalesce(s.transfers_out, 0)"
_NEVER = "timestamp '0001-01-01'"

# What members are ordered by, before chain and address; never null, so a key compares with any row.
_SORTS: Mapping[str, str] = {
    "transfers": _TRANSFERS,
    "address": "a.address",
    "role": "coalesce(a.role, '')",
    "status": "case when a.visibility = 'private' then 'private' else a.status end",
    "tier": "a.tier",
    "confidence": "coalesce(a.confidence, -1)",
    "evidence": "coalesce(e.evidence, 0)",
    "first_time": f"coalesce(s.first_time, {_NEVER})",
    "last_time": f"coalesce(s.last_time, {_NEVER})",
}
_KEYS = ("sort_value", "chain", "address", "visibility")

# Evidence has two ends; an address stands at either.
_EVIDENCE = """(select address_id, count(*) as evidence from (
        select left_id as address_id from beliefs.evidence
        union all select right_id from beliefs.evidence where right_id is distinct from left_id)
    where address_id in ({ids}) group by 1)"""


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members, and the key of the last: pass it as `after` for the next page; None after the last page."""

    rows: pa.Table
    next_key: MemberKey | None


def read_members(
    reader: Reader,
    subject: Subject,
    *,
    sort: MemberSort = "transfers",
    descending: bool = True,
    limit: int = 100,
    after: MemberKey | None = None,
    role: str | None = None,
) -> MemberPage:
    """Return up to `limit` of the entity's addresses in order of a column, the ones behind the key `after`.

    Columns as in `tabulate_members`; `role` keeps those of one role. Ties stand by chain and address, in the same
    direction; an address never seen in the ledger is the earliest.
    """
    if sort not in _SORTS:
        raise UsageError(f"members cannot be sorted by {sort!r}", f"sort by {', '.join(_SORTS)}")
    params: dict[str, object] = {"role": role, "limit": limit}
    behind = "true"
    if after is not None:
        behind = f"({', '.join(_KEYS)}) {'<' if descending else '>'} ($k0, $k1, $k2, $k3)"
        params |= {f"k{place}": value for place, value in enumerate(after)}
    order = "desc" if descending else "asc"
    table = _select(
        reader, subject, sort, order, condition=f"($role is null or role = $role) and {behind}", params=params
    )
    key: MemberKey | None = None
    if limit and table.num_rows == limit:
        last = table.slice(limit - 1).to_pylist()[0]
        key = tuple(last[name] for name in _KEYS)
    return MemberPage(table.drop_columns(["sort_value"]), key)


def tabulate_members(reader: Reader, subject: Subject, *, limit: int | None = None) -> pa.Table:
    """Return the entity's addresses at the subject's tier, the busiest first; `limit` None means all.

    Columns: address, chain, role, status, tier, confidence, evidence (rows that name it), transfers_in, transfers_out,
    first_time, last_time, basis, reason, label_source, visibility. A list (sanctioned, ...) owns nothing and has none.
    """
    params: dict[str, object] = {"limit": 2**62 if limit is None else limit}
    return _select(reader, subject, "transfers", "desc", condition="true", params=params).drop_columns(["sort_value"])


def _select(
    reader: Reader, subject: Subject, sort: MemberSort, order: str, *, condition: str, params: dict[str, object]
) -> pa.Table:
    """Choose the rows first and count their evidence then: counting it for a million members takes a second."""
    by_evidence = sort == "evidence"
    ids = f"select a.address_id from beliefs.attributions a where {_IS_MEMBER}"
    early = f"left join {_EVIDENCE.format(ids=ids)} e using (address_id)" if by_evidence else ""
    ties = ", ".join(f"{name} {order}" for name in _KEYS[1:])
    return reader.arrow(
        f"""with chosen as materialized (
            select * from (
                select a.address_id, a.address, a.chain, a.role,
                    case when a.visibility = 'private' then 'private' else a.status end as status, a.tier,
                    a.confidence, coalesce(s.transfers_in, 0) as transfers_in,
                    coalesce(s.transfers_out, 0) as transfers_out, s.first_time, s.last_time, a.basis, a.reason,
                    a.label_source, a.visibility, {_SORTS[sort]} as sort_value
                from beliefs.attributions a left join facts.address_stats s using (address_id) {early}
                where {_IS_MEMBER})
            where {condition} order by sort_value {order}, {ties} limit $limit)
        select c.address, c.chain, c.role, c.status, c.tier, c.confidence, coalesce(n.evidence, 0) as evidence,
            c.* exclude (address_id, address, chain, role, status, tier, confidence)
        from chosen c left join {_EVIDENCE.format(ids="select address_id from chosen")} n using (address_id)
        order by c.sort_value {order}, {", ".join(f"c.{name} {order}" for name in _KEYS[1:])}""",
        {"entity_id": subject.entity_id, "tier": subject.tier, **params},
    )


def count_members(reader: Reader, subject: Subject) -> dict[str, int]:
    """Return how many of the entity's addresses are there per status: labelled, attributed, private."""
    rows = reader.query(
        f"""select case when a.visibility = 'private' then 'private' else a.status end as standing,
            count(distinct (a.chain, a.address))
        from beliefs.attributions a
        where {_IS_MEMBER}
        group by 1 order by 1 desc""",
        {"entity_id": subject.entity_id, "tier": subject.tier},
    )
    return {str(standing): int(count) for standing, count in rows}
