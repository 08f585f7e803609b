"""Does every command say what it does, and does every documented command exist?"""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest
import typer

from tests.tree import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def walk_commands(command: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return {("labels", "add"): command, ...}; groups stand in it too."""
    found = {path: command} if path else {}
    for name, child in getattr(command, "commands", {}).items():
        found |= walk_commands(child, (*path, name))
    return found


COMMANDS = walk_commands(typer.main.get_command(importlib.import_module("intel.cli").app))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command_and_its_options_have_help(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert (command.help or "").strip()
    options = [param for param in command.params if hasattr(param, "help") and param.name != "help"]
    assert [param.name for param in options if not (param.help or "").strip()] == []


@pytest.mark.parametrize("path", [path for path, command in COMMANDS.items() if not hasattr(command, "commands")])
def test_command_takes_a_store(path: tuple[str, ...]) -> None:
    if path[0] == "datasets":
        pytest.skip("knows no store")
    assert "--store" in {option for param in COMMANDS[path].params for option in param.opts}


def test_documented_commands_exist() -> None:
    unknown = []
    for document in DOCUMENTS:
        for words in re.findall(
            r"(?:^|[`/ ])intel ([a-z]+(?: [a-z][a-z0-9]*)?)", document.read_text("utf-8"), re.MULTILINE
        ):
            first, *rest = words.split()
            group = COMMANDS.get((first,))
            nested = rest and hasattr(group, "commands")
            if group is None or (nested and (first, rest[0]) not in COMMANDS):
                unknown.append(f"{document.name}: intel {words}")
    assert not unknown
