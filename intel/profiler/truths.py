"""What does a truth file say, and where do its addresses stand in this build?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from intel.entities.names import normalise_name
from intel.errors import BadInput
from intel.model import Tier
from intel.store.reader import Reader

_SHOWN = 50  # names that did not resolve, in the answer


@dataclass(frozen=True, slots=True)
class Truth:
    """Who owns what, as somebody else knows it: one row per address (and chain), each in one group.

    `rows` has the columns address, chain (null: any chain) and group; `group_ids` names the groups. `unresolved` are
    entity names that this build does not know: their addresses are left out, as are those in several groups.
    """

    kind: Literal["clusters", "entities"]
    rows: pd.DataFrame
    group_ids: list[str]
    told: int
    conflicting: int
    unresolved: tuple[str, ...] = ()
    unresolved_addresses: int = 0

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """The group number of each row."""
        return self.rows["group"].to_numpy(dtype=np.int64)


def read_truth(reader: Reader, path: Path, max_pairs: int | None = None) -> Truth:
    """Read `cluster_id, address` or `address, entity`, each with an optional `chain`, from Parquet or CSV.

    With `max_pairs`, of a group with more pairs a fixed sample of addresses stands for it. Raises BadInput for a
    file that cannot be read or lacks these columns.
    """
    frame = _read_columns(path)
    told = len(frame)
    kind: Literal["clusters", "entities"] = "clusters" if "cluster_id" in frame else "entities"
    unresolved: list[str] = []
    if kind == "entities":
        known = _resolve_names(reader, sorted(set(frame["entity"])))
        frame["cluster_id"] = frame["entity"].map(known)
        unresolved = sorted(set(frame.loc[frame["cluster_id"].isna(), "entity"]))
    lost = int(frame["cluster_id"].isna().sum())
    frame = frame.dropna(subset=["cluster_id"]).drop_duplicates(["address", "chain", "cluster_id"])
    keys = frame.groupby(["address", "chain"], dropna=False)["cluster_id"].transform("size")
    conflicting = int(frame.loc[keys > 1, ["address", "chain"]].drop_duplicates().shape[0])
    frame = frame[keys == 1].sort_values(["cluster_id", "address", "chain"])
    if max_pairs is not None:
        frame = _take_sample(frame, max_pairs)
    group, names = pd.factorize(frame["cluster_id"], sort=True)
    rows = frame[["address", "chain"]].assign(group=group).reset_index(drop=True)
    if rows.empty:
        raise BadInput(f"{path} holds no address whose owner is told", "see that its names are known to this build")
    return Truth(kind, rows, [str(n) for n in names], told, conflicting, tuple(unresolved[:_SHOWN]), lost)


def _read_columns(path: Path) -> pd.DataFrame:
    """Return address, chain and cluster_id or entity as texts; addresses in lower case where they are hex."""
    if not path.is_file():
        raise BadInput(f"there is no file {path}", "give a .csv or .parquet file with `cluster_id, address`")
    try:
        table = pq.read_table(path) if path.suffix.lower() == ".parquet" else pyarrow.csv.read_csv(path)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path} cannot be read: {str(error).splitlines()[0]}", "give a CSV or Parquet file") from error
    names = set(table.column_names)
    owner = "cluster_id" if "cluster_id" in names else "entity"
    if "address" not in names or owner not in names:
        told = ", ".join(sorted(names))
        raise BadInput(f"{path} has the columns {told}", "a truth has `cluster_id, address` or `address, entity`")
    wanted = ["address", owner, *(["chain"] if "chain" in names else [])]
    table = table.select(wanted).cast(pa.schema([(name, pa.string()) for name in wanted]))
    frame = table.to_pandas().dropna(subset=["address", owner])
    text = frame["address"].str.strip()
    frame["address"] = text.where(~text.str[:2].isin(["0x", "0X"]), text.str.lower())
    chain = frame["chain"] if "chain" in frame else pd.Series(None, frame.index, dtype=object)
    read: pd.DataFrame = frame.assign(chain=chain.astype(object).where(chain.notna() & (chain != "evm"), None))
    return read


def _resolve_names(reader: Reader, names: list[str]) -> dict[str, str]:
    """Return the entity id of every name that means exactly one owner in this build."""
    reader.load("truth_names", pa.table({"name": names, "key": [normalise_name(name) for name in names]}))
    rows = reader.query(
        """select t.name, min(n.entity_id) from truth_names t
        join (
            select name_key as key, entity_id from beliefs.entity_names
            union select entity_id as key, entity_id from beliefs.entities
        ) n on n.key in (t.key, t.name)
        join beliefs.entities e on e.entity_id = n.entity_id and e.kind = 'owner' and e.visibility = 'public'
        group by t.name having min(n.entity_id) = max(n.entity_id)"""
    )
    return {str(name): str(entity_id) for name, entity_id in rows}


def _take_sample(frame: pd.DataFrame, max_pairs: int) -> pd.DataFrame:
    """Keep of each group as many addresses as make `max_pairs` pairs, those whose hash comes first."""
    most = int((1 + (1 + 8 * max_pairs) ** 0.5) / 2)
    drawn = frame["address"].map(lambda text: hashlib.sha256(text.encode()).hexdigest())
    place = frame.assign(drawn=drawn).sort_values(["cluster_id", "drawn", "chain"]).groupby("cluster_id").cumcount()
    return frame[place.reindex(frame.index) < most]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where each row of a truth stands: all arrays by row.

    place: number of its cluster; one of its own where it is in none. size: addresses of that cluster, those outside
    the truth too. confidence: of its best attribution, 0 without one. answer: the named owner it is given, or None.
    """

    place: npt.NDArray[np.int64]
    cluster_ids: list[str | None]
    size: npt.NDArray[np.int64]
    seen: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.float64]
    answer: list[str | None]
    status: list[str | None]


_OCCURS = """
create or replace temp table truth_places as
select t.row, k.address_id from truth_rows t
join facts.address_lookup k on k.address = t.address and (t.chain is null or k.chain = t.chain)
"""

_CLUSTERS = """
select p.row, c.cluster_id, z.size from truth_places p
join beliefs.clusters c on c.address_id = p.address_id
join (
    select cluster_id, count(*) as size from beliefs.clusters
    where visibility = 'public' and (tier = 'confirmed' or $tier = 'probable') group by cluster_id
) z on z.cluster_id = c.cluster_id
where c.visibility = 'public' and (c.tier = 'confirmed' or $tier = 'probable')
group by p.row, c.cluster_id, z.size order by p.row, c.cluster_id
"""

_ANSWERS = """
select t.row, a.entity_id, a.confidence, a.status, e.kind = 'owner' as is_named
from truth_rows t
join beliefs.attributions a on a.address = t.address and (t.chain is null or a.chain in (t.chain, 'evm'))
left join beliefs.entities e on e.entity_id = a.entity_id and e.visibility = 'public'
where a.visibility = 'public' and (a.tier = 'confirmed' or a.status = 'labelled' or $tier = 'probable')
qualify row_number() over (partition by t.row order by a.confidence desc, a.entity_id, a.chain) = 1
order by t.row
"""


def place_truth(reader: Reader, truth: Truth, tier: Tier) -> Placement:
    """Look every address of a truth up in the public layer; clusters that share an address are one."""
    count = len(truth.rows)
    numbered = pa.table({"row": range(count)} | {k: pa.array(truth.rows[k], pa.string()) for k in ("chain", "address")})
    reader.load("truth_rows", numbered)
    reader.query(_OCCURS)
    params: dict[str, object] = {"tier": tier}
    seen = np.zeros(count, dtype=bool)
    seen[[row for (row,) in reader.query("select distinct row from truth_places")]] = True
    found = reader.arrow(_CLUSTERS, params).to_pandas()
    place, size, names = _join_clusters(found, count)
    confidence = np.zeros(count)
    answer: list[str | None] = [None] * count
    status: list[str | None] = [None] * count
    for row, entity_id, sure, how, is_named in reader.query(_ANSWERS, params):
        confidence[row] = sure or 0.0
        answer[row], status[row] = (entity_id, how) if is_named else (None, None)
    return Placement(place, names, size, seen, confidence, answer, status)


def _join_clusters(
    found: pd.DataFrame, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[str | None]]:
    """Return each row's place, its size and its (lowest) cluster id: rows and clusters are ends of one graph."""
    number, ids = pd.factorize(found["cluster_id"], sort=True)
    width = count + len(ids)
    graph = coo_matrix((np.ones(len(found)), (found["row"], number + count)), shape=(width, width))
    place = connected_components(graph, directed=False)[1].astype(np.int64)
    sizes = np.zeros(len(ids), dtype=np.int64)
    sizes[number] = found["size"]
    whole = np.bincount(place[count:], weights=sizes, minlength=width).astype(np.int64)
    name_of: dict[int, str] = {}
    for part, name in zip(place[count:].tolist(), ids, strict=True):
        name_of.setdefault(part, str(name))
    mine = place[:count]
    return mine, np.maximum(whole[mine], 1), [name_of.get(part) for part in mine.tolist()]
