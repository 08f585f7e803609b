"""Do the pages of measured figures speak of every rule, and do their fits and tables follow from the counts?"""

from __future__ import annotations

import re
import sys
from datetime import date
from math import log2
from pathlib import Path
from typing import Any

import pytest

from intel.heuristics import ALL
from intel.ml.metrics import bound_share
from tests.tree import ROOT

sys.path.insert(0, str(ROOT / "bench"))

from evidence_pages import find_modules, split_docstring, write_heuristics
from evidence_rules import pool_calibration
from evidence_weights import fit_weights, pool_rules, write_weights

import intel.heuristics.weights as weights


def world(*rules: dict[str, Any], seed: int = 1) -> dict[str, Any]:
    return {
        "preset": "default", "variant": "whole", "seed": seed, "transfers": 1000, "notes": {}, "rules": list(rules),
    }  # fmt: skip


def claims(name: str, relation: str, pairs: int, right: int, bits: float) -> dict[str, Any]:
    return {
        "heuristic": name, "relation": relation, "rows": pairs, "pairs": pairs, "right": right, "bits": bits,
        "reachable": 1000, "reached": right,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def no_measured_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    import evidence_weights

    monkeypatch.setattr(evidence_weights, "load_weights", dict)


def test_the_page_has_a_section_for_every_rule() -> None:
    page = (ROOT / "docs" / "heuristics.md").read_text(encoding="utf-8")
    assert [rule.name for rule in ALL if f"`{rule.name}`, version" not in page] == []


def test_every_rule_says_what_it_sees_and_when_it_fails() -> None:
    texts = find_modules()
    for rule in ALL:
        told = split_docstring(texts[rule.name])
        assert told[""].endswith("?"), rule.name
        assert told.get("Returns"), rule.name
        assert told.get("Fails when"), rule.name


def test_a_page_written_anew_tells_the_counts() -> None:
    page = write_heuristics([world(claims("deposit_user", "used_by", 200, 190, 5.0)), world(seed=2)])
    section = re.search(r"`deposit_user`.*?(?=\n## |\Z)", page, re.DOTALL)
    assert section
    assert "| default | `used_by` | 200 | 0.950 (" in section[0]
    assert "0.190 |" in section[0]
    assert "It claimed nothing." in page


def test_a_weight_is_the_lower_end_of_precision_without_the_prior() -> None:
    pooled = pool_rules([world(claims("deposit_user", "same_controller", 300, 150, 4.0))] * 2)
    low = bound_share(300, 600)[0]
    fitted = fit_weights(pooled)["deposit_user"]
    # the rule starts from 5 bits and took one off on average
    assert fitted["bits"] == pytest.approx(5.0 + (log2(low / (1 - low)) + 3.0) - 4.0, abs=0.01)
    assert fitted["n"] == 600


def test_no_weight_above_its_start_and_none_from_few_links() -> None:
    sure = pool_rules([world(claims("deposit_user", "used_by", 100_000, 100_000, 5.0))])
    assert fit_weights(sure)["deposit_user"]["bits"] == 5.0
    assert fit_weights(pool_rules([world(claims("deposit_user", "used_by", 49, 49, 5.0))])) == {}
    hopeless = pool_rules([world(claims("deposit_user", "same_controller", 1000, 0, 5.0))])
    assert fit_weights(hopeless)["deposit_user"]["bits"] == 0.0


def test_weights_are_written_as_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fit_weights(pool_rules([world(claims("deposit_user", "used_by", 900, 850, 5.0))]))
    path = tmp_path / "weights.toml"
    path.write_text(write_weights(fitted, [101, 102, 104], date(2026, 1, 2)), encoding="utf-8")
    monkeypatch.setattr(weights, "data_path", lambda _: path)
    read = weights.load_weights.__wrapped__()["deposit_user"]
    assert (read.bits, read.n, read.measured_at) == (fitted["deposit_user"]["bits"], 900, date(2026, 1, 2))
    assert read.measured_on.endswith("seeds 101, 102, 104")


def test_calibration_of_worlds_together() -> None:
    rows = [["used_by", 0.9, 1, 9.0, 9], ["used_by", 0.9, 0, 1.0, 1]]
    told = pool_calibration(rows)
    assert told["links"] == 10
    assert told["ece"] == pytest.approx(0)
    assert told["brier_skill"] == pytest.approx(0)
    assert pool_calibration([])["ece"] is None
