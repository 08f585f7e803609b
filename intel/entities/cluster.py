"""Which addresses have one controller?"""

from __future__ import annotations

import hashlib

import numba
import numpy as np
import numpy.typing as npt

from intel.entities.combine import score_evidence
from intel.store import Connection

Ids = npt.NDArray[np.int64]

PROBABLE = 0.8  # a pair below this opens no merge
CONFIRMED = 0.98  # SCIENCE.md C4: tau for a person

# Services grow by attribution (attribute.py), never by merging, so no pair with a service end comes in.
_PAIRS = """
select s.left_id, s.right_id, s.probability, s.visibility
from evidence_scores s
join facts.addresses l on l.address_id = s.left_id
join facts.addresses r on r.address_id = s.right_id
where s.relation = 'same_controller'
    and s.probability >= $threshold
    and (s.visibility = 'public' or $layer = 'private')
    and not exists (select 1 from beliefs.services v where v.address_id in (s.left_id, s.right_id))
order by s.probability desc, l.address, r.address, l.chain, r.chain, s.visibility desc
"""

_OWNERS = """
select a.address_id, min(a.entity_id) as entity_id
from beliefs.anchors a
join beliefs.entities e on e.entity_id = a.entity_id
where e.kind = 'owner' and (a.visibility = 'public' or $layer = 'private')
group by a.address_id
having min(a.entity_id) = max(a.entity_id)
order by a.address_id
"""


def build_clusters(con: Connection) -> None:
    """Fill beliefs.clusters with groups of two or more, and beliefs.entities with one anonymous owner per group.

    Reads beliefs.evidence, services and anchors. A group that holds a labelled address goes by its owner's slug, any
    other by `anon-` and a hash of its lowest chain and address; two different owners are never united.
    """
    score_evidence(con)
    for layer in ("public", "private"):
        _insert_layer(con, layer)
    con.execute(
        """
        insert into beliefs.entities by name
        select
            c.cluster_id as entity_id, 'Unnamed owner of ' || min(a.address) as name, 'anonymous' as kind,
            false as is_custodial, max(c.visibility) as visibility
        from beliefs.clusters c
        join facts.addresses a on a.address_id = c.address_id
        where starts_with(c.cluster_id, 'anon-')
        group by c.cluster_id
        """
    )


def _insert_layer(con: Connection, layer: str) -> None:
    """Unite the pairs that `layer` may see; the private layer keeps the groups that a private row helped to make."""
    pairs = con.execute(_PAIRS, {"threshold": PROBABLE, "layer": layer}).fetchnumpy()
    if len(pairs["left_id"]) == 0 or (layer == "private" and "private" not in pairs["visibility"]):
        return
    ids, ends = np.unique(np.concatenate([pairs["left_id"], pairs["right_id"]]), return_inverse=True)
    half = len(pairs["left_id"])
    left, right = ends[:half].astype(np.int64), ends[half:].astype(np.int64)
    owners, slugs = _read_owners(con, layer, ids)
    roots = unite_with_veto(left, right, owners)
    united = roots[left] == roots[right]
    weakest = np.ones(len(ids))
    np.minimum.at(weakest, roots[left[united]], np.asarray(pairs["probability"])[united])
    keep = np.bincount(roots, minlength=len(ids))[roots] > 1
    if layer == "private":
        touched = np.zeros(len(ids), dtype=bool)
        touched[roots[left[united & (np.asarray(pairs["visibility"]) == "private")]]] = True
        keep &= touched[roots]
    owner_of_root = np.full(len(ids), -1, dtype=np.int64)
    np.maximum.at(owner_of_root, roots, owners)
    _insert_groups(con, layer, ids[keep], roots[keep], (weakest >= CONFIRMED, owner_of_root, slugs))


def _read_owners(con: Connection, layer: str, ids: Ids) -> tuple[Ids, list[str]]:
    """Return for each id the number of its labelled owner, or -1, and the slugs by that number."""
    rows = con.execute(_OWNERS, {"layer": layer}).fetchnumpy()
    slugs = sorted(set(rows["entity_id"]))
    numbers = {slug: number for number, slug in enumerate(slugs)}
    owners = np.full(len(ids), -1, dtype=np.int64)
    labelled = np.asarray(rows["address_id"], dtype=np.int64)
    places = np.minimum(np.searchsorted(ids, labelled), len(ids) - 1)
    for place, address_id, slug in zip(places, labelled, rows["entity_id"], strict=True):
        if ids[place] == address_id:
            owners[place] = numbers[slug]
    return owners, slugs


def _insert_groups(
    con: Connection, layer: str, ids: Ids, roots: Ids, facts: tuple[npt.NDArray[np.bool_], Ids, list[str]]
) -> None:
    is_confirmed, owner_of_root, slugs = facts
    con.execute(
        "create or replace temp table grouped as select unnest($ids::bigint[]) as address_id, "
        "unnest($roots::bigint[]) as root",
        {"ids": ids.tolist(), "roots": roots.tolist()},
    )
    firsts = con.execute(
        """
        select g.root, min(a.chain || ':' || a.address)
        from grouped g
        join facts.addresses a on a.address_id = g.address_id
        group by g.root
        order by g.root
        """
    ).fetchall()
    names = [slugs[owner] if (owner := owner_of_root[root]) >= 0 else mint_id(first) for root, first in firsts]
    con.execute(
        """
        insert into beliefs.clusters by name
        select n.cluster_id, g.address_id, n.tier, $layer as visibility
        from grouped g
        join (
            select unnest($roots::bigint[]) as root, unnest($names::varchar[]) as cluster_id,
                unnest($tiers::varchar[]) as tier
        ) n on n.root = g.root
        order by n.cluster_id, g.address_id
        """,
        {
            "roots": [root for root, _ in firsts],
            "names": names,
            "tiers": ["confirmed" if is_confirmed[root] else "probable" for root, _ in firsts],
            "layer": layer,
        },
    )


def mint_id(first: str) -> str:
    """Return the id of an anonymous entity from its lowest `chain:address`, the same in every build."""
    return "anon-" + hashlib.sha256(first.encode()).hexdigest()[:16]


@numba.njit(cache=True)
def unite_with_veto(left: Ids, right: Ids, owners: Ids) -> Ids:
    """Unite pairs in the given order unless both sides have different owners; return the root of every node.

    `owners` holds one number per node, -1 for none; `left` and `right` are node numbers. Near-linear in pairs.
    """
    parent = np.arange(len(owners))
    size = np.ones(len(owners), dtype=np.int64)
    owner = owners.copy()
    for pair in range(len(left)):
        a, b = left[pair], right[pair]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a == b or (owner[a] >= 0 and owner[b] >= 0 and owner[a] != owner[b]):
            continue
        if size[a] < size[b]:
            a, b = b, a
        parent[b] = a
        size[a] += size[b]
        owner[a] = max(owner[a], owner[b])
    for node in range(len(parent)):
        root = node
        while parent[root] != root:
            root = parent[root]
        parent[node] = root
    return parent
