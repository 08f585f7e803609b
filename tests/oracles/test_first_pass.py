"""Does the first pass of the engine find what is true in the simulated economy, and unite nothing that must stay apart?

The truth lies beside the store; this test reads it, the pipeline never does.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from intel.store.reader import Reader
from tests.shared import share_demo

Key = tuple[str, str]  # address, chain


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return share_demo(tmp_path_factory, 60_000)


def read_truth(store: Path, name: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = pq.read_table(store.with_name("store.truth") / f"{name}.parquet").to_pylist()
    return rows


def read_clusters(store: Path) -> dict[Key, str]:
    with Reader(store) as reader:
        rows = reader.query(
            "select a.address, a.chain, c.cluster_id from beliefs.clusters c join facts.addresses a using (address_id) "
            "where c.visibility = 'public'"
        )
    return {(address, chain): cluster for address, chain, cluster in rows}


def test_deposit_addresses_are_found_and_hardly_any_is_wrong(demo: Path) -> None:
    truth = {(row["deposit"], row["exchange"]) for row in read_truth(demo, "deposits")}
    with Reader(demo) as reader:
        rows = reader.query(
            "select a.address, e.name, a.status from beliefs.attributions a join beliefs.entities e using (entity_id) "
            "where a.role = 'exchange_deposit' and a.visibility = 'public' and e.visibility = 'public'"
        )
    found = {(address, name) for address, name, _ in rows}
    attributed = {(address, name) for address, name, status in rows if status == "attributed"}
    assert len(attributed) > 100
    assert len(attributed & truth) >= 0.99 * len(attributed)
    assert len(found & truth) >= 0.80 * len(truth)


def test_no_pair_that_must_stay_apart_is_united(demo: Path) -> None:
    clusters = read_clusters(demo)
    cases = defaultdict(list)
    for row in read_truth(demo, "never_merge"):
        ends = [clusters.get((row[end], row["chain"])) for end in ("left", "right")]
        cases[row["case"]].append(ends[0] is not None and ends[0] == ends[1])
    assert len(cases) == 20
    assert {case: sum(merged) for case, merged in cases.items() if any(merged)} == {}


def test_some_wallets_of_one_person_are_united(demo: Path) -> None:
    clusters = read_clusters(demo)
    pairs = [
        (clusters.get((row["left"], chain)), clusters.get((row["right"], chain)))
        for row in read_truth(demo, "same_owner")
        for chain in ("ethereum", "polygon")
    ]
    assert any(left is not None and left == right for left, right in pairs)
