"""Are settings and data files found?"""

from __future__ import annotations

from pathlib import Path

import pytest

from intel.config import data_path, read_settings
from intel.errors import BadInput


def test_nothing_set_gives_the_defaults() -> None:
    settings = read_settings({})
    assert (settings.store, settings.data_mirror, settings.required_parts) == (Path("store"), None, frozenset())


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read_settings({"INTEL_STORE": " ", "INTEL_DATA_MIRROR": "", "INTEL_REQUIRE": ","}) == read_settings({})


def test_variables_are_read() -> None:
    told = {"INTEL_STORE": "a/b", "INTEL_DATA_MIRROR": "/m", "INTEL_REQUIRE": "spark, browser"}
    settings = read_settings({**told, "INTEL_ENGINE": "spark://a:7077"})
    assert settings.engine == "spark://a:7077"
    assert settings.store == Path("a/b")
    assert settings.data_mirror == Path("/m")
    assert settings.required_parts == {"spark", "browser"}


def test_data_file_of_the_checkout_is_found() -> None:
    assert "ethereum" in data_path("chains.toml").read_text("utf-8")


def test_missing_data_file_is_named() -> None:
    with pytest.raises(BadInput, match="no data file 'nothing.toml'") as caught:
        data_path("nothing.toml")
    assert "data" in caught.value.hint
