"""What does a trace tell: each payment with its transaction, where the money ended, and how much cannot be said?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from intel.model import SYSTEM_ADDRESSES
from intel.profiler.postings import fill_owners
from intel.profiler.profile import to_plain
from intel.profiler.trace import FARTHEST, RULE_TEXTS, Passage, Question, Source, follow_money
from intel.profiler.trace_kernels import BRIDGED, PASSED, RETURNED, Array
from intel.profiler.trace_town import WALL_KINDS, read_flows, read_places
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
    ends = _list_ends(reader, passage, asked)
    total = sum(end["value_usd"] for end in ends)
    for end in ends:
        end["share"] = end["value_usd"] / total if total else None
    shown = ends[:ENDS]
    chosen = _choose_rows(passage)
    steps, paths = _tabulate_steps(reader, passage, asked, chosen), _find_paths(reader, passage, asked, shown)
    hashes = _name_transactions(reader, [row for path in paths for row in path])
    for end, path in zip(shown, paths, strict=False):
        end["path"] = [hashes[row] for row in path]
    return Trace(
        source={"kind": source.kind, "name": source.name, "addresses": len(source.address_ids)},
        question=describe_question(asked),
        steps=steps,
        step_count=len(passage.told.row),
        ends=shown,
        end_count=len(ends),
        categories=_sum_categories(ends, total),
        total_usd=total,
        caveats=tuple(_list_caveats(passage, asked, ends)),
        build_id=reader.build_id,
    )


def describe_question(asked: Question) -> dict[str, Any]:
    """Return the question as a plain document: with the build and the code version it makes the trace again."""
    return {
        "rule": asked.rule, "rule_text": RULE_TEXTS[asked.rule], "direction": asked.direction,
        "max_hops": asked.max_hops, "min_usd": asked.min_usd, "tier": asked.tier,
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


def _list_ends(reader: Reader, passage: Passage, asked: Question) -> list[dict[str, Any]]:
    """Return where the weight ended, largest first; what has no address last of its size."""
    found = _sum_stops(reader, passage, asked)
    for address, weight, hop in zip(*passage.held, strict=True):
        kind = "too_far" if hop >= asked.max_hops else "held"
        found[int(address), kind] = [float(weight), 0, int(hop)]
    for kind, weight in (("small", passage.small), ("fees", passage.fees), ("on_the_way", passage.on_the_way)):
        if weight > 0:
            found[-1, kind] = [weight, 0, 0]
    names = _name_parties(reader, {address for address, _ in found if address >= 0}, asked)
    ends = [
        {
            **names.get(address, _NOBODY), "kind": kind, "value_usd": round(weight, 6), "payments": int(count),
            "hop": int(hop) if address >= 0 else None, "address_id": address,
        }
        for (address, kind), (weight, count, hop) in found.items()
    ]  # fmt: skip
    return sorted(ends, key=lambda end: (-end["value_usd"], end["address_id"], end["kind"]))


def _sum_stops(reader: Reader, passage: Passage, asked: Question) -> dict[tuple[int, str], list[float]]:
    """Return {(address, kind): [weight, payments, fewest hops]} of what was stopped on its way."""
    told, wall = passage.told, read_places(reader, asked.tier).wall
    stops = np.flatnonzero((told.outcome != PASSED) & (told.outcome != BRIDGED))
    payees = _sides(reader, asked)[1][told.row[stops]].astype(np.int64)
    codes = np.where(payees >= 0, wall[payees], WALL_KINDS.index("system"))
    codes = np.where(told.outcome[stops] == RETURNED, len(WALL_KINDS), codes)
    keys, places = np.unique(payees * 16 + codes, return_inverse=True)
    weights = np.bincount(places, told.weight[stops], len(keys))
    counts = np.bincount(places, minlength=len(keys))
    hops = np.full(len(keys), FARTHEST + 1)
    np.minimum.at(hops, places, told.hop[stops])
    kinds = (*WALL_KINDS, "returned")
    return {
        (int(key >> 4), kinds[key & 15]): [float(weight), int(count), int(hop)]
        for key, weight, count, hop in zip(keys, weights, counts, hops, strict=True)
    }


_NOBODY = {"address": None, "chain": None, "entity": None, "name": None, "category": None}


def _name_parties(reader: Reader, ids: Iterable[int], asked: Question) -> dict[int, dict[str, Any]]:
    """Return {address_id: {address, chain, entity, name, category}}."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    reader.load("trace_ids", pa.table({"address_id": pa.array(wanted, pa.int64())}))
    fill_owners(reader, "select address_id from trace_ids", asked.tier, table="trace_owners")
    rows = reader.records(
        """select a.address_id, a.address, a.chain, o.entity_id as entity, o.name, o.category
        from facts.addresses a join trace_ids using (address_id) left join trace_owners o using (address_id)"""
    )
    return {row.pop("address_id"): {**row, "name": row["name"] or SYSTEM_ADDRESSES.get(row["address"])} for row in rows}


def _choose_rows(passage: Passage) -> Array:
    """Return the places of the steps to tell: the largest ones, in order of the pass."""
    weights = passage.told.weight
    largest = np.lexsort((np.arange(len(weights)), -weights))[:STEPS]
    return np.sort(largest)


def _tabulate_steps(reader: Reader, passage: Passage, asked: Question, places: Array) -> pa.Table:
    """Return one row per step, in the order in which the money moved, with the ledger's exact amounts."""
    told, outcomes = passage.told, ("passed", "ended", "returned", "bridged")
    rows = tell_rows(reader, tuple(told.row[places].tolist()), asked)
    table = [
        {
            "step": number, "hop": int(told.hop[place]), **row, "traced_usd": round(float(told.weight[place]), 6),
            "outcome": outcomes[told.outcome[place]],
        }
        for number, (place, row) in enumerate(zip(places, rows, strict=True), start=1)
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


def _find_paths(reader: Reader, passage: Passage, asked: Question, ends: list[dict[str, Any]]) -> list[list[int]]:
    """Return for the first ends one way the money took, as rows from the source on: back along the largest payments."""
    told = passage.told
    payer, payee = _sides(reader, asked)
    payers, payees = payer[told.row], payee[told.row]
    paths = []
    for end in ends[:PATHS]:
        path: list[int] = []
        address, before = end["address_id"], len(told.row)
        while address >= 0 and len(path) < asked.max_hops:
            into = np.flatnonzero(payees[:before] == address)
            if not len(into):
                break
            place = int(into[np.argmax(told.weight[into])])
            path.append(int(told.row[place]))
            if told.hop[place] <= 1:
                break
            address, before = int(payers[place]), place
        paths.append(path[::-1])
    return paths


def _name_transactions(reader: Reader, rows: list[int]) -> dict[int, str]:
    """Return the transaction hash of each row."""
    flows = read_flows(reader)
    facts = _read_transfers(reader, flows.transfer[np.array(rows, np.int64)])
    return {row: facts[int(flows.transfer[row])]["tx_hash"] for row in rows}


def _sum_categories(ends: list[dict[str, Any]], total: float) -> list[dict[str, Any]]:
    """Return direct (one payment away), indirect and unresolved USD by category: together they are the whole."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for end in ends:
        is_named = end["kind"] in _NAMED
        name = end["kind"] if not is_named or end["kind"] in ("mixer", "returned") else end["category"] or "other"
        sums[name if is_named else f"unresolved: {end['kind']}"][end["hop"] != 1] += end["value_usd"]
    rows = [
        {
            "category": name, "direct_usd": round(direct, 6), "indirect_usd": round(indirect, 6),
            "usd": round(direct + indirect, 6), "share": (direct + indirect) / total if total else None,
        }
        for name, (direct, indirect) in sums.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["category"].startswith("unresolved"), -row["usd"], row["category"]))


def _list_caveats(passage: Passage, asked: Question, ends: list[dict[str, Any]]) -> Iterable[str]:
    if passage.unpriced:
        yield f"Not followed: {passage.unpriced:,} payments of the source that have no price."
    if asked.rule == "poison":
        yield "Poison counts money again at each step: its sums are upper bounds and do not add up to what was sent."
    if any(end["kind"] == "mixer" for end in ends):
        yield "No money is followed through a mixer: whoever withdraws there could be anybody who deposited before."
    if np.any(passage.told.outcome == BRIDGED):
        yield "Followed across bridges where a rule matched both ends; a match can be wrong."
    if passage.told.row.size > STEPS:
        yield f"Told are the {STEPS:,} largest of {passage.told.row.size:,} payments."
    yield "Balances begin with what this store has seen: where history is partial, shares are too high."
