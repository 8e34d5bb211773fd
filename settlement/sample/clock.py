"""Days and times as byte columns, and wall clocks of the zones in which the files are written.

Days are counted from 1970-01-01; a time is a number of seconds, of the local day or since 1970-01-01 on a wall clock.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from settlement.sample.columns import Bytes, Column, Ints, digits, fixed, joined
from settlement.sample.events import JPY, KWD

DAY_SECONDS: Final = 86_400
_ZONES: Final = {JPY: "Asia/Tokyo", KWD: "Asia/Kuwait"}
HOME_ZONE: Final = "America/New_York"
ACQUIRER_ZONE: Final = "Europe/Amsterdam"


def _parts(days: Ints) -> tuple[Ints, Ints, Ints]:
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    return years.astype(np.int64) + 1970, months.astype(np.int64) % 12 + 1, day


def year_days(days: Ints) -> Bytes:
    """YDDD: last digit of the year and day of the year."""
    dates = days.astype("datetime64[D]")
    years = dates.astype("datetime64[Y]")
    in_year = (dates - years.astype("datetime64[D]")).astype(np.int64) + 1
    return digits((years.astype(np.int64) + 1970) % 10 * 1000 + in_year, 4)


def short_dates(days: Ints) -> Bytes:
    """YYMMDD."""
    year, month, day = _parts(days)
    return digits(year % 100 * 10_000 + month * 100 + day, 6)


def month_days(days: Ints) -> Bytes:
    """MMDD."""
    _, month, day = _parts(days)
    return digits(month * 100 + day, 4)


def clock_digits(seconds: Ints) -> Bytes:
    """Hhmmss of seconds of the day."""
    return digits(seconds // 3600 * 10_000 + seconds // 60 % 60 * 100 + seconds % 60, 6)


def iso_times(wall: Ints, between: str) -> Column:
    """YYYY-MM-DD, ``between``, hh:mm:ss of seconds on a wall clock."""
    rows = len(wall)
    year, month, day = _parts(wall // DAY_SECONDS)
    clock = clock_digits(wall % DAY_SECONDS)
    pieces = [Column(content=digits(year, 4)), fixed("-", rows), Column(content=digits(month, 2)), fixed("-", rows)]
    pieces += [Column(content=digits(day, 2)), fixed(between, rows), Column(content=clock[:, :2]), fixed(":", rows)]
    return joined([*pieces, Column(content=clock[:, 2:4]), fixed(":", rows), Column(content=clock[:, 4:])])


def in_zone(wall: Ints, zone: str) -> pl.Series:
    """Seconds on the wall clock of ``zone`` as moments; the earlier one where a clock showed a time twice."""
    return pl.Series(wall * 1000).cast(pl.Datetime("ms")).dt.replace_time_zone(zone, ambiguous="earliest")


def utc_offsets(wall: Ints, zone: str) -> Ints:
    """Seconds by which the wall clock of ``zone`` was ahead of UTC."""
    moments = in_zone(wall, zone).cast(pl.Int64).to_numpy() // 1000
    ahead: Ints = wall - moments
    return ahead


def acquirer_times(wall: Ints, places: Ints) -> Ints:
    """Wall clock of the acquirer for local times at places of sale, which are told by their currency."""
    found = np.empty_like(wall)
    for place in np.unique(places):
        there = places == place
        moments = in_zone(wall[there], _ZONES.get(int(place), HOME_ZONE))
        seen = moments.dt.convert_time_zone(ACQUIRER_ZONE).dt.replace_time_zone(None)
        found[there] = seen.cast(pl.Int64).to_numpy() // 1000
    return found
