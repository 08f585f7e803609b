"""How does an older build leave a Neo4j database, without taking along what others hung onto it?"""

from __future__ import annotations

from typing import Any

from intel.export.neo4j import Graph

_PAGE_NODES = 2_000

_IN_PAGE = "old.key > $first and old.key <= $last"
_SAME = "match (new:Intel {key: $successor + substring(old.key, size($build))})"

# Our labels. Other ones, and properties that the Build node does not list as written by us, are somebody's.
_LABELS = ["Intel", "Address", "Entity", "Label", "Token", "Batch"]

# A relationship without our mark is somebody's: it goes over to the same address (entity, ...) of the successor.
_MOVE = (
    f"""match (old:Intel) where {_IN_PAGE} {_SAME} match (old)-[r]->(other)
        create (new)-[c:$(type(r))]->(other) set c = properties(r) delete r""",
    f"""match (old:Intel) where {_IN_PAGE} {_SAME} match (old)<-[r]-(other)
        create (new)<-[c:$(type(r))]-(other) set c = properties(r) delete r""",
    f"""match (old:Intel) where {_IN_PAGE}
        with old, [k in keys(old) where not k in $own] as extra, [l in labels(old) where not l in $labels] as more
        where size(extra) + size(more) > 0 {_SAME}
        set new:$(more) foreach (k in extra | set new[k] = old[k])
        with old, extra, more foreach (k in extra | set old[k] = null) remove old:$(more)""",
)
# What is left of others after that has no successor: the node stays, and is theirs.
_DROP = (
    f"""match (old:Intel) where {_IN_PAGE} and not exists {{ (old)--() }}
        and all(k in keys(old) where k in $own) and all(l in labels(old) where l in $labels) delete old""",
    f"match (old:Intel) where {_IN_PAGE} remove old:Intel, old.key, old.build",
)


def remove_build(graph: Graph, build: str, *, successor: str | None) -> None:
    """Remove all that was written of a build, in pages, its Build node last; a second run goes on after a kill.

    What others added to its nodes (relationships, labels, properties) moves to the same nodes of the successor; where
    there are none, the node stays without our label, as theirs.
    """
    rows = graph.write(
        "match (b:Intel:Build {build: $build}) set b.current = false, b.whole = false return b.properties as own",
        build=build,
    )
    own = [*(rows[0]["own"] if rows else ()), "key", "build"]
    for page in _iter_pages(graph, build):
        graph.run(
            f"match (old:Intel)-[r]->() where {_IN_PAGE} and r.build = $build "
            "call (r) { delete r } in transactions of 10000 rows",
            build=build, **page,
        )  # fmt: skip
    for page in _iter_pages(graph, build):
        moves = _MOVE if successor is not None else ()
        graph.write(*moves, *_DROP, build=build, successor=successor, own=own, labels=_LABELS, **page)
    graph.write("match (b:Intel:Build {build: $build}) detach delete b", build=build)


def _iter_pages(graph: Graph, build: str) -> Any:
    """Yield the keys between which the pages of a build's nodes lie, along the index."""
    first, end = f"{build}:", f"{build};"  # the character after the colon: no key of ours lies behind it
    while True:
        rows = graph.read(
            "match (n:Intel) where n.key > $first and n.key < $end with n.key as key order by key limit $page "
            "return max(key) as last",
            first=first, end=end, page=_PAGE_NODES,
        )  # fmt: skip
        last = rows[0]["last"]
        if last is None:
            return
        yield {"first": first, "last": last}
        first = last
