"""Which pages does the app have? (Run it with `intel demo`, `make run`, or `streamlit run app.py`.)"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

# A file of ours: a Material icon or an emoji would be fetched from elsewhere.
ICON = Path(__file__).parent / "pages" / "icon.svg"

st.set_page_config(page_title="intel", page_icon=ICON, layout="wide")
page = st.navigation(
    [
        st.Page("pages/search.py", title="Search", icon=":material/search:", default=True),
        st.Page("pages/profile.py", title="Profile", icon=":material/badge:", url_path="profile"),
        st.Page("pages/explain.py", title="Explain", icon=":material/compare_arrows:", url_path="explain"),
        st.Page("pages/store.py", title="Coverage and build", icon=":material/inventory_2:", url_path="store"),
    ],
    position="top",
)
page.run()
