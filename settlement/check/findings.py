"""The findings about files and rows, and how they name records."""

from __future__ import annotations

from typing import Final

import polars as pl

from settlement.model.clearing import Fate, Why
from settlement.model.dates import delivered_on
from settlement.model.finding import Finding, Severity

_SHOWN: Final = 5
"""Most records that one sentence names."""


def shown_records(records: pl.Series) -> str:
    """Record numbers for a sentence: the first five in order, and how many more there are."""
    first = records.sort().head(_SHOWN).to_list()
    more = records.len() - len(first)
    return ", ".join(map(str, first)) + (f" and {more} more" if more else "")


def counted(number: int, noun: str) -> str:
    """``1 row`` or ``3 rows``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def file_findings(files: pl.DataFrame) -> list[Finding]:
    """One finding for each file that is not accepted or came late, and for each signature that waits for its file."""
    findings = []
    for row in files.iter_rows(named=True):
        if row["fate"] == Fate.MARKER or (row["fate"] == Fate.SIGNATURE and row["why"] is None):
            continue
        check, severity = {
            Fate.REJECTED: ("file_rejected", Severity.ERROR),
            Fate.NO_LAYOUT: ("file_without_layout", Severity.ERROR),
            Fate.DUPLICATE: ("file_sent_again", Severity.NOTE),
            Fate.ACCEPTED: ("file_late", Severity.NOTE),
            Fate.SIGNATURE: ("signature_without_file", Severity.WARNING),
        }[Fate(row["fate"])]
        if row["fate"] == Fate.ACCEPTED and row["why"] != Why.LATE:
            continue
        text = row["detail"] or f"The file is {row['fate']}: {row['why']}."
        findings.append(Finding(check=check, subject=row["file"], severity=severity, text=text))
    return findings


def said_findings(files: pl.DataFrame, delivery: pl.DataFrame, parsed: pl.DataFrame) -> list[Finding]:
    """What accepted files say of themselves and a person should know: test mode, another sender, a date to come."""
    accepted = files.filter(pl.col("fate") == Fate.ACCEPTED.value)
    told = accepted.join(parsed.select("file", "mode"), on="file", how="left").join(
        delivery.select("file", pl.col("sender").alias("layout_sender")), on="file", how="left"
    )
    findings = []
    for row in told.iter_rows(named=True):
        if row["mode"] == "T":
            text = "The file is marked as a test: make sure that it belongs into these books."
            findings.append(Finding(check="file_marked_test", subject=row["file"], severity=Severity.NOTE, text=text))
        if row["sender"] != row["layout_sender"]:
            text = (
                f"The file says it comes from {row['sender']}, its layout is for {row['layout_sender']}: ask "
                f"{row['layout_sender']} whether it is theirs, or give {row['sender']} a layout."
            )
            findings.append(Finding(check="file_sender", subject=row["file"], severity=Severity.WARNING, text=text))
    return findings


def early_findings(files: pl.DataFrame) -> list[Finding]:
    """Accepted files whose business date is after the night on which they came."""
    accepted = files.filter(pl.col("fate") == Fate.ACCEPTED.value)
    delivered = delivered_on(pl.col("file"))
    ahead = accepted.filter(pl.col("file_date") > delivered)
    return [
        Finding(
            check="file_early",
            subject=row["file"],
            severity=Severity.WARNING,
            text=f"The file belongs to {row['file_date']}, which is still to come: ask {row['sender']} about its date.",
        )
        for row in ahead.iter_rows(named=True)
    ]


def reject_findings(rejects: pl.DataFrame) -> list[Finding]:
    """One finding for each accepted file with rejected rows: how many, why, and where the first ones stand."""
    findings = []
    for (file,), rows in sorted(rejects.group_by(["file"]), key=lambda item: str(item[0][0])):
        by_reason = []
        for (reason,), some in sorted(rows.group_by(["reason"]), key=lambda item: str(item[0][0])):
            by_reason.append(f"{some.height} {reason} (record {shown_records(some['record'])})")
        text = (
            f"{counted(rows.height, 'row')} could not be used: {'; '.join(by_reason)}. Ask the sender to correct them."
        )
        findings.append(Finding(check="rows_rejected", subject=str(file), severity=Severity.WARNING, text=text))
    return findings
