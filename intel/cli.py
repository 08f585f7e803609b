"""How does one ask on the command line? Parses, calls, prints: stdout is the result, stderr the talk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer
from rich.console import RenderableType

from intel import cli_options as o
from intel.config import Settings, read_settings
from intel.errors import BadInput, IntelError, StoreError
from intel.model import RunReport
from intel.talk import Talk, format_json, make_console, write_page

if TYPE_CHECKING:
    from intel.profiler.database import Database

app = typer.Typer(
    name="intel", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Who is behind this address? Open, self-hosted blockchain attribution with the evidence shown.",
)  # fmt: skip


def _add_group(name: str, text: str) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=text)
    app.add_typer(group, name=name)
    return group


ingest = _add_group("ingest", "Take ledger data into the lake.")
labels = _add_group("labels", "Take in, or take back, what sources say about addresses.")
tokens = _add_group("tokens", "Take in token lists.")
prices = _add_group("prices", "Take in daily prices.")
export = _add_group("export", "Write what was concluded to files.")
snapshots = _add_group("snapshots", "List, pin and remove builds.")
datasets = _add_group("datasets", "List and fetch known public data sets.")


def _settle(store: Path | None, **more: Any) -> Settings:
    settings = read_settings()
    return replace(settings, store=store or settings.store, **{k: v for k, v in more.items() if v is not None})


def _open(store: Path | None) -> closing[Database]:
    from intel.profiler.database import open_database

    return closing(open_database(_settle(store).store))


def _show(page: RenderableType) -> None:
    write_page(page, sys.stdout)


def _show_json(document: object) -> None:
    sys.stdout.write(format_json(document) + "\n")


def _report(report: RunReport, *, strict: bool) -> None:
    from intel.render import render_report

    _show(render_report(report))
    if strict and report.bad_rows:
        raise BadInput(
            f"{report.bad_rows:,} rows were not taken", "see `intel export table issues`; the good rows are kept"
        )


# --------------------------------------------------------------------------------------------- data in


@ingest.command("files")
def ingest_files(
    paths: o.Paths, chain: o.Chain = None, dataset: o.Kind = None, dry_run: o.DryRun = False, strict: o.Strict = False,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Take Parquet, CSV and JSONL files in our own, cryo's, ethereum-etl's and BigQuery's columns into the lake."""
    from intel import pipeline

    with Talk(progress).step("dry run" if dry_run else "ingest"):
        report = pipeline.ingest_files(_settle(store), paths, chain=chain, dataset=dataset, dry_run=dry_run)
    _report(report, strict=strict)


@labels.command("add")
def add_labels(
    paths: o.Paths, source: o.Source = None, private: o.Private = False, strict: o.Strict = False,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Take labels in: Parquet, CSV, TagPack YAML, files or folders."""
    from intel import pipeline

    with Talk(progress).step("labels"):
        report = pipeline.add_labels(_settle(store), paths, source=source, private=private)
    _report(report, strict=strict)


@labels.command("retract")
def retract_labels(
    source: o.Source = None, address: o.OfAddress = None, purge: o.Purge = False, store: o.Store = None
) -> None:
    """Take labels back; the next build forgets them."""
    from intel import pipeline

    count = pipeline.retract_labels(_settle(store), source=source, address=address, purge=purge)
    _show(f"{count:,} labels {'removed' if purge else 'retracted'}")


@tokens.command("add")
def add_tokens(paths: o.Paths, strict: o.Strict = False, progress: o.Progress = "plain", store: o.Store = None) -> None:
    """Take token lists in: contract, symbol, decimals."""
    from intel import pipeline

    with Talk(progress).step("tokens"):
        report = pipeline.add_tokens(_settle(store), paths)
    _report(report, strict=strict)


@prices.command("add")
def add_prices(
    paths: o.Paths, assets: o.Assets = None, strict: o.Strict = False, progress: o.Progress = "plain",
    store: o.Store = None,
) -> None:  # fmt: skip
    """Take daily prices in: date, symbol, usd."""
    from intel import pipeline

    with Talk(progress).step("prices"):
        report = pipeline.add_prices(_settle(store), paths, assets=assets)
    _report(report, strict=strict)


@app.command()
def build(
    ml: o.Ml = True, full: o.Full = False, memory: o.Memory = None, keep_going: o.KeepGoing = False,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Make a new snapshot from the lake and the workspace, and make it current."""
    from intel import pipeline
    from intel.render import render_build

    with Talk(progress).step("build"):
        manifest = pipeline.build(_settle(store, memory=memory), with_ml=ml, full=full)
    _show(render_build(manifest.build_id, manifest.reports))
    failed = [str(report["name"]) for report in manifest.reports if report["failed"]]
    if failed and not keep_going:
        hint = "the build stands without them; the table above says why, --keep-going accepts it"
        raise StoreError(f"{len(failed)} heuristics failed: {', '.join(failed)}", hint)


# --------------------------------------------------------------------------------------------- the demo


@app.command()
def demo(
    transfers: o.Size = 200_000, preset: o.Preset = "default", seed: o.Seed = 7, serve: o.App = True,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Simulate an economy, build its store, and serve the app on it."""
    from intel.demo import prepare_store, serve_app

    settings, talk = _settle(store), Talk(progress)
    with talk.step("store of the simulated economy"):
        prepare_store(settings, transfers=transfers, preset=preset, seed=seed)
    if serve:
        serve_app(settings, lambda url: talk.say(f"the app: {url} (stop it with Ctrl-C)", url=url))
    from intel.profiler.largest import list_largest
    from intel.render import render_profile

    with talk.step("profile"), _open(settings.store) as db:
        exchange = list_largest(db.reader, "exchange", limit=1)[0][0]
        _show(render_profile(db.profile(exchange)))
    talk.say(f"more: intel profile {exchange} --store {settings.store}, or intel demo --app")


# --------------------------------------------------------------------------------------------- questions


@app.command()
def profile(
    subject: o.Subject, since: o.Since = None, until: o.Until = None, tier: o.Tier = "confirmed", json: o.Json = False,
    store: o.Store = None,
) -> None:  # fmt: skip
    """Show who is behind an address or what an entity is, what it holds, with whom it deals, and why we say so."""
    from intel.profiler.profile import to_json
    from intel.render import render_profile

    with _open(store) as db:
        found = db.profile(subject, since=since, until=until, tier=tier)
    if json:
        _show_json(to_json(found))
    else:
        _show(render_profile(found))


@app.command()
def transfers(
    subject: o.Subject, counterparty: o.Counterparty = None, token: o.Token = None, direction: o.Direction = None,
    min_usd: o.MinUsd = None, since: o.Since = None, until: o.Until = None, tier: o.Tier = "confirmed",
    limit: o.Limit = 50, out: o.AllOut = None, json: o.Json = False, store: o.Store = None,
) -> None:  # fmt: skip
    """List the transfers of an address or an entity."""
    from intel.export.files import check_ending, write_batches
    from intel.profiler.postings import parse_window
    from intel.profiler.subjects import resolve_subject
    from intel.profiler.transfers import TransferFilter, read_page, stream_transfers
    from intel.render import render_transfers

    if out is not None:
        check_ending(out)
    wanted = TransferFilter(counterparty, token, direction, min_usd, window=parse_window(since, until))
    with _open(store) as db:
        found = resolve_subject(db.reader, subject, tier)
        if out is not None:
            schema = read_page(db.reader, found, wanted, limit=1).rows.schema
            written = write_batches(out, schema, stream_transfers(db.reader, found, wanted, amounts="text"))
            Talk().say(f"{written:,} transfers written to {out}")
            return
        page = read_page(db.reader, found, wanted, limit=limit, newest_first=True)
    rows = page.rows.to_pylist()
    if json:
        _show_json({"subject": found.name, "transfers": rows, "more": page.next_key is not None, "build": db.build_id})
        return
    is_wide = not make_console(sys.stdout).is_terminal
    _show(render_transfers(rows, shows_member=found.kind == "entity", is_wide=is_wide))
    more = "; there are more: --limit N, or --out FILE for all" if page.next_key else ""
    Talk().say(f"{len(rows):,} transfers shown, newest first{more}")


@app.command()
def attribute(
    file: o.AddressFile, out: o.Out, columns: o.Columns = None, address_column: o.AddressColumn = None,
    tier: o.Tier = "probable", strict: o.NoJunk = False, progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Say who is behind each address of a list: one row per input, in its order."""
    from intel.export.files import check_ending, write_batches
    from intel.profiler.batch import attribute_file, describe_answer, parse_columns

    check_ending(out)
    talk, names = Talk(progress), parse_columns(columns)
    with talk.step("attribute"), _open(store) as db:
        chunks = attribute_file(
            db.reader, file, names, address_column=address_column, tier=tier, strict=strict, tell=talk.count
        )
        rows = write_batches(out, describe_answer(db.reader, names), chunks)
    talk.say(f"{rows:,} rows written to {out}", rows=rows)


@app.command()
def explain(left: o.Subject, right: o.Subject, json: o.Json = False, store: o.Store = None) -> None:
    """Show why two addresses, or an address and an entity, are linked, or what keeps them apart."""
    from intel.render import render_explanation

    with _open(store) as db:
        found = db.explain(left, right)
    if json:
        _show_json(found)
    else:
        _show(render_explanation(found))


@export.command("table")
def export_table(name: o.Table, out: o.Out, include_private: o.IncludePrivate = False, store: o.Store = None) -> None:
    """Write one table of the current build to a file, whole and in a fixed order."""
    from intel.export import files

    rows = files.export_table(_settle(store).store, name, out, include_private=include_private)
    Talk().say(f"{rows:,} rows of {name} written to {out}")


# --------------------------------------------------------------------------------------------- housekeeping


@snapshots.command("list")
def list_snapshots(json: o.Json = False, store: o.Store = None) -> None:
    """List the finished builds, oldest first."""
    from intel.doctor import describe_builds
    from intel.render import render_builds

    builds = describe_builds(_settle(store).store)
    if json:
        _show_json({"builds": builds})
    else:
        _show(render_builds(builds))


@snapshots.command("pin")
def pin_snapshot(build_id: o.Build, store: o.Store = None) -> None:
    """Keep a build for good."""
    from intel.store.snapshot import pin_build

    pin_build(_settle(store).store, build_id)
    _show(f"{build_id} is pinned")


@snapshots.command("unpin")
def unpin_snapshot(build_id: o.Build, store: o.Store = None) -> None:
    """Let a pinned build be removed again."""
    from intel.store.snapshot import pin_build

    pin_build(_settle(store).store, build_id, pinned=False)
    _show(f"{build_id} is not pinned")


@snapshots.command("prune")
def prune_snapshots(keep: o.Keep = 2, store: o.Store = None) -> None:
    """Remove old builds, never the current one or a pinned one."""
    from intel.store.snapshot import prune_builds

    removed = prune_builds(_settle(store).store, keep)
    _show("\n".join([f"{len(removed)} builds removed", *removed]))


@app.command()
def coverage(json: o.Json = False, store: o.Store = None) -> None:
    """Show which blocks were seen, per chain and kind, with holes, times and sources."""
    from intel.profiler.coverage import describe_coverage, list_chains_seen
    from intel.render import render_coverage

    with _open(store) as db:
        chains = list_chains_seen(db.reader)
        document = {**describe_coverage(db.reader, chains), "build": db.build_id}
    if json:
        _show_json(document)
    else:
        _show(render_coverage(document))


@app.command()
def doctor(json: o.Json = False, store: o.Store = None) -> None:
    """Look over this machine and the store; exit with 1 where something is broken."""
    from intel.doctor import examine
    from intel.render import render_examination

    found = examine(_settle(store))
    if json:
        _show_json(found)
    else:
        _show(render_examination(found))
    if any(problem["severity"] == "error" for problem in found["problems"]):
        raise typer.Exit(1)


@datasets.command("list")
def list_datasets(json: o.Json = False, store: o.Store = None) -> None:
    """List the known public data sets, and which of them are in STORE/datasets."""
    from intel.render import render_datasets
    from intel.sources import datasets as registry

    folder = _settle(store).store / "datasets"
    known = [{**asdict(item), "is_here": (folder / item.path).is_file()} for item in registry.list_datasets()]
    if json:
        _show_json({"datasets": known})
    else:
        _show(render_datasets(known))


@datasets.command("pull")
def pull_dataset(name: o.Dataset, to: o.Folder = None, progress: o.Progress = "plain", store: o.Store = None) -> None:
    """Fetch a data set, check its checksum and print where it lies; INTEL_DATA_MIRROR names a local copy."""
    from intel.sources import datasets as registry

    settings = _settle(store)
    with Talk(progress).step(f"pull {name}"):
        path = registry.pull_dataset(name, to or settings.store / "datasets", settings.data_mirror)
    sys.stdout.write(f"{path}\n")


# --------------------------------------------------------------------------------------------- the end of it


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with 0 ok, 1 failed or 2 usage, never with a traceback."""
    try:
        if not read_settings().shows_tracebacks:
            sys.excepthook = _confess
        typer.main.get_command(app)(arguments, prog_name="intel")
    except IntelError as error:
        Talk().complain(error)
        sys.exit(error.exit_code)
    except OSError as error:
        fault = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        Talk().complain(StoreError(fault, "check the path, its permissions and the free disk space"))
        sys.exit(1)


def _confess(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    text = f"this should not happen: {kind.__name__}: {error}"
    Talk().complain(StoreError(text, "set INTEL_DEBUG=1 for the traceback, and please report it"))
