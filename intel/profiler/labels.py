"""What do the sources claim about the subject, side by side?"""

from __future__ import annotations

from typing import Any

from intel.model import Subject
from intel.profiler.postings import gather_members, prepare_entities, select_rows
from intel.store.reader import Reader

# One address, so that the zone maps of the table, which is sorted by address, can do their work.
_OF_ADDRESS = "l.address = $address and l.chain in (select unnest($chains))"
_OF_ENTITY = "l.entity_id = $entity_id"


def list_labels(reader: Reader, subject: Subject, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return the claims, best level first: name (the source's tag), entity (its text), entity_id, source, level, ...

    Of an entity: the claims that name it. `conflict` is true where another claim about the same address names an
    unrelated owner; a list (sanctioned, ...) names no owner, so it never conflicts.
    """
    condition, params = _claims_of(subject)
    # Most addresses have no claim, and planning the whole question costs three times as much as asking whether.
    key = "entity_id" if subject.kind == "entity" else "address"
    if not reader.query(f"select 1 from beliefs.labels l where l.{key} = $one limit 1", {"one": params[key]}):
        return []
    prepare_entities(reader)
    return reader.records(
        f"""with claims as (select * from beliefs.labels l where {condition}),
        owners as (
            select distinct c.chain, c.address, coalesce(e.parent, e.entity_id) as owner
            from claims c join known_entities e using (entity_id) where e.kind <> 'list'),
        disputed as (select chain, address from owners group by 1, 2 having count(*) > 1)
        select c.chain, c.address, c.label as name, c.entity, c.entity_id, c.category, c.source, c.confidence, c.level,
            c.url, c.source_ref, c.licence, c.source_date, c.origin, c.valid_from, c.valid_to, c.visibility,
            d.address is not null and coalesce(e.kind, 'list') <> 'list' as conflict
        from claims c
        left join known_entities e using (entity_id)
        left join disputed d on d.chain = c.chain and d.address = c.address
        order by c.level desc nulls last, c.source, c.chain, c.address, c.label, c.entity, c.source_ref
        limit $limit""",
        {**params, "limit": limit},
    )


def list_listings(reader: Reader, subject: Subject) -> list[dict[str, Any]]:
    """Return which published lists name addresses of the subject: category, addresses, sources, since, visibility."""
    if not reader.has_rows("beliefs.listings"):
        return []
    gather_members(reader, subject)
    listed, params = select_rows(subject, "beliefs.listings")
    if not reader.query(f"select 1 from {listed} limit 1", params):
        return []
    return reader.records(
        f"""select category, count(distinct address_id) as addresses, list(distinct source order by source) as sources,
            min(source_date) as since, visibility
        from {listed}
        group by category, visibility order by addresses desc, category, visibility""",
        params,
    )


def _claims_of(subject: Subject) -> tuple[str, dict[str, object]]:
    if subject.kind == "entity":
        return _OF_ENTITY, {"entity_id": subject.entity_id}
    return _OF_ADDRESS, {"address": subject.name, "chains": list_claim_chains(subject)}


def list_claim_chains(subject: Subject) -> list[str]:
    """Return the chains whose claims are about this address: its own, and `evm` for what holds on all EVM chains."""
    return sorted({item.chain or "evm" for item in subject.addresses} | {"evm"})
