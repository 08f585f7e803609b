"""How do two subjects stand side by side, and with whom do both deal?"""

from __future__ import annotations

import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.partner_sheets import sheet_common, sheet_side_by_side
from intel.profiler.profile import build_profile
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from pages._ask import ask_pair
from pages._frame import show_page
from pages._header import find_status
from pages._links import EXPLAIN, link_subject, name_subject
from pages._tables import show_table, show_whole
from pages._words import STATUS, STATUS_HELP, plain

_Pair = list[tuple[Subject, Profile]]


@st.cache_resource(max_entries=32, show_spinner="Reading the ledger …")
def load_side(_reader: Reader, build_id: str, text: str) -> tuple[Subject, Profile]:
    """Return a subject and its profile; kept per build."""
    assert build_id == _reader.build_id
    subject = resolve_subject(_reader, text)
    return subject, build_profile(_reader, subject)


def show_sides(pair: _Pair) -> None:
    """Show who the two are, in word and form."""
    for column, (subject, profile) in zip(st.columns(2, gap="large"), pair, strict=True):
        with column:
            entity = profile.entity
            st.subheader(plain(subject.name if subject.kind == "entity" else entity["name"] if entity else "Unknown"))
            st.code(name_subject(subject), language=None, width="content")
            status = find_status(subject, profile)
            word, icon, color, _ = STATUS[status]
            st.badge(word, icon=icon, color=color, help=STATUS_HELP[status])  # type: ignore[arg-type]
            link_subject(name_subject(subject), "Profile", ":material/badge:")


def show_comparison(reader: Reader, left: str, right: str) -> None:
    """Show figures, common counterparties and common holdings of the two."""
    pair = [load_side(reader, reader.build_id, text) for text in (left, right)]
    show_sides(pair)
    query = {"left": left, "right": right}
    st.page_link(EXPLAIN, label="Why are they linked, or not?", icon=":material/hub:", query_params=query)
    st.subheader("Side by side")
    st.caption("Left the one, right the other; each figure with its rows on its profile.")
    show_table(sheet_side_by_side(*(profile for _, profile in pair)), key="figures", height="content",
               columns=("what", "left", "right"))  # fmt: skip
    show_whole(
        "Common counterparties",
        lambda limit: sheet_common(reader, pair[0][0], pair[1][0]).slice(0, limit),
        key="common",
        name=f"common_counterparties_{left}_{right}",
        empty="Nobody deals with both. That is no proof that they are strangers.",
        columns=("who", "status", "category", "left_in_usd", "left_out_usd", "right_in_usd", "right_out_usd"),
        opens=("entity_id", "address"),
        note="By entity, the largest common turnover first.",
    )


def show_compare(reader: Reader) -> None:
    """Show the page."""
    st.title("Two subjects side by side")
    left, right = ask_pair()
    if left and right:
        show_comparison(reader, left, right)
    else:
        st.caption("Give two subjects: an address, an entity id or a name each.")


show_page(show_compare)
