"""How does a test run a command of ours, and on which small store?"""

from __future__ import annotations

import csv
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intel.cli import main
from tests.ledger_files import transfer, write_csv

ACORN_HOT = "0x" + "a1" * 20
ACORN_COLD = "0x" + "a2" * 20
DEPOSIT = "0x" + "d1" * 20
USER = "0x" + "71" * 20
SECRET = "0x" + "5e" * 20  # labelled in private
HOSTILE = "0x" + "e7" * 20
USDX = "0x" + "c0" * 20
HOSTILE_LABEL = "[bold red]Evil[/bold red] \x1b[31mred\x1b[0m \u202egnp.exe\nnext line"
FORMULA_SYMBOL = "=cmd|' /C calc'!A0"
FORMULA_TOKEN = "0x" + "cf" * 20


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as the one JSON document that it must be."""
        return json.loads(self.out)


def run(*arguments: object, store: Path | None = None) -> Answer:
    """Run `intel ...` in this process."""
    out, err = io.StringIO(), io.StringIO()
    words = [str(word) for word in arguments] + (["--store", str(store)] if store else [])
    hook, code = sys.excepthook, 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.excepthook = hook
    return Answer(code, out.getvalue(), err.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def succeed(*arguments: object, store: Path | None = None) -> Answer:
    answer = run(*arguments, store=store)
    assert answer.code == 0, answer.err
    return answer


def moved(number: int, sender: str, receiver: str, value: int, token: str | None = USDX) -> dict[str, Any]:
    kind = "native" if token is None else "erc20"
    more = {"token": token, "kind": kind, "initiator": sender, "block_time": f"2021-05-{1 + number:02}T10:00:00"}
    return transfer(number, sender=sender, receiver=receiver, value_raw=str(value), **more)


TRANSFERS = [
    moved(0, ACORN_COLD, ACORN_HOT, 10**18 + 1, None),
    moved(1, ACORN_HOT, USER, 1_500_000_000),
    moved(2, USER, DEPOSIT, 700_000_000),
    moved(3, DEPOSIT, ACORN_HOT, 700_000_000),
    moved(4, USER, DEPOSIT, 1_234_567),
    moved(5, DEPOSIT, ACORN_HOT, 1_234_567),
    moved(6, USER, HOSTILE, 2_000_000),
    moved(7, HOSTILE, USER, 5 * 10**18, FORMULA_TOKEN),
    moved(8, SECRET, USER, 3_000_000),
]
TOKENS = [
    {"chain": "ethereum", "token": USDX, "symbol": "USDX", "name": "USD X", "decimals": 6},
    {"chain": "ethereum", "token": FORMULA_TOKEN, "symbol": FORMULA_SYMBOL, "name": "calc", "decimals": 18},
]
PRICES = [{"date": f"2021-05-{day:02}", "symbol": "USDX", "usd": 1.0} for day in range(1, 11)]
ASSETS = [{"chain": "ethereum", "token": USDX, "symbol": "USDX", "decimals": 6}]


def label(address: str, entity: str, text: str, category: str = "exchange") -> dict[str, Any]:
    return {
        "chain": "ethereum", "address": address, "entity": entity, "label": text, "category": category,
        "confidence": "service_data",
    }  # fmt: skip


LABELS = [
    label(ACORN_HOT, "Acorn Exchange", "Acorn Exchange: Hot Wallet"),
    label(ACORN_COLD, "Acorn Exchange", "Acorn Exchange: Cold Wallet"),
    label(HOSTILE, HOSTILE_LABEL, HOSTILE_LABEL, "hack"),
]


def make_store(folder: Path) -> Path:
    """Fill and build a store by the commands themselves; one private label, one bad row."""
    store = folder / "store"
    bad = {**moved(9, USER, DEPOSIT, 1), "sender": "0xnonsense"}
    ledger = write_csv(folder / "transfers.csv", [*TRANSFERS, bad])
    succeed("ingest", "files", ledger, store=store)
    succeed("labels", "add", write_csv(folder / "labels.csv", LABELS), "--source", "book", store=store)
    mine = write_csv(folder / "mine.csv", [label(SECRET, "Acorn Nuts", "suspect 7", "user")])
    succeed("labels", "add", mine, "--source", "me", "--private", store=store)
    succeed("tokens", "add", write_csv(folder / "tokens.csv", TOKENS), store=store)
    assets = write_csv(folder / "assets.csv", ASSETS)
    succeed("prices", "add", write_csv(folder / "prices.csv", PRICES), "--assets", assets, store=store)
    succeed("build", store=store)
    return store
