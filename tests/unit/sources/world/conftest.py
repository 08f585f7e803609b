"""A small world in DuckDB, with its truth in tables `truth_*`: made once for all tests of a process."""

from __future__ import annotations

import pyarrow as pa
import pytest

from intel.model import DATASETS
from intel.sources.world import World, WorldSettings, generate_world
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables
from intel.store.lake import lake_schema

SMALL = WorldSettings(transfers=22_000, days=120)


def read_table(world: World, dataset: str) -> pa.Table:
    """One dataset of a world."""
    return pa.Table.from_batches(world.batches(dataset), lake_schema(dataset))


def load_world(world: World) -> Connection:
    """Schema lake and tables truth_* in an empty database."""
    con = open_connection()
    con.execute("create schema lake")
    create_tables(con, "lake")
    for dataset in DATASETS:
        con.register("batches", read_table(world, dataset))
        con.execute(f"insert into lake.{dataset} by name select * from batches")
        con.unregister("batches")
    for name, table in world.truth.items():
        con.register(f"truth_{name}", table)
    return con


@pytest.fixture(scope="session")
def world() -> World:
    """The small world."""
    return generate_world(SMALL)


@pytest.fixture(scope="session")
def con(world: World) -> Connection:
    """The small world in DuckDB."""
    return load_world(world)
