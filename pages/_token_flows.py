"""Between whom does a token flow, how much of it goes to exchanges, and which transfers are that?"""

from __future__ import annotations

from typing import Literal

import streamlit as st

from intel.profiler.postings import Window
from intel.profiler.token_flows import tabulate_token_exchange_flows, tabulate_token_flows
from intel.profiler.tokens import Token
from intel.store.reader import Reader
from pages._flows import draw_flows, find_period
from pages._tables import show_whole


def find_moves(token: Token) -> dict[str, object]:
    """Return the filters of a profile's transfers in this token."""
    return {"token": token.token or "native", "chain": token.chain}


def show_token_flows(reader: Reader, token: Token, window: Window) -> None:
    """Show the top flows between owners, and what went to and came from exchanges."""
    show_whole(
        "Top flows",
        lambda limit: tabulate_token_flows(reader, token, window, limit=limit),
        key="flows",
        name=f"flows_{token.text}",
        empty="It did not move between different owners in this period.",
        columns=("sender", "receiver", "amount", "usd", "transfers", "unpriced", "sender_category",
                 "receiver_category", "first_time", "last_time"),
        opens=("sender_entity", "sender_address"),
        rows=lambda row: {
            **find_moves(token), "party": row["receiver_entity"] or row["receiver_address"], "direction": "Out",
            "hides_spam": True,
        },
        note="Between owners; moves inside an entity are left out.",
    )  # fmt: skip
    st.subheader("To and from exchanges")
    step: Literal["day", "week", "month"] = st.segmented_control(
        "Per", ("day", "week", "month"), default="month", required=True, key="step", bind="query-params"
    )
    over_time = tabulate_token_exchange_flows(reader, token, window, step=step)
    if over_time.num_rows:
        draw_flows(over_time, "token_exchanges", step)
    show_whole(
        "By exchange",
        lambda limit: over_time.slice(0, limit),
        key="token_usage",
        name=f"exchange_flows_{token.text}",
        empty="No transfer of it to or from an exchange was seen in this period.",
        columns=("period", "name", "in_usd", "out_usd", "net_usd", "in_amount", "out_amount", "transfers"),
        opens=("exchange",),
        rows=lambda row: {**find_moves(token), **find_period(row, step)},
    )
