"""Does every page tell each state as it is: known, private, unknown, malformed, ambiguous, broken?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from intel.profiler.database import Database
from tests.app.conftest import HOSTILE, MARKUP, SECRET
from tests.tree import ROOT

NOBODY = "0x" + "12" * 20


def open_page(store: Path, monkeypatch: pytest.MonkeyPatch, page: str, **query: str) -> AppTest:
    monkeypatch.setenv("INTEL_STORE", str(store))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.run()
    app.switch_page(f"pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def read_text(app: AppTest) -> str:
    """Return all that the page says, with Markdown's escapes taken back."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.code, app.text, app.warning, app.error)
    parts = [element.value for kind in kinds for element in kind]
    parts += [f"{metric.label} {metric.value}" for metric in app.metric]
    return "\n".join(str(part) for part in parts).replace("\\", "")


def test_home_counts_what_the_store_holds(store: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "search")
    held = database.reader.query("select count(*) from facts.transfers")[0][0]
    assert f"Transfers {held:,}" in read_text(app)
    assert database.build_id in read_text(app)


def test_search_suggests_while_typing(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "search")
    app.text_input(key="query").set_value(exchange[:4]).run()
    links = [link.proto.query_string for link in app.page_link]
    assert any(exchange in link for link in links)


@pytest.mark.parametrize(
    ("state", "word"),
    [("labelled", "Published label"), ("attributed", "Attributed by evidence"), ("unknown", "Unknown owner"),
     ("private", "Private label")],
)  # fmt: skip
def test_status_is_told_in_words(
    store: Path, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch, state: str, word: str
) -> None:
    text = read_text(open_page(store, monkeypatch, "profile", subject=examples[state]))
    assert word in text
    assert examples[state] in text
    others = {"Published label", "Attributed by evidence", "Private label"} - {word}
    assert not [other for other in others if f"{other}" in text.split("Before relying")[0]]


def test_private_stays_told_as_private(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = read_text(open_page(store, monkeypatch, "profile", subject=SECRET))
    assert "Our Suspect" in text
    assert "they are not published claims" in text


@pytest.mark.parametrize("tab", ["Overview", "Transfers", "Evidence", "Addresses", "Coverage"])
def test_every_tab_opens(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch, tab: str) -> None:
    app = open_page(store, monkeypatch, "profile", subject=exchange, tab=tab)
    assert len(app.dataframe) >= 1


def test_counterparties_are_those_of_the_api(
    store: Path, database: Database, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(store, monkeypatch, "profile", subject=exchange)
    shown = next(table.value for table in app.dataframe if "who" in table.value)
    told = database.profile(exchange).counterparties
    assert [(row.in_usd, row.out_usd) for row in told] == list(zip(shown["in_usd"], shown["out_usd"], strict=True))[
        : len(told)
    ]


def test_filters_narrow_and_paging_walks(
    store: Path, database: Database, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(store, monkeypatch, "profile", subject=exchange, tab="Transfers")
    whole = database.transfers(exchange).sort_values("block_time")
    first = app.dataframe[0].value
    app.button(key="next_page").click().run()
    second = app.dataframe[0].value
    assert list(first["block_time"]) + list(second["block_time"]) == list(whole["block_time"].iloc[::-1][:200])
    app.number_input(key="least").set_value(1_000.0).run()
    assert (app.dataframe[0].value["value_usd"] >= 1_000).all()
    app.text_input(key="token").set_value("no such token").run()
    assert "no token of this store" in read_text(app)
    assert not app.exception


def test_unknown_address_says_what_was_seen(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = read_text(open_page(store, monkeypatch, "profile", subject=NOBODY))
    assert "Unknown is not clean" in text
    assert "What this store has seen" in text
    assert "ethereum" in text


def test_malformed_address_gets_a_hint(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "profile", subject="0x12")
    assert "it has 2 hex digits, an address has 40" in read_text(app)
    assert "the nearest form is 0x12" in read_text(app)


def test_no_subject_asks_for_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_page(store, monkeypatch, "profile").text_input(key="query").value == ""


def test_markup_in_names_is_text(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "profile", subject=HOSTILE)
    title = app.title[0]
    assert title.value.replace("\\", "").replace("\u2060", "") == MARKUP
    assert "\\*\\*b\\*\\*" in title.value


def test_explain_names_the_verdict(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = examples["attributed"]
    right = database.profile(left).entity
    assert right is not None
    app = open_page(store, monkeypatch, "explain", left=left, right=right["id"])
    assert database.explain(left, right["id"])["answer"] in read_text(app)


def test_store_page_shows_ranges_and_rules(store: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "store")
    tables = [table.value for table in app.dataframe]
    assert any("first_block" in table for table in tables)
    rules = next(table for table in tables if "seconds" in table)
    assert list(rules["name"]) == [report["name"] for report in database.reader.manifest.reports]


def test_missing_store_is_told_calmly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(tmp_path / "nowhere", monkeypatch, "search")
    assert "There is no store at" in read_text(app)
    assert "INTEL_STORE" in app.text[0].value


def test_a_session_keeps_its_build(store: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    older = sorted(path.name for path in (store / "snapshots").iterdir() if path.name != database.build_id)[0]
    monkeypatch.setenv("INTEL_STORE", str(store))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.session_state["build_id"] = older
    app.run()
    assert f"This page shows build `{older}`" in read_text(app)
    next(button for button in app.button if "newer build" in button.label).click().run()
    assert app.session_state["build_id"] == database.build_id
    assert older not in read_text(app)


@pytest.fixture
def own_store(store: Path, tmp_path: Path) -> Path:
    """A copy for tests that judge."""
    return Path(shutil.copytree(store, tmp_path / "own"))


def test_a_judgement_is_shown_at_once_and_can_be_taken_back(
    own_store: Path, examples: dict[str, str], exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = examples["attributed"]
    app = open_page(own_store, monkeypatch, "explain", left=subject, right=exchange)
    assert "Pending judgement" not in read_text(app)
    app.radio(key="verdict").set_value("different")
    app.text_input(key="because").set_value("I hold **its** key")
    next(button for button in app.button if button.label == "Judge").click().run()
    text = read_text(app)
    assert "Pending judgement" in text
    assert "I hold **its** key" in text
    assert "not yet applied" in text.lower()
    assert "Pending judgement" in read_text(open_page(own_store, monkeypatch, "profile", subject=subject))
    undo = next(button for button in app.button if button.label.startswith("Take back"))
    undo.click().run()
    assert not app.exception
    assert "Pending judgement" not in read_text(app)


def test_a_judgement_without_a_reason_is_answered_calmly(
    own_store: Path, exchange: str, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(own_store, monkeypatch, "explain", left=examples["attributed"], right=exchange)
    next(button for button in app.button if button.label == "Judge").click().run()
    assert not app.exception
    assert "a judgement needs its reason" in read_text(app)
    assert "Pending judgement" not in read_text(app)


def test_an_explanation_shows_sum_steps_and_what_would_change_it(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = examples["attributed"]
    entity = database.profile(left).entity
    assert entity is not None
    found = database.explain(left, entity["id"])
    text = read_text(open_page(store, monkeypatch, "explain", left=left, right=entity["id"]))
    assert f"{found['waterfall']['bits']:.2f} bits" in text
    assert all(step["reason"] in text for step in found["path"])
    assert all(change in text for change in found["changes"])
    assert "assumed: never measured" in text
    assert "Published label" in text


@pytest.mark.parametrize(("left", "right"), [("0x12", "nobody"), ("zz9", "yy8"), (NOBODY, HOSTILE)])
def test_an_explanation_of_nobody_says_so(store: Path, monkeypatch: pytest.MonkeyPatch, left: str, right: str) -> None:
    app = open_page(store, monkeypatch, "explain", left=left, right=right)
    assert "0x12 is no address" in read_text(app) if left == "0x12" else "Unknown" in read_text(app)
