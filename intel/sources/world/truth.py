"""What is the truth of it? Tables for evaluators alone: owners, roles, deposits, bridge pairs, cases, PnL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.sources.world.book import Rows
from intel.sources.world.cast import Small, write_hex
from intel.sources.world.ledger import Ledger, name_chains, take, write_times
from intel.sources.world.market import Ints
from intel.sources.world.methods import EVENT
from intel.sources.world.pnl import write_pnl
from intel.sources.world.town import Town
from intel.sources.world.truths import CASES

if TYPE_CHECKING:
    from intel.sources.world.economy import Life

PRIVATE_ROLES = ("person", "sybil", "smart_account", "launderer", "hacker", "market_maker", "organisation")


def write_truth(town: Town, life: Life, ledger: Ledger) -> dict[str, pa.Table]:
    """All tables by name; only addresses that occur in the ledger.

    owners: cluster_id, address, chain, entity; a sold wallet is its last owner's.
    roles: address, chain, role.
    same_owner: cluster_id, left, right: the wallets of each person, the first with every other one.
    deposits: deposit, exchange (who runs it), user (cluster).
    bridge_pairs: the two transactions of each transfer between chains; has_id says whether messages tell.
    laundering: hack, source, terminal, service, usd. sales: address, seller, buyer, sold_at.
    never_merge: case, number, left, right, chain, strength. pnl: see `intel.sources.world.pnl`.
    """
    chain, account = np.nonzero(life.seen)
    chain, account = chain[account > 0], account[account > 0]
    owner = town.cast.owner_of[account]
    address, slug, roles = ledger.cast.write_addresses(account), name_chains(chain), pa.array(town.cast.roles)
    return {
        "owners": pa.table({
            "cluster_id": name_clusters(owner), "address": address, "chain": slug, "entity": name_owners(town, owner),
        }),
        "roles": pa.table({
            "address": address, "chain": slug, "role": take(roles, town.cast.role_of[account].astype(np.int64)),
        }),
        "same_owner": _write_same_owner(town, life),
        "deposits": _write_deposits(town, life),
        "bridge_pairs": _write_pairs(town, ledger),
        "laundering": _write_laundering(town),
        "sales": _write_sales(town),
        "never_merge": _write_never_merge(town, life),
        "pnl": write_pnl(town, ledger),
    }  # fmt: skip


def name_clusters(owner: Ints | Small) -> pa.Array:
    """Cluster id of each owner."""
    texts, place = np.unique(owner, return_inverse=True)
    return pa.array([f"owner-{number}" for number in texts.tolist()], pa.string()).take(pa.array(place))


def name_owners(town: Town, owner: Ints | Small) -> pa.Array:
    """Name of each owner, null where nobody knows it."""
    texts, place = np.unique(owner, return_inverse=True)
    return pa.array([town.cast.find_owner(number).name for number in texts.tolist()], pa.string()).take(pa.array(place))


def _write_same_owner(town: Town, life: Life) -> pa.Table:
    private = np.isin(np.array(town.cast.roles), PRIVATE_ROLES)
    account = np.flatnonzero(private[town.cast.role_of] & life.seen.any(axis=0))
    owner = town.cast.owner_of[account]
    order = np.lexsort((account, owner))
    account, owner = account[order], owner[order]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    first = np.repeat(account[starts], np.diff(np.append(starts, len(owner))))
    at = np.flatnonzero(first != account)
    write = town.cast.write_addresses
    return pa.table({
        "cluster_id": name_clusters(owner[at]), "left": write(first[at]), "right": write(account[at]),
    })  # fmt: skip


def _join(parts: Sequence[tuple[Ints, ...]], width: int) -> list[Ints]:
    """Columns from parts; `width` empty ones where there are no parts."""
    if not parts:
        return [np.empty(0, dtype=np.int64)] * width
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _write_deposits(town: Town, life: Life) -> pa.Table:
    account, exchange, user = np.unique(np.stack(_join(town.truths.deposits, 3)).astype(np.int64), axis=1)
    seen = np.flatnonzero(np.max(life.seen, axis=0)[account])
    account, exchange, user = account[seen], exchange[seen], user[seen]
    return pa.table({
        "deposit": town.cast.write_addresses(account), "exchange": name_owners(town, exchange),
        "user": name_clusters(user),
    })  # fmt: skip


def _write_pairs(town: Town, ledger: Ledger) -> pa.Table:
    sides: dict[str, list[tuple[Rows, pa.Array]]] = {"pair_sent": [], "pair_received": []}
    for period, rows in ledger.spool.read("events"):
        hashes, _ = ledger.draw_hashes(period)
        for side, parts in sides.items():
            at = np.flatnonzero(rows["event"] == EVENT[side])
            part = {name: values[at].astype(np.int64) for name, values in rows.items()}
            parts.append((part, write_hex(hashes[part["tx"]])))
    columns: dict[str, pa.Array] = {}
    for side, prefix in (("pair_sent", "sent"), ("pair_received", "received")):
        rows = {name: np.concatenate([part[name] for part, _ in sides[side]]) for name in sides[side][0][0]}
        order = np.argsort(rows["first"])
        text = pa.concat_arrays([texts for _, texts in sides[side]]).take(pa.array(order))
        rows = {name: values[order] for name, values in rows.items()}
        columns |= {
            f"{prefix}_chain": name_chains(rows["chain"]), f"{prefix}_tx_hash": text,
            f"{prefix}_address": town.cast.write_addresses(rows["actor"]),
        }  # fmt: skip
        if prefix == "sent":
            columns["has_id"] = pa.array(rows["second"] == 1)
            columns["bridge"] = name_owners(town, town.cast.owner_of[rows["address"]])
    return pa.table(columns)


def _write_laundering(town: Town) -> pa.Table:
    hack, source, end, usd = _join(town.truths.laundering, 4)
    write = town.cast.write_addresses
    return pa.table({
        "hack": pa.array(hack), "source": write(source), "terminal": write(end),
        "service": name_owners(town, town.cast.owner_of[end]), "usd": pa.array(usd / 1e6),
    })  # fmt: skip


def _write_sales(town: Town) -> pa.Table:
    account, seller, buyer, time = _join(town.truths.sales, 4)
    return pa.table({
        "address": town.cast.write_addresses(account), "seller": name_clusters(seller), "buyer": name_clusters(buyer),
        "sold_at": write_times(time),
    })  # fmt: skip


def _write_never_merge(town: Town, life: Life) -> pa.Table:
    """Pairs whose both ends occur on the chain and have different owners, each pair and case once.

    Two people who use one deposit address look like one for that reason, which is none of the twenty: they are out.
    """
    parts = town.truths.never_merge
    case = np.concatenate([np.full(len(part[1]), part[0]) for part in parts])
    left, right, chain = (np.concatenate([part[at] for part in parts]).astype(np.int64) for at in (1, 2, 3))
    strength = np.concatenate([part[4] for part in parts])
    owner = town.cast.owner_of
    good = np.flatnonzero(
        (owner[left] != owner[right]) & life.seen[chain, left] & life.seen[chain, right]
        & ~_share_deposit(town, owner[left].astype(np.int64), owner[right].astype(np.int64))
    )  # fmt: skip
    order = good[np.lexsort((-strength[good], chain[good], right[good], left[good], case[good]))]
    key = np.stack([case[order], left[order], right[order], chain[order]])
    order = order[np.any(np.diff(key, axis=1, prepend=-1) != 0, axis=0)]
    write = town.cast.write_addresses
    return pa.table({
        "case": take(pa.array(CASES), case[order]), "number": pa.array(case[order] + 1),
        "left": write(left[order]), "right": write(right[order]), "chain": name_chains(chain[order]),
        "strength": pa.array(strength[order]),
    })  # fmt: skip


def _share_deposit(town: Town, left: Ints, right: Ints) -> npt.NDArray[np.bool_]:
    """True where two owners use one deposit address."""
    account, _, user = _join(town.truths.deposits, 3)
    order = np.lexsort((user, account))
    account, user = account[order], user[order].astype(np.int64)
    same = np.flatnonzero((account[:-1] == account[1:]) & (user[:-1] != user[1:]))
    shared = user[same] * town.cast.owners + user[same + 1]
    return np.isin(np.minimum(left, right) * town.cast.owners + np.maximum(left, right), shared)
