"""Which blocks does a file cover, beyond those it has transfers for?"""

from __future__ import annotations

import re
from pathlib import Path

from intel.model import CoverageRange
from intel.sources.chains import resolve_chain
from intel.sources.files import RawTable
from intel.sources.layout import Layout
from intel.store import Connection

# NETWORK__DATASET__[LABEL__]FIRST_to_LAST, as cryo names its files; the last block is included.
_NAMED = re.compile(r"(?P<chain>[a-z0-9_]+?)__[a-z0-9_]+__(?:.+__)?(?P<first>[0-9]+)_to_(?P<last>[0-9]+)\..*")


def declare_blocks(con: Connection, view: str, raw: RawTable, layout: Layout) -> tuple[CoverageRange, ...]:
    """Return the blocks that were seen for the kinds a layout tells of, with or without transfers in them.

    They come from file names that say so, and where transfers are only some of the rows (logs, traces, transactions)
    from the blocks of all rows. An export that was filtered, by contract say, must not be named like a whole one.
    """
    if not layout.tells:
        return ()
    found = set(_named_ranges(con, view, raw)) if layout.name.startswith("cryo") else set()
    if layout.shape:
        found.update(_row_ranges(con, view))
    return tuple(
        CoverageRange(layout.dataset, chain, kind, layout.name, first, last, None, None, 0)
        for chain, first, last in sorted(found)
        for kind in layout.tells
    )


def read_block_range(path: Path) -> tuple[str | None, int, int] | None:
    """Return chain (None: not known), first and last block that a file's name declares, or None where it does not."""
    named = _NAMED.fullmatch(path.name.lower())
    if named is None:
        return None
    chain = resolve_chain(named["chain"].removeprefix("network_"))
    return chain, int(named["first"]), int(named["last"])


def _named_ranges(con: Connection, view: str, raw: RawTable) -> list[tuple[str, int, int]]:
    chains = [str(row[0]) for row in con.execute("select chain from chain_map where chain is not null").fetchall()]
    ranges = []
    for named in filter(None, map(read_block_range, raw.files)):
        chain = named[0] or (chains[0] if len(chains) == 1 else None)
        if chain and named[1] <= named[2]:
            ranges.append((chain, named[1], named[2]))
    return ranges


def _row_ranges(con: Connection, view: str) -> list[tuple[str, int, int]]:
    rows = con.execute(
        "select chain, min(block), max(block) from (select chain, block, "
        "block - row_number() over (partition by chain order by block) as island from ("
        f"select distinct m.chain, try_cast(p.block_number as bigint) as block from {view} p "
        "join chain_map m on m.chain_text is not distinct from p.chain::varchar) "
        "where chain is not null and block >= 0) group by chain, island"
    ).fetchall()
    return [(str(chain), int(first), int(last)) for chain, first, last in rows]
