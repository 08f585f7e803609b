"""Which columns does cryo write? See `cryo help DATASET`; 256-bit columns come as _string, _binary and _f64."""

from __future__ import annotations

from intel.sources.layout import Columns, Expression, Layout

_FAMILY = "cryo"


def _uint256(name: str) -> tuple[str, ...]:
    """Return the spellings of a 256-bit column, exact ones first; a rounded one is refused row by row."""
    return (f"{name}_string", f"{name}_binary", f"{name}_d128", name, f"{name}_f64", f"{name}_f32")


_PLACE: Columns = {
    "chain": "chain_id", "block_number": "block_number", "block_time": ("timestamp", "block_timestamp"),
    "tx_hash": "transaction_hash",
}  # fmt: skip
_MOVE: Columns = {**_PLACE, "sender": "from_address", "receiver": "to_address"}
_MOVE_NEEDS = frozenset(("block_number", "transaction_hash", "from_address", "to_address"))

_TRANSACTIONS: Columns = {
    **_MOVE, "tx_index": "transaction_index", "value_raw": _uint256("value"),
    "fee_raw": Expression(
        "try_cast(gas_used as decimal(19, 0)) * try_cast(gas_price as decimal(19, 0))", ("gas_used", "gas_price")
    ),
    "gas_limit": "gas_limit", "gas_price": "gas_price", "nonce": "nonce", "type": "transaction_type",
    "method_id": Expression("substr(input, 1, 10)", ("input",)),
    "input_length": ("n_input_bytes", Expression("length(input) // 2 - 1", ("input",))),
    "success": "success",
}  # fmt: skip
_TRANSACTION_NEEDS = _MOVE_NEEDS | {"nonce", "gas_limit"}


def _paid(kind: str) -> Layout:
    """Return what a transaction moves by itself: its native value, or its fee."""
    return Layout(
        f"{_FAMILY} transactions", "transfers", _TRANSACTION_NEEDS, {**_TRANSACTIONS, "kind": f"'{kind}'"},
        shape="payments", tells=(kind,),
    )  # fmt: skip


CRYO_LAYOUTS: tuple[Layout, ...] = (
    Layout(
        f"{_FAMILY} transactions", "transactions", _TRANSACTION_NEEDS, _TRANSACTIONS,
        any_of=_uint256("value"), tells=("",), also=(_paid("native"), _paid("fee")),
    ),
    Layout(
        f"{_FAMILY} blocks", "blocks", frozenset(("block_number", "block_hash", "timestamp")),
        {**_PLACE, "block_hash": "block_hash", "parent_hash": "parent_hash"}, tells=("",),
    ),
    Layout(
        f"{_FAMILY} native_transfers", "transfers", _MOVE_NEEDS | {"transfer_index"},
        {**_MOVE, "value_raw": _uint256("value"), "call_order": "transfer_index"},
        kind="traces", any_of=_uint256("value"), shape="calls", tells=("native", "internal"),
    ),
    Layout(
        f"{_FAMILY} erc20_transfers", "transfers", _MOVE_NEEDS | {"log_index", "erc20"},
        {**_MOVE, "position": "log_index", "kind": "'erc20'", "token": "erc20", "value_raw": _uint256("value")},
        kind="token_transfers", any_of=_uint256("value"), tells=("erc20",),
    ),
    *(
        Layout(
            f"{_FAMILY} erc721_transfers", "transfers", _MOVE_NEEDS | {"log_index", token},
            {**_MOVE, "position": "log_index", "kind": "'erc721'", "token": token, "token_id": _uint256("token_id")},
            kind="token_transfers", any_of=_uint256("token_id"), tells=("erc721",),
        )
        for token in ("erc20", "erc721")  # the contract's column has had both names
    ),
    Layout(
        f"{_FAMILY} logs", "transfers",
        frozenset(("block_number", "transaction_hash", "log_index", "address", "topic0", "data")),
        {
            **_PLACE, "position": "log_index", "token": "address", "topic0": "topic0", "topic1": "topic1",
            "topic2": "topic2", "topic3": "topic3", "data": "data",
        },
        kind="logs", shape="logs", tells=("erc20", "erc721", "erc1155", "wrap", "unwrap"),
    ),
    Layout(
        f"{_FAMILY} traces", "transfers",
        frozenset(("block_number", "transaction_hash", "action_from", "action_to", "action_type", "trace_address")),
        {
            **_PLACE, "sender": "action_from", "receiver": "action_to", "created": "result_address",
            "value_raw": _uint256("action_value"), "trace_type": "action_type", "call_type": "action_call_type",
            "trace_address": "trace_address", "error": "error",
        },
        kind="traces", any_of=_uint256("action_value"), shape="traces", tells=("native", "internal"),
    ),
)  # fmt: skip
