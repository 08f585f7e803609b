"""When does a day begin for the reader? Times are stored in UTC and shown in the zone that the reader chose."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from intel.errors import UsageError
from intel.profiler.postings import Window, parse_window


@cache
def list_zones() -> tuple[str, ...]:
    """Return the names of the time zones of this machine, UTC first."""
    places = (name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return ("UTC", *sorted(places))


@cache
def find_zone(name: str) -> ZoneInfo:
    """Return the zone of a name such as Europe/Berlin; raises UsageError for what this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"{name!r} is no time zone", "write it as Europe/Berlin, or UTC") from error


def localise(moment: datetime, zone: str) -> datetime:
    """Return a stored moment (UTC, without a zone) as the clock of the zone shows it, without a zone."""
    return moment.replace(tzinfo=UTC).astimezone(find_zone(zone)).replace(tzinfo=None)


def open_window(since: date | None, until: date | None, zone: str = "UTC") -> Window:
    """Return the window of whole days as the zone counts them, `until` included; raises as parse_window does."""
    window = parse_window(since, until)
    return replace(window, since=_store(window.since, zone), until=_store(window.until, zone))


def _store(moment: datetime | None, zone: str) -> datetime | None:
    """Return the moment at which the clock of the zone shows `moment`, as it is stored."""
    return moment and moment.replace(tzinfo=find_zone(zone)).astimezone(UTC).replace(tzinfo=None)


def localise_table(table: pa.Table, zone: str) -> pa.Table:
    """Return the table with its times as the clock of the zone shows them; dates stay as they are."""
    find_zone(zone)
    for place, name in enumerate(table.column_names if zone != "UTC" else ()):
        if pa.types.is_timestamp(table.schema.field(name).type):
            moments = pc.assume_timezone(table[name].cast(pa.timestamp("us")), "UTC")
            shown = pc.local_timestamp(moments.cast(pa.timestamp("us", tz=zone)))
            table = table.set_column(place, name, shown)
    return table
