"""Do spellings of one name meet, and do different names stay apart?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.entities.catalogue import CORE, Catalogue, Known, add_actors, load_core
from intel.entities.names import cut_tag, normalise_name, read_domain
from intel.sources.categories import load_categories


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Binance 14", "binance"),
        ("BINANCE.com", "binance"),
        ("https://www.binance.com/", "binance"),
        ("Binance Hot Wallet 3", "binance"),
        ("Poloniex: 2".replace(":", ""), "poloniex"),
        ("Curve.fi", "curve"),
        ("Crypto.com", "crypto com"),
        ("Suex OTC, S.R.O.", "suex otc"),
        ("Tea Bank Ltd.", "tea bank"),
        ("ok_ex", "ok ex"),
        ("vDice, Gambling", "vdice"),
        ("ＯＫＸ", "okx"),
        ("14", "14"),
        ("   ", ""),
    ],
)
def test_normal_form(text: str, key: str) -> None:
    assert normalise_name(text) == key


@settings(deadline=None)
@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str) -> None:
    key = normalise_name(text)
    assert key == key.strip()
    assert "  " not in key
    assert normalise_name(key) == key


def test_parts_of_tags_and_websites() -> None:
    assert cut_tag("Tea Bank: Deposit 3") == "Tea Bank"
    assert cut_tag("teabank | deposit") == "teabank"
    assert read_domain("https://www.curve.fi/") == "curve.fi"
    assert read_domain("https://t.me/some_bot") is None
    assert read_domain(None) is None


@pytest.fixture(scope="module")
def core() -> Catalogue:
    return load_core()


def test_the_core_contradicts_itself_nowhere(core: Catalogue) -> None:
    for key, slugs in core.names.items():
        assert sum(strength == CORE for strength in slugs.values()) <= 1, (key, slugs)
    for known in core.entities.values():
        assert known.category in load_categories()
        assert known.parent is None or known.parent in core.entities
        assert core.resolve_text(known.name).slug == known.slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Huobi", "htx"),
        ("HTX", "htx"),
        ("Huobi Old Address", "htx"),
        ("curve.fi", "curve"),
        ("Curve Finance", "curve"),
        ("Tornado.Cash", "tornado-cash"),
        ("Poloniex BAT", "poloniex"),
        ("OKEx 2", "okx"),
        ("ok_ex", "ok-ex"),
        ("Binance US", "binance-us"),
        ("Asset listed under US Treasury OFAC Sanctions List", "ofac-sdn"),
        ("LayerZero", "layerzero"),
        ("Uniswap Protocol", "uniswap"),
    ],
)
def test_known_spellings(core: Catalogue, text: str, slug: str) -> None:
    assert core.resolve_text(text).slug == slug


@pytest.mark.parametrize(
    "text",
    [
        "Fake_Phishing3901", "Tea Coin (TEA)", "somebody.eth", "Binance Hacker", "Upbit hack", "OFAC SDN: TEA, Bag",
        "Wrapped Ether", "Binance-Peg Tea Token (TEA)", "Validator", "individual", "Tea Token", "0x6b7...A80", "12",
        "?", "$TEA airdrop", "sybil_tea_1",
    ],
)  # fmt: skip
def test_tags_that_name_no_owner(core: Catalogue, text: str) -> None:
    found = core.resolve_text(text)
    assert (found.slug, found.is_mintable) == (None, False)


def test_a_service_that_nobody_lists_may_be_minted(core: Catalogue) -> None:
    assert core.resolve_text("Tea Clipper").is_mintable
    assert not core.resolve_text("Teaman, Earl Grey").is_mintable  # a person's name


def row(**fields: str | None) -> dict[str, str | None]:
    columns = ("slug", "name", "categories", "website", "jurisdictions", "aliases", "parent", "source", "licence")
    return {column: fields.get(column) for column in columns}


def test_actors_add_to_the_core_and_never_override_it() -> None:
    catalogue = load_core()
    add_actors(
        catalogue,
        [
            row(slug="tornado", name="Tornado Cash", categories="mixing_service", source="a"),
            row(slug="curvy", name="Curvy", categories="defi_dex", aliases="wasabi|binance", source="a"),
            row(slug="tea1", name="Teapot", categories="exchange", source="a"),
            row(slug="tea2", name="Teapot", categories="exchange", source="a"),
            row(name="Tea Pot Two", categories="exchange", source="b"),
            row(name="Curvy", categories="dex", website="curvy.test", source="b"),
            row(slug="telco214", name="Telco 214", categories="miner", source="a"),
            row(name="Telco 214", categories="mining_pool", source="b"),
        ],
    )
    assert "tornado" not in catalogue.entities
    assert catalogue.resolve_text("wasabi").slug == "wasabi-wallet"
    assert catalogue.resolve_text("Binance").slug == "binance"
    assert catalogue.entities["curvy"] == Known("curvy", "Curvy", "dex", website="curvy.test")
    ambiguous = catalogue.resolve_text("Teapot")
    assert (ambiguous.slug, ambiguous.candidates) == (None, ("tea1", "tea2"))
    assert catalogue.resolve_text("Telco 214").slug == "telco214"
    assert "telco" not in catalogue.entities


def test_parents_form_a_line_even_when_they_run_in_a_circle() -> None:
    catalogue = Catalogue()
    for slug, parent in (("a", "b"), ("b", "a"), ("c", None)):
        catalogue.entities[slug] = Known(slug, slug, "exchange", parent=parent)
    assert catalogue.find_ancestors("a") == ["a", "b"]
    assert catalogue.add_parents({"b", "c"}) == {"a", "b", "c"}
