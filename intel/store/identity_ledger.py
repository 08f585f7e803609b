"""Which unnamed owners did earlier builds know, and how does a build's news of them come into the lake?"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from intel.errors import NoSnapshot, StoreError
from intel.store.connection import open_connection
from intel.store.lake import BUILD_COMMAND, Lake, lake_schema
from intel.store.reader import Reader

_FORMER = """
select a.chain, a.address, c.cluster_id as entity_id
from beliefs.clusters c
join facts.addresses a on a.address_id = c.address_id
where c.visibility = 'public' and starts_with(c.cluster_id, 'anon-')
"""


def no_former_members() -> pa.Table:
    """Return the table of read_former_members without rows."""
    return pa.table({name: pa.array([], pa.string()) for name in ("chain", "address", "entity_id")})


def read_former_members(store: Path) -> pa.Table:
    """Return chain, address, entity_id of the current build's unnamed owners; none where no build can be read."""
    try:
        with Reader(store) as reader:
            return reader.arrow(_FORMER)
    except (NoSnapshot, StoreError):  # the ledger keeps the ids all the same; only where a new group came from is lost
        return no_former_members()


def record_identities(store: Path) -> int:
    """Append to lake.identity, in one commit, what the current build adds to it; return the number of rows.

    Called after each publication, and before each build, for one that was killed in between: rows that are there stay
    as they are. While a source is being ingested, the rows wait in their build for the next call.
    """
    try:
        with Reader(store) as reader:
            events = reader.arrow(
                "select build_id, event, entity_id, other_entity_id, chain, address from beliefs.identity "
                "where build_id = $build_id order by step",
                {"build_id": reader.build_id},
            )
    except (NoSnapshot, StoreError):
        return 0
    lake = Lake(store)
    if _find_missing(lake, events).num_rows == 0:
        return 0
    with ExitStack() as stack:
        try:
            run = stack.enter_context(lake.write(BUILD_COMMAND, patience=0))
        except StoreError:
            return 0
        rows = _find_missing(lake, events)
        if rows.num_rows:
            run.append("identity", rows)
            run.commit(rows=rows.num_rows, bad_rows=0)
        return int(rows.num_rows)


def _find_missing(lake: Lake, events: pa.Table) -> pa.Table:
    """Return the rows that the ledger does not have yet, dated after all that it has."""
    con = open_connection(threads=1)
    head = lake.head()
    lake.attach_table(con, "identity", head.tables.get("identity") if head else None)
    newest = con.execute("select max(recorded_at) from lake_identity").fetchall()[0][0]
    now = datetime.now(UTC).replace(tzinfo=None)
    if newest is not None:  # a clock that was set back must not make the newest event an old one
        now = max(now, newest + timedelta(microseconds=1))
    con.register("events", events)
    names = ("build_id", "event", "entity_id", "other_entity_id")
    same = " and ".join(f"l.{name} is not distinct from e.{name}" for name in names)
    missing = con.sql(
        f"select e.*, $now::timestamp as recorded_at from events e "
        f"where not exists (from lake_identity l where {same})",
        params={"now": now},
    ).to_arrow_table()
    con.close()
    return missing.cast(lake_schema("identity"))
