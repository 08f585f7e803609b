"""What is each column of a table called, and how is it written?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._clock import read_zone
from pages._words import say_words

_column = st.column_config
_ADDRESS = {"width": 330}
# Times: what they are called, how they are written, and how wide; the zone is added where they are shown.
TIMES = {
    "block_time": ("Time", "YYYY-MM-DD HH:mm:ss", 170),
    "time": ("Time", "YYYY-MM-DD HH:mm", 150),
    "first_time": ("First", "YYYY-MM-DD HH:mm", 150),
    "last_time": ("Last", "YYYY-MM-DD HH:mm", 150),
    "made_at": ("Made", "YYYY-MM-DD HH:mm", 150),
}
# What each column is called and how it is written; the others keep their name and form.
COLUMNS: dict[str, Any] = {
    "status": _column.TextColumn("Status", width=135),
    "who": _column.TextColumn("Who", width=330),
    "name": _column.TextColumn("Name"),
    "category": _column.TextColumn("Category"),
    "role": _column.TextColumn("Role"),
    "tier": _column.TextColumn("Tier"),
    "symbol": _column.TextColumn("Token", width=90),
    "amount": _column.TextColumn("Amount (exact)", alignment="right", width=165),
    "value_usd": _column.NumberColumn("USD", format="dollar"),
    "in_usd": _column.NumberColumn("Received USD", format="dollar"),
    "out_usd": _column.NumberColumn("Sent USD", format="dollar"),
    "transfers_in": _column.NumberColumn("In", format="localized", help="Transfers received"),
    "transfers_out": _column.NumberColumn("Out", format="localized", help="Transfers sent"),
    "unpriced": _column.NumberColumn("Unpriced", format="localized", help="Transfers that no USD sum counts"),
    "deposits": _column.NumberColumn("Deposits", format="localized"),
    "deposited_usd": _column.NumberColumn("Deposited USD", format="dollar"),
    "withdrawals": _column.NumberColumn("Withdrawals", format="localized"),
    "withdrawn_usd": _column.NumberColumn("Withdrawn USD", format="dollar"),
    "rows": _column.NumberColumn("Rows", format="localized"),
    "first_block": _column.NumberColumn("First block", format="localized"),
    "last_block": _column.NumberColumn("Last block", format="localized"),
    "blocks": _column.NumberColumn("Blocks", format="localized"),
    "missing_blocks": _column.NumberColumn("Missing blocks", format="localized"),
    "block_number": _column.NumberColumn("Block", format="localized"),
    "confidence": _column.NumberColumn("Confidence", format="%.3f"),
    "level": _column.NumberColumn("Level", help="TagPack confidence level, 0 to 100"),
    "weight_bits": _column.NumberColumn("Bits", format="%.1f", help="Weight of the evidence, log2 of the odds"),
    "is_venue": _column.TextColumn("By way of", help="Swapped, wrapped or lent by way of it: no counterparty, so last"),
    "net_usd": _column.NumberColumn("Net USD", format="dollar", help="Received less sent"),
    "method": _column.TextColumn("Method", width=150),
    "class": _column.TextColumn("What"),
    "how": _column.TextColumn("How"),
    "note": _column.TextColumn("Note", width=330),
    "total_usd": _column.NumberColumn("Total USD", format="dollar"),
    "realized_usd": _column.NumberColumn("Realised USD", format="dollar"),
    "unrealized_usd": _column.NumberColumn("Unrealised USD", format="dollar"),
    "basis_usd": _column.NumberColumn("Basis USD", format="dollar"),
    "gain_usd": _column.NumberColumn("Gain USD", format="dollar"),
    "unknown_amount": _column.TextColumn("Amount of unknown basis", alignment="right"),
    "price_usd": _column.NumberColumn("Price USD", format="$ %,.6g"),
    "unit_cost_usd": _column.NumberColumn("Cost per unit USD", format="$ %,.6g"),
    "price_a": _column.NumberColumn("Price before", format="$ %,.6g"),
    "price_b": _column.NumberColumn("Price after", format="$ %,.6g"),
    "amount_a": _column.TextColumn("Amount before", alignment="right"),
    "amount_b": _column.TextColumn("Amount after", alignment="right"),
    "usd_a": _column.NumberColumn("USD before", format="dollar"),
    "usd_b": _column.NumberColumn("USD after", format="dollar"),
    "change_usd": _column.NumberColumn("Change USD", format="dollar"),
    "moved_usd": _column.NumberColumn("Came and went USD", format="dollar"),
    "revalued_usd": _column.NumberColumn("By prices USD", format="dollar"),
    "quantity_effect_usd": _column.NumberColumn("By amount USD", format="dollar"),
    "price_effect_usd": _column.NumberColumn("By price USD", format="dollar"),
    "stale_usd": _column.NumberColumn("Stale USD", format="dollar"),
    "largest_usd": _column.NumberColumn("Largest USD", format="dollar"),
    "largest_direction": _column.TextColumn("Direction"),
    "largest_tx": _column.TextColumn("Its transaction", width=490),
    "price_date_a": _column.DateColumn("Price of (before)", format="YYYY-MM-DD"),
    "price_date_b": _column.DateColumn("Price of (after)", format="YYYY-MM-DD"),
    "share_a": _column.NumberColumn("Share before", format="percent"),
    "share_b": _column.NumberColumn("Share after", format="percent"),
    "precision": _column.NumberColumn("Precision", format="percent"),
    "precision_low": _column.NumberColumn("At least", format="percent"),
    "precision_high": _column.NumberColumn("At most", format="percent"),
    "n": _column.NumberColumn("Links checked", format="localized"),
    "measured_on": _column.TextColumn("Measured on", width=330),
    "transfers": _column.NumberColumn("Transfers", format="localized"),
    "in_amount": _column.NumberColumn("Received", format="localized"),
    "out_amount": _column.NumberColumn("Sent", format="localized"),
    "left_in_usd": _column.NumberColumn("The one received USD", format="dollar"),
    "left_out_usd": _column.NumberColumn("The one sent USD", format="dollar"),
    "right_in_usd": _column.NumberColumn("The other received USD", format="dollar"),
    "right_out_usd": _column.NumberColumn("The other sent USD", format="dollar"),
    "sender": _column.TextColumn("Sender", width=250),
    "receiver": _column.TextColumn("Receiver", width=250),
    "other_users": _column.NumberColumn("Other users", format="localized", help="Others who ever paid into it"),
    "entities": _column.NumberColumn("Entities", format="localized"),
    "day": _column.DateColumn("Day (UTC)", format="YYYY-MM-DD"),
    "usd": _column.NumberColumn("USD", format="dollar"),
    "weight": _column.TextColumn("Weight", help="Assumed: a weight that was never measured on known truth"),
    "price_date": _column.DateColumn("Price of", format="YYYY-MM-DD"),
    "reason": _column.TextColumn("Why", width=560),
    "bytes": _column.NumberColumn("Bytes", format="localized"),
    "sha256": _column.TextColumn("SHA-256"),
    "claim": _column.TextColumn("Confidence"),
    "conflict": _column.TextColumn("Disputed", help="Another source names an unrelated owner"),
    "counterparty_name": _column.TextColumn("Counterparty", width=170),
    "addresses": _column.NumberColumn("Addresses", format="localized"),
    "period": _column.DateColumn("From (UTC)", format="YYYY-MM-DD", help="First day of the period"),
    "seconds": _column.NumberColumn("Seconds", format="%.2f"),
    "heuristic": _column.TextColumn("Rule"),
    "left_bits": _column.NumberColumn("Bits with the one", format="%.1f"),
    "right_bits": _column.NumberColumn("Bits with the other", format="%.1f"),
    "left_reason": _column.TextColumn("Why, with the one", width=400),
    "right_reason": _column.TextColumn("Why, with the other", width=400),
    "tx_hashes": _column.ListColumn("Transactions", width=200),
    "tx_hash": _column.TextColumn("Transaction", width=490),
    "address": _column.TextColumn("Address", **_ADDRESS),
    "counterparty": _column.TextColumn("Counterparty address", **_ADDRESS),
    "left": _column.TextColumn("Left", **_ADDRESS),
    "right": _column.TextColumn("Right", **_ADDRESS),
    "token": _column.TextColumn("Contract", **_ADDRESS),
    "basis": _column.ListColumn("Basis"),
    "flags": _column.TextColumn("Flags", width=170),
}


def describe_column(name: str) -> Any:
    """Return what a column is called and how it is written."""
    if name in TIMES:
        title, form, width = TIMES[name]
        return st.column_config.DatetimeColumn(f"{title} ({read_zone()})", format=form, width=width)
    if name not in COLUMNS and name.endswith("_usd"):
        return st.column_config.NumberColumn(f"{say_words(name[:-4]).capitalize()} USD", format="dollar")
    if name not in COLUMNS and name.startswith("share"):
        return st.column_config.NumberColumn(say_words(name).capitalize(), format="percent")
    return COLUMNS.get(name, say_words(name).capitalize())
