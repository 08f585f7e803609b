"""How does one talk to a Neo4j server, so that whatever fails is said plainly and a secret never is?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import neo4j
from neo4j import exceptions as failures

from intel.errors import GraphDatabaseError, UsageError

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_OLDEST = (5, 26)  # labels and types by name, relationship indexes; older 5.x are no longer maintained


class Graph:
    """A database on a Neo4j server that answers and is new enough; `place` is how it may be named to anybody."""

    def __init__(self, driver: neo4j.Driver, place: str, database: str | None) -> None:
        self._driver = driver
        self.place = place
        self._database = database

    def read(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """Run one query and return its rows."""
        with _name_failures(self.place):
            return [
                row.data()
                for row in self._driver.execute_query(query, params, database_=self._database, routing_="r").records
            ]

    def write(self, *statements: str, **params: Any) -> list[dict[str, Any]]:
        """Run statements in one transaction, all or none, again where it met another; return the rows of the last."""

        def work(transaction: neo4j.ManagedTransaction) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = []
            for statement in statements:
                rows = transaction.run(statement, params).data()
            return rows

        with _name_failures(self.place), self._driver.session(database=self._database) as session:
            return session.execute_write(work)

    def write_once(self, marker: str, statement: str, **params: Any) -> bool:
        """Run a statement unless its marker, a unique key, is there already; both come in one transaction.

        So a batch is written exactly once, however often a killed run, a lost answer or a second process repeats it.
        """
        mark = "create (:Intel:Batch {key: $marker})"
        try:
            self.write(mark, statement, marker=marker, **params)
        except _AlreadyThere:
            return False
        return True

    def run(self, statement: str, **params: Any) -> None:
        """Run one statement outside of a transaction, as those on the schema and those in pieces want it."""
        with _name_failures(self.place), self._driver.session(database=self._database) as session:
            session.run(statement, params).consume()


class _AlreadyThere(GraphDatabaseError):
    """A key that must be unique is there already."""


@contextmanager
def open_graph(uri: str, user: str = "", password: str = "", database: str | None = None) -> Iterator[Graph]:  # nosec B107
    """Connect to a Neo4j server; without a password, as a server with authentication turned off wants it.

    Raises UsageError for a URI that cannot be meant or carries credentials, GraphDatabaseError for a server that
    cannot be reached, refuses us, or is too old.
    """
    place = check_uri(uri)
    auth = neo4j.basic_auth(user or "neo4j", password) if password else None
    with _name_failures(place):
        driver = neo4j.GraphDatabase.driver(
            uri, auth=auth, connection_timeout=15, connection_acquisition_timeout=30, max_transaction_retry_time=60,
            notifications_min_severity="OFF", user_agent="intel",
        )  # fmt: skip
    try:
        with _name_failures(place):
            check_version(driver.get_server_info().agent, place)
            driver.execute_query("return 1", database_=database)
        yield Graph(driver, place, database)
    finally:
        driver.close()


def check_uri(uri: str) -> str:
    """Return `host:port` of a URI; raises UsageError for a wrong scheme, no host, or credentials inside."""
    hint = "for example bolt://localhost:7687; neo4j+s://HOST for a server with TLS"
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError("the Neo4j URI cannot be read", hint) from None
    if "@" in uri:
        raise UsageError(
            "the Neo4j URI holds a user or a password, which logs and shell histories keep",
            "leave them out of it, and set NEO4J_USER and NEO4J_PASSWORD",
        )
    if parts.scheme not in SCHEMES or not host:
        shown = f"{parts.scheme}://{host}" if host else "the URI"
        more = "; 7474 is the port of its web page, not of its database" if port in (7474, 7473) else ""
        raise UsageError(f"{shown} names no Neo4j server: schemes are {', '.join(SCHEMES)}", hint + more)
    return f"{host}:{port or 7687}"


def check_version(agent: str, place: str) -> None:
    """Raise GraphDatabaseError where the server is none of Neo4j's, or older than 5.26."""
    found = re.match(r"Neo4j/(\d+)\.(\d+)", agent)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        raise GraphDatabaseError(
            f"the server at {place} is {agent or 'of an unknown kind'}",
            f"this needs Neo4j {_OLDEST[0]}.{_OLDEST[1]} or newer (Community is enough)",
        )


@contextmanager
def _name_failures(place: str) -> Iterator[None]:
    """Turn what the driver raises into what a person can act on; messages of the server hold no credentials."""
    try:
        yield
    except failures.AuthError as error:
        raise GraphDatabaseError(
            f"the Neo4j server at {place} refuses the user or the password", _describe_refusal(error)
        ) from None
    except failures.ConstraintError as error:
        raise _AlreadyThere(f"{place} holds this already: {_shorten(error)}", "run the same command again") from error
    except (failures.ServiceUnavailable, failures.SessionExpired, OSError, failures.ConfigurationError) as error:
        raise GraphDatabaseError(
            f"no Neo4j server answers at {place}: {_shorten(error)}",
            "is it running, and is this its Bolt port (7687)? What was written stays: the same command goes on there",
        ) from error
    except (failures.Neo4jError, failures.DriverError) as error:
        raise GraphDatabaseError(f"Neo4j at {place}: {_shorten(error)}", _find_hint(error)) from error


def _describe_refusal(error: failures.AuthError) -> str:
    if "RateLimit" in (error.code or ""):
        return "it was asked too often with a wrong one: wait half a minute, then set NEO4J_USER and NEO4J_PASSWORD"
    if "CredentialsExpired" in (error.code or ""):
        return "the password must be changed first: log in once with cypher-shell or in the browser"
    return "set NEO4J_USER and NEO4J_PASSWORD in the environment"


def _find_hint(error: Exception) -> str:
    code = (error.code if isinstance(error, failures.Neo4jError) else None) or ""
    hints: Mapping[str, str] = {
        "DatabaseNotFound": "--database names one that exists; a Community server has one, `neo4j`",
        "Forbidden": "the user may not write there: another user, or rights to write and to make constraints",
        "MemoryPool": "give the server more memory (server.memory.heap.max_size), then run the same command again",
        "ReadOnly": "the database is read-only: name the leader of the cluster, or make it writable",
        "Schema": "somebody else's constraint stands against ours: `show constraints` names it",
    }
    found = [hint for part, hint in hints.items() if part in code]
    return found[0] if found else (
        "its log says more; a full disk is the usual cause. Free some space, start the server again if it stopped, "
        "and run the same command again: it goes on where it stopped"
    )  # fmt: skip


def _shorten(error: Exception) -> str:
    text = error.message if isinstance(error, failures.Neo4jError) and error.message else str(error)
    return " ".join(str(text).split())[:300]


def read_judgements(graph: Graph) -> list[dict[str, Any]]:
    """Return what people judged in the graph, in a fixed order: left, right, verdict, because, made_by (texts or None).

    An end is `chain:address`, or the id of an entity. Of any build: a judgement about an address outlives its build.
    """
    rows = graph.read(
        """match (l)-[j:JUDGED]->(r) where (l:Address or l:Entity) and (r:Address or r:Entity)
        return distinct l.chain as left_chain, coalesce(l.address, l.entity_id) as left,
            r.chain as right_chain, coalesce(r.address, r.entity_id) as right,
            j.verdict as verdict, j.because as because, j.made_by as made_by"""
    )
    told = [
        {
            "left": _write_end(row["left_chain"], row["left"]),
            "right": _write_end(row["right_chain"], row["right"]),
            **{name: str(row[name]) if row[name] is not None else None for name in ("verdict", "because", "made_by")},
        }
        for row in rows
    ]
    return sorted(
        told, key=lambda one: [one[name] or "" for name in ("left", "right", "verdict", "because", "made_by")]
    )


def _write_end(chain: str | None, name: str | None) -> str:
    return f"{chain}:{name}" if chain and chain != "evm" else str(name or "")
