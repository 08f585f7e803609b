"""Does a Parquet file unfold into more than any real file of so many bytes holds?

A few kilobytes can name one row a billion times, or one long text a million times. Such a file is refused before its
rows are read: scratch space for all of them would fill the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from intel.errors import BadInput
from intel.store import Connection

# Measured at highest compression: real ledgers, labels and prices hold at most 0.36 rows a byte and unfold 22 times.
# Below the floors a file is as harmless as any other, however dense.
ROWS_PER_BYTE, FEW_ROWS = 100, 10_000_000
BYTES_PER_BYTE, FEW_BYTES = 1000, 1_000_000_000
_HINT = "a file that repeats itself so often is no ledger; if it is sound, write its rows as CSV"


@dataclass
class BombCheck:
    """What the files of one run hold that are denser than any real one: many small ones are no way around."""

    rows: int = 0
    unfolded: int = 0

    def add(self, con: Connection, path: Path, types: Mapping[str, str]) -> None:
        """Raise BadInput for the file with which it becomes too much; `types` are its columns'.

        The lengths of texts are summed (a thirtieth of the cost of taking them) where the footer leaves room for more
        than is allowed.
        """
        size = path.stat().st_size
        rows, unfolded, possible = _read_footer(con, path)
        if rows > ROWS_PER_BYTE * size:
            self.rows += rows
            if self.rows > FEW_ROWS:
                raise BadInput(f"{path} claims {rows:,} rows (or list elements) in {size:,} bytes", _HINT)
        allowed = BYTES_PER_BYTE * size
        if unfolded <= max(allowed, FEW_BYTES) and possible > allowed:
            unfolded = max(unfolded, _sum_texts(con, path, types))
        if unfolded > allowed:
            self.unfolded += unfolded
            if self.unfolded > FEW_BYTES:
                raise BadInput(f"{path} unfolds from {size:,} to {unfolded:,} bytes", _HINT)


def _read_footer(con: Connection, path: Path) -> tuple[int, int, int]:
    """Return what the footer claims: rows, bytes before compression, and bytes if each value were a whole chunk."""
    claimed = con.execute("select num_rows from parquet_file_metadata(?)", [str(path)]).fetchall()[0][0]
    values, unfolded, possible = con.execute(
        "select coalesce(max(held), 0), coalesce(sum(unfolded), 0), coalesce(sum(possible), 0) from ("
        "select column_id, sum(num_values) as held, sum(total_uncompressed_size) as unfolded, "
        "sum(num_values::hugeint * total_uncompressed_size) as possible from parquet_metadata(?) group by column_id)",
        [str(path)],
    ).fetchall()[0]
    return max(int(claimed), int(values)), int(unfolded), int(possible)


def _sum_texts(con: Connection, path: Path, types: Mapping[str, str]) -> int:
    lengths = {"VARCHAR": "strlen({})", "BLOB": "octet_length({})"}
    texts = [
        lengths[kind].format('"' + name.replace('"', '""') + '"') for name, kind in types.items() if kind in lengths
    ]
    if not texts:
        return 0
    total = " + ".join(f"coalesce(sum({text}), 0)" for text in texts)
    return int(con.execute(f"select {total} from read_parquet(?)", [str(path)]).fetchall()[0][0])
