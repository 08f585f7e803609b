"""What must a trace's file hold, so that another can read it and run it again?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from intel.errors import UsageError
from intel.profiler.case_print import print_markdown
from intel.profiler.cases import Block, Heading, Lines, Sheet
from intel.profiler.trace_report import END_KINDS, Trace, to_document
from intel.store.snapshot import Manifest
from intel.store.whole_files import replace_whole

_ENDINGS = (".md", ".json")


def check_case_file(path: Path) -> None:
    """Raise UsageError for a file of a kind that is not written, or in a folder that is not there."""
    if path.suffix.lower() not in _ENDINGS:
        raise UsageError(f"cannot write a trace as {path.name}", f"use {' or '.join(_ENDINGS)}")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", "make it, or name another file")


def write_case(path: Path, trace: Trace, manifest: Manifest) -> None:
    """Write the trace to a .md or .json file, whole or not at all; BadInput where nothing can be written."""
    if path.suffix.lower() == ".json":
        text = json.dumps(to_document(trace) | {"code_version": manifest.code_version}, indent=1) + "\n"
    else:
        text = print_markdown(list(list_blocks(trace, manifest)))
    with replace_whole(path, "is the disk full, or the folder closed to you?") as scratch:
        scratch.write_text(text, encoding="utf-8")


def list_blocks(trace: Trace, manifest: Manifest) -> Iterator[Block]:
    """Yield the case file's parts: the question, the build, the ends with their ways, and every payment told."""
    asked = trace.question
    yield Heading(1, f"Trace {asked['direction']} from {trace.source['name']}")
    yield Lines((
        f"rule: {asked['rule']}, {asked['rule_text']}",
        f"at most {asked['max_hops']} payments away; what carries less than USD {asked['min_usd']} is cut off",
        f"from {asked['since'] or 'the first block seen'} to {asked['until'] or 'the last block seen'} (UTC)",
        "named by published claims and by private ones of this store" if asked["shows_private"] else
        "named by published claims alone",
        f"members: {asked['tier']}; source: {trace.source['kind']} of {trace.source['addresses']} addresses",
        f"build {trace.build_id} of {manifest.created_at}, code {manifest.code_version}, lake {manifest.lake_commit}",
        f"followed: USD {trace.total_usd:,.2f}, as it was worth when it left the source",
    ))  # fmt: skip
    yield Heading(2, "By category: direct, indirect and unresolved are the whole")
    yield Sheet(
        ("category", "direct USD", "indirect USD", "share"),
        tuple(
            (row["category"], f"{row['direct_usd']:,.2f}", f"{row['indirect_usd']:,.2f}", _share(row["share"]))
            for row in trace.categories
        ),
    )
    yield Heading(2, f"Ends ({len(trace.ends):,} of {trace.end_count:,}, the largest)")
    yield Sheet(
        ("USD", "share", "who", "address", "kind", "payments away", "one way there (transactions)"),
        tuple(
            (
                f"{end['value_usd']:,.2f}", _share(end["share"]), end["name"] or "", end["address"] or "",
                END_KINDS[end["kind"]], str(end["hop"] or ""), " ".join(end.get("path", ())),
            )
            for end in trace.ends
        ),
    )  # fmt: skip
    yield Heading(2, f"Payments ({trace.steps.num_rows:,} of {trace.step_count:,}, the largest, in order of time)")
    names = ("hop", "block_time", "chain", "block_number", "tx_hash", "sender", "receiver", "symbol", "amount",
             "value_usd", "traced_usd", "outcome")  # fmt: skip
    rows = trace.steps.select(names).to_pylist()
    yield Sheet(names, tuple(tuple("" if row[n] is None else str(row[n]) for n in names) for row in rows))
    yield Heading(2, "What to keep in mind")
    yield Lines(trace.caveats)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
