"""Does a build say what it predicts, as a prediction, and only where nothing is known?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from intel.config import Settings, data_path
from intel.errors import BadInput
from intel.learning import train_on_labels
from intel.ml import training
from intel.ml.predict import OWN_MODEL, find_model, list_inputs, predict_roles
from intel.ml.roles import read_model
from intel.pipeline import build, make_demo
from intel.profiler.profile import describe_role
from intel.profiler.subjects import resolve_subject
from intel.store import open_connection
from intel.store.ddl import create_tables
from intel.store.reader import Reader
from tests.ledger_files import ingest, transfer, write_csv


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = Settings(store=tmp_path_factory.mktemp("predict") / "store", memory="2GB", threads=2)
    make_demo(found, transfers=20_000, seed=3)
    return found


@pytest.fixture(scope="module")
def reader(settings: Settings) -> Iterator[Reader]:
    with Reader(settings.store, memory="1GB") as opened:
        yield opened


def test_the_manifest_names_the_model_and_what_it_did(reader: Reader) -> None:
    assert reader.manifest.settings["model"].startswith(read_model(data_path(OWN_MODEL)).version)
    report = next(row for row in reader.manifest.reports if row["name"] == "role_model")
    told = reader.query("select count(*) from beliefs.roles where starts_with(basis, 'model ')")[0][0]
    assert report["rows"] == told > 0


def test_a_prediction_stands_alone_with_its_reasons(reader: Reader) -> None:
    assert not reader.query(
        """select 1 from beliefs.roles p join beliefs.roles k using (address_id)
        where starts_with(p.basis, 'model ') and not starts_with(k.basis, 'model ') and k.visibility = 'public'"""
    )
    least = read_model(data_path(OWN_MODEL)).least_sure
    assert not reader.query(
        """select 1 from beliefs.roles where starts_with(basis, 'model ')
        and (probability < $least or probability >= 1 or explanation is null or visibility <> 'public')""",
        {"least": least},
    )
    assert not reader.query("select 1 from beliefs.evidence where heuristic like 'model%' or heuristic = 'role_model'")


def test_most_predictions_are_right(reader: Reader, settings: Settings) -> None:
    truth = settings.store.with_name("store.truth") / "roles.parquet"
    rows = reader.query(
        f"""select count(*), count_if(t.role = 'person') from beliefs.roles p
        join facts.addresses a using (address_id) join '{truth}' t on t.chain = a.chain and t.address = a.address
        where starts_with(p.basis, 'model ') and p.role = 'person'"""
    )
    assert rows[0][0] > 100
    assert rows[0][1] / rows[0][0] > 0.95


def test_the_profile_tells_a_prediction_from_what_is_known(reader: Reader) -> None:
    for predicted in (True, False):
        (address,) = reader.query(
            """select a.address from beliefs.roles r join facts.addresses a using (address_id)
            where starts_with(r.basis, 'model ') = $predicted and a.chain = 'ethereum'
                and not exists (from facts.addresses o where o.address = a.address and o.chain <> a.chain)
            order by r.address_id limit 1""",
            {"predicted": predicted},
        )[0]
        subject = resolve_subject(reader, address)
        role = describe_role(reader, subject)
        assert role is not None
        assert role["is_predicted"] is predicted
        assert (role["explanation"] is not None) is predicted


def test_without_ml_nothing_is_predicted(settings: Settings) -> None:
    manifest = build(settings, with_ml=False)
    assert "model" not in manifest.settings
    with Reader(settings.store, memory="1GB") as opened:
        assert not opened.query("select 1 from beliefs.roles where starts_with(basis, 'model ')")
    build(settings)


def test_a_store_that_lacks_what_the_model_rests_on_gets_none(tmp_path: Path) -> None:
    con = open_connection(memory="1GB", threads=1)
    for schema in ("facts", "beliefs"):
        con.execute(f"attach ':memory:' as {schema}")
        create_tables(con, schema)
    assert list_inputs(con) == []
    report = predict_roles(con, data_path(OWN_MODEL))
    assert report.rows == 0
    assert "no times and no prices and no transactions" in report.note
    damaged = tmp_path / OWN_MODEL
    damaged.write_bytes(b"PK not a model")
    assert "cannot be read" in predict_roles(con, damaged).note
    assert "intel train" in predict_roles(con, None).note
    assert con.execute("select count(*) from beliefs.roles").fetchall() == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("time", "told"),
    [(None, "no transfer of this store has a time"), ("2021-05-01T10:00:00", "no label that names an owner")],
    ids=["no times", "no labels"],
)
def test_a_store_that_teaches_nothing_is_built_and_says_so(tmp_path: Path, time: str | None, told: str) -> None:
    rows = [transfer(number, block_time=time) for number in range(40)]
    bare = Settings(store=tmp_path / "store", memory="1GB", threads=1)
    ingest(bare.store, write_csv(tmp_path / "ledger.csv", rows))
    report = next(row for row in build(bare).reports if row["name"] == "role_model")
    assert report["rows"] == 0
    assert "no prices" in report["note"]
    with pytest.raises(BadInput, match=told):
        train_on_labels(bare)
    assert not (bare.store / OWN_MODEL).exists()


@pytest.mark.slow
def test_a_store_learns_from_its_own_labels(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "STEPS", 4)
    found = train_on_labels(settings)
    own = settings.store / OWN_MODEL
    try:
        assert find_model(settings.store) == own
        assert read_model(own).roles == found.model.roles
        assert "exchange_deposit" in found.model.roles
        assert found.scores["tested"] > 0
        assert found.scores["model"] > found.scores["shuffled"]
    finally:
        own.unlink()
