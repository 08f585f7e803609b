"""Which names should the ontology's keeper look at?"""

from __future__ import annotations

from intel.store import Connection


def report_ontology(con: Connection) -> None:
    """Fill beliefs.ontology_report from the public claims of temp table ontology_labels: one line per name and kind.

    Kinds: unresolved, ambiguous, unlisted (minted here), conflict (unrelated owners of one address), flagged (an
    owner's address stands on a list: the list does not own it), imitation (letters of several alphabets in a word, or
    the look of another entity's name).
    """
    con.execute("""
        insert into beliefs.ontology_report
        with claims as (
            select * from ontology_labels where visibility = 'public'
        ), owners as (
            select distinct l.chain, l.address, l.entity_id, e.parent
            from claims l join beliefs.entities e on e.entity_id = l.entity_id and e.kind = 'owner'
            where l.category_kind <> 'list'
        ), report as (
            select case when candidates <> '' then 'ambiguous' else 'unresolved' end as kind, entity as text,
                candidates, count(distinct address) as addresses,
                case when candidates <> '' then 'several entities go by this name: add an alias to data/ontology.toml'
                    else 'no entity was made of it: add it to data/ontology.toml if it is one' end as hint
            from claims where entity is not null and entity_id is null and category_kind <> 'list' group by all
            union all
            select 'unlisted', min(entity), entity_id, count(distinct address), 'made from the labels alone'
            from claims where is_minted group by entity_id
            union all
            select 'conflict', a.entity_id || ' | ' || b.entity_id, a.entity_id || '|' || b.entity_id, count(*),
                'unrelated owners of the same addresses: an alias, a parent, or a wrong label'
            from owners a join owners b on a.address = b.address and a.chain = b.chain and a.entity_id < b.entity_id
            where a.entity_id <> coalesce(b.parent, '') and b.entity_id <> coalesce(a.parent, '')
                and (a.parent is null or b.parent is null or a.parent <> b.parent)
            group by a.entity_id, b.entity_id
            union all
            select 'flagged', o.entity_id, f.category, count(distinct o.address), 'listed addresses with a known owner'
            from owners o join (
                select distinct chain, address, category from claims where category_kind = 'list'
            ) f on f.address = o.address and f.chain = o.chain
            group by o.entity_id, f.category
            union all
            select 'imitation', i.text, i.candidates, count(distinct c.address),
                case when i.candidates <> '' then 'looks like the name of another entity and is written otherwise'
                    else 'a word of it mixes alphabets that look alike' end
            from claims c join ontology_imitations i on i.text = c.entity
            group by i.text, i.candidates
        )
        select kind, text, candidates, addresses, hint from report order by kind, addresses desc, text, candidates
    """)
