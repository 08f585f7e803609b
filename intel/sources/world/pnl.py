"""What did each person gain? Average cost over all his wallets, at the price of the day, from the ledger alone."""

from __future__ import annotations

import numba
import numpy as np
import pyarrow as pa

from intel.sources.world.book import KIND, Rows
from intel.sources.world.ledger import Ledger
from intel.sources.world.market import ASSETS, DAY, GRAINS, Floats, Ints
from intel.sources.world.town import Town

MOST = 5_000  # people; the first ones
_SYMBOLS = sorted({asset.symbol for asset in ASSETS if asset.is_listed})
_WRAPPED = {"WETH": "ETH"}
_POOL = np.array([
    _SYMBOLS.index(_WRAPPED.get(asset.symbol, asset.symbol)) if asset.is_listed else -1 for asset in ASSETS
])  # fmt: skip
COLUMNS = ("realized_usd", "unrealized_usd", "received_usd", "sent_usd", "fees_usd")


def write_pnl(town: Town, ledger: Ledger) -> pa.Table:
    """Table pnl: cluster_id, realized, unrealized, received, sent and fees in USD.

    What comes in is bought at the day's price, what goes out, fees too, is sold at it; one asset is one pool on all
    chains. Between a person's own wallets, and over a bridge to himself, nothing is realised; what the bridge keeps
    is lost. Assets without a price do not count. realized + unrealized = value at the end + sent - received.
    People who bought or sold a wallet are left out, and all but the first `MOST`.
    """
    people = _choose_people(town)
    place = np.full(town.cast.owners, -1)
    place[people] = np.arange(len(people))
    account_place = place[town.cast.owner_of]
    bridges = np.array([town.services[f"{name}_{chain}"] for name in ("bridge", "hop") for chain in range(4)])
    state = np.zeros((len(people), len(_SYMBOLS), 2))
    sums = np.zeros((len(people), 4))
    for _, rows in ledger.spool.read("transfers"):
        columns = {
            name: rows[name].astype(np.int64) for name in ("time", "kind", "sender", "receiver", "asset", "amount")
        }
        postings = _post(town, columns, account_place, bridges)
        add_postings(*postings, state, sums)
    last = town.market.usd[:, -1]
    price = np.array([last[[asset.symbol for asset in ASSETS].index(symbol)] for symbol in _SYMBOLS])
    unrealized = (state[:, :, 0] * price - state[:, :, 1]).sum(axis=1)
    cluster = pa.array([f"owner-{number}" for number in people.tolist()])
    values = (sums[:, 0], unrealized, sums[:, 1], sums[:, 2], sums[:, 3])
    return pa.table({"cluster_id": cluster} | {name: pa.array(v) for name, v in zip(COLUMNS, values, strict=True)})


def _choose_people(town: Town) -> Ints:
    first = int(town.groups["people_owner"][0])
    people = np.arange(first, first + town.size - 2)
    sold = [owner for sale in town.truths.sales for owner in (*sale[1].tolist(), *sale[2].tolist())]
    chosen: Ints = people[~np.isin(people, np.array(sold, dtype=np.int64))][:MOST]
    return chosen


def _post(town: Town, rows: Rows, account_place: Ints, bridges: Ints) -> tuple[Ints, Floats]:
    """Both ends of each priced transfer in order of time.

    Rows (person, pool, what it is) and rows (quantity: + in, - out; price).
    """
    order = np.argsort(rows["time"], kind="stable")
    rows = {name: values[order] for name, values in rows.items()}
    sender, receiver = (
        np.where(rows[end] > 0, account_place[np.maximum(rows[end], 0)], -1) for end in ("sender", "receiver")
    )
    to_bridge, from_bridge = np.isin(rows["receiver"], bridges), np.isin(rows["sender"], bridges)
    counts = (_POOL[rows["asset"]] >= 0) & (sender != receiver)
    price = town.market.usd[rows["asset"], rows["time"] // DAY]
    quantity = rows["amount"] / GRAINS[rows["asset"]]
    what = np.where(rows["kind"] == KIND["fee"], 1, np.where(to_bridge | from_bridge, 2, 0))
    both = []
    for end, sign in ((sender, -1.0), (receiver, 1.0)):
        at = np.flatnonzero(counts & (end >= 0))
        both.append(
            (at * 2 + int(sign > 0), end[at], _POOL[rows["asset"][at]], sign * quantity[at], price[at], what[at])
        )
    key, person, pool, amount, at_price, kind = (np.concatenate(column) for column in zip(*both, strict=True))
    order = np.argsort(key)
    return np.stack([person, pool, kind])[:, order], np.stack([amount, at_price])[:, order]


@numba.njit(cache=True)
def add_postings(keys: Ints, values: Floats, state: Floats, sums: Floats) -> None:
    """Add postings to quantity and cost by person and pool, and to realized, received, sent and fees by person.

    `keys` are rows (person, pool, what), `values` rows (quantity, price); what: 0 dealing, 1 fee, 2 over a bridge,
    when cost stays with the person while the money travels.
    """
    person, pool, what = keys
    amount, price = values
    for row in range(len(person)):
        who, at = person[row], pool[row]
        if what[row] == 2:
            state[who, at, 0] += amount[row]
        elif amount[row] > 0:
            state[who, at, 0] += amount[row]
            state[who, at, 1] += amount[row] * price[row]
            sums[who, 1] += amount[row] * price[row]
        else:
            sold = -amount[row]
            held = state[who, at, 0]
            cost = state[who, at, 1] * min(sold / held, 1.0) if held > 0 else 0.0
            state[who, at, 0] -= sold
            state[who, at, 1] -= cost
            sums[who, 0] += sold * price[row] - cost
            sums[who, 2 + (what[row] == 1)] += sold * price[row]
