"""Do the commands answer as documented: exit codes, one JSON document, calm pages, errors with hints?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from intel.cli import app
from intel.talk import clean_text
from tests.commands import (
    ACORN_HOT,
    DEPOSIT,
    HOSTILE,
    SECRET,
    TRANSFERS,
    USER,
    run,
    succeed,
)


def spawn(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a person does."""
    command = [sys.executable, "-c", "from intel.cli import main; main()", *map(str, arguments)]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("INTEL_")}
    return subprocess.run(command, capture_output=True, text=True, env=inherited | environment, timeout=120)


def walk(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", {})
    return [path, *(found for name, child in children.items() for found in walk(child, (*path, name)))]


@pytest.mark.parametrize("path", walk(typer.main.get_command(app)), ids=" ".join)
def test_help_of_every_command(path: tuple[str, ...]) -> None:
    answer = succeed(*path, "--help")
    assert f"Usage: {' '.join(['intel', *path])}" in answer.out
    assert answer.err == ""


# ------------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    "arguments",
    [
        ["profile"], ["nonsense"], ["profile", USER, "--tier", "sure"], ["transfers", USER, "--limit", "0"],
        ["profile", USER, "--since", "yesterday"], ["profile", " "], ["export", "table", "gossip", "--out", "x.csv"],
        ["export", "table", "labels", "--out", "x.xls"], ["labels", "retract"], ["snapshots", "pin", "nope"],
        ["transfers", USER, "--out", "x.doc"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_call_exits_with_2(store: Path, arguments: list[str]) -> None:
    answer = run(*arguments, store=store)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["profile", "Acorn Exchangr"], "nothing in the store goes by 'Acorn Exchangr'", "did you mean Acorn Exchange"),
        (["profile", "0x" + "99" * 20], "occurs in no transfer", "unknown is not clean"),
        (["profile", "0x12"], "it has 2 hex digits, an address has 40", "the nearest form is 0x12"),
        (["transfers", USER, "--token", "NOPE"], "no token of this store goes by 'NOPE'", "its contract, its symbol"),
        (["attribute", "absent.txt", "--out", "x.csv"], "there is no file absent.txt", ".txt, .csv or .parquet"),
        (["export", "table", "labels", "--out", "absent/x.csv"], "cannot write absent/x.csv", "a folder that exists"),
        (["datasets", "pull", "nope"], "no dataset is called 'nope'", "intel datasets list"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_failure_exits_with_1_and_says_what_to_do(store: Path, arguments: list[str], message: str, hint: str) -> None:
    answer = run(*arguments, store=store)
    assert (answer.code, answer.out) == (1, "")
    first, second = answer.err.splitlines()[-2:]
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("hint: ")
    assert hint in second


def test_an_ambiguous_name_lists_the_candidates(store: Path) -> None:
    answer = run("profile", "acorn", "--json", store=store)
    assert (answer.code, answer.out) == (1, "")
    assert "  acorn-exchange   Acorn Exchange\n" in answer.err
    assert "  acorn-nuts   Acorn Nuts\n" in answer.err


@pytest.mark.parametrize("command", [["profile", USER], ["coverage"], ["transfers", USER], ["explain", USER, DEPOSIT]])
def test_without_a_store_the_hint_names_the_way_to_one(tmp_path: Path, command: list[str]) -> None:
    answer = run(*command, store=tmp_path / "nothing")
    assert answer.code == 1
    assert "hint: " in answer.err
    assert "intel demo" in answer.err


def test_a_store_without_data_cannot_be_built(tmp_path: Path) -> None:
    answer = run("build", store=tmp_path / "empty")
    assert answer.code == 1
    assert "holds no data yet" in answer.err


def test_an_unexpected_error_is_one_line_and_the_traceback_is_one_variable_away() -> None:
    script = """if True:
        from intel import cli
        @cli.app.command()
        def crash() -> None:
            raise KeyError("lost")
        cli.main(["crash"])"""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("INTEL_")}

    def crash(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=inherited | more)

    calm = crash()
    assert (calm.returncode, calm.stdout) == (1, "")
    assert "Traceback" not in calm.stderr
    assert "KeyError" in calm.stderr
    assert "INTEL_DEBUG=1" in calm.stderr
    assert "Traceback" in crash(INTEL_DEBUG="1").stderr


def test_a_variable_that_cannot_be_meant_is_named() -> None:
    ended = spawn("doctor", INTEL_THREADS="many")
    assert ended.returncode == 2
    assert "INTEL_THREADS is 'many'" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_in_a_process_of_its_own(store: Path) -> None:
    ended = spawn("profile", "acorn-exchange", INTEL_STORE=str(store))
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert ended.stdout.startswith("Acorn Exchange   exchange\n")
    assert "\x1b" not in ended.stdout
    assert [line for line in ended.stdout.splitlines() if line != line.rstrip()] == []


# ------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    "arguments",
    [
        ["profile", USER], ["transfers", USER], ["explain", USER, "acorn-exchange"], ["coverage"], ["doctor"],
        ["snapshots", "list"], ["datasets", "list"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_reading_command_prints_one_json_document(store: Path, arguments: list[str]) -> None:
    answer = succeed(*arguments, "--json", store=store)
    assert isinstance(answer.document, dict)
    assert answer.out.isascii()


SHAPE: dict[str, set[str]] = {  # INTERFACES: the keys that others rely on
    "labels": {"name", "entity", "category", "source", "confidence", "url"},
    "holdings": {"chain", "token", "symbol", "amount", "value_usd"},
    "counterparties": {"entity_id", "name", "address", "in_usd", "out_usd", "transfers"},
    "exchange_usage": {"exchange", "deposits", "deposited_usd", "withdrawals", "withdrawn_usd"},
}


def test_the_json_of_a_profile_has_the_documented_shape(store: Path) -> None:
    document = succeed("profile", USER, "--json", store=store).document
    sections = {"subject", "entity", "role", "pnl", "activity", "coverage", "caveats", *SHAPE}
    assert sections <= set(document)
    assert document["subject"]["kind"] == "address"
    assert document["subject"]["address"] == USER
    assert document["entity"] is None
    assert {"first_seen", "last_seen", "transfers_in", "transfers_out"} <= set(document["activity"])
    assert isinstance(document["caveats"], list)
    for section, keys in SHAPE.items():
        assert [row for row in document[section] if not keys <= set(row)] == [], section
    assert document["holdings"]
    assert document["counterparties"]
    assert document["exchange_usage"][0]["exchange"] == "acorn-exchange"


def test_the_json_of_an_entity(store: Path) -> None:
    document = succeed("profile", "acorn-exchange", "--json", store=store).document
    assert document["subject"]["entity_id"] == "acorn-exchange"
    assert {"id", "name", "category", "confidence", "addresses"} <= set(document["entity"])
    assert SHAPE["labels"] <= set(document["labels"][0])


def test_exact_amounts_are_strings_and_usd_are_numbers(store: Path) -> None:
    holdings = succeed("profile", ACORN_HOT, "--json", store=store).document["holdings"]
    held = {row["symbol"]: row for row in holdings}
    assert held["ETH"]["amount"] == "1.000000000000000001"
    assert held["USDX"]["amount"] == "-798.765433"  # 700 and 1.234567 came, 1,500 went
    assert isinstance(held["USDX"]["value_usd"], float)


# ------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("arguments", [["profile", HOSTILE], ["transfers", HOSTILE], ["explain", HOSTILE, USER]])
def test_a_hostile_label_stays_text(store: Path, arguments: list[str]) -> None:
    answer = succeed(*arguments, store=store)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", answer.out)
    if arguments[0] == "profile":
        assert "[bold red]Evil[/bold red]" in answer.out


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\nb\t c", "a b c"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("\u202eabc\u200b", "\ufffdabc\ufffd"),
        ("[b]x[/b]", "[b]x[/b]"),
        (7, "7"),
    ],
)
def test_text_is_cleaned(text: object, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_the_page_begins_with_who_and_why(store: Path) -> None:
    page = succeed("profile", ACORN_HOT, store=store).out
    titles = re.findall(r"^(\w[\w ]+?)(?:   .*)?$", page, re.MULTILINE)
    assert titles[0] == "Acorn Exchange"
    assert titles[-8:] == [
        "Holdings", "Counterparties", "Exchange usage", "Profit and loss", "Evidence", "Labels", "Coverage", "Caveats"
    ]  # fmt: skip
    assert page.index("confidence") < page.index("why") < page.index("Holdings")
    assert "1,500.00" in page


def test_profit_and_loss_by_the_method_one_asks_for(store: Path) -> None:
    page = succeed("profile", USER, "--method", "lifo", store=store).out
    block = page[page.index("Profit and loss") : page.index("Evidence")]
    assert "method lifo" in block
    document = succeed("profile", USER, "--method", "lifo", "--json", store=store).document
    assert document["pnl"]["method"] == "lifo"
    assert re.search(r"^  total +(\S+)$", block, re.MULTILINE)[1] == f"{document['pnl']['total_usd']:,.2f}"


def test_a_private_label_is_never_taken_for_a_published_one(store: Path) -> None:
    page = succeed("profile", SECRET, store=store).out
    assert "private: known to this store alone" in page


def test_only_whole_addresses_and_hashes_go_into_a_pipe(store: Path) -> None:
    page = succeed("transfers", USER, store=store).out
    assert DEPOSIT in page
    assert all(row["tx_hash"] in page for row in TRANSFERS if USER in {row["sender"], row["receiver"]})


# ------------------------------------------------------------------------------------------- judgements


@pytest.mark.slow
def test_a_judgement_is_pending_then_applied_then_taken_back(own_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEL_USER", "ann")
    (made,) = succeed(
        "judge", USER, SECRET, "different", "--because", "I met both", "--json", store=own_store
    ).document["judgements"]
    assert (made["state"], made["verdict"], made["made_by"]) == ("pending", "different", "ann")
    page = succeed("explain", SECRET, USER, store=own_store).out
    assert "pending" in page
    assert "because I met both" in page
    assert "pending" in succeed("profile", USER, store=own_store).out
    assert succeed("profile", USER, "--json", store=own_store).document["judgements"][0]["state"] == "pending"
    succeed("build", store=own_store)
    assert succeed("explain", SECRET, USER, "--json", store=own_store).document["verdict"] == "kept apart"
    assert "applied" in succeed("judge", "--list", store=own_store).out
    (gone,) = succeed("judge", "--revoke", made["judgement_id"], "--json", store=own_store).document["judgements"]
    assert gone["state"] == "revocation pending"
    succeed("build", store=own_store)
    (last,) = succeed("judge", "--list", "--json", store=own_store).document["judgements"]
    assert (last["state"], last["revoked_by"]) == ("revoked", "ann")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["judge", USER, SECRET, "same"], "needs its reason"),
        (["judge", USER], "two ends and a verdict"),
        (["judge", USER, USER, "same", "--because", "x"], "both ends are"),
        (["judge", USER, SECRET, "perhaps", "--because", "x"], "perhaps"),
        (["judge", "--revoke", "99"], "there is no judgement 99"),
        (["judge", "acorn-exchange", "acorn-nuts", "same", "--because", "x"], "two named entities"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_judgement_that_cannot_be_meant_exits_with_2(own_store: Path, arguments: list[str], message: str) -> None:
    answer = run(*arguments, store=own_store)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert succeed("judge", "--list", "--json", store=own_store).document["judgements"] == []


def test_a_workspace_that_cannot_be_read_does_not_hide_the_profile(own_store: Path) -> None:
    (own_store / "workspace.sqlite").write_text("these are not the bytes of a database " * 100)
    assert "Judgements are not shown" in succeed("profile", USER, store=own_store).out
    assert "Judgements are not shown" in succeed("explain", USER, SECRET, store=own_store).out
