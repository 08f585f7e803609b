"""Which columns of which known layout hold which fact?

A layout is recognised by its column names alone. Each names, for every lake column it can fill, the SQL over its own
columns; the cleaner (`intel.etl.clean`) then checks and types every value in the same way for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from intel.errors import BadInput, UsageError
from intel.sources.layout import Layout
from intel.sources.layouts_cryo import CRYO_LAYOUTS
from intel.sources.layouts_etl import ETL_LAYOUTS

_OWN_TRANSFERS = (
    "chain", "block_number", "block_time", "tx_hash", "position", "sub_position", "kind", "sender", "receiver",
    "token", "token_id", "value_raw", "initiator", "source", "block_time_is_estimated",
)  # fmt: skip
_OWN_TRANSACTIONS = (
    "chain", "block_number", "block_time", "tx_hash", "tx_index", "sender", "receiver", "value_raw", "fee_raw",
    "gas_limit", "gas_price", "nonce", "type", "method_id", "input_length", "success", "created", "miner", "source",
)  # fmt: skip
_OWN_EDGES = (
    "chain", "kind", "sender", "receiver", "transfers", "tx_hash", "block_number", "block_time", "value_micro_usd",
    "source",
)  # fmt: skip
_OWN_BLOCKS = ("chain", "block_number", "block_hash", "parent_hash", "block_time", "source")


def _own(dataset: str, needs: Sequence[str], columns: Sequence[str]) -> Layout:
    return Layout("intel", dataset, frozenset(needs), {c: c for c in columns})


OWN_LAYOUTS: tuple[Layout, ...] = (
    _own("transfers", ("block_number", "tx_hash", "kind", "sender", "receiver", "value_raw"), _OWN_TRANSFERS),
    _own("transactions", ("block_number", "tx_hash", "sender", "receiver", "nonce"), _OWN_TRANSACTIONS),
    _own("edges", ("sender", "receiver", "transfers"), _OWN_EDGES),
    _own("edges", ("sender", "receiver", "tx_hash", "block_time", "value_micro_usd"), _OWN_EDGES),
    _own("blocks", ("block_number", "block_hash", "parent_hash", "block_time"), _OWN_BLOCKS),
    Layout(
        "intel", "blocks", frozenset(("chain", "block_number", "timestamp")),
        {"chain": "chain", "block_number": "block_number", "block_time": "timestamp", "source": "source"},
    ),
    # Mixer events: one row per deposit into, or withdrawal from, a pool.
    Layout(
        "tornado", "events", frozenset(("event", "pool", "pool_amount", "commitment_or_nullifier")),
        {
            "chain": "chain", "event": "event", "address": "pool",
            "actor": "case when event = 'withdrawal' then recipient else depositor end", "block_number": "block_number",
            "block_time": "block_time", "block_time_is_estimated": "block_time_is_estimated", "tx_hash": "tx_hash",
            "token": "token", "value_text": "pool_amount", "source": "source",
        },
        details=True, uses={"actor": ("depositor", "recipient", "event")},
    ),
    Layout(
        "first-use", "events", frozenset(("address", "first_use")),
        {
            "chain": "chain", "event": "'first_use'", "address": "address", "actor": "address",
            "block_time": "first_use", "source": "source",
        },
        details=True,
    ),
    Layout(
        "intel", "events", frozenset(("event", "address")),
        {
            "chain": "chain", "event": "event", "address": "address", "actor": "actor", "block_number": "block_number",
            "block_time": "block_time", "block_time_is_estimated": "block_time_is_estimated", "tx_hash": "tx_hash",
            "token": "token", "value_text": "value_text", "source": "source",
        },
        details=True,
    ),
)  # fmt: skip

LAYOUTS: tuple[Layout, ...] = (*OWN_LAYOUTS, *CRYO_LAYOUTS, *ETL_LAYOUTS)


def find_layout(columns: Sequence[str], dataset: str | None, file: str) -> Layout:
    """Return the layout whose needed columns are all among `columns`; the one that needs most wins.

    Raises UsageError for a dataset that no layout is, BadInput where none fits: with the nearest and what it misses.
    """
    names = frozenset(column.lower() for column in columns)
    wanted = [layout for layout in LAYOUTS if dataset in (None, layout.dataset, layout.kind)]
    if not wanted:
        known = sorted({name for layout in LAYOUTS for name in (layout.dataset, layout.kind) if name})
        raise UsageError(f"no kind of file is called {dataset!r}", f"known: {', '.join(known)}")
    fitting = [layout for layout in wanted if layout.fits(names)]
    if fitting:
        return max(fitting, key=lambda layout: len(layout.needs))
    nearest = min(wanted, key=lambda layout: (len(layout.missing(names)) / len(layout.needs), layout.name))
    raise BadInput(
        f"{file}: no known layout has the columns {', '.join(sorted(names))}",
        f"nearest is {_title(nearest)}, which also needs: {', '.join(nearest.missing(names))}",
    )


def _title(layout: Layout) -> str:
    return f"{layout.name} {layout.dataset}" if layout.name in ("intel", "tornado", "first-use") else layout.name
