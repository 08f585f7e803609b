"""Which pages does the app have? (Run it with `intel demo`, `make run`, or `streamlit run app.py`.)"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages._clock import ask_zone

# A file of ours: a Material icon or an emoji would be fetched from elsewhere.
ICON = Path(__file__).parent / "pages" / "icon.svg"

st.set_page_config(page_title="intel", page_icon=ICON, layout="wide")
page = st.navigation(
    [
        st.Page("pages/search.py", title="Search", icon=":material/search:", default=True),
        st.Page("pages/profile.py", title="Profile", icon=":material/badge:", url_path="profile"),
        st.Page("pages/token.py", title="Tokens", icon=":material/toll:", url_path="token"),
        st.Page("pages/category.py", title="Categories", icon=":material/category:", url_path="category"),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
        st.Page("pages/explain.py", title="Explain", icon=":material/hub:", url_path="explain"),
        st.Page("pages/graph.py", title="Graph", icon=":material/graph_3:", url_path="graph"),
        st.Page("pages/trace.py", title="Trace", icon=":material/route:", url_path="trace"),
        st.Page("pages/cases.py", title="Cases", icon=":material/folder:", url_path="cases"),
        st.Page("pages/evaluation.py", title="Evaluation", icon=":material/straighten:", url_path="evaluation"),
        st.Page("pages/store.py", title="Coverage and build", icon=":material/inventory_2:", url_path="store"),
    ],
    position="top",
)
ask_zone()
page.run()
