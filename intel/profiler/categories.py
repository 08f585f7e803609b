"""Which entities are of a kind, how large is each, and how much goes in and out of it?"""

from __future__ import annotations

import pyarrow as pa

from intel.errors import UnknownSubject
from intel.model import Tier
from intel.profiler.borders import gather_borders
from intel.profiler.postings import ALWAYS, Window, prepare_entities
from intel.store.reader import Reader

# Of entities with a category alone: an unnamed owner has none. A private attribution stands before the public one.
_SIZES = """select a.entity_id, count(*) as addresses from beliefs.attributions a
    where a.entity_id in (select entity_id from known_entities where category is not null)
        and (a.tier = 'confirmed' or a.status = 'labelled' or $tier = 'probable')
        and (a.visibility = 'private' or not exists (
            select 1 from beliefs.attributions b
            where b.visibility = 'private' and b.chain = a.chain and b.address = a.address)) group by 1"""


def list_categories(reader: Reader, *, tier: Tier = "confirmed") -> pa.Table:
    """Return category, entities, addresses of every category with a named entity, most addresses first."""
    prepare_entities(reader)
    return reader.arrow(
        f"""select e.category, count(*) as entities, coalesce(sum(n.addresses), 0)::bigint as addresses
        from known_entities e left join ({_SIZES}) n using (entity_id)
        where e.category is not null group by 1 order by addresses desc, 1""",
        {"tier": tier},
    )


def tabulate_category(
    reader: Reader, category: str, window: Window = ALWAYS, *, tier: Tier = "confirmed", limit: int | None = None
) -> pa.Table:
    """Return the entities of a category, largest turnover first: entity_id, name, addresses, in_usd, out_usd, ...

    Columns: entity_id, name, kind, visibility, addresses, in_usd, out_usd, net_usd, transfers_in, transfers_out,
    unpriced, first_time, last_time. What an entity moves between its own addresses and spam are left out. Raises
    UnknownSubject for a category nobody has.
    """
    prepare_entities(reader)
    if not reader.query("select 1 from known_entities where category = $category limit 1", {"category": category}):
        known = [
            str(row[0]) for row in reader.query("select distinct category from known_entities order by 1") if row[0]
        ]
        raise UnknownSubject(
            f"no entity of this store is of the category {category!r}", f"there are {', '.join(known)}"
        )
    days, ends = gather_borders(reader, window, tier)
    return reader.arrow(
        f"""with sums as (
            select entity_id, sum(in_micro_usd) as in_usd, sum(out_micro_usd) as out_usd,
                sum(transfers_in)::bigint as transfers_in, sum(transfers_out)::bigint as transfers_out,
                sum(unpriced)::bigint as unpriced, min(first_time) as first_time, max(last_time) as last_time
            from {days} where asset_id not in (select asset_id from spam_assets) group by 1)
        select e.entity_id, coalesce(e.name, e.entity_id) as name, e.kind, e.visibility,
            coalesce(n.addresses, 0) as addresses, coalesce(s.in_usd, 0)::double / 1e6 as in_usd,
            coalesce(s.out_usd, 0)::double / 1e6 as out_usd,
            (coalesce(s.in_usd, 0) - coalesce(s.out_usd, 0))::double / 1e6 as net_usd,
            coalesce(s.transfers_in, 0) as transfers_in, coalesce(s.transfers_out, 0) as transfers_out,
            coalesce(s.unpriced, 0) as unpriced, s.first_time, s.last_time
        from known_entities e left join sums s using (entity_id)
            left join ({_SIZES}) n using (entity_id)
        where e.category = $category
        order by coalesce(s.in_usd, 0) + coalesce(s.out_usd, 0) desc, addresses desc, e.entity_id limit $limit""",
        ends | {"category": category, "tier": tier, "limit": 2**62 if limit is None else limit},
    )
