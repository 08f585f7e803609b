"""Is what an entity gained told for its confirmed members and for the probable ones as well?"""

from __future__ import annotations

from intel.profiler.pnl import compute_pnl
from intel.profiler.pnl_tiers import compare_tiers
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from tests.small_world import FUND_1


def test_each_tier_has_the_sums_of_its_own_members(reader: Reader) -> None:
    fund = resolve_subject(reader, "alice-fund")
    rows = {row["tier"]: row for row in compare_tiers(reader, fund)}
    assert set(rows) == {"confirmed", "probable"}
    assert rows["probable"]["members"] == rows["confirmed"]["members"] + 1
    assert rows["probable"]["membership_hash"] != rows["confirmed"]["membership_hash"]
    for tier, row in rows.items():
        told = compute_pnl(reader, resolve_subject(reader, "alice-fund", tier))
        assert row == {"tier": tier, **{name: told[name] for name in row if name != "tier"}}


def test_an_address_has_one_tier(reader: Reader) -> None:
    assert compare_tiers(reader, resolve_subject(reader, FUND_1)) == []
