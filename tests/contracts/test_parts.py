"""Does a missing part of the machine skip a test with its reason, and fail it where it is required?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import PARTS, require_part


@pytest.mark.parametrize("name", PARTS)
def test_part_is_here(name: str) -> None:
    assert Path(require_part(name)).exists()


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("INTEL_TEST_PARTS", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.usefixtures("bare_machine")
def test_missing_part_skips_with_its_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTEL_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"{name} is missing: "):
        require_part(name)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.usefixtures("bare_machine")
def test_missing_part_fails_where_required(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEL_REQUIRE", f"other, {name}")
    with pytest.raises(pytest.fail.Exception, match=f"{name} is named in INTEL_REQUIRE"):
        require_part(name)
