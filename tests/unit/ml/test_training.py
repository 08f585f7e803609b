"""Is a model of roles learnt from what can teach one, refused from what cannot, and safe to keep as a file?"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intel.errors import BadInput
from intel.ml import training
from intel.ml.check import check_training, refuse_chance
from intel.ml.explain_roles import explain_predictions, say_value
from intel.ml.feature_list import FEATURES
from intel.ml.roles import FORMAT, RoleModel, name_model, predict_rows, read_model, write_model
from intel.ml.training import Examples, drop_rare, is_held_out, train_roles

PLACE = {feature.name: at for at, feature in enumerate(FEATURES)}


def make_examples(count: int = 120, roles: tuple[str, ...] = ("deposit", "person", "miner"), seed: int = 1) -> Examples:
    """Roles that differ in senders and in what they pass on, `count` each, three addresses per owner."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(1, 0.1, (count * len(roles), len(FEATURES))).astype(np.float32)
    role = np.repeat(np.array(roles, dtype=object), count)
    for at, name in enumerate(roles):
        rows[role == name, PLACE["senders"]] = rng.normal(3 + 40 * at, 2, count)
        rows[role == name, PLACE["passed_on_share"]] = rng.normal(at, 0.2, count)
    owner = np.array(
        [f"{name} {number // 3} {seed}" for name, number in zip(role, range(len(role)), strict=True)], dtype=object
    )
    return Examples(rows, role, owner)


@pytest.fixture(autouse=True, scope="module")
def few_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "STEPS", 5)
        patch.setattr(training, "RATE", 0.4)
        yield


@pytest.fixture(scope="module")
def model() -> RoleModel:
    return train_roles(make_examples(), seed=1, version="test-1", info={"inputs": ["times"]})


@pytest.mark.slow
def test_roles_of_new_owners_are_told(model: RoleModel) -> None:
    other = make_examples(seed=2)
    found = predict_rows(model, other.rows)
    assert (np.array(model.roles)[found.role] == other.role).mean() > 0.95
    assert ((found.probability > 0) & (found.probability < 1)).all()


@pytest.mark.slow
def test_a_kind_never_seen_is_stranger_than_the_known(model: RoleModel) -> None:
    strange = make_examples(60, ("person",), seed=3)
    strange.rows[:] *= 50
    known = predict_rows(model, make_examples(seed=4).rows)
    found = predict_rows(model, strange.rows)
    assert np.median(found.strangeness) > np.quantile(known.strangeness, 0.98)
    assert not found.is_known.any()
    assert known.is_known.mean() > 0.7


@pytest.mark.slow
def test_an_unknown_kind_is_abstained_on_more_often_than_a_known_one(model: RoleModel) -> None:
    known = predict_rows(model, make_examples(seed=8).rows)
    odd = make_examples(seed=9)
    odd.rows[:, PLACE["passed_on_share"]] = odd.rows[
        ::-1, PLACE["passed_on_share"]
    ]  # each figure is ordinary by itself
    odd = odd.take(odd.role != "person")  # whose figure is the same from either end
    found = predict_rows(model, odd.rows)
    assert known.is_known.mean() > 0.7
    assert found.is_known.mean() < known.is_known.mean() / 2
    assert np.median(found.strangeness) > np.median(known.strangeness)


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        (Examples(np.empty((0, len(FEATURES)), np.float32), np.empty(0, object), np.empty(0, object)), "no label"),
        (make_examples(20, ("person",)), "person alone can be learnt"),
        (make_examples(3, ("person", "miner")), "3 examples"),
    ],
    ids=["no labels", "one role", "three examples each"],
)
def test_what_teaches_nothing_is_refused_in_words(examples: Examples, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        train_roles(examples, seed=1, version="x", info={})


@pytest.mark.slow
def test_a_figure_that_no_example_has_stops_nothing() -> None:
    examples = make_examples(40)
    examples.rows[:, PLACE["in_usd"]] = np.nan  # a store without prices
    model = train_roles(examples, seed=1, version="x", info={})
    priced = make_examples(40, seed=2)
    found = predict_rows(model, priced.rows)
    assert (np.array(model.roles)[found.role] == priced.role).mean() > 0.95


def test_a_role_of_three_examples_is_left_out_and_named() -> None:
    few, many = make_examples(3, ("mixer",)), make_examples(30)
    both = Examples(*(np.concatenate([getattr(few, n), getattr(many, n)]) for n in ("rows", "role", "owner")))
    kept, left = drop_rare(both)
    assert left == {"mixer": "3 examples of 1 owners; 8 of 2 are needed"}
    assert "mixer" not in set(kept.role.tolist())


def test_owners_are_held_out_whole() -> None:
    examples = make_examples()
    held = is_held_out(examples)
    assert 0 < held.sum() < len(held)
    assert not set(examples.owner[held].tolist()) & set(examples.owner[~held].tolist())


@pytest.mark.slow
def test_the_check_tells_learning_from_chance() -> None:
    examples = make_examples(150)
    found = check_training(examples, examples, 1)
    assert found["model"] > 0.9
    assert found["shuffled"] < 0.6


def test_a_model_no_better_than_chance_is_not_kept() -> None:
    tested = {"tested": 4, "tested_owners": 2}
    with pytest.raises(BadInput, match="4 addresses of 2 owners.*no better than one of shuffled labels"):
        refuse_chance(tested | {"model": 0.5, "baseline": 0.4, "shuffled": 0.5})
    refuse_chance(tested | {"model": 0.5, "baseline": 0.6, "shuffled": 0.4})
    refuse_chance(tested | {"note": "too few owners to test on"})


@pytest.mark.slow
def test_equal_training_gives_equal_files(model: RoleModel, tmp_path: Path) -> None:
    again = train_roles(make_examples(), seed=1, version="test-1", info={"inputs": ["times"]})
    assert write_model(model) == write_model(again)
    path = tmp_path / "roles.npz"
    path.write_bytes(write_model(model))
    rows = make_examples(seed=5).rows
    ours, read = predict_rows(model, rows), predict_rows(read_model(path), rows)
    assert np.array_equal(ours.probability, read.probability)
    assert np.array_equal(ours.is_known, read.is_known)
    assert name_model(path).startswith("test-1 ")


def rewrite(content: bytes, name: str, part: bytes) -> bytes:
    """The model file with one of its parts replaced."""
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(whole, "w") as new:
        for item in old.namelist():
            new.writestr(item, part if item == name else old.read(item))
    return whole.getvalue()


@pytest.mark.slow
def test_a_pickle_in_a_model_file_is_never_loaded(model: RoleModel, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    part = io.BytesIO()
    np.save(part, np.array([Trap()], dtype=object), allow_pickle=True)
    path = tmp_path / "roles.npz"
    path.write_bytes(rewrite(write_model(model), "typical_points.npy", part.getvalue()))
    with pytest.raises(BadInput, match="cannot be read"):
        read_model(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("cut", "cannot be read"), ("text", "cannot be read"), ("features", "for other features"),
        ("format", f"has format 1; this version reads format {FORMAT}"), ("points", "do not fit together"),
    ],
)  # fmt: skip
def test_damaged_or_foreign_models_are_refused(model: RoleModel, tmp_path: Path, damage: str, told: str) -> None:
    content = write_model(model)
    path = tmp_path / "roles.npz"
    path.write_bytes({
        "cut": content[: len(content) // 2], "text": b"not a model",
        "features": retell(content, model.features, "0" * 16),
        "format": retell(content, f'"format": {FORMAT}', '"format": 1'),
        "points": rewrite(content, "typical_role.npy", pack(model.typical.role[:-1])),
    }[damage])  # fmt: skip
    with pytest.raises(BadInput, match=told) as refused:
        read_model(path)
    assert "intel train" in str(refused.value.hint)


def retell(content: bytes, old: str, new: str) -> bytes:
    """The model file with another text in its description."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read("model.json").decode()
    assert old in text
    return rewrite(content, "model.json", text.replace(old, new).encode())


def pack(array: Any) -> bytes:
    part = io.BytesIO()
    np.save(part, array, allow_pickle=False)
    return part.getvalue()


@pytest.mark.slow
def test_what_decides_is_named_first(model: RoleModel) -> None:
    rows = make_examples(seed=6).rows[:5]
    told = explain_predictions(model, rows, predict_rows(model, rows).role)
    assert all("senders" in text or "passed on" in text for text in told)
    assert all(text.endswith(".") for text in told)


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("share", 0.99, "99%"), ("share", 0.999, "99.9%"), ("share", 1.0, "100%"), ("usd", 1234.5, "$1,234"),
        ("hours", 0.5, "30 minutes"), ("hours", 100.0, "4 days"), ("addresses", 1.0, "1 address"),
        ("addresses", 412.0, "412 addresses"), ("transfers", 1.0, "1 transfer"),
    ],
)  # fmt: skip
def test_figures_are_written_as_people_write_them(unit: str, value: float, text: str) -> None:
    assert say_value(unit, value) == text
