"""How does the command line speak: results on stdout, talk on stderr, and no text that a terminal would act on?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from intel.errors import AmbiguousSubject, IntelError
from intel.visible import show_hidden

_PIPED_WIDTH = 240  # a pipe has no edge: nothing is cut or wrapped that `grep` may look for
_PAGE_WIDTH = 150
_SAID_EVERY = 5.0  # seconds, where there is no terminal to draw a bar on


def make_console(stream: TextIO) -> Console:
    """Return a console that never reads markup out of text, and writes no ANSI where nobody looks."""
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    console.width = min(console.width, _PAGE_WIDTH) if console.is_terminal else _PIPED_WIDTH
    return console


def write_page(page: RenderableType, stream: TextIO) -> None:
    """Write a page as wide as the terminal; into a pipe whole, and without blanks at the ends of lines."""
    console = make_console(stream)
    with console.capture() as capture:
        console.print(page)
    text = capture.get()
    stream.write(text if console.is_terminal else "".join(line.rstrip() + "\n" for line in text.splitlines()))


def clean_text(value: object) -> str:
    """Return the value as one line of text; control and direction marks, which a label may hold, become visible."""
    return show_hidden(" ".join(str(value).split()))


def format_json(value: object) -> str:
    """Return one JSON document, in ASCII, so that no terminal acts on what a label holds."""
    from intel.profiler.profile import to_plain

    return json.dumps(to_plain(value), indent=2, allow_nan=False)


class Talk:
    """What a command says while it works: sentences for a person, or JSON lines for a program, on stderr."""

    def __init__(self, form: str = "plain") -> None:
        self._is_json = form == "json"
        self._console = make_console(sys.stderr)

    def say(self, text: str, **facts: object) -> None:
        """Say one sentence; as JSON it is an object with `message` and the facts."""
        if self._is_json:
            sys.stderr.write(json.dumps({"message": text, **facts}) + "\n")
            sys.stderr.flush()
        else:
            self._console.print(Text(clean_text(text), "dim"), soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say how long a step took."""
        if self._is_json:
            self.say(name, step=name, state="started")
        start = time.perf_counter()
        yield
        seconds = round(time.perf_counter() - start, 3)
        self.say(f"{name}: {seconds:,.1f} s", step=name, state="finished", seconds=seconds)

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[..., None]]:
        """Show how far a long run is: a bar on a terminal, else a line every few seconds.

        Yields a function of (done, total) and the facts `rate` (per second), `left` and others (in seconds).
        """
        said = 0.0
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), console=self._console,
            disable=self._is_json or not self._console.is_terminal,
        ) as display:  # fmt: skip
            task = display.add_task(what, total=None, told="")

            def move(done: int, total: int, **facts: Any) -> None:
                nonlocal said
                rate, left = facts.get("rate") or 0.0, facts.get("left")
                told = f"{done:,} of {total:,} {what}, {rate:,.1f} a second"
                told += f", {timedelta(seconds=round(left))} left" if left is not None else ""
                display.update(task, completed=done, total=total, told=told)
                if display.disable and (done == total or time.perf_counter() - said > _SAID_EVERY):
                    said = time.perf_counter()
                    self.say(told, done=done, total=total, **facts)

            yield move

    def complain(self, error: IntelError) -> None:
        """Say what failed, the candidates where there are several, and the hint."""
        self._console.print(Text.assemble(("error: ", "bold red"), clean_text(error.message)), soft_wrap=True)
        for entity_id, name in error.candidates if isinstance(error, AmbiguousSubject) else []:
            self._console.print(Text(f"  {clean_text(entity_id)}   {clean_text(name)}"), soft_wrap=True)
        if error.hint:
            self._console.print(Text.assemble(("hint: ", "bold"), clean_text(error.hint)), soft_wrap=True)
