"""Do the sums of the lake equal what a node says, to the last unit?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intel.config import Settings
from intel.errors import BadInput, StoreError
from intel.sources.addresses import read_addresses
from intel.sources.chains import address_pattern
from intel.sources.rpc import Node
from intel.sources.rpc_blocks import examine_node
from intel.sources.rpc_tokens import read_balances, read_token_balances
from intel.store import Connection, open_connection
from intel.store.lake import Lake

_MOST_HELD = 100_000  # pairs of address and token that one verification asks for
_NOBODY = "0x" + "0" * 40


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One asset of one address: what the node says it gained over the blocks seen, and what our sums say."""

    address: str
    token: str | None  # None: the native coin
    node: int
    ours: int

    @property
    def difference(self) -> int:
        """Base units that the node has more than we do."""
        return self.node - self.ours


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared: the blocks, how many balances, those the node did not tell, and those that differ."""

    chain: str
    source: str
    first_block: int
    last_block: int
    compared: int
    untold: int
    disagreements: tuple[Disagreement, ...]


def verify_coverage(
    settings: Settings, url: str, *, addresses: Path | None = None, chain: str | None = None, limit: int = 1_000
) -> Verification:
    """Compare what chosen addresses gained over the blocks of the lake with a node's balances before and after.

    `addresses` is a file with one per line; without it the `limit` addresses of most transfers are compared. The
    blocks are those that a node told whole, from the first to the last without a hole. A contract may change balances
    without a log (rebasing): that is a disagreement too. Raises StoreError where nothing is covered.
    """
    node = Node(url)
    con = open_connection(memory=settings.memory, threads=settings.threads)
    try:
        able = examine_node(node, chain)
        lake = Lake(settings.store)
        lake.attach(con, lake.head())
        source, first, last = _find_range(con, able.chain, node.source)
        chosen = _choose(con, able.chain, source, addresses, limit)
        sums = _sum(con, able.chain, source, chosen, (first, last))
        for address in chosen:
            sums.setdefault((address, None), 0)
        return _compare(node, (able.chain, source), (first, last), sums)
    finally:
        node.close()
        con.close()


def _find_range(con: Connection, chain: str, source: str) -> tuple[str, int, int]:
    """Return the source (this node's, or else the one that saw most) and its longest run of whole blocks."""
    rows = con.execute(
        "select source, first_block, last_block from lake_coverage where chain = ? and dataset = 'transfers' "
        "and kind = 'internal' and starts_with(source, 'rpc ') "
        "order by source <> ?, last_block - first_block desc, first_block limit 1",
        [chain, source],
    ).fetchall()
    if not rows:
        raise StoreError(
            f"no blocks of {chain} are whole in this store",
            "balances need traces: `intel ingest rpc` from a node that has them",
        )
    return str(rows[0][0]), int(rows[0][1]), int(rows[0][2])


def _choose(con: Connection, chain: str, source: str, file: Path | None, limit: int) -> list[str]:
    if file is not None:
        texts = [str(text or "").strip().lower() for chunk in read_addresses(file) for text in chunk.to_pylist()]
        found = [text for text in dict.fromkeys(texts) if re.fullmatch(address_pattern("evm"), text)]
        if not found:
            raise BadInput(f"{file} holds no addresses", "write one address per line")
        return found
    rows = con.execute(
        "select address from (select sender as address from lake_transfers where chain = $chain and source = $source "
        "union all select receiver from lake_transfers where chain = $chain and source = $source) "
        "where address is not null and address <> $nobody group by address order by count(*) desc, address "
        "limit $limit",
        {"chain": chain, "source": source, "limit": limit, "nobody": _NOBODY},
    ).fetchall()
    return [str(row[0]) for row in rows]


def _sum(
    con: Connection, chain: str, source: str, addresses: Sequence[str], blocks: tuple[int, int]
) -> dict[tuple[str, str | None], int]:
    """Return received less sent per address and fungible asset, exact beyond 128 bits."""
    rows = con.execute(
        "with moved as (select * from lake_transfers where chain = $chain and source = $source "
        "and block_number between $first and $last and kind not in ('erc721', 'erc1155', 'erc20_or_erc721')), "
        "ends as (select receiver as address, token, 1 as sign, value_raw, value_text from moved "
        "union all select sender, token, -1, value_raw, value_text from moved) "
        "select address, token, sign, coalesce(value_raw::varchar, value_text) as value, count(*) from ends "
        "where address in (select unnest($addresses::varchar[])) group by all",
        {
            "chain": chain, "source": source, "first": blocks[0], "last": blocks[1], "addresses": list(addresses),
        },
    ).fetchall()  # fmt: skip
    sums: dict[tuple[str, str | None], int] = {}
    for address, token, sign, value, count in rows:
        sums[address, token] = sums.get((address, token), 0) + sign * int(value) * count
    return sums


def _compare(
    node: Node, who: tuple[str, str], blocks: tuple[int, int], sums: dict[tuple[str, str | None], int]
) -> Verification:
    first, last = blocks
    before = max(first - 1, 0)  # what the first block of all gave away stands in no transaction
    coins = [address for address, token in sums if token is None]
    tokens = [(address, token) for address, token in sorted(sums, key=str) if token is not None][:_MOST_HELD]
    held: list[dict[tuple[str, str | None], int | None]] = []
    for block in (before, last):
        told: dict[tuple[str, str | None], int | None] = {
            (address, None): value for address, value in read_balances(node, coins, block).items()
        }
        told |= read_token_balances(node, tokens, block)
        held.append(told)
    wrong, untold = [], 0
    for key, ours in sorted(sums.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        start, end = held[0].get(key), held[1].get(key)
        if start is None and key[1] is not None and first == 0:
            start = 0  # the contract did not yet stand there
        if start is None or end is None:
            untold += 1
        elif end - start != ours:
            wrong.append(Disagreement(key[0], key[1], end - start, ours))
    return Verification(who[0], who[1], first, last, len(sums) - untold, untold, tuple(wrong))
