"""Are private labels kept once, in order, whoever else writes at the same time?"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intel.errors import StoreError, UsageError
from intel.model import JudgementEnd
from intel.store.lake import lake_schema
from intel.store.workspace import Workspace
from tests.faults.doom import start_server

NOW = datetime(2024, 5, 1)  # noqa: DTZ001 (the workspace's times are UTC without saying so)


def claim(number: int, **more: Any) -> dict[str, Any]:
    return {
        "chain": "ethereum", "address": f"0x{number:040x}", "entity": "acorn", "label": f"label {number}",
        "category": "exchange", "source": "me", "source_date": date(2024, 1, 2), "confidence": "ownership",
        "recorded_at": NOW, **more,
    }  # fmt: skip


def as_table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=lake_schema("labels"))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "store") as one:
        yield one


def numbers(workspace: Workspace) -> list[int]:
    return [int(text, 16) for text in workspace.labels()["address"].to_pylist()]


def test_nothing_is_written_by_looking(tmp_path: Path, workspace: Workspace) -> None:
    assert (workspace.revision(), workspace.labels().num_rows) == (0, 0)
    assert workspace.retract_labels(source="me") == 0
    assert list(tmp_path.iterdir()) == []


def test_what_was_added_comes_back_unchanged(workspace: Workspace) -> None:
    rows = as_table(claim(2, valid_from=NOW, url="https://a.test/'"), claim(1))
    assert workspace.add_labels(rows) == 2
    assert workspace.labels().equals(rows)


def test_a_claim_is_kept_once(workspace: Workspace) -> None:
    assert workspace.add_labels(as_table(claim(1), claim(2), claim(1))) == 2
    later = {"recorded_at": datetime(2025, 1, 1)}  # noqa: DTZ001
    assert workspace.add_labels(as_table(claim(3), claim(2, **later))) == 1
    assert numbers(workspace) == [1, 2, 3]


@pytest.mark.parametrize("more", [{"confidence": "heuristic"}, {"entity": "bank"}, {"url": "https://a.test"}])
def test_a_claim_that_says_more_is_another_one(workspace: Workspace, more: dict[str, Any]) -> None:
    workspace.add_labels(as_table(claim(1)))
    assert workspace.add_labels(as_table(claim(1, **more))) == 1


def test_the_revision_grows_with_every_change_and_no_other_act(workspace: Workspace) -> None:
    seen = [workspace.revision()]
    for act in (
        lambda: workspace.add_labels(as_table(claim(1), claim(2))),
        lambda: workspace.retract_labels(address=claim(1)["address"]),
        lambda: workspace.add_labels(as_table(claim(1))),
    ):
        act()
        seen.append(workspace.revision())
    assert seen == sorted(set(seen))
    workspace.add_labels(as_table(claim(1)))
    workspace.add_labels(as_table())
    workspace.retract_labels(source="nobody")
    assert workspace.revision() == seen[-1]


def test_labels_are_retracted_by_source_address_or_both(workspace: Workspace) -> None:
    rows = [claim(n, source=s) for n in (1, 2) for s in ("me", "you")]
    workspace.add_labels(as_table(*rows))
    assert workspace.retract_labels(source="you", address=claim(1)["address"]) == 1
    assert workspace.retract_labels(address=claim(1)["address"]) == 1
    assert workspace.retract_labels(source="me") == 1
    assert [row["source"] for row in workspace.labels().to_pylist()] == ["you"]


def add_many(store: Path, start: object, own: int) -> None:
    start.wait(60)  # type: ignore[attr-defined]
    with Workspace(store) as workspace:
        for number in range(8):
            workspace.add_labels(as_table(claim(number), claim(100 * own + number)))


@pytest.mark.slow
def test_two_processes_add_together_and_once(tmp_path: Path) -> None:
    context = start_server()
    start = context.Barrier(2)
    others = [context.Process(target=add_many, args=(tmp_path, start, own)) for own in (1, 2)]
    for other in others:
        other.start()
    for other in others:
        other.join(90)
    assert [other.exitcode for other in others] == [0, 0]
    with Workspace(tmp_path) as workspace:
        assert sorted(numbers(workspace)) == sorted([*range(8), *range(100, 108), *range(200, 208)])


def add_slowly(store: Path, ready: object) -> None:
    def record(self: Workspace, con: object, what: str) -> None:
        ready.set()  # type: ignore[attr-defined]
        time.sleep(0.5)
        real(self, con, what)  # type: ignore[arg-type]

    real, Workspace._record = Workspace._record, record  # type: ignore[method-assign, assignment]
    with Workspace(store) as workspace:
        workspace.add_labels(as_table(claim(1)))


@pytest.mark.slow
def test_who_adds_in_the_middle_of_another_waits_and_adds_only_what_is_new(
    tmp_path: Path, workspace: Workspace
) -> None:
    workspace.add_labels(as_table(claim(9)))
    context = start_server()
    ready = context.Event()
    other = context.Process(target=add_slowly, args=(tmp_path / "store", ready))
    other.start()
    assert ready.wait(60)
    assert workspace.add_labels(as_table(claim(1), claim(2))) == 1
    other.join(60)
    assert numbers(workspace) == [9, 1, 2]


def test_a_writer_is_seen_by_whoever_has_the_workspace_open(tmp_path: Path, workspace: Workspace) -> None:
    workspace.add_labels(as_table(claim(1)))
    with Workspace(tmp_path / "store") as other:
        other.add_labels(as_table(claim(2)))
    assert numbers(workspace) == [1, 2]


@pytest.mark.parametrize("act", ["revision", "labels"])
def test_a_file_that_is_no_database_is_an_error(tmp_path: Path, act: str) -> None:
    (tmp_path / "workspace.sqlite").write_text("these are not the bytes of a database " * 100)
    with Workspace(tmp_path) as workspace, pytest.raises(StoreError, match="workspace cannot be used") as caught:
        getattr(workspace, act)()
    assert caught.value.hint


def test_a_database_by_url_serves_as_well(tmp_path: Path) -> None:
    with Workspace(tmp_path, f"sqlite:///{tmp_path / 'elsewhere.db'}") as workspace:
        assert (workspace.revision(), workspace.labels().num_rows) == (0, 0)
        assert [workspace.add_labels(as_table(claim(1))) for _ in range(2)] == [1, 0]
        assert numbers(workspace) == [1]


# ------------------------------------------------------------------------------------------- judgements

ONE, OTHER, OWNER = JudgementEnd(None, "0x" + "1" * 40), JudgementEnd("ethereum", "0x" + "2" * 40), JudgementEnd(
    entity_id="acorn"
)  # fmt: skip


def test_a_judgement_comes_back_as_it_was_made(workspace: Workspace) -> None:
    made = workspace.add_judgement(ONE, OTHER, "same", " they told me ", made_by="ann")
    assert workspace.judgements() == [made]
    assert (made.left, made.right, made.verdict, made.because, made.made_by) == (
        ONE, OTHER, "same", "they told me", "ann",
    )  # fmt: skip
    assert made.revision == workspace.revision() == 1
    assert (made.holds_at(0), made.holds_at(1)) == (False, True)


def test_taking_back_dates_the_row_and_keeps_it(workspace: Workspace) -> None:
    made = workspace.add_judgement(ONE, OWNER, "different", "no")
    gone = workspace.revoke_judgement(made.judgement_id, revoked_by="bob")
    assert workspace.judgements() == [gone]
    assert gone.revoked_at is not None
    assert (gone.revoked_by, gone.revoked_revision, workspace.revision()) == ("bob", 2, 2)
    assert (gone.holds_at(1), gone.holds_at(2)) == (True, False)


def test_the_newer_judgement_of_two_ends_takes_the_older_ones_place(workspace: Workspace) -> None:
    old = workspace.add_judgement(ONE, OTHER, "same", "first thought")
    apart = workspace.add_judgement(ONE, OWNER, "different", "another pair")
    new = workspace.add_judgement(OTHER, ONE, "different", "second thought")
    live = [one.judgement_id for one in workspace.judgements() if one.revoked_at is None]
    assert live == [apart.judgement_id, new.judgement_id]
    assert workspace.judgements()[0].judgement_id == old.judgement_id
    assert workspace.judgements()[0].revoked_revision == new.revision


def test_a_judgement_that_says_nothing_is_refused_and_changes_nothing(workspace: Workspace) -> None:
    workspace.add_judgement(ONE, OTHER, "same", "told")
    workspace.revoke_judgement(1)
    for act, match in (
        (lambda: workspace.add_judgement(ONE, OTHER, "perhaps", "told"), "'perhaps' is no verdict"),
        (lambda: workspace.add_judgement(ONE, OTHER, "same", " "), "needs its reason"),
        (lambda: workspace.add_judgement(ONE, ONE, "same", "told"), "both ends are"),
        (lambda: workspace.revoke_judgement(7), "no judgement 7"),
        (lambda: workspace.revoke_judgement(1), "was taken back on"),
    ):
        with pytest.raises(UsageError, match=match) as caught:
            act()
        assert caught.value.hint
    assert (len(workspace.judgements()), workspace.revision()) == (1, 2)


def test_a_workspace_of_before_judgements_learns_them(tmp_path: Path) -> None:
    with Workspace(tmp_path) as old:
        old.add_labels(as_table(claim(1)))
    with sqlite3.connect(tmp_path / "workspace.sqlite") as con:
        con.execute("drop table judgements")
    with Workspace(tmp_path) as workspace:
        assert workspace.judgements() == []
        assert workspace.add_judgement(ONE, OTHER, "unsure", "look again").revision == 2
        assert numbers(workspace) == [1]
