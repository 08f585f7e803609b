"""Where in a JSON text do the wanted values stand? The compiled half of intel.sources.json_columns.

A page is a text with the places of its quotes and its number among the texts; a book is where values go: cells,
parents, rows per table, and per table where its cells and parents begin, how many rows it can hold, and its columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

TEXT, OBJECT, LIST_OF_OBJECTS, LIST_OF_TEXTS = 0, 1, 2, 3
NULL = np.uint64(0xFFFFFFFFFFFFFFFF)  # first word of a cell that holds nothing
LISTED = 4  # of a list of texts, this many become columns
DEEPEST = 16  # objects and lists in one another, of those that are read
LONGEST_KEY = 63
_INLINE = 12  # as Arrow defines string views: so many bytes stand in the view itself
_QUOTE, _BACKSLASH, _COLON, _COMMA = 34, 92, 58, 44
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = 91, 93, 123, 125
_STEP = 64
_NONE, _ONE = np.uint64(0), np.uint64(1)
_FAILED = -1
# A level of the stack: what it is, its object in the plan, its row and table, and its first cell and texts (a list's).
_KIND, _WHICH, _ROW, _TABLE, _CELL, _COUNT = 0, 1, 2, 3, 4, 5

_F = TypeVar("_F", bound=Callable[..., Any])
# Without counting references, which takes three times as long as the walk: so nothing compiled here makes an array.
_BARE: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False, "forceinline": True}


def compile_bare(function: _F) -> _F:
    """Compile a function that is given all its arrays, to run beside others."""
    return cast("_F", numba.njit(**_BARE)(function))


def _count_zeros_type(_context: Any, number: Any) -> Any:
    def build(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return number(number), build


def _load_word_type(_context: Any, text: Any, place: Any) -> Any:
    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array: Any = make_array  # numba leaves its own array untyped
        data = array(signature.args[0])(target, builder, arguments[0]).data
        word = target.get_value_type(types.uint64).as_pointer()
        return builder.load(builder.bitcast(builder.gep(data, [arguments[1]]), word), align=1)

    return types.uint64(text, place), build


_count_zeros: Any = intrinsic(_count_zeros_type)  # how many zero bits stand below the lowest one of a number
_load_word: Any = intrinsic(_load_word_type)  # eight bytes from a place on as a number, the first byte lowest


@compile_bare
def read_word(text: Any, place: int) -> Any:
    """Return eight bytes as one number, zeros for those after the end of the text."""
    if place + 8 <= len(text):
        return _load_word(text, place)
    word = _NONE
    for byte in range(len(text) - place):
        word |= np.uint64(text[place + byte]) << np.uint64(8 * byte)
    return word


@compile_bare
def count_letter(text: Any, letter: int) -> int:
    """Return how often a letter stands in a text."""
    count = 0
    for place in range(len(text)):
        count += text[place] == letter
    return count


@compile_bare
def find_quotes(text: Any, found: Any) -> int:
    """Write the places of quotes that no backslash escapes, as far as `found` has room; return how many there are."""
    count, room, whole = 0, len(found), len(text) // _STEP
    for step in range(whole + 1):
        marks = _NONE
        if step < whole:  # of a fixed length, so that it becomes a few wide instructions
            for byte in range(_STEP):
                marks |= np.uint64(text[_STEP * step + byte] == _QUOTE) << np.uint64(byte)
        else:
            for byte in range(len(text) - _STEP * whole):
                marks |= np.uint64(text[_STEP * step + byte] == _QUOTE) << np.uint64(byte)
        while marks != _NONE:
            place = _STEP * step + np.int64(_count_zeros(marks))
            marks &= marks - _ONE
            if place > 0 and text[place - 1] == _BACKSLASH and _is_escaped(text, int(place)):
                continue
            if count < room:
                found[count] = place
            count += 1
    return count


@compile_bare
def _is_escaped(text: Any, place: int) -> bool:
    before = place - 1
    while before >= 0 and text[before] == _BACKSLASH:
        before -= 1
    return (place - before) % 2 == 0


@compile_bare
def _next(text: Any, place: int) -> int:
    """Return the place of the next letter that is neither blank nor comma; that of the end where there is none."""
    while place < len(text) and (text[place] <= 32 or text[place] == _COMMA):
        place += 1
    return place


@compile_bare
def _skip_value(page: Any, place: int, quote: int) -> tuple[int, int]:
    """Return the place after a value and the next quote; _FAILED where the text ends in it."""
    text, quotes, _ = page
    depth = 0
    while place < len(text):
        letter = text[place]
        if letter == _QUOTE:
            if quote + 1 >= len(quotes):  # a quote that was taken for an escaped one, outside of a text
                return _FAILED, quote
            place = quotes[quote + 1]
            quote += 2
            if depth == 0:
                return place + 1, quote
        elif letter in (_OPEN_LIST, _OPEN_OBJECT):
            depth += 1
        elif letter in (_CLOSE_LIST, _CLOSE_OBJECT):
            depth -= 1
            if depth <= 0:  # below 0: a number or a word, which ends with what is around it
                return place + 1 + depth, quote
        elif letter == _COMMA and depth == 0:
            return place, quote
        place += 1
    return _FAILED, quote


@compile_bare
def _shift(left: int) -> Any:
    """Return by how much to shift a word so that only its first `left` bytes stay."""
    return np.uint64(64 - 8 * left) if left < 8 else _NONE


@compile_bare
def _match_key(text: Any, start: int, length: int, plan: Any, field: int) -> int:
    """Return which field the key is, of `field` and those of the same length chained to it; -1: none."""
    _, fields, keys = plan
    while field >= 0:
        key, left = fields[field, 0], length
        while left > 0 and (read_word(text, start + length - left) ^ keys[key]) << _shift(left) == _NONE:
            key += 1
            left -= 8
        if left <= 0:
            return int(field)
        field = fields[field, 1]
    return -1


@compile_bare
def _write_cell(page: Any, start: int, end: int, cells: Any, cell: int) -> None:
    """Write a string view: length and first bytes, then which text and where, or all of a short one."""
    text, _, number = page
    length = end - start
    first, second = read_word(text, start), _NONE
    if length > _INLINE:
        cells[cell] = np.uint64(length) | (first << np.uint64(32))
        cells[cell + 1] = np.uint64(number) | (np.uint64(start) << np.uint64(32))
        return
    if length < 8:
        first = (first << _shift(length)) >> _shift(length) if length > 0 else _NONE
    elif length > 8:
        second = (read_word(text, start + 8) << _shift(length - 8)) >> _shift(length - 8)
    cells[cell] = np.uint64(length) | (first << np.uint64(32))
    cells[cell + 1] = (first >> np.uint64(32)) | (second << np.uint64(32))


@compile_bare
def _read_text(page: Any, place: int, quote: int, cells: Any, cell: int) -> tuple[int, int]:
    """Write a value into a cell (cell < 0: nowhere): a string without its quotes, null as nothing, else as written."""
    text, quotes, _ = page
    if text[place] == _QUOTE and quote + 1 < len(quotes):
        end = quotes[quote + 1]
        if cell >= 0:
            _write_cell(page, place + 1, end, cells, cell)
        return end + 1, quote + 2
    after, quote = _skip_value(page, place, quote)
    if after > place and cell >= 0 and text[place] != ord("n"):  # null is the only such word
        end = after
        while text[end - 1] <= 32:
            end -= 1
        _write_cell(page, place, end, cells, cell)
    return after, quote


@compile_bare
def _find_cell(tables: Any, table: int, column: int, row: int) -> Any:
    return tables[table, 0] + 2 * (column * tables[table, 2] + row)


@compile_bare
def _push(stack: Any, depth: int, kind: int, which: int, place: Any) -> None:
    """Enter a level of the stack; `place` is its row, table and cell."""
    stack[depth, _KIND], stack[depth, _WHICH], stack[depth, _COUNT] = kind, which, 0
    stack[depth, _ROW], stack[depth, _TABLE], stack[depth, _CELL] = place


@compile_bare
def _open_row(plan: Any, book: Any, stack: Any, depth: int) -> None:
    """Enter an object of a list, with a row of nothing where it has its own."""
    cells, parents, rows, tables = book
    which, around = stack[depth, _WHICH], stack[depth, _ROW]
    table, row = plan[0][which, LONGEST_KEY + 1], around
    if table >= 0:
        row = rows[table]
        rows[table] += 1
        for column in range(tables[table, 3]):
            cells[_find_cell(tables, table, column, row)] = NULL
        parents[tables[table, 1] + row] = around
    _push(stack, depth + 1, OBJECT, which, (row, table if table >= 0 else stack[depth, _TABLE], np.int64(0)))


@compile_bare
def _read_field(page: Any, plan: Any, book: Any, stack: Any, at: Any) -> tuple[int, int, int]:
    """Read a key and its value, or enter that; return place (_FAILED: no key, or no end), quote and depth."""
    text, quotes, _ = page
    objects, fields, _ = plan
    place, quote, depth = at
    if quote + 1 >= len(quotes) or text[place] != _QUOTE:
        return _FAILED, quote, depth
    start, end = place + 1, quotes[quote + 1]
    place = _next(text, end + 1)
    quote += 2
    if place >= len(text) or text[place] != _COLON:
        return _FAILED, quote, depth
    place = _next(text, place + 1)
    which, row, table = stack[depth, _WHICH], stack[depth, _ROW], stack[depth, _TABLE]
    field = _match_key(text, start, end - start, plan, objects[which, min(end - start, LONGEST_KEY)])
    wanted = fields[field, 2] if field >= 0 else TEXT
    is_there = place < len(text)
    if not is_there or wanted == TEXT or text[place] != (_OPEN_OBJECT if wanted == OBJECT else _OPEN_LIST):
        cell = _find_cell(book[3], table, fields[field, 4], row) if field >= 0 and wanted == TEXT else -1
        place, quote = _read_text(page, place, quote, book[0], cell) if is_there else (_FAILED, quote)
        return place, quote, depth
    cell = _find_cell(book[3], table, fields[field, 4], row)
    _push(stack, depth + 1, wanted, fields[field, 3], (row, table, cell))
    return place + 1, quote, depth + 1


@compile_bare
def _read_listed(page: Any, book: Any, stack: Any, at: Any) -> tuple[int, int]:
    """Read one of a list of texts into the next column of its row."""
    place, quote, depth = at
    count, cell = stack[depth, _COUNT], -1
    if count < LISTED:
        cell = stack[depth, _CELL] + 2 * count * book[3][stack[depth, _TABLE], 2]
    stack[depth, _COUNT] += 1
    return _read_text(page, place, quote, book[0], cell)


@compile_bare
def walk_text(page: Any, plan: Any, book: Any, stack: Any) -> int:
    """Walk one text, a list of objects; return the place where it is not what was planned, -1: nowhere.

    plan: (objects: per length of key the first field, then the table; fields: first word of its key, next field of
    that length, kind, object, column; keys in words of eight bytes). stack: DEEPEST rows of six numbers.
    """
    text, quotes, _ = page
    depth, quote, place = 0, 0, _next(text, 0)
    if len(quotes) % 2 == 1 or place >= len(text) or text[place] != _OPEN_LIST:
        return place
    _push(stack, 0, LIST_OF_OBJECTS, 0, (np.int64(-1), np.int64(-1), np.int64(0)))
    place += 1
    while True:
        before = place = _next(text, place)
        if place >= len(text):
            return place
        kind = stack[depth, _KIND]
        if text[place] == (_CLOSE_OBJECT if kind == OBJECT else _CLOSE_LIST):
            place, depth = place + 1, depth - 1
            if depth < 0:
                return -1 if _next(text, place) == len(text) else place
        elif kind == OBJECT:
            place, quote, depth = _read_field(page, plan, book, stack, (place, quote, depth))
        elif kind == LIST_OF_TEXTS:
            place, quote = _read_listed(page, book, stack, (place, quote, depth))
        elif text[place] == _OPEN_OBJECT:
            _open_row(plan, book, stack, depth)
            place, depth = place + 1, depth + 1
        else:
            place, quote = _skip_value(page, place, quote)
        if place <= before:
            return before
