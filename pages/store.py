"""What was seen, what was wrong with it, and how was this build made?"""

from __future__ import annotations

import streamlit as st

from intel.profiler.coverage import describe_chain, list_chains_seen
from intel.profiler.overview import tabulate_issues
from intel.profiler.sheets import sheet_coverage, sheet_files, sheet_manifest, sheet_reports
from intel.store.reader import Reader
from pages._frame import show_page
from pages._tables import show_table, show_whole
from pages._words import plain, say_day


def show_chains(reader: Reader) -> None:
    """Say in a line per chain what was seen."""
    chains = list_chains_seen(reader)
    if not chains:
        st.caption("No source of this store says which blocks it covers.")
    for chain in chains:
        seen = describe_chain(reader, chain)
        whole = "whole history" if seen["is_whole"] else "part of its history: net flows instead of balances"
        st.markdown(f"**{plain(chain)}**: {say_day(seen['first_time'])} to {say_day(seen['last_time'])}, {whole}")


def show_build(reader: Reader) -> None:
    """Show what the build was made from, so that it can be made again."""
    st.subheader("This build")
    st.caption("The same lake commit, workspace revision, code and settings give the same tables.")
    show_table(sheet_manifest(reader.manifest), key="manifest")
    show_table(sheet_files(reader.manifest.files), key="files")


def show_store(reader: Reader) -> None:
    """Show the page."""
    st.title("Coverage and build")
    show_chains(reader)
    show_whole(
        "Covered blocks, exactly",
        lambda limit: sheet_coverage(reader).slice(0, limit),
        key="ranges",
        name=f"coverage_{reader.build_id}",
        empty="No range is recorded.",
        note="A run of blocks without a hole, per source and kind.",
    )
    show_whole(
        "Rows that were not taken as they are",
        lambda limit: tabulate_issues(reader.store).slice(0, limit),
        key="issues",
        name="issues",
        empty="Every row of every file was taken as it is.",
        note="Counted by kind; nothing is dropped in silence.",
    )
    show_whole(
        "Heuristics of this build",
        lambda _limit: sheet_reports(reader.manifest.reports),
        key="reports",
        name=f"heuristics_{reader.build_id}",
        empty="No heuristic ran.",
    )
    show_build(reader)


show_page(show_store)
