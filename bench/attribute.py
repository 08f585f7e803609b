"""How quickly is a list of addresses labelled, beside the same answers address by address with pandas, in one run?

    .venv/bin/python bench/attribute.py STORE [--rows 1000000] [--sample 200]

The list is made from the store: 70 in 100 lines occur in it (with repetitions), 20 are strangers, 5 name their chain,
3 look like Bitcoin's, 2 are junk. Ours runs as the command does, in a process of its own. The peer holds the tables
that the answer stands on as pandas frames indexed by address, read beforehand (not timed), and looks up one address
after the other, a sample of them, extrapolated; its owners must be ours.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from intel.store.reader import Reader

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SECONDS, GIGABYTES, TIMES = 60, 4, 20  # what it must reach


def draw_lines(known: list[str], rows: int) -> list[str]:
    """Return the lines of the list."""
    draw, lines = random.Random(1), []
    for _ in range(rows):
        kind = draw.random()
        if kind < 0.70:
            lines.append(draw.choice(known))
        elif kind < 0.90:
            lines.append(f"0x{draw.getrandbits(160):040x}")
        elif kind < 0.95:
            lines.append("eip155:1:" + draw.choice(known))
        elif kind < 0.98:
            lines.append("1" + "".join(draw.choices(BASE58, k=33)))
        else:
            lines.append(draw.choice(["junk", "", "0x12", "0x" + "a" * 64]))
    return lines


def read_frames(reader: Reader) -> list[pd.DataFrame]:
    """Return attributions, labels, occurrences and roles, indexed by address."""
    queries = (
        "select * from beliefs.attributions", "select * from beliefs.labels", "select * from facts.address_lookup",
        "select a.address, r.* from beliefs.roles r join facts.addresses a using (address_id)",
    )  # fmt: skip
    return [reader.arrow(query).to_pandas().set_index("address").sort_index() for query in queries]


def label_with_pandas(frames: list[pd.DataFrame], address: str) -> str | None:
    """Look one address up in each table, and return its owner."""
    owners, labels, seen, roles = (
        frame.loc[[address]] if address in frame.index else frame.iloc[:0] for frame in frames
    )
    best = owners.sort_values(["visibility", "confidence", "chain"], ascending=[True, False, True])
    _ = (labels["category"].max() if len(labels) else None, seen["chain"].nunique(), roles["role"].head(1).tolist())
    return None if best.empty else str(best["entity_id"].iloc[0])


def main() -> int:
    """Print seconds, memory and the ratio; 1 where an owner differs or a bound is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=200)
    options = parser.parse_args()
    with Reader(options.store) as reader, tempfile.TemporaryDirectory() as folder:
        known = [row[0] for row in reader.query("select distinct address from facts.address_lookup order by 1")]
        lines = draw_lines(known, options.rows)
        path, out = Path(folder, "list.txt"), Path(folder, "out.parquet")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        begin = time.perf_counter()
        words = ["attribute", path, "--out", out, "--store", options.store]
        subprocess.run([sys.executable, "-m", "intel", *words], check=True)
        ours = time.perf_counter() - begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        answer = pq.read_table(out, columns=["address", "entity_id"]).to_pandas()
        assert len(answer) == options.rows
        frames = read_frames(reader)
        sample = random.Random(2).sample([n for n, line in enumerate(lines) if line.startswith("0x")], options.sample)
        begin = time.perf_counter()
        found = [label_with_pandas(frames, lines[number]) for number in sample]
        theirs = (time.perf_counter() - begin) / options.sample * options.rows
    told = answer["entity_id"].astype(object).where(answer["entity_id"].notna(), None).iloc[sample].tolist()
    unequal = sum(left != right for left, right in zip(told, found, strict=True))
    gigabytes = used.ru_maxrss / 1e6
    print(f"{options.rows:,} addresses of a store with {len(known):,}")
    print(f"  ours    {ours:8.1f} s wall {used.ru_utime + used.ru_stime:6.1f} s cpu  {gigabytes:.2f} GB at most")
    print(f"  pandas  {theirs:8.1f} s wall, from {options.sample} of them; owners that differ: {unequal}")
    print(f"  ratio   {theirs / ours:8.1f}")
    return int(unequal > 0 or ours > SECONDS or gigabytes > GIGABYTES or theirs / ours < TIMES)


if __name__ == "__main__":
    raise SystemExit(main())
