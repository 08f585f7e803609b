"""Does a build on a Spark cluster say the same as one on DuckDB, and does it fail in words where it cannot run?"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from intel.store.reader import Reader
from intel.store.snapshot import current_build
from tests.parts import require_part
from tests.shared import share_demo
from tests.spark_cluster import Cluster, start_cluster

TRANSFERS = 20_000
# What rules say, and what follows from it: without the ids of a build, whatever the order of its rows.
COMPARED = {
    "evidence": """
        select l.chain, l.address, r.chain, r.address, e.* exclude (left_id, right_id) from beliefs.evidence e
        left join facts.addresses l on l.address_id = e.left_id left join facts.addresses r on r.address_id = e.right_id
    """,
    "clusters": """
        select c.* exclude (address_id), a.chain, a.address
        from beliefs.clusters c join facts.addresses a using (address_id)
    """,
    "attributions": "select * exclude (address_id) from beliefs.attributions",
    "services": """
        select s.* exclude (address_id), a.chain, a.address
        from beliefs.services s join facts.addresses a using (address_id)
    """,
    "asset_flags": """
        select f.flag, f.reason, a.chain, a.token, a.token_id
        from beliefs.asset_flags f join facts.assets a using (asset_id)
    """,
    "transfer_flags": """
        select f.flag, t.chain, t.tx_hash, t.kind, t.position, t.sub_position
        from beliefs.transfer_flags f join facts.transfers t using (transfer_id)
    """,
    "weights": "from beliefs.weights",
    "roles": """
        select r.* exclude (address_id), a.chain, a.address
        from beliefs.roles r join facts.addresses a using (address_id)
    """,
    "entity_days": """
        select d.* exclude (asset_id), a.chain, a.token from beliefs.entity_days d join facts.assets a using (asset_id)
    """,
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the simulated economy, built on DuckDB."""
    require_part("spark")
    return share_demo(tmp_path_factory, TRANSFERS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    require_part("spark")
    with start_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as found:
        yield found


def build(store: Path, engine: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a user does: Java ends with it."""
    command = [sys.executable, "-m", "intel", "build", "--engine", engine, "--memory", "2GB", "--store", str(store)]
    return subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=1500, check=False)


def read_sorted(store: Path, query: str) -> list[tuple[Any, ...]]:
    with Reader(store) as reader:
        return sorted(reader.query(query), key=repr)


@pytest.mark.spark
@pytest.mark.slow
def test_a_cluster_finds_what_duckdb_finds(ledger: Path, cluster: Cluster, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(ledger, store, ignore=shutil.ignore_patterns("snapshots", "current", "*.lock"))
    answer = build(store, cluster.url, cluster.environment)
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
    assert current_build(store) == current_build(ledger), "equal inputs are one build, whatever ran its rules"
    for name, query in COMPARED.items():
        here, there = read_sorted(ledger, query), read_sorted(store, query)
        assert here, f"{name}: nothing to compare"
        assert there == here, name
    used = [number for number in range(2) if "Asked to launch executor" in cluster.read_log(f"worker{number}")]
    assert used == [0, 1], "both workers took part"
    assert not list((store / "snapshots").glob("*/spill")), "what the cluster wrote is gone"
