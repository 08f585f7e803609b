"""Are chains found under every spelling, and are addresses told from junk?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.model import CONFIDENCE_LEVELS
from intel.sources.categories import find_label_source, load_categories, load_trust_scale, resolve_category
from intel.sources.chains import (
    find_chain,
    find_wrong_checksums,
    is_address_sql,
    load_chains,
    normalise_address_sql,
    resolve_chain,
)
from intel.store import open_connection

EVM = "0x" + "ab" * 20
CON = open_connection(threads=1)


def check_address(address: str, family: str) -> tuple[str, bool]:
    """Return the normalised address and whether it is one."""
    normal = f"select {normalise_address_sql('x', 'f')} as a, f from (select ? as x, ? as f)"
    row: tuple[str, bool] = CON.execute(
        f"select a, {is_address_sql('a', 'f')} from ({normal})", [address, family]
    ).fetchall()[0]
    return row


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("ethereum", "ethereum"),
        ("ETH", "ethereum"),
        ("1", "ethereum"),
        ("eip155:1", "ethereum"),
        ("BNB Smart Chain".replace(" ", "_"), "bsc"),
        ("matic", "polygon"),
        ("xDai", "gnosis"),
        ("10143", "monad_testnet"),
        ("77777777777", "eip155:77777777777"),
        ("btc", "bitcoin"),
        ("evm", "evm"),
        ("narnia", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_every_spelling_names_one_chain(text: str | None, slug: str | None) -> None:
    assert resolve_chain(text) == slug


def test_every_chain_finds_itself_and_has_facts() -> None:
    for slug, chain in load_chains().items():
        for name in (slug, *chain.aliases, *((str(chain.chain_id),) if chain.chain_id else ())):
            assert resolve_chain(name) == slug
        assert chain.family in ("evm", "bitcoin", "other")
        assert chain.native_decimals >= 0
    assert load_chains()["ethereum"].caip2 == "eip155:1"
    assert load_chains()["sepolia"].price_symbol is None
    assert find_chain("eip155:123456789").family == "evm"
    with pytest.raises(KeyError):
        find_chain("narnia")


@pytest.mark.parametrize(
    ("address", "family", "form"),
    [
        (EVM.upper().replace("0X", "0x"), "evm", EVM),
        ("xdc" + "AB" * 20, "evm", EVM),
        (" " + EVM + " ", "evm", EVM),
        (EVM + "0", "evm", None),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "evm", None),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bitcoin", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
        ("BC1" + "Q" * 39, "bitcoin", "bc1" + "q" * 39),
        ("1Boat0SLRHtKNngkdXEeobR76b53LETtp", "bitcoin", None),
        ("any thing", "other", None),
        ("tz1Any-Thing", "other", "tz1Any-Thing"),
        ("", "other", None),
    ],
)
def test_addresses_by_family(address: str, family: str, form: str | None) -> None:
    normal, good = check_address(address, family)
    assert (normal if good else None) == form


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60))
def test_nothing_but_forty_hex_digits_is_an_evm_address(text: str) -> None:
    normal, good = check_address(text, "evm")
    assert not good or (len(normal) == 42 and int(normal, 16) >= 0 and normal == normal.lower())


def test_checksum_of_eip_55() -> None:
    # The examples of EIP-55 itself, and one with a letter's case turned.
    good = ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"]
    assert find_wrong_checksums([*good, good[0].replace("Aeb6", "aeb6")]) == [good[0].replace("Aeb6", "aeb6")]


def test_categories_map_every_word_once() -> None:
    words = [word for category in load_categories().values() for word in (category.slug, *category.maps)]
    assert len(words) == len(set(words))
    assert resolve_category("CEX") == "exchange"
    assert resolve_category("Phish / Hack") == "phishing_scam"
    assert resolve_category("sanction") == "sanction"
    assert resolve_category("flat earth") is None
    assert load_categories()["sanction"].kind == "list"
    assert {c.slug for c in load_categories().values() if c.custodial} == {"exchange", "custodian"}


def test_trust_is_monotone_and_covers_every_level() -> None:
    scale = load_trust_scale()
    levels = [level for level, _, _ in scale.levels]
    assert set(levels) == set(CONFIDENCE_LEVELS.values())
    assert [p for _, p, _ in scale.levels] == sorted((p for _, p, _ in scale.levels), reverse=True)
    assert all(p < ceiling < 1 for _, p, ceiling in scale.levels)
    assert find_label_source("etherscan_dump_dawsbot").origin == find_label_source("forta_labelled").origin
    assert find_label_source("my own list").origin == "my own list"


def test_contracts_and_vaults_are_addresses_and_the_chains_of_the_live_ingest_are_there() -> None:
    roles = {"name_registry", "name_resolver", "across", "cctp", "validator_deposits", "mixer"}
    ids = {"ethereum": 1, "optimism": 10, "bsc": 56, "gnosis": 100, "polygon": 137, "base": 8453, "arbitrum": 42161}
    for slug, number in {**ids, "avalanche": 43114}.items():
        assert find_chain(slug).chain_id == number
    for facts in load_chains().values():
        single = (facts.wrapped, facts.base_fee_to, facts.l1_fee_to)
        listed = [address for role in facts.contracts.values() for address in role]
        for address in (*(one for one in single if one), *facts.entry_points, *listed):
            assert re.fullmatch("0x[0-9a-f]{40}", address), (facts.slug, address)
        assert set(facts.contracts) <= roles, facts.slug
        assert facts.slug == "evm" or facts.native_symbol, facts.slug


def test_only_the_native_coin_of_a_chain_is_withdrawn_natively() -> None:
    assert find_chain("gnosis").withdrawals_in == "GNO"
    assert find_chain("ethereum").withdrawals_in is None
