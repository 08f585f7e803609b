"""How many bits does each observation give a link, what is the sum, and what would tip it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

import pyarrow as pa

from intel.entities import attribute, merging
from intel.entities.arithmetic import Bar, Weighing, limit_crowd, weigh_cut, weigh_fact, weigh_link
from intel.heuristics import ALL
from intel.profiler.evidence import EVIDENCE_COLUMNS, EVIDENCE_ENDS, EVIDENCE_ORDER
from intel.profiler.path import MergePath
from intel.store.reader import Reader

_SHOWN = 12  # observations whose loss is told

_TITLES = {
    "cap": "Cap of the family",
    "prior": "Prior: how likely such a link is before any evidence",
    "charge": "Charge for pairs that the rules could have shown and did not",
    "labels": "Weak labels name two owners",
    "closed": "Behaviour and pair score alone open nothing",
    "consent": "Limit where the consent of both ends is not known",
}

_ACROSS = f"""
select least(v.left_id, v.right_id) as left_id, greatest(v.left_id, v.right_id) as right_id, {EVIDENCE_COLUMNS}
from (
    select * from beliefs.evidence
    where left_id in (select unnest($one::bigint[])) and right_id in (select unnest($other::bigint[]))
    union
    select * from beliefs.evidence
    where left_id in (select unnest($other::bigint[])) and right_id in (select unnest($one::bigint[]))
) v
{EVIDENCE_ENDS}
where v.relation = 'same_controller' and (v.visibility = 'public' or $visibility = 'private')
order by {EVIDENCE_ORDER}
"""

_TO_ENTITY = f"""
select v.left_id, {EVIDENCE_COLUMNS}
from beliefs.evidence v
{EVIDENCE_ENDS}
where v.left_id in (select unnest($ids::bigint[])) and v.right_entity = $entity_id
    and v.relation in ('deposit_of', 'controls')
order by {EVIDENCE_ORDER}
"""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The bits that a link must reach, and what it is then."""

    bits: float
    meaning: str


def find_threshold(kind: str, relation: str) -> Threshold:
    """Return what a link of this relation, or a cut, must reach to count."""
    if kind in {"atom", "judgement"}:
        return Threshold(0.0, "it unites at once, without weighing")
    is_pair = relation == "same_controller"
    probability = merging.PROBABLE if is_pair else attribute.PROBABLE
    meaning = "to unite two groups" if is_pair else "to be attributed"
    return Threshold(round(log2(probability / (1 - probability)), 3), f"{meaning} it must be {probability:.0%} likely")


def select_across(
    reader: Reader, one: Sequence[int], other: Sequence[int], visibility: str = "private"
) -> list[dict[str, Any]]:
    """Return the same-controller evidence between two groups of addresses, as the build counts it, strongest first."""
    rows = reader.records(_ACROSS, {"one": list(one), "other": list(other), "visibility": visibility})
    return count_rows(reader, rows)


def weigh_merge(reader: Reader, path: MergePath) -> dict[str, Any]:
    """Return the waterfall of the merge that united two addresses: all evidence between its two groups.

    A fact of the ledger unites at once, by its own weight; a judgement without any.
    """
    merge = path.uniting
    rows = select_across(reader, path.left_ids, path.right_ids, merge["visibility"])
    told = tell_waterfall(rows, merge["kind"], "same_controller", charge_bits=merge["charge_bits"] or 0.0)
    rest = round((merge["bits"] or 0.0) - told["bits"], 5)
    if merge["kind"] == "weighed" and rest < 0 and _name_two_owners(reader, path):
        label_bits = {"charge_bits": merge["charge_bits"] or 0.0, "label_bits": rest}
        told = tell_waterfall(rows, merge["kind"], "same_controller", **label_bits)
    return told | {
        "kind": merge["kind"], "left": merge["left"], "right": merge["right"], "left_size": merge["left_size"],
        "right_size": merge["right_size"], "stored_bits": merge["bits"], "visibility": merge["visibility"],
    }  # fmt: skip


def _name_two_owners(reader: Reader, path: MergePath) -> bool:
    """Tell whether labels in the two groups name different owners: the build takes off bits for that."""
    rows = reader.query(
        """select 1 from beliefs.anchors l join beliefs.anchors r on r.entity_id <> l.entity_id
        where l.address_id in (select unnest($one::bigint[])) and r.address_id in (select unnest($other::bigint[]))
        limit 1""",
        {"one": path.left_ids, "other": path.right_ids},
    )
    return bool(rows)


def weigh_pair(reader: Reader, left_ids: Sequence[int], right_ids: Sequence[int]) -> dict[str, Any] | None:
    """Return the waterfall of the likeliest direct link of two addresses; None where no evidence is between them."""
    links: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in select_across(reader, left_ids, right_ids):
        links.setdefault((row["left_id"], row["right_id"]), []).append(row)
    if not links:
        return None
    ends, rows = max(links.items(), key=lambda link: (weigh_link(link[1], "same_controller").bits, link[0]))
    stored = reader.query(
        """select bits from beliefs.links where relation = 'same_controller'
            and left_id = least($one, $other) and right_id = greatest($one, $other)
        order by visibility = 'private' desc limit 1""",
        {"one": ends[0], "other": ends[1]},
    )
    return tell_waterfall(rows, "link", "same_controller") | {
        "kind": "link", "left": rows[0]["left"], "right": rows[0]["right"], "left_size": 1, "right_size": 1,
        "stored_bits": stored[0][0] if stored else None, "visibility": _find_visibility(rows),
    }  # fmt: skip


def weigh_owner(reader: Reader, address_ids: Sequence[int], entity_id: str) -> dict[str, Any] | None:
    """Return the waterfall of the likeliest direct link of an address to an owner; None without direct evidence."""
    rows = reader.records(_TO_ENTITY, {"ids": list(address_ids), "entity_id": entity_id})
    links: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in count_rows(reader, rows):
        links.setdefault((row["left_id"], row["relation"]), []).append(row)
    if not links:
        return None
    (left_id, relation), best = max(
        links.items(), key=lambda link: (weigh_link(link[1], link[0][1]).bits, -link[0][0], link[0][1])
    )
    stored = reader.query(
        """select bits from beliefs.links
        where left_id = $left_id and right_entity = $entity_id and relation = $relation
        order by visibility = 'private' desc limit 1""",
        {"left_id": left_id, "entity_id": entity_id, "relation": relation},
    )
    return tell_waterfall(best, "link", relation) | {
        "kind": "link", "left": best[0]["left"], "right": entity_id, "left_size": 1, "right_size": None,
        "stored_bits": stored[0][0] if stored else None, "visibility": _find_visibility(best),
    }  # fmt: skip


def _find_visibility(rows: Sequence[dict[str, Any]]) -> str:
    return "private" if any(row["visibility"] == "private" for row in rows) else "public"


def _weigh(rows: Sequence[dict[str, Any]], kind: str, relation: str, **less: float) -> Weighing:
    if kind == "weighed":
        return weigh_cut(rows, **less)
    if kind == "link":
        return weigh_link(rows, relation)
    return weigh_fact(rows) if kind == "atom" else Weighing(relation, ())


def count_rows(reader: Reader, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with what the build adds of each: `counted_bits` after the crowd, `is_known` for its consent.

    A crowd: all addresses that one observation of a rule of FLOW or FUND links each with each.
    """
    found = list(rows)
    rules = {rule.name: rule for rule in ALL}
    doubtful = {rule.name for rule in ALL if rule.consent == "not known"}
    shared = sorted({
        (row["heuristic"], row["event"]) for row in found
        if row["relation"] == "same_controller" and row["family"] in {"FLOW", "FUND"}
        and not (row["heuristic"] in rules and rules[row["heuristic"]].is_tree)
    })  # fmt: skip
    crowds = _count_crowds(reader, shared)
    for row in found:
        everybody, public = crowds.get((row["heuristic"], row["event"]), (0, 0))
        row["crowd"] = public if row["visibility"] == "public" else everybody
        row["counted_bits"] = limit_crowd(row["weight_bits"] or 0.0, row["crowd"])
        row["is_known"] = row["family"] != "PAIR" and row["heuristic"] not in doubtful
    return found


def _count_crowds(reader: Reader, shared: list[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
    rows = reader.query(
        """with users as (
            select heuristic, event, visibility, unnest([left_id, right_id]) as user_id from beliefs.evidence
            where relation = 'same_controller' and event in (select unnest($events::varchar[])))
        select heuristic, event, count(distinct user_id),
            count(distinct case when visibility = 'public' then user_id end)
        from users group by heuristic, event""",
        {"events": sorted({event for _, event in shared})},
    ) if shared else []  # fmt: skip
    return {(row[0], row[1]): (row[2], row[3]) for row in rows if (row[0], row[1]) in set(shared)}


def tell_waterfall(rows: Sequence[dict[str, Any]], kind: str, relation: str, **less: float) -> dict[str, Any]:
    """Return the bars of a sum, where it ends, the threshold, and what each observation carries.

    `kind`: link, weighed (a cut between two groups), atom or judgement; `less`: charge_bits and label_bits of a cut.
    """
    weighed = _weigh(rows, kind, relation, **less)
    threshold = find_threshold(kind, relation)
    bits = float(weighed.bits)
    return {
        "relation": relation,
        "bars": [_tell_bar(bar) for bar in weighed.bars],
        "bits": bits,
        "probability": round(weighed.probability, 6),
        "threshold_bits": threshold.bits,
        "threshold_means": threshold.meaning,
        "missing_bits": round(max(0.0, threshold.bits - bits), 3),
        "without": [] if kind == "judgement" else _list_losses(rows, kind, weighed, threshold, less),
    }


def _tell_bar(bar: Bar) -> dict[str, Any]:
    row = bar.row or {}
    event = str(row.get("event", ""))
    return {
        "kind": bar.kind, "family": bar.family, "bits": float(bar.bits), "total": float(bar.total),
        "title": _TITLES.get(bar.kind) or event, "heuristic": row.get("heuristic"), "version": row.get("version"),
        "weight_bits": row.get("weight_bits"), "counted_bits": row.get("counted_bits"), "crowd": row.get("crowd"),
        "share": float(bar.share),
        "weight": ("assumed" if row["weight_is_assumed"] else "measured") if row else None,
        "reason": row.get("reason"), "tx_hashes": row.get("tx_hashes") or [], "visibility": row.get("visibility"),
    }  # fmt: skip


def _list_losses(
    rows: Sequence[dict[str, Any]], kind: str, weighed: Weighing, threshold: Threshold, less: dict[str, float]
) -> list[dict[str, Any]]:
    """Return what the sum would be without each observation, the one that carries most first."""
    losses = []
    for bar in weighed.bars:
        if bar.kind != "event" or bar.row is None:
            continue
        gone = (bar.row["heuristic"], bar.row["event"])
        others = [row for row in rows if (row["heuristic"], row["event"]) != gone]
        rest = _weigh(others, kind, weighed.relation, **less)
        bits = float(rest.bits)
        falls = bits < threshold.bits <= float(weighed.bits)
        losses.append({
            "heuristic": gone[0], "version": bar.row["version"], "event": gone[1], "bits": bits, "falls": falls,
            "sentence": f"Without what {gone[0].replace('_', ' ')} saw ({gone[1]}) the sum falls from "
            f"{float(weighed.bits):.2f} to {bits:.2f} bits" + (", too few to count" if falls else ""),
        })  # fmt: skip
    return sorted(losses, key=lambda loss: (loss["bits"], loss["heuristic"], loss["event"]))[:_SHOWN]


def list_weights(reader: Reader, rules: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the weights of the rules stand on, and in words: measured on what and when, or assumed."""
    rows = reader.records(
        "select * from beliefs.weights where heuristic in (select unnest($rules::varchar[])) order by heuristic",
        {"rules": list(rules)},
    )
    return [{**row, "told": _tell_weight(row)} for row in rows]


def _tell_weight(row: Mapping[str, Any]) -> str:
    if row["is_assumed"] or row["n"] is None:
        return "assumed: never measured on known truth"
    interval = f"{row['precision_low']:.1%} to {row['precision_high']:.1%}"
    return (
        f"measured on {row['measured_on']}, {row['measured_at']}: {row['precision']:.1%} of {row['n']:,} ({interval})"
    )


def draw_waterfall(found: Mapping[str, Any], *, limit: int = 14) -> pa.Table:
    """Return the bars as a picture: number, label, what it does, start, end, bits in words; the sum comes last.

    Beyond `limit` the weakest observations stand together as one bar.
    """
    bars = list(found["bars"])
    events = [bar for bar in bars if bar["kind"] in {"event", "against"}]
    kept = {id(bar) for bar in sorted(events, key=lambda bar: -abs(bar["bits"]))[:limit]}
    folded = [bar for bar in events if id(bar) not in kept]
    rows: list[dict[str, Any]] = []
    total = 0.0
    for bar in [*(bar for bar in events if id(bar) in kept), *([_fold(folded)] if folded else []),
                *(bar for bar in bars if bar["kind"] not in {"event", "against"})]:  # fmt: skip
        effect = "speaks for it" if bar["bits"] >= 0 else "takes away"
        label = bar["reason"] or bar["title"]
        share = f" (a quarter of {bar['counted_bits']:.2f})" if bar.get("share", 1) < 1 else ""
        rows.append({"label": label, "effect": effect, "start": total, "end": total + bar["bits"], "bits": bar["bits"],
                     "share": share})  # fmt: skip
        total += bar["bits"]
    rows.append({"label": "Sum", "effect": "sum", "start": 0.0, "end": found["bits"], "bits": found["bits"],
                 "share": ""})  # fmt: skip
    told = [
        {"number": number, **row, "label": f"{number}. {row['label']}" if row["effect"] != "sum" else row["label"],
         "told": f"{row['bits']:+.2f}{row['share']}".replace("-", "\u2212"), "low": min(row["start"], row["end"]),
         "high": max(row["start"], row["end"])}
        for number, row in enumerate(rows, 1)
    ]  # fmt: skip
    return pa.Table.from_pylist(told)


def _fold(bars: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    bits = sum(bar["bits"] for bar in bars)
    return {"kind": "event", "bits": bits, "reason": f"{len(bars):,} weaker observations", "title": ""}
