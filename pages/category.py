"""Which entities are of a kind, how large is each, and how much goes in and out of it?"""

from __future__ import annotations

import streamlit as st

from intel.profiler.categories import list_categories, tabulate_category
from intel.profiler.exchange_page import tabulate_netflows
from intel.profiler.partner_sheets import name_sides
from intel.profiler.postings import EXCHANGE_CATEGORIES
from intel.store.reader import Reader
from pages._flows import draw_flows
from pages._frame import show_page
from pages._links import CATEGORY, read_wanted
from pages._tables import show_table, show_whole
from pages._words import plain, say_category, say_count


def show_category(reader: Reader, category: str) -> None:
    """Show the entities of one category, and all exchanges' flows where they are exchanges."""
    table = tabulate_category(reader, category, limit=None)
    st.caption("Category")
    title = say_category(category)
    st.title(plain(title[:1].upper() + title[1:]))
    st.page_link(CATEGORY, label="All categories", icon=":material/category:")
    show_whole(
        f"{say_count(table.num_rows)} entities",
        lambda limit: table.slice(0, limit),
        key="entities",
        name=f"category_{category}",
        empty="Nobody.",
        columns=("name", "visibility", "addresses", "in_usd", "out_usd", "net_usd", "transfers_in", "transfers_out",
                 "unpriced", "first_time", "last_time"),
        opens=("entity_id",),
        rows=lambda row: {"hides_internal": True, "hides_spam": True},
        note="Largest turnover first. What an entity moves between its own addresses, and spam, are left out.",
    )  # fmt: skip
    if category in EXCHANGE_CATEGORIES:
        st.subheader("All exchanges: deposits and withdrawals per month")
        draw_flows(name_sides(tabulate_netflows(reader)), "all_exchanges", "month")


def show_categories(reader: Reader) -> None:
    """Show the page: one category, or all of them."""
    wanted = read_wanted("category")
    if wanted:
        show_category(reader, wanted)
        return
    st.title("Categories")
    st.caption("Every category with a named entity. Pick a row to see its entities.")
    row = show_table(list_categories(reader), key="categories", picks="one")
    if row is not None:
        st.switch_page(CATEGORY, query_params={"category": row["category"]})


show_page(show_categories)
