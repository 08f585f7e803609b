"""How does one ask why two are linked, and say what one knows better?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intel import cli_options as o
from intel.cli_app import app, open_store, settle, show, show_json
from intel.config import Settings
from intel.errors import UsageError
from intel.talk import Talk

if TYPE_CHECKING:
    from intel.store.reader import Reader


@app.command()
def explain(left: o.Subject, right: o.Subject, json: o.Json = False, store: o.Store = None) -> None:
    """Show why two addresses, or an address and an entity, are linked, or what keeps them apart."""
    from intel.render_explain import render_explanation

    with open_store(store) as db:
        found = db.explain(left, right)
    if json:
        show_json(found)
    else:
        show(render_explanation(found))


@app.command()
def judge(
    left: o.MaybeSubject = None, right: o.MaybeSubject = None, verdict: o.Verdict = None, because: o.Because = "",
    revoke: o.Revoke = None, list_all: o.ListJudgements = False, from_neo4j: o.FromGraph = None,
    database: o.GraphDatabase = None, json: o.Json = False, store: o.Store = None,
) -> None:  # fmt: skip
    """Say that two addresses, or an address and an entity, are the same, different, or undecided; or take it back.

    Shown at once as pending and applied by the next `intel build`; private to this store. INTEL_USER says who judges.
    """
    from intel.profiler.judge import list_judgements, record_judgement, revoke_judgement
    from intel.render_explain import render_judgements

    settings = settle(store)
    refused: list[dict[str, Any]] = []
    with open_store(store) as db:
        if from_neo4j is not None:
            told, refused = _pull_judgements(db.reader, from_neo4j, database, settings)
        elif list_all:
            told = list_judgements(db.reader)
        elif revoke is not None:
            told = [revoke_judgement(db.reader, revoke, user=settings.user)]
        elif left is None or right is None or verdict is None:
            raise UsageError("a judgement names two ends and a verdict", "intel judge LEFT RIGHT same --because TEXT")
        else:
            told = [record_judgement(db.reader, (left, right), verdict, because, user=settings.user)]
    if json:
        show_json({"judgements": told, "refused": refused, "build": db.build_id})
    else:
        show(render_judgements(told))
    for one in refused:
        Talk().say(f"not taken: {one['left']}, {one['right']}: {one['problem']}")


def _pull_judgements(
    reader: Reader, uri: str, database: str | None, settings: Settings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from intel.export.neo4j import open_graph, read_judgements
    from intel.profiler.judge import take_in_judgements

    with open_graph(uri, settings.neo4j_user, settings.neo4j_password, database) as graph:
        return take_in_judgements(reader, read_judgements(graph), user=settings.user)
