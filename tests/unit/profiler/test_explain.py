"""Does an explanation rest on rows, add up to what the build stored, and keep what people say apart?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import intel
from intel.config import Settings
from intel.errors import UsageError
from intel.export.files import export_table
from intel.pipeline import build
from intel.profiler.database import Database
from intel.profiler.judge import list_judgements, record_judgement, revoke_judgement
from intel.profiler.path import MergePath, find_merge_path
from intel.profiler.waterfall import draw_waterfall, weigh_merge, weigh_owner, weigh_pair
from tests.shared import share_demo

PUBLIC_TABLES = ("evidence", "clusters", "entities", "attributions", "roles", "labels", "issues")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    store = tmp_path_factory.mktemp("explain") / "store"
    return Settings(store=Path(shutil.copytree(share_demo(tmp_path_factory), store)))


@pytest.fixture(scope="module")
def demo(settings: Settings) -> Iterator[Database]:
    with intel.open(settings.store) as db:
        yield db


def pick_pairs(db: Database, sql: str) -> list[tuple[Any, ...]]:
    rows = db.reader.query(sql)
    assert rows
    return rows


def test_every_merge_adds_up_to_what_the_build_stored(demo: Database) -> None:
    merges = pick_pairs(
        demo,
        "select cluster_id, left_id, right_id from beliefs.merges where kind = 'weighed' and visibility = 'public' "
        "order by cluster_id, step limit 40",
    )
    for _, left, right in merges:
        way = find_merge_path(demo.reader, [left], [right])
        assert isinstance(way, MergePath)
        told = weigh_merge(demo.reader, way)
        assert told["bits"] == pytest.approx(told["stored_bits"], abs=1e-9)
        assert told["bars"][-1]["total"] == told["bits"]
        assert told["left_size"] + told["right_size"] == len(way.left_ids) + len(way.right_ids)


def test_every_link_adds_up_to_what_the_build_stored(demo: Database) -> None:
    pairs = pick_pairs(demo, "select left_id, right_id from beliefs.links where relation = 'same_controller' "
                             "and visibility = 'public' order by events desc, left_id, right_id limit 60")  # fmt: skip
    owned = pick_pairs(demo, "select left_id, right_entity from beliefs.links where right_entity is not null "
                             "and visibility = 'public' order by events desc, left_id limit 60")  # fmt: skip
    told = [weigh_pair(demo.reader, [left], [right]) for left, right in pairs]
    told += [weigh_owner(demo.reader, [left], entity) for left, entity in owned]
    for found in told:
        assert found is not None
        assert found["bits"] == pytest.approx(found["stored_bits"], abs=1e-9)


def test_the_picture_ends_at_the_sum(demo: Database) -> None:
    left, right = pick_pairs(demo, "select left_id, right_id from beliefs.links where relation = 'same_controller' "
                                   "order by events desc, left_id, right_id limit 1")[0]  # fmt: skip
    found = weigh_pair(demo.reader, [left], [right])
    assert found is not None
    for limit in (1, 14):
        bars = draw_waterfall(found, limit=limit).to_pylist()
        assert bars[-1]["effect"] == "sum"
        assert bars[-2]["end"] == pytest.approx(bars[-1]["end"])
        assert sum(bar["bits"] for bar in bars[:-1]) == pytest.approx(found["bits"])


def test_the_path_leads_from_the_address_to_a_label_and_names_real_transactions(demo: Database) -> None:
    address, entity = pick_pairs(
        demo,
        "select a.address, a.entity_id from beliefs.attributions a join beliefs.entities e using (entity_id) "
        "where a.status = 'attributed' and e.kind = 'owner' and a.visibility = 'public' "
        "and a.role = 'exchange_deposit' order by a.address limit 1",
    )[0]
    found = demo.explain(address, entity)
    path = found["path"]
    assert (found["verdict"], path[0]["from"], path[-1]["kind"]) == ("same entity", address, "label")
    assert path[-1]["to"] == entity
    hashes = [tx for step in path for tx in step["tx_hashes"]]
    known = demo.reader.query(
        "select count(distinct tx_hash) from facts.transfers where tx_hash in (select unnest($hashes))",
        {"hashes": hashes},
    )
    assert hashes
    assert known[0][0] == len(set(hashes))
    assert demo.explain(entity, address)["waterfall"] == found["waterfall"]
    assert {row["heuristic"] for row in found["weights"]} >= {step["heuristic"] for step in path[:-1]}


def test_the_path_through_the_merge_tree_is_unbroken(demo: Database) -> None:
    left, right = pick_pairs(
        demo,
        """with wide as (
            select cluster_id, min(a.address) as first, max(a.address) as last from beliefs.clusters c
            join facts.addresses a using (address_id)
            where c.visibility = 'public' and cluster_id in (
                select cluster_id from beliefs.merges where kind = 'weighed' and visibility = 'public')
            group by cluster_id having count(*) > 2 and min(a.address) <> max(a.address))
        select first, last from wide order by cluster_id limit 1""",
    )[0]
    path = demo.explain(left, right)["path"]
    assert (path[0]["from"], path[-1]["to"]) == (left, right)
    assert all(one["to"] == following["from"] for one, following in pairwise(path))


def test_what_is_missing_is_told(demo: Database) -> None:
    left, right, bits = pick_pairs(
        demo,
        """select l.address, r.address, k.bits from beliefs.links k
        join facts.addresses l on l.address_id = k.left_id join facts.addresses r on r.address_id = k.right_id
        where k.relation = 'same_controller' and k.bits between 0 and 1 and not exists (
            select 1 from beliefs.clusters c join beliefs.clusters d using (cluster_id, visibility)
            where c.address_id = k.left_id and d.address_id = k.right_id)
        order by k.bits desc, 1, 2 limit 1""",
    )[0]
    found = demo.explain(left, right)
    assert found["waterfall"]["missing_bits"] == pytest.approx(2.0 - bits, abs=0.001)
    assert any("are missing" in text for text in found["changes"])


def test_the_observation_that_carries_a_link_is_named(demo: Database) -> None:
    address, entity = pick_pairs(
        demo,
        """select l.address, k.right_entity from beliefs.links k join facts.addresses l on l.address_id = k.left_id
        join beliefs.attributions a on a.address_id = k.left_id and a.entity_id = k.right_entity
        where k.relation = 'deposit_of' and k.events = 1 and k.visibility = 'public' order by 1 limit 1""",
    )[0]
    found = demo.explain(address, entity)
    (loss,) = found["waterfall"]["without"]
    assert loss["falls"]
    assert f"{loss['sentence']}." in found["changes"]


# ------------------------------------------------------------------------------------------- judgements


def export_public(store: Path, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    for name in PUBLIC_TABLES:
        export_table(store, name, folder / f"{name}.csv")
    return {name: (folder / f"{name}.csv").read_bytes() for name in PUBLIC_TABLES}


@pytest.mark.slow
def test_judgements_wait_apply_and_are_taken_back_without_touching_what_is_public(
    settings: Settings, demo: Database, tmp_path: Path
) -> None:
    before = export_public(settings.store, tmp_path / "before")
    member, other = pick_pairs(
        demo,
        "select min(a.address), max(a.address) from beliefs.clusters c join facts.addresses a using (address_id) "
        "where c.visibility = 'public' and starts_with(c.cluster_id, 'anon-') group by c.cluster_id "
        "having min(a.address) <> max(a.address) order by c.cluster_id limit 1",
    )[0]
    deposit, owner = pick_pairs(
        demo,
        "select a.address, a.entity_id from beliefs.attributions a where a.role = 'exchange_deposit' "
        "and a.status = 'attributed' and a.visibility = 'public' order by a.address limit 1",
    )[0]
    one, stranger, third = (row[0] for row in pick_pairs(
        demo,
        "select a.address from facts.addresses a where a.chain = 'ethereum' and not exists ("
        "select 1 from beliefs.attributions t where t.address_id = a.address_id) and not exists ("
        "select 1 from beliefs.services s where s.address_id = a.address_id) order by a.address limit 3",
    ))  # fmt: skip
    made = {
        "apart": record_judgement(demo.reader, (member, other), "different", "two people", user="ann"),
        "taken": record_judgement(demo.reader, (deposit, owner), "different", "it is mine"),
        "joined": record_judgement(demo.reader, (one, stranger), "same", "one person"),
        "given": record_judgement(demo.reader, (owner, third), "same", "they said so"),
    }
    assert {row["state"] for row in made.values()} == {"pending"}
    assert demo.explain(member, other)["judgements"][0]["state"] == "pending"
    assert demo.explain(member, other)["verdict"] in {"same entity", "same cluster"}
    assert demo.profile(other).extra["judgements"][0]["judgement_id"] == made["apart"]["judgement_id"]

    build(settings)
    assert export_public(settings.store, tmp_path / "judged") == before
    with intel.open(settings.store) as judged:
        assert {row["state"] for row in list_judgements(judged.reader)} == {"applied"}
        assert all(row["effect"] for row in list_judgements(judged.reader))
        assert judged.explain(other, member)["verdict"] == "kept apart"
        assert judged.explain(one, stranger)["verdict"] in {"same entity", "same cluster"}
        taken = judged.profile(deposit).entity
        given = judged.profile(third).entity
        assert taken is not None
        assert given is not None
        assert (taken["id"] != owner, taken["visibility"], taken["basis"]) == (True, "private", ["judgement"])
        assert (given["id"], given["visibility"], given["basis"]) == (owner, "private", ["judgement"])
        for row in made.values():
            revoke_judgement(judged.reader, row["judgement_id"])
        assert judged.explain(other, member)["judgements"][0]["state"] == "revocation pending"

    build(settings)
    assert export_public(settings.store, tmp_path / "after") == before
    with intel.open(settings.store) as after:
        assert {row["state"] for row in list_judgements(after.reader)} == {"revoked"}
        assert after.explain(member, other)["verdict"] in {"same entity", "same cluster"}
        assert after.reader.query("select count(*) from beliefs.judgements") == [(0,)]
        assert after.profile(deposit).entity["id"] == owner  # type: ignore[index]


def test_two_named_entities_are_no_matter_of_a_judgement(demo: Database) -> None:
    first, second = (row[0] for row in pick_pairs(
        demo, "select entity_id from beliefs.entities where kind = 'owner' order by entity_id limit 2"
    ))  # fmt: skip
    with pytest.raises(UsageError, match="two named entities"):
        record_judgement(demo.reader, (first, second), "same", "one firm")
    with pytest.raises(UsageError, match="belongs to the ledger"):
        record_judgement(demo.reader, ("0x" + "0" * 40, second), "same", "mints")
