"""What does each address do, in numbers? Its degrees, amounts, rhythm, gas and neighbours, for all addresses at once.

Everything is counted from facts before a cut-off. What each figure means: `intel.ml.feature_list`; the tables that it
comes from: `intel.ml.feature_tables`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from intel.ml.feature_list import FEATURES
from intel.ml.feature_tables import STEPS
from intel.store import Connection

if TYPE_CHECKING:
    from intel.store.spark_engine import SparkEngine

Matrix = npt.NDArray[np.float32]

_END = datetime(9999, 1, 1)  # noqa: DTZ001 -- the ledger's times carry no zone; all are UTC
_VIEWS = {"role_order", "role_calls"}  # read once, or no more than columns of facts: hence never stored
_BUCKET_MOVES = 25_000_000  # about 3 GB while they are sorted and grouped
# These ask for nothing but an address's own moves: they are filled bucket by bucket of addresses. Those of _ASKED are
# read of the address alone that is asked about, the others of its partners too; those of _PASSING are only on the way.
_OWN = (
    "role_moves", "role_hours", "role_pairs", "role_sums", "role_rhythm", "role_amounts", "role_order", "role_gaps",
    "role_bundles", "role_assets",
)  # fmt: skip
_ASKED = _OWN[_OWN.index("role_order") :]
_PASSING = ("role_moves", "role_hours", "role_order")
_FACTS = ("facts.postings", "facts.transactions", "facts.transfers", "facts.assets", "facts.addresses")

_JOINED = """
from role_sums s
left join role_partners p on p.address_id = s.address_id
left join role_rhythm r on r.address_id = s.address_id
left join role_gaps g on g.address_id = s.address_id
left join role_bundles b on b.address_id = s.address_id
left join role_assets a on a.address_id = s.address_id
left join role_amounts v on v.address_id = s.address_id
left join role_signed i on i.address_id = s.address_id
left join role_called c on c.address_id = s.address_id
left join role_consent o on o.address_id = s.address_id
left join role_tokens t on t.address_id = s.address_id
left join role_neighbours n on n.address_id = s.address_id
left join role_kin f on f.address_id = s.first_sender
left join role_collectors l on l.last_receiver = s.last_receiver
"""
_COLUMNS = ", ".join(f"cast({feature.sql} as float) as {feature.name}" for feature in FEATURES)
_ROWS = f"select s.address_id, {_COLUMNS} {_JOINED}"


def build_features(
    con: Connection,
    cut_off: datetime | None = None,
    *,
    but_for: str = "select null where false",
    engine: Connection | SparkEngine | None = None,
) -> None:
    """Make the temporary table role_features: address_id and one column (float) per feature, sorted by address_id.

    One row per address with a transfer before `cut_off` (UTC, null: all of history), but for the ids that the query
    `but_for` returns: two thirds of all moves are of the few whose role is known. Null is: does not apply, or the store
    cannot tell. Reads facts alone. Where `engine` is a cluster it does the work, and `con` holds the result.
    """
    bounds: dict[str, object] = {"cut_off": cut_off or _END, "end": _END}
    con.execute(f"create or replace temp table role_others as {but_for}")
    if engine is not None and not isinstance(engine, Connection):
        _build_on_cluster(engine, con, bounds)
        _leave_others(con, "role_features")
    else:
        _build_in_buckets(con, bounds)
    con.execute("drop table role_others")


def _build_in_buckets(con: Connection, bounds: dict[str, object]) -> None:
    spans, queries = _list_buckets(con), dict(STEPS)
    for first, last in spans:
        for name in _OWN:
            if name == _ASKED[0]:
                _leave_others(con, "role_moves")
            _fill_own(con, name, queries[name], bounds | {"first": first, "last": last})
    for name in reversed(_PASSING):
        con.execute(f"drop {_kind(name)} {name}")
    standing = _fill_others(con, bounds)
    con.execute(f"create or replace temp table role_features as {_ROWS} limit 0")
    for first, last in spans:
        con.execute(
            f"insert into role_features {_ROWS} where s.address_id >= $first and s.address_id < $last "
            "and s.address_id not in (from role_others) order by s.address_id",
            {"first": first, "last": last},
        )
    _drop_all_but(con, standing, "")


def _leave_others(con: Connection, table: str) -> None:
    """Take the addresses out of a table that nobody asks about."""
    con.execute(f"delete from {table} where address_id in (from role_others)")


def _build_on_cluster(engine: SparkEngine, con: Connection, bounds: dict[str, object]) -> None:
    """Make role_features on a cluster, which spills by itself and needs no buckets, and fetch it."""
    engine.take(con, *_FACTS)
    for name, query in (*STEPS, ("role_features", f"{_ROWS} order by s.address_id")):
        engine.execute(f"create temp table {name} as {query}", _choose(query, bounds))
    columns = ", ".join(f"{feature.name} float" for feature in FEATURES)
    con.execute(f"create or replace temp table role_features (address_id bigint, {columns})")
    engine.give(con, "role_features")
    engine.execute(f"drop table {', '.join(name for name, _ in STEPS)}, role_features")


def _list_buckets(con: Connection) -> list[tuple[int, int]]:
    """Return spans [first, last) of address ids with about _BUCKET_MOVES postings each; at least one span."""
    found = con.execute(
        "select min(address_id), max(address_id) + 1 from (select address_id, sum(transfers_in + transfers_out) over "
        "(order by address_id) // $rows as bucket from facts.address_stats) group by bucket order by 1",
        {"rows": _BUCKET_MOVES},
    ).fetchall()
    return [(int(first), int(last)) for first, last in found] or [(0, 0)]


def _fill_own(con: Connection, name: str, query: str, values: dict[str, object]) -> None:
    """Make one of the tables in _OWN for a bucket of addresses, or add the bucket to it."""
    if name == "role_moves":
        query = f"select * from ({query}) where address_id >= $first and address_id < $last"
    begin = f"create or replace temp {_kind(name)} {name} as"
    if name not in _PASSING:
        con.execute(f"create temp table if not exists {name} as from ({query}) limit 0")
        begin = f"insert into {name}"
    con.execute(f"{begin} {query}", _choose(query, values))


def _fill_others(con: Connection, values: dict[str, object]) -> list[str]:
    """Make the tables that look at more than one address; return those that stand: the others had their last reader."""
    for name, value in values.items():
        con.execute(f"set variable role_{name} = $value", {"value": value})
    others = [(name, query) for name, query in STEPS if name not in _OWN]
    standing = [name for name in _OWN if name not in _PASSING]
    for place, (name, query) in enumerate(others):
        if name == "role_neighbours":
            _leave_others(con, "role_pairs")
        # A view takes no parameters.
        text = re.sub(r"\$(\w+)", r"getvariable('role_\1')", query) if name in _VIEWS else query
        con.execute(f"create or replace temp {_kind(name)} {name} as {text}", _choose(text, values))
        readers = " ".join([later for _, later in others[place + 1 :]] + [_JOINED])
        standing = _drop_all_but(con, [*standing, name], readers)
    return standing


def _drop_all_but(con: Connection, standing: Sequence[str], readers: str) -> list[str]:
    """Drop the tables that a text does not name; return those that stand."""
    wanted = set(re.findall(r"\w+", readers))
    for name in standing:
        if name not in wanted:
            con.execute(f"drop {_kind(name)} {name}")
    return [name for name in standing if name in wanted]


def _kind(name: str) -> str:
    return "view" if name in _VIEWS else "table"


def _choose(query: str, values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if f"${key}" in query}


def read_features(con: Connection, first: int, last: int) -> tuple[npt.NDArray[np.int64], Matrix]:
    """Return ids and features of the addresses first <= id < last, in order of ids; NaN where null."""
    rows = con.execute(
        "from role_features where address_id >= $first and address_id < $last order by address_id",
        {"first": first, "last": last},
    ).fetchnumpy()
    ids = np.asarray(rows["address_id"], dtype=np.int64)
    matrix = np.empty((len(ids), len(FEATURES)), dtype=np.float32)
    for place, feature in enumerate(FEATURES):
        matrix[:, place] = np.ma.filled(np.ma.asarray(rows[feature.name], dtype=np.float32), np.nan)
    return ids, matrix


def hash_features() -> str:
    """Return the digest that binds a model to names, order and definition of the features."""
    texts = [f"{feature.name}|{feature.unit}|{feature.sql}" for feature in FEATURES]
    texts += [f"{name}|{query}" for name, query in STEPS] + [_JOINED]
    return hashlib.sha256("\n".join(" ".join(text.split()) for text in texts).encode()).hexdigest()[:16]
