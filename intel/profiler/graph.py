"""Who pays whom around a subject, as a person looks at it: a few nodes, the small ones as one, and who is who?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from intel.errors import UsageError
from intel.model import MICRO, SYSTEM_ADDRESSES, Subject
from intel.profiler.graph_view import FARTHEST, LARGEST, OTHERS, Edge, Graph, GraphFilter, GraphView, Node
from intel.profiler.postings import cap_sum, fill_owners, gather_moves
from intel.profiler.subjects import resolve_subject, take_public
from intel.profiler.transfers import find_assets
from intel.store.reader import Reader

_SPAM = """(p.asset_id in (select asset_id from spam_assets)
        or p.transfer_id in (select transfer_id from spam_transfers))"""


def gather_graph(reader: Reader, view: GraphView) -> Graph:
    """Return the opened nodes with their counterparties. Raises UnknownSubject, UsageError for what cannot be asked."""
    _check(view)
    graph = _Sheet(reader, view)
    for name in view.opened:
        graph.open(name)
    return graph.finish()


def gather_hops(reader: Reader, subject: str, view: GraphView, hops: int = 1) -> Graph:
    """Return the graph of all within `hops` payments of the subject, `view.limit` counterparties of each.

    A custodian and the ledger's own addresses are not opened on the way: their customers do not deal with each other.
    """
    if not 1 <= hops <= FARTHEST:
        raise UsageError(f"{hops} hops cannot be shown", f"ask for 1 to {FARTHEST}; `intel trace` goes further")
    view = replace(view, opened=(subject,))
    graph = gather_graph(reader, view)
    for _ in range(hops - 1):
        ends = [node.id for node in graph.nodes.values() if _leads_on(node) and node.id not in view.opened]
        view = replace(view, opened=(*view.opened, *ends))
        graph = gather_graph(reader, view)
    return graph


def _leads_on(node: Node) -> bool:
    return node.kind != "others" and not node.is_custodial and node.standing != "system"


def _check(view: GraphView) -> None:
    if not view.opened:
        raise UsageError("the graph has no subject", "give an address, an entity id or an entity name")
    if view.filters.direction not in (None, "in", "out"):
        raise UsageError(f"{view.filters.direction!r} is no direction", "use in or out")
    if not view.filters.min_usd >= 0:
        raise UsageError(f"{view.filters.min_usd} is no amount in USD", "give 0 or more")
    if min((view.limit, *(limit for _, limit in view.limits))) < 1:
        raise UsageError("no counterparty would be shown", "show 1 or more")


class _Sheet:
    """The graph while it grows."""

    def __init__(self, reader: Reader, view: GraphView) -> None:
        self.reader, self.view = reader, view
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.done: list[str] = []
        self.caveats: list[str] = []

    def open(self, name: str) -> None:
        """Add a node and its counterparties; its dealings with nodes opened before are there already."""
        subject = resolve_subject(self.reader, name, self.view.tier)
        own = subject.entity_id if subject.kind == "entity" and subject.entity_id else subject.name
        if own in self.done:
            return
        if len(self.nodes) >= LARGEST:
            self.caveats.append(f"Not opened, because the graph has {len(self.nodes):,} nodes: {own}.")
            return
        if not self.view.shows_private:
            subject = take_public(self.reader, subject)
        self._name_own(own, subject)
        _gather_parties(self.reader, subject, self.view)
        pinned = {*self.view.opened, *self.nodes} - {own}
        shown, others = _choose_parties(self.reader, self.view, own, pinned, tuple(self.done))
        told = _read_standings(self.reader, [node.id for node in shown if node.kind == "entity"], self.view)
        for node in shown:
            self.nodes.setdefault(node.id, replace(node, **told.get(node.id, {})))
        self._unfold(own)
        self.edges += _read_edges(self.reader, own, self.view.filters)
        if others["members"]:
            self._add_others(own, others)
        self.done.append(own)

    def _name_own(self, own: str, subject: Subject) -> None:
        if subject.kind == "entity":
            entity = _read_entity(self.reader, own, shows_private=self.view.shows_private)
            known: dict[str, Any] = {"standing": "unknown", "members": subject.address_count}
            known |= _read_standings(self.reader, [own], self.view).get(own, {})
            self.nodes[own] = Node(own, "entity", entity.get("name") or own, own, entity.get("category"),
                                   is_custodial=bool(entity.get("is_custodial")), **known)  # fmt: skip
        else:
            ids = subject.address_ids[:1]
            self.reader.load("graph_self", pa.table({"address_id": pa.array(ids, pa.int64())}))
            told = _fill_and_read(self.reader, "select address_id from graph_self", self.view)
            owner = told[0] if told else {}
            system = SYSTEM_ADDRESSES.get(own)
            self.nodes[own] = Node(own, "address", owner.get("name") or system or own, owner.get("entity_id"),
                                   owner.get("category"), owner.get("status") or ("system" if system else "unknown"),
                                   1, bool(owner.get("is_custodial")))  # fmt: skip

    def _unfold(self, own: str) -> None:
        """Let the busiest addresses of an unfolded entity stand beside it; the node itself is the rest of them."""
        is_unfolded, limit = own in self.view.unfolded, dict(self.view.limits).get(own, self.view.limit)
        whole, members = self.nodes[own], _choose_members(self.reader, limit if is_unfolded else 0)
        if members:
            self.nodes[own] = replace(whole, members=max(whole.members - sum(row["members"] for row in members), 0))
        for row in members:
            standing = row["status"] or whole.standing
            node = Node(row["address"], "address", row["address"], own, whole.category, standing, 1, whole.is_custodial)
            self.nodes.setdefault(node.id, node)

    def _add_others(self, own: str, others: dict[str, Any]) -> None:
        name = f"{OTHERS}{own}"
        self.nodes[name] = Node(name, "others", f"{others['members']:,} others", members=others["members"], of=own)
        times = others["first_time"], others["last_time"]
        for side, ends in (("in", (name, own)), ("out", (own, name))):
            count = others[f"transfers_{side}"]
            if count:
                self.edges.append(Edge(*ends, None, None, None, count, others[f"{side}_micro_usd"],
                                       others[f"unpriced_{side}"], *times))  # fmt: skip

    def finish(self) -> Graph:
        """Return what has been gathered; edges in a total order."""
        order = sorted(
            self.edges, key=lambda e: (-e.micro_usd, -e.transfers, e.source, e.target, e.chain or "", e.token or "")
        )
        return Graph(self.view, self.nodes, tuple(order), tuple(self.caveats), self.reader.build_id)


def _fill_and_read(reader: Reader, ids_sql: str, view: GraphView) -> list[dict[str, Any]]:
    fill_owners(reader, ids_sql, view.tier, table="graph_self_owner", shows_private=view.shows_private)
    return reader.records(
        """select entity_id, name, category, is_custodial,
            case when visibility = 'private' then 'private' else status end as status from graph_self_owner"""
    )


def _read_standings(reader: Reader, ids: list[str], view: GraphView) -> dict[str, dict[str, Any]]:
    """Return {id: standing, members}: what the best known of an entity's addresses is, and how many there are."""
    rows = reader.query(
        """select entity_id, max(case when visibility = 'private' then 'private' else status end),
            count(distinct (chain, address))
        from beliefs.attributions
        where entity_id in (select unnest($ids)) and ($private or visibility = 'public')
            and (tier = 'confirmed' or status = 'labelled' or $tier = 'probable') group by 1""",
        {"ids": ids, "private": view.shows_private, "tier": view.tier},
    )
    return {str(name): {"standing": standing, "members": members} for name, standing, members in rows}


def _read_entity(reader: Reader, entity_id: str, *, shows_private: bool) -> dict[str, Any]:
    rows = reader.records(
        """select name, category, is_custodial, visibility from beliefs.entities
        where entity_id = $id and ($private or visibility = 'public') order by visibility = 'private' desc limit 1""",
        {"id": entity_id, "private": shows_private},
    )
    return rows[0] if rows else {}


def _gather_parties(reader: Reader, subject: Subject, view: GraphView) -> None:
    """Fill `graph_parties(address_id, node, ...)`: each counterparty address, its node's id and what is known of it."""
    filters = view.filters
    gather_moves(reader, subject, filters.window)
    if filters.token:
        find_assets(reader, filters.token)
    sides = ", ".join(
        f"""count(*) filter (p.direction = {sign}) as transfers_{side},
            coalesce(sum(p.value_micro_usd) filter (p.direction = {sign}), 0)::hugeint as {side}_micro_usd,
            count(*) filter (p.direction = {sign} and p.value_micro_usd is null) as unpriced_{side}"""
        for side, sign in (("in", 1), ("out", -1))
    )
    reader.query(
        f"""create or replace temp table graph_flows as
        select p.counterparty_id, {sides}, min(p.block_time) as first_time, max(p.block_time) as last_time
        from moves p
        where not {_SPAM} and p.counterparty_id is not null
            and p.counterparty_id not in (select address_id from members) {_and_filters(filters)}
        group by p.counterparty_id"""
    )
    ids = "select counterparty_id from graph_flows"
    fill_owners(reader, ids, view.tier, table="graph_owners", shows_private=view.shows_private)
    reader.load("graph_unfolded", pa.table({"entity_id": pa.array(view.unfolded, pa.string())}))
    reader.query(
        """create or replace temp table graph_parties as
        select f.*, a.address, o.entity_id, o.name, o.category, coalesce(o.is_custodial, false) as is_custodial,
            case when o.visibility = 'private' then 'private' else o.status end as status,
            case when o.entity_id is null or o.entity_id in (select entity_id from graph_unfolded) then a.address
                else o.entity_id end as node
        from graph_flows f join facts.addresses a on a.address_id = f.counterparty_id
            left join graph_owners o on o.address_id = f.counterparty_id"""
    )


def _and_filters(filters: GraphFilter) -> str:
    """Return SQL for rows of `p`; the values stand in temporary tables or are our own."""
    token = " and p.asset_id in (select asset_id from wanted_assets)" if filters.token else ""
    side = {None: "", "in": " and p.direction > 0", "out": " and p.direction < 0"}[filters.direction]
    return token + side


def _choose_parties(
    reader: Reader, view: GraphView, own: str, pinned: Iterable[str], done: tuple[str, ...]
) -> tuple[list[Node], dict[str, Any]]:
    """Fill `graph_nodes(address_id, node)` with the parties that stand alone; return them, and the sums of the others.

    The largest do, and those pinned: what is in the picture anyway. Those `done` have their edges to this one already.
    """
    for name, values in (("graph_pinned", sorted(pinned)), ("graph_done", done)):
        reader.load(name, pa.table({"node": pa.array(values, pa.string())}))
    sums = ", ".join(
        f"sum({name})::bigint as {name}" for name in ("transfers_in", "transfers_out", "unpriced_in", "unpriced_out")
    )
    reader.query(
        f"""create or replace temp table graph_ranked as
        select *, row_number() over (order by usd desc, transfers_in + transfers_out desc, node) as place
        from (
            select node, min(entity_id) as entity_id, min(name) as name, min(category) as category,
                max(status) as status, bool_or(is_custodial) as is_custodial, min(address) as address,
                count(*) as members, {sums}, {cap_sum("sum(in_micro_usd)")} as in_micro_usd,
                {cap_sum("sum(out_micro_usd)")} as out_micro_usd, sum(in_micro_usd + out_micro_usd) as usd,
                min(first_time) as first_time, max(last_time) as last_time
            from graph_parties group by node)
        where node not in (select node from graph_done) and usd >= $least
            and ($category is null or category = $category)""",
        {"least": round(view.filters.min_usd * MICRO), "category": view.filters.category},
    )
    limit: dict[str, object] = {"limit": dict(view.limits).get(own, view.limit)}
    stands = "(place <= $limit or node in (select node from graph_pinned))"
    reader.query(
        f"""create or replace temp table graph_nodes as
        select counterparty_id as address_id, node from graph_parties
        where node in (select node from graph_ranked where {stands})""",
        limit,
    )
    shown = [_read_node(row) for row in reader.records(f"from graph_ranked where {stands} order by place", limit)]
    others = reader.records(
        f"""select count(*) as members, {sums}, {cap_sum("sum(in_micro_usd)")} as in_micro_usd,
            {cap_sum("sum(out_micro_usd)")} as out_micro_usd, min(first_time) as first_time,
            max(last_time) as last_time
        from graph_ranked where not {stands}""",
        limit,
    )
    return shown, others[0]


def _read_node(row: dict[str, Any]) -> Node:
    is_entity = row["node"] == row["entity_id"]
    system = None if row["name"] else SYSTEM_ADDRESSES.get(row["address"])
    return Node(
        row["node"], "entity" if is_entity else "address", row["name"] or system or row["node"], row["entity_id"],
        row["category"], "system" if system else row["status"] or "unknown", row["members"], row["is_custodial"],
    )  # fmt: skip


def _choose_members(reader: Reader, limit: int) -> list[dict[str, Any]]:
    """Fill `graph_own(address_id, address)` with the `limit` own addresses that moved most, and return them."""
    reader.query(
        f"""create or replace temp table graph_own as
        select m.address_id, a.address, o.status from (
            select p.address_id, coalesce(sum(p.value_micro_usd), 0) as usd, count(*) as moves
            from moves p where $limit > 0 and not {_SPAM} group by p.address_id
            order by usd desc, moves desc, address_id limit $limit) m
        join facts.addresses a on a.address_id = m.address_id
        left join (
            select address_id, max(case when visibility = 'private' then 'private' else status end) as status
            from beliefs.attributions group by address_id) o on o.address_id = m.address_id""",
        {"limit": limit},
    )
    return reader.records(
        "select address, max(status) as status, count(*) as members from graph_own group by address order by address"
    )


def _read_edges(reader: Reader, own: str, filters: GraphFilter) -> list[Edge]:
    """Return what the opened node and those that stand alone paid each other, by token; and its own addresses."""
    rows = reader.query(
        f"""with ends as (
            select address_id, node, false as is_own from graph_nodes
            union all select m.address_id, coalesce(w.address, $own), true
                from members m left join graph_own w using (address_id) where exists (select 1 from graph_own))
        select coalesce(w.address, $own) as own, n.node, p.direction, a.chain, min(a.symbol), a.token, count(*),
            {cap_sum("coalesce(sum(p.value_micro_usd), 0)")}, count(*) - count(p.value_micro_usd),
            min(p.block_time), max(p.block_time)
        from moves p join ends n on n.address_id = p.counterparty_id
            join facts.assets a on a.asset_id = p.asset_id
            left join graph_own w on w.address_id = p.address_id
        where not {_SPAM} {_and_filters(filters)} and (p.direction < 0 or not n.is_own)
            and n.node <> coalesce(w.address, $own)
        group by 1, n.node, p.direction, a.chain, a.token order by all""",
        {"own": own},
    )
    return [Edge(*((node, one) if way > 0 else (one, node)), *rest) for one, node, way, *rest in rows]
