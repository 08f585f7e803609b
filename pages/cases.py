"""Which subjects are watched, which cases are open, and what does a case say in print?"""

from __future__ import annotations

import re

import streamlit as st

from intel.config import read_settings
from intel.errors import UsageError
from intel.profiler.case_print import print_html, print_markdown
from intel.profiler.cases import describe_case
from intel.store.notes import Case, Notebook
from intel.store.reader import Reader
from pages._frame import show_page
from pages._links import CASES, link_subject, read_wanted
from pages._notes import ask_note, change, show_notes, tell_problem
from pages._words import plain, say_count, say_time


def show_list(reader: Reader) -> None:
    """Show the cases and the watch-list."""
    st.title("Cases and watch-list")
    tell_problem()
    with Notebook(reader.store) as notebook:
        cases, watched = notebook.cases(), notebook.watched()
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Cases")
        for case in cases:
            told = f"{case.title}: {say_count(len(case.subjects))} subjects"
            st.page_link(CASES, label=plain(told), icon=":material/folder:", query_params={"case": str(case.case_id)})
        if not cases:
            st.caption("No case is open. A case gathers subjects and notes, and prints them with their evidence.")
        st.text_input("New case", key="title", placeholder="its title")
        by = read_settings().user
        st.button("Open the case", key="open_case", icon=":material/create_new_folder:", on_click=change, args=(
            reader, lambda book: book.open_case(st.session_state["title"] or "", made_by=by), "title"))  # fmt: skip
    with right:
        st.subheader("Watch-list")
        for subject in watched:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                link_subject(subject, subject, ":material/visibility:")
                st.button("Remove", key=f"unwatch_{subject}", type="tertiary", icon=":material/close:",
                          on_click=change, args=(reader, lambda book, one=subject: book.unwatch(one)))  # fmt: skip
        if not watched:
            st.caption("Nobody is watched. “Watch” on a profile puts its subject here.")


def show_case(reader: Reader, case: Case) -> None:
    """Show one case: subjects, notes and the report to download."""
    by = read_settings().user
    number = case.case_id
    st.caption(f"Case {number} · private to this store")
    st.title(plain(case.title))
    st.caption(plain(f"Opened {say_time(case.made_at)}" + (f" by {case.made_by}" if case.made_by else "")))
    tell_problem()
    with Notebook(reader.store) as notebook:
        notes = notebook.notes(case_id=number)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Subjects")
        for subject in case.subjects:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                link_subject(subject, subject, ":material/badge:")
                st.button("Remove", key=f"drop_{subject}", type="tertiary", icon=":material/close:", on_click=change,
                          args=(reader, lambda book, one=subject: book.drop_subject(number, one)))  # fmt: skip
        if not case.subjects:
            st.caption("No subject yet: “Cases” on a profile adds it here.")
    with right:
        st.subheader("Notes on the case")
        show_notes(reader, notes)
        ask_note(reader, "case_note", lambda book, text: book.add_note(text, case_id=number, made_by=by))
    _offer_report(reader, case)
    st.page_link(CASES, label="All cases", icon=":material/folder_open:")
    st.button("Put the case away", key="put_away", type="tertiary", icon=":material/archive:", on_click=change,
              args=(reader, lambda book: book.remove_case(number)))  # fmt: skip


def _offer_report(reader: Reader, case: Case) -> None:
    st.subheader("The case in print")
    st.caption(
        "Subjects, why we say so, figures, evidence with its transactions, links, notes; with build, code version and "
        "hashes. It holds private notes, labels and judgements: mind to whom it goes."
    )
    name = re.sub(r"[^\w.-]+", "_", f"case_{case.case_id}_{case.title}")[:80]
    kinds = (
        ("HTML, to print", "html", "text/html", print_html),
        ("Markdown", "md", "text/markdown", print_markdown),
    )
    with st.container(horizontal=True):
        for label, ending, mime, write in kinds:
            st.download_button(
                label,
                data=lambda write=write: write(describe_case(reader, case.case_id)).encode(),
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"print_{ending}",
                on_click="ignore",
                icon=":material/download:",
            )
    if st.toggle("Show it here", key="shows_report"):
        with st.container(border=True):
            st.markdown(print_markdown(describe_case(reader, case.case_id)))


def show_cases(reader: Reader) -> None:
    """Show the page: one case, or all of them and the watch-list."""
    wanted = read_wanted("case")
    if not wanted:
        show_list(reader)
        return
    if not wanted.isdecimal():
        raise UsageError(f"{wanted!r} is no number of a case", "the list of cases has those of this store")
    with Notebook(reader.store) as notebook:
        case = notebook.find_case(int(wanted))
    show_case(reader, case)


show_page(show_cases)
