"""How do blocks of one node come into one lake: what is missing, one commit per chunk, right after a reorganisation?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pyarrow as pa

from intel.errors import StoreBusy, StoreError, UsageError
from intel.etl.load import load_issues
from intel.etl.node_blocks import (
    NODE_DATASETS,
    Scope,
    Told,
    cover_blocks,
    list_tokens,
    replace_blocks,
    stage_node_blocks,
    subtract,
)
from intel.etl.stage import count_issues
from intel.model import DataIssue, RunReport
from intel.sources.chains import find_chain
from intel.sources.rpc import MissingAnswer, Node
from intel.sources.rpc_blocks import Abilities, BlockReader, RawBlocks, read_hashes, read_head
from intel.sources.rpc_tables import BlocksChanged, Unpacking, unpack_blocks
from intel.sources.rpc_tokens import find_wrapping, read_standards, read_tokens
from intel.store import Connection
from intel.store.compaction import compact_lake, is_compaction_due
from intel.store.lake import Lake, LakeRun, lake_schema

_FIRST_CHUNK = 100
_ROWS_OF_CHUNK = 200_000  # of one commit
_LARGEST_CHUNK = 2_000
_TRIES = 8
_KEPT_HASHES = 10_000  # of a node that does not say which blocks are final


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is: blocks done of all that were asked, and how long the node and we took."""

    done: int
    total: int
    rows: int
    seconds: float
    node_seconds: float  # of these, waiting for the node
    busy_seconds: float = 0.0  # of these, with a request under way, whether or not we waited for it

    @property
    def rate(self) -> float:
        """Blocks per second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is done at this rate."""
        return (self.total - self.done) / self.rate if self.done else None


@dataclass(frozen=True, slots=True)
class RpcOptions:
    """How a node is asked. `wrapped`: further contracts of the wrapped native coin; `chunk`: blocks of one commit."""

    chain: str | None = None
    wrapped: tuple[str, ...] = ()
    batch: int = 20
    workers: int = 4
    chunk: int | None = None
    timeout: float = 60.0
    retries: int = 6
    pause: float = 0.5


Tell = Callable[[Progress], None]


class _Reorganised(Exception):
    """The chain has left blocks that the lake holds."""


@dataclass
class Intake:
    """One node and one lake, while blocks go from the one to the other."""

    con: Connection
    lake: Lake
    node: Node
    able: Abilities
    options: RpcOptions
    finalized: int | None = None
    rows: dict[str, int] = field(default_factory=dict)
    replaced: int = 0
    issues: list[DataIssue] = field(default_factory=list)
    run_id: str = ""
    commit_id: str | None = None
    node_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.chain, self.source = self.able.chain, self.node.source
        self.finalized = self.able.finalized
        facts = find_chain(self.chain)
        self._wrapping: dict[str, bool] = {}
        self._how = Unpacking(facts, self.source, self.options.wrapped, self._find_wrapping)
        has_rewards = facts.pays_tips and (self.able.traces == "trace_block" or not facts.pays_miners)
        self.told = Told(self.able.receipts is not None, self.able.traces is not None, has_rewards)
        self._reader = BlockReader(self.node, self.able, batch=self.options.batch)
        self._read_state()

    def report(self) -> RunReport:
        """Return what was done so far."""
        bad = sum(issue.rows for issue in self.issues if not issue.kept)
        return RunReport(self.run_id, self.commit_id or "", self.rows, bad, self.replaced, tuple(self.issues))

    def bound(self, blocks: tuple[int | None, int | None]) -> tuple[int, int]:
        """Return first and last block that are meant, given what the node has."""
        first, last = blocks[0] or 0, self.able.head if blocks[1] is None else blocks[1]
        if first > last:
            raise UsageError(f"blocks {first}:{last} are none", "give the first and the last block, as in 100:200")
        if last > self.able.head:
            raise UsageError(
                f"block {last} is not there yet: the newest is {self.able.head}", "leave the end out, or use --follow"
            )
        return first, last

    def find_missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the ranges of first..last that are not whole in the lake."""
        holes: list[tuple[int, int]] = []
        for key in self.told.covered:
            holes += subtract([(first, last)], self._covered.get(key, []))
        return subtract([(first, last)], subtract([(first, last)], holes))

    def take_missing(self, first: int, last: int, tell: Tell | None) -> None:
        """Take what is missing of first..last; where the chain changes meanwhile, its new blocks."""
        for _ in range(_TRIES):
            try:
                return self._take(first, min(last, read_head(self.node)), tell)
            except (_Reorganised, MissingAnswer):
                self.drop_orphans()
        raise StoreError("the chain changes faster than it can be read", "follow at some distance from the head")

    def _take(self, first: int, last: int, tell: Tell | None) -> None:
        """Take what is missing of first..last, the next blocks being read while these are written."""
        missing = self.find_missing(first, last)
        total = sum(b - a + 1 for a, b in missing)
        start, done, waited, busy = time.perf_counter(), 0, self.node_seconds, self.node.seconds_busy
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="rpc-ahead") as ahead:
            size = self.options.chunk or _FIRST_CHUNK
            part = _next_part(missing, size)
            coming = ahead.submit(self._reader.read, *part) if part else None
            while part is not None and coming is not None:
                raw = self._await(coming, part)
                following = _next_part(subtract(missing, [(missing[0][0], part[1])]), size)
                coming = ahead.submit(self._reader.read, *following) if following else None
                rows = self._write(raw, part[1])
                self._tidy()
                missing = subtract(missing, [(missing[0][0], part[1])])
                done += part[1] - part[0] + 1
                if tell:
                    spent = time.perf_counter() - start
                    asked = self.node.seconds_busy - busy
                    tell(Progress(done, total, sum(self.rows.values()), spent, self.node_seconds - waited, asked))
                size = self.options.chunk or _choose_size(size, rows)
                part = following

    def _await(self, coming: Future[RawBlocks], part: tuple[int, int]) -> RawBlocks:
        start = time.perf_counter()
        try:
            return coming.result()
        finally:
            self.node_seconds += time.perf_counter() - start

    def _write(self, raw: RawBlocks, cleared_to: int) -> int:
        """Put a range of blocks into the lake with one commit, read anew where the chain changed meanwhile."""
        for _ in range(_TRIES):
            try:
                opened = unpack_blocks(self.con, raw, self._how)
                break
            except BlocksChanged:
                raw = self._reader.read(raw.first, raw.last)
        else:
            raise StoreError(
                f"blocks {raw.first}-{raw.last} change faster than they can be read",
                "follow at some distance from the head",
            )
        scope = Scope(self.chain, self.source, raw.first, raw.last, cleared_to)
        staged = stage_node_blocks(self.con, opened, scope, self.told)
        issues = [issue for table in staged for issue in count_issues(self.con, table)]
        bad = sum(issue.rows for issue in issues if not issue.kept)
        with self.lake.write(f"ingest rpc {self.node.host} {raw.first}:{raw.last}") as run:
            head = self.lake.head()
            if (head.commit_id if head else None) != self.commit_id:
                self._read_state()
            is_fresh = not any(a <= max(raw.last, cleared_to) and b >= raw.first for a, b in self._stored)
            scope = replace(scope, is_fresh=is_fresh)
            self._check_links(raw)
            self.lake.attach_table(self.con, "coverage", run.tables.get("coverage"))
            if not is_fresh:
                for dataset in NODE_DATASETS:
                    self.lake.attach_table(self.con, dataset, run.tables.get(dataset))
            rows, replaced = replace_blocks(self.con, run, scope)
            self._seen = cover_blocks(self.con, run, scope, self.told)
            self._name_tokens(run)
            load_issues(run, issues)
            commit = run.commit(rows=sum(rows.values()), bad_rows=bad)
        self._remember(scope)
        for dataset, count in rows.items():
            self.rows[dataset] = self.rows.get(dataset, 0) + count
        self.replaced += replaced
        self.issues += issues
        self.run_id, self.commit_id = run.run_id, commit.commit_id
        return sum(rows.values())

    def _tidy(self) -> None:
        """Compact the lake when many commits have piled up, unless somebody else is writing just now."""
        if is_compaction_due(self.lake):
            with suppress(StoreBusy):
                compact_lake(self.lake, patience=0)

    def _find_wrapping(self, contracts: list[str]) -> set[str]:
        """Return which contracts wrap the native coin; each is asked once in a run."""
        new = [contract for contract in contracts if contract not in self._wrapping]
        found = find_wrapping(self.node, new, self.able.head) if new else set()
        self._wrapping |= {contract: contract in found for contract in new}
        return {contract for contract in contracts if self._wrapping[contract]}

    def _name_tokens(self, run: LakeRun) -> None:
        """Ask tokens that moved for the first time what they call themselves."""
        moved = [one for one in list_tokens(self.con) if one[0] not in self._named]
        new = {token: standard for token, standard, _ in moved}
        unclear = [(token, int(amount)) for token, standard, amount in moved if standard is None]
        new |= read_standards(self.node, unclear) if unclear else {}
        told = read_tokens(self.node, list(new)) if new else []
        rows = [
            {
                "chain": self.chain, "token": one.token, "symbol": one.symbol, "name": one.name,
                "decimals": one.decimals, "standard": new[one.token], "lists": None, "source": self.source,
            }
            for one in told
        ]  # fmt: skip
        if rows:
            run.append("tokens", pa.Table.from_pylist(rows, schema=lake_schema("tokens")))
        self._named |= set(new)

    def _check_links(self, raw: RawBlocks) -> None:
        """See that these blocks follow on those before them in the lake."""
        parent = self.con.execute(
            "select parent_hash from staged_blocks where block_number = ?", [raw.first]
        ).fetchall()
        before = self._hashes.get(raw.first - 1)
        if before is not None and parent[0][0] != before:
            raise _Reorganised(f"block {raw.first} does not follow on the block {raw.first - 1} of the lake")

    def drop_orphans(self) -> None:
        """Replace the blocks that the chain has left by those that stand there now, with one commit."""
        for _ in range(_TRIES):
            fork = self._find_fork()
            if fork is None:
                return
            top = max(last for _, last in self._stored)
            last = min(read_head(self.node), top)
            try:
                raw = self._reader.read(fork, last)
            except MissingAnswer:
                continue
            self._write(raw, top)
        raise StoreError("the chain changes faster than it can be read", "follow at some distance from the head")

    def _find_fork(self) -> int | None:
        """Return the lowest stored block that the node has otherwise; None where all are those of the node."""
        fork, floor = None, self.finalized if self.finalized is not None else -1
        numbers = sorted(self._hashes, reverse=True)
        for start in range(0, len(numbers), 20):
            part = numbers[start : start + 20]
            now = read_hashes(self.node, part)
            differing = [number for number in part if now[number] not in (None, self._hashes[number])]
            if not differing and any(now[number] for number in part):
                break
            fork = min(differing, default=fork)
        if fork is not None and fork <= floor:
            raise StoreError(
                f"block {fork} of {self.chain} is final, yet the node at {self.node.host} and the lake differ",
                "this is another network, or one that was started anew: use another store",
            )
        return fork

    def _read_state(self) -> None:
        """Read what the lake holds of this node: blocks covered per kind, blocks stored, hashes of the newest."""
        head = self.lake.head()
        self.commit_id = head.commit_id if head else None
        for name in ("coverage", "blocks", "tokens"):
            self.lake.attach_table(self.con, name, head.tables.get(name) if head else None)
        mine = "where chain = ? and source = ? and "
        who = [self.chain, self.source]
        self._covered: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for dataset, kind, first, last in self.con.execute(
            "select dataset, kind, first_block, last_block from lake_coverage "
            f"{mine} first_block is not null order by all", who
        ).fetchall():  # fmt: skip
            self._covered.setdefault((dataset, kind), []).append((first, last))
        named = self.con.execute("select token from lake_tokens where chain = ? and source = ?", who).fetchall()
        self._named = {str(row[0]) for row in named}
        islands = (
            "select min(block_number), max(block_number) from (select block_number, block_number - row_number() over "
            f"(order by block_number) as island from lake_blocks {mine} true) group by island order by 1"
        )
        self._stored: list[tuple[int, int]] = [(a, b) for a, b in self.con.execute(islands, who).fetchall()]
        newest = max((last for _, last in self._stored), default=0)
        floor = min(self.finalized, newest - 1) if self.finalized is not None else newest - _KEPT_HASHES
        self._hashes: dict[int, str] = dict(
            self.con.execute(
                f"select block_number, block_hash from lake_blocks {mine} block_number >= ?", [*who, floor]
            ).fetchall()
        )

    def _remember(self, scope: Scope) -> None:
        """Keep in mind what was written, so that the next chunk need not read the lake."""
        mine = (scope.first, max(scope.last, scope.cleared_to))
        self._stored = _join(subtract(self._stored, [mine]), (scope.first, scope.last))
        for key in {*self._covered, *self.told.covered}:
            left = subtract(self._covered.get(key, []), [mine])
            seen = [(a, b) for a, b in self._seen if key in self.told.covered]
            self._covered[key] = sorted(left + seen)
        for number in range(mine[0], mine[1] + 1):
            self._hashes.pop(number, None)
        self._hashes |= dict(
            self.con.execute("select block_number, block_hash from staged_blocks where issue is null").fetchall()
        )
        if len(self._hashes) > 2 * _KEPT_HASHES:
            newest = max(self._hashes)
            self._hashes = {n: h for n, h in self._hashes.items() if n > newest - _KEPT_HASHES}


def _next_part(missing: Sequence[tuple[int, int]], size: int) -> tuple[int, int] | None:
    if not missing:
        return None
    first, last = missing[0]
    return first, min(last, first + size - 1)


def _choose_size(size: int, rows: int) -> int:
    """Return how many blocks the next commit shall hold: as many as bring about the wanted rows."""
    wanted = size * _ROWS_OF_CHUNK // max(rows, 1)
    return max(1, min(wanted, 4 * size, _LARGEST_CHUNK))


def _join(ranges: Sequence[tuple[int, int]], more: tuple[int, int]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted([*ranges, more]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
