"""What can be learnt from the labels of this store? Trains its own model of roles, checked before it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from intel.config import Settings
from intel.errors import BadInput
from intel.ml.check import check_training, refuse_chance
from intel.ml.features import build_features, read_features
from intel.ml.predict import OWN_MODEL, list_inputs
from intel.ml.roles import RoleModel, write_model
from intel.ml.training import Examples, drop_rare, train_roles
from intel.store import Connection, open_connection
from intel.store.snapshot import current_build, snapshot_path

_SEED = 1
_CUT = 0.6  # of the span of time: what the checked model may know
_VAGUE = ("other", "exchange")  # roles that say nothing of behaviour

# Roles told by published labels; the owner is what the label names, else the address stands for itself.
_LABELLED = """
select r.address_id, any_value(r.role) as role,
    coalesce(min(t.entity_id), 'address ' || cast(r.address_id as varchar)) as owner
from beliefs.roles r
left join beliefs.attributions t on t.address_id = r.address_id and t.visibility = 'public' and t.status = 'labelled'
where r.visibility = 'public' and r.basis = 'label' and r.role not in (select unnest($vague))
group by r.address_id having min(r.role) = max(r.role)
order by r.address_id
"""


@dataclass(frozen=True, slots=True)
class Training:
    """What was learnt, and how it did on owners it had not seen: see `check_training`."""

    model: RoleModel
    scores: dict[str, Any]


def train_on_labels(settings: Settings) -> Training:
    """Learn roles from the published labels of the current build, and keep the model in the store.

    The next build predicts with it. Private labels are not read: what they taught would show in the public layer.
    Raises BadInput where the labels teach fewer than two roles or nothing beyond chance, or the ledger has no times.
    """
    build_id = current_build(settings.store)
    folder = snapshot_path(settings.store, build_id)
    con = open_connection(memory=settings.memory, threads=settings.threads)
    try:
        for schema in ("facts", "beliefs"):
            # The path is escaped by us: attach takes no parameters.
            con.execute(f"attach '{str(folder / schema).replace(chr(39), chr(39) * 2)}.duckdb' as {schema} (read_only)")
        inputs = list_inputs(con)
        if "times" not in inputs:
            raise BadInput("no transfer of this store has a time, and roles are told from behaviour in time",
                           "ingest a ledger with block times")  # fmt: skip
        labelled = con.execute(_LABELLED, {"vague": list(_VAGUE)}).fetchnumpy()
        whole = _read_examples(con, labelled, None)
        drop_rare(whole)
        span = con.execute("select min(block_time), max(block_time) from facts.transfers").fetchall()[0]
        early = _read_examples(con, labelled, span[0] + (span[1] - span[0]) * _CUT)
    finally:
        con.close()
    scores = check_training(early, whole, _SEED)
    refuse_chance(scores)
    info = {"learnt_on": f"published labels of build {build_id}", "inputs": inputs, "check": scores}
    model = train_roles(whole, seed=_SEED, version=f"own-{build_id[:8]}", info=info)
    path = settings.store / OWN_MODEL
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_bytes(write_model(model))
    scratch.replace(path)
    return Training(model, scores)


def _read_examples(con: Connection, labelled: Mapping[str, Any], cut_off: datetime | None) -> Examples:
    """Return the labelled addresses that had moved before the cut-off."""
    build_features(con, cut_off)
    ends = con.execute("select coalesce(max(address_id), -1) + 1 from role_features").fetchall()[0]
    wanted = np.asarray(labelled["address_id"], dtype=np.int64)
    rows, places = [], []
    for first in range(0, int(ends[0]), 100_000):
        ids, matrix = read_features(con, first, first + 100_000)
        mine = np.isin(ids, wanted)
        rows.append(matrix[mine])
        places.append(np.searchsorted(wanted, ids[mine]))
    con.execute("drop table role_features")
    if not rows:
        raise BadInput("no labelled address has a transfer in this ledger", "add labels: intel labels add FILE")
    at = np.concatenate(places)
    roles = np.asarray(labelled["role"]).astype(object)[at]
    return Examples(np.concatenate(rows), roles, np.asarray(labelled["owner"]).astype(object)[at])
