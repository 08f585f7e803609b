"""Where do the transfers of a build lie as plain columns, for kernels that follow money from row to row?

One array file per column beside the build's databases, mapped into memory and never edited: opening costs nothing, and
processes share the pages. Rows stand in order of time, the transfers of one transaction side by side; `row` below
always means the place in this order.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intel.errors import StoreError

Column = npt.NDArray[Any]

# Column -> type. `usd` is in dollars, nan where there is no price; `amount` in base units, nan where it does not count.
FLOW_COLUMNS = {
    "sender": np.int32,  # address_id, -1: nobody
    "receiver": np.int32,
    "asset": np.int32,
    "amount": np.float64,
    "usd": np.float32,
    "kind": np.int8,  # place in TRANSFER_KINDS, -1: spam or nothing that counts
    "tx": np.int32,  # number of the transaction, in order of time
    "transfer": np.int32,  # transfer_id
}
# Statements: those of address i are the entries from statement_ends[i] on, by asset and then in order of time; each
# is a row it paid or was paid in, with its balance of the asset after it.
INDEX_COLUMNS = {
    "statement_ends": np.int64,
    "statement_asset": np.int32,
    "statement_row": np.int32,
    "statement_balance": np.float64,
}


class Flows(NamedTuple):
    """The columns of one build: `sender` to `transfer` by row, the others as said above."""

    sender: Column
    receiver: Column
    asset: Column
    amount: Column
    usd: Column
    kind: Column
    tx: Column
    transfer: Column
    statement_ends: Column
    statement_asset: Column
    statement_row: Column
    statement_balance: Column


def open_flows(folder: Path) -> Flows:
    """Map the columns of the build in `folder`; StoreError where it has none, or damaged ones."""
    try:
        return Flows(*(np.load(column_path(folder, name), mmap_mode="r") for name in Flows._fields))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"build {folder.name} has no readable flow columns: {error}", "make it anew: intel build --full"
        ) from error


def create_column(folder: Path, name: str, length: int) -> np.memmap[Any, Any]:
    """Create a column's file, all zero, open for writing; OSError where the disk has no room for it."""
    kind = (FLOW_COLUMNS | INDEX_COLUMNS)[name]
    path = column_path(folder, name)
    column: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=(length,))
    with path.open("r+b") as file:  # a full disk is an error here, and the end of the process in a mapped page
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return column


def column_path(folder: Path, name: str) -> Path:
    """Return where a column lies."""
    return folder / f"flows.{name}.npy"
