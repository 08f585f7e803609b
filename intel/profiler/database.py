"""What does a Python program ask? intel.open("store") answers with the same functions as the CLI and the app."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from intel.errors import UsageError
from intel.model import Profile, Tier
from intel.profiler.attribute import frame_attributions
from intel.profiler.explain import explain_link
from intel.profiler.lots import Method
from intel.profiler.postings import parse_window
from intel.profiler.profile import build_profile
from intel.profiler.subjects import Suggestion, resolve_subject, suggest
from intel.profiler.transfers import TransferFilter, frame_transfers, stream_transfers, tabulate_transfers
from intel.store.reader import Reader

if TYPE_CHECKING:
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

        `wanted`: counterparty, token, direction ("in" or "out"), min_usd, kind, hides_spam (see TransferFilter).
        `as_="batches"` streams Arrow record batches in bounded memory.
        """
        unknown = sorted(set(wanted) - {"counterparty", "token", "direction", "min_usd", "kind", "hides_spam"})
        if unknown:
            raise UsageError(
                f"transfers() takes no {', '.join(unknown)}", "filters: counterparty, token, direction, min_usd, kind"
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

    def attribute(self, addresses: Iterable[object], *, tier: Tier = "probable") -> pd.DataFrame:
        """Return who is behind each address, one row per input, in order; junk is marked `invalid`."""
        return frame_attributions(self.reader, addresses, tier=tier)

    def explain(self, left: str, right: str, *, tier: Tier = "probable") -> dict[str, Any]:
        """Return why two subjects are linked, or what keeps them apart."""
        return explain_link(
            self.reader, resolve_subject(self.reader, left, tier), resolve_subject(self.reader, right, tier)
        )

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
