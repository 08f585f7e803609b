"""How right is it: which rules were measured, which are assumed, and what does this build answer?"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from intel.profiler.sheets import sheet_reports
from intel.profiler.weighing import count_answers, count_weights, tabulate_weights
from intel.store.reader import Reader
from pages._frame import show_page
from pages._tables import show_whole
from pages._words import say_count

REPORT = Path(__file__).resolve().parent.parent / "docs" / "evaluation.md"


def show_counts(reader: Reader) -> None:
    """Show how much rests on measured weights, and how much on assumed ones."""
    counts = count_weights(reader)
    with st.container(horizontal=True, gap="large"):
        for standing, meaning in (
            ("measured", "The weight comes from links whose truth is known."),
            ("assumed", "The weight was never measured on known truth."),
            ("not weighed", "Facts of the ledger and shown traces: they enter no sum of bits."),
        ):
            st.metric(f"Rules {standing}", say_count(counts[f"rules_{standing}"]), help=meaning, width="content")
            st.metric("Their evidence rows", say_count(counts[f"rows_{standing}"]), help=meaning, width="content")
    if not counts["rules_measured"]:
        st.warning(
            "No weight of this build was measured: every bit on every page is an assumption, and says so.",
            icon=":material/rule:",
        )


def show_evaluation(reader: Reader) -> None:
    """Show the page."""
    st.title("How right is it?")
    show_counts(reader)
    show_whole(
        "Rules and their weights",
        lambda limit: tabulate_weights(reader).slice(0, limit),
        key="weights",
        name=f"weights_{reader.build_id}",
        empty="No rule was on.",
        columns=("heuristic", "weight", "weight_bits", "precision", "precision_low", "precision_high", "n", "rows",
                 "measured_on", "measured_day", "family", "consent", "version"),
        note="Precision: share of the checked links that were right, with its 95 % interval.",
    )  # fmt: skip
    show_whole(
        "What this build answers",
        lambda limit: count_answers(reader).slice(0, limit),
        key="answers",
        name=f"answers_{reader.build_id}",
        empty="It attributes no address.",
        note="Share of all addresses it knows. The others are unknown, and unknown is not clean.",
    )
    show_whole(
        "What each rule did",
        lambda _limit: sheet_reports(reader.manifest.reports),
        key="reports",
        name=f"heuristics_{reader.build_id}",
        empty="No rule ran.",
    )
    if REPORT.exists():
        with st.expander("The measured report of this version", icon=":material/straighten:"):
            st.caption("Measured before the release, on worlds with a known truth: not on your data.")
            st.markdown(REPORT.read_text(encoding="utf-8"))


show_page(show_evaluation)
