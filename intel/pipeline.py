"""How do the floors work together? Ingest and build, wired here and nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from intel.config import Settings
from intel.entities.attribute import attribute_addresses
from intel.entities.cluster import build_clusters
from intel.entities.entity_days import SPAM_TRANSFER_FLAGS, build_entity_days
from intel.entities.identity import settle_identities
from intel.entities.judgements import apply_judgements, resolve_judgements
from intel.entities.ontology import resolve_labels
from intel.errors import StoreError, UsageError
from intel.etl.accounts import build_accounts
from intel.etl.clean import Staged, stage_rows
from intel.etl.flow_columns import write_flow_columns
from intel.etl.known import limit_judgements, limit_lake
from intel.etl.ledger import build_context, build_ledger
from intel.etl.load import COVERED, load_coverage, load_issues, load_rows
from intel.etl.stage import count_issues, settle_rows
from intel.heuristics import flag_hygiene, gather_evidence, run_on, type_services
from intel.ml.predict import find_model, predict_roles
from intel.ml.roles import name_model
from intel.model import DataIssue, RunReport
from intel.parts import Parts, code_version
from intel.profiler.large_sums_build import build_large_sums
from intel.sources.files import expand_paths, name_unreadable, open_files
from intel.sources.formats import find_layout
from intel.sources.labels import read_labels
from intel.sources.parsed import Parsed, merge_parsed
from intel.sources.prices import read_prices
from intel.sources.tokens import read_assets, read_tokens
from intel.sources.world import WorldSettings, choose_days, generate_world
from intel.store import Connection, name_failures, open_connection
from intel.store.identity_ledger import no_former_members, read_former_members, record_identities
from intel.store.lake import Commit, Lake, LakeRun, lake_schema, lock_file
from intel.store.snapshot import (
    Manifest,
    is_whole,
    name_build,
    open_build,
    prune_builds,
    publish_build,
    republish_build,
)
from intel.store.spark import check_engine
from intel.store.spark_engine import SparkEngine, choose_engine
from intel.store.workspace import CLAIM_COLUMNS, Workspace


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
    """Open a connection with a scratch database `stage` on disk, gone afterwards or, when killed, at the next run."""
    _sweep_stages(settings.store / "tmp")
    folder = settings.store / "tmp" / uuid4().hex[:12]
    with lock_file(folder.with_suffix(".lock"), "this scratch folder is in use"):
        folder.mkdir()
        con = open_connection(memory=settings.memory, threads=settings.threads, spill=folder)
        try:
            with name_failures("the run", "nothing of it was taken"):
                con.execute(f"attach '{_sql_path(folder / 'stage.duckdb')}' as stage")
                yield con
        finally:
            con.close()
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)


def _sweep_stages(scratch: Path) -> None:
    """Remove the scratch folders of runs that were killed: a run that is alive holds its lock."""
    for folder in [path for path in scratch.glob("*") if path.is_dir()]:
        with suppress(StoreError), lock_file(folder.with_suffix(".lock"), "a run is using it"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)


def _sql_path(path: Path) -> str:
    return str(path).replace("'", "''")


def _stage_files(con: Connection, files: Sequence[Path], chain: str | None, dataset: str | None) -> list[Staged]:
    now = datetime.now(UTC).replace(tzinfo=None)
    staged = []
    for raw in open_files(con, files):
        layout = find_layout(list(raw.columns), dataset, str(raw.files[0]))
        with name_unreadable(raw.files):
            for part in (layout, *layout.also):
                table = stage_rows(con, raw, part, chain=chain, now=now, is_part=part is not layout)
                staged += [table] if table else []
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
        declared = [one for table in staged if table.dataset == name for one in table.declared]
        load_coverage(con, run, name, declared)
        run.lake.attach_table(con, "coverage", run.tables.get("coverage"))
    load_issues(run, issues)
    commit = run.commit(rows=sum(rows.values()), bad_rows=bad_rows)
    return RunReport(run.run_id, commit.commit_id, rows, bad_rows, replaced, tuple(issues))


def add_labels(
    settings: Settings, paths: Sequence[str | Path], *, source: str | None = None, private: bool = False
) -> RunReport:
    """Take label and actor files into the lake, or with `private` into the workspace; claims already there stay.

    Raises BadInput for a file that cannot be read; single bad rows are counted.
    """
    with _open_stage(settings) as con:
        now = datetime.now(UTC).replace(tzinfo=None)
        parsed = read_labels(con, paths, source=source, recorded_at=now)
        if private:
            with Workspace(settings.store) as workspace:
                count = workspace.add_labels(parsed.tables["labels"]) if "labels" in parsed.tables else 0
            return RunReport("", "", {"private labels": count}, parsed.bad_rows, 0, parsed.issues)
        return _merge_tables(settings, con, "labels add", parsed)


def retract_labels(
    settings: Settings, *, source: str | None = None, address: str | None = None, purge: bool = False
) -> int:
    """Retract the claims of a source or about an address, private ones too; return how many.

    Retracted claims keep their rows with the date of the retraction; `purge` removes them from the visible lake.
    """
    if source is None and address is None:
        raise UsageError("nothing to retract", "name a source (--source) or an address (--address)")
    now = datetime.now(UTC).replace(tzinfo=None)
    with _open_stage(settings) as con, Lake(settings.store).write("labels retract") as run:
        run.lake.attach(con, run.lake.head())
        who = {"source": source, "address": address}
        hit = "($source is null or source = $source) and ($address is null or address = $address)"
        live = f"{hit} and ($purge or retracted_at is null)"
        count = int(
            con.execute(f"select count(*) from lake_labels where {live}", who | {"purge": purge}).fetchall()[0][0]
        )
        if count:
            kept = f"select * from lake_labels where not $purge or not coalesce({hit}, false)"
            changed = con.sql(
                f"select * replace (case when {hit} then coalesce(retracted_at, $now) else retracted_at end "
                f"as retracted_at) from ({kept})",
                params=who | {"purge": purge, "now": now},
            )
            run.replace("labels", changed.to_arrow_table())
            run.commit(rows=count, bad_rows=0)
    with Workspace(settings.store) as workspace:
        return count + workspace.retract_labels(source=source, address=address)


def add_tokens(settings: Settings, paths: Sequence[str | Path]) -> RunReport:
    """Take token lists into the lake; a contract's newer entry of the same source takes the older one's place."""
    with _open_stage(settings) as con:
        return _merge_tables(settings, con, "tokens add", read_tokens(con, paths))


def add_prices(
    settings: Settings, paths: Sequence[str | Path], *, assets: Sequence[str | Path] | None = None
) -> RunReport:
    """Take daily prices, and the verified map from symbols to contracts, into the lake."""
    with _open_stage(settings) as con:
        parts = [read_prices(con, paths)] if paths else []
        parts += [read_assets(con, assets)] if assets else []
        return _merge_tables(settings, con, "prices add", merge_parsed(parts))


# What makes two rows of these tables the same statement: the newer takes the older one's place.
_IDENTITY = {
    "tokens": ("chain", "token", "source"),
    "assets": ("chain", "token", "source"),
    "prices": ("date", "symbol", "source"),
    "actors": ("slug", "name", "source"),
}


def _merge_tables(settings: Settings, con: Connection, command: str, parsed: Parsed) -> RunReport:
    """Write small tables: labels that are new are appended, others replace what has their identity."""
    bad_rows = parsed.bad_rows
    with Lake(settings.store).write(command) as run:
        run.lake.attach(con, run.lake.head())
        rows: dict[str, int] = {}
        replaced = 0
        for name, told in parsed.tables.items():
            keys = CLAIM_COLUMNS if name == "labels" else _IDENTITY[name]
            table = _keep_last(con, told, keys)
            con.register("new_rows", table)
            same = " and ".join(f"o.{key} is not distinct from n.{key}" for key in keys)
            if name == "labels":
                fresh = con.sql(f"from new_rows n where not exists (from lake_labels o where {same} "
                                "and o.retracted_at is null)").to_arrow_table()  # fmt: skip
                rows[name] = fresh.num_rows
                if fresh.num_rows:
                    run.append(name, fresh)
            else:
                kept = con.sql(f"from lake_{name} o where not exists (from new_rows n where {same})").to_arrow_table()
                replaced += int(con.execute(f"select count(*) from lake_{name}").fetchall()[0][0]) - kept.num_rows
                schema = lake_schema(name)
                run.replace(name, pa.concat_tables([kept.cast(schema), table.cast(schema)]))
                rows[name] = table.num_rows
            con.unregister("new_rows")
        load_issues(run, parsed.issues)
        commit = run.commit(rows=sum(rows.values()), bad_rows=bad_rows)
    return RunReport(run.run_id, commit.commit_id, rows, bad_rows, replaced, parsed.issues)


def _keep_last(con: Connection, table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return the table with the last row of each key: several files of one run may tell the same."""
    con.register("told_rows", table.append_column("told_at", pa.array(range(table.num_rows))))
    kept = con.sql(
        f"select * exclude (told_at) from told_rows qualify row_number() over (partition by {', '.join(keys)} "
        "order by told_at desc) = 1 order by told_at"
    ).to_arrow_table()
    con.unregister("told_rows")
    return kept


def build(
    settings: Settings, *, with_ml: bool = True, full: bool = False, known_before: datetime | None = None
) -> Manifest:
    """Make a new snapshot of the lake and the workspace and publish it; return its manifest.

    A build whose inputs equal an existing one's is made current as it is, unless that is damaged, or `full`. Readers
    keep their build until they open a new one. Heuristics that failed are named in the manifest's reports. With
    `known_before` (UTC) the build knows only labels recorded and blocks mined before that moment; it is pinned, and
    never becomes current.
    """
    check_engine(settings.engine)
    lake = Lake(settings.store)
    commit = lake.source_head()
    if commit is None:
        raise StoreError(
            f"the store {settings.store} holds no data yet", "run `intel demo` or `intel ingest files ...`"
        )
    with Workspace(settings.store) as workspace:
        revision = workspace.revision()  # first: a label added in between only makes the next build a new one
        private, judgements = workspace.labels(), workspace.judgements()
    record_identities(settings.store)  # of a build that was killed before it could
    path = find_model(settings.store) if with_ml else None
    options = {"ml": str(with_ml)} | ({"known_before": known_before.isoformat()} if known_before else {})
    options |= {"model": name_model(path)} if path else {}
    build_id = name_build(commit.commit_id, str(revision), code_version(), options)
    if not full and is_whole(settings.store, build_id):
        return republish_build(settings.store, build_id, is_current=known_before is None)
    with (
        name_failures("the build", "the build of before stays current"),
        open_build(settings.store, build_id, memory=settings.memory, threads=settings.threads) as work,
        choose_engine(settings, work) as engine,
    ):
        _attach_inputs(work.con, lake, commit, private)
        if known_before is None:
            work.con.register("former_members", read_former_members(settings.store))
        else:
            limit_lake(work.con, known_before)
            judgements = limit_judgements(judgements, known_before)
        given = {key: value for key, value in options.items() if key not in ("ml", "model")}
        given |= {"code": code_version()}
        parts = Parts(lake, commit, work, given, full=full)
        parts.make("facts", _lay_facts)
        parts.make("hygiene", lambda con: run_on(engine, con, flag_hygiene))
        parts.make("labels", lambda con: _read_labels(con, engine))
        told = parts.make("evidence", lambda con: run_on(engine, con, gather_evidence))
        resolve_judgements(work.con, judgements, revision)
        _form_beliefs(work.con, build_id)
        _drop_scratch(work.con)
        if with_ml:  # nothing rests on it
            model = {"model": options.get("model", "")}
            told += parts.make("roles", lambda con: [predict_roles(con, path, engine)], **model)
        # Last: it needs least scratch, and its files are the second largest of a build.
        parts.make("flows", lambda con: write_flow_columns(con, work.folder, SPAM_TRANSFER_FLAGS))
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        manifest = Manifest(
            build_id, created, commit.commit_id, str(revision), code_version(), options, tuple(told),
            parts=parts.records,
        )  # fmt: skip
        finished = publish_build(settings.store, work, manifest, is_current=known_before is None)
    record_identities(settings.store)
    prune_builds(settings.store)
    return finished


def _attach_inputs(con: Connection, lake: Lake, commit: Commit, private: pa.Table) -> None:
    """Attach what the sources said as of `commit`, private labels, and the newest identity ledger."""
    lake.attach(con, commit)
    head = lake.head()
    lake.attach_table(con, "identity", head.tables.get("identity") if head else None)
    con.register("private_rows", private)
    con.execute("create or replace temp table lake_private_labels as from private_rows")
    con.unregister("private_rows")
    con.register("former_members", no_former_members())


def _lay_facts(con: Connection) -> None:
    build_ledger(con)
    build_accounts(con)
    build_context(con)


def _read_labels(con: Connection, engine: Connection | SparkEngine) -> None:
    """Say whom the labels name, and which addresses serve many."""
    con.execute(
        "create or replace temp view labels_in as "
        "select *, 'public' as visibility from lake_labels where retracted_at is null "
        "union all by name select *, 'private' as visibility from lake_private_labels where retracted_at is null"
    )
    con.execute("create or replace temp view actors_in as from lake_actors")
    resolve_labels(con)
    run_on(engine, con, type_services)
    con.execute("drop view labels_in")


def _form_beliefs(con: Connection, build_id: str) -> None:
    """Say who is who: all that judgements and the builds of before go into."""
    build_clusters(con)
    settle_identities(con, build_id)
    attribute_addresses(con)
    apply_judgements(con)
    build_entity_days(con)
    build_large_sums(con)
    con.unregister("former_members")


def _drop_scratch(con: Connection) -> None:
    """Drop what the steps so far left beside their tables: one row of it, spilled, keeps all of the spill on disk.

    The figures of roles spill most, and the flow columns come after them: there the disk is fullest.
    """
    left = "select table_name from duckdb_tables() where temporary and not starts_with(table_name, 'lake_')"
    for (name,) in con.execute(left).fetchall():
        con.execute(f'drop table "{name}"')


_WORLD = ("transfers", "transactions", "blocks", "events", "tokens", "prices", "assets", "labels", "actors")


def make_demo(settings: Settings, *, transfers: int = 200_000, preset: str = "default", seed: int = 7) -> Manifest:
    """Fill an empty store with the simulated economy and build it; its truth goes to STORE.truth, never inside."""
    if Lake(settings.store).head() is not None:
        raise StoreError(f"the store {settings.store} already holds data", "name another with --store, or remove it")
    world = generate_world(WorldSettings(transfers=transfers, preset=preset, seed=seed, days=choose_days(transfers)))
    truth = settings.store.with_name(settings.store.name + ".truth")
    truth.mkdir(parents=True, exist_ok=True)
    for name, table in world.truth.items():
        pq.write_table(table, truth / f"{name}.parquet")
    with Lake(settings.store).write(f"demo --transfers {transfers} --preset {preset} --seed {seed}") as run:
        for name in _WORLD:
            run.append(name, pa.RecordBatchReader.from_batches(lake_schema(name), world.batches(name)))
        seen = [asdict(one) for one in world.coverage if one.dataset in COVERED]
        run.replace("coverage", pa.Table.from_pylist(seen, schema=lake_schema("coverage")))
        run.commit(rows=world.rows, bad_rows=0)
    with Workspace(settings.store) as workspace:
        workspace.add_labels(world.private_labels)
    return build(settings)
