"""How much does what an entity gained depend on which addresses are taken for its own?"""

from __future__ import annotations

import pyarrow as pa

from intel.model import Subject
from intel.profiler.lots import Method
from intel.profiler.pnl_tiers import compare_tiers
from intel.profiler.postings import Window
from intel.store.reader import Reader
from pages._tables import show_whole


def show_tiers(reader: Reader, subject: Subject, window: Window, method: Method) -> None:
    """Show the sums of the confirmed members beside those of the probable ones as well."""
    if not subject.left_out and subject.tier == "confirmed":
        return  # none of its addresses is only probable
    tiers = pa.Table.from_pylist(compare_tiers(reader, subject, window, method=method))
    show_whole(
        "Tiers side by side",
        lambda _limit: tiers,
        key="pnl_tiers",
        name=f"pnl_tiers_{subject.name}",
        empty="",
        columns=("tier", "members", "total_usd", "realized_usd", "unrealized_usd", "unknown_basis_usd", "value_usd",
                 "membership_hash"),
        note="How much depends on whether the addresses that are only probably its own count as well.",
    )  # fmt: skip
