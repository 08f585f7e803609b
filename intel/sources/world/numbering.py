"""What does a period look like in the order of the chains? Blocks, positions, nonces, initiators."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from intel.sources.world.book import BLOCK_SECONDS, KIND, KINDS, NOBODY, Rows
from intel.sources.world.cast import Small
from intel.sources.world.market import ASSET_CHAIN, CHAINS, Ints

_LOGGED = np.isin(np.arange(len(KINDS)), [KIND[kind] for kind in ("erc20", "erc721", "erc1155", "wrap", "unwrap")])
_TRACED = np.isin(np.arange(len(KINDS)), [KIND["native"], KIND["internal"]])


@dataclass
class Counters:
    """What goes on from one period to the next: the nonce of each account on each chain."""

    nonces: Small = field(default_factory=lambda: np.zeros((len(CHAINS), 0), dtype=np.int32))

    def number_nonces(self, chain: Ints, signer: Ints, size: int) -> Ints:
        """Nonces of transactions given in the order of the ledger; `size` is the number of accounts by now."""
        grown = np.zeros((len(CHAINS), size), dtype=np.int32)
        grown[:, : self.nonces.shape[1]] = self.nonces
        order = np.lexsort((np.arange(len(signer)), signer, chain))
        nonce = np.empty(len(signer), dtype=np.int64)
        nonce[order] = count_within(chain[order], signer[order]) + grown[chain[order], signer[order]]
        np.add.at(grown, (chain, signer), 1)
        self.nonces = grown
        return nonce


def number_period(taken: dict[str, Rows], counters: Counters, size: int) -> dict[str, Rows]:
    """Bring the rows of one period into the order of the chains; returns those tables and `blocks`."""
    signed = taken["transactions"]
    order = np.lexsort((signed["number"], signed["time"], signed["chain"]))
    by_number = np.argsort(signed["number"])
    numbers, place = signed["number"][by_number], np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    ranks = place[by_number]
    signed = {name: values[order] for name, values in signed.items()}
    del signed["number"]
    signed["index"] = count_within(signed["chain"], signed["time"])
    signed["nonce"] = counters.number_nonces(signed["chain"], signed["signer"], size)

    moved = dict(taken["transfers"])
    chain = ASSET_CHAIN[moved["asset"]]
    moved["tx"] = _find_ranks(moved["tx"], numbers, ranks)
    order = np.lexsort((np.arange(len(chain)), moved["tx"], moved["time"], chain))
    moved = {name: values[order] for name, values in moved.items()}
    chain, tx = chain[order], moved["tx"]
    moved["initiator"] = np.where(tx >= 0, signed["signer"][tx], NOBODY)
    blocks, moved["block"] = _find_blocks(chain, moved["time"] // BLOCK_SECONDS[chain])
    moved["position"] = _number_positions(moved, chain)
    top = moved["kind"] == KIND["native"]
    signed["value"] = np.zeros(len(signed["time"]), dtype=np.int64)
    signed["value"][tx[top]] = moved["amount"][top]

    told = dict(taken["events"])
    told["tx"] = _find_ranks(told["tx"], numbers, ranks)
    order = np.lexsort((np.arange(len(told["tx"])), told["tx"], told["time"], told["chain"]))
    told = {name: values[order] for name, values in told.items()}
    return {"transactions": signed, "transfers": moved, "events": told, "blocks": blocks}


def _find_ranks(tx: Ints, numbers: Ints, ranks: Ints) -> Ints:
    """Place in the ledger of planned transaction numbers; -1 stays -1."""
    at = np.searchsorted(numbers, np.maximum(tx, 0))
    return np.where(tx >= 0, ranks[np.minimum(at, len(ranks) - 1)], NOBODY)


def _find_blocks(chain: Ints, number: Ints) -> tuple[Rows, Ints]:
    new = (np.diff(number, prepend=-1) != 0) | (np.diff(chain, prepend=-1) != 0)
    blocks = {"chain": chain[new], "number": number[new], "time": number[new] * BLOCK_SECONDS[chain[new]]}
    return blocks, np.cumsum(new) - 1


def _number_positions(moved: Rows, chain: Ints) -> Ints:
    """Log index within the block for logs, trace order within the transaction for coins, order in the block else."""
    position = np.zeros(len(chain), dtype=np.int64)
    kind, tx, block = moved["kind"], moved["tx"], moved["block"]
    for at, key in (
        (np.flatnonzero(_LOGGED[kind]), block),
        (np.flatnonzero(_TRACED[kind]), tx),
        (np.flatnonzero(tx < 0), block),
    ):
        position[at] = count_within(key[at], chain[at])
    return position


def count_within(*keys: Ints) -> Ints:
    """Number the rows 0, 1, 2, ... within each run of equal keys."""
    place = np.arange(len(keys[0]))
    new = np.zeros(len(place), dtype=bool)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return place - np.maximum.accumulate(np.where(new, place, 0))
