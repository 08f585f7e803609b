"""Do ingest, labels, prices and builds work together, from nothing to an answer?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import intel
from intel import heuristics, pipeline
from intel.config import Settings
from intel.errors import BadInput, StoreError, UsageError
from intel.heuristics import ALL
from intel.store.lake import Lake, lock_file
from intel.store.reader import Reader
from intel.store.snapshot import current_build, list_builds, read_manifest, snapshot_path
from tests import commands
from tests.ledger_files import lake_rows, write_csv, write_parquet
from tests.shared import share_demo

TRANSFERS = 20_000


def settings_of(store: Path) -> Settings:
    return Settings(store=store, memory="2GB", threads=1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return share_demo(tmp_path_factory, TRANSFERS)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A store with the ledger of tests.commands and nothing else."""
    one = settings_of(tmp_path / "store")
    pipeline.ingest_files(one, [write_csv(tmp_path / "transfers.csv", commands.TRANSFERS)])
    return one


def read(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with Reader(settings.store) as reader:
        return reader.query(query)


def labels_file(folder: Path, name: str = "labels.csv", rows: list[dict[str, Any]] = commands.LABELS) -> Path:
    return write_csv(folder / name, rows)


def test_the_demo_is_built_whole(demo: Path) -> None:
    commit = Lake(demo).source_head()
    assert commit is not None
    counted = read(settings_of(demo), "select count(*) from facts.transfers")[0][0]
    assert (commit.rows, lake_rows(demo, "select count(*) from lake_transfers")) == (counted, [(counted,)])
    assert abs(counted - TRANSFERS) < TRANSFERS / 10
    manifest = read_manifest(demo, current_build(demo))
    assert (manifest.lake_commit, manifest.workspace_revision) == (commit.commit_id, "1")  # its private labels
    names = [report["name"] for report in manifest.reports]
    assert names == [*(rule.name for rule in ALL if rule.is_on), "role_model"]
    assert not [report for report in manifest.reports if report["failed"]]
    assert list((snapshot_path(demo, manifest.build_id)).glob("*truth*")) == []


def test_the_demo_answers_for_an_exchange(demo: Path) -> None:
    with intel.open(demo) as db:
        (name,) = db.reader.query("select min(name) from beliefs.entities where category = 'exchange'")[0]
        profile = db.profile(name)
    assert profile.entity is not None
    assert (profile.entity["name"], profile.entity["category"]) == (name, "exchange")
    assert profile.activity["transfers_in"] > 0
    assert profile.counterparties


def test_an_attributed_deposit_belongs_to_the_exchange_that_truth_names(demo: Path) -> None:
    owners = pq.read_table(demo.with_name("store.truth") / "owners.parquet").to_pylist()
    truth = {(row["chain"], row["address"]): row["entity"] for row in owners}
    found = read(settings_of(demo), "select chain, address, name from beliefs.attributions join beliefs.entities "
                 "using (entity_id) where status = 'attributed' and category = 'exchange'")  # fmt: skip
    assert len(found) > 50
    wrong = [name for chain, address, name in found if truth[chain, address] != name]
    assert len(wrong) < len(found) / 20


def test_a_demo_is_not_mixed_with_other_data(settings: Settings) -> None:
    with pytest.raises(StoreError, match="already holds data") as caught:
        pipeline.make_demo(settings, transfers=2000)
    assert "--store" in caught.value.hint


def test_a_failing_heuristic_is_reported_and_stops_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(ALL[0], name="broken", sql="select * from no_such_table", requires=(), params={})
    # The last row of this one fails when the first have been found: none of them may stay.
    late = replace(ALL[0], name="late", requires=(), params={}, sql="""
        select transfer_id as left_id, null as right_id, 'x' as right_entity, 'controls' as relation, 'e' as event,
            1.0 as weight_bits, cast(case when transfer_id > 2 then 'no number' else '1' end as bigint) as support,
            cast([] as varchar[]) as tx_hashes, 0 as first_block, 0 as last_block, null as valid_from,
            null as valid_to, 'public' as visibility, 'r' as reason from facts.transfers""")  # fmt: skip
    monkeypatch.setattr(heuristics, "ALL", [broken, late, *ALL])
    manifest = pipeline.build(settings)
    reports = {report["name"]: report for report in read_manifest(settings.store, manifest.build_id).reports}
    assert [name for name, report in reports.items() if report["failed"]] == ["broken", "late"]
    assert "no_such_table" in str(reports["broken"]["note"])
    assert "no number" in str(reports["late"]["note"])
    assert set(reports) == {"broken", "late", "role_model", *(rule.name for rule in ALL if rule.is_on)}
    assert current_build(settings.store) == manifest.build_id
    assert read(settings, "select count(*) from beliefs.evidence where heuristic = 'late'") == [(0,)]


def test_there_is_nothing_to_build_in_an_empty_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no data yet") as caught:
        pipeline.build(settings_of(tmp_path / "store"))
    assert "intel ingest" in caught.value.hint
    assert not (tmp_path / "store").exists()


def test_labels_alone_make_a_store(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "store")
    pipeline.add_labels(settings, [labels_file(tmp_path)])
    pipeline.build(settings)
    assert read(
        settings, "select count(*), count(address_id) from beliefs.attributions where entity_id like 'acorn%'"
    ) == [(2, 0)]


@pytest.mark.slow
def test_equal_inputs_are_one_build_and_full_makes_it_anew(settings: Settings) -> None:
    first = pipeline.build(settings)
    files = snapshot_path(settings.store, first.build_id)
    made = (files / "facts.duckdb").stat().st_ino
    assert pipeline.build(settings) == read_manifest(settings.store, first.build_id)
    assert (files / "facts.duckdb").stat().st_ino == made
    (files / "facts.duckdb").write_bytes(b"damaged")
    again = pipeline.build(settings, full=True)
    assert again.build_id == first.build_id
    assert read(settings, "select count(*) from facts.transfers") == [(len(commands.TRANSFERS),)]
    assert len(list_builds(settings.store)) == 1


@pytest.mark.slow
def test_every_input_makes_another_build(settings: Settings, tmp_path: Path) -> None:
    seen = [pipeline.build(settings).build_id]
    pipeline.add_labels(settings, [labels_file(tmp_path)])
    seen.append(pipeline.build(settings).build_id)
    pipeline.add_labels(settings, [labels_file(tmp_path)], private=True)
    seen.append(pipeline.build(settings).build_id)
    seen.append(pipeline.build(settings, with_ml=False).build_id)
    assert len(set(seen)) == 4
    assert [m.build_id for m in list_builds(settings.store)] == seen[-2:]  # the older ones were cleared away


def test_two_builds_at_once_are_refused(settings: Settings) -> None:
    with (
        lock_file(settings.store / "build.lock", "a test is building"),
        pytest.raises(StoreError, match="another build"),
    ):
        pipeline.build(settings)


def test_damaged_ledger_files_stop_the_build_by_name(settings: Settings) -> None:
    pipeline.build(settings)
    before = current_build(settings.store)
    (path,) = (settings.store / "lake" / "transfers").glob("*.parquet")
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)  # the pages, not the footer: seen only when the rows are read
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="the build stopped"):
        pipeline.build(settings, full=True)
    assert current_build(settings.store) == before
    assert read(settings, "select count(*) from facts.transfers") == [(len(commands.TRANSFERS),)]


def test_a_file_that_turns_to_nonsense_in_the_middle_is_refused_whole(settings: Settings, tmp_path: Path) -> None:
    held = Lake(settings.store).head()
    good = write_parquet(
        tmp_path / "good.parquet", [commands.moved(n, commands.USER, commands.DEPOSIT, n) for n in range(20, 25)]
    )
    content = bytearray(good.read_bytes())
    content[4:200] = bytes(196)
    (tmp_path / "spoilt.parquet").write_bytes(bytes(content))
    with pytest.raises(BadInput, match="spoilt.parquet cannot be read to the end") as caught:
        pipeline.ingest_files(settings, [good, tmp_path / "spoilt.parquet"])
    assert "damaged" in caught.value.hint
    assert Lake(settings.store).head() == held


def test_a_store_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "it's my store, 100% & more")
    path = write_csv(tmp_path / "t.csv", commands.TRANSFERS)
    for _ in range(2):
        pipeline.ingest_files(settings, [path])
    pipeline.build(settings)
    assert read(settings, "select count(*) from facts.transfers") == [(len(commands.TRANSFERS),)]


def count_labels(settings: Settings) -> Any:
    return lake_rows(settings.store, "select count(*), count(retracted_at) from lake_labels")[0]


def test_labels_added_twice_are_there_once(settings: Settings, tmp_path: Path) -> None:
    path = labels_file(tmp_path)
    assert pipeline.add_labels(settings, [path], source="book").rows == {"labels": 3}
    assert pipeline.add_labels(settings, [path], source="book").rows == {"labels": 0}
    assert count_labels(settings) == (3, 0)
    assert pipeline.add_labels(settings, [path], source="other").rows == {"labels": 3}
    assert pipeline.add_labels(settings, [path], source="book", private=True).rows == {"private labels": 3}
    assert pipeline.add_labels(settings, [path], source="book", private=True).rows == {"private labels": 0}


def test_one_claim_in_two_files_of_one_run_is_there_once(settings: Settings, tmp_path: Path) -> None:
    other = write_parquet(tmp_path / "labels.parquet", commands.LABELS)
    assert pipeline.add_labels(settings, [labels_file(tmp_path), other], source="book").rows == {"labels": 3}
    assert count_labels(settings) == (3, 0)


def prices(folder: Path, name: str, **usd: float) -> Path:
    rows = [{"date": f"2021-05-{day[1:]}", "symbol": "ETH", "usd": value, "source": "p"} for day, value in usd.items()]
    return write_csv(folder / name, rows)


def test_a_newer_price_takes_the_place_of_the_older(settings: Settings, tmp_path: Path) -> None:
    pipeline.add_prices(settings, [prices(tmp_path, "1.csv", d01=2000.0, d02=2100.0)])
    report = pipeline.add_prices(settings, [prices(tmp_path, "2.csv", d02=2200.0, d03=2300.0)])
    assert (report.rows, report.replaced) == ({"prices": 2}, 1)
    found = lake_rows(settings.store, "select day(date), usd from lake_prices order by date")
    assert found == [(1, 2000.0), (2, 2200.0), (3, 2300.0)]
    pipeline.build(settings)
    worth = read(settings, "select value_micro_usd from facts.transfers where kind = 'native'")
    assert worth == [(2_000_000_000,)]  # 1 ETH and 1 wei on the first


def test_of_two_prices_in_one_run_the_last_counts(settings: Settings, tmp_path: Path) -> None:
    first = prices(tmp_path, "1.csv", d01=2000.0)
    second = write_parquet(
        tmp_path / "2.parquet", [{"date": "2021-05-01", "symbol": "ETH", "usd": 2500.0, "source": "p"}]
    )
    pipeline.add_prices(settings, [first, second])
    assert lake_rows(settings.store, "select count(*) from lake_prices") == [(1,)]


def test_tokens_of_a_source_are_replaced_and_others_stay(settings: Settings, tmp_path: Path) -> None:
    pipeline.add_tokens(settings, [write_csv(tmp_path / "one.csv", commands.TOKENS)])
    pipeline.add_tokens(settings, [write_csv(tmp_path / "two.csv", commands.TOKENS[:1])])
    newer = [commands.TOKENS[0] | {"symbol": "NEW"}]
    assert pipeline.add_tokens(settings, [write_csv(tmp_path / "one.csv", newer)]).replaced == 1
    found = lake_rows(settings.store, "select source, symbol from lake_tokens order by all")
    assert sorted(found) == sorted([("one", "NEW"), ("one", commands.FORMULA_SYMBOL), ("two", "USDX")])


def owners(settings: Settings) -> list[tuple[Any, ...]]:
    pipeline.build(settings)
    return read(settings, "select address, visibility from beliefs.attributions where status = 'labelled' order by all")


@pytest.mark.slow
def test_retracted_claims_are_gone_from_the_next_build_and_kept_in_the_lake(settings: Settings, tmp_path: Path) -> None:
    pipeline.add_labels(settings, [labels_file(tmp_path)], source="book")
    assert (commands.ACORN_HOT, "public") in owners(settings)
    assert pipeline.retract_labels(settings, address=commands.ACORN_HOT) == 1
    held = Lake(settings.store).head()
    assert pipeline.retract_labels(settings, address=commands.ACORN_HOT) == 0  # already
    assert Lake(settings.store).head() == held
    assert count_labels(settings) == (3, 1)
    assert [a for a, _ in owners(settings)] == [commands.ACORN_COLD]
    assert pipeline.add_labels(settings, [labels_file(tmp_path)], source="book").rows == {"labels": 1}
    assert (commands.ACORN_HOT, "public") in owners(settings)


def test_purged_claims_leave_the_lake(settings: Settings, tmp_path: Path) -> None:
    pipeline.add_labels(settings, [labels_file(tmp_path)], source="book")
    pipeline.add_labels(settings, [labels_file(tmp_path)], source="it's")
    pipeline.retract_labels(settings, source="book", address=commands.ACORN_HOT)
    assert pipeline.retract_labels(settings, source="book", purge=True) == 3
    assert lake_rows(settings.store, "select distinct source from lake_labels") == [("it's",)]
    assert pipeline.retract_labels(settings, source="it's", purge=True) == 3
    assert count_labels(settings) == (0, 0)
    assert owners(settings) == []


def test_a_retraction_must_say_what(settings: Settings) -> None:
    with pytest.raises(UsageError, match="nothing to retract"):
        pipeline.retract_labels(settings)


@pytest.mark.slow
def test_private_labels_stay_private(settings: Settings, tmp_path: Path) -> None:
    pipeline.add_labels(settings, [labels_file(tmp_path)], source="book")
    public = owners(settings)
    mine = [commands.label(commands.SECRET, "Acorn Nuts", "suspect 7", "user")]
    pipeline.add_labels(settings, [labels_file(tmp_path, "mine.csv", mine)], source="me", private=True)
    assert count_labels(settings) == (3, 0)
    assert owners(settings) == sorted([*public, (commands.SECRET, "private")])
    for table, text in (("labels", "label"), ("entities", "name"), ("attributions", "address")):
        hidden = commands.SECRET if text == "address" else "%uspect%" if text == "label" else "%Nuts%"
        told = read(settings, f"select visibility from beliefs.{table} where {text} like '{hidden}'")
        assert set(told) == {("private",)}, table
    assert pipeline.retract_labels(settings, source="me") == 1
    assert owners(settings) == public


def test_a_dry_run_writes_nothing(settings: Settings, tmp_path: Path) -> None:
    held = Lake(settings.store).head()
    path = write_csv(tmp_path / "new.csv", [commands.moved(20, commands.USER, commands.DEPOSIT, 5)])
    assert pipeline.ingest_files(settings, [path], dry_run=True).rows == {"transfers": 1}
    assert Lake(settings.store).head() == held
    assert list((settings.store / "tmp").iterdir()) == []


def test_the_lake_remembers_each_run(settings: Settings, tmp_path: Path) -> None:
    pipeline.add_labels(settings, [labels_file(tmp_path)])
    runs = Lake(settings.store).commits()
    assert [run.command for run in runs] == ["ingest files", "labels add"]
    assert [run.rows for run in runs] == [len(commands.TRANSFERS), 3]
    assert runs[0].recorded_at < runs[1].recorded_at <= datetime.now(UTC).replace(tzinfo=None)
