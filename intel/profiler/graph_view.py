"""What is a graph that a person looks at: what is asked for, nodes and edges?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from intel.model import Tier
from intel.profiler.postings import ALWAYS, Window

LARGEST = 2_000  # nodes; what would go beyond stays closed
FARTHEST = 3  # hops
SHOWN = 25  # counterparties of an opened node that stand alone; the others are one node
OTHERS = "others:"


@dataclass(frozen=True, slots=True)
class GraphFilter:
    """Which dealings of an opened node are shown. `direction`: seen from it; `min_usd`: of all with one party."""

    token: str | None = None
    min_usd: float = 0.0
    category: str | None = None
    direction: Literal["in", "out"] | None = None
    window: Window = ALWAYS


@dataclass(frozen=True, slots=True)
class GraphView:
    """What is looked at: the nodes that are opened, the first of them the subject; the same view is the same graph.

    `unfolded` entities stand as their addresses. `limits` has another number of counterparties than `limit` for some
    of the opened nodes.
    """

    opened: tuple[str, ...]
    unfolded: tuple[str, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    limit: int = SHOWN
    filters: GraphFilter = field(default_factory=GraphFilter)
    tier: Tier = "confirmed"
    shows_private: bool = True


@dataclass(frozen=True, slots=True)
class Node:
    """An entity, an address, or the `others` of the opened node `of`: `members` counts what is folded in it.

    `standing`: labelled, attributed, probable, private, system, unknown. Sums are those of the others only.
    """

    id: str
    kind: Literal["entity", "address", "others"]
    name: str
    entity: str | None = None
    category: str | None = None
    standing: str = "unknown"
    members: int = 1
    is_custodial: bool = False
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """What one node paid another in one token; chain, symbol and token are None towards `others`: all of them."""

    source: str
    target: str
    chain: str | None
    symbol: str | None
    token: str | None
    transfers: int
    micro_usd: int
    unpriced: int
    first_time: datetime
    last_time: datetime


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by id in the order in which they were found, and the edges between them."""

    view: GraphView
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    caveats: tuple[str, ...]
    build_id: str
