"""What comes into and goes out of an exchange, what does it keep, and which deposit addresses are used?"""

from __future__ import annotations

from typing import Literal

import streamlit as st

from intel.model import Subject
from intel.profiler.exchange_page import (
    tabulate_deposit_addresses,
    tabulate_netflows,
    tabulate_new_deposits,
    tabulate_reserves,
)
from intel.profiler.partner_sheets import name_sides
from intel.profiler.postings import Window
from intel.store.reader import Reader
from pages._flows import draw_flows, find_period
from pages._tables import show_whole


def show_venue(reader: Reader, subject: Subject, window: Window) -> None:
    """Show netflows, what the wallets keep, and how many deposit addresses came into use."""
    st.subheader("Netflow")
    step: Literal["day", "week", "month"] = st.segmented_control(
        "Per", ("day", "week", "month"), default="month", required=True, key="step", bind="query-params"
    )
    flows = tabulate_netflows(reader, subject, window, step=step)
    if flows.num_rows:
        draw_flows(name_sides(flows), "netflow_chart", step)
    show_whole(
        "By period",
        lambda limit: flows.slice(0, limit),
        key="netflows",
        name=f"netflows_{subject.name}",
        empty="Nothing came in or went out in this period.",
        columns=("period", "deposited_usd", "withdrawn_usd", "net_usd", "deposits", "withdrawals", "unpriced"),
        opens=("exchange",),
        rows=lambda row: find_period(row, step),
        note="Moves inside the exchange, fees and spam are left out.",
    )
    show_whole(
        "What it keeps for customers",
        lambda limit: tabulate_reserves(reader, subject, window).slice(0, limit),
        key="reserves",
        name=f"reserves_{subject.name}",
        empty="None of its addresses holds anything.",
        columns=("role", "addresses", "usd", "share", "unpriced"),
        note="In less out of the wallets this store knows; what it owes is not on the ledger. By token: Overview. By "
        "wallet: Addresses.",
    )
    show_whole(
        "Deposit addresses first used",
        lambda limit: tabulate_new_deposits(reader, subject, window, step=step).slice(0, limit),
        key="new_deposits",
        name=f"new_deposit_addresses_{subject.name}",
        empty="No deposit address of it is known.",
        note="Per period as chosen above. Which they are: Addresses.",
    )


def show_deposit_addresses(reader: Reader, subject: Subject, window: Window) -> None:
    """Show the deposit addresses that the subject paid into, and whether others did."""
    show_whole(
        "Deposit addresses used",
        lambda limit: tabulate_deposit_addresses(reader, subject, window, limit=limit),
        key="deposit_addresses",
        name=f"deposit_addresses_{subject.name}",
        empty="No payment to a known deposit address was seen in this period.",
        columns=("address", "name", "status", "deposits", "usd", "unpriced", "first_time", "last_time", "other_users",
                 "confidence"),
        opens=("address",),
        note="Other users: others who ever paid into it. An address with other users proves nothing about this one.",
    )  # fmt: skip
