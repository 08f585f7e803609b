"""How does a run die at a chosen moment? A child process that does the work is killed in the middle of a named phase.

A phase is a function of ours. What it does is counted: statements to DuckDB and calls that reach files, the lake or
SQLite. The child dies in place of the chosen act, or when the phase has done all of them, or after some time in it.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pkgutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import BaseContext
from typing import Any

from intel import pipeline
from intel.store import Connection
from intel.store.snapshot import Build

KILLS = int(os.environ.get("INTEL_SOAK", "").strip() or 3)
_PATIENCE = 60.0 if KILLS < 10 else 900.0
_REACHES_OUT = {"posix", "_io", "sqlite3", "deltalake._internal"}


@dataclasses.dataclass(frozen=True)
class Phase:
    """A function by the place where its caller finds it (module, or module:class), and which call of it is meant."""

    place: str
    name: str
    call: int = 1

    def __str__(self) -> str:
        return self.name + (f"-{self.call}" if self.call > 1 else "")


@dataclasses.dataclass(frozen=True)
class Strike:
    """Die in place of this act of the phase (0: when it has done all), or `seconds` after it began."""

    act: int = 0
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Measure:
    acts: int
    seconds: float


class _Counting:
    """Tells `act` of every act of the phase."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def wrap(self, value: Any) -> Any:
        if isinstance(value, Connection):
            return _CountedConnection(value, self._act)
        if isinstance(value, Build):
            return dataclasses.replace(value, con=self.wrap(value.con))
        return value

    def watch(self, _frame: Any, event: str, called: Any) -> None:
        if event == "c_call":
            owner = type(getattr(called, "__self__", None)).__module__
            if owner in _REACHES_OUT or getattr(called, "__module__", None) in _REACHES_OUT:
                self._act()


class _CountedConnection:
    def __init__(self, con: Connection, act: Callable[[], None]) -> None:
        self._con, self._act = con, act

    def __getattr__(self, name: str) -> Any:
        if name in {"execute", "sql", "register", "unregister"}:
            self._act()
        return getattr(self._con, name)


def enter_phase(phase: Phase, act: Callable[[], None], begin: Callable[[], None], end: Callable[[], None]) -> None:
    """From here on, tell of the phase: its begin, each act, and its end when it has not failed."""
    place = pkgutil.resolve_name(phase.place)
    real, left = getattr(place, phase.name), [phase.call]

    def run(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] != 0:
            return real(*arguments, **options)
        counting = _Counting(act)
        begin()
        sys.setprofile(counting.watch)
        try:
            done = real(*map(counting.wrap, arguments), **options)
        finally:
            sys.setprofile(None)
        end()
        return done

    setattr(place, phase.name, run)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run_doomed(phase: Phase, strike: Strike, job: str, arguments: Sequence[Any], options: dict[str, Any]) -> None:
    left = [strike.act]

    def act() -> None:
        left[0] -= 1
        if left[0] == 0 and strike.seconds is None:
            die()

    def begin() -> None:
        if strike.seconds is not None:
            threading.Timer(strike.seconds, die).start()

    enter_phase(phase, act, begin, die)
    getattr(pipeline, job)(*arguments, **options)


def _run_measured(
    told: Pipe, phases: Sequence[Phase], job: str, arguments: Sequence[Any], options: dict[str, Any]
) -> None:
    acts = dict.fromkeys(phases, 0)
    times = dict.fromkeys(phases, 0.0)
    for phase in phases:

        def act(phase: Phase = phase) -> None:
            acts[phase] += 1

        def clock(phase: Phase = phase) -> None:
            times[phase] = time.monotonic() - times[phase]

        enter_phase(phase, act, clock, clock)
    getattr(pipeline, job)(*arguments, **options)
    told.send({phase: Measure(acts[phase], times[phase]) for phase in phases})


def start_server(*modules: str) -> BaseContext:
    """Children are forked from a server that has our modules loaded, and no threads: quick, and safe to kill."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(
        ["intel.pipeline", "intel.export.files", "tests.faults.doom", "tests.faults.warm", *modules]
    )
    return server


def measure(
    context: BaseContext, phases: Sequence[Phase], job: str, *arguments: Any, **options: Any
) -> dict[Phase, Measure]:
    """Run a job of the pipeline to its end and return how much each of its phases does."""
    mine, its = context.Pipe(duplex=False)
    child = context.Process(target=_run_measured, args=(its, phases, job, arguments, options))  # type: ignore[attr-defined]
    child.start()
    its.close()
    found: dict[Phase, Measure] = mine.recv()
    child.join(_PATIENCE)
    idle = [str(phase) for phase, seen in found.items() if seen.seconds == 0 or seen.acts == 0]
    assert not idle, f"phases that do nothing: {idle}"
    return found


def kill(context: BaseContext, phase: Phase, strike: Strike, job: str, *arguments: Any, **options: Any) -> None:
    """Run a job of the pipeline in another process that dies at the strike."""
    child = context.Process(target=_run_doomed, args=(phase, strike, job, arguments, options))  # type: ignore[attr-defined]
    child.start()
    child.join(_PATIENCE)
    if child.is_alive():
        child.kill()
    assert child.exitcode == -signal.SIGKILL, f"the run ended with {child.exitcode} before it came to {phase}"


def choose_strikes(seen: Measure, number: int = KILLS) -> list[Strike]:
    """Return strikes spread over a phase: first act, end, and some in between; of many, each third by time."""
    strikes = [Strike(1), Strike(0)]
    for place in range(1, number - 1):
        share = place / (number - 1)
        if place % 3 == 0:
            strikes.append(Strike(seconds=share * seen.seconds))
        else:
            strikes.append(Strike(max(2, round(share * seen.acts))))
    return strikes[:number]
