"""What do the statements rest on: labels, evidence, members, coverage?"""

from __future__ import annotations

import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.members import tabulate_members
from intel.profiler.sheets import sheet_chains, sheet_evidence, sheet_labels
from intel.store.reader import Reader
from pages._tables import show_table, show_whole
from pages._words import plain

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
        columns=("status", "name", "entity", "category", "source", "confidence", "level", "conflict", "address",
                 "source_date", "url", "source_ref", "licence"),
        note="Each row is a claim of its source, not ours. `conflict`: another source names an unrelated owner.",
    )  # fmt: skip


def show_evidence(reader: Reader, subject: Subject) -> None:
    """Show the evidence rows, weightiest first."""
    show_whole(
        "Evidence",
        lambda limit: sheet_evidence(reader, subject, limit=limit),
        key="evidence",
        name=f"evidence_{subject.name}",
        empty="There is no evidence row about this subject: what is said of it rests on labels alone, or nothing is.",
        columns=EVIDENCE_COLUMNS,
        note="Bits are the base-2 logarithm of how much likelier the finding is if the statement is true. "
        "An assumed weight was never measured on known truth.",
    )


def show_members(reader: Reader, subject: Subject) -> None:
    """Show the addresses of an entity with role, tier and reason."""
    show_whole(
        "Addresses of this entity",
        lambda limit: tabulate_members(reader, subject, limit=limit),
        key="members",
        name=f"addresses_{subject.name}",
        empty="No address is attributed to it.",
        columns=("address", "status", "role", "tier", "confidence", "transfers_in", "transfers_out", "first_time",
                 "last_time", "basis", "reason", "chain"),
        opens=("address",),
        note="The busiest first. Pick a row to open its profile.",
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
