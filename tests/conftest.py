"""How much was tried in this session: kills, full disks, hostile inputs? Told at its end, whoever ran the tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

_KEY = "tried"
_FAULTS = "faults"
_HOSTILE = "hostile inputs"


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return what notes that so many faults of a kind were tried, and recovered from; or so many hostile inputs."""

    def note(kind: str, number: int = 1, *, of: str = _FAULTS) -> None:
        request.node.user_properties.append((_KEY, [of, kind, number]))

    return note


@pytest.fixture
def tried_inputs(tried: Callable[..., None]) -> Callable[[str, int], None]:
    """Return what notes that so many hostile inputs of a kind were tried."""
    return lambda kind, number: tried(kind, number, of=_HOSTILE)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what the tests noted; reports of other processes come with their notes."""
    counted: dict[str, Counter[str]] = {_FAULTS: Counter(), _HOSTILE: Counter()}
    failed: Counter[str] = Counter()
    reports = [report for found in terminalreporter.stats.values() for report in found]
    for report in reports:
        if getattr(report, "when", "") != "call":
            continue
        notes = [told for key, told in report.user_properties if key == _KEY]
        for of, kind, number in notes:
            counted[of][kind] += number
        if report.outcome == "failed":
            failed.update({of for of, _, _ in notes})
    for of, end in ((_FAULTS, "recovered from"), (_HOSTILE, "refused or counted")):
        if not counted[of]:
            continue
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counted[of].items()))
        verdict = f"tests that failed: {failed[of]}" if failed[of] else f"all {end}"
        terminalreporter.write_line(f"{of}: {sum(counted[of].values()):,} tried ({kinds}); {verdict}")
