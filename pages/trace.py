"""Where did money go, or where did it come from, payment by payment?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from intel.profiler.postings import Window
from intel.profiler.routes import describe_routes
from intel.profiler.trace import RULES, Direction, Question, Rule, resolve_source
from intel.profiler.trace_report import Trace, trace_money
from intel.store.reader import Reader
from pages._clock import ask_period
from pages._frame import show_page
from pages._links import link_search
from pages._trace_picture import show_picture
from pages._trace_told import offer_case_files, show_categories, show_ends, show_routes, show_steps
from pages._words import plain, say_count, say_usd

_DIRECTIONS: dict[str, Direction] = {"Where it went": "forward", "Where it came from": "backward"}
_RULES: dict[str, Rule] = {rule: rule for rule in RULES}
_RULE_HELP = """Which part of a payment is the money followed?
haircut: its share, as if all that the payer held were mixed.
fifo: what came in first goes out first.
poison: all of it, an upper bound that counts money again at each step."""


@st.cache_resource(
    max_entries=16, show_spinner="Following the money … (the first time on a machine, half a minute more)"
)
def load_trace(_reader: Reader, build_id: str, text: str, question: Question) -> Trace:
    """Return the trace; kept per build."""
    assert build_id == _reader.build_id
    source = resolve_source(_reader, text, question.tier, shows_private=question.shows_private)
    return trace_money(_reader, source, question)


@st.cache_resource(max_entries=16, show_spinner="Looking for routes …")
def load_routes(_reader: Reader, build_id: str, texts: tuple[str, str], question: Question) -> dict[str, Any]:
    """Return the routes between two subjects; kept per build."""
    assert build_id == _reader.build_id
    source, target = (resolve_source(_reader, text, question.tier) for text in texts)
    return describe_routes(_reader, source, target, question)


def ask_question() -> tuple[str, str, Question]:
    """Ask what is followed and how; all of it stands in the address of the page."""
    left, right = st.columns(2)
    source = left.text_input("Money of", key="source", bind="query-params",
                             placeholder="address, entity, name or transaction hash")  # fmt: skip
    target = right.text_input("Routes to (optional)", key="target", bind="query-params",
                              placeholder="address, entity or name")  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        direction = st.segmented_control("Direction", list(_DIRECTIONS), default="Where it went", required=True,
                                         key="way", bind="query-params")  # fmt: skip
        rule = st.segmented_control("Rule", list(_RULES), default="haircut", required=True, key="rule",
                                    bind="query-params", help=_RULE_HELP)  # fmt: skip
        hops = st.number_input("At most payments away", 1, 100, 10, key="hops", bind="query-params", width=170)
        least = st.number_input("Cut off below USD", 0.0, value=1.0, key="cut", bind="query-params", width=160,
                                help="What carries less is not followed further; it is unresolved.")  # fmt: skip
        with st.popover("Period", icon=":material/calendar_month:", type="tertiary"):
            window: Window = ask_period()
    asked = Question(
        _RULES[rule or "haircut"], _DIRECTIONS[direction or "Where it went"], int(hops), float(least), window=window
    )
    return (source or "").strip(), (target or "").strip(), asked


def show_trace(reader: Reader, source: str, question: Question) -> None:
    """Show what became of the money: the sum, by category, the ends, the payments, and the file of it."""
    trace = load_trace(reader, reader.build_id, source, question)
    if not trace.total_usd:
        st.info("Nothing to follow: no priced payment of this source lies in this period.", icon=":material/inbox:")
        for caveat in trace.caveats:
            st.caption(plain(caveat))
        return
    unresolved = sum(row["usd"] for row in trace.categories if row["category"].startswith("unresolved"))
    columns = st.columns(4)
    columns[0].metric("Followed", say_usd(trace.total_usd), help="As it was worth when it left the source")
    columns[1].metric("Resolved", f"{1 - unresolved / trace.total_usd:.1%}",
                      help="Reached somebody named, a mixer, or came back to the source")  # fmt: skip
    columns[2].metric("Ends", say_count(trace.end_count))
    columns[3].metric("Payments", say_count(trace.step_count))
    with st.container(horizontal=True):
        published = replace(question, shows_private=False)
        offer_case_files(reader, trace, lambda: load_trace(reader, reader.build_id, source, published))
    show_picture(trace)
    show_categories(trace)
    show_ends(trace)
    show_steps(trace)
    with st.expander("What to keep in mind", icon=":material/info:", expanded=False):
        for caveat in trace.caveats:
            st.markdown(f"- {plain(caveat)}")


def show_page_of_trace(reader: Reader) -> None:
    """Show the page."""
    st.title("Follow the money")
    source, target, question = ask_question()
    if not source:
        st.caption(
            "Give an address, an entity or a transaction. No payment on the way is older than the one that paid for "
            "it; named services, mixers and unlabelled hubs end the trace, because they mix the money of many."
        )
        link_search("Search for somebody")
    elif target:
        show_routes(load_routes(reader, reader.build_id, (source, target), question))
    else:
        show_trace(reader, source, question)


show_page(show_page_of_trace)
