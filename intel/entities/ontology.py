"""Whom do the labels name? Entity texts become slugs, and labelled ledger addresses become anchors."""

from __future__ import annotations

import pyarrow as pa

from intel.entities.anchors import find_anchors
from intel.entities.catalogue import NAME, Catalogue, Resolution, add_actors, load_core
from intel.entities.names import cut_tag, normalise_name, write_slug
from intel.entities.ontology_report import report_ontology
from intel.looks import find_mixed, fold_looks
from intel.model import CONFIDENCE_LEVELS
from intel.sources.categories import find_label_source, load_categories, origin_patterns
from intel.store import Connection


def resolve_labels(con: Connection) -> None:
    """Fill beliefs.labels, entities, entity_names, anchors and ontology_report.

    Reads `labels_in` (lake.labels with `visibility`), `actors_in` (lake.actors) and facts.addresses.
    Distinct texts are resolved in Python, rows in SQL: 650,000 labels take a few seconds.
    """
    catalogue = load_core()
    add_actors(catalogue, con.sql("select distinct * from actors_in").to_arrow_table().to_pylist())
    resolutions = _resolve_texts(con, catalogue)
    _register_lookups(con, catalogue, resolutions)
    _write_labels(con)
    _write_entities(con, catalogue)
    find_anchors(con, catalogue)
    _register_imitations(con, catalogue)
    report_ontology(con)
    con.execute("drop table ontology_labels")
    for name in _LOOKUPS:
        con.unregister(name)


_LOOKUPS = (
    "ontology_texts", "ontology_tags", "ontology_categories", "ontology_sources", "ontology_levels",
    "ontology_imitations",
)  # fmt: skip


def _resolve_texts(con: Connection, catalogue: Catalogue) -> list[Resolution]:
    rows = con.execute("select distinct entity from labels_in where entity is not null order by 1").fetchall()
    return [catalogue.resolve_text(text) for (text,) in rows]


def _register_lookups(con: Connection, catalogue: Catalogue, resolutions: list[Resolution]) -> None:
    tables = {
        "ontology_texts": pa.table(
            {
                "entity": pa.array([r.text for r in resolutions], pa.string()),
                "known_slug": pa.array([r.slug for r in resolutions], pa.string()),
                "minted_slug": pa.array(
                    [write_slug(r.key) if r.is_mintable else None for r in resolutions], pa.string()
                ),
                "candidates": pa.array(["|".join(r.candidates) for r in resolutions], pa.string()),
            }
        ),
        "ontology_categories": _category_table(),
        "ontology_sources": _source_table(con),
        "ontology_levels": pa.table(
            {
                "confidence": pa.array(list(CONFIDENCE_LEVELS), pa.string()),
                "level": pa.array(list(CONFIDENCE_LEVELS.values()), pa.int32()),
            }
        ),
    }
    for name, table in tables.items():
        con.register(name, table)
    con.register("ontology_tags", _tag_table(con, catalogue))


def _category_table() -> pa.Table:
    categories = load_categories().values()
    return pa.table(
        {
            "category": pa.array([c.slug for c in categories], pa.string()),
            "category_kind": pa.array([c.kind for c in categories], pa.string()),
            "list_entity": pa.array([c.entity for c in categories], pa.string()),
            "mints": pa.array([c.mints for c in categories], pa.bool_()),
            "is_custodial": pa.array([c.custodial for c in categories], pa.bool_()),
        }
    )


def _source_table(con: Connection) -> pa.Table:
    rows = con.execute("select distinct coalesce(source, '') from labels_in order by 1").fetchall()
    sources = [find_label_source(name) for (name,) in rows]
    return pa.table(
        {
            "source": pa.array([s.name for s in sources], pa.string()),
            "source_level": pa.array([s.level for s in sources], pa.int32()),
            "source_origin": pa.array([s.origin for s in sources], pa.string()),
            "tags": pa.array([s.tags for s in sources], pa.bool_()),
        }
    )


def _tag_table(con: Connection, catalogue: Catalogue) -> pa.Table:
    """Resolve tags of claims that name no entity ("Binance 14" alone): to listed names only, nothing is minted."""
    rows = con.execute(
        "select distinct l.label from labels_in l "
        "join ontology_sources s on s.source = coalesce(l.source, '') and not s.tags "
        "left join ontology_categories c on c.category = l.category "
        "where l.entity is null and l.label is not null and coalesce(c.category_kind, 'owner') <> 'list' order by 1"
    ).fetchall()
    found = {label: catalogue.resolve_text(cut_tag(label)) for (label,) in rows}
    sure = {label: r.slug for label, r in found.items() if r.strength is not None and r.strength <= NAME}
    return pa.table(
        {"label": pa.array(list(sure), pa.string()), "tag_slug": pa.array(list(sure.values()), pa.string())}
    )


def _origin_sql() -> str:
    """Return SQL for who first made a claim: a pattern in its reference, else the origin of its source."""
    text = "lower(concat_ws(' ', l.source_ref, l.url))"
    quoted = [(pattern.replace("'", "''"), origin.replace("'", "''")) for pattern, origin in origin_patterns()]
    cases = " ".join(f"when contains({text}, '{pattern}') then '{origin}'" for pattern, origin in quoted)
    return f"case {cases} else s.source_origin end"


def _write_labels(con: Connection) -> None:
    """Resolve every claim; a claim of a list never names an owner, whatever its text says."""
    con.execute(f"""
        create or replace temp table ontology_labels as
        with joined as (
            select l.* exclude (source), coalesce(l.source, '') as source,
                coalesce(c.category_kind, 'owner') as category_kind, c.list_entity, t.known_slug, t.minted_slug,
                t.candidates, g.tag_slug, coalesce(v.level, s.source_level) as level, {_origin_sql()} as origin,
                -- A bare name tag may be a token's name; "Name: Something" and "Name 3" are how explorers write owners.
                not s.tags or coalesce(c.mints, false)
                    or starts_with(l.label, l.entity)
                        and regexp_matches(substr(l.label, length(l.entity) + 1), '^(:|[ #]+[0-9]+$)') as may_mint
            from labels_in l
            join ontology_sources s on s.source = coalesce(l.source, '')
            left join ontology_categories c on c.category = l.category
            left join ontology_levels v on v.confidence = l.confidence
            left join ontology_texts t on t.entity = l.entity
            left join ontology_tags g on g.label = l.label and l.entity is null and not s.tags
            where l.retracted_at is null
        ), minted as (
            select minted_slug, bool_or(visibility = 'public') as is_public from joined
            where minted_slug is not null and category_kind <> 'list' and may_mint group by 1
        )
        select j.*, case when j.category_kind = 'list' then j.list_entity
                else coalesce(j.known_slug, m.minted_slug, j.tag_slug) end as entity_id,
            m.minted_slug is not null and j.known_slug is null and j.category_kind <> 'list' as is_minted,
            coalesce(m.is_public, true) as is_public_name
        from joined j
        -- What only private labels made an entity of stays unknown to public ones.
        left join minted m on m.minted_slug = j.minted_slug and (m.is_public or j.visibility = 'private')
    """)  # only our own constants are written into the text
    con.execute("""
        insert into beliefs.labels
        select distinct chain, address, entity_id, entity, label, category, source, source_ref, url, licence,
            source_date, confidence, level, origin, valid_from, valid_to, visibility
        from ontology_labels
        order by address, chain, source, label, category, source_ref, entity, visibility, confidence, source_date,
            url, licence, valid_from, valid_to
    """)


def _write_entities(con: Connection, catalogue: Catalogue) -> None:
    """Write the entities that some label names, with their parents; listed ones by the ontology, others as minted."""
    named = con.execute(
        "select entity_id, bool_or(visibility = 'public') from ontology_labels where entity_id is not null group by 1"
    ).fetchall()
    wanted = catalogue.add_parents({slug for slug, _ in named})
    public = catalogue.add_parents({slug for slug, is_public in named if is_public})
    listed = [catalogue.entities[slug] for slug in sorted(wanted) if slug in catalogue.entities]
    con.register(
        "ontology_known",
        pa.table(
            {
                "entity_id": pa.array([k.slug for k in listed], pa.string()),
                "name": pa.array([k.name for k in listed], pa.string()),
                "category": pa.array([k.category for k in listed], pa.string()),
                "kind": pa.array([k.kind for k in listed], pa.string()),
                "parent": pa.array([k.parent for k in listed], pa.string()),
                "website": pa.array([k.website for k in listed], pa.string()),
                "visibility": pa.array(["public" if k.slug in public else "private" for k in listed], pa.string()),
            }
        ),
    )
    con.execute("""
        insert into beliefs.entities
        with spoken as (
            select entity_id, entity, category, is_minted, bool_or(is_public_name) as is_public, count(*) as labels,
                category in ('other', 'token', 'infrastructure', 'organisation') as is_vague
            from ontology_labels
            where entity_id is not null and category_kind = 'owner' and (visibility = 'public' or not is_public_name)
            group by all
        ), named as (
            select entity_id, arg_max(entity, (labels, entity)) as name, bool_or(is_public) as is_public
            from (select entity_id, entity, sum(labels)::bigint as labels, bool_or(is_public) as is_public
                  from spoken where is_minted group by all) group by 1
        ), typed as (
            select entity_id, arg_max(category, (not is_vague, labels, category)) as category,
                bool_and(is_vague) as is_vague
            from (select entity_id, category, is_vague, sum(labels)::bigint as labels from spoken
                  where category is not null group by all) group by 1
        ), listed as (
            -- An actor file that only says "organisation" leaves the trade to the labels.
            select k.* replace (case when k.category in ('other', 'organisation') and not t.is_vague
                then t.category else k.category end as category)
            from ontology_known k left join typed t using (entity_id)
        )
        select k.entity_id, k.name, k.category, k.kind, k.parent, k.website, coalesce(c.is_custodial, false),
            k.visibility
        from listed k left join ontology_categories c using (category)
        union all
        select n.entity_id, regexp_replace(n.name, ', ?(gambling|gaming)$', '', 'i'), coalesce(t.category, 'other'),
            'owner', null, null, coalesce(c.is_custodial, false), case when n.is_public then 'public' else 'private' end
        from named n left join typed t using (entity_id) left join ontology_categories c on c.category = t.category
        where n.entity_id not in (select entity_id from ontology_known)
        order by 1
    """)
    con.unregister("ontology_known")
    _write_names(con, catalogue)


def _write_names(con: Connection, catalogue: Catalogue) -> None:
    entities = con.execute("select entity_id, name from beliefs.entities order by 1").fetchall()
    names = {(normalise_name(name), name, slug) for slug, name in entities}
    slugs = {slug for slug, _ in entities}
    for (key, slug), text in catalogue.spellings.items():
        if slug in slugs and slug in catalogue.find_strongest(key)[0]:
            names.add((key, text, slug))
    rows = sorted(names)
    con.register(
        "ontology_names",
        pa.table(
            {
                "name_key": pa.array([row[0] for row in rows], pa.string()),
                "name": pa.array([row[1] for row in rows], pa.string()),
                "entity_id": pa.array([row[2] for row in rows], pa.string()),
            }
        ),
    )
    con.execute("insert into beliefs.entity_names select * from ontology_names order by name_key, entity_id, name")
    con.unregister("ontology_names")


def _register_imitations(con: Connection, catalogue: Catalogue) -> None:
    """Make ontology_imitations (text, candidates): names that mix alphabets or look like the name of another entity."""
    names = con.execute("select name, entity_id from beliefs.entity_names").fetchall()
    looks: dict[str, set[str]] = {}
    for name, slug in [*names, *((text, slug) for (_, slug), text in catalogue.spellings.items())]:
        if name.isascii():
            looks.setdefault(fold_looks(name), set()).add(slug)
    rows = con.execute(r"""
        select distinct entity, entity_id from ontology_labels
        where visibility = 'public' and regexp_matches(entity, '[^\x00-\x7F]') order by all
    """).fetchall()
    alike = {text: sorted(looks.get(fold_looks(text), set()) - {slug}) for text, slug in rows}
    found = [text for text in alike if alike[text] or find_mixed(text)]
    table = {
        "text": pa.array(found, pa.string()),
        "candidates": pa.array(["|".join(alike[text]) for text in found], pa.string()),
    }
    con.register("ontology_imitations", pa.table(table))
