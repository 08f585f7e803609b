"""Does a text find the one it names, or say what it could have meant?"""

from __future__ import annotations

import pytest

from intel.errors import AmbiguousSubject, BadInput, UnknownSubject, UsageError
from intel.profiler.subjects import resolve_subject, suggest
from intel.store.reader import Reader
from tests.small_world import (
    DISPUTED,
    FUND_1,
    FUND_2,
    FUND_3,
    FUND_MEMBERS,
    HOT,
    LABELLED_ONLY,
    STRANGER,
    address,
)


def ends(reader: Reader, ids: tuple[int, ...]) -> set[tuple[str, str]]:
    rows = reader.query(
        "select chain, address from facts.addresses where address_id in (select unnest(?))", [list(ids)]
    )
    return {(str(chain), str(text)) for chain, text in rows}


def test_bare_hex_means_every_chain(reader: Reader) -> None:
    subject = resolve_subject(reader, FUND_1)
    assert ends(reader, subject.address_ids) == {("ethereum", FUND_1), ("bsc", FUND_1)}
    assert (subject.kind, subject.entity_id) == ("address", "alice-fund")


@pytest.mark.parametrize("text", [f"eip155:56:{FUND_1}", f"bsc:{FUND_1}", f"  bsc:{FUND_1.upper().replace('X', 'x')} "])
def test_a_chain_narrows_it_down(reader: Reader, text: str) -> None:
    assert ends(reader, resolve_subject(reader, text).address_ids) == {("bsc", FUND_1)}


def test_mixed_case_and_missing_prefix_are_the_same_address(reader: Reader) -> None:
    wanted = resolve_subject(reader, HOT)
    assert resolve_subject(reader, HOT.upper()) == wanted
    assert resolve_subject(reader, HOT[2:]) == wanted


def test_an_address_known_by_label_alone(reader: Reader) -> None:
    subject = resolve_subject(reader, LABELLED_ONLY)
    assert subject.address_ids == ()
    assert subject.entity_id == "kraken"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (FUND_1[:-1], "the nearest form is " + FUND_1[:-1] + "?"),
        (FUND_1 + "1", "the nearest form is " + FUND_1),
        (FUND_1[:-1] + "O", "the nearest form is " + FUND_1[:-1] + "?"),
        ("0x" + "a" * 64, "transactions"),
        (f"eip155:999999999999999999999:{FUND_1}", "known chains"),
        (f"nochain:{FUND_1}", "known chains"),
    ],
)
def test_a_malformed_address_is_told_the_nearest_form(reader: Reader, text: str, hint: str) -> None:
    with pytest.raises((BadInput, UnknownSubject)) as caught:
        resolve_subject(reader, text)
    assert hint in caught.value.hint


def test_nothing_and_nobody(reader: Reader) -> None:
    with pytest.raises(UsageError):
        resolve_subject(reader, "  ")
    with pytest.raises(UnknownSubject, match="no transfer, event, edge or label"):
        resolve_subject(reader, address("e"))
    with pytest.raises(UnknownSubject) as caught:
        resolve_subject(reader, "Krakn")
    assert "Kraken (kraken)" in caught.value.hint or "Kraken" in caught.value.hint
    with pytest.raises(UnknownSubject):
        resolve_subject(reader, "'; drop table x; --")


@pytest.mark.parametrize("text", ["kraken", "Kraken", "KRAKEN", "payward", " Payward "])
def test_an_entity_by_id_name_or_alias(reader: Reader, text: str) -> None:
    assert resolve_subject(reader, text).entity_id == "kraken"


def test_several_entities_of_one_name_or_beginning(reader: Reader) -> None:
    with pytest.raises(AmbiguousSubject) as same:
        resolve_subject(reader, "alice fund")
    assert {entity_id for entity_id, _ in same.value.candidates} == {"alice-fund", "alice-dao"}
    with pytest.raises(AmbiguousSubject) as begins:
        resolve_subject(reader, "binan")
    assert {entity_id for entity_id, _ in begins.value.candidates} == {"binance", "binance-us"}


def test_the_tier_decides_who_is_a_member(reader: Reader) -> None:
    confirmed = resolve_subject(reader, "alice-fund")
    assert ends(reader, confirmed.address_ids) == FUND_MEMBERS
    assert (confirmed.address_count, confirmed.left_out) == (len(FUND_MEMBERS), 1)
    probable = resolve_subject(reader, "alice-fund", "probable")
    assert ends(reader, probable.address_ids) == FUND_MEMBERS | {("ethereum", FUND_3)}
    assert probable.left_out == 0


def test_a_list_has_the_addresses_its_labels_name(reader: Reader) -> None:
    assert ends(reader, resolve_subject(reader, "ofac").address_ids) == {("ethereum", DISPUTED)}


def test_suggestions_by_name_and_by_address(reader: Reader) -> None:
    assert [s.text for s in suggest(reader, "Bin")] == ["binance", "binance-us"]
    assert suggest(reader, "bin")[0].detail == "exchange, 3 addresses"
    assert [s.text for s in suggest(reader, FUND_2[:6])] == [FUND_2]
    assert [s.text for s in suggest(reader, STRANGER[:10].upper().replace("X", "x"))] == [STRANGER]
    assert suggest(reader, LABELLED_ONLY[:8])[0].text == LABELLED_ONLY
    assert suggest(reader, "") == []
    assert len(suggest(reader, "bi", limit=1)) == 1
