"""What does a Python program ask? intel.open("store") answers with the same functions as the CLI and the app."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from intel.errors import UsageError
from intel.model import Profile, Tier
from intel.profiler.attribute import frame_attributions
from intel.profiler.compare import Comparison, compare_dates
from intel.profiler.counterparties import By
from intel.profiler.dealings import tabulate_dealings
from intel.profiler.explain import explain_link
from intel.profiler.exposure import describe_exposure
from intel.profiler.graph import gather_hops
from intel.profiler.graph_files import build_networkx
from intel.profiler.graph_view import SHOWN, GraphFilter, GraphView
from intel.profiler.history import tabulate_history, tabulate_token_history
from intel.profiler.lots import Method
from intel.profiler.members import tabulate_members
from intel.profiler.postings import parse_window
from intel.profiler.profile import build_profile
from intel.profiler.subjects import Suggestion, resolve_subject, suggest
from intel.profiler.tokens import describe_token, resolve_token, tabulate_holders
from intel.profiler.trace import Question, resolve_source
from intel.profiler.trace_report import Trace, trace_money
from intel.profiler.transfers import TransferFilter, frame_transfers, stream_transfers, tabulate_transfers
from intel.store.reader import Reader

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    import pyarrow as pa

    Moment = str | date | None


def open_database(store: str | Path = "store", build_id: str | None = None) -> Database:
    """Open a read-only view of the store's current build (or the one named); cheap, and safe to share by threads."""
    return Database(Reader(Path(store), build_id))


class Database:
    """A read-only view of one build: it does not change while it is open, whatever is built meanwhile."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @property
    def build_id(self) -> str:
        """The build every answer comes from."""
        return self.reader.build_id

    def profile(
        self,
        subject: str,
        *,
        since: Moment = None,
        until: Moment = None,
        tier: Tier = "confirmed",
        method: Method = "average",
    ) -> Profile:
        """Return everything about an address or an entity; `until` takes its day, month or year in whole.

        `method` says which cost a sale has: average, fifo, lifo or hifo; PnL names the realised gains of all four.
        """
        found, window = resolve_subject(self.reader, subject, tier), parse_window(since, until)
        return build_profile(self.reader, found, window, method=method)

    @overload
    def transfers(self, subject: str, *, as_: Literal["pandas"] = ..., **wanted: Any) -> pd.DataFrame: ...
    @overload
    def transfers(self, subject: str, *, as_: Literal["arrow"], **wanted: Any) -> pa.Table: ...
    @overload
    def transfers(self, subject: str, *, as_: Literal["batches"], **wanted: Any) -> Iterator[pa.RecordBatch]: ...
    def transfers(
        self,
        subject: str,
        *,
        as_: Literal["pandas", "arrow", "batches"] = "pandas",
        since: Moment = None,
        until: Moment = None,
        tier: Tier = "confirmed",
        **wanted: Any,
    ) -> pd.DataFrame | pa.Table | Iterator[pa.RecordBatch]:
        """Return all transfers, oldest first, with exact amounts (Decimal); no row limit.

        `wanted`: counterparty, category, token, chain, direction ("in" or "out"), min_usd, max_usd, kind, tx_hash,
        hides_spam, hides_internal (see TransferFilter).
        `as_="batches"` streams Arrow record batches in bounded memory.
        """
        filters_known = {item.name for item in fields(TransferFilter)} - {"window"}
        unknown = sorted(set(wanted) - filters_known)
        if unknown:
            raise UsageError(
                f"transfers() takes no {', '.join(unknown)}", f"filters: {', '.join(sorted(filters_known))}"
            )
        found = resolve_subject(self.reader, subject, tier)
        filters = TransferFilter(window=parse_window(since, until), **wanted)
        if as_ == "batches":
            return stream_transfers(self.reader, found, filters)
        if as_ == "arrow":
            return tabulate_transfers(self.reader, found, filters)
        if as_ != "pandas":
            raise UsageError(f"as_={as_!r} is no form", "use pandas, arrow or batches")
        return frame_transfers(self.reader, found, filters)

    def history(
        self,
        subject: str,
        *,
        token: str | None = None,
        since: Moment = None,
        until: Moment = None,
        tier: Tier = "confirmed",
    ) -> pd.DataFrame:
        """Return the balance of each UTC day: in USD with what moved it, or of one token with its exact amount (text).

        Columns: see `tabulate_history` and, with `token`, `tabulate_token_history`.
        """
        found, window = resolve_subject(self.reader, subject, tier), parse_window(since, until)
        if token is None:
            return _to_frame(tabulate_history(self.reader, found, window))
        wanted = resolve_token(self.reader, token)
        return _to_frame(tabulate_token_history(self.reader, found, window, token=wanted))

    def compare(self, subject: str, date_a: str | date, date_b: str | date, *, tier: Tier = "confirmed") -> Comparison:
        """Return what the subject held at the end of two days, and how much of the change came from prices."""
        return compare_dates(self.reader, resolve_subject(self.reader, subject, tier), date_a, date_b)

    def token(self, token: str, *, until: Moment = None, tier: Tier = "confirmed") -> dict[str, Any]:
        """Return what a token is, its last price, how many hold it, and how concentrated it is."""
        wanted = resolve_token(self.reader, token)
        return describe_token(self.reader, wanted, tier=tier, until=parse_window(until=until))

    def holders(
        self,
        token: str,
        *,
        by: By = "entity",
        until: Moment = None,
        tier: Tier = "confirmed",
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return who holds a token now or at a day's end, largest first, by entity or by address."""
        wanted, end = resolve_token(self.reader, token), parse_window(until=until)
        return _to_frame(tabulate_holders(self.reader, wanted, by=by, tier=tier, until=end, limit=limit))

    def counterparties(
        self, subject: str, *, since: Moment = None, until: Moment = None, tier: Tier = "confirmed", **wanted: Any
    ) -> pd.DataFrame:
        """Return all counterparties, largest turnover first.

        `wanted`: by ("entity" or "address"), token, only_new, sort, descending, limit (see `tabulate_dealings`).
        """
        unknown = sorted(set(wanted) - {"by", "token", "only_new", "sort", "descending", "limit"})
        if unknown:
            raise UsageError(
                f"counterparties() takes no {', '.join(unknown)}",
                "it takes by, token, only_new, sort, descending, limit",
            )
        found = resolve_subject(self.reader, subject, tier)
        return _to_frame(tabulate_dealings(self.reader, found, parse_window(since, until), **wanted))

    def exposure(
        self, subject: str, *, since: Moment = None, until: Moment = None, tier: Tier = "confirmed"
    ) -> dict[str, Any]:
        """Return to which categories the subject is exposed: direct, indirect and unresolved are the whole."""
        found = resolve_subject(self.reader, subject, tier)
        return describe_exposure(self.reader, found, parse_window(since, until))

    def members(self, entity: str, *, tier: Tier = "confirmed") -> pd.DataFrame:
        """Return every address of an entity with role, tier, confidence and evidence, the busiest first."""
        return _to_frame(tabulate_members(self.reader, resolve_subject(self.reader, entity, tier)))

    def attribute(
        self, addresses: Iterable[object], *, tier: Tier = "probable", with_private: bool = True
    ) -> pd.DataFrame:
        """Return who is behind each address, one row per input, in order; junk is marked `invalid`."""
        return frame_attributions(self.reader, addresses, tier=tier, with_private=with_private)

    def explain(self, left: str, right: str, *, tier: Tier = "probable") -> dict[str, Any]:
        """Return why two subjects are linked, or what keeps them apart."""
        return explain_link(
            self.reader, resolve_subject(self.reader, left, tier), resolve_subject(self.reader, right, tier)
        )

    def trace(self, source: str, *, since: Moment = None, until: Moment = None, **asked: Any) -> Trace:
        """Follow the money of an address, an entity or a transaction, forward or backward.

        `asked`: rule ("haircut", "fifo", "poison"), direction, max_hops, min_usd, tier, shows_private (see `Question`).
        """
        names = ("rule", "direction", "max_hops", "min_usd", "tier", "shows_private")
        unknown = sorted(set(asked) - set(names))
        if unknown:
            raise UsageError(f"trace() takes no {', '.join(unknown)}", f"it takes {', '.join(names)}")
        question = Question(**asked, window=parse_window(since, until))
        start = resolve_source(self.reader, source, question.tier, shows_private=question.shows_private)
        return trace_money(self.reader, start, question)

    def graph(self, subject: str, hops: int = 1, *, limit: int = SHOWN, **asked: Any) -> nx.MultiDiGraph[str]:
        """Return who pays whom within `hops` of a subject, the `limit` largest counterparties of each, and the others.

        One edge per chain and token from payer to payee. `asked`: since, until, token, min_usd, category, direction
        ("in" or "out"), tier, shows_private.
        """
        view = {name: asked.pop(name) for name in ("tier", "shows_private") if name in asked}
        window = parse_window(asked.pop("since", None), asked.pop("until", None))
        unknown = sorted(set(asked) - {"token", "min_usd", "category", "direction"})
        if unknown:
            raise UsageError(
                f"graph() takes no {', '.join(unknown)}", "it takes since, until, token, min_usd, category, direction"
            )
        wanted = GraphView((), limit=limit, filters=GraphFilter(window=window, **asked), **view)
        return build_networkx(gather_hops(self.reader, subject, wanted, hops))

    def suggest(self, text: str, limit: int = 10) -> list[Suggestion]:
        """Return entities and addresses that begin with `text`."""
        return suggest(self.reader, text, limit)

    def close(self) -> None:
        """Let go of the build."""
        self.reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _to_frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame
