"""How does one ask where money went?"""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Option

from intel import cli_options as o
from intel.cli_app import app, open_store, show, show_json

Source = Annotated[str, Argument(metavar="SOURCE", help="An address, an entity, or a transaction hash.")]
Target = Annotated[str | None, Option("--to", metavar="TARGET", help="Show the routes from SOURCE to this one.")]
Direction = Annotated[Literal["forward", "backward"], Option(help="Where it went, or where it came from.")]
MaxHops = Annotated[int, Option("--max-hops", metavar="N", min=1, help="How many payments away to follow.")]
MinUsd = Annotated[float, Option("--min-usd", metavar="V", min=0, help="What carries less is not followed further.")]
Rule = Annotated[
    Literal["fifo", "haircut", "poison"],
    Option(help="Which part of a payment is the money followed: first in first out, its share, or all of it."),
]
CaseFile = Annotated[
    Path | None, Option("--out", metavar="FILE", help="Write the whole trace: .md or .json, enough to run it again.")
]


@app.command()
def trace(
    source: Source, to: Target = None, direction: Direction = "forward", max_hops: MaxHops = 10, min_usd: MinUsd = 1.0,
    rule: Rule = "haircut", since: o.Since = None, until: o.Until = None, tier: o.Tier = "confirmed",
    out: CaseFile = None, include_private: o.IncludePrivate = False, json: o.Json = False, store: o.Store = None,
) -> None:  # fmt: skip
    """Follow money from payment to payment, into named services, or back to where it came from.

    No payment on the way is older than the one that paid for it. Mixers, hubs and named owners end the trace. What is
    written with --out rests on published claims alone, unless --include-private takes your own labels too.
    """
    from intel.profiler.postings import parse_window
    from intel.profiler.routes import describe_routes
    from intel.profiler.trace import Question, resolve_source
    from intel.profiler.trace_case import check_case_file, write_case
    from intel.profiler.trace_report import to_document, trace_money
    from intel.render_trace import render_routes, render_trace

    if out is not None:
        check_case_file(out)
    window, shows_private = parse_window(since, until), out is None or include_private
    asked = Question(rule, direction, max_hops, min_usd, tier, window, shows_private)
    with open_store(store) as db:
        start = resolve_source(db.reader, source, tier, shows_private=shows_private)
        if to is not None:
            target = resolve_source(db.reader, to, tier, shows_private=shows_private)
            found = describe_routes(db.reader, start, target, asked)
            _answer(found, json=json, page=render_routes(found), out=out)
            return
        told = trace_money(db.reader, start, asked)
        if out is not None:
            write_case(out, told, db.reader.manifest)
        _answer(to_document(told), json=json, page=render_trace(told, out), out=None)


def _answer(document: dict[str, Any], *, json: bool, page: Any, out: Path | None) -> None:
    if out is not None:
        out.write_text(json_format.dumps(document, indent=1) + "\n", encoding="utf-8")
    if json:
        show_json(document)
    else:
        show(page)
