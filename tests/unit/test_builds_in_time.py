"""Do ids live on from build to build, does a past date know nothing later, and the public layer nothing private?"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intel import pipeline
from intel.config import Settings
from intel.errors import UsageError
from intel.store import open_connection
from intel.store.identity_ledger import record_identities
from intel.store.lake import Lake, lake_schema
from intel.store.reader import Reader
from intel.store.snapshot import current_build, find_known_build, pinned_builds
from intel.store.workspace import Workspace
from tests.ledger_files import lake_rows, write_csv
from tests.shared import share_demo

TIMED = ("transfers", "transactions", "blocks", "events")
TIMELESS = ("tokens", "assets", "actors")


def settings_of(store: Path) -> Settings:
    return Settings(store=store, memory="2GB", threads=1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return share_demo(tmp_path_factory)


@pytest.fixture
def store(demo: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo, tmp_path / "store"))


def read(store: Path, query: str, build_id: str | None = None) -> list[tuple[Any, ...]]:
    with Reader(store, build_id) as reader:
        return reader.query(query)


UNNAMED = """
select distinct cluster_id from beliefs.clusters
where starts_with(cluster_id, 'anon-') and visibility = 'public' order by 1
"""
MINTED = "select entity_id from lake_identity where event = 'mint' order by 1"


@pytest.mark.slow
def test_every_unnamed_owner_is_in_the_ledger_and_a_build_without_news_writes_nothing(store: Path) -> None:
    unnamed = read(store, UNNAMED)
    assert unnamed
    assert lake_rows(store, MINTED) == unnamed
    head, build_id = Lake(store).head(), current_build(store)
    assert pipeline.build(settings_of(store)).build_id == build_id
    assert pipeline.build(settings_of(store), full=True).build_id == build_id
    assert Lake(store).head() == head
    assert read(store, UNNAMED) == unnamed


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.slow
def test_a_build_killed_before_it_wrote_the_ledger_is_made_good_by_the_next(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def die_at_the_second(folder: Path) -> int:
        calls.append(folder)
        if len(calls) == 2:
            raise Killed
        return record_identities(folder)

    ledger = lake_rows(store, "select * exclude (build_id, recorded_at) from lake_identity order by all")
    shutil.rmtree(store / "lake" / "identity")
    _forget_builds(store)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "record_identities", die_at_the_second)
        with pytest.raises(Killed):
            pipeline.build(settings_of(store), full=True)
    assert lake_rows(store, "from lake_identity") == []
    build_id = current_build(store)
    for _ in range(2):
        assert pipeline.build(settings_of(store)).build_id == build_id
        assert lake_rows(store, "select * exclude (build_id, recorded_at) from lake_identity order by all") == ledger


def _forget_builds(store: Path) -> None:
    """Take the commits of builds, and the builds, out of a store, as if none had run."""
    lake = Lake(store)
    kept = [one.commit_id for one in lake.commits() if one.command != "build"]
    lake.open_table("commits").delete("commit_id not in (" + ", ".join(f"'{one}'" for one in kept) + ")")
    shutil.rmtree(store / "snapshots")
    (store / "current").unlink()


@pytest.fixture(scope="module")
def halfway(demo: Path) -> datetime:
    """A day on which half of the ledger lies in the past."""
    (moment,) = lake_rows(demo, "select quantile_disc(block_time, 0.5) from lake_transfers")[0]
    return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - the ledger's times are UTC and carry no zone


def cut_store(source: Path, target: Path, before: datetime) -> None:
    """Make a store of what a source's lake and workspace held before a moment, and of nothing else."""
    lake = Lake(source)
    con = open_connection(threads=1)
    lake.attach(con, lake.head())
    times = dict.fromkeys(TIMED, "block_time < $before") | {"labels": "recorded_at < $before"}
    times |= {"prices": "date < cast($before as date)"} | dict.fromkeys(TIMELESS, "$before is not null")
    with Lake(target).write("cut") as run:
        for table, when in times.items():
            rows = con.sql(f"from lake_{table} where {when}", params={"before": before}).to_arrow_table()
            run.append(table, rows.cast(lake_schema(table)))
        newest = dict(con.execute(
            "select chain, max(block_number) from lake_blocks where block_time < ? group by 1", [before]
        ).fetchall())  # fmt: skip
        covered = con.sql("from lake_coverage").to_arrow_table().to_pylist()
        rows_left = [row | {"last_block": newest[row["chain"]], "last_time": before, "rows": None} for row in covered]
        run.append("coverage", pa.Table.from_pylist(rows_left, schema=lake_schema("coverage")))
        run.commit(rows=0, bad_rows=0)
    con.close()
    with Workspace(source) as workspace, Workspace(target) as fresh:
        private = [row for row in workspace.labels().to_pylist() if row["recorded_at"] < before]
        fresh.add_labels(pa.Table.from_pylist(private, schema=workspace.labels().schema))


SAID = {
    "attributions": "chain, address, entity_id, tier, status, role, confidence, reason, visibility",
    "labels": "address, label, source, visibility",
    "evidence": "heuristic, relation, event, weight_bits, reason, visibility",
    "clusters": "cluster_id, tier, visibility",
}


@pytest.mark.slow
def test_a_build_of_a_past_date_says_what_a_store_of_that_date_says(
    store: Path, tmp_path: Path, halfway: datetime
) -> None:
    current = current_build(store)
    build_id = pipeline.build(settings_of(store), known_before=halfway).build_id
    assert current_build(store) == current != build_id
    assert build_id in pinned_builds(store)
    assert find_known_build(store, halfway) == build_id
    assert lake_rows(store, "select count(distinct build_id) from lake_identity") == [(1,)]
    cut_store(store, tmp_path / "cut", halfway)
    pipeline.build(settings_of(tmp_path / "cut"))
    for table, columns in SAID.items():
        query = f"select {columns} from beliefs.{table} order by all"
        assert read(store, query, build_id) == read(tmp_path / "cut", query), table
    assert 0 < len(read(store, "from beliefs.evidence", build_id)) < len(read(store, "from beliefs.evidence"))


def test_a_date_that_nobody_built_is_answered_by_how_to_build_it(store: Path, halfway: datetime) -> None:
    with pytest.raises(UsageError, match="no build tells") as caught:
        find_known_build(store, halfway + timedelta(days=1))
    assert f"intel build --as-known-on {halfway.date()}" in caught.value.hint


@pytest.mark.slow
def test_private_labels_change_no_public_row(store: Path) -> None:
    """A private label upon addresses of every kind: deposits, suppliers, members of groups, the busiest of others."""
    public = "from beliefs.{} where visibility = 'public' order by all"
    tables = ("evidence", "links", "clusters", "merges", "attributions", "roles", "labels", "anchors")
    before = {table: read(store, public.format(table)) for table in tables}
    picked = read(
        store,
        """
        select address from beliefs.attributions where status = 'attributed' and visibility = 'public'
        qualify row_number() over (partition by role, tier, role is null order by address) <= 3
        union
        (select d.address from facts.addresses d join facts.address_stats s using (address_id)
        where not exists (select 1 from beliefs.anchors a where a.address_id = d.address_id)
        order by s.counterparties desc, d.address limit 5)
        order by 1
        """,
    )
    owner = read(store, "select min(name) from beliefs.entities where category = 'exchange'")[0][0]
    path = write_csv(
        store.parent / "mine.csv",
        [
            {"chain": "evm", "address": address, "entity": owner, "label": f"{owner}: hot wallet", "category": kind,
             "source": "me", "confidence": "ownership"}
            for number, (address,) in enumerate(picked)
            for kind in ["exchange" if number % 2 else "exchange_deposit"]
        ],
    )  # fmt: skip
    assert pipeline.add_labels(settings_of(store), [path], private=True).rows == {"private labels": len(picked)}
    pipeline.build(settings_of(store))
    assert read(store, "select count(*) from beliefs.attributions where visibility = 'private'")[0][0] >= len(picked)
    for table in tables:
        assert read(store, public.format(table)) == before[table], table
