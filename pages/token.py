"""Who holds a token, how concentrated is it, and between whom does it flow?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from intel.profiler.overview import list_tokens
from intel.profiler.postings import Window
from intel.profiler.tokens import (
    Token,
    describe_token,
    resolve_token,
    tabulate_holders,
)
from intel.store.reader import Reader
from pages._clock import ask_period
from pages._frame import show_page
from pages._links import link_token, read_wanted
from pages._tables import show_whole
from pages._token_flows import find_moves, show_token_flows
from pages._words import plain, say_count, say_day, say_share, say_usd, say_words


def show_token(reader: Reader, token: Token) -> None:
    """Show what the token is, its holders and its flows."""
    st.caption("Token")
    st.title(plain(token.name or token.symbol or "Token without a name"))
    st.code(token.text, language=None, width="content")
    _show_badges(token)
    with st.popover("Period", icon=":material/tune:", type="tertiary"):
        window = ask_period()
    facts = describe_token(reader, token, until=window)
    _show_figures(facts)
    _warn(token, facts)
    _show_holders(reader, token, window)
    show_token_flows(reader, token, window)


def _show_badges(token: Token) -> None:
    with st.container(horizontal=True, gap="small"):
        if token.is_verified:
            st.badge("Verified", icon=":material/verified:", color="blue", help="On a list of known tokens.")
        else:
            st.badge("Not verified", icon=":material/help:", color="gray", help="A symbol is no identity.")
        for flag in token.flags:
            st.badge(plain(say_words(flag)), icon=":material/flag:", color="red")
        decimals = "decimals unknown" if token.decimals is None else f"{token.decimals} decimals"
        for text in (token.symbol, token.chain, token.standard, decimals):
            if text:
                st.badge(plain(text), color="gray")


def _show_figures(facts: Mapping[str, Any]) -> None:
    spread = facts["concentration"]
    price = "–" if facts["price_usd"] is None else f"${facts['price_usd']:,.6g}"
    figures = (
        ("Price", price, f"Last known, of {say_day(facts['price_date'])} (UTC)"),
        ("Seen held", say_usd(facts["held_usd"]), "Sum of all amounts above zero below; burnt tokens are nobody's"),
        ("Holders", say_count(facts["holders"]), "Addresses with an amount above zero: by address, below"),
        ("Top 10 addresses", say_share(spread["address"]["top_10_share"]), "Share of what is held"),
        ("Top 10 owners", say_share(spread["entity"]["top_10_share"]), "Addresses of one entity counted together"),
        ("Below zero", say_count(facts["negative"]), "Addresses that sent more than was seen coming in"),
    )
    with st.container(horizontal=True, gap="large"):
        for title, value, note in figures:
            st.metric(title, plain(value), help=note, width="content")


def _warn(token: Token, facts: Mapping[str, Any]) -> None:
    if token.decimals is None:
        st.warning("Nobody says how many decimals it has: amounts are in base units, and nothing is valued.",
                   icon=":material/help:")  # fmt: skip
    if token.is_oversize:
        st.warning("Its amounts are beyond any sum: transfers are listed, never added up.", icon=":material/help:")
    if facts["negative"]:
        st.caption(
            f"Of {say_count(facts['negative'])} addresses more went out than was seen coming in: their history is not "
            "whole here, or they mint. They stand last among the holders."
        )


def _show_holders(reader: Reader, token: Token, window: Window) -> None:
    by: Literal["entity", "address"] = st.segmented_control(
        "Holders by", ("entity", "address"), default="entity", required=True, key="by", bind="query-params"
    )
    show_whole(
        "Top holders",
        lambda limit: tabulate_holders(reader, token, by=by, until=window, limit=limit),
        key=f"holders_{by}",
        name=f"holders_{by}_{token.text}",
        empty="Nobody was seen holding it.",
        columns=("who", "status", "category", "amount", "usd", "share", "role" if by == "address" else "addresses"),
        opens=("entity_id", "address") if by == "entity" else ("address", "entity_id"),
        rows=lambda row: find_moves(token),
        note="What was seen: in less out, per address.",
    )


def show_tokens(reader: Reader) -> None:
    """Show the page: one token, or the tokens one might begin with."""
    wanted = read_wanted("token")
    if not wanted:
        st.title("Which token?")
        typed = st.text_input("Token", key="wanted", placeholder="contract, chain:contract, chain:native or symbol")
        if typed:
            st.switch_page("pages/token.py", query_params={"token": typed})
        for text, name in list_tokens(reader):
            link_token(text, name)
        return
    show_token(reader, resolve_token(reader, wanted))


show_page(show_tokens, link_token)
