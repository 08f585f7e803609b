"""How does an evaluation look on a terminal?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding

from intel.render import format_share, make_facts, make_list_section


def _with_span(value: float | None, span: list[float] | None = None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.3f}" + (f"  ({span[0]:.3f} to {span[1]:.3f})" if span else "")


def _list_scores(name: str, score: Mapping[str, Any]) -> list[tuple[str, object]]:
    return [
        (f"{name} {part}", _with_span(score[part], score["intervals"][part])) for part in ("precision", "recall", "f1")
    ]


def render_evaluation(document: Mapping[str, Any]) -> Group:
    """Return the scores with their 95 % intervals, what could be reached at best, and where the errors are."""
    truth, ceiling, wrong = document["truth"], document["ceiling"], document["false_positives"]
    curve = {level: share for level, share in document["coverage_at_precision"].items() if level != "intervals"}
    spans = document["coverage_at_precision"]["intervals"]
    rows = [
        ("truth", f"{truth['addresses']:,} addresses of {truth['groups']:,} owners; {truth['in_ledger']:,} occur here"),
        ("not used", _list_unused(truth)),
        *_list_scores("pairwise", document["pairwise"]),
        *_list_scores("B-cubed", document["bcubed"]),
        ("best recall in reach", f"pairwise {ceiling['recall']:.3f}, B-cubed {ceiling['bcubed_recall']:.3f}"),
        *((f"coverage at precision {level}", _with_span(share, spans[level])) for level, share in curve.items()),
        (wrong["what"], f"{wrong['wrong']:,} of {wrong['of']:,}; at most {format_share(wrong['upper'])} (95 %)"),
        ("largest cluster", _describe_largest(document["largest_cluster"])),
        ("largest without a name", _describe_nameless(document["largest_nameless"])),
        ("calibration", _describe_calibration(document["calibration"])),
        *_list_hidden(document.get("hide_and_recover")),
    ]
    parts: list[RenderableType] = [make_facts(rows)]
    sizes = [
        (f"{row['from']:,} to {row['to']:,}", row["clusters"], row["pairs"], row["wrong"], f"{row['precision']:.3f}")
        for row in document["errors_by_size"]
    ]
    if sizes:
        columns = ("addresses of the cluster", ">clusters", ">pairs called the same", ">wrong", ">precision")
        parts.append(make_list_section("Errors by size", columns, sizes))
    return Group(*parts)


def _list_unused(truth: Mapping[str, Any]) -> str:
    told = []
    if truth["conflicting"]:
        told.append(f"{truth['conflicting']:,} addresses that the truth gives to several owners")
    if truth["unresolved_addresses"]:
        names = ", ".join(truth["unresolved"][:5])
        told.append(f"{truth['unresolved_addresses']:,} addresses of owners unknown to this build ({names} ...)")
    return "; ".join(told)


def _describe_largest(largest: Mapping[str, Any] | None) -> str:
    if largest is None:
        return "none of these addresses is in a cluster"
    inside = f"{largest['truth_addresses']:,} of the truth, of {largest['truth_groups']:,} owners"
    return f"{largest['addresses']:,} addresses, {inside} ({largest['cluster_id']})"


def _describe_nameless(largest: Mapping[str, Any] | None) -> str:
    return f"{largest['addresses']:,} addresses ({largest['cluster_id']})" if largest else "there is none"


def _describe_calibration(found: Mapping[str, Any]) -> str:
    if not found["n"]:
        return "not measured: no probability to compare"
    skill = "not defined" if found["brier_skill"] is None else f"{found['brier_skill']:.3f}"
    return f"error {found['ece']:.3f}, Brier skill {skill}, over {found['n']:,} answers"


def _list_hidden(found: Mapping[str, Any] | None) -> list[tuple[str, object]]:
    if found is None:
        return []
    rows: list[tuple[str, object]] = []
    for level, part in found["coverage_at_precision"].items():
        span = [part["lowest"], part["highest"]]
        rows.append((f"hidden, coverage at {level}", f"{_with_span(part['median'], span)} of {found['splits']} splits"))
    return rows


def render_training(document: Mapping[str, Any]) -> RenderableType:
    """Lay out what a model was learnt from, what was left out, and how it does beside its references."""
    check = document["check"]
    rows = [
        ("model", document["version"]),
        (
            "learnt from",
            f"{document['learnt_on']}: {document['examples']:,} addresses of {document['owners']:,} owners",
        ),
        *((f"left out: {role}", why) for role, why in document["left_out"].items()),
        ("tested on", f"{check['tested']:,} addresses of {check['tested_owners']:,} owners it had not seen"),
        *((f"macro F1, {name}", f"{check[name]:.3f}") for name in ("model", "baseline", "shuffled") if name in check),
        ("note", check.get("note")),
        ("next", "intel build predicts with it"),
    ]
    return Padding(make_facts(rows), (1, 0, 0, 2))
