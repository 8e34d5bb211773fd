"""Reference data by version: what was known of accounts, cards, stores, codes, rates, days and profits after a night.

A row has two dates: the business date of its file says which version it is of, the night on which it came says from
when it is known. After a night that version holds which has the latest business date of all that had come, so a file
that comes late does not undo a newer one; of two versions of one date the one that came last holds, and within a night
the one whose file has the later name. A row with ``retracted`` takes back all that earlier versions told of its key.
Nothing is overwritten: an earlier night, done again, sees what it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "account_event": ("account_id", "event", "effective_on"),
    "calendar_day": ("calendar", "day"),
    "enrolment": ("card_ref", "valid_from"),
    "fx_rate": ("rate_date", "from_currency", "to_currency"),
    "mcc": ("mcc",),
    "opening_position": ("contract", "item"),
    "pnl": ("programme", "month", "version", "line"),
    "store": ("merchant_number",),
}
"""The tables of reference data, and what each version of a row is of."""

_VERSION, _PLACE, _UNTIL = "version?", "place?", "until?"


def standing(table: str, rows: pl.LazyFrame, files: pl.LazyFrame) -> pl.LazyFrame:
    """Every row that nothing has taken back, oldest version first.

    Parameters
    ----------
    rows
        Rows known after the night, with ``file``, ``record``, ``business_date`` (the night on which they came),
        ``retracted`` and the columns of the table's key.
    files
        ``file`` and ``file_date`` of the accepted files; one that has no date is of the night on which it came.
    """
    key = list(KEYS[table])
    dates = files.select("file", pl.col("file_date").alias(_VERSION)).unique(subset="file", keep="any")
    ordered = (
        rows.join(dates, on="file", how="left")
        .with_columns(pl.coalesce(_VERSION, "business_date"))
        .sort(_VERSION, "business_date", "file", "record")
        .drop(_VERSION)
        .with_row_index(_PLACE)
    )
    taken_back = pl.col("retracted").is_not_null()
    until = ordered.filter(taken_back).group_by(key).agg(pl.col(_PLACE).max().alias(_UNTIL))
    return (
        ordered.join(until, on=key, how="left")
        .filter(pl.col(_UNTIL).is_null() | (pl.col(_PLACE) > pl.col(_UNTIL)))
        .sort(_PLACE)
        .drop(_PLACE, _UNTIL, "retracted")
    )


def open_days(rows: pl.LazyFrame, files: pl.LazyFrame, calendar: str, day: date) -> dict[date, bool]:
    """Of a bank calendar the days that its feed has told up to a night, and whether each is open.

    Parameters
    ----------
    rows, files
        Rows of table ``calendar_day`` and of table ``file``, each with ``business_date``, the night on which it came.
    """
    told = rows.filter((pl.col("calendar") == calendar) & (pl.col("business_date") <= day))
    held = latest("calendar_day", told, files.filter(pl.col("business_date") <= day)).select("day", "kind").collect()
    return {one: kind == "OPEN" for one, kind in held.iter_rows()}


def latest(table: str, rows: pl.LazyFrame, files: pl.LazyFrame) -> pl.LazyFrame:
    """Of each key the one row that holds, in the order of versions; no row for what was taken back."""
    return standing(table, rows, files).unique(subset=KEYS[table], keep="last", maintain_order=True)
