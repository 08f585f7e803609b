"""Which addresses belong to an entity, in which role, and how sure are we of each?"""

from __future__ import annotations

import pyarrow as pa

from intel.model import Subject
from intel.store.reader import Reader

# At the subject's tier, and not where a private attribution stands before a public one.
_IS_MEMBER = """a.entity_id = $entity_id
            and (a.tier = 'confirmed' or a.status = 'labelled' or $tier = 'probable')
            and (a.visibility = 'private' or not exists (
                select 1 from beliefs.attributions b
                where b.visibility = 'private' and b.chain = a.chain and b.address = a.address))"""


def tabulate_members(reader: Reader, subject: Subject, *, limit: int | None = None) -> pa.Table:
    """Return the entity's addresses at the subject's tier, the busiest first; `limit` None means all.

    Columns: address, chain, role, status, tier, confidence, transfers_in, transfers_out, first_time, last_time, basis,
    reason, label_source, visibility. A list (sanctioned, ...) owns nothing and has none.
    """
    return reader.arrow(
        f"""select a.address, a.chain, a.role,
            case when a.visibility = 'private' then 'private' else a.status end as status, a.tier, a.confidence,
            coalesce(s.transfers_in, 0) as transfers_in, coalesce(s.transfers_out, 0) as transfers_out,
            s.first_time, s.last_time, a.basis, a.reason, a.label_source, a.visibility
        from beliefs.attributions a left join facts.address_stats s using (address_id)
        where {_IS_MEMBER}
        order by coalesce(s.transfers_in, 0) + coalesce(s.transfers_out, 0) desc, a.chain, a.address, a.visibility
        limit $limit""",
        {"entity_id": subject.entity_id, "tier": subject.tier, "limit": 2**62 if limit is None else limit},
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
