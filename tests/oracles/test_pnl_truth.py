"""Does PnL find what the people of the simulated economy really gained?

That economy keeps its own books (intel/sources/world/pnl.py), in one pass over the ledger and by average cost, and they
differ from ours by rule in four places, for each of which the test makes up:
- fees: there sold at the day's price and no more; here they also lessen the total;
- income (airdrops, rewards): there received, and so no gain; here a gain;
- swaps: there both legs have the day's price and what the pool kept is lost to nobody; here both have the value of what
  was given, so the loss shows in the total. The difference of the legs' market values is added back;
- assets without a price (collectibles, memes) do not exist there; here they cost what was given for them. People who
  gave such an asset away again are left out, for there its gain was never told.
What is left is rounding: the ledger there is in grains of a coin and floats, so five cents, or a ten-thousandth of all
that a person received and sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from intel.model import Subject
from intel.profiler.pnl import compute_pnl
from intel.store.reader import Reader
from tests.shared import share_demo

PEOPLE = 150


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return share_demo(tmp_path_factory, 60_000)


@pytest.fixture(scope="module")
def people(demo: Path) -> Iterator[list[tuple[dict[str, Any], dict[str, Any], float]]]:
    """Per person: what we found, what the truth says, and what its swaps lost or won at market prices."""
    truth = {row["cluster_id"]: row for row in read_truth(demo, "pnl")}
    with Reader(demo) as reader:
        ids = {(c, a): i for i, c, a in reader.query("select address_id, chain, address from facts.addresses")}
        wallets: dict[str, list[int]] = defaultdict(list)
        for row in read_truth(demo, "owners"):
            if row["cluster_id"] in truth and (row["chain"], row["address"]) in ids:
                wallets[row["cluster_id"]].append(ids[row["chain"], row["address"]])
        found = []
        for name in sorted(wallets)[:PEOPLE]:
            members = tuple(sorted(wallets[name]))
            subject = Subject("entity", name, (), members, entity_id=name, address_count=len(members))
            document = compute_pnl(reader, subject)
            if not reader.query("select 1 from event_legs where micro_usd is null and net < 0 limit 1"):
                found.append((document, truth[name], read_slippage(reader)))
        yield found


def read_truth(store: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(store.with_name("store.truth") / f"{name}.parquet").to_pylist()
    return rows


def read_slippage(reader: Reader) -> float:
    """Market value got less market value given, of all swaps with a price on every leg, in USD."""
    rows = reader.query(
        """select coalesce(sum(case when net > 0 then micro_usd else -micro_usd end), 0)::bigint from event_legs
        where class = 'swap' and event_id not in (
            select event_id from event_legs where class = 'swap' and micro_usd is null)"""
    )
    return int(rows[0][0]) / 1e6


def test_totals_are_those_of_the_economy(people: list[tuple[dict[str, Any], dict[str, Any], float]]) -> None:
    assert len(people) > PEOPLE / 2
    for found, truth, slippage in people:
        ours = found["total_usd"] + truth["fees_usd"] - found["income_usd"]
        theirs = truth["realized_usd"] + truth["unrealized_usd"] + slippage
        assert abs(ours - theirs) <= max(0.05, 1e-4 * (truth["received_usd"] + truth["sent_usd"])), found["members"]
    assert sum(abs(truth["realized_usd"]) > 1 for _, truth, _ in people) > 5


def test_nothing_is_of_unknown_basis_when_all_was_seen(
    people: list[tuple[dict[str, Any], dict[str, Any], float]],
) -> None:
    assert [found["unknown_basis_usd"] for found, _, _ in people] == [0] * len(people)
