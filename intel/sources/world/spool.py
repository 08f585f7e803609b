"""Where do finished periods wait until they are read? In memory when there is one, on disk when there are more."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from intel.sources.world.book import Rows

_WIDE = {"amount", "value", "token_id", "gas_price", "first", "second"}  # 64 bits; everything else fits 32


class Spool:
    """Finished periods, each a set of tables of integer columns; files go to a temporary folder and with it."""

    def __init__(self, *, on_disk: bool) -> None:
        self._folder = Path(mkdtemp(prefix="intel-world-")) if on_disk else None
        if self._folder:
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)  # at exit at the latest
        self._periods: list[dict[str, Rows]] = []
        self.size = 0

    def add(self, tables: dict[str, Rows]) -> None:
        """Keep one period."""
        if self._folder is None:
            self._periods.append(tables)
        else:
            for table, rows in tables.items():
                for name, values in rows.items():
                    kind = np.int64 if name in _WIDE else np.int32
                    np.save(self._file(self.size, table, name), values.astype(kind))
            self._periods.append({table: dict.fromkeys(rows, np.empty(0, np.int64)) for table, rows in tables.items()})
        self.size += 1

    def read(self, table: str) -> Iterator[tuple[int, Rows]]:
        """One table, period by period, in order; columns may be memory-mapped 32-bit integers."""
        for period in range(self.size):
            yield period, self.read_period(period, table)

    def read_period(self, period: int, table: str) -> Rows:
        """One table of one period."""
        rows = self._periods[period][table]
        if self._folder is None:
            return rows
        return {name: np.load(self._file(period, table, name), mmap_mode="r") for name in rows}

    def _file(self, period: int, table: str, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{period:05d}-{table}-{name}.npy"
