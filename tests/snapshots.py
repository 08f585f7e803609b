"""How does a test get a finished build whose every row was written by hand?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from intel.entities.entity_days import SPAM_TRANSFER_FLAGS, build_entity_days
from intel.etl.accounts import KIND_CODE
from intel.etl.flow_columns import write_flow_columns
from intel.etl.seen import summarise_coverage
from intel.profiler.large_sums_build import build_large_sums
from intel.store.connection import Connection
from intel.store.snapshot import Manifest, open_build, publish_build


@dataclass(frozen=True)
class Moved:
    """One transfer; `value` in base units, `usd` in whole dollars."""

    when: str
    sender: str | None
    receiver: str | None
    token: str | None
    value: int | None
    usd: float | None = None
    chain: str = "ethereum"
    kind: str = "erc20"
    tx: int | None = None  # several transfers of one transaction share a number
    token_id: str | None = None
    value_text: str | None = None
    is_estimated: bool = False

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.when)


@dataclass(frozen=True)
class Asset:
    token: str | None
    symbol: str | None
    decimals: int | None
    chain: str = "ethereum"
    token_id: str | None = None
    is_verified: bool = False
    is_oversize: bool = False
    price_symbol: str | None = None  # assets of one symbol are one pool in PnL


@dataclass
class World:
    """The rows of a build. Rows of `beliefs` tables are dicts of columns; `address` and the like become ids."""

    transfers: list[Moved]
    assets: list[Asset]
    prices: list[tuple[Asset, str, float]] = field(default_factory=list)
    coverage: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    names: list[dict[str, Any]] = field(default_factory=list)
    attributions: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    clusters: list[dict[str, Any]] = field(default_factory=list)
    roles: list[dict[str, Any]] = field(default_factory=list)
    services: list[dict[str, Any]] = field(default_factory=list)
    listings: list[dict[str, Any]] = field(default_factory=list)
    asset_flags: list[tuple[Asset, str]] = field(default_factory=list)
    transfer_flags: list[tuple[int, str]] = field(default_factory=list)  # position in `transfers`


def sort_transfers(transfers: Sequence[Moved]) -> list[Moved]:
    """Return the transfers in the order of their ids: by time, ties as they came."""
    return sorted(transfers, key=lambda item: item.time)


class _Ids:
    def __init__(self, world: World) -> None:
        ends = {(t.chain, a) for t in world.transfers for a in (t.sender, t.receiver) if a is not None}
        ends |= {("ethereum", row[key]) for row in world.events for key in ("address", "actor") if row.get(key)}
        ends |= {("ethereum", row[key]) for row in world.edges for key in ("sender", "receiver")}
        self.addresses = {end: number for number, end in enumerate(sorted(ends), 1)}
        self.assets = {(a.chain, a.token, a.token_id): number for number, a in enumerate(world.assets, 1)}

    def find(self, address: str | None, chain: str = "ethereum") -> int | None:
        return None if address is None else self.addresses.get((chain, address))


def write_snapshot(store: Path, world: World, build_id: str = "b1") -> str:
    """Publish the world as the current build of the store and return its id."""
    store.mkdir(parents=True, exist_ok=True)
    ids = _Ids(world)
    with open_build(store, build_id, memory="1GB", threads=1) as build:
        _write_facts(build.con, world, ids)
        _write_beliefs(build.con, world, ids)
        build_entity_days(build.con)
        build_large_sums(build.con)
        write_flow_columns(build.con, build.folder, SPAM_TRANSFER_FLAGS)
        publish_build(store, build, Manifest(build_id, datetime.now(UTC).isoformat(), "c1", "0", "test", {}))
    return build_id


def _insert(con: Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        con.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))


def _write_facts(con: Connection, world: World, ids: _Ids) -> None:
    addresses = [{"address_id": n, "chain": c, "address": a} for (c, a), n in ids.addresses.items()]
    _insert(con, "facts.addresses", addresses)
    con.execute(
        "insert into facts.address_lookup by name select address, chain, address_id from facts.addresses order by 1"
    )
    _insert(con, "facts.assets", [_asset_row(ids, asset) for asset in world.assets])
    for asset, day, usd in world.prices:
        asset_id = ids.assets[asset.chain, asset.token, asset.token_id]
        _insert(con, "facts.asset_prices", [{"asset_id": asset_id, "date": day, "usd": usd, "source": "test"}])
    _insert(
        con, "facts.transfers", [_transfer_row(ids, n, t) for n, t in enumerate(sort_transfers(world.transfers), 1)]
    )
    _derive_sums(con)
    _insert(con, "facts.coverage", world.coverage)
    summarise_coverage(con)
    for row in world.events:
        plain = {k: v for k, v in row.items() if k not in {"address", "actor"}}
        ends = {"address_id": ids.find(row.get("address")), "actor_id": ids.find(row.get("actor"))}
        _insert(con, "facts.events", [plain | ends])
    for row in world.edges:
        ends = {"sender_id": ids.find(row["sender"]), "receiver_id": ids.find(row["receiver"])}
        _insert(con, "facts.edges", [{k: v for k, v in row.items() if k not in {"sender", "receiver"}} | ends])


def _asset_row(ids: _Ids, asset: Asset) -> dict[str, Any]:
    return {
        "asset_id": ids.assets[asset.chain, asset.token, asset.token_id],
        "chain": asset.chain, "token": asset.token, "token_id": asset.token_id, "symbol": asset.symbol,
        "decimals": asset.decimals, "is_verified": asset.is_verified, "is_oversize": asset.is_oversize,
        "price_symbol": asset.price_symbol,
    }  # fmt: skip


def _transfer_row(ids: _Ids, number: int, item: Moved) -> dict[str, Any]:
    return {
        "transfer_id": number, "chain": item.chain, "block_number": number, "block_time": item.time,
        "tx_hash": f"0x{item.tx or number:064x}", "tx_tag": item.tx or number,
        "position": 0, "sub_position": 0, "kind": item.kind,
        "sender_id": ids.find(item.sender, item.chain), "receiver_id": ids.find(item.receiver, item.chain),
        "asset_id": ids.assets[item.chain, item.token, item.token_id],
        "value_raw": None if item.value is None else Decimal(item.value), "value_text": item.value_text,
        "value_micro_usd": None if item.usd is None else round(item.usd * 1_000_000), "source": "test",
        "block_time_is_estimated": item.is_estimated,
    }  # fmt: skip


def _derive_sums(con: Connection) -> None:
    con.execute(
        f"""insert into facts.postings by name select * from (
            select sender_id as address_id, block_time, transfer_id, -1::tinyint as direction,
                receiver_id as counterparty_id, asset_id, value_raw, value_micro_usd, tx_tag,
                {KIND_CODE} as kind_code from facts.transfers
            union all select receiver_id, block_time, transfer_id, 1::tinyint, sender_id, asset_id, value_raw,
                value_micro_usd, tx_tag, {KIND_CODE} from facts.transfers)
        where address_id is not null order by address_id, block_time, transfer_id"""
    )
    con.execute(
        """insert into facts.address_assets by name select address_id, asset_id,
            coalesce(sum(value_raw) filter (direction > 0), 0)::decimal(38, 0) as in_raw,
            coalesce(sum(value_raw) filter (direction < 0), 0)::decimal(38, 0) as out_raw,
            try_cast(sum(value_micro_usd) filter (direction > 0) as bigint) as in_micro_usd,
            try_cast(sum(value_micro_usd) filter (direction < 0) as bigint) as out_micro_usd,
            count(*) filter (direction > 0) as transfers_in, count(*) filter (direction < 0) as transfers_out,
            min(block_time) as first_time, max(block_time) as last_time
        from facts.postings group by all order by 1, 2"""
    )


_PLAIN = ("labels", "entities", "names", "attributions", "clusters", "roles", "services", "listings")
_TABLES = {"names": "entity_names"}


def _write_beliefs(con: Connection, world: World, ids: _Ids) -> None:
    defaults = {"labels": {"visibility": "public"}, "entities": {"visibility": "public", "kind": "owner"}}
    for name in _PLAIN:
        rows = [defaults.get(name, {}) | row for row in getattr(world, name)]
        if name in {"clusters", "roles", "services", "listings"}:
            rows = [
                {k: v for k, v in row.items() if k != "address"} | {"address_id": ids.find(row["address"])}
                for row in rows
            ]
        if name == "attributions":
            rows = [_attribution_row(ids, row) for row in rows]
        _insert(con, f"beliefs.{_TABLES.get(name, name)}", rows)
    for row in world.evidence:
        ends = {"left_id": ids.find(row["left"]), "right_id": ids.find(row.get("right"))}
        _insert(con, "beliefs.evidence", [{k: v for k, v in row.items() if k not in {"left", "right"}} | ends])
    for asset, flag in world.asset_flags:
        asset_id = ids.assets[asset.chain, asset.token, asset.token_id]
        _insert(con, "beliefs.asset_flags", [{"asset_id": asset_id, "flag": flag, "reason": flag}])
    order = sort_transfers(world.transfers)
    for position, flag in world.transfer_flags:
        number = order.index(world.transfers[position]) + 1
        _insert(con, "beliefs.transfer_flags", [{"transfer_id": number, "flag": flag}])


def _attribution_row(ids: _Ids, row: dict[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {
        "chain": "ethereum", "confidence": 0.95, "tier": "confirmed", "status": "labelled", "basis": ["label"],
        "reason": "Labelled by a test.", "visibility": "public",
    } | row  # fmt: skip
    return filled | {"address_id": ids.find(row["address"], filled["chain"])}


def dump(value: object) -> str:
    """Return the value as JSON text; raises where something is left that JSON does not know."""
    return json.dumps(value, allow_nan=False)
