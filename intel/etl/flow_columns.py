"""How do the transfers of a build become columns that kernels can walk: in order of time, by sender, by receiver?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.model import COUNTED_KINDS, TRANSFER_KINDS
from intel.store import Connection, lend_memory
from intel.store.flows import FLOW_COLUMNS, INDEX_COLUMNS, Column, Flows, create_column

_BATCH_ROWS = 4_000_000
_LARGEST_BLOCK = 4_096  # rows; within a larger block the order of the ledger stays

# Flagged rows are kept, as kind -1: a row's place must not depend on what hygiene thinks of another one.
_ROWS = """
select t.transfer_id as transfer, coalesce(t.sender_id, -1) as sender, coalesce(t.receiver_id, -1) as receiver,
    t.asset_id as asset, t.value_raw::double as amount, (t.value_micro_usd / 1e6)::float as usd,
    case when t.value_raw is null or k.code >= $counted or f.transfer_id is not null then -1 else k.code end::tinyint
        as kind,
    coalesce(t.tx_tag, -1) as tag,
    coalesce(epoch_us(t.block_time), 0) as moment, coalesce(t.block_number, -1) as block
from facts.transfers t
join (select unnest($kinds) as kind, unnest(range(len($kinds))) as code) k using (kind)
left join (
    select distinct transfer_id from beliefs.transfer_flags where flag in (select unnest($spam))) f using (transfer_id)
where {wanted}
order by t.transfer_id
"""
_SPAN = "t.transfer_id >= $first and t.transfer_id < $last"

# Spam or not: what hygiene thinks otherwise of now than in the build attached as `taken`. A flag is no row's last word:
# whoever deals with a victim again makes the dust between old dust, and whoever grows is no stranger any more.
_RETHOUGHT = """
with now as (select distinct transfer_id from beliefs.transfer_flags where flag in (select unnest($spam))),
before as (select distinct transfer_id from taken.transfer_flags where flag in (select unnest($spam)))
select transfer_id from ((from now except from before) union all (from before except from now))
where transfer_id < $rows
"""


class _Times(NamedTuple):
    moment: Column
    block: Column
    tag: Column


class _Rows(NamedTuple):
    sender: Column
    receiver: Column
    asset: Column
    kind: Column
    amount: Column


class _Statements(NamedTuple):
    ends: Column
    asset: Column
    row: Column
    balance: Column


def write_flow_columns(con: Connection, folder: Path, spam_flags: Sequence[str]) -> None:
    """Write the columns of `intel.store.flows` for the build on this connection into its folder.

    Transfers with one of `spam_flags` are in them, but marked not to count. Reads facts.transfers and addresses and
    beliefs.transfer_flags, in batches: memory does not grow with the ledger beyond the columns' pages.
    """
    rows, addresses = _count_rows(con)
    # Two entries a row in the statements; the system counts mapped pages as ours.
    with lend_memory(con, _count_bytes(rows)):
        columns = {name: create_column(folder, name, rows) for name in FLOW_COLUMNS}
        _fill_columns(con, columns, spam_flags, 0)
        _write_statements(folder, columns, addresses)
        for column in columns.values():
            column.flush()


def extend_flow_columns(con: Connection, folder: Path, before: Flows, spam_flags: Sequence[str]) -> None:
    """Write the same columns as `write_flow_columns` where all transfers since an older build's are later than its own.

    `before` are its columns, and its beliefs are attached as `taken`. Rows are added at the end, and entries at the end
    of an address's statement for each asset; where hygiene has changed its mind on an old row, balances are added up
    anew for the addresses at both its ends.
    """
    rows, addresses = _count_rows(con)
    known = len(before.transfer)
    with lend_memory(con, 2 * _count_bytes(rows)):
        columns = {name: create_column(folder, name, rows) for name in FLOW_COLUMNS}
        for name, column in columns.items():
            column[:known] = getattr(before, name)
        changed = _change_kinds(con, columns, spam_flags, known)
        _fill_columns(con, columns, spam_flags, known)
        _add_statements(folder, columns, before, (addresses, changed))
        for column in columns.values():
            column.flush()


def _count_rows(con: Connection) -> tuple[int, int]:
    """Return how many transfers and addresses there are."""
    rows = con.execute("select count(*) from facts.transfers").fetchall()[0][0]
    addresses = con.execute("select coalesce(max(address_id) + 1, 0) from facts.addresses").fetchall()[0][0]
    return int(rows), int(addresses)


def _count_bytes(rows: int) -> int:
    return rows * _row_bytes(FLOW_COLUMNS) + 2 * rows * _row_bytes(INDEX_COLUMNS)


def _name_codes(spam_flags: Sequence[str]) -> dict[str, object]:
    return {"kinds": list(TRANSFER_KINDS), "counted": len(COUNTED_KINDS), "spam": list(spam_flags)}


def _change_kinds(
    con: Connection, columns: Mapping[str, Column], spam_flags: Sequence[str], known: int
) -> npt.NDArray[np.int64]:
    """Give old rows the kind that they have by the flags of now; return those whose kind that changes."""
    ids = con.execute(_RETHOUGHT, {"spam": list(spam_flags), "rows": known}).fetchnumpy()["transfer_id"]
    if not len(ids):
        return np.empty(0, np.int64)
    told = con.execute(
        _ROWS.format(wanted="t.transfer_id in (select unnest($ids))"), _name_codes(spam_flags) | {"ids": ids.tolist()}
    ).fetchnumpy()
    transfers = columns["transfer"][:known]
    places = np.flatnonzero(np.isin(transfers, told["transfer"]))
    kinds = told["kind"][np.searchsorted(told["transfer"], transfers[places])]
    is_changed = columns["kind"][places] != kinds
    columns["kind"][places] = kinds
    return np.asarray(places[is_changed], dtype=np.int64)


def _row_bytes(columns: Mapping[str, npt.DTypeLike]) -> int:
    return sum(np.dtype(kind).itemsize for kind in columns.values())


def _fill_columns(con: Connection, columns: Mapping[str, Column], spam_flags: Sequence[str], first: int) -> None:
    """Fill the rows from `first` on; those before it are there."""
    filled, tx = first, int(columns["tx"][:first].max(initial=-1)) + 1
    for batch in _read_blocks(con, (first, len(columns["tx"])), spam_flags):
        part = {name: batch[name].to_numpy(zero_copy_only=False) for name in batch.column_names}
        times = _Times(part["moment"], part["block"], part["tag"])
        order, numbers = _number_transactions(times, tx)
        end = filled + len(order)
        for name in FLOW_COLUMNS:
            columns[name][filled:end] = numbers[order] if name == "tx" else part[name][order]
        filled, tx = end, int(numbers.max(initial=tx - 1)) + 1


def _read_blocks(con: Connection, span: tuple[int, int], spam_flags: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows in batches that end where a block ends."""
    query, params = _ROWS.format(wanted=_SPAN), _name_codes(spam_flags)
    kept: pa.Table | None = None
    for first in range(*span, _BATCH_ROWS):
        table = con.sql(query, params=params | {"first": first, "last": first + _BATCH_ROWS}).to_arrow_table()
        table = (table if kept is None else pa.concat_tables([kept, table])).combine_chunks()
        moment, block = table["moment"].to_numpy(), table["block"].to_numpy()
        breaks = np.flatnonzero((moment[1:] != moment[:-1]) | (block[1:] != block[:-1])) + 1
        cut = int(breaks[-1]) if len(breaks) else 0
        if cut:
            yield table.slice(0, cut)
        kept = table.slice(cut)
    if kept is not None and kept.num_rows:
        yield kept


@numba.njit(cache=True)
def _number_transactions(times: _Times, first: int) -> tuple[Column, Column]:
    """Return the order in which transactions stand side by side, block by block, and the number of each row's one."""
    rows = len(times.tag)
    order, numbers = np.empty(rows, np.int64), np.empty(rows, np.int64)
    begin, number = 0, first
    while begin < rows:
        end = begin + 1
        while end < rows and times.moment[end] == times.moment[begin] and times.block[end] == times.block[begin]:
            end += 1
        number = _number_block(times.tag, (begin, end), (order, numbers), number)
        begin = end
    return order, numbers


@numba.njit(cache=True)
def _number_block(tags: Column, span: tuple[int, int], out: tuple[Column, Column], number: int) -> int:
    """Number the transactions of one block by their first rows; return the next free number."""
    begin, end = span
    order, numbers = out
    place = begin
    is_large = end - begin > _LARGEST_BLOCK
    for row in range(begin, end):
        numbers[row] = -1
    for row in range(begin, end):
        if numbers[row] >= 0:
            continue
        last = row + 1
        while is_large and last < end and tags[last] == tags[row]:
            last += 1
        for other in range(row, last if is_large else end):
            if tags[other] == tags[row]:
                numbers[other] = number
                order[place] = other
                place += 1
        number += 1
    return number


def _write_statements(folder: Path, columns: Mapping[str, Column], addresses: int) -> None:
    rows = _Rows(*(np.asarray(columns[name]) for name in _Rows._fields))
    ends = create_column(folder, "statement_ends", addresses + 1)
    _count_entries(rows, np.asarray(ends))
    found = [create_column(folder, f"statement_{name}", int(ends[-1])) for name in ("asset", "row", "balance")]
    _fill_statements(rows, np.asarray(ends), *(np.asarray(column) for column in found))
    for column in (ends, *found):
        column.flush()


def _add_statements(
    folder: Path, columns: Mapping[str, Column], before: Flows, told: tuple[int, npt.NDArray[np.int64]]
) -> None:
    """Write the statements: those of before, with the entries of the rows that came since."""
    addresses, changed = told
    rows = _Rows(*(np.asarray(columns[name]) for name in _Rows._fields))
    known = len(before.transfer)
    added = _index_rows(_Rows(*(column[known:] for column in rows)), addresses)
    added.row[:] += known
    ends = np.full(addresses + 1, before.statement_ends[-1])  # an address that is new has nothing of before
    ends[: len(before.statement_ends)] = before.statement_ends
    old = _Statements(ends, *(np.asarray(getattr(before, f"statement_{name}")) for name in _Statements._fields[1:]))
    lengths = [addresses + 1, *[int(ends[-1]) + len(added.row)] * 3]
    files = [
        create_column(folder, f"statement_{name}", length)
        for name, length in zip(_Statements._fields, lengths, strict=True)
    ]
    files[0][:] = ends + added.ends
    is_changed = np.zeros(addresses + 1, np.bool_)  # the last one stands for nobody, -1
    is_changed[rows.sender[changed]] = is_changed[rows.receiver[changed]] = True
    _merge_statements(rows, old, added, is_changed, _Statements(*(np.asarray(column) for column in files)))
    for column in files:
        column.flush()


def _index_rows(rows: _Rows, addresses: int) -> _Statements:
    """Return the statements of some rows alone, in memory."""
    ends = np.zeros(addresses + 1, np.int64)
    _count_entries(rows, ends)
    size = int(ends[-1])
    found = _Statements(ends, np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size))
    _fill_statements(rows, *found)
    return found


@numba.njit(cache=True)
def _merge_statements(
    rows: _Rows, old: _Statements, added: _Statements, is_changed: Column, whole: _Statements
) -> None:
    """Put old and added entries of each address into one statement: both stand by asset, the added ones are later."""
    for address in range(len(whole.ends) - 1):
        here, there, place = old.ends[address], added.ends[address], whole.ends[address]
        for entry in range(place, whole.ends[address + 1]):
            is_old = there == added.ends[address + 1] or (
                here < old.ends[address + 1] and old.asset[here] <= added.asset[there]
            )
            if is_old:
                whole.asset[entry], whole.row[entry] = old.asset[here], old.row[here]
                whole.balance[entry] = old.balance[here]
                here += 1
            else:
                whole.asset[entry], whole.row[entry] = added.asset[there], added.row[there]
                is_first = entry == place or whole.asset[entry] != whole.asset[entry - 1]
                balance = 0.0 if is_first else whole.balance[entry - 1]
                whole.balance[entry] = balance + _find_change(address, whole.row[entry], rows)
                there += 1
        if is_changed[address]:
            span = (place, whole.ends[address + 1])
            _add_up(address, span, rows, (whole.asset, whole.row, whole.balance))


@numba.njit(cache=True)
def _count_entries(rows: _Rows, ends: Column) -> None:
    for row in range(len(rows.sender)):
        for who in (rows.sender[row], rows.receiver[row]):
            if who >= 0:
                ends[who + 1] += 1
    for address in range(1, len(ends)):
        ends[address] += ends[address - 1]


@numba.njit(cache=True)
def _fill_statements(rows: _Rows, ends: Column, assets: Column, places: Column, balances: Column) -> None:
    """Put every row before both its ends, then sort each address's entries by asset and add them up."""
    free = ends.copy()
    for row in range(len(rows.sender)):
        for who in (rows.sender[row], rows.receiver[row]):
            if who >= 0:
                places[free[who]] = row
                assets[free[who]] = rows.asset[row]
                free[who] += 1
    for address in range(len(ends) - 1):
        begin, end = ends[address], ends[address + 1]
        order = np.argsort(assets[begin:end], kind="mergesort")
        assets[begin:end] = assets[begin:end][order]
        places[begin:end] = places[begin:end][order]
        _add_up(address, (begin, end), rows, (assets, places, balances))


@numba.njit(cache=True)
def _add_up(address: int, span: tuple[int, int], rows: _Rows, entries: tuple[Column, Column, Column]) -> None:
    """Fill the balances."""
    assets, places, balances = entries
    balance = 0.0
    for entry in range(span[0], span[1]):
        if entry == span[0] or assets[entry] != assets[entry - 1]:
            balance = 0.0
        balance += _find_change(address, places[entry], rows)
        balances[entry] = balance


@numba.njit(cache=True)
def _find_change(address: int, row: int, rows: _Rows) -> float:
    """Return what a row adds to an address's balance; one from an address to itself stands twice, and adds nothing."""
    if rows.kind[row] < 0 or rows.sender[row] == rows.receiver[row]:
        return 0.0
    return float(rows.amount[row] if rows.receiver[row] == address else -rows.amount[row])
