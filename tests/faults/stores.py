"""Which store is disturbed, and how do we see that it came through? Small, but with something of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intel import pipeline
from intel.config import Settings
from intel.export.files import TABLES, export_table
from intel.model import JudgementEnd
from intel.store.ddl import read_tables
from intel.store.flows import Flows, open_flows
from intel.store.reader import Reader
from intel.store.workspace import Workspace
from tests import commands
from tests.ledger_files import lake_rows, write_csv

MORE = [commands.moved(n, commands.ACORN_HOT, f"0x{n:040x}", n) for n in range(20, 26)]


def settings_of(store: Path) -> Settings:
    return Settings(store=store, memory="1GB", threads=1)


def make_base(folder: Path) -> Path:
    """A store with two builds, and ledger rows, labels and a judgement that are newer than both."""
    store = folder / "store"
    settings = settings_of(store)
    pipeline.ingest_files(settings, [write_csv(folder / "transfers.csv", commands.TRANSFERS)])
    pipeline.add_labels(settings, [write_csv(folder / "labels.csv", commands.LABELS)], source="book")
    pipeline.build(settings)
    pipeline.add_tokens(settings, [write_csv(folder / "tokens.csv", commands.TOKENS)])
    assets = [write_csv(folder / "assets.csv", commands.ASSETS)]
    pipeline.add_prices(settings, [write_csv(folder / "prices.csv", commands.PRICES)], assets=assets)
    pipeline.build(settings)
    pipeline.ingest_files(settings, [write_csv(folder / "more.csv", MORE)])
    mine = [commands.label(commands.SECRET, "Acorn Nuts", "suspect 7", "user")]
    pipeline.add_labels(settings, [write_csv(folder / "mine.csv", mine)], source="me", private=True)
    ends = [JudgementEnd("ethereum", one, None) for one in (commands.SECRET, commands.USER)]
    with Workspace(store) as workspace:
        workspace.add_judgement(ends[0], ends[1], "same", "one hand", made_by="a test")
    return store


def read_build(store: Path) -> dict[str, Any]:
    """Return every row of every table of the current build, and its flow columns as bytes."""
    with Reader(store) as reader:
        names = [f"{layer}.{table}" for layer in ("facts", "beliefs") for table in read_tables()[layer]]
        found: dict[str, Any] = {name: sorted(reader.query(f"from {name}"), key=repr) for name in names}
        flows = open_flows(reader.path)
        return found | {f"flows.{name}": getattr(flows, name).tobytes() for name in Flows._fields}


def export_all(store: Path, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    for name in TABLES:
        export_table(store, name, folder / f"{name}.csv", include_private=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def ledger_of(store: Path) -> list[tuple[Any, ...]]:
    rows = "select tx_hash, position, sender, receiver, value_raw from lake_transfers order by all"
    return lake_rows(store, rows) + lake_rows(store, "from lake_coverage order by all")


def labels_of(store: Path) -> list[tuple[Any, ...]]:
    return lake_rows(store, "select address, label, source from lake_labels order by all")
