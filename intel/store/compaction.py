"""How does a lake stay quick when a chain is followed for months: fewer and larger files, and none that nobody needs?

Every commit leaves a small file in most tables and a line in their logs. Compaction writes the rows of small files
into large ones. What was superseded stays for some time, because a build or a query that runs may still read it;
builds that are finished, pinned ones too, hold all they need themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from intel.store.lake import COMPACT_COMMAND, PATIENCE, WRITER, Commit, Lake, name_failures

KEPT_HOURS = 24  # longer than any build runs
DUE_AFTER = 200  # commits
_TARGET_BYTES = 64_000_000  # larger files stay as they are, so that no row is written anew again and again


@dataclass(frozen=True, slots=True)
class Compaction:
    """What became of a lake: files of its newest state before and after, old files removed from disk."""

    files_before: int
    files_after: int
    files_removed: int
    commit: Commit | None  # None: the lake is empty


def is_compaction_due(lake: Lake, after: int = DUE_AFTER) -> bool:
    """Say whether so many commits have been made since the last compaction."""
    newest = lake.commits()[-after:]
    return len(newest) == after and all(commit.command != COMPACT_COMMAND for commit in newest)


def compact_lake(lake: Lake, *, kept_hours: int = KEPT_HOURS, patience: float = PATIENCE) -> Compaction:
    """Put the rows of small files into large ones, and remove files that nothing has named for `kept_hours`.

    No row changes, and no build is outdated by it. Killed at any moment it leaves the lake as it was. Raises StoreBusy
    where another command writes for longer than `patience` seconds.
    """
    with lake.write(COMPACT_COMMAND, patience=patience) as run:
        tables = [*sorted(run.tables), "commits"]
        if lake.head() is None:
            return Compaction(0, 0, 0, None)
        before = sum(len(lake.opened.list_files(table)) for table in tables)
        removed = 0
        for table in tables:
            version, gone = _compact_table(lake, table, kept_hours)
            removed += gone
            run.tables |= {table: version} if table != "commits" else {}
        commit = run.commit(rows=0, bad_rows=0)
        for table in tables:
            _tidy_log(lake, table)
        return Compaction(before, sum(len(lake.opened.list_files(table)) for table in tables), removed, commit)


def _compact_table(lake: Lake, table: str, kept_hours: int) -> tuple[int, int]:
    """Rewrite one table; return its version then, and how many files were removed."""
    delta = lake.opened.open_newest(table)
    with name_failures(table):
        delta.optimize.compact(target_size=_TARGET_BYTES, max_concurrent_tasks=1, writer_properties=WRITER)
        gone = delta.vacuum(kept_hours, dry_run=False, enforce_retention_duration=False, full=True)
    return lake.opened.keep(table, delta).version(), len(gone)


def _tidy_log(lake: Lake, table: str) -> None:
    """Forget versions of a table that were superseded a day ago; the newest commit's must never be one of them."""
    delta = lake.opened.open_newest(table)
    with name_failures(table):
        delta.create_checkpoint()
        delta.cleanup_metadata()
    lake.opened.keep(table, lake.opened.open(table))  # from the checkpoint: what stays open grows with each commit
