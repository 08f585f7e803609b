"""How does a person find a subject by typing?"""

from __future__ import annotations

import streamlit as st

from intel.profiler.subjects import suggest
from intel.store.reader import Reader
from pages._links import PROFILE, link_subject
from pages._words import plain

# The box takes the focus unless the user is typing elsewhere. Enter presses Open; Streamlit's own shortcuts do not act
# inside a box.
_ENTER = """<script>
if (!window.intelOpensOnEnter) {
  window.intelOpensOnEnter = true;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches(".st-key-query input")) {
      setTimeout(() => document.querySelector(".st-key-open button")?.click(), 50);
    }
  });
}
let tries = 20;
const takeFocus = () => {
  const box = document.querySelector(".st-key-query input");
  if (!["INPUT", "TEXTAREA"].includes(document.activeElement?.tagName)) box?.focus();
  if (tries-- > 0 && document.activeElement !== box) setTimeout(takeFocus, 100);
};
takeFocus();
</script>"""


@st.fragment
def ask_subject(reader: Reader, page: str = PROFILE) -> None:
    """Search while the user types; Enter opens what stands first, on that page."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            type="search",
            key="query",
            live=True,
            placeholder="Name, entity id or address: 0x…, eip155:1:0x…",
            label_visibility="collapsed",
        )
        opens = st.button("Open", key="open", type="primary", help="Enter: what stands first, or the text as it is")
    st.html(_ENTER, unsafe_allow_javascript=True)
    wanted = (text or "").strip()
    if not wanted:
        st.caption("Type two letters of a name, or paste an address.")
        return
    found = suggest(reader, wanted, limit=8)
    if opens:
        exact = [item.text for item in found if item.text.lower() == wanted.lower()]
        first = exact or [item.text for item in found if item.kind == "entity"]
        st.switch_page(page, query_params={"subject": (first or [wanted])[0]})
    for item in found:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            link_subject(item.text, item.name, ":material/domain:" if item.kind == "entity" else ":material/tag:", page)
            if item.detail != item.kind:
                st.caption(plain(item.detail))
    if not found:
        st.caption("No name or address begins like this. Open tells what is known about a whole address.")


def ask_pair() -> tuple[str, str]:
    """Ask for the two subjects; they stand in the address of the page."""
    left, right = st.columns(2)
    hint = "address, entity id or name"
    first = left.text_input("One", key="left", bind="query-params", placeholder=hint)
    second = right.text_input("The other", key="right", bind="query-params", placeholder=hint)
    return (first or "").strip(), (second or "").strip()
