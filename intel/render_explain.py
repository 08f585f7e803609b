"""How do an explanation and a judgement look on a terminal?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from intel.render import (
    format_usd,
    make_evidence_section,
    make_facts,
    make_judgements_section,
    make_list_section,
    make_section,
    make_table,
)
from intel.talk import clean_text


def render_judgements(judgements: Sequence[Mapping[str, Any]]) -> Group:
    """Return judgements; one that the build does not know yet says what makes it count."""
    parts: list[RenderableType] = [make_judgements_section(judgements)]
    if any(row["state"].endswith("pending") for row in judgements):
        parts.append(Text("\npending: `intel build` applies it, and `intel judge --revoke ID` takes it back", "yellow"))
    return Group(*parts)


def render_explanation(found: Mapping[str, Any]) -> Group:
    """Return why two subjects are linked, or what keeps them apart: the sum, the steps, what speaks against it."""
    parts: list[RenderableType] = [
        Text.assemble((clean_text(found["verdict"]), "bold cyan"), "\n", clean_text(found["answer"])),
    ]
    if found["judgements"]:
        parts.append(make_judgements_section(found["judgements"]))
    if found["waterfall"]:
        parts.append(_render_waterfall(found["waterfall"]))
    if found["path"]:
        parts.append(_render_path(found["path"]))
    against = [(row["kind"], _say_bits(row["bits"]), _tell_privacy(row["text"], row)) for row in found["against"]]
    parts.append(make_list_section("What speaks against it", ("", ">bits", "why"), against))
    changes = Group(*(Text("- " + clean_text(text)) for text in found["changes"]))
    parts.append(make_section("What would change the verdict", changes if found["changes"] else None))
    weights = [(row["heuristic"], _say_bits(row["weight_bits"]), row["told"]) for row in found["weights"]]
    parts.append(make_list_section("What the weights stand on", ("rule", ">bits", ""), weights))
    parts.append(make_evidence_section("Evidence between them", found["evidence"]))
    shared = [(row["address"] or row["entity_id"], row["left_reason"], row["right_reason"]) for row in found["shared"]]
    parts.append(make_list_section("Third parties both have evidence with", ("who", "left", "right"), shared))
    parts.append(_render_moved(found["transfers"]))
    return Group(*parts, *(Text(f"- {clean_text(text)}", "yellow") for text in found["caveats"]))


def _say_bits(bits: float | None) -> str:
    return "" if bits is None else f"{bits:+.2f}"


def _tell_privacy(text: str, row: Mapping[str, Any]) -> str:
    return f"{text} (private)" if row["visibility"] == "private" else text


def _render_waterfall(found: Mapping[str, Any]) -> Group:
    rows = []
    for bar in found["bars"]:
        told = f"{bar['heuristic']} v{bar['version']}, {bar['title']}" if bar["heuristic"] else bar["family"] or ""
        share = "" if bar["share"] == 1 else ", a quarter"
        weight = f"{bar['weight']}{share}" if bar["weight"] else ""
        entry = Text.assemble(clean_text(bar["reason"] or bar["title"]), (f"\n{clean_text(told)}", "dim"))
        rows.append((_say_bits(bar["bits"]), _say_bits(bar["total"]), weight, entry))
    likely = f"{found['bits']:.2f} bits, {found['probability']:.1%} likely; {found['threshold_means']}"
    sizes = f"{found['left_size'] or 1:,} and {found['right_size'] or 1:,} addresses"
    title = f"The sum, {sizes}" if found["kind"] != "link" else "The sum"
    return make_list_section(title, (">bits", ">sum", "weight", "of"), rows, likely)


def _render_path(path: Sequence[Mapping[str, Any]]) -> Group:
    rows = []
    for number, step in enumerate(path, 1):
        rule = ", ".join(step["rules"]) or step["kind"]
        hashes = f"\n{' '.join(step['tx_hashes'][:3])}" if step["tx_hashes"] else ""
        entry = Text.assemble(
            f"{clean_text(step['from'])} -> {clean_text(step['to'])}\n",
            clean_text(_tell_privacy(step["reason"] or step["kind"], step)), (f"\n{clean_text(rule)}{hashes}", "dim"),
        )  # fmt: skip
        rows.append((number, _say_bits(step["bits"]), entry))
    return make_list_section("The path", (">", ">bits", "step"), rows)


def _render_moved(moved: Mapping[str, Any]) -> Group:
    rows = [
        ("left to right", moved["left_to_right"], format_usd(moved["left_to_right_usd"])),
        ("right to left", moved["right_to_left"], format_usd(moved["right_to_left_usd"])),
    ]
    parts: list[RenderableType] = [make_section("Transfers between them", make_table(("", ">transfers", ">USD"), rows))]
    if moved["tx_hashes"]:
        parts.append(Padding(make_facts([("first of them", " ".join(moved["tx_hashes"][:3]))]), (0, 0, 0, 2)))
    return Group(*parts)
