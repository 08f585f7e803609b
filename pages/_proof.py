"""What do the statements rest on: labels, evidence, members, coverage?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.members import tabulate_members
from intel.profiler.sheets import sheet_chains, sheet_evidence, sheet_labels
from intel.store.reader import Reader
from pages._tables import show_table, show_whole
from pages._words import STATUS, STATUS_HELP, plain, say_count, say_words

EVIDENCE_COLUMNS = ("reason", "weight_bits", "weight", "left", "relation", "right", "heuristic", "family", "support",
                    "tx_hashes", "first_block", "last_block", "visibility")  # fmt: skip


def show_labels(reader: Reader, subject: Subject) -> None:
    """Show what the sources claim, side by side."""
    show_whole(
        "Labels, side by side",
        lambda limit: sheet_labels(reader, subject, limit=limit),
        key="labels",
        name=f"labels_{subject.name}",
        empty="No source names this subject.",
        columns=("status", "name", "entity", "category", "source", "claim", "level", "conflict", "address",
                 "source_date", "url", "source_ref", "licence"),
        note="Each row is a claim of its source, not ours.",
    )  # fmt: skip


def show_evidence(reader: Reader, subject: Subject) -> None:
    """Show the evidence rows, the weightiest of each kind first, and the picked one in full."""
    row = show_whole(
        "Evidence",
        lambda limit: sheet_evidence(reader, subject, limit=limit),
        key="evidence",
        name=f"evidence_{subject.name}",
        empty="There is no evidence row about this subject: what is said of it rests on labels alone, or nothing is.",
        columns=EVIDENCE_COLUMNS,
        picks="always",
        note="Bits are the base-2 logarithm of how much likelier the finding is if the statement is true. "
        "An assumed weight was never measured on known truth.",
    )

    if row is not None:
        show_evidence_row(row)


def show_evidence_row(row: Mapping[str, Any]) -> None:
    """Show one piece of evidence so that it can be checked: sentence, weight, rule, event, transactions."""
    with st.container(border=True):
        st.markdown(f"**{plain(row['reason'])}.**")
        with st.container(horizontal=True, gap="small"):
            assumed = row["weight"] == "assumed"
            st.badge(
                f"{row['weight_bits']:.1f} bits, {row['weight']}",
                icon=":material/rule:" if assumed else ":material/straighten:",
                color="orange" if assumed else "green",
                help="Assumed: never measured on known truth." if assumed else "Measured on known truth.",
            )
            for text in (f"rule: {say_words(row['heuristic'])} v{row['version']}",
                         f"family: {str(row['family']).lower()}",
                         f"support: {say_count(row['support'])}",
                         f"blocks {say_count(row['first_block'])} to {say_count(row['last_block'])}"):  # fmt: skip
                st.badge(plain(text), color="gray")
            if row["relation"] == "possible":
                word, icon, color, _ = STATUS["possible"]
                st.badge(word, icon=icon, color=color, help=STATUS_HELP["possible"])  # type: ignore[arg-type]
            if row["visibility"] == "private":
                st.badge("private", icon=":material/lock:", color="orange")
        st.code(f"{row['left']}\n  {say_words(row['relation'])}\n{row['right']}", language=None)
        if row["tx_hashes"]:
            st.caption(f"Transactions ({len(row['tx_hashes'])}; at most 20 are kept per row)")
            st.code("\n".join(row["tx_hashes"]), language=None)


def show_members(reader: Reader, subject: Subject) -> None:
    """Show the addresses of an entity with role, tier and reason."""
    show_whole(
        "Addresses of this entity",
        lambda limit: tabulate_members(reader, subject, limit=limit),
        key="members",
        name=f"addresses_{subject.name}",
        empty="No address is attributed to it.",
        columns=("address", "chain", "status", "role", "tier", "confidence", "transfers_in", "transfers_out",
                 "first_time", "last_time", "basis", "reason"),
        opens=("address",),
        note="The busiest first.",
    )  # fmt: skip


def show_coverage(profile: Profile) -> None:
    """Show which part of history the page rests on."""
    st.subheader("What was seen")
    for chain in profile.coverage["chains"]:
        whole = "whole history" if chain["is_whole"] else "part of its history"
        st.markdown(f"**{plain(chain['chain'])}**: {whole}")
    if profile.coverage["chains"]:
        show_table(sheet_chains(profile.coverage), key="coverage")
    else:
        st.caption("The subject occurs on no chain of this store; only labels know it.")
