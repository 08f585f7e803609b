"""What is each column of a table called, and how is it written?"""

from __future__ import annotations

from typing import Any

import streamlit as st

_column = st.column_config
_ADDRESS = {"width": 330}
# What each column is called and how it is written; the others keep their name and form.
COLUMNS: dict[str, Any] = {
    "status": _column.TextColumn("Status", width=135),
    "who": _column.TextColumn("Who", width=330),
    "name": _column.TextColumn("Name"),
    "category": _column.TextColumn("Category"),
    "role": _column.TextColumn("Role"),
    "tier": _column.TextColumn("Tier"),
    "symbol": _column.TextColumn("Token", width=90),
    "amount": _column.TextColumn("Amount (exact)", alignment="right", width=190),
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
    "weight": _column.TextColumn("Weight", help="Assumed: a weight that was never measured on known truth"),
    "block_time": _column.DatetimeColumn("Time (UTC)", format="YYYY-MM-DD HH:mm:ss", width=150),
    "first_time": _column.DatetimeColumn("First (UTC)", format="YYYY-MM-DD HH:mm", width=130),
    "last_time": _column.DatetimeColumn("Last (UTC)", format="YYYY-MM-DD HH:mm", width=130),
    "price_date": _column.DateColumn("Price of", format="YYYY-MM-DD"),
    "reason": _column.TextColumn("Why", width=560),
    "bytes": _column.NumberColumn("Bytes", format="localized"),
    "sha256": _column.TextColumn("SHA-256"),
    "claim": _column.TextColumn("Confidence"),
    "conflict": _column.TextColumn("Disputed", help="Another source names an unrelated owner"),
    "counterparty_name": _column.TextColumn("Counterparty", width=170),
    "addresses": _column.NumberColumn("Addresses", format="localized"),
    "period": _column.DateColumn("Month", format="MMM YYYY"),
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
