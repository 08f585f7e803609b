"""Who lives in the simulated economy: which owner holds which account in which role?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intel.sources.world.market import Ints

Bytes = npt.NDArray[np.uint8]
Small = npt.NDArray[np.int32]
HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_PAIRS = np.stack([np.repeat(HEX, 16), np.tile(HEX, 16)], axis=1)  # the two digits of each byte


@dataclass(frozen=True, slots=True)
class Owner:
    """One person or organisation; `name` is null where nobody outside would know it."""

    name: str | None
    category: str


NOBODY_KNOWN = Owner(None, "other")


class Column:
    """A growing array of small integers: parts are joined when somebody looks."""

    def __init__(self) -> None:
        self._parts: list[Small] = []

    def add(self, values: Ints | int, count: int) -> None:
        """Append `count` values, or one value `count` times."""
        self._parts.append(np.broadcast_to(np.asarray(values, dtype=np.int32), (count,)))

    def read(self) -> Small:
        """The whole column."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


@dataclass
class Cast:
    """Owners and their accounts. An account is a key or a contract: its number, owner and role; text comes last."""

    rng: np.random.Generator  # draws addresses alone
    named: dict[int, Owner] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    owners: int = 0
    size: int = 0
    _owner_of: Column = field(default_factory=Column)
    _role_of: Column = field(default_factory=Column)
    _contract: Column = field(default_factory=Column)
    _alike: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)
    _bytes: Bytes = field(default_factory=lambda: np.empty((0, 20), dtype=np.uint8))

    def add_owner(self, name: str | None, category: str) -> int:
        """Register one owner and return its number."""
        self.named[self.owners] = Owner(name, category)
        self.owners += 1
        return self.owners - 1

    def add_people(self, count: int) -> Ints:
        """Register `count` owners whom nobody knows."""
        self.owners += count
        return np.arange(self.owners - count, self.owners)

    def find_owner(self, number: int) -> Owner:
        """Who owner `number` is."""
        return self.named.get(number, NOBODY_KNOWN)

    def add_accounts(self, role: str, owner: Ints | int, count: int, *, contract: bool = False) -> Ints:
        """Open `count` accounts in `role`; `owner` is one number, or one per account."""
        if role not in self.roles:
            self.roles.append(role)
        self._owner_of.add(owner, count)
        self._role_of.add(self.roles.index(role), count)
        self._contract.add(int(contract), count)
        ids = np.arange(self.size, self.size + count)
        self.size += count
        return ids

    def add_account(self, role: str, owner: int, *, contract: bool = False) -> int:
        """Open one account in `role`."""
        return int(self.add_accounts(role, owner, 1, contract=contract)[0])

    def imitate(self, accounts: Ints, models: Ints, prefix: Ints | int = 4, suffix: Ints | int = 4) -> None:
        """Give new `accounts` the first `prefix` and the last `suffix` hex digits of `models`."""
        shape = (len(accounts),)
        self._alike.append((accounts, models, np.broadcast_to(prefix, shape), np.broadcast_to(suffix, shape)))

    @property
    def owner_of(self) -> Small:
        """Owner number of each account."""
        return self._owner_of.read()

    @property
    def role_of(self) -> Small:
        """Index into `roles` of each account."""
        return self._role_of.read()

    @property
    def is_contract(self) -> Small:
        """1 where the account is a contract."""
        return self._contract.read()

    def draw_addresses(self) -> None:
        """Give every account that has none an address of 20 bytes; account 0 is the zero address."""
        begin = len(self._bytes)
        fresh = self.rng.integers(0, 256, (self.size - begin, 20), dtype=np.uint8)
        if begin == 0:
            fresh[0] = 0
        self._bytes = np.concatenate([self._bytes, fresh])
        for accounts, models, prefix, suffix in self._alike:
            own, model = unpack_digits(self._bytes[accounts]), unpack_digits(self._bytes[models])
            place = np.arange(40)
            copied = (place < prefix[:, None]) | (place >= 40 - suffix[:, None])
            digits = np.where(copied, model, own)
            self._bytes[accounts] = digits[:, ::2] << 4 | digits[:, 1::2]
        self._alike.clear()

    def write_addresses(self, accounts: Ints) -> pa.Array:
        """Lower-case `0x` addresses of accounts; null where the number is negative."""
        return write_hex(self._bytes[np.maximum(accounts, 0)], accounts < 0)


def unpack_digits(raw: Bytes) -> Bytes:
    """Hex digits (values 0 to 15) of rows of bytes."""
    return np.stack([raw >> 4, raw & 15], axis=2).reshape(len(raw), raw.shape[1] * 2)


def write_hex(raw: Bytes, is_null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Text `0x...` of rows of bytes; null where `is_null`."""
    rows, width = raw.shape[0], raw.shape[1] * 2 + 2
    text = np.empty((rows, width), dtype=np.uint8)
    text[:, 0], text[:, 1] = ord("0"), ord("x")
    text[:, 2:] = _PAIRS[raw].reshape(rows, width - 2)
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    valid = None
    if is_null is not None and is_null.any():
        valid = pa.py_buffer(np.packbits(~is_null, bitorder="little"))
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text), valid)
