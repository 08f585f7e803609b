"""What do all commands share: the application, the store that is meant, and how an answer is written?"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import RenderableType

from intel.config import Settings, read_settings
from intel.talk import format_json, write_page

if TYPE_CHECKING:
    from intel.profiler.database import Database

app = typer.Typer(
    name="intel", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Who is behind this address? Open, self-hosted blockchain attribution with the evidence shown.",
)  # fmt: skip


def add_group(name: str, text: str) -> typer.Typer:
    """Return a new group of commands: `intel NAME ...`."""
    group = typer.Typer(no_args_is_help=True, help=text)
    app.add_typer(group, name=name)
    return group


def settle(store: Path | None, **more: Any) -> Settings:
    """Return the settings with what the command line says instead of the environment."""
    settings = read_settings()
    return replace(settings, store=store or settings.store, **{k: v for k, v in more.items() if v is not None})


def find_build(store: Path | None, as_known_on: str | None) -> str | None:
    """Return the build of what was known on a date; None, the current one, without a date."""
    from intel.profiler.postings import parse_window
    from intel.store.snapshot import find_known_build

    before = parse_window(until=as_known_on).until
    return find_known_build(settle(store).store, before) if before else None


def open_store(store: Path | None, as_known_on: str | None = None) -> closing[Database]:
    """Open the current build of the store, or that of what was known on a date; closed at the end of a `with`."""
    from intel.profiler.database import open_database

    return closing(open_database(settle(store).store, find_build(store, as_known_on)))


def show(page: RenderableType) -> None:
    """Write a page to stdout."""
    write_page(page, sys.stdout)


def show_json(document: object) -> None:
    """Write the one JSON document to stdout."""
    sys.stdout.write(format_json(document) + "\n")
