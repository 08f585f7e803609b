"""How long does each step of a build take, and how much memory at most? Watched from outside, for benchmarks."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intel import parts, pipeline
from intel.etl import extend, ledger
from intel.store import snapshot

# A step that is found in the middle of another is part of it.
STEPS = (
    (pipeline, "_attach_inputs"), (pipeline, "build_ledger"), (ledger, "deal_ids"), (ledger, "fill_transfers"),
    (pipeline, "build_accounts"), (pipeline, "build_context"), (pipeline, "flag_hygiene"),
    (pipeline, "resolve_labels"), (pipeline, "type_services"), (pipeline, "gather_evidence"),
    (pipeline, "build_clusters"), (pipeline, "settle_identities"), (pipeline, "attribute_addresses"),
    (pipeline, "build_entity_days"), (pipeline, "build_large_sums"), (pipeline, "predict_roles"),
    (pipeline, "write_flow_columns"), (pipeline, "publish_build"), (snapshot, "create_indexes"),
    (snapshot, "describe_file"), (parts, "copy_facts"), (parts, "extend_facts"), (extend, "_check_rows"),
    (extend, "_deal_more"), (extend, "fill_transfers"), (extend, "_extend_accounts"), (extend, "_renew_context"),
    (parts, "extend_flow_columns"),
)  # fmt: skip


@dataclass
class Step:
    """One step: wall seconds, CPU seconds of all threads, and the most memory held (GB) since it began.

    depth: how many other steps it is part of.
    """

    name: str
    seconds: float
    cpu: float
    gigabytes: float
    depth: int


@contextmanager
def watch_steps(*, is_told: bool = True) -> Iterator[list[Step]]:
    """List each step of the builds made inside, in the order in which they began; print each at its end."""
    steps: list[Step] = []
    originals = [(module, name, getattr(module, name)) for module, name in STEPS]
    watch = _Watch(steps, is_told=is_told)
    for module, name, function in originals:
        setattr(module, name, watch.wrap(name, function))
    try:
        yield steps
    finally:
        for module, name, function in originals:
            setattr(module, name, function)


@dataclass
class _Watch:
    steps: list[Step]
    is_told: bool
    running: list[Step] = field(default_factory=list)

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*values: Any, **named: Any) -> Any:
            step = Step(name.lstrip("_"), 0, 0, 0, len(self.running))
            self.steps.append(step)
            self._note_peak()
            self.running.append(step)
            _forget_peak()
            begin, before = time.perf_counter(), time.process_time()
            try:
                return function(*values, **named)
            finally:
                step.seconds, step.cpu = time.perf_counter() - begin, time.process_time() - before
                self._note_peak()
                self.running.pop()
                if self.is_told:
                    print(
                        f"{step.name:20s} {step.seconds:8.1f} s {step.cpu:8.1f} s cpu {step.gigabytes:6.2f} GB",
                        flush=True,
                    )

        return run

    def _note_peak(self) -> None:
        for step in self.running:
            step.gigabytes = max(step.gigabytes, _read_peak())


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
