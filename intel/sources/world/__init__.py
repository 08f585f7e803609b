"""What would a public ledger look like whose every owner is known? A simulated economy, repeatable by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from intel.errors import BadInput
from intel.model import COUNTED_KINDS, DATASETS, CoverageRange
from intel.sources.world.book import KIND
from intel.sources.world.claims import write_actors, write_assets, write_labels, write_prices, write_tokens, write_truth
from intel.sources.world.economy import simulate_town
from intel.sources.world.ledger import SOURCE, START, Ledger, close_book
from intel.sources.world.market import ASSET_CHAIN, CHAINS, DAY
from intel.sources.world.town import PRESETS, Town
from intel.store.lake import lake_schema

SHORTEST = 90  # days; payroll and airdrop need months

__all__ = ["PRESETS", "World", "WorldSettings", "generate_world"]


@dataclass(frozen=True)
class WorldSettings:
    """Size and character of the economy; equal settings give equal tables."""

    transfers: int = 200_000  # about; what is generated differs by some percent
    preset: str = "default"  # easy | default | hard
    seed: int = 7
    days: int = 540


@dataclass(frozen=True)
class World:
    """A finished economy. The pipeline reads `batches` and `coverage`; `truth` is for evaluators alone."""

    settings: WorldSettings
    ledger: Ledger
    town: Town

    def batches(self, dataset: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one lake dataset (`intel.model.DATASETS`) in blocks; edges and events have none."""
        if dataset not in DATASETS:
            raise BadInput(f"there is no dataset {dataset!r}", f"take one of {', '.join(DATASETS)}")
        schema = lake_schema(dataset)
        streams = {
            "transfers": self.ledger.transfer_batches,
            "transactions": self.ledger.transaction_batches,
            "blocks": self.ledger.block_batches,
        }
        if dataset in streams:
            yield from streams[dataset](schema)
            return
        rows: dict[str, Any] = {
            "tokens": lambda: write_tokens(self.ledger),
            "prices": lambda: write_prices(self.town.market),
            "assets": lambda: write_assets(self.ledger),
            "labels": lambda: write_labels(self.town, self.ledger, self._draw(4)),
            "actors": lambda: write_actors(self.town),
        }
        if dataset in rows:
            yield from pa.Table.from_pylist(rows[dataset](), schema=schema).to_batches()

    @cached_property
    def coverage(self) -> Sequence[CoverageRange]:
        """Whole history: every block from 0 to the last, for every kind that counts, also where none occurred."""
        ranges = []
        moved = self.ledger.transfers
        for index, chain in enumerate(CHAINS):
            on_chain = ASSET_CHAIN[moved["asset"]] == index
            count = np.bincount(moved["kind"][on_chain], minlength=len(COUNTED_KINDS))
            rows = [("transfers", kind, int(count[KIND[kind]])) for kind in COUNTED_KINDS]
            rows.append(("transactions", "", int((self.ledger.transactions["chain"] == index).sum())))
            rows.append(("blocks", "", int((self.ledger.blocks["chain"] == index).sum())))
            last = self.settings.days * DAY // chain.block_seconds - 1
            begin, end = _to_time(0), _to_time(last * chain.block_seconds)
            ranges += [
                CoverageRange(dataset, chain.slug, kind, SOURCE, 0, last, begin, end, number)
                for dataset, kind, number in rows
            ]
        return tuple(ranges)

    @cached_property
    def truth(self) -> Mapping[str, pa.Table]:
        """Tables `owners` (cluster_id, address, chain, entity), `roles` (address, chain, role) and `deposits`."""
        return write_truth(self.town, self.ledger)

    def _draw(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, purpose])


def _to_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC).replace(tzinfo=None)


def generate_world(settings: WorldSettings) -> World:
    """Simulate the economy. Cost: 200,000 transfers take about 1.5 s, 2 million 7 s and 0.9 GB (2 cores)."""
    if settings.preset not in PRESETS:
        raise BadInput(f"there is no preset {settings.preset!r}", f"take one of {', '.join(PRESETS)}")
    if settings.days < SHORTEST:
        raise BadInput(f"{settings.days} days are too few for an economy", f"ask for {SHORTEST} or more")
    seeds = [np.random.default_rng([settings.seed, purpose]) for purpose in (1, 2, 3)]
    town = simulate_town(seeds[0], settings.transfers, settings.preset, settings.days)
    ledger = close_book(town.book, town.cast.write_addresses(seeds[1]), town.contracts, seeds[2])
    town.book.clear()
    return World(settings, ledger, town)
