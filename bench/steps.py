"""How long does each step of a build take, and how much memory at most? Watched from outside, for benchmarks."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intel import parts, pipeline
from intel.etl import ledger

STEPS = (
    (ledger, "deal_ids"), (ledger, "fill_transfers"), (pipeline, "build_ledger"),
    (pipeline, "build_accounts"), (pipeline, "build_context"), (pipeline, "flag_hygiene"),
    (pipeline, "type_services"), (pipeline, "gather_evidence"), (pipeline, "build_clusters"),
    (pipeline, "settle_identities"), (pipeline, "attribute_addresses"), (pipeline, "build_entity_days"),
    (pipeline, "build_large_sums"),
    (pipeline, "write_flow_columns"), (pipeline, "predict_roles"), (pipeline, "publish_build"),
    (parts, "extend_facts"), (parts, "extend_flow_columns"),
)  # fmt: skip


@dataclass
class Step:
    """One step: wall seconds, CPU seconds of all threads, and the most memory held (GB) since it began."""

    name: str
    seconds: float
    cpu: float
    gigabytes: float


@contextmanager
def watch_steps() -> Iterator[list[Step]]:
    """Print each step of the builds made inside, and list them."""
    steps: list[Step] = []
    originals = [(module, name, getattr(module, name)) for module, name in STEPS]
    for module, name, function in originals:
        setattr(module, name, _watch(name, function, steps))
    try:
        yield steps
    finally:
        for module, name, function in originals:
            setattr(module, name, function)


def _watch(name: str, function: Callable[..., Any], steps: list[Step]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*values: Any, **named: Any) -> Any:
        _forget_peak()
        begin, before = time.perf_counter(), time.process_time()
        answer = function(*values, **named)
        step = Step(name.lstrip("_"), time.perf_counter() - begin, time.process_time() - before, _read_peak())
        steps.append(step)
        print(f"{step.name:20s} {step.seconds:8.1f} s {step.cpu:8.1f} s cpu {step.gigabytes:6.2f} GB", flush=True)
        return answer

    return run


def _forget_peak() -> None:
    """Make Linux forget the highest memory mark so far; elsewhere marks only rise."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def _read_peak() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9
