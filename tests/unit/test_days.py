"""Is a store that was built day after day the store that one build makes, in every table?"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.incremental import fill_lake, split_economy, split_tables
from intel import pipeline
from intel.config import Settings
from intel.sources.world import WorldSettings
from tests.unit.test_parts import equals_full


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "seed", "days"), [("default", 3, 2), ("hard", 4, 1)])
def test_days_make_the_tables_of_a_whole_build(preset: str, seed: int, days: int, tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "store", memory="1GB", threads=1)
    first, last, coverage = split_economy(
        WorldSettings(transfers=20_000, preset=preset, seed=seed, days=120), 0.02 * days
    )
    fill_lake(settings.store, first, coverage)
    pipeline.build(settings)
    for left in range(days, 0, -1):
        day, last = split_tables(last, 1 - 1 / left)
        assert day["transfers"].num_rows
        fill_lake(settings.store, day, coverage)
        built = pipeline.build(settings)
        assert built.parts["facts"]["how"] == "extended", built.parts["facts"]["why"]
    assert not any(table.num_rows for table in last.values())
    assert equals_full(settings)
