"""Which parts is a build made of, and which of them does an older build have already, made from the same inputs?

Each part has a key: a digest of exactly what it reads. A part whose key an older build's part has is taken over, file
by file or table by table; facts and flow columns to which rows were only added are extended; everything else is made.
`--full` makes every part anew. Unnamed owners, attributions and what follows from them are no part: judgements and the
builds of before go into them, so each build makes its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from intel import __version__
from intel.config import data_path
from intel.entities.entity_days import SPAM_TRANSFER_FLAGS
from intel.etl.extend import TIMED, describe_ledger, extend_facts
from intel.etl.flow_columns import extend_flow_columns
from intel.ml.predict import keep_predictions
from intel.store import Connection
from intel.store.flows import open_flows
from intel.store.lake import Commit, Lake
from intel.store.snapshot import Build, Manifest, list_builds, snapshot_path
from intel.store.takeover import (
    copy_facts,
    empty_facts,
    has_intact_beliefs,
    has_intact_files,
    open_taken,
    take_facts,
    take_files,
)

LEDGER = ("transfers", "transactions", "blocks", "edges", "events", "tokens", "prices", "assets", "coverage")
Report = Mapping[str, object]
_LATER = "rows were only added, all of them later"


@dataclass(frozen=True, slots=True)
class Part:
    """One part: the beliefs it fills, and what it reads.

    lake: tables whose version counts. on: parts it stands on. sees: tables whose rows count, wherever they come from.
    """

    fills: tuple[str, ...] = ()
    lake: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()


# In the order in which they are made. A label that no address of the ledger has leaves the evidence as it is.
PARTS = {
    "facts": Part(lake=LEDGER),
    "hygiene": Part(fills=("asset_flags", "transfer_flags"), on=("facts",)),
    "labels": Part(
        fills=("labels", "entities", "entity_names", "anchors", "listings", "ontology_report", "services"),
        lake=("labels", "actors"),
        on=("facts",),
        sees=("lake_private_labels",),
    ),
    "evidence": Part(
        fills=("evidence", "weights"),
        on=("facts", "hygiene"),
        sees=("beliefs.anchors", "beliefs.listings", "beliefs.services", "beliefs.entities"),
    ),
    "flows": Part(on=("facts", "hygiene")),
    "roles": Part(fills=("roles",), on=("facts",)),
}


class Parts:
    """The parts of one build in the making; `records` is what its manifest tells of them.

    given: what decides every part, code and settings. With `full` nothing is taken over.
    """

    def __init__(self, lake: Lake, commit: Commit, build: Build, given: Mapping[str, str], *, full: bool) -> None:
        self.store, self.build, self.given = lake.store, build, given
        self.lake, self.commit, self.versions = lake, commit, lake.name_contents(commit)
        self.records: dict[str, dict[str, str]] = {}
        self._full, self._known = full, [] if full else list_builds(lake.store)[::-1]
        self._intact: dict[str, bool] = {}

    def make(self, name: str, fill: Callable[[Connection], Iterable[Any] | None], **given: str) -> list[Report]:
        """Take a part over, or call `fill` with the connection; return its reports. `given` decides this part alone."""
        inputs = self._list_inputs(name, given)
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
        for manifest in self._known:
            record = manifest.parts.get(name, {})
            if record.get("key") == key:
                reports = _list_reports(name, manifest)
                if not any(report["failed"] for report in reports) and self._take(name, manifest):
                    self.records[name] = {**record, "how": "taken over", "why": ""}
                    return self._count_rows(name, reports)
        record = {"key": key, "stamp": uuid4().hex[:16], "made_in": self.build.build_id, "how": "made"}
        record |= {"why": self._say_why(name, inputs), "inputs": json.dumps(inputs, sort_keys=True)}
        self.records[name] = record | self._extend(name)
        if self.records[name]["how"] == "extended":
            return []
        return [asdict(report) for report in fill(self.build.con) or ()]

    def _extend(self, name: str) -> dict[str, str]:
        return {"facts": self._extend_facts, "flows": self._extend_flows}.get(name, dict)()

    def _extend_facts(self) -> dict[str, str]:
        """Add what is new in the lake to the newest facts of before, if that will do; return what to tell of it."""
        told = {"given": json.dumps(dict(self.given), sort_keys=True), **describe_ledger(self.build.con)}
        told |= {f"{table}_version": str(self.versions.get(table, -1)) for table in TIMED}
        full = {**told, "full_rows": told["transfers_rows"]}
        if "known_before" in self.given:
            return full
        base = next((one for one in self._known if one.parts.get("facts", {}).get("given") == told["given"]), None)
        if base is None:
            return full
        record = base.parts["facts"]
        if not self._is_added_to("transfers", record):
            return full | {"why": "transfers were replaced since the build before, or it is too old to tell"}
        if not copy_facts(self.store, base, self.build):
            return full | {"why": "the facts of the build before are damaged"}
        appended = [table for table in TIMED if self._is_added_to(table, record)]
        rows = self.build.con.execute("select count(*) from facts.transfers").fetchall()[0][0]
        since = {"sorted_rows": record.get("sorted_rows", str(rows)), "full_rows": record["full_rows"]}
        why = extend_facts(self.build.con, {**record, **since}, appended)
        if why:
            empty_facts(self.build)
            return full | {"why": why}
        return {**told, **since, "how": "extended", "of": base.build_id, "why": _LATER}

    def _extend_flows(self) -> dict[str, str]:
        """Add to the flow columns of the build whose facts were extended what the facts have since; say so."""
        facts = self.records["facts"]
        base = next((one for one in self._known if one.build_id == facts.get("of")), None)
        if base is None or facts["how"] != "extended" or not self._has_intact_beliefs(base):
            return {}
        if not has_intact_files(self.store, base, "flows."):
            return {}
        before = open_flows(snapshot_path(self.store, base.build_id))
        with open_taken(self.store, base, self.build.con):
            extend_flow_columns(self.build.con, self.build.folder, before, SPAM_TRANSFER_FLAGS)
        return {"how": "extended", "of": base.build_id, "why": _LATER}

    def _is_added_to(self, table: str, record: Mapping[str, str]) -> bool:
        since = int(record[f"{table}_version"])
        if since == self.versions.get(table, -1):
            return True
        return since >= 0 and self.lake.is_only_added_to(table, since, self.commit.tables[table])

    def _list_inputs(self, name: str, given: Mapping[str, str]) -> dict[str, str]:
        """Return all that decides a part, by name: values, lake versions, stamps of parts, digests of rows."""
        part = PARTS[name]
        inputs = {**self.given, **given}
        inputs |= {f"lake.{table}": str(self.versions.get(table)) for table in part.lake}
        inputs |= {other: self.records[other]["stamp"] for other in part.on}
        return inputs | {table: digest_table(self.build.con, table) for table in part.sees}

    def _say_why(self, name: str, inputs: Mapping[str, str]) -> str:
        """Say in words why a part is made: what has changed since the newest build that has it."""
        if self._full:
            return "asked for: --full"
        before = next((one.parts[name] for one in self._known if name in one.parts), None)
        if before is None:
            return "no build of before has it"
        held = json.loads(before.get("inputs", "{}"))
        changed = [key.removeprefix("beliefs.") for key, value in inputs.items() if held.get(key) != value]
        return (
            f"changed: {', '.join(changed)}" if changed else "that of before is damaged, incomplete or no longer fits"
        )

    def _take(self, name: str, manifest: Manifest) -> bool:
        if name == "facts":
            return take_facts(self.store, manifest, self.build)
        if name == "flows":
            return take_files(self.store, manifest, self.build, "flows.")
        if not self._has_intact_beliefs(manifest):
            return False
        with open_taken(self.store, manifest, self.build.con):
            if name == "roles":
                return keep_predictions(self.build.con)
            for table in PARTS[name].fills:
                # Unnamed owners are made with the clusters, never with the labels.
                kept = "where kind <> 'anonymous'" if table == "entities" else ""
                self.build.con.execute(f"insert into beliefs.{table} select * from taken.{table} {kept}")
        return True

    def _has_intact_beliefs(self, manifest: Manifest) -> bool:
        if manifest.build_id not in self._intact:
            self._intact[manifest.build_id] = has_intact_beliefs(self.store, manifest)
        return self._intact[manifest.build_id]

    def _count_rows(self, name: str, reports: Sequence[Report]) -> list[Report]:
        """Return the reports of a part that was taken over: of the predictions not all may have been."""
        if name != "roles" or not reports:
            return list(reports)
        rows = self.build.con.execute(
            "select count(*) from beliefs.roles where starts_with(basis, 'model ')"
        ).fetchall()
        return [{**reports[0], "rows": int(rows[0][0])}]


def _list_reports(name: str, manifest: Manifest) -> list[Report]:
    wanted = {"evidence": False, "roles": True}.get(name)
    return [report for report in manifest.reports if (report["name"] == "role_model") is wanted]


def digest_table(con: Connection, table: str) -> str:
    """Return a digest of a table's rows, whatever their order."""
    rows = con.execute(f"select count(*), sum(hash(t)), bit_xor(hash(t)) from {table} t").fetchall()
    return str(rows[0])


@cache
def code_version() -> str:
    """Return the release and a digest of the code and data files that decide what a build says."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    files = [*package.rglob("*.py"), *package.rglob("*.sql"), *data_path("chains.toml").parent.glob("*.toml")]
    for path in sorted(files, key=lambda p: p.name):
        digest.update(path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"
