"""How right is each rule, and how much of the truth does it reach, on a world whose every owner is known?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from world_baselines import CAPS, PRIVATE, find_components, score_components

from intel.ml import metrics
from intel.sources.world import World
from intel.store import Connection, open_connection
from intel.store.reader import Reader

# What makes a link right, per relation. lo, ro: the truth's owners of its ends. Facts of the ledger that claim no
# common owner (funded_by, deployed, signer_of) are right by construction: their line says how often the owner is one.
_RIGHT = """
case relation
    when 'cannot_link' then lo is distinct from ro
    when 'not same_controller' then lo is distinct from ro
    when 'deposit_of' then exists (
        select 1 from truth_deposits d where d.deposit = l.left_address and d.exchange = l.entity)
    when 'controls' then lo_entity is not distinct from entity
    when 'used_by' then exists (select 1 from truth_deposits d where d.deposit = l.left_address and d."user" = ro)
    when 'bridged_to' then lo = ro or exists (
        select 1 from truth_bridge_pairs p
        where (p.sent_address = l.left_address and p.received_address = l.right_address)
            or (p.sent_address = l.right_address and p.received_address = l.left_address))
    else lo is not distinct from ro
end
"""

_JUDGED = f"""
named as (
    select
        l.*, a.address as left_address, b.address as right_address, a.chain as left_chain, b.chain as right_chain,
        coalesce(n.name, l.right_entity) as entity, o.cluster_id as lo, p.cluster_id as ro, o.entity as lo_entity
    from links l
    join facts.addresses a on a.address_id = l.left_id
    left join facts.addresses b on b.address_id = l.right_id
    left join beliefs.entities n on n.entity_id = l.right_entity and n.visibility = 'public'
    left join truth_owners o on o.address = a.address and o.chain = a.chain
    left join truth_owners p on p.address = b.address and p.chain = b.chain
)
select l.*, {_RIGHT} as is_right from named l
"""

_CLAIMS = f"""
create or replace temp table judged_claims as
with links as (
    select e.heuristic, e.left_id, e.right_id, e.right_entity, count(*) as rows, max(e.weight_bits) as bits,
        case when e.weight_bits < 0 and e.relation <> 'cannot_link' then 'not ' else '' end || e.relation as relation
    from beliefs.evidence e where e.visibility = 'public'
    group by all
), {_JUDGED}
"""

_LINKS = f"""
create or replace temp table judged_links as
with links as (
    select left_id, right_id, right_entity, relation, probability from beliefs.links where visibility = 'public'
), {_JUDGED}
"""

WALLETS = """
select distinct address, cluster_id from truth_owners join truth_roles using (chain, address)
where role in (select unnest($roles::varchar[]))
qualify count(distinct address) over (partition by cluster_id) > 1
order by address
"""

# What a rule of that relation could have reached: how many, and how to tell which of them a right link did.
_REACHABLE = {
    "same_controller": "select distinct address from wallets",
    "coordinated": "select distinct address from truth_roles where role = 'sybil'",
    "deposit_of": "select distinct deposit as address from truth_deposits",
    "controls": """select distinct address from truth_owners join truth_roles using (chain, address)
        where entity is not null and role <> 'deposit'""",
    "used_by": """select distinct deposit || ' ' || "user" as address from truth_deposits""",
    "bridged_to": "select distinct sent_address || ' ' || received_address as address from truth_bridge_pairs",
}
_REACHED = {
    "used_by": "left_address || ' ' || ro",
    "bridged_to": "unnest([left_address || ' ' || right_address, right_address || ' ' || left_address])",
    "deposit_of": "left_address",
    "controls": "left_address",
}


def measure_rules(reader: Reader) -> list[dict[str, Any]]:
    """Return one row per heuristic and relation: rows, pairs, right, precision with 95 % interval, coverage."""
    _load_wallets(reader)
    reader.query(_CLAIMS)
    found = reader.records(
        """select heuristic, relation, sum(rows)::bigint as rows, count(*) as pairs, count_if(is_right) as "right",
            avg(bits) as bits from judged_claims group by heuristic, relation order by heuristic, relation"""
    )
    for row in found:
        row["precision"] = row["right"] / row["pairs"]
        row["low"], row["high"] = metrics.bound_share(row["right"], row["pairs"])
        row["reachable"], row["reached"] = _count_reach(reader, row["heuristic"], row["relation"])
        row["coverage"] = row["reached"] / row["reachable"] if row["reachable"] else None
    return found


def list_wrong(reader: Reader) -> list[str]:
    """Return lines on the wrong claims: which roles their ends have in truth, with an example of each."""
    rows = reader.query(
        """select c.heuristic, c.relation, x.role, coalesce(y.role, c.entity), count(*),
            min(c.left_chain || ':' || c.left_address || ' ' || coalesce(c.right_address, ''))
        from judged_claims c
        left join truth_roles x on x.address = c.left_address and x.chain = c.left_chain
        left join truth_roles y on y.address = c.right_address and y.chain = c.right_chain
        where not c.is_right group by all order by 1, 2, 5 desc, 6"""
    )
    return [f"wrong: {rule} {relation}: {n} {left} - {right}, as {one}" for rule, relation, left, right, n, one in rows]


def _load_wallets(reader: Reader) -> None:
    reader.load("wallets", reader.arrow(WALLETS, {"roles": list(PRIVATE)}))


def _count_reach(reader: Reader, heuristic: str, relation: str) -> tuple[int, int]:
    if relation not in _REACHABLE:
        return 0, 0
    ends = _REACHED.get(relation, "unnest([left_address, right_address])")
    row = reader.query(
        f"""with goal as ({_REACHABLE[relation]}),
        hit as (select distinct {ends} as address from judged_claims
            where heuristic = $heuristic and relation = $relation and is_right)
        select count(*), count(hit.address) from goal left join hit using (address)""",
        {"heuristic": heuristic, "relation": relation},
    )[0]
    return int(row[0]), int(row[1])


def measure_calibration(reader: Reader) -> list[list[Any]]:
    """Return [relation, probability, right, weight, links] of all links; each entity weighs one in each relation.

    The entity is the one that is claimed, of used_by the customer, between addresses the left one's owner. Links of
    one probability are one row: error and Brier score of many worlds together follow from these.
    """
    reader.query(_LINKS)
    rows = reader.query(
        """with weighed as (
            select relation, round(probability, 4) as p, is_right::int as is_right,
                1.0 / count(*) over (partition by relation, case
                    when right_entity is not null then right_entity
                    when relation = 'used_by' then coalesce(ro, right_address)
                    else coalesce(lo, left_address) end) as weight
            from judged_links
        )
        select relation, p, is_right, sum(weight), count(*) from weighed group by all order by all"""
    )
    return [list(row) for row in rows]


def measure_outcome(world: World, reader: Reader) -> dict[str, Any]:
    """Return what the engine as a whole says: deposits, people's wallets beside the reference, pairs united wrongly."""
    _load_wallets(reader)
    con = _open_reference(world, reader)
    tried = {cap: score_components(con, cap) for cap in CAPS}
    con.close()
    best = max(tried, key=lambda cap: tried[cap][2])
    return {
        "deposits": measure_deposits(reader),
        **_score_wallets(reader),
        "reference": dict(zip(("precision", "recall", "f1"), tried[best], strict=True)) | {"cap": best},
        **_measure_merges(reader),
    }


def _open_reference(world: World, reader: Reader) -> Connection:
    """Open what the reference reads: the same transfers as the engine, and the truth."""
    con = open_connection()
    moves = reader.arrow(
        """select t.kind, s.address as sender, r.address as receiver, t.value_raw from facts.transfers t
        left join facts.addresses s on s.address_id = t.sender_id
        left join facts.addresses r on r.address_id = t.receiver_id"""
    )
    con.register("transfers", moves)
    for name in ("owners", "roles"):
        con.register(name, world.truth[name])
    return con


def measure_deposits(reader: Reader) -> dict[str, Any]:
    """Return how many deposit addresses were found and right, labelled and attributed apart."""
    rows = reader.query(
        """with found as (
            select distinct a.address, coalesce(e.name, a.entity_id) as exchange, a.status
            from beliefs.attributions a left join beliefs.entities e using (entity_id)
            where a.role = 'exchange_deposit' and a.visibility = 'public' and a.address_id is not null
        ),
        truth as (select distinct deposit as address, exchange from truth_deposits)
        select f.status, count(*), count(t.address) from found f left join truth t using (address, exchange)
        group by f.status order by f.status"""
    )
    apart = {str(status): {"found": n, "right": right} for status, n, right in rows}
    found, right = sum(n for _, n, _ in rows), sum(right for _, _, right in rows)
    truth, known = reader.query(
        """select count(*), count_if(deposit in (select address from facts.address_lookup))
        from (select distinct deposit, exchange from truth_deposits)"""
    )[0]
    return {
        "precision": right / found if found else None,
        "recall": right / truth,
        "truth": truth,
        "in_ledger": known,
        **apart,
    }


def _score_wallets(reader: Reader) -> dict[str, Any]:
    """Score people with several wallets, B-cubed and pairwise."""
    wallets = reader.arrow("from wallets order by address").to_pandas()
    pairs = reader.arrow(
        """select d.address, c.cluster_id from beliefs.clusters c join facts.addresses d using (address_id)
        where c.visibility = 'public' order by d.address, c.cluster_id"""
    ).to_pandas()
    place = place_addresses(wallets["address"], pairs)
    truth = pd.factorize(wallets["cluster_id"])[0].astype(np.int64)
    overlaps = metrics.count_overlaps(truth, place)
    spans = metrics.bootstrap_scores(overlaps, draws=300)[1]
    return {
        "wallets": asdict(metrics.score_bcubed(overlaps)) | {"intervals": spans, "owners": overlaps.groups},
        "pairwise": asdict(metrics.score_pairs(overlaps)),
    }


def place_addresses(addresses: pd.Series, pairs: pd.DataFrame) -> np.ndarray:
    """Return one cluster number per address: clusters that one address has on several chains are one."""
    links = pd.DataFrame({"a": pairs["address"], "b": "cluster " + pairs["cluster_id"]})
    return find_components(links, addresses.tolist())


def _measure_merges(reader: Reader) -> dict[str, Any]:
    cases = reader.query(
        """with members as (
            select d.address, d.chain, c.cluster_id from beliefs.clusters c join facts.addresses d using (address_id)
            where c.visibility = 'public'
        )
        select n."case", count(*), count_if(l.cluster_id = r.cluster_id) from truth_never_merge n
        left join members l on l.address = n.left and l.chain = n.chain
        left join members r on r.address = n.right and r.chain = n.chain
        group by n."case" order by n."case" """
    )
    sizes = reader.query(
        """select c.cluster_id, count(*) as size, count(distinct o.cluster_id) as owners
        from beliefs.clusters c join facts.addresses d using (address_id)
        left join truth_owners o on o.address = d.address and o.chain = d.chain
        where c.visibility = 'public' and starts_with(c.cluster_id, 'anon-')
        group by c.cluster_id order by size desc, c.cluster_id"""
    )
    return {
        "united": {str(case): int(merged) for case, _, merged in cases if merged},
        "cases": len(cases),
        "clusters": len(sizes),
        "mixed_clusters": sum(1 for row in sizes if row[2] > 1),
        "largest_cluster": {"size": sizes[0][1], "owners": sizes[0][2]} if sizes else {"size": 0, "owners": 0},
    }


def pool_calibration(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return error and Brier skill of [relation, probability, right, weight, links] rows of any number of worlds."""
    if not rows:
        return {"links": 0, "ece": None, "brier": None, "brier_skill": None}
    p, right, weight = (np.array([row[at] for row in rows], dtype=float) for at in (1, 2, 3))
    brier, skill = metrics.score_brier(p, right, weight)
    return {
        "links": int(sum(row[4] for row in rows)),
        "said": float(np.average(p, weights=weight)),
        "right": float(np.average(right, weights=weight)),
        "ece": metrics.calibration_error(p, right, weight),
        "brier": brier,
        "brier_skill": skill,
    }


def write_rules(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a table for the terminal."""
    head = f"{'rule':26s} {'relation':16s} {'rows':>7s} {'pairs':>7s} {'precision':>9s} {'95 %':>13s}"
    lines = [f"{head} {'reached':>14s} {'share':>6s} {'bits':>6s}"]
    for row in rows:
        share = "" if row["coverage"] is None else f"{row['coverage']:.3f}"
        reach = f"{row['reached']}/{row['reachable']}" if row["reachable"] else ""
        lines.append(
            f"{row['heuristic']:26s} {row['relation']:16s} {row['rows']:7d} {row['pairs']:7d} {row['precision']:9.3f} "
            f"{row['low']:6.3f}-{row['high']:6.3f} {reach:>14s} {share:>6s} {row['bits']:6.2f}"
        )
    return lines


def write_calibration(rows: list[list[Any]]) -> list[str]:
    """Return a line per relation: what the links say, how many are right, error and skill."""
    found = [(name, pool_calibration([row for row in rows if row[0] == name])) for name in sorted({r[0] for r in rows})]
    return [
        f"links {name}: {told['links']}, say {told['said']:.3f}, right {told['right']:.3f}, ECE {told['ece']:.3f}, "
        f"Brier skill {told['brier_skill'] if told['brier_skill'] is None else round(told['brier_skill'], 3)}"
        for name, told in [*found, ("of all relations", pool_calibration(rows))] if told["links"]
    ]  # fmt: skip


def write_outcome(found: dict[str, Any]) -> list[str]:
    """Return the lines about the engine as a whole."""
    deposits, wallets, reference = found["deposits"], found["wallets"], found["reference"]
    apart = [f"{part['right']}/{part['found']} {name}" for name, part in deposits.items() if isinstance(part, dict)]
    precision = deposits["precision"] or 0.0
    three = "P {precision:.3f} R {recall:.3f} F1 {f1:.3f}"
    largest = f"{found['largest_cluster']['size']} addresses of {found['largest_cluster']['owners']} owners"
    return [
        f"deposits: P {precision:.4f} R {deposits['recall']:.4f} ({', '.join(apart)} right; {deposits['truth']} exist)",
        f"people's wallets, B-cubed: {three.format(**wallets)}",
        f"best components of direct transfers (cap {reference['cap']}): {three.format(**reference)}",
        f"never-merge pairs united: {found['united'] or 0} ({found['cases']} cases)",
        f"nameless clusters: {found['clusters']}, of several owners {found['mixed_clusters']}, largest {largest}",
    ]
