"""Is a build scored as one would score it by hand, and is a bad truth refused?"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intel.entities.names import normalise_name
from intel.errors import BadInput, UsageError
from intel.profiler.evaluate import evaluate_truth
from intel.profiler.recover import draw_anchors
from intel.render_evaluation import render_evaluation
from intel.store.connection import Connection
from intel.store.reader import Reader
from intel.store.snapshot import Manifest, open_build, publish_build
from intel.talk import format_json, write_page

# Each letter is an address; capitals are on polygon. Clusters: abd and an outsider; e with the owner of its polygon
# twin E, which stands with F; g and h, only probably. x is in no ledger.
LETTERS = "abcdefghoEF"
CLUSTERS = {"anon-1": "abdo", "anon-2": "e", "anon-3": "EF", "anon-4": "gh"}
OWNERS = {"a": "acorn", "b": "acorn", "c": "birch", "d": "acorn", "x": "birch"}
LINKS = [("a", "b", 0.9), ("a", "d", 0.6), ("d", "f", 0.2)]


def hexed(letter: str) -> str:
    return "0x" + f"{LETTERS.lower().index(letter.lower()) + 1 if letter != 'x' else 99:040x}"


def fill(con: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        con.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", [*row.values()])


def fill_build(con: Connection) -> None:
    number = {letter: place + 1 for place, letter in enumerate(LETTERS)}
    chain = {letter: "polygon" if letter.isupper() else "ethereum" for letter in LETTERS}
    fill(con, "facts.addresses",
         [{"address_id": number[one], "chain": chain[one], "address": hexed(one)} for one in LETTERS])  # fmt: skip
    con.execute("insert into facts.address_lookup by name select address, chain, address_id from facts.addresses")
    for slug in ("acorn", "birch"):
        fill(con, "beliefs.entities", [{"entity_id": slug, "name": slug, "kind": "owner", "visibility": "public"}])
        name = f"{slug.title()} Exchange"
        fill(con, "beliefs.entity_names", [{"name_key": normalise_name(name), "name": name, "entity_id": slug}])
    for cluster, members in CLUSTERS.items():
        fill(con, "beliefs.entities", [{"entity_id": cluster, "kind": "anonymous", "visibility": "public"}])
        tier = "probable" if cluster == "anon-4" else "confirmed"
        fill(con, "beliefs.clusters", [
            {"cluster_id": cluster, "address_id": number[one], "tier": tier, "visibility": "public"} for one in members
        ])  # fmt: skip
    fill(con, "beliefs.clusters",
         [{"cluster_id": "mine", "address_id": number[one], "tier": "confirmed", "visibility": "private"}
          for one in "cf"])  # fmt: skip
    fill(con, "beliefs.attributions", [
        {"chain": chain.get(one, "ethereum"), "address": hexed(one), "address_id": number.get(one), "entity_id": slug,
         "confidence": 0.5 if one == "d" else 0.9, "tier": "confirmed", "visibility": "public",
         "status": "attributed" if one == "d" else "labelled"} for one, slug in OWNERS.items()
    ])  # fmt: skip
    fill(con, "beliefs.weights", [{"heuristic": "h", "family": "FLOW"}])
    fill(con, "beliefs.links", [
        {"left_id": number[one], "right_id": number[two], "relation": "same_controller", "probability": p,
         "basis": ["h"], "visibility": "public"} for one, two, p in LINKS
    ])  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("evaluate") / "store"
    store.mkdir()
    with open_build(store, "b1", memory="1GB", threads=1) as build:
        fill_build(build.con)
        publish_build(store, build, Manifest("b1", datetime.now(UTC).isoformat(), "c1", "0", "test", {}))
    with Reader(store) as opened:
        yield opened


def write_truth(path: Path, columns: str, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns.split(), *rows])
    return path


def clusters(path: Path, **groups: str) -> Path:
    rows = [(name, hexed(letter)) for name, letters in groups.items() for letter in letters]
    return write_truth(path / "truth.csv", "cluster_id address", rows)


def test_pairs_and_bcubed_by_hand(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="abcx", two="de"))
    pairs, cubes = found["pairwise"], found["bcubed"]
    # called the same: ab, ad, bd; of these ab is right; true are six of one and de
    assert (pairs["right"], pairs["called"], pairs["true"]) == (1, 3, 7)
    assert (pairs["precision"], pairs["recall"]) == (pytest.approx(1 / 3), pytest.approx(1 / 7))
    assert cubes["precision"] == pytest.approx((2 / 3 + 2 / 3 + 1 + 1 + 1 / 3 + 1) / 6)
    assert cubes["recall"] == pytest.approx((2 / 4 + 2 / 4 + 1 / 4 + 1 / 4 + 1 / 2 + 1 / 2) / 6)
    assert found["truth"]["in_ledger"] == 5
    assert found["largest_nameless"] == {"cluster_id": "anon-1", "addresses": 4}
    assert found["largest_cluster"]["addresses"] == 4
    assert found["largest_cluster"]["truth_groups"] == 2
    assert [(row["from"], row["clusters"], row["wrong"]) for row in found["errors_by_size"]] == [(2, 1, 2)]


def test_what_is_not_in_the_ledger_lowers_the_ceiling(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="efx"))
    assert found["ceiling"]["recall"] == 1  # a label knows x: only links could not
    other = tmp_path / "other.csv"
    write_truth(other, "cluster_id address", [("1", hexed("e")), ("1", hexed("f")), ("1", "0x" + "ff" * 20)])
    assert evaluate_truth(reader, other)["ceiling"]["recall"] == pytest.approx(1 / 3)


def test_a_bare_address_stands_for_all_its_chains(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="ef"))
    assert found["pairwise"]["recall"] == 1
    rows = [("1", hexed("e"), "ethereum"), ("1", hexed("f"), "polygon")]
    path = write_truth(tmp_path / "chains.csv", "cluster_id address chain", rows)
    assert evaluate_truth(reader, path)["pairwise"]["recall"] == 0


def test_confirmed_alone_and_public_alone(reader: Reader, tmp_path: Path) -> None:
    truth = clusters(tmp_path, one="gh", two="cf")
    assert evaluate_truth(reader, truth)["pairwise"]["right"] == 1
    assert evaluate_truth(reader, truth, tier="confirmed")["pairwise"]["right"] == 0


def test_links_are_held_against_the_truth(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="ab", two="df"))["calibration"]
    # a-b at .9 is right, a-d at .6 wrong: both begin at owner one; d-f at .2 is right, and owner two's only link
    assert found["n"] == 3
    assert found["brier"] == pytest.approx((0.5 * 0.1**2 + 0.5 * 0.6**2 + 0.8**2) / 2)


def test_owners_are_compared_by_name(reader: Reader, tmp_path: Path) -> None:
    rows = [(hexed(one), name) for one, name in zip("abcdxe", ["Acorn Exchange"] * 3 + ["birch"] * 3, strict=True)]
    rows.append((hexed("g"), "Nobody Ltd"))
    found = evaluate_truth(reader, write_truth(tmp_path / "t.csv", "address entity", rows))
    # given: a, b acorn; c birch (wrong); d acorn (wrong); x birch; e none
    assert found["answers"] == {"labelled": {"right": 3, "wrong": 1}, "attributed": {"right": 0, "wrong": 1}}
    assert (found["false_positives"]["wrong"], found["false_positives"]["of"]) == (2, 5)
    assert found["truth"]["unresolved"] == ["Nobody Ltd"]
    assert found["truth"]["addresses"] == 6
    assert found["coverage_at_precision"]["0.95"] == 0  # one of the four surest answers is wrong
    assert found["calibration"]["n"] == 5


def test_an_address_of_two_owners_is_left_out(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="abc", two="cd"))
    assert found["truth"]["conflicting"] == 1
    assert found["truth"]["addresses"] == 3


def test_large_groups_stand_back(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="abcd", two="ef"), max_pairs=3)
    assert found["truth"]["addresses"] == 3 + 2
    assert evaluate_truth(reader, clusters(tmp_path, one="abcd", two="ef"), max_pairs=6)["truth"]["addresses"] == 6


def test_hidden_addresses_are_found_by_their_links(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="ab"), hide=0.0, splits=3)["hide_and_recover"]
    assert found["knowable"] == 1
    assert found["coverage_at_precision"]["0.95"]["median"] == 1
    missed = evaluate_truth(reader, clusters(tmp_path, one="gh"), hide=0.0, splits=3)["hide_and_recover"]
    assert missed["coverage_at_precision"]["0.95"]["median"] == 0


def test_half_of_each_known_group_is_an_anchor() -> None:
    groups = np.repeat(np.arange(10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    is_anchor, is_known = draw_anchors(np.random.default_rng(1), groups, 0.3)
    for group, size in enumerate(range(1, 11)):
        mine = groups == group
        assert len(set(is_known[mine].tolist())) == 1
        assert is_anchor[mine].sum() == (max(size // 2, 1) if is_known[mine].all() else 0)
    assert len(np.unique(groups[is_known])) == 7


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("address,who\n0x1,a\n", "columns address, who"),
        ("cluster_id\n1\n", "columns cluster_id"),
        ("", "cannot be read"),
        ("address,entity\n0x1,Nobody Ltd\n", "no address whose owner is told"),
    ],
)
def test_what_is_no_truth_is_refused(reader: Reader, tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=fault) as told:
        evaluate_truth(reader, path)
    assert told.value.hint


def test_options_that_measure_nothing_are_refused(reader: Reader, tmp_path: Path) -> None:
    truth = clusters(tmp_path, one="ab")
    for options in ({"max_pairs": 0}, {"hide": 1.0}, {"hide": 0.3, "splits": 0}):
        with pytest.raises(UsageError):
            evaluate_truth(reader, truth, **options)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no file"):
        evaluate_truth(reader, tmp_path / "none.csv")


def test_the_page_says_what_the_document_says(reader: Reader, tmp_path: Path) -> None:
    found = evaluate_truth(reader, clusters(tmp_path, one="abcx", two="de"), hide=0.0, splits=2)
    page = io.StringIO()
    write_page(render_evaluation(found), page)
    assert "pairwise precision" in page.getvalue()
    assert "0.333" in page.getvalue()
    assert "4 addresses, 3 of the truth, of 2 owners (anon-1)" in page.getvalue()
    assert "of 2 splits" in page.getvalue()


def test_the_document_has_the_documented_keys(reader: Reader, tmp_path: Path) -> None:
    for path in (
        clusters(tmp_path, one="abcx", two="de"),
        write_truth(tmp_path / "t.csv", "address entity", [(hexed("a"), "Acorn Exchange"), (hexed("c"), "acorn")]),
    ):
        found = json.loads(format_json(evaluate_truth(reader, path)))
        for part in ("pairwise", "bcubed"):
            assert {"precision", "recall", "f1", "intervals"} <= found[part].keys()
            assert all(low <= high for low, high in found[part]["intervals"].values())
        assert {"recall"} <= found["ceiling"].keys()
        assert {"0.95", "0.99", "intervals"} <= found["coverage_at_precision"].keys()
        assert {"ece", "brier", "brier_skill"} <= found["calibration"].keys()
        assert {"wrong", "of", "upper"} <= found["false_positives"].keys()
        assert {"largest_cluster", "largest_nameless", "errors_by_size"} <= found.keys()
