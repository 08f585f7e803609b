"""How does a finished build look in the terminal: which parts it made and why, and what each heuristic found?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from intel.render import make_table


def render_build(build_id: str, reports: Sequence[Mapping[str, Any]], parts: Mapping[str, Mapping[str, str]]) -> Group:
    """Return what a build made: one line per part, with how and why, and one per heuristic."""
    made = [(name, record["how"], _say_origin(record)) for name, record in parts.items()]
    rows = [
        (row["name"], row["rows"], f"{row['seconds']:.2f}",
         Text("failed", "red") if row["failed"] else "", row["note"])
        for row in reports
    ]  # fmt: skip
    return Group(
        Text(f"build {build_id}"),
        make_table(("part", "", "why"), made),
        make_table(("heuristic", ">evidence", ">seconds", "", "note"), rows),
    )


def _say_origin(record: Mapping[str, str]) -> str:
    """Say why a part was made, or which build it came from."""
    if record["how"] == "taken over":
        return f"nothing it reads has changed since build {record['made_in']}"
    return record["why"] + (f" than those of build {record['of']}" if record["how"] == "extended" else "")
