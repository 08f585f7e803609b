"""Whom are you looking for, and what does this store hold?"""

from __future__ import annotations

import streamlit as st

from intel.profiler.coverage import describe_chain, list_chains_seen
from intel.profiler.largest import list_largest
from intel.profiler.overview import count_contents, list_examples
from intel.store.reader import Reader
from pages._ask import ask_subject
from pages._frame import show_page
from pages._links import link_subject
from pages._words import plain, say_count, say_day


def show_contents(reader: Reader) -> None:
    """Show what the store holds and which part of history it saw."""
    counts = count_contents(reader)
    named = (
        ("Transfers", "transfers"), ("Addresses", "addresses"), ("With a known owner", "attributed"),
        ("Named entities", "entities"), ("Labels", "labels"), ("Evidence rows", "evidence"),
    )  # fmt: skip
    st.subheader("This store")
    with st.container(horizontal=True, gap="large"):
        for title, name in named:
            st.metric(title, say_count(counts[name]), width="content")
    lines = []
    for chain in list_chains_seen(reader):
        seen = describe_chain(reader, chain)
        whole = "whole history" if seen["is_whole"] else "part of its history"
        lines.append(f"{plain(chain)}: {say_day(seen['first_time'])} to {say_day(seen['last_time'])}, {whole}")
    st.caption("  \n".join(lines))


def show_starts(reader: Reader) -> None:
    """Show a few subjects to begin with."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Largest exchanges")
        for entity_id, name, _ in list_largest(reader, "exchange", limit=6):
            link_subject(entity_id, name, ":material/domain:")
    with right:
        st.subheader("Worth a look")
        for example in list_examples(reader):
            st.caption(example.why)
            link_subject(example.subject, example.subject, ":material/tag:")


def show_search(reader: Reader) -> None:
    """Show the page."""
    st.title("Who is behind this address?")
    ask_subject(reader)
    show_contents(reader)
    show_starts(reader)


show_page(show_search)
