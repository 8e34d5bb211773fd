"""Are the bank's statements whole: none missing between two, each beginning where the one before ended.

Banks count statements of an account from 1, some beginning anew each year; a page is a part of a statement. What is
compared is known tonight or from earlier nights, so a statement that comes late fills its own gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import polars as pl

from settlement.check.findings import counted
from settlement.model.finding import Finding, Severity
from settlement.model.money import to_major

Row = Mapping[str, Any]
_SERIES = ("account", "currency")
DETAIL_READS: Final = (
    *("file", "entry", "entry_direction", "entry_minor", "entry_currency", "charges_minor"),
    *("direction", "amount_minor", "currency"),
)
"""The columns of ``bank_detail`` that are looked at."""


def statement_findings(
    tonight: pl.DataFrame, details: pl.DataFrame, history: Mapping[str, pl.LazyFrame]
) -> list[Finding]:
    """Gaps, repeated numbers, pages that are missing, balances that do not meet, and details that do not add up.

    Parameters
    ----------
    tonight
        ``bank_statement`` of tonight's accepted files.
    details
        Of their ``bank_detail``, the columns ``DETAIL_READS``.
    history
        ``bank_statement`` of earlier nights.
    """
    if tonight.is_empty():
        return [*_detail_findings(details)]
    accounts = tonight.select(_SERIES).unique().lazy()
    before = history["bank_statement"].select(tonight.columns)
    earlier = before.join(accounts, on=_SERIES, how="semi", nulls_equal=True).collect()
    findings: list[Finding] = []
    known: list[Row] = [{**row, "new": False} for row in earlier.iter_rows(named=True)]
    known += [{**row, "new": True} for row in tonight.iter_rows(named=True)]
    for _, rows in groupby(sorted(known, key=_turn), key=lambda row: tuple(str(row[name]) for name in _SERIES)):
        series = [*rows]
        findings += _number_findings(series)
        findings += _page_findings(series)
    findings += [finding for row in tonight.iter_rows(named=True) for finding in _balance_findings(row)]
    return [*_distinct(findings), *_detail_findings(details)]


def _turn(row: Row) -> tuple[str, str, str, int, int, str, int]:
    day = row["closing_on"]
    number, page = row["sequence"] or 0, row["page"]
    return str(row["account"]), str(row["currency"]), str(day or ""), number, page, row["file"], row["record"]


def _number_findings(series: list[Row]) -> Iterator[Finding]:
    """Numbers that are missing before one of tonight's statements, or that were used before."""
    counted_ = [row for row in series if row["sequence"] is not None and row["closing_on"] is not None]
    for row in counted_:
        if not row["new"]:
            continue
        number, year, name = row["sequence"], row["closing_on"].year, _name(row)
        same_year = [other for other in counted_ if other["closing_on"].year == year and other is not row]
        before = max((other["sequence"] for other in same_year if other["sequence"] < number), default=None)
        if before is None:
            last = [other["sequence"] for other in counted_ if other["closing_on"].year < year]
            # A year begins with 1, or the count goes on; an account's first statement may have any number.
            before = number - 1 if not last or number == last[-1] + 1 else 0
        if before < number - 1:
            missing = f"{before + 1}" if before + 1 == number - 1 else f"{before + 1} to {number - 1}"
            text = f"Statement {number} of {name} came, {missing} did not: ask the bank for what is missing."
            yield _warning("statement_gap", f"{row['file']}#{row['record']}", text)
        twins = [o for o in same_year if (o["sequence"], o["page"]) == (number, row["page"]) and _earlier(o, row)]
        if twins:
            text = (
                f"Statement {number} of {name} is told by {twins[0]['file']} too, and entries of both are cash: ask "
                "the bank which of the two is right."
            )
            subject = f"{row['file']}#{row['record']}"
            yield Finding(check="statement_repeated", subject=subject, severity=Severity.ERROR, text=text)


def _page_findings(series: list[Row]) -> Iterator[Finding]:
    """Pages of tonight's statements that are missing, and the sum over all pages where none is."""
    paged = [row for row in series if (row["page"], row["last_page"]) != (1, True)]
    for key, rows in groupby(paged, key=lambda row: (row["sequence"], row["sequence"] is None and row["statement_id"])):
        pages = sorted(rows, key=lambda row: (row["page"], row["file"], row["record"]))
        new = [row for row in pages if row["new"]]
        if not new:
            continue
        subject, name = f"{new[-1]['file']}#{new[-1]['record']}", _name(pages[0])
        numbers = [row["page"] for row in pages]
        if numbers != list(range(1, len(numbers) + 1)) or not pages[-1]["last_page"]:
            told = ", ".join(map(str, numbers))
            text = f"Of statement {key[0] or key[1]} of {name} only page {told} came: ask the bank for the others."
            yield _warning("statement_page_missing", subject, text)
            continue
        opening, closing = pages[0]["opening_minor"], pages[-1]["closing_minor"]
        booked = sum(row["entries_minor"] for row in pages)
        if None not in {opening, closing} and opening + booked != closing:
            text = (
                f"The pages of statement {key[0] or key[1]} of {name} do not lead to its closing balance: ask the bank."
            )
            yield _warning("statement_balance", subject, text)


def _balance_findings(row: Row) -> Iterator[Finding]:
    """A statement of one page whose entries do not lead from its opening to its closing balance."""
    if (row["page"], row["last_page"]) != (1, True):
        return
    opening, closing, name = row["opening_minor"], row["closing_minor"], _name(row)
    subject = f"{row['file']}#{row['record']}"
    if opening is None or closing is None:
        which = "opening" if opening is None else "closing"
        text = f"The statement of {name} tells no {which} balance: nothing proves that its entries are complete."
        yield Finding(check="statement_unproved", subject=subject, severity=Severity.NOTE, text=text)
    elif opening + row["entries_minor"] != closing:
        off = to_major(closing - opening - row["entries_minor"], row["currency"])
        text = (
            f"The entries of {name} do not lead from its opening to its closing balance, {off} {row['currency']} are "
            "missing: ask the bank for the other entries."
        )
        yield _warning("statement_balance", subject, text)


def _detail_findings(details: pl.DataFrame) -> Iterator[Finding]:
    """Transactions that do not add up to the entry under which they stand in the same file."""
    ours = (pl.col("currency") == pl.col("entry_currency")) & pl.col("amount_minor").is_not_null()
    sums = (
        details.group_by("file", "entry")
        .agg(
            ours.fill_null(value=False).all().alias("known"),
            (pl.col("direction") * pl.col("amount_minor")).sum().alias("sum"),
            (pl.col("entry_direction") * pl.col("entry_minor")).first().alias("whole"),
            pl.col("charges_minor").first().fill_null(0),
            pl.col("entry_currency").first(),
            pl.len().alias("details"),
        )
        .filter(pl.col("known") & (pl.col("sum") != pl.col("whole")))
        .filter(pl.col("sum") - pl.col("charges_minor") != pl.col("whole"))
        .sort("file", "entry")
    )
    for row in sums.iter_rows(named=True):
        code = row["entry_currency"]
        text = (
            f"The {counted(row['details'], 'transaction')} of entry {row['entry']} come to "
            f"{to_major(row['sum'], code)} {code}, the entry is {to_major(row['whole'], code)} {code}: ask the bank."
        )
        yield _warning("details_differ", f"{row['file']}#{row['entry']}", text)


def _earlier(other: Row, row: Row) -> bool:
    """Whether ``other`` was known first: on an earlier night, or as the earlier file of one night."""
    if other["new"] != row["new"]:
        return not other["new"]
    return (other["file"], other["record"]) < (row["file"], row["record"])


def _name(row: Row) -> str:
    return f"{row['account']} {row['currency'] or ''}".strip()


def _warning(check: str, subject: str, text: str) -> Finding:
    return Finding(check=check, subject=subject, severity=Severity.WARNING, text=text)


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    """The first finding of each check and subject."""
    return [*{(finding.check, finding.subject): finding for finding in reversed([*findings])}.values()]
