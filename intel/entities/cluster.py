"""Which addresses have one controller?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from intel.entities.candidates import Candidates, read_candidates
from intel.entities.combine import score_evidence
from intel.entities.merges import Group, record_disputes, record_groups
from intel.entities.merging import Clustering, make_guard, merge_evidence
from intel.heuristics import ALL, Heuristic
from intel.store import Connection

Ids = npt.NDArray[np.int64]

# Whether the private layer can differ from the public one at all.
_HAS_PRIVATE = """
select
    exists (
        select 1 from beliefs.evidence
        where visibility = 'private' and relation in ('same_controller', 'cannot_link')
    )
    or exists (select 1 from beliefs.judgements where left_id is not null and right_id is not null)
    or exists (
        select 1 from beliefs.anchors a
        where a.visibility = 'private'
            and exists (select 1 from weighed_rows w where a.address_id in (w.left_id, w.right_id)
                and w.relation = 'same_controller')
    )
"""


def build_clusters(con: Connection, rules: Sequence[Heuristic] = ALL) -> None:
    """Fill beliefs.links, clusters, merges and disputes, and beliefs.entities with one owner per unnamed group.

    Reads beliefs.evidence, services, anchors and judgements. A group that holds a labelled address goes by the slug
    of the strongest label, any other by `anon-` and a hash of its lowest chain and address. The private layer holds
    only groups that are not the public layer's.
    """
    score_evidence(con, rules)
    for table in ("clusters", "merges", "disputes"):
        con.execute(f"delete from beliefs.{table}")
    candidates, found = _cluster_layer(con, "public")
    record_disputes(con, "public", candidates, found)
    _record_layer(con, "public", (candidates, found), np.bincount(found.first)[found.first] > 1)
    if con.execute(_HAS_PRIVATE).fetchall()[0][0]:
        overlay, changed = _cluster_layer(con, "private")
        record_disputes(con, "private", overlay, changed)
        is_new = _find_changes((candidates, found), (overlay, changed))
        _record_layer(con, "private", (overlay, changed), is_new)
    con.execute("drop table weighed_rows")
    con.execute(
        """
        insert into beliefs.entities by name
        select
            c.cluster_id as entity_id, 'Unnamed owner of ' || min(a.address) as name, 'anonymous' as kind,
            false as is_custodial, case when min(c.visibility) = 'private' then 'private' else 'public' end
                as visibility
        from beliefs.clusters c
        join facts.addresses a on a.address_id = c.address_id
        where starts_with(c.cluster_id, 'anon-')
        group by c.cluster_id
        order by c.cluster_id
        """
    )


def _cluster_layer(con: Connection, layer: str) -> tuple[Candidates, Clustering]:
    candidates = read_candidates(con, layer)
    nodes = len(candidates.address_ids)
    return candidates, merge_evidence(nodes, candidates.evidence, candidates.constraints, make_guard())


def _record_layer(
    con: Connection, layer: str, result: tuple[Candidates, Clustering], is_kept: npt.NDArray[np.bool_]
) -> None:
    candidates, found = result
    names = _name_groups(con, candidates, found.first, is_kept)
    record_groups(con, Group(layer, is_kept, names), candidates, found)


def _find_changes(
    public: tuple[Candidates, Clustering], private: tuple[Candidates, Clustering]
) -> npt.NDArray[np.bool_]:
    """Tell which nodes of the private layer are in a group whose members, tiers or name the public layer lacks."""
    candidates, found = public
    overlay, changed = private

    def list_groups(ids: Ids, result: Clustering, slugs: dict[int, str]) -> dict[int, frozenset[tuple[int, bool, str]]]:
        members: dict[int, list[tuple[int, bool, str]]] = {}
        for node in np.flatnonzero(np.bincount(result.first, minlength=len(ids))[result.first] > 1).tolist():
            told = (int(ids[node]), bool(result.is_confirmed[node]), slugs.get(node, ""))
            members.setdefault(int(result.first[node]), []).append(told)
        return {first: frozenset(group) for first, group in members.items()}

    known = set(list_groups(candidates.address_ids, found, _list_slugs(candidates)).values())
    groups = list_groups(overlay.address_ids, changed, _list_slugs(overlay))
    fresh = np.array([first for first, group in groups.items() if group not in known], dtype=np.int64)
    return np.isin(changed.first, fresh)


def _list_slugs(candidates: Candidates) -> dict[int, str]:
    return dict(zip(candidates.constraints.label_node.tolist(), candidates.slugs, strict=True))


def _name_groups(con: Connection, candidates: Candidates, first: Ids, is_kept: npt.NDArray[np.bool_]) -> dict[int, str]:
    """Return the name of each kept group by its lowest node: the strongest label's owner, or a minted id."""
    nodes = np.flatnonzero(is_kept)
    con.execute(
        "create or replace temp table grouped as select unnest($ids::bigint[]) as address_id, "
        "unnest($firsts::bigint[]) as first_node",
        {"ids": candidates.address_ids[nodes].tolist(), "firsts": first[nodes].tolist()},
    )
    lowest = con.execute(
        """
        select g.first_node, min(a.chain || ':' || a.address)
        from grouped g
        join facts.addresses a on a.address_id = g.address_id
        group by g.first_node
        order by g.first_node
        """
    ).fetchall()
    con.execute("drop table grouped")
    names = {int(node): mint_id(text) for node, text in lowest}
    return names | {group: slug for group, slug in _name_owners(candidates, first).items() if group in names}


def _name_owners(candidates: Candidates, first: Ids) -> dict[int, str]:
    """Return the owner that the labels of a group name, odds added up; none where an unrelated owner has as much.

    So one wrong label does not rename a group of several right ones; it stays a dispute, and a rival.
    """
    claims = candidates.constraints
    # Hundredths of a bit: whole numbers add up to the same in any order.
    bits = np.rint(100 * np.log2(claims.confidence / np.maximum(1 - claims.confidence, 1e-6))).astype(np.int64)
    voices: dict[int, dict[int, int]] = {}
    spoken: dict[tuple[int, int], tuple[int, int, str]] = {}
    for label, slug in enumerate(candidates.slugs):
        group, owner = int(first[claims.label_node[label]]), int(claims.owner[label])
        voices.setdefault(group, {}).setdefault(owner, 0)
        voices[group][owner] += max(1, int(bits[label]))
        told = (-int(claims.level[label]), -int(bits[label]), slug)
        spoken[group, owner] = min(spoken.get((group, owner), told), told)
    names = {}
    for group, owners in voices.items():
        loudest = max(owners, key=lambda owner: owners[owner])
        if sum(total == owners[loudest] for total in owners.values()) == 1:
            names[group] = spoken[group, loudest][2]
    return names


def mint_id(first: str) -> str:
    """Return the id of an anonymous entity from its lowest `chain:address`, the same in every build."""
    return "anon-" + hashlib.sha256(first.encode()).hexdigest()[:16]
