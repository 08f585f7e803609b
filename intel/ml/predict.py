"""What does the model say about the addresses of this build whose role no label, rule or ledger fact tells?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from intel.config import data_path
from intel.errors import BadInput
from intel.ml.explain_roles import explain_predictions
from intel.ml.features import build_features, read_features
from intel.ml.roles import RoleModel, predict_rows, read_model
from intel.store import Connection

if TYPE_CHECKING:
    from intel.store.spark_engine import SparkEngine

OWN_MODEL = "roles.npz"  # in the store: what `intel train` learnt from its labels
BASIS = "model "  # how the basis of every predicted role begins
_STEP = 100_000  # addresses at a time
_KNOWN = "select address_id from beliefs.roles where visibility = 'public'"

# What a model may rest on, and how one sees that a store has it.
_INPUTS = {
    "times": "select 1 from facts.transfers where block_time is not null limit 1",
    "prices": "select 1 from facts.transfers where value_micro_usd is not null limit 1",
    "transactions": "select 1 from facts.transactions where sender_id is not null limit 1",
}


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What the model of roles did in a build; as the reports of heuristics. `note`: why it said nothing."""

    name: str
    rows: int
    seconds: float
    note: str = ""
    failed: bool = False


def find_model(store: Path) -> Path | None:
    """Return the store's own model, else the one that comes with the product, else None."""
    own = store / OWN_MODEL
    if own.is_file():
        return own
    try:
        return data_path(OWN_MODEL)
    except BadInput:
        return None


def list_inputs(con: Connection) -> list[str]:
    """Return which kinds of fact this build has: times, prices, transactions."""
    return [name for name, query in _INPUTS.items() if con.execute(query).fetchall()]


def predict_roles(con: Connection, path: Path | None, engine: Connection | SparkEngine | None = None) -> ModelReport:
    """Add what the model says to beliefs.roles, where nothing is known yet and the model is sure enough.

    Every such row has the basis `model <version>`, a calibrated probability and an explanation. Nothing rests
    on predictions: no link, owner or cluster. Reads facts and beliefs.roles. Where `engine` is a cluster it works out
    the figures; the trees are asked here.
    """
    start = time.perf_counter()
    if path is None:
        return ModelReport("role_model", 0, 0.0, "there is no model: intel train makes one from this store's labels")
    try:
        model = read_model(path)
    except BadInput as error:
        return ModelReport("role_model", 0, 0.0, f"{error.message}; no role was predicted")
    missing = [name for name in model.info.get("inputs", []) if name not in list_inputs(con)]
    if missing:
        lacks = " and no ".join(missing)
        return ModelReport(
            "role_model",
            0,
            0.0,
            f"the store has no {lacks}, which model {model.version} rests on; no role was predicted",
        )
    build_features(con, but_for=_KNOWN, engine=engine)
    rows = _predict_all(con, model)
    con.execute("drop table role_features")
    return ModelReport("role_model", rows, round(time.perf_counter() - start, 3))


def keep_predictions(con: Connection) -> bool:
    """Take over what the same model said of the same ledger in the build attached as `taken`, where it still counts.

    A prediction is of one address by its figures alone, so those of addresses that are known by now just go. False,
    and nothing is taken, where an address was known then and is not any more: nothing was predicted of it.
    """
    lost = con.execute(
        f"""select 1 from taken.roles where visibility = 'public' and not starts_with(basis, $basis)
        and address_id not in ({_KNOWN}) limit 1""",
        {"basis": BASIS},
    ).fetchall()
    if lost:
        return False
    con.execute(
        f"""insert into beliefs.roles select * from taken.roles
        where starts_with(basis, $basis) and address_id not in ({_KNOWN}) order by address_id""",
        {"basis": BASIS},
    )
    return True


def _predict_all(con: Connection, model: RoleModel) -> int:
    names, total = np.array(model.roles, dtype=object), 0
    end = int(con.execute("select coalesce(max(address_id), -1) + 1 from role_features").fetchall()[0][0])
    for first in range(0, end, _STEP):
        ids, rows = read_features(con, first, first + _STEP)
        found = predict_rows(model, rows)
        ids, rows, role = ids[found.is_known], rows[found.is_known], found.role[found.is_known]
        table = pa.table(
            {
                "address_id": pa.array(ids, pa.int64()),
                "role": pa.array(names[role].tolist(), pa.string()),
                "probability": pa.array(np.round(found.probability[found.is_known], 4), pa.float64()),
                "explanation": pa.array(explain_predictions(model, rows, role), pa.string()),
            }
        )
        con.register("predicted_rows", table)
        con.execute(
            """insert into beliefs.roles by name
            select address_id, role, probability, $basis as basis, 'public' as visibility, explanation
            from predicted_rows order by address_id""",
            {"basis": f"{BASIS}{model.version}"},
        )
        con.unregister("predicted_rows")
        total += table.num_rows
    return total
