"""Who is it, how do we know, and what must be known before relying on it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.members import count_members
from intel.profiler.sheets import add_up
from intel.store.reader import Reader
from pages._links import link_subject, open_rows
from pages._words import STATUS, STATUS_HELP, plain, say_category, say_count, say_day, say_share, say_usd, say_words

# How an entity's addresses came to be its own.
SHARES = {
    "labelled": "named by published labels",
    "attributed": "attributed by evidence",
    "private": "by private labels of this store",
}


def show_header(reader: Reader, subject: Subject, profile: Profile) -> None:
    """Show name, address, status in word and form, and the sentence that it rests on."""
    entity = profile.entity
    if subject.kind == "entity":
        st.caption("List" if entity and entity["kind"] == "list" else "Entity")
        st.title(plain(subject.name))
        st.code(subject.entity_id or "", language=None, width="content")
    else:
        chains = ", ".join(item.chain or "any EVM chain" for item in subject.addresses)
        st.caption(plain(f"Address on {chains}"))
        st.title(plain(entity["name"]) if entity else "Unknown owner")
        st.code(subject.name, language=None, width="content")
    _show_badges(subject, profile)
    if entity is not None:
        _show_basis(reader, subject, entity)
    if profile.role is not None and profile.role["is_predicted"]:
        why = f"Predicted from behaviour by {profile.role['basis']}, not told by any label or rule."
        st.caption(plain(f"◇ {why} {profile.role['explanation']}"))


def find_status(subject: Subject, profile: Profile) -> str:
    """Return labelled, attributed, private or unknown: how we come to say who it is."""
    entity = profile.entity
    if entity is None:
        return "unknown"
    if entity["visibility"] == "private":
        return "judged" if entity["basis"] == ["judgement"] else "private"
    if subject.kind == "entity":
        return "attributed" if entity["kind"] == "anonymous" else "labelled"
    return str(entity["status"] or "labelled")


def _show_badges(subject: Subject, profile: Profile) -> None:
    entity, role = profile.entity, profile.role
    status = find_status(subject, profile)
    word, icon, color, _ = STATUS[status]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(word, icon=icon, color=color, help=STATUS_HELP[status])  # type: ignore[arg-type]
        for listing in profile.extra["listings"]:
            told = f"Named by {', '.join(listing['sources'])}. A list says that it is listed, not who owns it."
            st.badge(
                plain(f"Listed: {say_category(listing['category'])}"),
                icon=":material/flag:",
                color="red",
                help=plain(told),
            )
        for text in _list_facts(subject, entity, role):
            st.badge(plain(text), color="gray")


def _list_facts(subject: Subject, entity: Mapping[str, Any] | None, role: Mapping[str, Any] | None) -> list[str]:
    facts = []
    if entity is not None:
        facts += [say_category(entity["category"])] if entity["category"] else []
        facts += ["holds for customers"] if entity["is_custodial"] else []
        if subject.kind == "address":
            facts += [f"role: {say_words(entity['role'])}"] if entity["role"] else []
            facts += [f"tier: {entity['tier']}", f"confidence {say_share(entity['confidence'])}"]
        else:
            count = entity["addresses"]
            facts += [f"{say_count(count)} address{'' if count == 1 else 'es'}", f"members: {entity['tier']}"]
            facts += [f"median confidence {say_share(entity['confidence'])}"] if entity["confidence"] else []
    elif role is not None:
        likely = "" if role["probability"] is None else f" ({say_share(role['probability'])})"
        told = "predicted role" if role["is_predicted"] else "behaves like"
        facts.append(f"{told}: {say_words(role['name'])}{likely}")
    return facts


def _show_basis(reader: Reader, subject: Subject, entity: Mapping[str, Any]) -> None:
    if subject.kind == "address":
        basis = ", ".join(say_words(rule) for rule in entity["basis"] or ())
        why = str(entity["reason"] or "").rstrip(".")
        st.markdown(f"**Why:** {plain(why)}. " + (f"**Basis:** {plain(basis)}." if basis else ""))
        if entity["rival"]:
            rival = "an owner that is not listed" if entity["rival"] == "unlisted" else entity["rival"]
            st.caption(plain(f"Best rival: {rival}, {say_share(entity['rival_confidence'])}"))
        link_subject(entity["id"], f"All of {entity['name']}", ":material/domain:")
    else:
        counts = [f"{say_count(n)} {SHARES[standing]}" for standing, n in count_members(reader, subject).items()]
        if counts:
            st.markdown(f"**Its addresses:** {', '.join(counts)}.")
    if entity["parent"]:
        link_subject(entity["parent"], f"Part of {entity['parent']}", ":material/account_tree:")


def show_figures(profile: Profile) -> None:
    """Show the few numbers that describe the subject best, each with the way to the rows behind it."""
    activity, pnl = profile.activity, profile.pnl
    seen = "In the part of history this store saw"
    own = "Without those between its own addresses"
    moves: dict[str, object] = {"tab": "Transfers", "sort": "time"}
    figures: list[tuple[str, str, str, dict[str, object]]] = [
        (
            profile.holdings_title.capitalize(),
            say_usd(add_up(profile.holdings)),
            "Priced tokens, without spam",
            {"tab": "Overview"},
        ),
        ("Transfers in", say_count(activity["transfers_in"]), own, moves | {"direction": "In", "hides_internal": True}),
        ("Transfers out", say_count(activity["transfers_out"]), own,
         moves | {"direction": "Out", "hides_internal": True}),
        ("Counterparties", say_count(activity["counterparties"]), "Addresses, without spam and who only earned fees",
         {"tab": "Overview", "by": "address"}),
        ("First seen", say_day(activity["first_seen"]), seen, moves | {"newest_first": False}),
        ("Last seen", say_day(activity["last_seen"]), seen, moves | {"newest_first": True}),
    ]  # fmt: skip
    if pnl is not None:
        figures.insert(
            1, ("PnL", say_usd(pnl["total_usd"]), "Realised, unrealised and income less fees", {"tab": "PnL"})
        )
    with st.container(horizontal=True, gap="large", key="figures"):  # wraps: an exact number is never cut off
        for title, value, note, filters in figures:
            with st.container(width="content", gap=None):
                st.metric(title, plain(value), help=note, width="content")
                open_rows("Why?", f"why_{title}", **filters)


def show_caveats(profile: Profile) -> None:
    """Show what limits the statements on this page."""
    if profile.caveats:
        with st.expander(f"Before relying on this ({len(profile.caveats)})", expanded=True, icon=":material/info:"):
            st.markdown("\n".join(f"- {plain(text)}" for text in profile.caveats))
