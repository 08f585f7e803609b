"""Which raw tables are made of a node's answers, and what becomes of each?"""

from __future__ import annotations

from collections.abc import Mapping

from intel.sources.layout import Layout, Shape

_PLACE = ("chain", "block_number", "block_time")
_TRANSACTION = (*_PLACE, "tx_hash", "sender", "receiver", "value_raw", "fee_raw", "success", "created")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "blocks": (*_PLACE, "block_hash", "parent_hash"),
    "transactions": (
        *_TRANSACTION, "tx_index", "gas_limit", "gas_price", "nonce", "type", "method_id", "input_length", "miner",
    ),
    "payments": _TRANSACTION,
    "logs": (
        *_PLACE, "tx_hash", "position", "token", "topic0", "topic1", "topic2", "topic3", "data", "initiator",
        "is_wrapped_coin",
    ),
    "traces": (
        *_PLACE, "tx_hash", "sender", "receiver", "created", "value_raw", "trace_type", "call_type", "trace_address",
        "error",
    ),
    "credits": (*_PLACE, "position", "kind", "receiver", "value_raw"),
    "events": (
        *_PLACE, "tx_hash", "event", "address", "actor", "token", "value_text", "details",
    ),
}  # fmt: skip


def rpc_layout(
    source: str, table: str, dataset: str, tells: tuple[str, ...] = (), shape: Shape | None = None
) -> Layout:
    """Return how a raw table of a node becomes rows of `dataset`; `source` names the node."""
    columns: dict[str, str] = {name: name for name in _COLUMNS[table]}
    if shape == "payments":
        columns["kind"] = f"'{tells[0]}'"
    return Layout(source, dataset, frozenset(), columns, shape=shape, tells=tells)
