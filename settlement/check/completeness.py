"""Is the night complete: the feeds that should have come, and the reference data that everything rests on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from settlement.check.findings import counted
from settlement.model.clearing import Fate
from settlement.model.expected import expected_on
from settlement.model.finding import Finding, Severity

REFERENCE_FEEDS: Final = ("accounts", "enrolment", "fx", "opening_positions", "stores")
"""Feeds without which no contract can be worked out, however good the clearing files are."""


def expected_feeds(documents: Mapping[str, str], business_date: date) -> tuple[str, ...]:
    """The feeds that a business date should bring, in the programme's order."""
    return tuple(entry.feed for entry in expected_on(documents, business_date))


def missing_feeds(
    feeds: tuple[str, ...], files: pl.DataFrame, history: pl.LazyFrame, business_date: date
) -> list[Finding]:
    """One finding for each expected feed of which no file of this business date is accepted, now or before."""
    present = set(_accepted(files).filter(pl.col("file_date") == business_date)["feed"])
    before = history.filter(pl.col("fate") == Fate.ACCEPTED.value, pl.col("file_date") == business_date)
    present |= set(before.select("feed").collect()["feed"])
    findings = []
    for feed in feeds:
        if feed in present:
            continue
        refused = files.filter(
            (pl.col("feed") == feed) & (pl.col("fate") == Fate.REJECTED.value) & (pl.col("file_date") == business_date)
        )
        came = f" ({counted(refused.height, 'file')} came and {'was' if refused.height == 1 else 'were'} refused)"
        text = (
            f"No good file of {feed} for {business_date}{came if refused.height else ''}: ask for it; it can be "
            "delivered on a later night and keeps its business date."
        )
        findings.append(Finding(check="feed_missing", subject=feed, severity=Severity.WARNING, text=text))
    return findings


def missing_reference(files: pl.DataFrame, history: pl.LazyFrame) -> list[Finding]:
    """One finding for each reference feed that was never accepted."""
    accepted = history.filter(pl.col("fate") == Fate.ACCEPTED.value).select("feed").unique().collect()["feed"]
    known = {*accepted, *_accepted(files)["feed"]}
    return [
        Finding(
            check="reference_missing",
            subject=feed,
            severity=Severity.ERROR,
            text=f"No file of {feed} was ever accepted: deliver it, contracts cannot be worked out without it.",
        )
        for feed in REFERENCE_FEEDS
        if feed not in known
    ]


def _accepted(files: pl.DataFrame) -> pl.DataFrame:
    return files.filter(pl.col("fate") == Fate.ACCEPTED.value)
