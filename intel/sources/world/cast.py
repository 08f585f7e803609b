"""Who lives in the simulated economy: which owner holds which account in which role?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from intel.sources.world.market import Ints

HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Owner:
    """One person or organisation; `name` is null where nobody outside would know it."""

    name: str | None
    category: str


@dataclass
class Cast:
    """Owners and their accounts. An account is a key or a contract: its number, owner and role; text comes last."""

    owners: list[Owner] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    _owner_of: list[Ints] = field(default_factory=list)
    _role_of: list[Ints] = field(default_factory=list)
    _contract: list[Ints] = field(default_factory=list)
    _alike: list[tuple[Ints, Ints]] = field(default_factory=list)
    size: int = 0

    def add_owner(self, name: str | None, category: str) -> int:
        """Register one owner and return its number."""
        self.owners.append(Owner(name, category))
        return len(self.owners) - 1

    def add_accounts(self, role: str, owner: Ints | int, count: int, *, contract: bool = False) -> Ints:
        """Open `count` accounts in `role`; `owner` is one number, or one per account."""
        if role not in self.roles:
            self.roles.append(role)
        self._owner_of.append(np.broadcast_to(np.asarray(owner, dtype=np.int64), (count,)))
        self._role_of.append(np.full(count, self.roles.index(role)))
        self._contract.append(np.full(count, int(contract)))
        ids = np.arange(self.size, self.size + count)
        self.size += count
        return ids

    def add_account(self, role: str, owner: int, *, contract: bool = False) -> int:
        """Open one account in `role`."""
        return int(self.add_accounts(role, owner, 1, contract=contract)[0])

    def imitate(self, accounts: Ints, models: Ints) -> None:
        """Give `accounts` the first and last four hex digits of `models`."""
        self._alike.append((accounts, models))

    @property
    def owner_of(self) -> Ints:
        """Owner number of each account."""
        return np.concatenate(self._owner_of)

    @property
    def role_of(self) -> Ints:
        """Index into `roles` of each account."""
        return np.concatenate(self._role_of)

    @property
    def is_contract(self) -> Ints:
        """1 where the account is a contract."""
        return np.concatenate(self._contract)

    def write_addresses(self, rng: np.random.Generator) -> pa.Array:
        """Lower-case `0x` addresses, one per account; account 0 is the zero address."""
        digits = rng.integers(0, 16, (self.size, 40), dtype=np.uint8)
        for accounts, models in self._alike:
            digits[accounts, :4] = digits[models, :4]
            digits[accounts, -4:] = digits[models, -4:]
        digits[0] = 0
        return write_hex(digits)


def write_hex(digits: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> pa.Array:
    """Text `0x...` of rows of hex digits (values 0 to 15)."""
    rows, width = digits.shape
    text = np.empty((rows, width + 2), dtype=np.uint8)
    text[:, 0], text[:, 1] = ord("0"), ord("x")
    text[:, 2:] = HEX[digits]
    offsets = np.arange(rows + 1, dtype=np.int32) * (width + 2)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text))


def draw_hashes(rng: np.random.Generator, count: int) -> pa.Array:
    """Draw `count` hashes of 32 bytes as text."""
    raw = rng.integers(0, 256, (count, 32), dtype=np.uint8)
    return write_hex(np.stack([raw >> 4, raw & 15], axis=2).reshape(count, 64))
