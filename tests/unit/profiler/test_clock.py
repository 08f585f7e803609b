"""Do days begin where the reader's clock says, and are stored times shown by it?"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from intel.errors import UsageError
from intel.profiler.clock import find_zone, list_zones, localise, localise_table, open_window
from intel.profiler.postings import parse_window

WINTER, SUMMER = datetime.fromisoformat("2024-01-15T23:30"), datetime.fromisoformat("2024-07-15T23:30")


def test_a_day_begins_by_the_clock_of_the_zone() -> None:
    window = open_window(date(2024, 7, 15), date(2024, 7, 15), "Asia/Tokyo")
    assert window.since == datetime.fromisoformat("2024-07-14T15:00")
    assert window.until == datetime.fromisoformat("2024-07-15T15:00")
    assert open_window(date(2024, 7, 15), None) == parse_window(date(2024, 7, 15))


def test_the_day_the_clock_changes_is_an_hour_short() -> None:
    window = open_window(date(2024, 3, 31), date(2024, 3, 31), "Europe/Berlin")
    assert window.since is not None
    assert window.until is not None
    assert window.until - window.since == timedelta(hours=23)


@pytest.mark.parametrize(("moment", "shown"), [(WINTER, datetime.fromisoformat("2024-01-16T00:30")),
                                               (SUMMER, datetime.fromisoformat("2024-07-16T01:30"))])  # fmt: skip
def test_times_are_shown_by_the_clock_of_the_zone(moment: datetime, shown: datetime) -> None:
    table = pa.table({"time": pa.array([moment, None], pa.timestamp("us")), "day": [moment.date(), None]})
    told = localise_table(table, "Europe/Berlin")
    assert localise(moment, "Europe/Berlin") == shown
    assert told["time"].to_pylist() == [shown, None]
    assert told["day"].to_pylist() == [moment.date(), None]
    assert localise_table(table, "UTC") is table


def test_every_zone_offered_is_one_and_others_are_refused() -> None:
    assert list_zones()[0] == "UTC"
    assert all(find_zone(name) for name in list_zones()[:50])
    for wrong in ("Mars/Base", "../etc/passwd", "", "\x00"):
        with pytest.raises(UsageError, match="no time zone"):
            find_zone(wrong)
