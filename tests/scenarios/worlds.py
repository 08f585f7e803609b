"""How does a tiny world in TOML become a store? Text in, facts and labels of a fresh DuckDB out."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from intel.etl.accounts import KIND_CODE
from intel.heuristics import ALL, EvidenceSettings
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables

FOLDER = Path(__file__).parent
# Scenarios name the bits that a rule starts with; what was measured since (data/weights.toml) does not move them.
STARTING = EvidenceSettings(
    params={rule.name: {"weight_bits": rule.params["weight_bits"]} for rule in ALL if "weight_bits" in rule.params}
)
START = datetime(2023, 1, 1)  # noqa: DTZ001 - the ledger's times are UTC and carry no zone
FIRST_BLOCK, LAST_BLOCK, BLOCK_SECONDS = 1_000_000, 2_000_000, 12
LINE = re.compile(
    r"(?P<day>\d+) (?P<hour>\d\d):(?P<minute>\d\d) +(?P<sender>\S+) > (?P<receiver>\S+) +"
    r"(?P<amount>[\d.#]+) (?P<token>\S+)(?P<options>( \w+=\S+)*)(?: x(?P<times>\d+))?$"
)
CALL = re.compile(
    r"(?P<day>\d+) (?P<hour>\d\d):(?P<minute>\d\d) +(?P<sender>\S+) > (?P<receiver>\S+) +(?P<method>0x\w*)"
    r"(?P<options>( \w+=\S+)*)(?: x(?P<times>\d+))?$"
)
EVENT = re.compile(
    r"(?P<day>\d+) (?P<hour>\d\d):(?P<minute>\d\d) +(?P<event>\w+) +(?P<actor>\S+)(?P<options>( \w+=\S+)*)$"
)
EDGE = re.compile(r"(?P<sender>\S+) > (?P<receiver>\S+) +(?P<kind>\w+)(?: x(?P<times>\d+))?$")
PARTIES = {
    "owner", "signer", "recipient", "spender", "operator", "parent", "factory", "target", "sender", "paymaster",
    "delegate", "collection",
}  # fmt: skip
TOKENS: dict[str, dict[str, Any]] = {
    "ETH": {"native": True, "decimals": 18, "usd": 2000},
    "USDT": {"decimals": 6, "usd": 1, "verified": True},
    "DAI": {"decimals": 18, "usd": 1, "verified": True},
}


@dataclass(frozen=True)
class Scenario:
    """One tiny world with what must and must not follow from it.

    transfers  one per line: day, time, sender > receiver, amount in whole tokens, token; then any of by= (who signed;
               ? unknown; else the sender), kind=, tx= (several lines, one transaction), as= (a name for `flags`),
               chain= (another chain than the scenario's own), and x20 (twenty such lines, # counting from 1)
    calls      other transactions: day, time, sender > receiver, method, then any column of facts.transactions as
               key=value; created= takes a nickname; x20 as above
    events     named events: day, time, event, actor (- for none), then at= (the contract), tx=, token=, value=, chain=,
               and the details as key=value; owner=, signer=, recipient= and the like take nicknames
    edges      dealings without amounts: sender > receiver kind, and x5 for five transfers; alice@b is on the chain b
    labels     "address entity category role level"; entity and role may be -, `pool@b` is pool on the chain b
    parents    "entity parent": the organisation above a labelled entity; both occur in labels
    expect     evidence that must be there, forbid: that must not: "rule: left relation right bits"; rule and bits may
               be left out, * fits anything
    together   "a b tier": in one anonymous group; apart: "a b", not so
    owners     "address entity tier role": the attribution; flags: "transfer flag", services: "address kind", - for none
    """

    name: str
    about: str
    transfers: str = ""
    calls: str = ""
    events: str = ""
    edges: str = ""
    coverage: str = "whole"
    labels: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    expect: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    @property
    def chain(self) -> str:
        return self.name.replace(" ", "_").replace(":", "_")

    def tx_hash(self, name: str) -> str:
        return "0x" + digest(f"{self.chain} transaction {name}")

    def chain_of(self, name: str | None) -> str:
        """The scenario's own chain, or another of the same name everywhere in it."""
        return f"{self.chain}_{name}" if name else self.chain

    def address(self, nickname: str) -> str:
        """`alice@b` is alice on the chain b: the same hex."""
        nickname = nickname.partition("@")[0]
        return self.addresses.get(nickname) or "0x" + digest(f"{self.chain} {nickname}")[:40]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_scenarios() -> list[Scenario]:
    return [
        read_scenario(path.stem, row)
        for path in sorted(FOLDER.glob("*.toml"))
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
    ]


def read_scenario(group: str, row: dict[str, Any]) -> Scenario:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Scenario(**{**values, "name": f"{group}: {row['name']}"})


def load_store(scenarios: Sequence[Scenario]) -> tuple[Connection, Book]:
    """Open a fresh DuckDB with facts and labels of all `scenarios`, each on a chain of its own."""
    con = open_connection(memory="1GB", threads=1)
    for schema in ("facts", "beliefs"):
        con.execute(f"attach ':memory:' as {schema}")
        create_tables(con, schema)
    book = Book()
    for scenario in scenarios:
        book.add_scenario(scenario)
    for table, rows in book.tables.items():
        types = dict(row[:2] for row in con.execute(f"describe {table}").fetchall())
        columns = ", ".join(f"unnest(${name}::{types[name]}[]) as {name}" for name in rows[0])
        con.execute(
            f"insert into {table} by name select {columns}", {name: [row[name] for row in rows] for name in rows[0]}
        )
    con.execute(DERIVED)
    return con, book


@dataclass
class Book:
    """Rows by table, with ids dealt in order of appearance."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    address_ids: dict[tuple[str, str], int] = field(default_factory=dict)
    asset_ids: dict[tuple[str, str], int] = field(default_factory=dict)
    names: dict[tuple[str, str], int] = field(default_factory=dict)  # (scenario, `as=` of a line) -> transfer_id
    transfers: int = 0

    def insert(self, table: str, **row: Any) -> None:
        self.tables.setdefault(table, []).append(row)

    def add_scenario(self, scenario: Scenario) -> None:
        moves = sorted(list_moves(scenario), key=lambda move: move["time"])
        for number, move in enumerate(moves, 1):
            self.add_transfer(scenario, move, number)
        for match in match_lines(CALL, scenario.calls):
            for number in range(1, int(match["times"] or 1) + 1):
                self.add_call(scenario, match, number)
        for match in match_lines(EVENT, scenario.events):
            self.add_event(scenario, match)
        for match in match_lines(EDGE, scenario.edges):
            self.add_edge(scenario, match)
        for label in scenario.labels:
            self.add_label(scenario, label)
        for text in scenario.parents:
            child, parent = text.split()
            next(row for row in self.tables["beliefs.entities"] if row["entity_id"] == child)["parent"] = parent
        self.add_coverage(scenario, moves)

    def add_coverage(self, scenario: Scenario, moves: list[dict[str, Any]]) -> None:
        first = FIRST_BLOCK if scenario.coverage == "partial" else 0
        for chain in sorted({scenario.chain_of(move.get("chain")) for move in moves}):
            for kind in ("native", "erc20"):
                self.insert(
                    "facts.coverage", dataset="transfers", chain=chain, kind=kind, source="toml",
                    first_block=first, last_block=LAST_BLOCK, rows=len(moves),
                )  # fmt: skip

    def add_edge(self, scenario: Scenario, match: re.Match[str]) -> None:
        ends = [self.address_id(scenario, match[end], match[end].partition("@")[2]) for end in ("sender", "receiver")]
        self.insert(
            "facts.edges", **dict(zip(("sender_id", "receiver_id"), ends, strict=True)), kind=match["kind"],
            transfers=int(match["times"] or 1), source="toml",
        )  # fmt: skip

    def address_id(self, scenario: Scenario, nickname: str, chain: str | None = None) -> int:
        key = (scenario.chain_of(chain), scenario.address(nickname))
        if key not in self.address_ids:
            self.address_ids[key] = len(self.address_ids) + 1
            self.insert(
                "facts.addresses", address_id=self.address_ids[key], chain=key[0], address=key[1],
                is_contract=nickname in scenario.contracts,
            )  # fmt: skip
        return self.address_ids[key]

    def asset_id(self, scenario: Scenario, name: str, chain: str | None = None) -> int:
        key = (scenario.chain_of(chain), name)
        if key not in self.asset_ids:
            self.asset_ids[key] = len(self.asset_ids) + 1
            facts = find_token(scenario, name)
            native = facts.get("native", False)
            self.insert(
                "facts.assets", asset_id=self.asset_ids[key], chain=key[0],
                token=None if native else scenario.address(f"token {name}"), symbol=facts.get("symbol", name),
                name=facts.get("name"), decimals=facts["decimals"], standard="native" if native else "erc20",
                is_verified=facts.get("verified", False), is_oversize=False,
                price_symbol=name if facts.get("usd") else None,
            )  # fmt: skip
        return self.asset_ids[key]

    def add_transfer(self, scenario: Scenario, move: dict[str, Any], number: int) -> None:
        self.transfers += 1
        if "as" in move:
            self.names[scenario.name, move["as"]] = self.transfers
        facts = find_token(scenario, move["token"])
        whole, _, part = move["amount"].partition(".")
        kind = move.get("kind") or ("native" if facts.get("native") else "erc20")
        signer, chain = move.get("by", move["sender"]), move.get("chain")
        self.insert(
            "facts.transfers", transfer_id=self.transfers, chain=scenario.chain_of(chain),
            block_number=block_at(move["time"]), block_time=move["time"],
            tx_hash=scenario.tx_hash(move.get("tx") or str(number)),
            position=number, sub_position=0, kind=kind,
            sender_id=None if move["sender"] == "-" else self.address_id(scenario, move["sender"], chain),
            receiver_id=None if move["receiver"] == "-" else self.address_id(scenario, move["receiver"], chain),
            initiator_id=None if signer in {"?", "-"} else self.address_id(scenario, signer, chain),
            asset_id=self.asset_id(scenario, move["token"], chain),
            value_raw=int(whole + part.ljust(facts["decimals"], "0")),
            value_micro_usd=round(float(move["amount"]) * facts["usd"] * 1_000_000) if facts.get("usd") else None,
            source="toml", block_time_is_estimated=False,
        )  # fmt: skip

    def add_call(self, scenario: Scenario, match: re.Match[str], number: int) -> None:
        time, options = read_time(match), read_options(match)
        chain = options.pop("chain", None)
        tx = options.pop("tx", None)
        created = options.pop("created", None)
        self.insert(
            "facts.transactions", chain=scenario.chain_of(chain), block_number=block_at(time), block_time=time,
            tx_hash=scenario.tx_hash(tx.replace("#", str(number)))
            if tx
            else "0x" + digest(f"{scenario.chain} {match[0]} {number}"),
            sender_id=self.address_id(scenario, match["sender"].replace("#", str(number)), chain),
            receiver_id=None if match["receiver"] == "-" else self.address_id(scenario, match["receiver"], chain),
            created_id=self.address_id(scenario, created, chain) if created else None,
            method_id=match["method"], success=options.pop("success", "true") == "true",
            nonce=options.pop("nonce", None), type=options.pop("type", None), gas_limit=options.pop("gas_limit", None),
            gas_price=options.pop("gas_price", None),
        )  # fmt: skip
        assert not options, f"a call with options that mean nothing: {options}"

    def add_event(self, scenario: Scenario, match: re.Match[str]) -> None:
        time, options = read_time(match), read_options(match)
        chain, at, tx = (options.pop(key, None) for key in ("chain", "at", "tx"))
        token, value = options.pop("token", None), options.pop("value", None)
        details = {key: scenario.address(text) if key in PARTIES else text for key, text in options.items()}
        for key in PARTIES & options.keys():
            self.address_id(scenario, options[key], chain)
        self.insert(
            "facts.events", event=match["event"], address_id=self.address_id(scenario, at, chain) if at else None,
            actor_id=None if match["actor"] == "-" else self.address_id(scenario, match["actor"], chain),
            block_number=block_at(time), block_time=time,
            tx_hash=scenario.tx_hash(tx) if tx else "0x" + digest(f"{scenario.chain} {match[0]}"),
            token=scenario.address(f"token {token}") if token else None, value_text=value,
            details=json.dumps(details) if details else None, source="toml",
        )  # fmt: skip

    def add_label(self, scenario: Scenario, text: str) -> None:
        """`nickname entity category role level`; entity "-": the label names no owner; `pool@b` is pool on chain b."""
        name, entity, category, role, level = text.split()
        nickname, _, chain = name.partition("@")
        address_id = self.address_id(scenario, nickname, chain or None)
        slug = None if entity == "-" else entity
        self.insert(
            "beliefs.labels", chain=scenario.chain_of(chain), address=scenario.address(nickname), entity_id=slug,
            label=text, category=category, source="toml", level=int(level), origin="toml", visibility="public",
        )  # fmt: skip
        if slug is None:
            self.insert(
                "beliefs.listings", address_id=address_id, category=category, source="toml", label=text,
                visibility="public",
            )  # fmt: skip
            return
        self.insert(
            "beliefs.anchors", address_id=address_id, entity_id=slug, category=category,
            role=None if role == "-" else role, level=int(level), confidence=int(level) / 100, origins=1, label=text,
            label_source="toml", visibility="public",
        )  # fmt: skip
        if not any(row["entity_id"] == slug for row in self.tables.get("beliefs.entities", [])):
            self.insert(
                "beliefs.entities", entity_id=slug, name=slug.title(), category=category, kind="owner",
                is_custodial=category in {"exchange", "custodian"}, visibility="public", parent=None,
            )  # fmt: skip


def list_moves(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """Yield one dictionary per transfer; `x20` repeats a line with # counting from 1 to 20."""
    for match in match_lines(LINE, scenario.transfers):
        for number in range(1, int(match["times"] or 1) + 1):
            row = {key: match[key].replace("#", str(number)) for key in ("sender", "receiver", "amount", "token")}
            options = dict(option.split("=") for option in match["options"].split())
            yield (
                row
                | {"time": read_time(match)}
                | {key: value.replace("#", str(number)) for key, value in options.items()}
            )


def match_lines(form: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        match = form.match(line)
        assert match, f"a scenario line that reads as nothing: {line!r}"
        yield match


def read_options(match: re.Match[str]) -> dict[str, str]:
    return dict(option.split("=") for option in match["options"].split())


def read_time(match: re.Match[str]) -> datetime:
    return START + timedelta(days=int(match["day"]) - 1, hours=int(match["hour"]), minutes=int(match["minute"]))


def block_at(time: datetime) -> int:
    return FIRST_BLOCK + int((time - START).total_seconds()) // BLOCK_SECONDS


def find_token(scenario: Scenario, name: str) -> dict[str, Any]:
    return {**TOKENS, **scenario.tokens}[name]


DERIVED = f"""
insert into facts.postings by name
select receiver_id as address_id, block_time, transfer_id, 1 as direction, sender_id as counterparty_id, asset_id,
    value_raw, value_micro_usd, tx_tag, {KIND_CODE} as kind_code
from facts.transfers where receiver_id is not null
union all
select sender_id, block_time, transfer_id, -1, receiver_id, asset_id, value_raw, value_micro_usd, tx_tag, {KIND_CODE}
from facts.transfers where sender_id is not null;

insert into facts.address_assets by name
select
    address_id, asset_id, coalesce(sum(value_raw) filter (where direction = 1), 0) as in_raw,
    coalesce(sum(value_raw) filter (where direction = -1), 0) as out_raw,
    coalesce(sum(value_micro_usd) filter (where direction = 1), 0)::bigint as in_micro_usd,
    coalesce(sum(value_micro_usd) filter (where direction = -1), 0)::bigint as out_micro_usd,
    count(value_raw) filter (where direction = 1) as transfers_in,
    count(value_raw) filter (where direction = -1) as transfers_out,
    min(block_time) as first_time, max(block_time) as last_time
from facts.postings
group by address_id, asset_id;

insert into facts.address_stats by name
select
    p.address_id, count(*) filter (where p.direction = 1) as transfers_in,
    count(*) filter (where p.direction = -1) as transfers_out,
    count(distinct p.counterparty_id) filter (where p.direction = 1) as counterparties_in,
    count(distinct p.counterparty_id) filter (where p.direction = -1) as counterparties_out,
    count(distinct p.counterparty_id) as counterparties,
    count(distinct t.tx_hash) filter (where t.initiator_id = p.address_id) as signed,
    min(t.block_number) as first_block, max(t.block_number) as last_block,
    min(p.block_time) as first_time, max(p.block_time) as last_time
from facts.postings p
join facts.transfers t on t.transfer_id = p.transfer_id
group by p.address_id;
"""
