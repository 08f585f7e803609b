"""How does the table of `bench/scale.py` read? Its numbers as Markdown, with machine and date."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

Results = Mapping[int, Mapping[str, Mapping[str, float]]]  # size, part, figure
LIBRARIES = ("duckdb", "deltalake", "pyarrow", "numba", "networkx", "graphsense-clustering", "pandas", "rp2")
# What issue and design ask of a size: part, figure, the limit, and how it reads.
LIMITS = {
    10_000_000: (("ingest+build", 360, "s, ingest and build"),),
    100_000_000: (
        ("ingest+build", 3600, "s, ingest and build"), ("memory", 12, "GB of memory"), ("disk", 40, "GB of disk"),
        ("ordinary", 0.050, "s, ordinary profile, median"), ("largest", 3, "s, largest entity"),
        ("posting", 60, "bytes per posting, table of postings"),
    ),
}  # fmt: skip


def write_page(results: Results, memory: str, remark: str = "") -> str:
    """Return the page; `remark` says what a reader must know of these runs."""
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    about = (
        f"Written by `make bench` on {now}: {_describe_machine()}, Python {platform.python_version()}, {libraries}; "
        f"`--memory {memory}`, 2 threads, three of a build. Wall seconds of a shared machine are noise: growth, and "
        "ratios to peers in the same run, are the result.\n"
    )
    growth = (
        "Growth is the exponent of the seconds from one size to the next, by the transfers that are there (1 is "
        f"linear; n log n is {_name_nlogn(results)}).\n"
    )
    left_out = (
        "Where networkx, or pandas looking up address by address, would need more memory or patience than there is, "
        "they are left out; pandas is extrapolated from 200 addresses.\n"
    )
    whole, steps = _table(results, _whole(results)), _table(results, _steps(results, "step "))
    cpu = _table(results, _steps(results, "cpu "))
    peers = _table(results, _peers(results), grows=False)
    parts = [
        "# Benchmarks\n",
        about,
        *([f"{remark}\n"] if remark else []),
        "## The whole way\n",
        whole,
        growth,
        "## Steps of the build, seconds\n",
        steps,
        "## The same, CPU seconds of both cores\n",
        cpu,
    ]
    parts += ["## Beside peers, same data, same run\n", peers, left_out, *_judge(results)]
    return "\n".join(parts)


def _describe_machine() -> str:
    with Path("/proc/cpuinfo").open() as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()}"


def _whole(results: Results) -> dict[str, list[float | None]]:
    """Rows of the first table, one figure per size."""

    def read(part: str, figure: str) -> list[float | None]:
        return [results[size][part].get(figure) for size in results]

    def rate(part: str, figure: str = "wall") -> list[float | None]:
        return [results[size]["build"]["transfers"] / results[size][part][figure] for size in results]

    return {
        "transfers": read("build", "transfers"),
        "addresses": read("build", "addresses"),
        "ingest, s": read("ingest", "wall"),
        "build, s": read("build", "wall"),
        "ingest, transfers/s (their file alone)": rate("ingest", "transfers"),
        "build, transfers/s": rate("build"),
        "peak memory of ingest, GB": read("ingest", "memory"),
        "peak memory of build, GB": read("build", "memory"),
        "peak disk of ingest, GB": read("ingest", "disk"),
        "peak disk of build (lake, scratch, snapshot), GB": read("build", "disk"),
        "bytes per posting, table of postings": read("build", "bytes in postings"),
        "bytes per posting, whole snapshot": read("build", "bytes in snapshot"),
        "profile of an ordinary address, median, s": read("ask", "wall"),
        "the same, 95 %, s": read("ask", "p95"),
        "profile of the largest entity, s": read("ask", "largest"),
        "its addresses": read("ask", "members"),
        "1,000,000 addresses labelled, s": read("label", "wall"),
        "trace of three hops, ordinary, median, s": read("trace", "wall"),
        "trace of three hops, largest exchange, s": read("trace", "hub"),
    }


def _steps(results: Results, kind: str) -> dict[str, list[float | None]]:
    told = [name for one in results.values() for name in one["build"] if name.startswith(kind)]
    names = list(dict.fromkeys(told))
    return {name.removeprefix(kind): [results[size]["build"].get(name) for size in results] for name in names}


def _count_transfers(results: Results) -> list[float]:
    """Return the transfers of each size as they are: a world of 100,000,000 has 16 % more, and steps deal with all."""
    return [one["build"]["transfers"] for one in results.values()]


def _peers(results: Results) -> dict[str, list[float | None]]:
    rows: dict[str, list[float | None]] = {}
    told = list(results.values())
    rows["ingest of transfers / DuckDB copying them sorted"] = [
        one["ingest"]["transfers"] / one["copy_sorted"]["wall"] if one["copy_sorted"]["wall"] else None for one in told
    ]
    rows["pandas one by one / labelling"] = [
        one["label"]["peer"] / one["label"]["wall"] if "peer" in one["label"] else None for one in told
    ]
    for name, figure in (("graphsense-clustering", "peer"), ("networkx", "networkx")):
        rows[f"{name} / union-find of the evidence's pairs"] = [
            one["cluster"][figure] / one["cluster"]["wall"] for one in told
        ]
    rows["networkx / trace of three hops from the largest exchange, the search alone"] = [
        one["trace"]["networkx"] / one["trace"]["search"] if "networkx" in one["trace"] else None for one in told
    ]
    rows["rp2 / lots matched, first in, first out"] = [
        one["pnl"]["peer"] / one["pnl"]["wall"] if "pnl" in one else None for one in told
    ]
    return rows


def _table(results: Results, rows: Mapping[str, list[float | None]], *, grows: bool = True) -> str:
    sizes = list(results)
    heads = ["", *(f"{size:,}" for size in sizes)]
    heads += [f"growth to {size:,}" for size in sizes[1:]] if grows else []
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    for name, figures in rows.items():
        cells = [name, *(_show(figure) for figure in figures)]
        if grows:
            pairs = pairwise(figures)
            steps = pairwise(_count_transfers(results))
            is_time = not name.startswith(("transfers", "addresses", "its", "bytes", "peak")) and "/s" not in name
            cells += [
                _grow(pair, step) if is_time else "" for pair, step in zip(pairs, steps, strict=True)
            ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _show(figure: float | None) -> str:
    if figure is None:
        return "-"
    if figure >= 1000:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.3f}"


def _grow(pair: tuple[float | None, float | None], sizes: tuple[float, float]) -> str:
    small, large = pair
    if small is None or large is None or small < 0.5:  # a step that takes no time tells nothing of growth
        return ""
    return f"{math.log(large / small) / math.log(sizes[1] / sizes[0]):.2f}"


def _name_nlogn(results: Results) -> str:
    told = [
        f"{math.log(b * math.log(b) / (a * math.log(a))) / math.log(b / a):.2f} from {a:,.0f} to {b:,.0f}"
        for a, b in pairwise(_count_transfers(results))
    ]
    return ", ".join(told) or "a little more"


def _judge(results: Results) -> list[str]:
    """Say for each limit whether it is met."""
    lines = []
    for size in [size for size in results if size in LIMITS]:
        one = results[size]
        figures = {
            "ingest+build": one["ingest"]["wall"] + one["build"]["wall"],
            "memory": max(one["ingest"]["memory"], one["build"]["memory"]),
            "disk": max(one["ingest"]["disk"], one["build"]["disk"]),
            "ordinary": one["ask"]["wall"], "largest": one["ask"]["largest"],
            "posting": one["build"]["bytes in postings"],
        }  # fmt: skip
        lines += [
            f"| {size:,} | {words} | {_show(limit)} | {_show(figures[name])} | "
            f"{'met' if figures[name] <= limit else '**missed**'} |"
            for name, limit, words in LIMITS[size]
        ]
    if not lines:
        return []
    return [
        "## What was to be reached\n",
        "| size | what | at most | measured | |",
        "|---:|---|---:|---:|---|",
        *lines,
        "",
    ]
