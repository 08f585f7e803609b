"""Is an unnamed owner found by an id that it had in an earlier build?"""

from __future__ import annotations

from pathlib import Path

import pytest

from intel.errors import UnknownSubject
from intel.profiler.profile import build_profile
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from intel.store.snapshot import Manifest, open_build, publish_build

EARLY, LATE, ALONE = (f"0x{digit * 40}" for digit in "abc")
# step, event, id, other id, the address it was minted from
LEDGER = [
    (1, "mint", "anon-early", None, EARLY), (2, "mint", "anon-late", None, LATE),
    (3, "mint", "anon-alone", None, ALONE),
    (4, "merge", "anon-late", "anon-middle", LATE), (5, "merge", "anon-middle", "anon-early", LATE),
]  # fmt: skip


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    with open_build(tmp_path, "b1", memory="500MB", threads=1) as build:
        for number, address in enumerate((EARLY, LATE, ALONE), 1):
            build.con.execute("insert into facts.addresses values (?, 'ethereum', ?, false)", [number, address])
            build.con.execute("insert into facts.address_lookup values (?, 'ethereum', ?)", [address, number])
        for number, address in ((1, EARLY), (2, LATE)):
            build.con.execute(
                "insert into beliefs.attributions by name select 'ethereum' as chain, ? as address, ? as address_id, "
                "'anon-early' as entity_id, 0.99 as confidence, 'confirmed' as tier, 'attributed' as status, "
                "'public' as visibility",
                [address, number],
            )
        build.con.execute(
            "insert into beliefs.entities by name select 'anon-early' as entity_id, 'Unnamed' as name, "
            "'anonymous' as kind, 'public' as visibility"
        )
        for step, event, one, other, address in LEDGER:
            build.con.execute(
                "insert into beliefs.identity values (?, 'b0', ?, ?, ?, 'ethereum', ?)",
                [step, event, one, other, address],
            )
        publish_build(tmp_path, build, Manifest("b1", "2024-01-01T00:00:00+00:00", "c1", "0", "test", {}))
    return Reader(tmp_path)


def test_a_merged_id_leads_over_all_steps_to_its_successor(reader: Reader) -> None:
    subject = resolve_subject(reader, "anon-late")
    assert (subject.entity_id, subject.asked_as, subject.address_ids) == ("anon-early", "anon-late", (1, 2))
    assert "anon-late is part of anon-early now." in build_profile(reader, subject).caveats
    assert resolve_subject(reader, "anon-early").asked_as is None


def test_an_id_that_no_group_has_any_more_leads_to_its_first_address(reader: Reader) -> None:
    subject = resolve_subject(reader, "anon-alone")
    assert (subject.kind, subject.name, subject.asked_as) == ("address", ALONE, "anon-alone")


def test_an_id_that_never_was_is_unknown(reader: Reader) -> None:
    with pytest.raises(UnknownSubject, match="no owner ever went by 'anon-never'"):
        resolve_subject(reader, "anon-never")
