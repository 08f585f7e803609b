"""Is a name that mixes alphabets which look alike marked, and one that is wholly of another alphabet left alone?"""

from __future__ import annotations

import pytest

from intel.heuristics.hygiene import fold_symbol
from intel.looks import fold_looks
from intel.visible import show_hidden

HONEST = (
    "Binance 14", "Zürich Exchange", "Яндекс.Money", "Сбербанк", "Сбербанк Online", "Τράπεζα", "币安", "币安Binance",
    "火币 Huobi",
    "コインチェック", "ビットFlyer", "업비트 Upbit", "بنك", "USD₮", "Ξ", "Ð", "ƒ(x)", "Łódź", "🦄 Swap", "10µs",
)  # fmt: skip
MIXED = {
    "Bin\u0430nce": "Bin\u0430nce [mixed alphabets]",
    "\u0412inance: Hot 3": "\u0412inance [mixed alphabets]: Hot 3",
    "\u039draken and Kraken": "\u039draken [mixed alphabets] and Kraken",
    "U\u0405DC\u202e": "U\u0405DC [mixed alphabets]\ufffd",
    "\u0430\u03b1": "\u0430\u03b1 [mixed alphabets]",
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_name_is_shown_as_it_is(name: str) -> None:
    assert show_hidden(name) == name


@pytest.mark.parametrize("name", MIXED)
def test_a_word_of_two_alphabets_is_marked_once(name: str) -> None:
    shown = show_hidden(name)
    assert shown == MIXED[name]
    assert show_hidden(shown) == shown


@pytest.mark.parametrize(
    "name", ["Bin\u0430nce", "\uff22inance", "B\u0131nance", "\u0412inance", "BIN\u0391NCE", "Binánce"]
)
def test_what_looks_alike_folds_alike(name: str) -> None:
    assert fold_looks(name) == "binance"
    assert fold_looks(show_hidden("Binance")) == "binance"


def test_digits_and_signs_pass_for_letters_in_symbols_alone() -> None:
    assert fold_symbol("U5D\u20ae") == fold_symbol("USDT") == "usdt"
    assert fold_looks("Bank 1") != fold_looks("Bank l") != fold_looks("Bank i")
