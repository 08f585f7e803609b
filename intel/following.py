"""How is a chain taken from a node by one call: a range, what would be asked, or block after block as they come?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from intel.config import Settings
from intel.errors import StoreBusy
from intel.intake import Intake, Progress, RpcOptions, Tell
from intel.model import RunReport
from intel.sources.rpc import Node, SilentNode
from intel.sources.rpc_blocks import examine_node, list_requests, read_finalized, read_head
from intel.store import open_connection
from intel.store.lake import Lake

__all__ = ["Progress", "RpcOptions", "RpcPlan", "follow_rpc", "ingest_rpc", "plan_rpc"]

Say = Callable[[str], None]
_LONGEST_PAUSE = 60.0  # seconds between two tries


@dataclass(frozen=True, slots=True)
class RpcPlan:
    """What an ingest would ask of a node."""

    chain: str
    source: str
    missing: tuple[tuple[int, int], ...]
    requests: dict[str, int]
    lacks: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def blocks(self) -> int:
        """How many blocks are missing."""
        return sum(last - first + 1 for first, last in self.missing)


def ingest_rpc(
    settings: Settings,
    url: str,
    blocks: tuple[int | None, int | None] = (None, None),
    options: RpcOptions | None = None,
    *,
    tell: Tell | None = None,
) -> RunReport:
    """Take the blocks from..to (both included; None: from the first, up to the newest) from a node into the lake.

    What the lake already has whole from this node is not asked for again, unless the chain has changed there.
    """
    with _open_intake(settings, url, options) as intake:
        first, last = intake.bound(blocks)
        intake.drop_orphans()
        intake.take_missing(first, last, tell)
        return intake.report()


def plan_rpc(
    settings: Settings,
    url: str,
    blocks: tuple[int | None, int | None] = (None, None),
    options: RpcOptions | None = None,
) -> RpcPlan:
    """Return what `ingest_rpc` would ask for; nothing is written."""
    with _open_intake(settings, url, options) as intake:
        missing = intake.find_missing(*intake.bound(blocks))
        plan = RpcPlan(intake.chain, intake.source, tuple(missing), {}, intake.able.lacks, intake.told.kinds)
        return replace(plan, requests=list_requests(intake.able, plan.blocks))


def follow_rpc(
    settings: Settings,
    url: str,
    blocks: tuple[int | None, int | None] = (None, None),
    options: RpcOptions | None = None,
    *,
    tell: Tell | None = None,
    say: Say | None = None,
    until: int | None = None,
    poll: float = 2.0,
) -> RunReport:
    """Keep the lake at the head of a node's chain until block `until` is in it (None: until interrupted).

    Blocks that the chain has left are replaced, in all datasets and with one commit. A node that falls silent and a
    store that somebody else is writing to are waited for, and `say` is told so. `poll` is in seconds.
    """
    with _open_intake(settings, url, options) as intake:
        until = until if until is not None else blocks[1]
        pause = poll
        while True:
            try:
                if _catch_up(intake, blocks[0] or 0, until, tell):
                    return intake.report()
                pause = poll
            except (SilentNode, StoreBusy) as error:
                pause = min(2 * pause, _LONGEST_PAUSE)
                if say:
                    say(f"{error.message}; trying again in {pause:,.0f} s")
            time.sleep(pause)


def _catch_up(intake: Intake, first: int, until: int | None, tell: Tell | None) -> bool:
    """Take what the chain has and the lake has not; say whether block `until` is there now."""
    head = read_head(intake.node)
    intake.finalized = read_finalized(intake.node, intake.able)
    intake.drop_orphans()
    last = head if until is None else min(head, until)
    if last >= first:
        intake.take_missing(first, last, tell)
    return until is not None and head >= until


@contextmanager
def _open_intake(settings: Settings, url: str, options: RpcOptions | None) -> Iterator[Intake]:
    options = options or RpcOptions()
    node = Node(
        url, timeout=options.timeout, retries=options.retries, workers=options.workers, pause=options.pause
    )  # fmt: skip
    con = open_connection(memory=settings.memory, threads=settings.threads)
    try:
        able = examine_node(node, options.chain)
        con.execute("attach ':memory:' as stage")
        yield Intake(con, Lake(settings.store), node, able, options)
    finally:
        node.close()
        con.close()
