"""How like real ledgers is the simulated one, and how quickly is it made?

    .venv/bin/python bench/world.py [--transfers 10000000]       # seconds and memory
    .venv/bin/python bench/world.py --write-docs                 # docs/world.md, simulated beside real

The comparison reads the public sets from INTEL_DATA_MIRROR; without it the real column stays empty.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from intel.sources.world import PRESETS, World, WorldSettings, generate_world
from intel.sources.world.truths import CASES
from intel.store import Connection, open_connection
from intel.store.lake import lake_schema

DOCS = Path(__file__).resolve().parents[1] / "docs" / "world.md"
UNLIKE = 2.0  # a ratio beyond this is said to be unlike
WINDOW = 18_000  # transfers: degrees grow with what one looks at, so both sides show as many


@dataclass(frozen=True)
class Figure:
    """One number of both sides; `sql` reads table `t` (or `d`, `w`) and gives one row of `names`."""

    title: str
    sets: str  # which pair of tables
    names: tuple[str, ...]
    sql: str


_ENDS = (
    "with ends as (select sender as a, receiver as b, 1 as sent from t union all select receiver, sender, 0 from t), "
    "per as (select a, count(*) as n, count(distinct b) as others, count(distinct b) filter (sent = 1) as outs, "
    "count(distinct b) filter (sent = 0) as ins from ends where a is not null group by a) "
)
_SPREAD = ("median", "90 %", "99 %", "largest")
_QUANTILES = "quantile_disc({0}, 0.5), quantile_disc({0}, 0.9), quantile_disc({0}, 0.99), max({0}) "

FIGURES = (
    Figure("Transfers per address", "coins", _SPREAD, _ENDS + "select " + _QUANTILES.format("n") + "from per"),
    Figure("Counterparties per address", "coins", _SPREAD,
           _ENDS + "select " + _QUANTILES.format("others") + "from per"),
    Figure("Addresses seen once, share", "coins", ("share",), _ENDS + "select avg((n = 1)::int) from per"),
    Figure("Transfers that touch the ten busiest addresses, share", "coins", ("share",),
           _ENDS + ", top as (select a from per order by n desc, a limit 10) "
           "select avg((sender in (from top) or receiver in (from top))::int) from t"),
    Figure("Value of a coin transfer, in USD", "coins", ("10 %", "median", "90 %", "99 %"),
           "select quantile_cont(v, 0.1), quantile_cont(v, 0.5), quantile_cont(v, 0.9), quantile_cont(v, 0.99) "
           "from (select value_raw::double / 1e18 * usd as v from t, price where value_raw > 0)"),
    Figure("Coin transfers of no value, share", "coins", ("share",), "select avg((value_raw = 0)::int) from t"),
    Figure("Kinds of transfer, share", "kinds", ("coins", "internal", "tokens", "collectibles"),
           "select avg((kind = 'native')::int), avg((kind = 'internal')::int), avg((kind = 'erc20')::int), "
           "avg((kind in ('erc721', 'erc1155'))::int) from t"),
    Figure("Token transfers of the commonest token, share", "tokens", ("first", "first five"),
           "with per as (select token, count(*) as n, row_number() over (order by count(*) desc, token) as place "
           "from t group by token) select sum(n) filter (place = 1) / sum(n), sum(n) filter (place <= 5) / sum(n) "
           "from per"),
    Figure("Token transfers per transaction", "tokens", ("mean", "99 %"),
           "select avg(n), quantile_disc(n, 0.99) from (select count(*) as n from t group by tx_hash)"),
    Figure("Token transfers of no value, share", "tokens", ("share",), "select avg((value_raw = 0)::int) from t"),
    Figure("Tokens in use", "tokens", ("tokens",), "select count(distinct token) from t"),
    Figure("Fan-in of deposit addresses", "deposits", _SPREAD, "select " + _QUANTILES.format("ins") + "from d"),
    Figure("Fan-out of deposit addresses", "deposits", _SPREAD, "select " + _QUANTILES.format("outs") + "from d"),
    Figure("Counterparties of any address, whole history", "edges", _SPREAD,
           "with ends as (select sender as a, receiver as b from w union all select receiver, sender from w), "
           "per as (select a, count(distinct b) as n from ends group by a) select " + _QUANTILES.format("n")
           + "from per"),
    Figure("Hours money rests before it goes to an exchange's wallet", "dwell", ("median", "90 %"),
           "select quantile_cont(h, 0.5), quantile_cont(h, 0.9) from dwell"),
)  # fmt: skip

_COINS = "kind = 'native' and sender is not null and receiver is not null"
_DWELL = (
    "create or replace table dwell as with x as (select distinct address from exchanges), "
    "outs as (select sender, min(block_time) as gone from coins where receiver in (from x) and sender not in (from x) "
    "group by sender having count(distinct receiver) = 1) "
    "select date_diff('second', max(i.block_time), any_value(o.gone)) / 3600.0 as h from outs o join coins i "
    "on i.receiver = o.sender and i.block_time <= o.gone group by o.sender"
)


def load_simulated(con: Connection, world: World) -> None:
    """Tables coins, kinds, tokens, deposits, edges and dwell of a world; degrees over a window of the middle."""
    con.register("batches", pa.Table.from_batches(world.batches("transfers"), lake_schema("transfers")))
    for name, rows in world.truth.items():
        con.register(f"truth_{name}", rows)
    con.execute(
        "create table all_rows as from batches where chain = 'ethereum' order by block_number, tx_hash, position"
    )
    middle = "(select quantile_disc(block_time, 0.4) from all_rows)"
    con.execute(f"create table coins as from all_rows where {_COINS} and block_time > {middle} limit {WINDOW}")
    con.execute(
        "create table kinds as from all_rows where kind not in ('fee', 'reward', 'withdrawal', 'wrap', 'unwrap')"
    )
    con.execute("create table tokens as from all_rows where kind in ('erc20', 'erc721', 'erc1155') "
                f"and block_time > {middle} limit 14323")  # fmt: skip
    con.execute("create table edges as select distinct sender, receiver from all_rows "
                "where kind in ('native', 'erc20') and sender is not null and receiver is not null")  # fmt: skip
    con.execute("create table deposits as with b as (select distinct deposit as address from truth_deposits), "
                "i as (select receiver as address, count(distinct sender) as ins from edges group by 1), "
                "o as (select sender as address, count(distinct receiver) as outs from edges group by 1) "
                "select ins, outs from b join i using (address) join o using (address)")  # fmt: skip
    con.execute("create table exchanges as select address from truth_owners join truth_roles using (chain, address) "
                "where role = 'hot_wallet'")  # fmt: skip
    con.register("prices", pa.Table.from_batches(world.batches("prices"), lake_schema("prices")))
    con.execute("create table price as select avg(usd) as usd from prices where symbol = 'ETH'")
    con.execute(_DWELL)


def load_real(con: Connection, mirror: Path) -> None:
    """The same tables from the public sets."""
    files = {
        name: f"read_parquet('{mirror / path}.parquet')"
        for name, path in {
            "coins": "transfers/ethereum_3300000_3302204_native",
            "traced": "transfers/ethereum_44_blocks_traced",
            "tokens": "transfers/ethereum_15320500_15320599_tokens",
            "hop": "edges/hop",
            "labels": "labels/hop_airdrop",
            "etherscan": "labels/etherscan_dump_brianleect",
            "prices": "prices/daily_usd",
        }.items()
    }
    number = "* replace (value_raw::double as value_raw)"
    con.execute(f"create table coins as select {number} from {files['coins']} where {_COINS} limit {WINDOW}")
    con.execute(f"create table kinds as with whole as (select block_number from {files['traced']} where kind = 'erc20' "
                f"group by 1) select {number} from {files['traced']} where kind not like '%calldata' "
                "and block_number in (from whole)")  # fmt: skip
    con.execute(f"create table tokens as select {number} from {files['tokens']}")
    con.execute(f"create table price as select avg(usd) as usd from {files['prices']} where symbol = 'ETH' "
                "and date = date '2017-03-06'")  # fmt: skip
    con.execute(f"create table edges as select distinct sender, receiver from {files['hop']}")
    con.execute(f"create table deposits as with b as (select distinct address from {files['labels']} "
                "where category = 'exchange_deposit'), "
                "i as (select receiver as address, count(distinct sender) as ins from edges group by 1), "
                "o as (select sender as address, count(distinct receiver) as outs from edges group by 1) "
                "select ins, outs from b join i using (address) join o using (address)")  # fmt: skip
    con.execute(f"create table exchanges as select distinct address from {files['etherscan']} "
                "where category = 'exchange' and chain in ('ethereum', 'evm')")  # fmt: skip
    con.execute(_DWELL)


def read_figures(con: Connection) -> dict[str, list[float]]:
    """All figures of the tables that are loaded."""
    con.execute("create or replace view d as from deposits")
    con.execute("create or replace view w as from edges")
    found = {}
    for figure in FIGURES:
        if figure.sets in {"coins", "kinds", "tokens"}:
            con.execute(f"create or replace view t as from {figure.sets}")
        row = con.execute(figure.sql).fetchall()[0]
        found[figure.title] = [float(value) if value is not None else float("nan") for value in row]
    return found


def write_docs(transfers: int) -> None:
    """Write docs/world.md from scratch."""
    simulated: dict[str, dict[str, list[float]]] = {}
    cases: dict[str, dict[str, int]] = {}
    roles: dict[str, dict[str, int]] = {}
    for preset in PRESETS:
        con = open_connection()
        world = generate_world(WorldSettings(transfers=transfers, preset=preset))
        load_simulated(con, world)
        simulated[preset] = read_figures(con)
        cases[preset] = dict(con.execute('select "case", count(*) from truth_never_merge group by all').fetchall())
        roles[preset] = dict(con.execute("select role, count(*) from truth_roles group by role").fetchall())
    mirror = os.environ.get("INTEL_DATA_MIRROR", "")
    real: Mapping[str, list[float]] = {}
    if mirror:
        con = open_connection()
        load_real(con, Path(mirror))
        real = read_figures(con)
    page = [_write_page(simulated, real, transfers), _CASES]
    page += [
        f"| {n} | {case} | {' | '.join(f'{cases[p][case]:,}' for p in PRESETS)} |\n" for n, case in enumerate(CASES, 1)
    ]
    page.append(_ROLES)
    names = sorted(set().union(*roles.values()))
    page += [f"| {name} | {' | '.join(f'{roles[p].get(name, 0):,}' for p in PRESETS)} |\n" for name in names]
    DOCS.write_text("".join([*page, _LIMITS]), encoding="utf-8")
    print(f"wrote {DOCS}")


_INTRO = """# The simulated economy

Written by `bench/world.py --write-docs`: do not edit.

`intel demo` and the tests run on an economy whose every owner is known (`intel/sources/world/`). This page holds it
against public ledgers: {transfers:,} simulated transfers, seed 7, beside

- coins: Ethereum, 6 March 2017, blocks 3300000 to 3302204, sampled (Raphtory/Data, Apache-2.0);
- kinds of transfer: the fifteen blocks with logs and traces of flashbots/mev-inspect-py (MIT);
- tokens: every token transfer of 100 Ethereum blocks of August 2022 (merklescience/ethereum-etl, MIT);
- deposit addresses and counterparties: hop-protocol/hop-airdrop, who sent to whom, partial;
- rest before an exchange: the first set, with exchange labels of an Etherscan dump of 2023.

Only the shape can be alike: the simulated ledger is small, lasts 540 days and has five exchanges. The first real set
lasts nine hours, so that money which rests longer cannot show in it; ours is cut to as many transfers, not to as many
hours.

| figure | | real | easy | default | hard |
|---|---|---:|---:|---:|---:|
"""


def _write_page(
    simulated: Mapping[str, dict[str, list[float]]], real: Mapping[str, list[float]], transfers: int
) -> str:
    lines, unlike = [_INTRO.format(transfers=transfers)], []
    for figure in FIGURES:
        for place, name in enumerate(figure.names):
            value = real[figure.title][place] if real else None
            shown = [_write_number(simulated[preset][figure.title][place]) for preset in PRESETS]
            lines.append(f"| {figure.title} | {name} | {_write_number(value)} | {' | '.join(shown)} |\n")
            ours = simulated["default"][figure.title][place]
            if value is not None and not 1 / UNLIKE <= (ours + 0.01) / (value + 0.01) <= UNLIKE:
                unlike.append(
                    f"- {figure.title}, {name}: {_write_number(ours)} simulated, {_write_number(value)} real\n"
                )
    told = unlike or ["- nothing that is shown here\n" if real else "- not known: INTEL_DATA_MIRROR was not set\n"]
    lines.append(f"\n## Where the default preset is unlike\n\nMore than {UNLIKE:g} times off:\n\n" + "".join(told))
    return "".join(lines)


_CASES = """
## Pairs that must never be merged

The twenty cases in which a ledger makes two owners look like one. `strength` in the truth says how hard each attack
tries, from 0 to 1; `easy` goes up to .3, `default` to .6.

| | case | easy | default | hard |
|---|---|---:|---:|---:|
"""

_ROLES = """
## Who acts

Addresses by role, each once per chain on which it occurs.

| role | easy | default | hard |
|---|---:|---:|---:|
"""

_LIMITS = """
## What it leaves out

- Bitcoin: the case of CoinJoin is played by joint transactions, several people's tokens in one transaction.
- Gas markets: prices of gas move by day and hour, not by demand; blocks are never full.
- Most of the real ledger's tokens, of which there are thousands; ours are about forty.
- Perpetuals, options, flash loans, rollup batches, reorganised transactions that fail the second time.
- Second chains carry payments, deposits, bridges, collectibles and spam, but no swaps.
"""


def _write_number(value: float | None) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def measure(transfers: int, preset: str) -> None:
    """Print seconds and peak memory of making and writing a world, truth and labels too."""
    start = time.perf_counter()
    world = generate_world(WorldSettings(transfers=transfers, preset=preset))
    print(f"simulated in {time.perf_counter() - start:.1f} s, {world.life.spool.size} periods", flush=True)
    for dataset in ("transfers", "transactions", "blocks", "events", "labels"):
        begin = time.perf_counter()
        rows = sum(batch.num_rows for batch in world.batches(dataset))
        print(f"{dataset:14s} {rows:12,} rows {time.perf_counter() - begin:8.1f} s", flush=True)
    begin = time.perf_counter()
    owners = world.truth["owners"].num_rows
    print(f"truth          {owners:12,} addresses {time.perf_counter() - begin:3.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"in all {time.perf_counter() - start:.1f} s, peak {peak:.2f} GB (100 million: at most 4)")


def main() -> int:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--write-docs", action="store_true")
    options = parser.parse_args()
    if options.write_docs:
        write_docs(options.transfers or 1_000_000)
    else:
        measure(options.transfers or 10_000_000, options.preset)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
