"""Which logs are token transfers in the form that nearly all have, read at once from the bytes of a node's receipts?

Of such a log nothing is left to find wrong: its words are as many and as wide as they must be, its digits are hex in
lower case, and its amount or id is below 2^120. Every other log, however odd, is left to `intel.etl.logs`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.sources.json_columns import Walked
from intel.sources.json_walk import NULL, compile_bare, read_word

_TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # (address,address,uint256)
_EVENT = np.frombuffer(_TRANSFER.encode().ljust(72, b"\0"), np.uint64)
_WORD, _ADDRESS, _HASH = 66, 42, 66  # digits of an argument, an address and a hash, with 0x before them
_ERC20, _ERC721 = 0, 1
_COLUMNS = ("address", "transactionHash", "logIndex", "data", "topics0", "topics1", "topics2", "topics3")
_ZEROS, _PREFIX = np.uint64(0x3030303030303030), np.uint64(0x7830)  # eight times 0, and 0x
_LOW_NIBBLES, _LETTERS = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x4040404040404040)
_ONES, _TO_LETTER = np.uint64(0x0101010101010101), np.uint64(0x27)
_BAD = np.uint64(0xFFFFFFFFFFFFFFFF)
_NULL = NULL


class UsualTransfers:
    """Gathers the usual transfers of the receipts or logs that are walked; give `add` to `walk_texts`."""

    def __init__(self) -> None:
        self._parts: list[tuple[npt.NDArray[Any], ...]] = []

    def add(self, text: npt.NDArray[np.uint8], walked: Walked, before: npt.NDArray[np.int64]) -> None:
        """Take those among the logs that the newest text brought."""
        table = list(walked.plan.columns).index("logs")
        first, last = int(before[table]), int(walked.rows[table])
        most = last - first
        cells = np.array([walked.cell("logs", name) for name in _COLUMNS])
        rows, numbers = np.empty(most, np.int64), np.empty((2, most), np.int64)
        parties, words = np.empty((2, most, _ADDRESS), np.uint8), np.empty((3, most, 2), np.uint64)
        found = _scan(text, walked.cells, cells, (_EVENT, first, last), (rows, numbers, parties, words))
        self._parts.append((rows[:found], numbers[:, :found], parties[:, :found], words[:, :found]))

    def table(self, walked: Walked) -> pa.Table:
        """Return them: row of the log, parent (row of its receipt), tx_hash, token, kind, sender, receiver, amount."""
        empty = (np.empty(0, np.int64), np.empty((2, 0), np.int64), np.empty((2, 0, _ADDRESS), np.uint8),
                 np.empty((3, 0, 2), np.uint64))  # fmt: skip
        rows = np.concatenate([part[0] for part in [*self._parts, empty]])
        numbers, parties, words = (
            np.concatenate([part[n] for part in [*self._parts, empty]], axis=1) for n in (1, 2, 3)
        )
        amounts = pa.Array.from_buffers(pa.decimal128(38, 0), len(rows), [None, pa.py_buffer(words[2])])
        return pa.table({
            "row": rows, "parent": walked.parents_of("logs")[rows], "position": numbers[1],
            "tx_hash": walked.show(words[0]), "token": walked.show(words[1]), "is_erc20": numbers[0] == _ERC20,
            "sender": _name_parties(parties[0]), "receiver": _name_parties(parties[1]), "amount": amounts,
        })  # fmt: skip


def _name_parties(letters: npt.NDArray[np.uint8]) -> pa.Array:
    offsets = np.arange(len(letters) + 1, dtype=np.int32) * _ADDRESS
    return pa.Array.from_buffers(pa.string(), len(letters), [None, pa.py_buffer(offsets), pa.py_buffer(letters)])


@compile_bare
def _read_hex(word: Any) -> Any:
    """Return eight letters as a number of 32 bits; _BAD where they are no lower-case hex digits."""
    nibbles = (word & _LOW_NIBBLES) + ((word & _LETTERS) >> np.uint64(6)) * np.uint64(9)
    above_nine = ((nibbles + np.uint64(0x7676767676767676)) >> np.uint64(7)) & _ONES
    if nibbles + _ZEROS + above_nine * _TO_LETTER != word or nibbles & ~_LOW_NIBBLES != np.uint64(0):
        return _BAD
    # The first letter is the highest digit, and stands in the lowest byte.
    pairs = ((nibbles << np.uint64(4)) | (nibbles >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = ((pairs << np.uint64(8)) | (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return ((fours << np.uint64(16)) | (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


@compile_bare
def _find(cells: Any, cell: int, length: int) -> Any:
    """Return where in the text a value of exactly this length stands; -1 where it is none."""
    if cells[cell] & np.uint64(0xFFFFFFFF) != np.uint64(length) or cells[cell] == _NULL:
        return -1
    return np.int64(cells[cell + 1] >> np.uint64(32))


@compile_bare
def _is_hex(text: Any, place: int, words: int) -> bool:
    good = True
    for word in range(words):
        good &= _read_hex(read_word(text, place + 8 * word)) != _BAD
    return good


@compile_bare
def _is_event(text: Any, place: int, event: Any) -> bool:
    same = True
    for word in range(8):
        same &= read_word(text, place + 8 * word) == event[word]
    return bool(same and (read_word(text, place + 64) ^ event[8]) & np.uint64(0xFFFF) == np.uint64(0))


@compile_bare
def _copy_address(text: Any, place: int, letters: Any) -> bool:
    """Copy the address in a word of an argument; return whether it is one: 24 zeros, then 40 digits."""
    if place < 0 or read_word(text, place) & np.uint64(0xFFFF) != _PREFIX:
        return False
    for word in range(3):
        if read_word(text, place + 2 + 8 * word) != _ZEROS:
            return False
    letters[0], letters[1] = 48, 120
    for letter in range(40):
        letters[2 + letter] = text[place + 26 + letter]
    return _is_hex(text, place + 26, 5)


@compile_bare
def _read_amount(text: Any, place: int, words: Any) -> bool:
    """Read the word of an argument as a number; return whether it is one below 2^120."""
    if place < 0 or read_word(text, place) & np.uint64(0xFFFF) != _PREFIX:
        return False
    for word in range(4):
        if read_word(text, place + 2 + 8 * word) != _ZEROS:
            return False
    first, second = _read_hex(read_word(text, place + 34)), _read_hex(read_word(text, place + 42))
    third, fourth = _read_hex(read_word(text, place + 50)), _read_hex(read_word(text, place + 58))
    words[0], words[1] = (third << np.uint64(32)) | fourth, (first << np.uint64(32)) | second
    return bool(first < np.uint64(1 << 24) and second != _BAD and third != _BAD and fourth != _BAD)


@compile_bare
def _read_index(cells: Any, cell: int) -> Any:
    """Return a number of 0x and up to ten digits, which stand in the view itself; -1 where it is none."""
    length = np.int64(cells[cell] & np.uint64(0xFFFFFFFF))
    if length < 3 or length > 12:
        return -1
    number: Any = 0
    for place in range(length):
        word, at = (cells[cell], 32 + 8 * place) if place < 4 else (cells[cell + 1], 8 * (place - 4))
        letter = np.int64((word >> np.uint64(at)) & np.uint64(0xFF))
        if place < 2:
            if letter != (48 if place == 0 else 120):
                return -1
        elif 48 <= letter <= 57:
            number = 16 * number + letter - 48
        elif 97 <= letter <= 102:
            number = 16 * number + letter - 87
        else:
            return -1
    return number


def read_numbers(walked: Walked, table: str, column: str) -> npt.NDArray[np.int64]:
    """Return a column of numbers below 2^40 as the node writes them, 0x and digits; -1 for what is none."""
    found = np.empty(len(walked.parents_of(table)), np.int64)
    _read_numbers(walked.cells, walked.cell(table, column), found)
    return found


@compile_bare
def _read_numbers(cells: Any, first: int, found: Any) -> None:
    for row in range(len(found)):
        found[row] = _read_index(cells, first + 2 * row)


@compile_bare
def _is_named(text: Any, cells: Any, cell: int, length: int) -> bool:
    """Say whether a value is 0x and lower-case hex digits, `length` letters in all."""
    place = _find(cells, cell, length)
    if place < 0 or read_word(text, place) & np.uint64(0xFFFF) != _PREFIX:
        return False
    return _is_hex(text, place + 2, (length - 2) // 8)


@compile_bare
def _scan(text: Any, cells: Any, at: Any, asked: Any, written: Any) -> int:
    """Write the usual transfers among some logs; return how many. `at`: the columns' first cells."""
    event, first, last = asked
    rows, numbers, parties, words = written
    found = 0
    for row in range(first, last):
        step = 2 * row
        place = _find(cells, at[4] + step, _WORD)
        if place < 0 or not _is_event(text, place, event):
            continue
        is_erc20 = cells[at[7] + step] == _NULL
        if is_erc20:
            place = _find(cells, at[3] + step, _WORD)
        else:
            data = cells[at[3] + step]
            place = _find(cells, at[7] + step, _WORD)
            if data == _NULL or data & np.uint64(0xFFFFFFFF) > np.uint64(2):
                continue
        position = _read_index(cells, at[2] + step)
        good = position >= 0 and _read_amount(text, place, words[2, found])
        good = good and _copy_address(text, _find(cells, at[5] + step, _WORD), parties[0, found])
        good = good and _copy_address(text, _find(cells, at[6] + step, _WORD), parties[1, found])
        good = good and _is_named(text, cells, at[0] + step, _ADDRESS) and _is_named(text, cells, at[1] + step, _HASH)
        if not good:
            continue
        words[0, found, 0], words[0, found, 1] = cells[at[1] + step], cells[at[1] + step + 1]
        words[1, found, 0], words[1, found, 1] = cells[at[0] + step], cells[at[0] + step + 1]
        rows[found], numbers[1, found] = row, position
        numbers[0, found] = _ERC20 if is_erc20 else _ERC721
        found += 1
    return found
