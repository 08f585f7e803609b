"""Which Delta tables are open here, and are they still what the disk holds?

To open a table is to read its log, which grows with every commit. One that stays open reads only what was added.
"""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from intel.errors import StoreError

_DAMAGED = "restore the store from a backup, or ingest again into a new store"
_Mark = tuple[int, int]


class OpenTables:
    """The Delta tables of one folder; not shared by threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[str, tuple[DeltaTable, _Mark | None]] = {}

    def locate(self, table: str) -> str:
        """Return a table's URI: a plain path with % or # in it would mean another one to the Delta library."""
        return (self.path / table).absolute().as_uri()

    def exists(self, table: str) -> bool:
        """Say whether a table was ever written."""
        return DeltaTable.is_deltatable(self.locate(table))

    def open(self, table: str, version: int | None = None) -> DeltaTable:
        """Open a table at a version, the newest (committed or not) by default; StoreError when it is damaged."""
        try:
            return DeltaTable(self.locate(table), version=version)
        except DeltaError as error:
            raise StoreError(f"lake table {table} cannot be read: {error}", _DAMAGED) from error

    def is_newest(self, table: str, version: int) -> bool:
        """Say whether a version is there and the last one; looks at two names, however long the log is."""
        return self._mark(table, version) is not None and self._mark(table, version + 1) is None

    def is_unchanged(self, table: str, version: int) -> bool:
        """Say whether the table is kept at this version, and nobody has written to it or touched its log since."""
        delta, mark = self._kept.get(table, (None, None))
        if delta is None or delta.version() != version or mark is None:
            return False
        return self._mark(table, version) == mark and self.is_newest(table, version)

    def open_newest(self, table: str) -> DeltaTable:
        """Return the table at its newest version; it is kept open, so that the next call reads only what is new."""
        delta, mark = self._kept.get(table, (None, None))
        if delta is None or mark is None or self._mark(table, delta.version()) != mark:
            delta = self.open(table)
        elif not self.is_newest(table, delta.version()):
            try:
                delta.update_incremental()
            except DeltaError:  # somebody has tidied up the log meanwhile
                delta = self.open(table)
        return self.keep(table, delta)

    def keep(self, table: str, delta: DeltaTable) -> DeltaTable:
        """Keep a table open that stands at its newest version."""
        self._kept[table] = (delta, self._mark(table, delta.version()))
        return delta

    def list_files(self, table: str, version: int | None = None) -> list[str]:
        """Return the Parquet files of a table at a version, the newest by default."""
        is_kept = version is not None and self.is_unchanged(table, version)
        delta = self._kept[table][0] if is_kept else self.open(table, version)
        # The library gives URIs, in which a space is %20; our tables have no folders inside, so the name will do.
        return [str(self.path / table / Path(uri).name) for uri in delta.file_uris()]

    def _mark(self, table: str, version: int) -> _Mark | None:
        """Return what tells one writing of a version's log from another; None where there is none."""
        try:
            found = (self.path / table / "_delta_log" / f"{version:020d}.json").stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size
