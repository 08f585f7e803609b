"""Is every dependency pinned, and does somebody say why it is there?"""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.tree import ROOT

LOCK = ROOT / "requirements.lock"


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def list_declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [normalise(re.split(r"[<>=~! ]", line)[0]) for group in groups for line in group]


def test_the_lock_pins_everything_with_hashes() -> None:
    requirements = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8"))
    requirements = [text for text in requirements if not text.startswith("#")]
    assert requirements
    assert [text.splitlines()[0] for text in requirements if "==" not in text or "--hash=sha256:" not in text] == []


def test_the_lock_names_no_host() -> None:
    assert not re.findall(r"^.*(?:://|--(?:extra-)?index-url|--find-links).*$", LOCK.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", list_declared())
def test_dependency_is_locked_and_explained(name: str) -> None:
    locked = {normalise(found) for found in re.findall(r"^([\w.-]+)==", LOCK.read_text("utf-8"), re.MULTILINE)}
    reasons = (ROOT / "docs/decisions/0001-dependencies.md").read_text("utf-8")
    explained = {normalise(found) for found in re.findall(r"^\| `([\w.-]+)` \|", reasons, re.MULTILINE)}
    assert name in locked, "make lock"
    assert name in explained, "add a line to docs/decisions/0001-dependencies.md"
