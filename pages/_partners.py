"""With whom does the subject deal, who is new, and in which tokens?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import streamlit as st

from intel.errors import IntelError
from intel.model import Subject
from intel.profiler.counterparties import By
from intel.profiler.dealings import tabulate_new
from intel.profiler.partner_tokens import tabulate_partners_in_token, tabulate_tokens_with_partner
from intel.profiler.postings import Window
from intel.profiler.sheets import sheet_counterparties
from intel.profiler.tokens import Token, resolve_token
from intel.store.reader import Reader
from pages._links import link_subject, open_rows
from pages._tables import show_table, show_whole
from pages._words import plain, say_count

_NEW = {"everybody": None, "new in 7 days": 7, "new in 30 days": 30, "new in 90 days": 90}


def show_counterparties(reader: Reader, subject: Subject, window: Window) -> None:
    """Show with whom the subject deals, by entity or by address, all of them or those it never met before."""
    by, days, token = _ask_which(reader)
    row = show_whole(
        "Counterparties",
        lambda limit: _tabulate(reader, subject, window, (by, days, token), limit),
        key=f"counterparties_{by}_{days}",
        name=f"counterparties_{by}_{subject.name}",
        empty="No counterparties were seen in this period." if days is None
        else f"Nobody new in the last {days} days of what was seen.",
        columns=("who", "status", "category", "in_usd", "out_usd", "net_usd", "transfers_in", "transfers_out",
                 "unpriced", "first_time", "last_time", "name" if by == "address" else "addresses", "is_venue"),
        picks="one",
        note="Spam, fees and transfers between its own addresses are left out. Pick a row for what stands behind it.",
    )  # fmt: skip
    if row is not None:
        _show_behind(reader, subject, window, row)


def _ask_which(reader: Reader) -> tuple[By, int | None, Token | None]:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        by: By = st.segmented_control(
            "Counterparties by", ("entity", "address"), default="entity", required=True, key="by", bind="query-params"
        )
        since = st.segmented_control(
            "Which", tuple(_NEW), default="everybody", required=True, key="which", bind="query-params"
        )
        text = st.text_input("In one token", key="in_token", bind="query-params", placeholder="symbol or contract",
                             width=240)  # fmt: skip
    try:
        token = resolve_token(reader, text) if text else None
    except IntelError as error:
        st.warning(plain(f"{error.message}. {error.hint}"), icon=":material/filter_alt_off:")
        token = None
    return by, _NEW[since], token


def _tabulate(
    reader: Reader, subject: Subject, window: Window, which: tuple[By, int | None, Token | None], limit: int | None
) -> pa.Table:
    by, days, token = which
    if token is not None:
        return tabulate_partners_in_token(reader, subject, token, window, by=by, limit=limit)
    if days is not None:
        return tabulate_new(reader, subject, window, days=days, by=by, limit=limit)
    return sheet_counterparties(reader, subject, window, by=by, limit=limit)


def _show_behind(reader: Reader, subject: Subject, window: Window, row: Mapping[str, Any]) -> None:
    party = row["entity_id"] or row["address"]
    with st.container(border=True, key="behind_party"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(row['who'])}**")
            if party:
                open_rows(
                    f"The {say_count(row['transfers_in'] + row['transfers_out'])} transfers",
                    "party_rows",
                    tab="Transfers",
                    party=party,
                    hides_spam=True,
                    hides_fees=True,
                )
                link_subject(party, "Profile", ":material/badge:")
        tokens = tabulate_tokens_with_partner(
            reader, subject, window, entity_id=row["entity_id"], address=row["address"]
        )
        show_table(tokens, key="behind_tokens", columns=("symbol", "in_usd", "out_usd", "transfers_in",
                                                         "transfers_out", "unpriced", "chain", "token"))  # fmt: skip
