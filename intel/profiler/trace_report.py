"""What does a trace tell: each payment with its transaction, where the money ended, and how much cannot be said?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from intel.model import SYSTEM_ADDRESSES
from intel.profiler.postings import fill_owners
from intel.profiler.profile import to_plain
from intel.profiler.trace import RULE_TEXTS, Passage, Question, Source, follow_money
from intel.profiler.trace_kernels import BRIDGED, Array
from intel.profiler.trace_stops import KINDS, Stops, sum_stops
from intel.profiler.trace_town import read_flows, read_places
from intel.store.reader import Reader

# What an end is, in both directions.
END_KINDS = {
    "service": "a named service, which mixes the money of many",
    "owner": "somebody who is named",
    "mixer": "a mixer: who else used it is not followed",
    "returned": "the source itself",
    "held": "an address that nobody is known to own: the trail ends there",
    "too_far": "an address as many payments away as were to be followed",
    "hub": "an unlabelled hub, which mixes the money of many",
    "system": "nobody: minted, burnt, or the protocol",
    "on_the_way": "a bridge whose other side lies outside what was followed",
    "small": "too small to follow",
    "fees": "the price of transactions",
}
_NAMED = ("service", "owner", "mixer", "returned")
STEPS, ENDS, PATHS = 5_000, 500, 25

_STEP = pa.schema({
    "step": pa.int64(), "hop": pa.int32(), "block_time": pa.timestamp("us"), "chain": pa.string(),
    "block_number": pa.int64(), "tx_hash": pa.string(), "sender": pa.string(), "sender_name": pa.string(),
    "receiver": pa.string(), "receiver_name": pa.string(), "symbol": pa.string(), "amount": pa.string(),
    "value_usd": pa.float64(), "traced_usd": pa.float64(), "outcome": pa.string(),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace as told: `steps` in order of time (the largest `STEPS` of `step_count`), `ends` by USD, `categories`.

    USD of ends and `traced_usd` are those that left the source: handed on in parts, so that the ends add up to
    `total_usd` (not by poison, which counts money more than once).
    """

    source: dict[str, Any]
    question: dict[str, Any]
    steps: pa.Table
    step_count: int
    ends: list[dict[str, Any]]
    end_count: int
    categories: list[dict[str, Any]]
    total_usd: float
    caveats: tuple[str, ...]
    build_id: str


def trace_money(reader: Reader, source: Source, question: Question | None = None) -> Trace:
    """Follow the money of a source and tell what was found. Raises UsageError, UnknownSubject."""
    asked = question or Question()
    passage = follow_money(reader, source, asked)
    stops = sum_stops(
        passage,
        _sides(reader, asked)[1],
        read_places(reader, asked.tier, shows_private=asked.shows_private).wall,
        asked.max_hops,
    )
    total = round(float(stops.weight.sum()), 6)
    chosen, paths = _choose_rows(passage), _find_paths(reader, passage, asked, stops.address[:PATHS])
    rows = np.unique(np.concatenate([passage.told.row[chosen], *(np.array(path, np.int64) for path in paths)]))
    facts = dict(zip(rows.tolist(), tell_rows(reader, tuple(rows.tolist()), asked), strict=True))
    ends = _tell_ends(reader, stops, asked, total)
    for end, path in zip(ends, paths, strict=False):
        end["path"] = [facts[row]["tx_hash"] for row in path]
    return Trace(
        source={"kind": source.kind, "name": source.name, "addresses": len(source.address_ids)},
        question=describe_question(asked),
        steps=_tabulate_steps(passage, facts, chosen),
        step_count=len(passage.told.row),
        ends=ends,
        end_count=len(stops.address),
        categories=_sum_categories(reader, stops, asked, total),
        total_usd=total,
        caveats=tuple(_list_caveats(passage, asked, stops)),
        build_id=reader.build_id,
    )


def describe_question(asked: Question) -> dict[str, Any]:
    """Return the question as a plain document: with the build and the code version it makes the trace again."""
    return {
        "rule": asked.rule, "rule_text": RULE_TEXTS[asked.rule], "direction": asked.direction,
        "max_hops": asked.max_hops, "min_usd": asked.min_usd, "tier": asked.tier,
        "shows_private": asked.shows_private,
        "since": asked.window.since, "until": asked.window.until,
    }  # fmt: skip


def to_document(trace: Trace) -> dict[str, Any]:
    """Return the trace as one JSON document (INTERFACES.md): `steps` and `ends`."""
    document = to_plain({
        "source": trace.source, "question": trace.question, "total_usd": trace.total_usd, "ends": trace.ends,
        "end_count": trace.end_count, "categories": trace.categories, "steps": trace.steps.to_pylist(),
        "step_count": trace.step_count, "kinds": END_KINDS, "caveats": trace.caveats, "build": trace.build_id,
    })  # fmt: skip
    assert isinstance(document, dict)
    return document


def _sides(reader: Reader, asked: Question) -> tuple[Array, Array]:
    """Return who pays and who is paid, as the pass saw it."""
    flows = read_flows(reader)
    return (flows.sender, flows.receiver) if asked.direction == "forward" else (flows.receiver, flows.sender)


def _tell_ends(reader: Reader, stops: Stops, asked: Question, total: float) -> list[dict[str, Any]]:
    """Return the largest ends by name; what has no address comes last of its size."""
    top = Stops(*(column[:ENDS] for column in stops))
    names = _name_parties(reader, top.address[top.address >= 0].tolist(), asked)
    return [
        {
            **names.get(address, _NOBODY), "kind": KINDS[kind], "value_usd": weight, "payments": payments,
            "hop": hop if address >= 0 else None, "address_id": address, "share": weight / total if total else None,
        }
        for address, kind, weight, payments, hop in zip(*(column.tolist() for column in top), strict=True)
    ]  # fmt: skip


_NOBODY = {"address": None, "chain": None, "entity": None, "name": None, "category": None}


def _name_parties(reader: Reader, ids: Iterable[int], asked: Question) -> dict[int, dict[str, Any]]:
    """Return {address_id: {address, chain, entity, name, category}}."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    reader.load("trace_ids", pa.table({"address_id": pa.array(wanted, pa.int64())}))
    fill_owners(
        reader, "select address_id from trace_ids", asked.tier, table="trace_owners", shows_private=asked.shows_private
    )
    rows = reader.records(
        """select a.address_id, a.address, a.chain, o.entity_id as entity, o.name, o.category
        from facts.addresses a join trace_ids using (address_id) left join trace_owners o using (address_id)"""
    )
    return {row.pop("address_id"): {**row, "name": row["name"] or SYSTEM_ADDRESSES.get(row["address"])} for row in rows}


def _choose_rows(passage: Passage) -> Array:
    """Return the places of the steps to tell: the largest ones, the first of equal ones, in order of the pass."""
    weights = passage.told.weight
    if len(weights) <= STEPS:
        return np.arange(len(weights))
    least = np.partition(weights, len(weights) - STEPS)[len(weights) - STEPS]
    larger, equal = np.flatnonzero(weights > least), np.flatnonzero(weights == least)
    return np.sort(np.concatenate([larger, equal[: STEPS - len(larger)]]))


def _tabulate_steps(passage: Passage, facts: dict[int, dict[str, Any]], places: Array) -> pa.Table:
    """Return one row per step, in the order in which the money moved, with the ledger's exact amounts."""
    told, outcomes = passage.told, ("passed", "ended", "returned", "bridged")
    table = [
        {
            "step": number, "hop": int(told.hop[place]), **facts[int(told.row[place])],
            "traced_usd": round(float(told.weight[place]), 6), "outcome": outcomes[told.outcome[place]],
        }
        for number, place in enumerate(places, start=1)
    ]  # fmt: skip
    return pa.Table.from_pylist(table, _STEP)


def tell_rows(reader: Reader, rows: tuple[int, ...], asked: Question) -> list[dict[str, Any]]:
    """Return rows of the flow columns as the ledger tells them: time, transaction, both ends by name, amount, USD."""
    flows, places = read_flows(reader), np.array(rows, np.int64)
    facts = _read_transfers(reader, flows.transfer[places])
    names = _name_parties(reader, {int(i) for i in (*flows.sender[places], *flows.receiver[places]) if i >= 0}, asked)
    told = []
    for row in rows:
        sender, receiver = (names.get(int(column[row]), _NOBODY) for column in (flows.sender, flows.receiver))
        told.append({
            **facts[int(flows.transfer[row])], "sender": sender["address"], "sender_name": sender["name"],
            "receiver": receiver["address"], "receiver_name": receiver["name"],
        })  # fmt: skip
    return told


def _read_transfers(reader: Reader, ids: Array) -> dict[int, dict[str, Any]]:
    if not len(ids):
        return {}
    reader.load("trace_transfers", pa.table({"transfer_id": pa.array(np.unique(ids), pa.int64())}))
    low, high = int(ids.min()), int(ids.max())
    rows = reader.records(
        """select t.transfer_id, t.block_time, t.chain, t.block_number, t.tx_hash, a.symbol, t.value_raw,
            coalesce(a.decimals, 0) as decimals, t.value_micro_usd / 1e6 as value_usd
        from facts.transfers t join facts.assets a using (asset_id)
        where t.transfer_id between $low and $high and t.transfer_id in (select transfer_id from trace_transfers)""",
        {"low": low, "high": high},
    )
    for row in rows:
        row["amount"] = format(row.pop("value_raw").scaleb(-row.pop("decimals")), "f")
    return {row.pop("transfer_id"): row for row in rows}


def _find_paths(reader: Reader, passage: Passage, asked: Question, ends: Array) -> list[list[int]]:
    """Return for each end one way the money took, as rows from the source on: back along the largest payments."""
    told = passage.told
    payer, payee = _sides(reader, asked)
    payees = payee[told.row]
    paths = []
    for end in ends.tolist():
        path: list[int] = []
        address, before = end, len(told.row)
        while address >= 0 and len(path) < asked.max_hops:
            into = np.flatnonzero(payees[:before] == address)
            if not len(into):
                break
            place = int(into[np.argmax(told.weight[into])])
            path.append(int(told.row[place]))
            if told.hop[place] <= 1:
                break
            address, before = int(payer[told.row[place]]), place
        paths.append(path[::-1])
    return paths


def _sum_categories(reader: Reader, stops: Stops, asked: Question, total: float) -> list[dict[str, Any]]:
    """Return direct (one payment away), indirect and unresolved USD by category: together they are the whole."""
    is_owned = np.isin(stops.kind, [KINDS.index(kind) for kind in ("service", "owner")])
    owned = np.unique(stops.address[is_owned])
    slugs, places = _categorise(reader, owned, asked)
    labels = [kind if kind in _NAMED else f"unresolved: {kind}" for kind in KINDS] + slugs
    codes = stops.kind.astype(np.int64)
    codes[is_owned] = len(KINDS) + places[np.searchsorted(owned, stops.address[is_owned])]
    is_direct = stops.hop == 1
    direct, indirect = (
        np.bincount(codes, np.where(side, stops.weight, 0), len(labels)) for side in (is_direct, ~is_direct)
    )
    rows = [
        {
            "category": labels[code], "direct_usd": round(float(direct[code]), 6),
            "indirect_usd": round(float(indirect[code]), 6), "usd": round(float(direct[code] + indirect[code]), 6),
            "share": float(direct[code] + indirect[code]) / total if total else None,
        }
        for code in np.unique(codes).tolist()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["category"].startswith("unresolved"), -row["usd"], row["category"]))


def _categorise(reader: Reader, ids: Array, asked: Question) -> tuple[list[str], Array]:
    """Return the categories of owners, and for each address the place of its own among them."""
    if not len(ids):
        return [], np.zeros(0, np.int64)
    reader.load("trace_ids", pa.table({"address_id": pa.array(ids, pa.int64())}))
    fill_owners(
        reader, "select address_id from trace_ids", asked.tier, table="trace_owners", shows_private=asked.shows_private
    )
    found = reader.arrow(
        """select coalesce(o.category, 'other') as category
        from trace_ids left join trace_owners o using (address_id) order by address_id"""
    )
    slugs = found["category"].combine_chunks().dictionary_encode()
    return slugs.dictionary.to_pylist(), slugs.indices.to_numpy()


def _list_caveats(passage: Passage, asked: Question, stops: Stops) -> Iterable[str]:
    if passage.unpriced:
        yield f"Not followed: {passage.unpriced:,} payments of the source that have no price."
    if asked.rule == "poison":
        yield "Poison counts money again at each step: its sums are upper bounds and do not add up to what was sent."
    if np.any(stops.kind == KINDS.index("mixer")):
        yield "No money is followed through a mixer: whoever withdraws there could be anybody who deposited before."
    if np.any(passage.told.outcome == BRIDGED):
        yield "Followed across bridges where a rule matched both ends; a match can be wrong."
    if passage.told.row.size > STEPS:
        yield f"Told are the {STEPS:,} largest of {passage.told.row.size:,} payments."
    yield "Balances begin with what this store has seen: where history is partial, shares are too high."
