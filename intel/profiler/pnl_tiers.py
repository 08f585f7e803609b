"""How much does an entity's PnL depend on which addresses one takes for its own?"""

from __future__ import annotations

from typing import Any, get_args

from intel.model import Subject, Tier
from intel.profiler.lots import Method
from intel.profiler.pnl import DEFAULT, compute_pnl
from intel.profiler.postings import ALWAYS, Window
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader

_TOLD = ("members", "membership_hash", "total_usd", "realized_usd", "unrealized_usd", "unknown_basis_usd", "value_usd")


def compare_tiers(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, method: Method = DEFAULT
) -> list[dict[str, Any]]:
    """Return one row per tier: tier, members, membership_hash and the sums of `compute_pnl`; none for an address.

    With the confirmed members alone, what went to a probable one is sent; with both it never left.
    """
    if subject.kind != "entity" or subject.entity_id is None:
        return []
    rows = []
    for tier in get_args(Tier):
        found = subject if tier == subject.tier else resolve_subject(reader, subject.entity_id, tier)
        pnl = compute_pnl(reader, found, window, method=method)
        rows.append({"tier": tier, **{name: pnl[name] for name in _TOLD}})
    return rows
