"""How does a trace look on a terminal?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from intel.profiler.trace_report import END_KINDS, Trace
from intel.render import format_usd, make_facts, make_list_section, make_section, make_table
from intel.talk import clean_text


def render_trace(trace: Trace, out: Path | None = None) -> Group:
    """Return the ends, the categories, the largest payments, and what to keep in mind."""
    asked = trace.question
    word = "went" if asked["direction"] == "forward" else "came from"
    parts: list[RenderableType] = [
        Text.assemble((f"Where the money of {clean_text(trace.source['name'])} {word}", "bold cyan")),
        make_facts((
            ("rule", f"{asked['rule']}: {asked['rule_text']}"),
            ("followed", f"{format_usd(trace.total_usd)} USD, at most {asked['max_hops']} payments away"),
            ("build", trace.build_id),
            ("written", None if out is None else str(out)),
        )),
    ]  # fmt: skip
    categories = [
        (row["category"], format_usd(row["direct_usd"]), format_usd(row["indirect_usd"]), _say_share(row["share"]))
        for row in trace.categories
    ]
    parts.append(make_list_section("By category", ("category", ">direct USD", ">indirect USD", ">share"), categories))
    ends = [
        (
            format_usd(end["value_usd"]),
            _say_share(end["share"]),
            end["name"] or end["address"] or "",
            END_KINDS[end["kind"]],
        )
        for end in trace.ends
    ]
    parts.append(
        make_list_section("Ends", (">USD", ">share", "who", "what it is"), ends, f"{trace.end_count:,} in all")
    )
    largest = sorted(trace.steps.to_pylist(), key=lambda row: -row["traced_usd"])[:15]
    steps = [
        (row["hop"], str(row["block_time"] or "")[:16], row["sender_name"] or row["sender"] or "nobody",
         row["receiver_name"] or row["receiver"] or "nobody", format_usd(row["traced_usd"]), row["tx_hash"])
        for row in sorted(largest, key=lambda row: row["step"])
    ]  # fmt: skip
    columns = (">step", "=time (UTC)", "from", "to", ">traced USD", "transaction")
    parts.append(
        make_section(f"Largest of {trace.step_count:,} payments", make_table(columns, steps) if steps else None)
    )
    return Group(*parts, *(Text(f"- {clean_text(text)}", "yellow") for text in trace.caveats))


def render_routes(found: Mapping[str, Any]) -> Group:
    """Return the routes between two subjects, payment by payment."""
    parts: list[RenderableType] = [Text(clean_text(found["answer"]), "bold cyan")]
    for route in found["routes"]:
        rows = [
            (str(row["block_time"] or "")[:16], row["sender_name"] or row["sender"],
             row["receiver_name"] or row["receiver"], format_usd(row["value_usd"]), row["tx_hash"])
            for row in route["steps"]
        ]  # fmt: skip
        note = f"smallest payment {format_usd(route['bottleneck_usd'])} USD"
        columns = ("=time (UTC)", "from", "to", ">USD", "transaction")
        parts.append(make_section(route["title"], make_table(columns, rows), note))
    return Group(*parts, *(Text(f"- {clean_text(text)}", "yellow") for text in found["caveats"]))


def _say_share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
