"""How does one ask on the command line? Parses, calls, prints: stdout is the result, stderr the talk."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import typer

from intel import (
    cli_data,  # noqa: F401 (its commands come with it)
    cli_evaluate,  # noqa: F401
    cli_export,  # noqa: F401
    cli_judge,  # noqa: F401
    cli_trace,  # noqa: F401
)
from intel import cli_options as o
from intel.cli_app import add_group, app, find_build, open_store, settle, show, show_json
from intel.cli_rpc import verify_coverage
from intel.config import read_settings
from intel.errors import IntelError, StoreError
from intel.talk import Talk, make_console

snapshots = add_group("snapshots", "List, pin and remove builds.")
datasets = add_group("datasets", "List and fetch known public data sets.")
workspace = add_group("workspace", "Keep what people said safe, and in step with this version.")


# --------------------------------------------------------------------------------------------- the demo


@app.command()
def demo(
    transfers: o.Size = 200_000, preset: o.Preset = "default", seed: o.Seed = 7, serve: o.App = True,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Simulate an economy, build its store, and serve the app on it."""
    from intel.demo import prepare_store, serve_app

    settings, talk = settle(store), Talk(progress)
    with talk.step("store of the simulated economy"):
        prepare_store(settings, transfers=transfers, preset=preset, seed=seed)
    if serve:
        serve_app(settings, lambda url: talk.say(f"the app: {url} (stop it with Ctrl-C)", url=url))
    from intel.profiler.largest import list_largest
    from intel.render import render_profile
    from intel.render_pnl import render_pnl

    with talk.step("profile"), open_store(settings.store) as db:
        exchange = list_largest(db.reader, "exchange", limit=1)[0][0]
        found = db.profile(exchange)
        show(render_profile(found, render_pnl(found.pnl)))
    talk.say(f"more: intel profile {exchange} --store {settings.store}, or intel demo --app")


# --------------------------------------------------------------------------------------------- questions


@app.command()
def profile(
    subject: o.Subject, since: o.Since = None, until: o.Until = None, tier: o.Tier = "confirmed",
    method: o.Method = "average", as_known_on: o.AsKnownOn = None, json: o.Json = False, store: o.Store = None,
) -> None:  # fmt: skip
    """Show who is behind an address or what an entity is, what it holds, with whom it deals, and why we say so."""
    from intel.profiler.profile import to_json
    from intel.render import render_profile
    from intel.render_pnl import render_pnl

    with open_store(store, as_known_on) as db:
        found = db.profile(subject, since=since, until=until, tier=tier, method=method)
    if json:
        show_json(to_json(found))
    else:
        show(render_profile(found, render_pnl(found.pnl)))


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
    with open_store(store) as db:
        found = resolve_subject(db.reader, subject, tier)
        if out is not None:
            schema = read_page(db.reader, found, wanted, limit=1).rows.schema
            written = write_batches(out, schema, stream_transfers(db.reader, found, wanted, amounts="text"))
            Talk().say(f"{written:,} transfers written to {out}")
            return
        page = read_page(db.reader, found, wanted, limit=limit, newest_first=True)
    rows = page.rows.to_pylist()
    if json:
        show_json({"subject": found.name, "transfers": rows, "more": page.next_key is not None, "build": db.build_id})
        return
    is_wide = not make_console(sys.stdout).is_terminal
    show(render_transfers(rows, shows_member=found.kind == "entity", is_wide=is_wide))
    more = "; there are more: --limit N, or --out FILE for all" if page.next_key else ""
    Talk().say(f"{len(rows):,} transfers shown, newest first{more}")


@app.command()
def attribute(
    file: o.AddressFile, out: o.Out, columns: o.Columns = None, address_column: o.AddressColumn = None,
    tier: o.Tier = "probable", as_known_on: o.AsKnownOn = None, public_only: o.PublicOnly = False,
    resume: o.Resume = False, strict: o.NoJunk = False, progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Say who is behind each address of a list: one row per input, in its order."""
    from intel.labelling import label_file
    from intel.profiler.batch import BatchOrder, parse_columns

    talk, names = Talk(progress), parse_columns(columns)
    order = BatchOrder(names, address_column, tier, with_private=not public_only, is_strict=strict)
    with talk.step("attribute"), talk.bar("addresses") as tell:
        build, counts = label_file(
            settle(store).store, file, out, order, build_id=find_build(store, as_known_on), resume=resume, tell=tell
        )
    told = ", ".join(f"{count:,} {status}" for status, count in counts.items()) or "the list is empty"
    rows = sum(counts.values())
    talk.say(f"{rows:,} rows written to {out}: {told} (build {build})", rows=rows, statuses=counts, build=build)


# --------------------------------------------------------------------------------------------- housekeeping


@snapshots.command("list")
def list_snapshots(json: o.Json = False, store: o.Store = None) -> None:
    """List the finished builds, oldest first."""
    from intel.doctor import describe_builds
    from intel.render import render_builds

    builds = describe_builds(settle(store).store)
    if json:
        show_json({"builds": builds})
    else:
        show(render_builds(builds))


@snapshots.command("pin")
def pin_snapshot(build_id: o.Build, store: o.Store = None) -> None:
    """Keep a build for good."""
    from intel.store.snapshot import pin_build

    pin_build(settle(store).store, build_id)
    show(f"{build_id} is pinned")


@snapshots.command("unpin")
def unpin_snapshot(build_id: o.Build, store: o.Store = None) -> None:
    """Let a pinned build be removed again."""
    from intel.store.snapshot import pin_build

    pin_build(settle(store).store, build_id, pinned=False)
    show(f"{build_id} is not pinned")


@snapshots.command("prune")
def prune_snapshots(keep: o.Keep = 2, store: o.Store = None) -> None:
    """Remove old builds, never the current one or a pinned one."""
    from intel.store.snapshot import prune_builds

    removed = prune_builds(settle(store).store, keep)
    show("\n".join([f"{len(removed)} builds removed", *removed]))


@app.command()
def compact(kept_hours: o.KeptHours = 24, json: o.Json = False, store: o.Store = None) -> None:
    """Put the rows of the lake's many small files into few large ones, and remove files that nothing names any more."""
    from intel.store.compaction import compact_lake
    from intel.store.lake import Lake

    found = compact_lake(Lake(settle(store).store), kept_hours=kept_hours)
    if json:
        show_json({key: value for key, value in asdict(found).items() if key != "commit"})
    else:
        show(f"{found.files_before:,} files became {found.files_after:,}; {found.files_removed:,} old ones removed")


@workspace.command("backup")
def backup_workspace(out: o.BackupOut = None, store: o.Store = None) -> None:
    """Copy judgements, private labels, notes, cases and graphs to one file, whoever writes meanwhile."""
    from intel.store.backup import backup_workspace

    show(f"{backup_workspace(settle(store).store, out)}")


@workspace.command("migrate")
def migrate_workspace(store: o.Store = None) -> None:
    """Give a workspace that an older version made the columns of this one; a backup is taken first."""
    from intel.store.backup import migrate_workspace

    added, backup = migrate_workspace(settle(store).store)
    if backup is None:
        show("the workspace is up to date")
    else:
        show("\n".join([f"{len(added)} columns added; as it was before: {backup}", *added]))


@app.command()
def coverage(
    verify: o.Verify = None, addresses: o.VerifiedAddresses = None, json: o.Json = False, store: o.Store = None
) -> None:
    """Show which blocks were seen, per chain and kind, with holes, times and sources; or ask a node for balances."""
    if verify is not None:
        verify_coverage(verify, addresses, json=json, store=store)
        return
    from intel.profiler.coverage import describe_coverage, list_chains_seen
    from intel.render import render_coverage

    with open_store(store) as db:
        chains = list_chains_seen(db.reader)
        document = {**describe_coverage(db.reader, chains), "build": db.build_id}
    if json:
        show_json(document)
    else:
        show(render_coverage(document))


@app.command()
def doctor(deep: o.Deep = False, json: o.Json = False, store: o.Store = None) -> None:
    """Look over this machine and the store; exit with 1 where something is broken."""
    from intel.doctor import examine
    from intel.render import render_examination

    found = examine(settle(store), deep=deep)
    if json:
        show_json(found)
    else:
        show(render_examination(found))
    if any(problem["severity"] == "error" for problem in found["problems"]):
        raise typer.Exit(1)


@datasets.command("list")
def list_datasets(json: o.Json = False, store: o.Store = None) -> None:
    """List the known public data sets, and which of them are in STORE/datasets."""
    from intel.render import render_datasets
    from intel.sources import datasets as registry

    folder = settle(store).store / "datasets"
    known = [{**asdict(item), "is_here": (folder / item.path).is_file()} for item in registry.list_datasets()]
    if json:
        show_json({"datasets": known})
    else:
        show(render_datasets(known))


@datasets.command("pull")
def pull_dataset(name: o.Dataset, to: o.Folder = None, progress: o.Progress = "plain", store: o.Store = None) -> None:
    """Fetch a data set, check its checksum and print where it lies; INTEL_DATA_MIRROR names a local copy."""
    from intel.sources import datasets as registry

    settings = settle(store)
    with Talk(progress).step(f"pull {name}"):
        path = registry.pull_dataset(name, to or settings.store / "datasets", settings.data_mirror)
    sys.stdout.write(f"{path}\n")


# --------------------------------------------------------------------------------------------- the end of it


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with 0 ok, 1 failed or 2 usage, never with a traceback."""
    try:
        if not read_settings().shows_tracebacks:
            sys.excepthook = _confess
            atexit.register(_end_quietly)
        typer.main.get_command(app)(arguments, prog_name="intel")
    except IntelError as error:
        Talk().complain(error)
        sys.exit(error.exit_code)
    except OSError as error:
        fault = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        Talk().complain(StoreError(fault, "check the path, its permissions and the free disk space"))
        sys.exit(1)


def _end_quietly() -> None:
    """Drop what libraries write while the interpreter is taken down: duckdb's binding lists its own objects there."""
    sys.stderr.flush()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 2)


def _confess(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    text = f"this should not happen: {kind.__name__}: {error}"
    Talk().complain(StoreError(text, "set INTEL_DEBUG=1 for the traceback, and please report it"))
