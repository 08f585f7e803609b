"""Do facts that were extended day after day answer as fast as facts made at once?

    python bench/many_days.py --transfers 1000000 --days 30

Makes the facts of a simulated economy but for its last days (each `--share` of the transfers), adds them one by one,
and prints of the first, the last and the whole facts what a query for one address reads of the postings and how long it
takes. Files go to a temporary folder.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from bench.incremental import split_economy
from intel.etl.accounts import build_accounts
from intel.etl.extend import TIMED, describe_ledger, extend_facts
from intel.etl.ledger import build_context, build_ledger
from intel.sources.world import WorldSettings, choose_days
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables, read_tables
from intel.store.lake import lake_schema


def show_lake(con: Connection, part: int, parts: int, share: float) -> None:
    """Let the lake end `parts - part` days before its end."""
    cut = con.execute(
        "select quantile_cont(epoch_us(block_time), $1) from all_transfers", [1 - (parts - part) * share]
    ).fetchall()[0][0]
    for table in read_tables()["lake"]:
        timed = "block_time" in lake_schema(table).names
        where = f"where block_time is null or epoch_us(block_time) <= {int(cut)}" if timed and part < parts else ""
        con.execute(f"create or replace temp view lake_{table} as from all_{table} {where}")


def open_facts(con: Connection, path: Path) -> None:
    """Attach a file of facts anew: closing it writes it out, as the end of a build does."""
    if con.execute("select 1 from duckdb_databases() where database_name = 'facts'").fetchall():
        con.execute("detach facts")
    is_new = not path.exists()
    con.execute(f"attach '{path}' as facts")
    if is_new:
        create_tables(con, "facts")


def build_whole(con: Connection) -> None:
    """Make the facts at once."""
    build_ledger(con)
    build_accounts(con)
    build_context(con)


def measure(con: Connection, name: str, path: Path) -> None:
    """Print the share of the postings that a query for one address reads, and its median time."""
    open_facts(con, path)
    spans = con.execute(
        "select stats.min::bigint, stats.max::bigint, count from pragma_storage_info('facts.postings') "
        "where column_name = 'address_id' and segment_type <> 'VALIDITY'"
    ).fetchall()
    found = con.execute("select address_id from facts.address_stats order by hash(address_id) limit 300").fetchall()
    ids = [row[0] for row in found]
    rows = sum(count for _, _, count in spans)
    read = statistics.mean(sum(count for low, high, count in spans if low <= one <= high) / rows for one in ids)
    times = []
    for one in ids:
        start = time.perf_counter()
        con.execute("select count(*), sum(value_micro_usd) from facts.postings where address_id = $1", [one]).fetchall()
        times.append(time.perf_counter() - start)
    size = path.stat().st_size / rows
    print(f"{name:<12}{rows:>12,} postings {read:7.1%} read {1000 * statistics.median(times):7.2f} ms "
          f"{size:6.1f} bytes a posting", flush=True)  # fmt: skip


def main() -> None:
    """Extend, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--share", type=float, default=0.005)
    options = parser.parse_args()
    economy = WorldSettings(transfers=options.transfers, seed=7, days=choose_days(options.transfers))
    tables, _, coverage = split_economy(economy, 0.0)
    with tempfile.TemporaryDirectory() as folder, open_connection(memory="4GB", threads=2) as con:
        for name in read_tables()["lake"]:
            rows = tables.get(name, coverage if name == "coverage" else lake_schema(name).empty_table())
            con.register("rows", rows)
            con.execute(f"create temp table all_{name} as from rows")
            con.unregister("rows")
        many, whole = Path(folder) / "many.duckdb", Path(folder) / "whole.duckdb"
        show_lake(con, 0, options.days, options.share)
        open_facts(con, many)
        build_whole(con)
        told = describe_ledger(con)
        rows = con.execute("select count(*) from facts.transfers").fetchall()[0][0]
        told |= {"full_rows": told["transfers_rows"], "sorted_rows": str(rows)}
        measure(con, "first", many)
        for day in range(1, options.days + 1):
            show_lake(con, day, options.days, options.share)
            open_facts(con, many)
            start = time.process_time()
            why = extend_facts(con, told, TIMED)
            if why:
                raise SystemExit(f"day {day} was not added: {why}")
            told |= describe_ledger(con)
            print(f"day {day}: {time.process_time() - start:.1f} s CPU", flush=True)
        measure(con, "day by day", many)
        open_facts(con, whole)
        build_whole(con)
        measure(con, "at once", whole)


if __name__ == "__main__":
    main()
