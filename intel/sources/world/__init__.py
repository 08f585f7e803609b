"""What would a public ledger look like whose every owner is known? A simulated economy, repeatable by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from intel.errors import BadInput
from intel.model import COUNTED_KINDS, DATASETS, CoverageRange
from intel.sources.world.book import BLOCK_SECONDS, KIND
from intel.sources.world.claims import write_labels
from intel.sources.world.economy import Life, fit_days, simulate_town
from intel.sources.world.faults import drop_traces, find_reorgs, write_orphans
from intel.sources.world.ledger import ROWS, SOURCE, START, Ledger
from intel.sources.world.market import ASSET_CHAIN, CHAINS, DAY
from intel.sources.world.reference import write_actors, write_assets, write_prices, write_tokens
from intel.sources.world.town import PRESETS, Town
from intel.sources.world.truth import write_truth
from intel.store.lake import lake_schema

LONGEST = 540  # days, unless told otherwise
SHORTEST = 120  # days; payroll and airdrops need months

__all__ = ["PRESETS", "World", "WorldSettings", "choose_days", "generate_world"]


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """Size and character of the economy; equal settings give equal tables, whatever `rows`."""

    transfers: int = 200_000  # about; what is generated differs by some percent
    preset: str = "default"  # easy | default | hard
    seed: int = 7
    days: int = LONGEST
    rows: int = ROWS  # per record batch
    periods: int | None = None  # generated one after another; None: as many as memory asks for
    lacks_traces: bool = False  # some blocks lack their internal transfers, and coverage says so
    reorgs: int = 0  # how many times a chain was rewritten: `World.orphans` holds the blocks that lost


@dataclass(frozen=True)
class World:
    """A finished economy. The pipeline reads `batches` and `coverage`; `truth` is for evaluators alone."""

    settings: WorldSettings
    ledger: Ledger
    town: Town
    life: Life

    def batches(self, dataset: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one lake dataset (`intel.model.DATASETS`) in blocks; edges have none."""
        if dataset not in DATASETS:
            raise BadInput(f"there is no dataset {dataset!r}", f"take one of {', '.join(DATASETS)}")
        schema = lake_schema(dataset)
        streams = {
            "transfers": self.ledger.transfer_batches,
            "transactions": self.ledger.transaction_batches,
            "blocks": self.ledger.block_batches,
            "events": self.ledger.event_batches,
        }
        if dataset in streams:
            made = streams[dataset](schema)
            lacks = self.settings.lacks_traces and dataset == "transfers"
            yield from drop_traces(made) if lacks else made
            return
        rows: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "tokens": lambda: write_tokens(self.ledger),
            "prices": lambda: write_prices(self.town.market),
            "assets": lambda: write_assets(self.ledger),
            "labels": lambda: self._labels[0],
            "actors": lambda: write_actors(self.town),
        }
        if dataset in rows:
            yield from pa.Table.from_pylist(rows[dataset](), schema=schema).to_batches()

    @property
    def private_labels(self) -> pa.Table:
        """Labels that somebody keeps to himself, in the columns of lake.labels."""
        return pa.Table.from_pylist(self._labels[1], schema=lake_schema("labels"))

    def orphans(self, dataset: str) -> pa.Table:
        """Rows of `transfers`, `transactions` or `blocks` that a reorganisation took back; none unless asked for.

        A source that follows the tip of a chain would have told them first, under other block hashes.
        """
        return write_orphans(self, dataset, find_reorgs(self.life, self.settings))

    @cached_property
    def coverage(self) -> Sequence[CoverageRange]:
        """Whole history: every block from 0 to the last, for every kind that counts, also where none occurred."""
        counts = np.zeros((len(CHAINS), len(COUNTED_KINDS)), dtype=np.int64)
        others = {name: np.zeros(len(CHAINS), dtype=np.int64) for name in ("transactions", "blocks")}
        for _, moved in self.life.spool.read("transfers"):
            key = ASSET_CHAIN[moved["asset"]] * len(COUNTED_KINDS) + moved["kind"]
            counts += np.bincount(key, minlength=counts.size).reshape(counts.shape)
        for name, total in others.items():
            for _, rows in self.life.spool.read(name):
                np.add.at(total, rows["chain"], 1)
        ranges = []
        for index, chain in enumerate(CHAINS):
            kinds = [kind for kind in COUNTED_KINDS if not (self.settings.lacks_traces and kind == "internal")]
            told = [("transfers", kind, int(counts[index, KIND[kind]])) for kind in kinds]
            told += [(name, "", int(count[index])) for name, count in others.items()]
            last = self.settings.days * DAY // int(BLOCK_SECONDS[index]) - 1
            begin, end = _to_time(0), _to_time(last * chain.block_seconds)
            ranges += [
                CoverageRange(dataset, chain.slug, kind, SOURCE, 0, last, begin, end, number)
                for dataset, kind, number in told
            ]
        return tuple(ranges)

    @property
    def rows(self) -> int:
        """How many transfers there are."""
        return sum(part.rows or 0 for part in self.coverage if part.dataset == "transfers")

    @cached_property
    def truth(self) -> Mapping[str, pa.Table]:
        """Tables that no pipeline may read, by name: see `intel.sources.world.truth`."""
        return write_truth(self.town, self.life, self.ledger)

    @cached_property
    def _labels(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return write_labels(self.town, self.life, np.random.default_rng([self.settings.seed, 4]))


def _to_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC).replace(tzinfo=None)


def choose_days(transfers: int) -> int:
    """Return how long an economy of that size lasts: 540 days, or less where there are few transfers."""
    return max(SHORTEST, fit_days(transfers, LONGEST))


def generate_world(settings: WorldSettings) -> World:
    """Simulate the economy, a period at a time; what is finished waits on disk when there are several.

    On one core 1 million transfers take 3 s and 0.7 GB, 10 million 40 s and 1.7 GB, 100 million 10 minutes and
    3.6 GB, with 12 GB of disk; writing them out as batches takes half as long again.
    """
    if settings.preset not in PRESETS:
        raise BadInput(f"there is no preset {settings.preset!r}", f"take one of {', '.join(PRESETS)}")
    if settings.days < SHORTEST:
        raise BadInput(f"{settings.days} days are too few for an economy", f"ask for {SHORTEST} or more")
    rng = np.random.default_rng([settings.seed, 1])
    town, life = simulate_town(rng, (settings.transfers, settings.days), settings.preset, settings.periods)
    return World(settings, Ledger(life.spool, town.cast, town.contracts, settings.seed, settings.rows), town, life)
