"""How do the floors work together? Ingest and build, wired here and nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from intel import __version__
from intel.config import Settings
from intel.errors import BadInput, StoreError
from intel.etl.accounts import build_accounts
from intel.etl.clean import Staged, stage_rows
from intel.etl.ledger import build_context, build_ledger
from intel.etl.load import load_coverage, load_issues, load_rows
from intel.etl.stage import count_issues, settle_rows
from intel.model import DataIssue, RunReport
from intel.sources.files import expand_paths, open_files
from intel.sources.formats import find_layout
from intel.store import Connection, ReadError, open_connection
from intel.store.lake import Lake, LakeRun
from intel.store.snapshot import (
    Manifest,
    list_builds,
    name_build,
    open_build,
    prune_builds,
    publish_build,
    republish_build,
)


def ingest_files(
    settings: Settings,
    paths: Sequence[str | Path],
    *,
    chain: str | None = None,
    dataset: str | None = None,
    dry_run: bool = False,
) -> RunReport:
    """Take ledger files into the lake; all of them become visible together, or none.

    `chain` is for files without a chain column; `dataset` names their kind where the columns alone do not tell.
    With `dry_run` everything is read and checked and nothing is written.
    """
    files = expand_paths(paths)
    with _open_stage(settings) as con:
        staged = _stage_files(con, files, chain, dataset)
        issues = [issue for table in staged for issue in count_issues(con, table)]
        bad_rows = sum(issue.rows for issue in issues if not issue.kept)
        if dry_run:
            rows = {t: _count_good(con, t) for t in dict.fromkeys(table.dataset for table in staged)}
            return RunReport("", "", rows, bad_rows, issues=tuple(issues))
        with Lake(settings.store).write("ingest files") as run:
            return _load_staged(con, run, staged, issues, bad_rows)


@contextmanager
def _open_stage(settings: Settings) -> Iterator[Connection]:
    """Open a connection with a scratch database `stage` on disk, gone afterwards whatever happens."""
    folder = settings.store / "tmp" / uuid4().hex[:12]
    folder.mkdir(parents=True)
    con = open_connection(memory=settings.memory, threads=settings.threads, spill=folder)
    try:
        con.execute(f"attach '{_sql_path(folder / 'stage.duckdb')}' as stage")
        yield con
    finally:
        con.close()
        shutil.rmtree(folder, ignore_errors=True)


def _sql_path(path: Path) -> str:
    return str(path).replace("'", "''")


def _stage_files(con: Connection, files: Sequence[Path], chain: str | None, dataset: str | None) -> list[Staged]:
    now = datetime.now(UTC).replace(tzinfo=None)
    staged = []
    for raw in open_files(con, files):
        layout = find_layout(list(raw.columns), dataset, str(raw.files[0]))
        try:
            staged.append(stage_rows(con, raw, layout, chain=chain, now=now))
        except ReadError as error:
            names = ", ".join(str(path) for path in raw.files[:3])
            first = str(error).splitlines()[0]
            hint = "the file may be damaged; nothing of this run was taken, leave it out and run again"
            raise BadInput(f"{names} cannot be read to the end: {first}", hint) from error
    for name in dict.fromkeys(table.dataset for table in staged):
        settle_rows(con, [table for table in staged if table.dataset == name])
    return staged


def _count_good(con: Connection, dataset: str) -> int:
    return int(con.execute(f"select count(*) from staged_{dataset} where issue is null").fetchall()[0][0])


def _load_staged(
    con: Connection, run: LakeRun, staged: list[Staged], issues: list[DataIssue], bad_rows: int
) -> RunReport:
    run.lake.attach(con, run.lake.head())
    rows: dict[str, int] = {}
    replaced = 0
    for name in dict.fromkeys(table.dataset for table in staged):
        rows[name], old = load_rows(con, run, name)
        replaced += old
        load_coverage(con, run, name)
        run.lake.attach_table(con, "coverage", run.tables.get("coverage"))
    load_issues(run, issues)
    commit = run.commit(rows=sum(rows.values()), bad_rows=bad_rows)
    return RunReport(run.run_id, commit.commit_id, rows, bad_rows, replaced, tuple(issues))


def build(settings: Settings, *, with_ml: bool = True, full: bool = False) -> Manifest:
    """Make a new snapshot of the lake and the workspace and publish it; return its manifest.

    A build whose inputs equal the current one's is returned as it is unless `full`. Readers keep their build.
    """
    lake = Lake(settings.store)
    commit = lake.head()
    if commit is None:
        raise StoreError(
            f"the store {settings.store} holds no data yet", "run `intel demo`, or `intel ingest files ...`"
        )
    options = {"ml": str(with_ml)}
    build_id = name_build(commit.commit_id, "", __version__, options)
    if not full and build_id in {m.build_id for m in list_builds(settings.store)}:
        return republish_build(settings.store, build_id)
    with open_build(settings.store, build_id, memory=settings.memory, threads=settings.threads) as work:
        lake.attach(work.con, commit)
        build_ledger(work.con)
        build_accounts(work.con)
        build_context(work.con)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(build_id, created, commit.commit_id, "", __version__, options, ())
        finished = publish_build(settings.store, work, manifest)
    prune_builds(settings.store)
    return finished
