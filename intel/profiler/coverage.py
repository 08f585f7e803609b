"""Which part of history does an answer rest on, and what should its reader know?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from intel.model import CoverageRange
from intel.store.reader import Reader

# A chain's balances are whole only where all of these are covered from its first block on.
WHOLE_KINDS = ("native", "internal", "erc20", "fee")


def read_coverage(reader: Reader) -> tuple[CoverageRange, ...]:
    """Return every covered range of the build, by dataset, chain, kind, source and block."""
    return reader.once("coverage", lambda: _read_ranges(reader))


def _read_ranges(reader: Reader) -> tuple[CoverageRange, ...]:
    rows = reader.query(
        """select dataset, chain, kind, source, first_block, last_block, first_time, last_time, rows
        from facts.coverage order by dataset, chain, kind nulls first, source, first_block, last_block"""
    )
    return tuple(CoverageRange(*row) for row in rows)


def describe_coverage(reader: Reader, chains: Sequence[str]) -> dict[str, Any]:
    """Return what was seen of each chain: per dataset and kind the exact ranges (all sources together) and the holes.

    `ranges` holds the first 20 runs of blocks; `read_coverage` has all, source by source. `chains[].is_whole`: native,
    internal, erc20 and fee are covered from block 0 on without a hole.
    """
    return {"chains": [describe_chain(reader, chain) for chain in chains]}


def describe_chain(reader: Reader, chain: str) -> dict[str, Any]:
    """Return {chain, is_whole, first_time, last_time, kinds [...]} of one chain."""
    return reader.once(("coverage", chain), lambda: _describe_chain(reader, chain))


def list_chains_seen(reader: Reader) -> list[str]:
    """Return the chains of which any block is known to be seen, in order."""
    return sorted({chain for chain, _ in _read_summary(reader)})


def _describe_chain(reader: Reader, chain: str) -> dict[str, Any]:
    kinds = [row for (name, _), rows in _read_summary(reader).items() if name == chain for row in rows]
    ledger = [kind for kind in kinds if kind["dataset"] == "transfers"]
    return {
        "chain": chain,
        "is_whole": set(WHOLE_KINDS) <= {kind["kind"] for kind in ledger if kind["is_whole"]},
        "first_time": min((kind["first_time"] for kind in ledger if kind["first_time"]), default=None),
        "last_time": max((kind["last_time"] for kind in ledger if kind["last_time"]), default=None),
        "kinds": kinds,
    }


def _read_summary(reader: Reader) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the described kinds by (chain, dataset)."""

    def read() -> dict[tuple[str, str], list[dict[str, Any]]]:
        kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in reader.records("from facts.coverage_summary order by chain, dataset, kind"):
            span = row["last_block"] - row["first_block"] + 1
            kinds.setdefault((row.pop("chain"), row["dataset"]), []).append(
                {
                    **row,
                    "kind": row["kind"] or None,
                    "missing_blocks": span - row["blocks"],
                    "is_whole": row["holes"] == 0 and row["first_block"] == 0,
                }
            )
        return kinds

    return reader.once("coverage summary", read)


def last_seen_by_chain(reader: Reader) -> dict[str, datetime]:
    """Return up to when each chain's transfers were seen: the day to value holdings at."""
    return reader.once("last seen", lambda: _last_seen(reader))


def _last_seen(reader: Reader) -> dict[str, datetime]:
    chains = {chain for chain, dataset in _read_summary(reader) if dataset == "transfers"}
    seen = {chain: describe_chain(reader, chain)["last_time"] for chain in sorted(chains)}
    if seen and all(seen.values()):
        return seen
    rows = reader.query("select chain, max(block_time) from facts.transfers group by 1 order by 1")
    return {str(chain): time for chain, time in rows if time is not None}
