"""Which columns do ethereum-etl and the BigQuery public data sets, which it fills, write?"""

from __future__ import annotations

from collections.abc import Iterable

from intel.sources.layout import Columns, Expression, Layout, Shape

_PLACE: Columns = {
    "chain": ("chain", "chain_id"), "block_number": "block_number", "block_time": "block_timestamp",
    "tx_hash": "transaction_hash",
}  # fmt: skip
_MOVE: Columns = {**_PLACE, "sender": "from_address", "receiver": "to_address"}
_MOVE_NEEDS = ("block_number", "transaction_hash", "from_address", "to_address", "value")

_FEE = "try_cast({gas} as decimal(19, 0)) * try_cast({price} as decimal(19, 0))"


def _fee(gas: str, price: str) -> Expression:
    return Expression(_FEE.format(gas=gas, price=price), (gas, price))


_TRANSACTIONS: Columns = {
    **_MOVE, "tx_hash": "hash", "tx_index": "transaction_index", "value_raw": "value",
    "fee_raw": (
        _fee("receipt_gas_used", "receipt_effective_gas_price"), _fee("gas_used", "effective_gas_price"),
        _fee("receipt_gas_used", "gas_price"), _fee("gas_used", "gas_price"),
    ),
    "gas_limit": "gas", "gas_price": "gas_price", "nonce": "nonce", "type": ("transaction_type", "type"),
    "method_id": Expression("substr(input, 1, 10)", ("input",)),
    "input_length": Expression("length(input) // 2 - 1", ("input",)),
    "success": ("receipt_status", "status"), "created": ("receipt_contract_address", "contract_address"),
}  # fmt: skip
_TRANSACTION_NEEDS = ("hash", "nonce", "block_number", "from_address", "to_address", "value", "gas")


def _layout(name: str, kind: str, needs: Iterable[str], columns: Columns, tells: tuple[str, ...]) -> Layout:
    shapes: dict[str, Shape] = {"logs": "logs", "traces": "traces"}
    return Layout(
        f"{name} {kind}", "transfers", frozenset(needs), columns, kind=kind, shape=shapes.get(kind), tells=tells
    )


def _transactions(name: str, more: tuple[str, ...]) -> Layout:
    needs = frozenset((*_TRANSACTION_NEEDS, *more))
    also = tuple(
        Layout(
            f"{name} transactions", "transfers", needs, {**_TRANSACTIONS, "kind": f"'{kind}'"},
            shape="payments", tells=(kind,),
        )
        for kind in ("native", "fee")
    )  # fmt: skip
    return Layout(f"{name} transactions", "transactions", needs, _TRANSACTIONS, tells=("",), also=also)


def _family(name: str, more: tuple[str, ...], receipt: tuple[str, ...]) -> tuple[Layout, ...]:
    """Return the layouts of one export; `more` and `receipt` are the columns that set it apart."""
    moved: Columns = {
        **_MOVE, "position": "log_index", "kind": "'erc20_or_erc721'", "token": "token_address", "value_raw": "value",
    }  # fmt: skip
    called: Columns = {
        **_MOVE, "value_raw": "value", "trace_type": "trace_type", "call_type": "call_type",
        "trace_address": "trace_address", "error": "error", "status": "status",
    }  # fmt: skip
    logged: Columns = {**_PLACE, "position": "log_index", "token": "address", "topics": "topics", "data": "data"}
    return (
        _transactions(name, receipt),
        _layout(
            name, "token_transfers", (*_MOVE_NEEDS, "token_address", "log_index", *more), moved, ("erc20_or_erc721",)
        ),
        _layout(
            name, "traces", (*_MOVE_NEEDS, "trace_type", "trace_address", *more), called,
            ("native", "internal"),
        ),
        _layout(
            name, "logs",
            ("block_number", "transaction_hash", "log_index", "address", "topics", "data", *more), logged,
            ("erc20", "erc721", "erc1155", "wrap", "unwrap"),
        ),
    )  # fmt: skip


ETL_LAYOUTS: tuple[Layout, ...] = (
    *_family("ethereum-etl", (), ()),
    # The public data sets add time and block hash to every table, and the receipt to transactions.
    *_family("bigquery", ("block_timestamp", "block_hash"), ("receipt_gas_used", "block_timestamp")),
    Layout(
        "ethereum-etl blocks", "blocks", frozenset(("number", "hash", "parent_hash", "timestamp")),
        {
            "chain": ("chain", "chain_id"), "block_number": "number", "block_hash": "hash",
            "parent_hash": "parent_hash", "block_time": "timestamp",
        },
        tells=("",),
    ),
)  # fmt: skip
