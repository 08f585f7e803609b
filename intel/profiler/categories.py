"""Which entities are of a kind, how large is each, and how much goes in and out of it?"""

from __future__ import annotations

import pyarrow as pa

from intel.errors import UnknownSubject
from intel.model import Tier
from intel.profiler.postings import (
    ALWAYS,
    SPAM_TRANSFER_FLAGS,
    Window,
    prepare_entities,
    prepare_spam_assets,
)
from intel.store.reader import Reader

_MEMBERS = """select a.address_id, a.entity_id from (
        select * from beliefs.attributions
        where tier = 'confirmed' or status = 'labelled' or $tier = 'probable'
        qualify row_number() over (
            partition by chain, address order by visibility = 'private' desc, confidence desc, entity_id) = 1) a
    join known_entities e using (entity_id)"""


def list_categories(reader: Reader, *, tier: Tier = "confirmed") -> pa.Table:
    """Return category, entities, addresses of every category with a named entity, most addresses first."""
    prepare_entities(reader)
    return reader.arrow(
        f"""select e.category, count(distinct e.entity_id) as entities, count(m.entity_id) as addresses
        from known_entities e left join ({_MEMBERS}) m using (entity_id)
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
    prepare_spam_assets(reader)
    if not reader.query("select 1 from known_entities where category = $category limit 1", {"category": category}):
        known = [
            str(row[0]) for row in reader.query("select distinct category from known_entities order by 1") if row[0]
        ]
        raise UnknownSubject(
            f"no entity of this store is of the category {category!r}", f"there are {', '.join(known)}"
        )
    key = (category, tier, window)
    reader.prepare("category_sums", key, lambda: _fill_sums(reader, category, window, tier))
    return reader.arrow(
        """select e.entity_id, coalesce(e.name, e.entity_id) as name, e.kind, e.visibility,
            coalesce(n.addresses, 0) as addresses, coalesce(s.in_usd, 0)::double / 1e6 as in_usd,
            coalesce(s.out_usd, 0)::double / 1e6 as out_usd,
            (coalesce(s.in_usd, 0) - coalesce(s.out_usd, 0))::double / 1e6 as net_usd,
            coalesce(s.transfers_in, 0) as transfers_in, coalesce(s.transfers_out, 0) as transfers_out,
            coalesce(s.unpriced, 0) as unpriced, s.first_time, s.last_time
        from known_entities e left join category_sums s using (entity_id)
            left join (select entity_id, count(*) as addresses from category_members group by 1) n using (entity_id)
        where e.category = $category
        order by coalesce(s.in_usd, 0) + coalesce(s.out_usd, 0) desc, addresses desc, e.entity_id limit $limit""",
        {"category": category, "limit": 2**62 if limit is None else limit},
    )


def _fill_sums(reader: Reader, category: str, window: Window, tier: Tier) -> None:
    reader.query(
        f"create or replace temp table category_members as {_MEMBERS} where e.category = $category",
        {"tier": tier, "category": category},
    )
    reader.query(
        """create or replace temp table category_sums as
        select m.entity_id, coalesce(sum(p.value_micro_usd) filter (p.direction > 0), 0) as in_usd,
            coalesce(sum(p.value_micro_usd) filter (p.direction < 0), 0) as out_usd,
            count(*) filter (p.direction > 0) as transfers_in, count(*) filter (p.direction < 0) as transfers_out,
            count(*) - count(p.value_micro_usd) as unpriced, min(p.block_time) as first_time,
            max(p.block_time) as last_time
        from facts.postings p join category_members m on m.address_id = p.address_id
            left join category_members c on c.address_id = p.counterparty_id
        where m.entity_id is distinct from c.entity_id
            and ($since::timestamp is null or p.block_time >= $since::timestamp)
            and ($until::timestamp is null or p.block_time < $until::timestamp)
            and p.asset_id not in (select asset_id from spam_assets)
            and p.transfer_id not in (
                select transfer_id from beliefs.transfer_flags where flag in (select unnest($spam)))
        group by 1""",
        {"since": window.since, "until": window.until, "spam": list(SPAM_TRANSFER_FLAGS)},
    )
