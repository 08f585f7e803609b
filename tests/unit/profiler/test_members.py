"""Is an entity's list of addresses whole in any order, page by page, with the evidence behind each?"""

from __future__ import annotations

import pytest

from intel.errors import UsageError
from intel.profiler.members import MemberSort, count_members, read_members, tabulate_members
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from tests.small_world import DEPOSIT, FUND_1, FUND_2, FUND_3, LABELLED_ONLY

SORTS = ["transfers", "address", "role", "status", "tier", "confidence", "evidence", "first_time", "last_time"]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [False, True])
def test_pages_in_any_order_show_each_member_once(reader: Reader, sort: MemberSort, descending: bool) -> None:
    fund = resolve_subject(reader, "alice-fund", "probable")
    seen, key = [], None
    while True:
        page = read_members(reader, fund, sort=sort, descending=descending, limit=1, after=key)
        seen += page.rows.to_pylist()
        key = page.next_key
        if key is None:
            break
    assert seen == read_members(reader, fund, sort=sort, descending=descending, limit=100).rows.to_pylist()
    assert len(seen) == sum(count_members(reader, fund).values()) == 4


def test_evidence_is_counted_at_either_end(reader: Reader) -> None:
    fund = resolve_subject(reader, "alice-fund", "probable")
    counts = {(row["chain"], row["address"]): row["evidence"] for row in tabulate_members(reader, fund).to_pylist()}
    # e2 and e3 name the first, e2 and e4 the second, none the third.
    assert counts == {("ethereum", FUND_1): 2, ("ethereum", FUND_2): 2, ("ethereum", FUND_3): 0, ("bsc", FUND_1): 0}
    best = read_members(reader, fund, sort="evidence", limit=2).rows["evidence"].to_pylist()
    assert best == [2, 2]
    bank = tabulate_members(reader, resolve_subject(reader, "binance")).to_pylist()
    assert {row["address"]: row["evidence"] for row in bank}[DEPOSIT] == 1


def test_the_tier_decides_who_is_in(reader: Reader) -> None:
    confirmed = tabulate_members(reader, resolve_subject(reader, "alice-fund"))
    assert FUND_3 not in confirmed["address"].to_pylist()
    least = read_members(reader, resolve_subject(reader, "alice-fund", "probable"), sort="confidence", descending=False)
    assert least.rows["address"].to_pylist()[0] == FUND_3


def test_a_member_that_was_never_seen_is_there_and_the_earliest(reader: Reader) -> None:
    rows = read_members(reader, resolve_subject(reader, "kraken"), sort="first_time", descending=False).rows.to_pylist()
    assert (rows[0]["address"], rows[0]["first_time"], rows[0]["transfers_in"]) == (LABELLED_ONLY, None, 0)


def test_a_role_is_a_filter_and_a_colour_no_order(reader: Reader) -> None:
    assert read_members(reader, resolve_subject(reader, "binance"), role="no such role").rows.num_rows == 0
    with pytest.raises(UsageError, match="sorted by"):
        read_members(reader, resolve_subject(reader, "binance"), sort="colour")  # type: ignore[arg-type]
