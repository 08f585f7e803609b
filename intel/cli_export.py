"""How does what was concluded leave by command: to a file, or into a graph database?"""

from __future__ import annotations

from intel import cli_options as o
from intel.cli_app import add_group, open_store, settle, show
from intel.errors import UsageError
from intel.talk import Talk

export = add_group("export", "Write what was concluded to files or into a graph database.")


@export.command("table")
def export_table(name: o.Table, out: o.Out, include_private: o.IncludePrivate = False, store: o.Store = None) -> None:
    """Write one table of the current build to a file, whole and in a fixed order."""
    from intel.export import files

    rows = files.export_table(settle(store).store, name, out, include_private=include_private)
    Talk().say(f"{rows:,} rows of {name} written to {out}")


@export.command("graph")
def export_graph(
    subject: o.Subject, out: o.GraphOut, hops: o.GraphHops = 1, limit: o.GraphLimit = 25, token: o.Token = None,
    min_usd: o.GraphMinUsd = 0.0, category: o.GraphCategory = None, direction: o.Direction = None,
    since: o.Since = None, until: o.Until = None, include_private: o.IncludePrivate = False,
    tier: o.Tier = "confirmed", store: o.Store = None,
) -> None:  # fmt: skip
    """Write who pays whom around a subject to a .graphml or .json file."""
    from intel.profiler.graph import gather_hops
    from intel.profiler.graph_files import check_graph_file, write_graph
    from intel.profiler.graph_view import GraphFilter, GraphView
    from intel.profiler.postings import parse_window

    check_graph_file(out)
    asked = GraphFilter(token, min_usd, category, direction, parse_window(since, until))
    view = GraphView((), limit=limit, filters=asked, tier=tier, shows_private=include_private)
    with open_store(store) as db:
        graph = gather_hops(db.reader, subject, view, hops)
        write_graph(out, graph)
    talk = Talk()
    for caveat in graph.caveats:
        talk.say(caveat)
    talk.say(f"{len(graph.nodes):,} nodes and {len(graph.edges):,} edges around {subject} written to {out}")


@export.command("tagpack")
def export_tagpack(out: o.OutFolder, include_private: o.IncludePrivate = False, store: o.Store = None) -> None:
    """Write all labels as TagPacks, as GraphSense reads them: one or more files per source."""
    from intel.export.claims import describe_changes
    from intel.export.tagpack import export_tagpacks

    done = export_tagpacks(settle(store).store, out, include_private=include_private)
    Talk().say(f"{done.tags:,} tags in {done.packs:,} TagPacks written to {out}. {describe_changes(done.left_out)}")


@export.command("ftm")
def export_ftm(out: o.FtmOut, include_private: o.IncludePrivate = False, store: o.Store = None) -> None:
    """Write wallets and their named owners as FollowTheMoney entities, one JSON object a line."""
    from intel.export.claims import describe_changes
    from intel.export.ftm import export_entities

    done = export_entities(settle(store).store, out, include_private=include_private)
    Talk().say(f"{done.entities:,} entities written to {out}. {describe_changes(done.left_out)}")


@export.command("neo4j")
def export_neo4j(
    uri: o.GraphUri = None, subject: o.OfSubject = None, hops: o.Hops = 2, csv: o.CsvFolder = None,
    include_private: o.IncludePrivate = False, tier: o.Tier = "confirmed", database: o.GraphDatabase = None,
    progress: o.Progress = "plain", store: o.Store = None,
) -> None:  # fmt: skip
    """Write the current build into a Neo4j database, in place of what was written there before; or as CSV for it.

    NEO4J_USER and NEO4J_PASSWORD say who we are. A killed run is repeated by the same command. With --subject only the
    single transfers near an address or entity. What others keep in the database stays as it is.
    """
    from intel.export.neo4j import check_uri
    from intel.profiler.subjects import resolve_subject

    if (uri is None) == (csv is None) or (csv is not None and subject is not None):
        raise UsageError("the build goes to a server or to CSV files", "intel export neo4j URI, or --csv DIR")
    talk, settings = Talk(progress), settle(store)
    with open_store(store) as db:
        if csv is not None:
            from intel.export.neo4j_csv import write_csv_files

            with talk.step("CSV files"):
                command = write_csv_files(db.reader, csv, include_private=include_private)
            show(command)
            return
        from intel.export.neo4j import open_graph
        from intel.export.neo4j_write import export_build, export_neighbourhood

        assert uri is not None
        place = check_uri(uri)
        ids = resolve_subject(db.reader, subject, tier).address_ids if subject is not None else None
        user, password = settings.neo4j_user, settings.neo4j_password
        with open_graph(uri, user, password, database) as graph, talk.bar("rows") as tell:
            if subject is None or ids is None:
                counts = export_build(db.reader, graph, include_private=include_private, tell=tell)
            else:
                counts = export_neighbourhood(
                    db.reader, graph, ids, name=subject, hops=hops, include_private=include_private, tell=tell
                )
        told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        talk.say(f"{place} holds build {db.build_id}: {told}", build=db.build_id, rows=counts)
