"""What must hold of any ledger file: twice is once, order is nothing, and in parts is as in one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger_files import address, ingest, lake_rows, tx, write_csv, write_parquet

# Few, but each a whole ingest on disk; the small ranges make keys, blocks and sources meet.
quick = settings(max_examples=6, deadline=None, derandomize=True)

rows_of_a_ledger = st.lists(
    st.builds(
        lambda block, number, position, kind, value, source: {
            "chain": "ethereum", "block_number": block, "block_time": f"2021-01-01 00:00:{block:02d}",
            "tx_hash": tx(100 * block + number), "position": position, "sub_position": 0, "kind": kind,
            "sender": address(1 + number), "receiver": address(9 - position),
            "token": None if kind == "native" else address(77), "token_id": None, "value_raw": str(value),
            "initiator": None, "source": source,
        },
        st.integers(0, 12), st.integers(0, 2), st.integers(0, 3), st.sampled_from(["native", "erc20"]),
        st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 50)), st.sampled_from(["one", "two"]),
    ),
    min_size=1, max_size=40,
    unique_by=lambda row: (row["tx_hash"], row["position"], row["kind"], row["source"]),
)  # fmt: skip


@contextmanager
def workplace() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder)


def contents(store: Path) -> tuple[list[Any], list[Any]]:
    """Return everything a later build could read of the ledger, in a fixed order."""
    ledger = lake_rows(store, "from lake_transfers order by source, block_number, tx_hash, kind, position")
    return ledger, lake_rows(store, "from lake_coverage order by all")


@quick
@given(rows_of_a_ledger)
def test_ingest_twice_is_ingest_once(rows: list[dict[str, Any]]) -> None:
    with workplace() as place:
        path = write_csv(place / "t.csv", rows)
        first = ingest(place / "store", path)
        once = contents(place / "store")
        assert len(once[0]) == len(rows)
        second = ingest(place / "store", path)
        assert contents(place / "store") == once
        assert (first.replaced, second.replaced) == (0, len(rows))


@quick
@given(rows_of_a_ledger, st.randoms(use_true_random=False))
def test_the_order_and_the_form_of_rows_are_nothing(rows: list[dict[str, Any]], random: Any) -> None:
    with workplace() as place:
        ingest(place / "one", write_csv(place / "t.csv", rows))
        shuffled = list(rows)
        random.shuffle(shuffled)
        ingest(place / "other", write_parquet(place / "t.parquet", shuffled))
        assert contents(place / "one") == contents(place / "other")


@quick
@given(rows_of_a_ledger, st.sets(st.integers(0, 12)))
def test_blocks_in_two_commands_are_as_in_one(rows: list[dict[str, Any]], later: set[int]) -> None:
    with workplace() as place:
        ingest(place / "one", write_csv(place / "t.csv", rows))
        for part in (
            [row for row in rows if row["block_number"] not in later],
            [row for row in rows if row["block_number"] in later],
        ):
            if part:
                report = ingest(place / "other", write_csv(place / "part.csv", part))
                assert report.replaced == 0
        assert contents(place / "one") == contents(place / "other")


@quick
@given(rows_of_a_ledger, rows_of_a_ledger)
def test_what_a_later_run_tells_of_a_block_supersedes(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    told = {(row["source"], row["kind"], row["block_number"]) for row in new}
    kept = [row for row in old if (row["source"], row["kind"], row["block_number"]) not in told]
    with workplace() as place:
        ingest(place / "one", write_csv(place / "t.csv", old))
        shutil.copytree(place / "one", place / "other")
        report = ingest(place / "other", write_csv(place / "u.csv", new))
        ingest(place / "expected", write_csv(place / "v.csv", kept + new))
        assert contents(place / "other")[0] == contents(place / "expected")[0]
        assert report.replaced == len(old) - len(kept)
