"""Why are two subjects linked, or what keeps them apart?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from intel.profiler.explain import explain_link
from intel.profiler.sheets import sheet_evidence_rows, sheet_shared
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from pages._ask import ask_pair
from pages._frame import show_page
from pages._judge import ask_judgement, badge_judgements, show_judgements
from pages._links import link_subject
from pages._proof import EVIDENCE_COLUMNS, show_evidence_row
from pages._tables import show_whole
from pages._waterfall import badge_standing, show_against, show_path, show_waterfall
from pages._words import plain, say_count, say_share, say_time, say_usd

VERDICTS = {
    "same entity": ("green", ":material/join:"),
    "same cluster": ("green", ":material/join:"),
    "linked": ("blue", ":material/link:"),
    "linked through others": ("blue", ":material/hub:"),
    "kept apart": ("orange", ":material/call_split:"),
    "transfers only": ("gray", ":material/swap_horiz:"),
    "no evidence": ("gray", ":material/help:"),
}


def show_answer(reader: Reader, left: str, right: str) -> None:
    """Show the verdict and every row it rests on."""
    found = explain_link(reader, resolve_subject(reader, left, "probable"), resolve_subject(reader, right, "probable"))
    color, icon = VERDICTS.get(found["verdict"], ("gray", ":material/help:"))
    with st.container(horizontal=True, gap="small"):
        st.badge(found["verdict"].capitalize(), icon=icon, color=color)
        badge_judgements(found["judgements"])
    st.subheader(plain(found["answer"]))
    for column, side in zip(st.columns(2, gap="large"), ("left", "right"), strict=True):
        with column:
            show_side(found[side])
    show_judgements(reader, found["judgements"])
    ask_judgement(reader, left, right)
    if found["waterfall"]:
        show_waterfall(found["waterfall"], found["verdict"])
    if found["path"]:
        show_path(found["path"])
    show_against(found)
    show_direct(found["transfers"])
    show_rows(found, left, right)
    for text in found["caveats"]:
        st.caption(plain(text))


def show_side(side: Mapping[str, Any]) -> None:
    """Show who one of the two is, and how that is known."""
    link_subject(side["entity_id"] if side["kind"] == "entity" else side["name"], side["name"], ":material/badge:")
    if side["kind"] == "address" and not side["attributions"]:
        st.caption("Nobody is known to own it; unknown is not clean.")
    for row in side["attributions"][:3]:
        with st.container(horizontal=True, gap="small"):
            badge_standing(row["visibility"], find_standing(row))
        st.caption(plain(f"{row['entity_id']}, confidence {say_share(row['confidence'])}: {row['reason']}"))


def find_standing(row: Mapping[str, Any]) -> str:
    """Return how an attribution came about: labelled, judged, attributed or probable."""
    if row["status"] == "labelled":
        return "labelled"
    if row["basis"] == ["judgement"]:
        return "judged"
    return "attributed" if row["tier"] == "confirmed" else "probable"


def show_direct(moved: Mapping[str, Any]) -> None:
    """Show what went directly between the two."""
    st.subheader("Transfers between the two")
    figures = (
        ("From one to the other", f"{say_count(moved['left_to_right'])} · {say_usd(moved['left_to_right_usd'])}"),
        ("And back", f"{say_count(moved['right_to_left'])} · {say_usd(moved['right_to_left_usd'])}"),
        ("First", say_time(moved["first_time"])),
        ("Last", say_time(moved["last_time"])),
    )
    with st.container(horizontal=True, gap="large"):
        for title, value in figures:
            st.metric(title, plain(value), width="content")
    if moved["tx_hashes"]:
        with st.expander(f"The first {len(moved['tx_hashes'])} transactions"):
            st.code("\n".join(moved["tx_hashes"]), language=None)


def show_rows(found: Mapping[str, Any], left: str, right: str) -> None:
    """Show the evidence between the two, against them, and shared with others."""
    name = f"{left}_{right}"
    for title, key in (("Evidence between the two", "evidence"), ("What keeps them apart", "kept_apart_by")):
        row = show_whole(
            title,
            lambda _limit, key=key: sheet_evidence_rows(found[key]),
            key=key,
            name=f"{key}_{name}",
            empty="None.",
            columns=EVIDENCE_COLUMNS,
            picks="always",
        )
        if row is not None:
            show_evidence_row(row)
    show_whole(
        "Third parties that both have evidence with",
        lambda _limit: sheet_shared(found["shared"]),
        key="shared",
        name=f"shared_{name}",
        empty="None.",
    )


def show_explain(reader: Reader) -> None:
    """Show the page."""
    st.title("Why are these two linked?")
    one, other = ask_pair()
    if one and other:
        show_answer(reader, one, other)
    else:
        st.caption("Give two subjects: the answer names the evidence between them, and what speaks against it.")


show_page(show_explain)
