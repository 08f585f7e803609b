"""What have people judged of this, and how does one judge, or take a judgement back?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from intel.config import read_settings
from intel.errors import IntelError
from intel.profiler.judge import record_judgement, revoke_judgement
from intel.store.reader import Reader
from pages._words import STATUS, STATUS_HELP, plain, say_time

VERDICTS = {
    "same": ("Same controller", ":material/join:"),
    "different": ("Different controllers", ":material/call_split:"),
    "unsure": ("Not decided", ":material/help:"),
}


def badge_judgements(judgements: Sequence[Mapping[str, Any]]) -> None:
    """Show one badge per kind of judgement: pending and applied are told apart by word and form."""
    for status in ("pending", "judged"):
        count = sum(_find_status(row) == status for row in judgements)
        if count:
            word, icon, color, _ = STATUS[status]
            text = word if count == 1 else f"{word}s: {count}"
            st.badge(text, icon=icon, color=color, help=STATUS_HELP[status])  # type: ignore[arg-type]


def _find_status(row: Mapping[str, Any]) -> str:
    return "judged" if row["state"] == "applied" else "pending"


def show_judgements(reader: Reader, judgements: Sequence[Mapping[str, Any]]) -> None:
    """Show the judgements in force with their state, each with a button to take it back."""
    for row in judgements:
        with st.container(border=True, key=f"judgement_{row['judgement_id']}"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                badge_judgements([row])
                word, icon = VERDICTS[row["verdict"]]
                st.badge(word, icon=icon, color="gray")
                st.caption(f"{row['state_means'].capitalize()}.")
            st.markdown(f"**Because** {plain(row['because'])}")
            told = f"{row['left']} and {row['right']} · by {row['made_by'] or 'somebody'} · {say_time(row['made_at'])}"
            st.caption(plain(told + (f" · {row['effect']}" if row["effect"] else "")))
            if row["state"] != "revocation pending":
                label = f"Take back judgement {row['judgement_id']}"
                st.button(label, key=f"undo_{row['judgement_id']}", icon=":material/undo:", on_click=_undo,
                          args=(reader, row["judgement_id"]), type="tertiary")  # fmt: skip


def _undo(reader: Reader, judgement_id: int) -> None:
    try:
        revoke_judgement(reader, judgement_id, user=read_settings().user)
    except IntelError as error:
        st.session_state["judge_problem"] = error.message


def ask_judgement(reader: Reader, left: str, right: str) -> None:
    """Ask for a verdict and its reason; it stands on the page at once as pending."""
    problem = st.session_state.pop("judge_problem", None)
    with st.expander("Judge it yourself", icon=":material/gavel:", expanded=problem is not None):
        if problem:
            st.warning(plain(problem), icon=":material/edit:")
        st.caption("What you say stays in this store: it is never mixed with published labels and no export has it.")
        with st.form("judge", border=False):
            st.radio(
                "Verdict", tuple(VERDICTS), key="verdict", horizontal=True, format_func=lambda one: VERDICTS[one][0]
            )
            st.text_input("Because", key="because", placeholder="What you know that the ledger does not say")
            st.form_submit_button("Judge", type="primary", icon=":material/gavel:", on_click=_record,
                                  args=(reader, (left, right)))  # fmt: skip


def _record(reader: Reader, ends: tuple[str, str]) -> None:
    verdict, because = st.session_state["verdict"], st.session_state["because"] or ""
    try:
        record_judgement(reader, ends, verdict, because, user=read_settings().user)
        st.session_state["because"] = ""
    except IntelError as error:
        st.session_state["judge_problem"] = f"{error.message}: {error.hint}".rstrip(": ")
