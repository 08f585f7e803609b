"""Do sums that no price could explain fail, or are they shown and said?"""

from __future__ import annotations

from pathlib import Path

import pytest

from intel.profiler.caveats import list_caveats
from intel.profiler.counterparties import tabulate_counterparties
from intel.profiler.exchange_page import tabulate_netflows
from intel.profiler.exchanges import list_exchange_usage, tabulate_usage_over_time
from intel.profiler.explain import explain_link
from intel.profiler.exposure import measure_exposure
from intel.profiler.history import tabulate_history
from intel.profiler.pnl import compute_pnl
from intel.profiler.profile import build_profile
from intel.profiler.subjects import resolve_subject
from intel.profiler.token_flows import tabulate_token_flows
from intel.profiler.tokens import resolve_token
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

ME, BANK, OTHER = address("1"), address("2"), address("3")
GOLD = Asset(address("a"), "GOLD", 0, is_verified=True)
HUGE = 9e12  # dollars; two of them are more micro-dollars than 64 bits hold


def test_sums_beyond_64_bits_are_shown_as_the_largest_and_said(tmp_path: Path) -> None:
    paid = [
        Moved(f"2024-01-{day:02}", sender, receiver, GOLD.token, 10**36, HUGE)
        for day, sender, receiver in ((1, BANK, ME), (2, BANK, ME), (3, ME, BANK), (4, ME, BANK), (5, OTHER, ME))
    ]
    world = World(
        paid,
        [GOLD],
        prices=[(GOLD, "2024-01-01", 1e30)],
        entities=[{"entity_id": "bank", "name": "Bank", "category": "exchange"}],
        attributions=[{"address": BANK, "entity_id": "bank"}],
    )
    write_snapshot(tmp_path / "store", world)
    with Reader(tmp_path / "store", memory="1GB") as reader:
        me = resolve_subject(reader, ME)
        profile = build_profile(reader, me)
        assert profile.counterparties[0].in_usd == pytest.approx(2**63 / 1e6)
        assert any("9.2 trillion" in line for line in list_caveats(reader, me, profile))
        assert tabulate_counterparties(reader, me).num_rows == 2
        assert list_exchange_usage(reader, me)[0].deposits == 2
        assert tabulate_usage_over_time(reader, me)["deposited_usd"].to_pylist() == [2 * HUGE]
        assert explain_link(reader, me, resolve_subject(reader, BANK))
        assert measure_exposure(reader, me)["incoming"].total_usd > HUGE
        assert tabulate_history(reader, me)["unpriced"].to_pylist() == [1, 1, 1, 0, 1]  # 1e66 dollars are none
        bank = resolve_subject(reader, "bank")
        assert tabulate_netflows(reader, bank)["withdrawn_usd"].to_pylist() == [2 * HUGE]
        assert tabulate_token_flows(reader, resolve_token(reader, "GOLD"))["usd"].to_pylist()[0] == 2 * HUGE


def test_units_that_no_sum_could_hold_stand_alone(tmp_path: Path) -> None:
    """A token of 6 decimals, in a pool with one of 36: brought to its units the amounts would not fit any number."""
    wide = Asset(address("b"), "GOLD", 36, is_verified=True, price_symbol="GOLD")
    near = Asset(address("c"), "GOLD", 6, is_verified=True, price_symbol="GOLD")
    paid = [
        Moved("2024-01-01", BANK, ME, wide.token, 10**36, 5.0),
        Moved("2024-01-02", BANK, ME, near.token, 2 * 10**36, 7.0),
        Moved("2024-01-03", ME, BANK, near.token, 10**36, 2.0),
    ]
    write_snapshot(tmp_path / "store", World(paid, [wide, near], prices=[(wide, "2024-01-01", 5.0)]))
    with Reader(tmp_path / "store", memory="1GB") as reader:
        found = compute_pnl(reader, resolve_subject(reader, ME))
    assert len(found["by_token"]) == 2
    assert (found["received_usd"], found["realized_usd"]) == (12.0, 2.0 - 7.0 / 2)
    assert found["too_large"] == 0


def test_gains_beyond_64_bits_are_left_out_and_counted(tmp_path: Path) -> None:
    coin = Asset(address("b"), "COIN", 0, is_verified=True)
    paid = [Moved(f"2024-01-0{day}", BANK, ME, GOLD.token, 1, HUGE) for day in (1, 2, 3)]
    paid += [Moved("2024-01-01", BANK, ME, coin.token, 2, 20.0), Moved("2024-01-02", ME, BANK, coin.token, 1, 30.0)]
    write_snapshot(tmp_path / "store", World(paid, [GOLD, coin], prices=[(coin, "2024-01-01", float("inf"))]))
    with Reader(tmp_path / "store", memory="1GB") as reader:
        found = compute_pnl(reader, resolve_subject(reader, ME))
    assert found["too_large"] == 3
    assert (found["realized_usd"], found["received_usd"], found["total_usd"]) == (20.0, 20.0, 20.0)


def test_an_ordinary_profile_does_not_speak_of_it(reader: Reader) -> None:
    profile = build_profile(reader, resolve_subject(reader, "alice-fund"))
    assert profile.extra["capped"] == 0
    assert not any("trillion" in line for line in profile.caveats)
