"""Is everything that the lake's newest state names still there, and can it be read?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from intel.errors import StoreError
from intel.store.connection import open_connection
from intel.store.lake import Commit, Lake, name_damage

_LOST = "restore the store from a backup, or ingest again into a new store"


def check_lake(lake: Lake, head: Commit, *, deep: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (what, hint) for every table of the lake that is damaged; with `deep` every page of it is read."""
    for table in head.tables:
        try:
            missing = [Path(file).name for file in lake.files(table, head) if not Path(file).is_file()]
            if missing:
                yield f"lake table {table} lacks {len(missing)} of its files: {missing[0]}", _LOST
                continue
            con = open_connection(threads=1)
            lake.attach_table(con, table, head.tables[table])
            if deep:
                with name_damage(f"lake table {table}"):
                    con.execute(f"select bit_xor(hash(t)) from lake_{table} t").fetchall()
            con.close()
        except StoreError as error:
            yield error.message, error.hint
