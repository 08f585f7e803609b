"""Which part of history does an answer rest on, and what should its reader know?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from intel.model import CoverageRange
from intel.store.reader import Reader

# A chain's balances are whole only where all of these are covered from its first block on.
WHOLE_KINDS = ("native", "internal", "erc20", "fee")

_SHOWN_RANGES = 200


def read_coverage(reader: Reader) -> tuple[CoverageRange, ...]:
    """Return every covered range of the build, by dataset, chain, kind, source and block."""
    return reader.once("coverage", lambda: _read_ranges(reader))


def _read_ranges(reader: Reader) -> tuple[CoverageRange, ...]:
    rows = reader.query(
        """select dataset, chain, kind, source, first_block, last_block, first_time, last_time, rows
        from facts.coverage order by dataset, chain, kind nulls first, source, first_block, last_block"""
    )
    return tuple(CoverageRange(*row) for row in rows)


def merge_blocks(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the maximal runs of blocks that the ranges cover together, in order."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def describe_coverage(reader: Reader, chains: Sequence[str]) -> dict[str, Any]:
    """Return what was seen of each chain: per dataset and kind the exact ranges (all sources together) and the holes.

    `chains[].is_whole`: native, internal, erc20 and fee are covered from block 0 on without a hole.
    """
    return {"chains": [describe_chain(reader, chain) for chain in chains]}


def describe_chain(reader: Reader, chain: str) -> dict[str, Any]:
    """Return {chain, is_whole, first_time, last_time, kinds [...]} of one chain."""
    return reader.once(("coverage", chain), lambda: _describe_chain(reader, chain))


def _describe_chain(reader: Reader, chain: str) -> dict[str, Any]:
    groups: dict[tuple[str, str], list[CoverageRange]] = defaultdict(list)
    for item in read_coverage(reader):
        if item.chain == chain:
            groups[item.dataset, item.kind or ""].append(item)
    kinds = [_describe_kind(dataset, kind, ranges) for (dataset, kind), ranges in sorted(groups.items())]
    ledger = [kind for kind in kinds if kind["dataset"] == "transfers"]
    return {
        "chain": chain,
        "is_whole": set(WHOLE_KINDS) <= {kind["kind"] for kind in ledger if kind["is_whole"]},
        "first_time": _least(kind["first_time"] for kind in ledger),
        "last_time": _greatest(kind["last_time"] for kind in ledger),
        "kinds": kinds,
    }


def _describe_kind(dataset: str, kind: str, ranges: list[CoverageRange]) -> dict[str, Any]:
    runs = merge_blocks((item.first_block, item.last_block) for item in ranges)
    blocks = sum(last - first + 1 for first, last in runs)
    return {
        "dataset": dataset,
        "kind": kind or None,
        "sources": sorted({item.source for item in ranges if item.source}),
        "first_block": runs[0][0] if runs else None,
        "last_block": runs[-1][1] if runs else None,
        "blocks": blocks,
        "holes": max(len(runs) - 1, 0),
        "missing_blocks": runs[-1][1] - runs[0][0] + 1 - blocks if runs else 0,
        "ranges": [list(run) for run in runs[:_SHOWN_RANGES]],
        "is_whole": len(runs) == 1 and runs[0][0] == 0,
        "first_time": _least(item.first_time for item in ranges),
        "last_time": _greatest(item.last_time for item in ranges),
        "rows": sum(item.rows or 0 for item in ranges),
    }


def _least(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _greatest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def last_seen_by_chain(reader: Reader) -> dict[str, datetime]:
    """Return up to when each chain's transfers were seen: the day to value holdings at."""
    return reader.once("last seen", lambda: _last_seen(reader))


def _last_seen(reader: Reader) -> dict[str, datetime]:
    seen = {
        item.chain: describe_chain(reader, item.chain)["last_time"]
        for item in read_coverage(reader)
        if item.dataset == "transfers"
    }
    if seen and all(seen.values()):
        return seen
    rows = reader.query("select chain, max(block_time) from facts.transfers group by 1 order by 1")
    return {str(chain): time for chain, time in rows if time is not None}
