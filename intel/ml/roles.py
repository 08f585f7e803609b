"""Which role does each address play, how sure is that, and is it perhaps none of those that the model knows?"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from intel.errors import BadInput
from intel.ml.calibration import Knots, apply_knots
from intel.ml.feature_list import FEATURES
from intel.ml.features import hash_features
from intel.ml.strangeness import LEVELS, Typical, measure_parts, measure_strangeness, read_typical
from intel.ml.trees import Trees, read_trees, score_rows

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

FORMAT = 2
_MOST_BYTES = 100_000_000  # of a file's parts together; ours has about 2 MB
_STAMP = (1980, 1, 1, 0, 0, 0)  # of every entry: the same model gives the same file


@dataclass(frozen=True, slots=True)
class RoleModel:
    """A learnt model.

    It abstains from a row that is stranger than `most_strange` or less probable than `least_sure`.
    """

    version: str
    features: str  # digest of the features it was learnt on
    roles: tuple[str, ...]
    trees: Trees
    temperature: float
    knots: Knots
    typical: Typical
    tails: Floats  # of doubt and distance among known addresses: see `intel.ml.strangeness`
    most_strange: float
    least_sure: float
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Predictions:
    """By row: place of the likeliest role, its calibrated probability, how strange the row is, and is it said."""

    role: Ids
    probability: Floats
    strangeness: Floats
    is_known: npt.NDArray[np.bool_]


def soften(scores: Floats, temperature: float) -> Floats:
    """Return the softmax of the scores divided by `temperature`."""
    shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
    p = np.exp(shifted)
    return np.asarray(p / p.sum(axis=1, keepdims=True), dtype=np.float64)


def predict_rows(model: RoleModel, rows: Matrix) -> Predictions:
    """Return the likeliest role of each row; rows (n, FEATURES)."""
    if len(rows) == 0:
        return Predictions(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.bool_))
    p = soften(score_rows(model.trees, rows), model.temperature)
    probability = apply_knots(model.knots, p.max(axis=1))
    strangeness = measure_strangeness(measure_parts(p, rows, model.typical), model.tails)
    is_known = (probability >= model.least_sure) & (strangeness <= model.most_strange)
    return Predictions(p.argmax(axis=1).astype(np.int64), probability, strangeness, is_known)


def write_model(model: RoleModel) -> bytes:
    """Return the model as a file: numpy arrays and one JSON text in a zip, equal for equal models."""
    arrays = {
        **model.trees.to_arrays(),
        **model.typical.to_arrays(),
        "knots": np.array(model.knots),
        "tails": model.tails,
    }
    told = {
        "format": FORMAT, "version": model.version, "features": model.features, "roles": list(model.roles),
        "temperature": model.temperature, "most_strange": model.most_strange, "least_sure": model.least_sure,
        "info": dict(model.info),
    }  # fmt: skip
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sorted(arrays.items()):
            part = io.BytesIO()
            np.save(part, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _STAMP), part.getvalue(), zipfile.ZIP_DEFLATED)
        text = json.dumps(told, indent=1, sort_keys=True)
        archive.writestr(zipfile.ZipInfo("model.json", _STAMP), text, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def read_model(path: Path) -> RoleModel:
    """Read a model file; nothing in it is ever run.

    BadInput where it is damaged, of another format (2 since strangeness has typical examples) or for other features.
    """
    hint = "train one for this version: intel train"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > _MOST_BYTES:
                raise ValueError("unpacked it is larger than any model")
            told = json.loads(archive.read("model.json"))
            arrays = {
                name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
        if told["format"] != FORMAT:
            raise BadInput(f"the model {path} has format {told['format']}; this version reads format {FORMAT}", hint)
        if told["features"] != hash_features():
            raise BadInput(f"the model {path} was made for other features ({told['features']})", hint)
        trees = read_trees(arrays)
        typical = read_typical(arrays, len(told["roles"]), len(FEATURES))
        if len(trees.base) != len(told["roles"]) or arrays["tails"].shape != (2, LEVELS):
            raise ValueError("its parts do not fit together")
        if len(trees.feature) and int(trees.feature.max()) >= len(FEATURES):
            raise ValueError("it asks for features that do not exist")
        return RoleModel(
            version=str(told["version"]), features=str(told["features"]), roles=tuple(map(str, told["roles"])),
            trees=trees, temperature=float(told["temperature"]), knots=arrays["knots"].tolist(),
            typical=typical, tails=arrays["tails"],
            most_strange=float(told["most_strange"]), least_sure=float(told["least_sure"]),
            info=dict(told["info"]),
        )  # fmt: skip
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"the model {path} cannot be read: {error}", hint) from error


def name_model(path: Path) -> str:
    """Return version and digest of a model file; `unreadable` for the version of one that is damaged."""
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            version = str(json.loads(archive.read("model.json"))["version"])
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile):
        version = "unreadable"
    return f"{version} {hashlib.sha256(content).hexdigest()[:12]}"
