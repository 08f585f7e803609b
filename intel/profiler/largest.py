"""Which entities does one begin with?"""

from __future__ import annotations

from intel.profiler.postings import ENTITIES
from intel.store.reader import Reader


def list_largest(reader: Reader, category: str | None = None, *, limit: int = 10) -> list[tuple[str, str, int]]:
    """Return (entity_id, name, addresses) of the entities with most addresses in the ledger, of one category or all."""
    rows = reader.query(
        f"""select e.entity_id, coalesce(e.name, e.entity_id), count(distinct a.address_id) as addresses
        from ({ENTITIES}) e join beliefs.attributions a using (entity_id)
        where a.address_id is not null and ($category is null or e.category = $category)
        group by 1, 2 order by addresses desc, e.entity_id limit $limit""",
        {"category": category, "limit": limit},
    )
    return [(str(row[0]), str(row[1]), int(row[2])) for row in rows]
