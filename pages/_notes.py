"""What has somebody written about the subject, is it watched, and to which cases does it belong?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from intel.config import read_settings
from intel.errors import IntelError
from intel.store.notes import Note, Notebook
from intel.store.reader import Reader
from pages._links import CASES
from pages._words import plain, say_time


def change(reader: Reader, write: Callable[[Notebook], object], clears: str = "") -> None:
    """Write to the notebook, as a callback; what fails is told on the page. `clears` names a box to empty."""
    try:
        with Notebook(reader.store) as notebook:
            write(notebook)
        if clears:
            st.session_state[clears] = ""
    except IntelError as error:
        st.session_state["note_problem"] = f"{error.message}: {error.hint}".rstrip(": ")


def tell_problem() -> None:
    """Tell what could not be written, once."""
    problem = st.session_state.pop("note_problem", None)
    if problem:
        st.warning(plain(problem), icon=":material/edit:")


def show_notes(reader: Reader, notes: list[Note]) -> None:
    """Show notes with a button to take each back."""
    for note in notes:
        with st.container(border=True, key=f"note_{note.note_id}"):
            st.text(note.text)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(plain(f"Private note · {note.made_by or 'somebody'} · {say_time(note.made_at)}"))
                st.button(
                    "Take back", key=f"drop_note_{note.note_id}", icon=":material/undo:", type="tertiary",
                    on_click=change, args=(reader, lambda book, one=note.note_id: book.remove_note(one)),
                )  # fmt: skip


def ask_note(reader: Reader, key: str, add: Callable[[Notebook, str], object]) -> None:
    """Ask for a note; it stands on the page at once."""
    st.text_area("Note", key=key, placeholder="What you know, in your words", height=90)

    def write(notebook: Notebook) -> None:
        add(notebook, st.session_state[key] or "")

    st.button(
        "Keep the note", key=f"keep_{key}", on_click=change, args=(reader, write, key), icon=":material/note_add:"
    )


def show_notebook(reader: Reader, name: str) -> None:
    """Show the bar of a profile: watch, note, case; and the notes about the subject."""
    by = read_settings().user
    try:
        with Notebook(reader.store) as notebook:
            watched, notes, cases = notebook.watched(), notebook.notes(subject=name), notebook.cases()
    except IntelError as error:
        st.caption(plain(f"Notes are not shown: {error.message}."))
        return
    is_watched = name in watched
    label = "On the watch-list" if is_watched else "Watch"
    icon = ":material/visibility:" if is_watched else ":material/visibility_off:"
    st.button(
        label, key="watch", icon=icon, type="tertiary", on_click=change,
        args=(reader, lambda book: book.unwatch(name) if is_watched else book.watch(name, made_by=by)),
    )  # fmt: skip
    with st.popover(f"Notes ({len(notes)})", icon=":material/sticky_note_2:", type="tertiary"):
        st.caption("Notes stay in this store: no export has them, only a case you print.")
        show_notes(reader, notes)
        ask_note(reader, "note_text", lambda book, text: book.add_note(text, subject=name, made_by=by))
    with st.popover("Cases", icon=":material/folder_open:", type="tertiary"):
        for case in cases:
            if name in case.subjects:
                st.page_link(CASES, label=plain(case.title), icon=":material/folder:",
                             query_params={"case": str(case.case_id)})  # fmt: skip
            else:
                st.button(
                    plain(f"Add to: {case.title}"), key=f"add_{case.case_id}", type="tertiary", icon=":material/add:",
                    on_click=change,
                    args=(reader, lambda book, one=case.case_id: book.add_subject(one, name)),
                )  # fmt: skip
        st.text_input("New case", key="new_case", placeholder="its title")
        st.button(
            "Open a case with this subject", key="open_case", icon=":material/create_new_folder:", on_click=change,
            args=(reader, lambda book: book.add_subject(
                book.open_case(st.session_state["new_case"] or "", made_by=by), name), "new_case"),
        )  # fmt: skip
    tell_problem()
