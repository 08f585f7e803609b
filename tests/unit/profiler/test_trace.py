"""Does a trace that leaves the store name nobody whom only this store knows?"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from intel.cli import app
from intel.errors import UnknownSubject
from intel.profiler.trace import Question, resolve_source
from intel.profiler.trace_case import write_case
from intel.profiler.trace_report import trace_money
from intel.store.reader import Reader
from tests.small_world import SUSPECT

PRIVATE = ("case-7", "Case 7")


@pytest.mark.parametrize("shows_private", [True, False])
def test_private_names_are_told_only_when_asked(reader: Reader, tmp_path: Path, *, shows_private: bool) -> None:
    asked = Question(min_usd=0, shows_private=shows_private)
    source = resolve_source(reader, "alice-fund", shows_private=shows_private)
    trace = trace_money(reader, source, asked)
    end = next(end for end in trace.ends if end["address"] == SUSPECT)
    assert end["kind"] == ("owner" if shows_private else "held")
    for name in ("case.md", "case.json"):
        write_case(tmp_path / name, trace, reader.manifest)
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert SUSPECT in text
        assert any(private in text for private in PRIVATE) is shows_private


def test_the_command_writes_published_names_alone(reader: Reader, tmp_path: Path) -> None:
    for more in ([], ["--include-private"]):
        out = tmp_path / "case.json"
        told = CliRunner().invoke(
            app, ["trace", "alice-fund", "--store", str(reader.store), "--min-usd", "0", "--out", str(out), *more]
        )
        assert told.exit_code == 0, told.output
        assert any(private in out.read_text(encoding="utf-8") for private in PRIVATE) is bool(more)


def test_nobody_is_traced_by_a_private_name_in_public(reader: Reader) -> None:
    with pytest.raises(UnknownSubject, match="no public claim"):
        resolve_source(reader, "case-7", shows_private=False)
