"""Which store do the app's tests look at? A small economy through the real pipeline, with labels meant to do harm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import intel
from intel.config import Settings
from intel.pipeline import add_labels, build
from intel.profiler.database import Database
from intel.profiler.overview import list_examples
from tests.shared import share_demo

MARKUP = "<script>x</script> **b** [y](//e.org) :smile:"  # as short as a name must be to name an entity
FORMULA = '=HYPERLINK("http://example.org")'
HOSTILE = "0x" + "ba5eba11" * 5
SECRET = "0x" + "5ec3e7" * 6 + "5ec3"


def write_labels(path: Path, address: str, entity: str, label: str) -> Path:
    quoted = ",".join(
        '"' + text.replace('"', '""') + '"' for text in ("ethereum", address, entity, label, "exchange", "test")
    )
    path.write_text("chain,address,entity,label,category,source\n" + quoted + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    settings = Settings(store=Path(shutil.copytree(share_demo(tmp_path_factory), folder / "store")))
    add_labels(settings, [write_labels(folder / "hostile.csv", HOSTILE, MARKUP, FORMULA)])
    add_labels(settings, [write_labels(folder / "secret.csv", SECRET, "Our Suspect", "case 7")], private=True)
    build(settings)
    return settings.store


@pytest.fixture(scope="session")
def database(store: Path) -> Iterator[Database]:
    with intel.open(store) as opened:
        yield opened


@pytest.fixture(scope="session")
def examples(database: Database) -> dict[str, str]:
    """Return one address per state of knowledge."""
    states = ("labelled", "attributed", "unknown", "private")
    return {state: item.subject for state, item in zip(states, list_examples(database.reader), strict=False)}


@pytest.fixture(scope="session")
def exchange(database: Database) -> str:
    from intel.profiler.largest import list_largest

    return list_largest(database.reader, "exchange", limit=1)[0][0]
