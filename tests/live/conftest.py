"""What holds for every test with a real node?"""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A node, like a browser, answers when it likes: what fails is tried again, and the summary says so."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.flaky(reruns=1))
