"""What do a node's long JSON answers hold, as Arrow columns, without an object or a copy per value?

A text is walked once, by compiled code that knows which keys are wanted. What it finds becomes string views: sixteen
bytes that say where in the text a value stands. Keys nobody asked for are stepped over. Values stay as they are
written, a string's escapes too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.sources.json_walk import (
    DEEPEST,
    LIST_OF_OBJECTS,
    LIST_OF_TEXTS,
    LISTED,
    LONGEST_KEY,
    NULL,
    OBJECT,
    TEXT,
    count_letter,
    find_quotes,
    walk_text,
)

Shape = Mapping[str, object]
Numbers = npt.NDArray[np.int64]


_OPEN = ord("{")


class BadJson(ValueError):
    """A text is no JSON, or not of the shape that was asked for."""


class Plan:
    """Which keys of a list of answers are read, and into which columns of which tables.

    A shape maps each key to "" (a text), [""] (a list of texts: four columns), another shape (its values become
    columns key.key of the same row), or [shape] (a table of its own, named by its key, with the row around each).
    """

    def __init__(self, name: str, shape: Shape, *, is_list: bool) -> None:
        self.columns: dict[str, list[str]] = {}
        self.around: list[int] = []  # per table the one its parents are in
        self._keys = bytearray()
        self._fields: list[tuple[int, int, int, int, int]] = []
        self._objects: list[list[int]] = []
        waiting: list[tuple[Shape, int, str, bool]] = []
        self._open_table(name, -1)
        waiting.append(({"result": [shape] if is_list else shape}, 0, "", not is_list))
        for inner, table, prefix, has_row in waiting:
            by_length = [-1] * (LONGEST_KEY + 1)
            for key, wanted in inner.items():
                kind, target = TEXT, -1
                if isinstance(wanted, Mapping):
                    kind, target = OBJECT, len(waiting)
                    waiting.append((wanted, table, prefix + key + "." if self._objects else "", False))
                elif isinstance(wanted, list) and isinstance(wanted[0], Mapping):
                    kind, target = LIST_OF_OBJECTS, len(waiting)
                    opened = self._open_table(key, table) if self._objects else table
                    waiting.append((wanted[0], opened, "", True))
                elif isinstance(wanted, list):
                    kind = LIST_OF_TEXTS
                columns = list(self.columns.values())[table]
                self._fields.append((len(self._keys) // 8, by_length[len(key)], kind, target, len(columns)))
                by_length[len(key)] = len(self._fields) - 1
                self._keys += key.encode().ljust(-(-len(key) // 8) * 8, b"\0")
                names = {TEXT: [prefix + key], LIST_OF_TEXTS: [f"{prefix}{key}{n}" for n in range(LISTED)]}
                columns += names.get(kind, [])
            self._objects.append([*by_length, table if has_row else -1])

    def _open_table(self, name: str, around: int) -> int:
        self.columns[name] = []
        self.around.append(around)
        return len(self.around) - 1

    @cached_property
    def arrays(self) -> tuple[Numbers, Numbers, npt.NDArray[np.uint64]]:
        """The plan as `walk_text` takes it."""
        keys = np.frombuffer(bytes(self._keys), np.uint64)
        return np.array(self._objects, np.int64), np.array(self._fields, np.int64), keys


@dataclass
class Walked:
    """What texts hold; `tables` says per table where its cells and parents begin, rows at most, and columns."""

    plan: Plan
    texts: Sequence[bytes]
    tables: Numbers
    cells: npt.NDArray[np.uint64]
    parents: Numbers
    rows: Numbers

    def cell(self, table: str, name: str) -> int:
        """Return where the cells of a column begin."""
        first, _, most, _ = self.tables[list(self.plan.columns).index(table)]
        return int(first + 2 * most * self.plan.columns[table].index(name))

    def parents_of(self, table: str) -> Numbers:
        """Return in which row of the table around it each row stands."""
        number = list(self.plan.columns).index(table)
        return self.parents[self.tables[number, 1] :][: self.rows[number]]

    def show(self, words: npt.NDArray[np.uint64]) -> pa.Array:
        """Return cells, as rows of two words, as what they show."""
        given = words[:, 0] != NULL
        mask = None if given.all() else pa.py_buffer(np.packbits(given, bitorder="little"))
        texts = [pa.py_buffer(text) for text in self.texts]
        return pa.Array.from_buffers(pa.string_view(), len(words), [mask, pa.py_buffer(words), *texts])

    def table(self, name: str) -> pa.Table:
        """Return a table: its columns as string views into the texts, its number, and `parent`, the row around it."""
        count = int(self.rows[list(self.plan.columns).index(name)])
        found = {}
        for column in self.plan.columns[name]:
            first = self.cell(name, column)
            found[column] = self.show(self.cells[first : first + 2 * count].reshape(-1, 2))
        return pa.table({**found, "row": np.arange(count), "parent": self.parents_of(name)})


Each = Callable[[npt.NDArray[np.uint8], Walked, Numbers], None]


def walk_texts(plan: Plan, texts: Sequence[bytes], each: Each | None = None) -> Walked:
    """Walk texts, each a JSON list of answers, into the same columns; raises BadJson.

    `each` is called after each text with its bytes, what was found so far, and the rows per table before it.
    """
    most = 1 + sum(count_letter(np.frombuffer(text, np.uint8), _OPEN) for text in texts)
    widths = [len(columns) for columns in plan.columns.values()]
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]]) * 2 * most
    tables = np.array([[start, n * most, most, w] for n, (start, w) in enumerate(zip(starts, widths, strict=True))])
    cells, parents = np.empty(2 * most * sum(widths), np.uint64), np.empty(most * len(widths), np.int64)
    walked = Walked(plan, texts, tables.astype(np.int64), cells, parents, np.zeros(len(widths), np.int64))
    places, stack = np.empty(0, np.int32), np.zeros((DEEPEST, 6), np.int64)
    for number, text in enumerate(texts):
        if not text.isascii():
            _check_encoding(text)
        letters, before = np.frombuffer(text, np.uint8), walked.rows.copy()
        count = find_quotes(letters, places)
        if count > len(places):
            places = np.empty(2 * count, np.int32)
            find_quotes(letters, places)
        quotes = places[:count]
        book = (cells, parents, walked.rows, walked.tables)
        place = walk_text((letters, quotes, number), plan.arrays, book, stack)
        if place >= 0:
            shown = text[max(0, place - 30) : place + 30].decode("utf-8", "replace")
            raise BadJson(f"unexpected at byte {place}: {shown!r}")
        if each is not None:
            each(letters, walked, before)
    return walked


def _check_encoding(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise BadJson(f"byte {error.start} is no UTF-8") from error
