"""How does data come in by command, and how is a build made of it?"""

from __future__ import annotations

from intel import cli_options as o
from intel.cli_app import add_group, app, settle, show
from intel.errors import BadInput, StoreError
from intel.model import RunReport
from intel.talk import Talk

ingest = add_group("ingest", "Take ledger data into the lake.")
labels = add_group("labels", "Take in, or take back, what sources say about addresses.")
tokens = add_group("tokens", "Take in token lists.")
prices = add_group("prices", "Take in daily prices.")


def _report(report: RunReport, *, strict: bool) -> None:
    from intel.render import render_report

    show(render_report(report))
    if strict and report.bad_rows:
        raise BadInput(
            f"{report.bad_rows:,} rows were not taken", "see `intel export table issues`; the good rows are kept"
        )


@ingest.command("files")
def ingest_files(
    paths: o.Paths, chain: o.Chain = None, dataset: o.Kind = None, dry_run: o.DryRun = False, strict: o.Strict = False,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Take Parquet, CSV and JSONL files in our own, cryo's, ethereum-etl's and BigQuery's columns into the lake."""
    from intel import pipeline

    with Talk(progress).step("dry run" if dry_run else "ingest"):
        report = pipeline.ingest_files(settle(store), paths, chain=chain, dataset=dataset, dry_run=dry_run)
    _report(report, strict=strict)


@labels.command("add")
def add_labels(
    paths: o.Paths, source: o.Source = None, private: o.Private = False, strict: o.Strict = False,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Take labels in: Parquet, CSV, TagPack YAML, files or folders."""
    from intel import pipeline

    with Talk(progress).step("labels"):
        report = pipeline.add_labels(settle(store), paths, source=source, private=private)
    _report(report, strict=strict)


@labels.command("retract")
def retract_labels(
    source: o.Source = None, address: o.OfAddress = None, purge: o.Purge = False, store: o.Store = None
) -> None:
    """Take labels back; the next build forgets them."""
    from intel import pipeline

    count = pipeline.retract_labels(settle(store), source=source, address=address, purge=purge)
    show(f"{count:,} labels {'removed' if purge else 'retracted'}")


@tokens.command("add")
def add_tokens(paths: o.Paths, strict: o.Strict = False, progress: o.Progress = "plain", store: o.Store = None) -> None:
    """Take token lists in: contract, symbol, decimals."""
    from intel import pipeline

    with Talk(progress).step("tokens"):
        report = pipeline.add_tokens(settle(store), paths)
    _report(report, strict=strict)


@prices.command("add")
def add_prices(
    paths: o.Paths, assets: o.Assets = None, strict: o.Strict = False, progress: o.Progress = "plain",
    store: o.Store = None,
) -> None:  # fmt: skip
    """Take daily prices in: date, symbol, usd."""
    from intel import pipeline

    with Talk(progress).step("prices"):
        report = pipeline.add_prices(settle(store), paths, assets=assets)
    _report(report, strict=strict)


@app.command()
def build(
    ml: o.Ml = True, full: o.Full = False, as_known_on: o.AsKnownOn = None, memory: o.Memory = None,
    engine: o.Engine = None, keep_going: o.KeepGoing = False, progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Make a new snapshot from lake and workspace, and make it current; one of a past date is pinned instead."""
    from intel import pipeline
    from intel.profiler.postings import parse_window
    from intel.render_build import render_build

    before = parse_window(until=as_known_on).until

    with Talk(progress).step("build"):
        manifest = pipeline.build(
            settle(store, memory=memory, engine=engine), with_ml=ml, full=full, known_before=before
        )
    show(render_build(manifest.build_id, manifest.reports, manifest.parts))
    failed = [str(report["name"]) for report in manifest.reports if report["failed"]]
    if failed and not keep_going:
        hint = "the build stands without them; the table above says why, --keep-going accepts it"
        raise StoreError(f"{len(failed)} heuristics failed: {', '.join(failed)}", hint)
