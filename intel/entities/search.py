"""Which entities might a typed name mean?"""

from __future__ import annotations

from dataclasses import dataclass

from intel.entities.names import normalise_name
from intel.store import Connection

_CLOSE = 0.88  # Jaro-Winkler similarity below which a name is no suggestion


@dataclass(frozen=True, slots=True)
class EntityMatch:
    """A suggestion; `score` is 1 for an exact name or id, below that for a beginning, then for a similar name."""

    entity_id: str
    name: str
    category: str | None
    score: float


def find_entities(con: Connection, text: str, limit: int = 10) -> list[EntityMatch]:
    """Return entities by name or id: exact first, then names that begin so, then similar ones.

    `con` must see beliefs.entities and beliefs.entity_names.
    """
    key = normalise_name(text)
    if not key:
        return []
    rows = con.execute(
        """
        with scored as (
            select entity_id, case when name_key = $key then 1.0
                when starts_with(name_key, $key) then 0.9 + 0.09 * length($key) / length(name_key)
                else jaro_winkler_similarity(name_key, $key) * 0.9 end as score, name_key
            from beliefs.entity_names
            union all
            select entity_id, 1.0, $key from beliefs.entities where entity_id = $typed
        ), best as (
            select entity_id, max(score) as score from scored
            where score >= 0.9 or score >= $close * 0.9 group by 1
        )
        select e.entity_id, e.name, e.category, b.score from best b join beliefs.entities e using (entity_id)
        order by b.score desc, length(e.name), e.entity_id limit $limit
        """,
        {"key": key, "typed": text.strip().casefold(), "close": _CLOSE, "limit": limit},
    ).fetchall()
    return [EntityMatch(*row) for row in rows]
