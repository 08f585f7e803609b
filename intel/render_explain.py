"""How do an explanation and a judgement look on a terminal?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from intel.render import (
    format_day,
    format_usd,
    make_evidence_section,
    make_facts,
    make_list_section,
    make_section,
    make_table,
)
from intel.talk import clean_text


def make_judgements_section(judgements: Sequence[Mapping[str, Any]]) -> Group:
    """Return what people judged, each with its state in words."""
    rows = [
        (f"#{row['judgement_id']}", row["verdict"], row["state"],
         Text.assemble(f"{clean_text(row['left'])} and {clean_text(row['right'])}\n",
                       (clean_text(f"because {row['because']}"), "dim"),
                       (clean_text(f"\n{row['effect']}") if row["effect"] else "", "dim")),
         row["made_by"] or "", format_day(row["made_at"]))
        for row in judgements
    ]  # fmt: skip
    return make_list_section("Judgements", ("", "verdict", "state", "of", "by", "=on"), rows, "private to this store")


def render_judgements(judgements: Sequence[Mapping[str, Any]]) -> Group:
    """Return judgements; one that the build does not know yet says what makes it count."""
    parts: list[RenderableType] = [make_judgements_section(judgements)]
    if any(row["state"].endswith("pending") for row in judgements):
        parts.append(Text("\npending: `intel build` applies it, and `intel judge --revoke ID` takes it back", "yellow"))
    return Group(*parts)


def render_explanation(found: Mapping[str, Any]) -> Group:
    """Return why two subjects are linked, or what keeps them apart."""
    moved = found["transfers"]
    parts: list[RenderableType] = [
        Text.assemble((clean_text(found["verdict"]), "bold cyan"), "\n", clean_text(found["answer"])),
        make_evidence_section("Evidence between them", found["evidence"]),
    ]
    if found["kept_apart_by"]:
        parts.append(make_evidence_section("Kept apart by", found["kept_apart_by"]))
    shared = [(row["address"] or row["entity_id"], row["left_reason"], row["right_reason"]) for row in found["shared"]]
    parts.append(make_list_section("Third parties both have evidence with", ("who", "left", "right"), shared))
    rows = [
        ("left to right", moved["left_to_right"], format_usd(moved["left_to_right_usd"])),
        ("right to left", moved["right_to_left"], format_usd(moved["right_to_left_usd"])),
    ]
    parts.append(make_section("Transfers between them", make_table(("", ">transfers", ">USD"), rows)))
    if moved["tx_hashes"]:
        parts.append(Padding(make_facts([("first of them", " ".join(moved["tx_hashes"][:3]))]), (0, 0, 0, 2)))
    return Group(*parts)
