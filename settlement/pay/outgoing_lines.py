"""The lines of files for partners, whatever layout they are written in: one frame with a row for each line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, BinaryIO, Final

import polars as pl

from settlement.model.statement_lines import CARRY_OUT, PAYOUT
from settlement.pay.outgoing_layout import Format, OutgoingLayout, Tag
from settlement.pay.outgoing_tables import write_parquet, write_workbook
from settlement.pay.outgoing_text import write_text
from settlement.pay.partners import Recipient
from settlement.pay.restated import OTHER, RestatedPeriod
from settlement.pay.statement import Line
from settlement.pay.statement_document import reasons

_USES: Final = (PAYOUT, CARRY_OUT)
"""What becomes of the balance."""

SCHEMA: Final = pl.Schema(
    {
        "tag": pl.String(),
        **dict.fromkeys(("version", "content", "contract", "beneficiary", "partner", "period", "state"), pl.String()),
        "as_of": pl.Date(),
        "sequence": pl.Int64(),
        "currency": pl.String(),
        "line": pl.Int64(),
        **dict.fromkeys(("clause", "term", "text", "quantities", "adjusts", "reason"), pl.String()),
        **dict.fromkeys(("amount", "stated", "now", "difference"), pl.Int64()),
        **dict.fromkeys(("count", "debit", "credit", "net"), pl.Int64()),
        "sign": pl.String(),
    }
)
"""The values of the lines of a settlement or restatement file; money in minor units of ``currency``."""


def write_in_layout(rows: Iterable[pl.DataFrame], layout: OutgoingLayout, made_on: date, out: BinaryIO) -> None:
    """Write lines in a declared layout, some after others; ``made_on`` is the day that a document's properties tell."""
    match layout.format:
        case Format.PARQUET:
            write_parquet(rows, layout, out)
        case Format.WORKBOOK:
            write_workbook(rows, layout, made_on, out)
        case Format.DELIMITED | Format.FIXED_WIDTH:
            write_text(rows, layout, out)


def settlement_lines(to: Recipient, layout: OutgoingLayout) -> pl.DataFrame:
    """The settlement file: terms and adjustments, their total, the partner's own lines, the balance, its use.

    ``total`` is the sum of the terms and adjustments in each currency they have, ``balance`` what is carried in plus
    the share plus the entries between; it equals payout plus carry-out. Raises TerminalError where the lines do not
    re-add.
    """
    statement = to.statement
    details = [_detail(number, line) for number, line in enumerate(statement.lines, start=1)]
    earned, own = details[: len(statement.terms)], details[len(statement.terms) :]
    labels, paid_in = to.words.labels, statement.currency
    totals = [
        _sum(
            "total",
            labels["sum_total"],
            sum(line.amount_minor for line in statement.terms if line.currency == one),
            one,
        )
        for one in sorted({line.currency for line in statement.terms}) or [paid_in]
    ]
    balance = _sum("balance", labels["sum_balance"], statement.balance_minor, paid_in)
    return _frame(
        header(to, layout),
        [
            *earned,
            *totals,
            *(row for row in own if row["term"] not in _USES),
            balance,
            *(row for row in own if row["term"] in _USES),
        ],
        [(line.amount_minor, line.currency) for line in statement.lines],
    )


def restatement_lines(to: Recipient, restated: Sequence[RestatedPeriod], layout: OutgoingLayout) -> pl.DataFrame:
    """The restatement file: of each term of a closed period what was stated, what it is now, and why.

    The trailer's sums are of the differences, which are the statement's adjustments.
    """
    terms = [(one.period, term) for one in restated for term in one.terms]
    rows = [
        {
            "tag": Tag.DETAIL.value,
            "line": number,
            "adjusts": period,
            "clause": term.clause,
            "term": to.words.labels["other_lines"] if term.term == OTHER else term.term,
            "stated": term.stated_minor,
            "now": term.now_minor,
            "difference": term.difference_minor,
            "sign": _sign(term.difference_minor),
            "currency": term.currency,
            "reason": "; ".join(reasons(term, to.said(term.term), to.words)),
        }
        for number, (period, term) in enumerate(terms, start=1)
    ]
    return _frame(
        header(to, layout),
        rows,
        [(term.difference_minor, term.currency) for _, term in terms],
    )


def header(to: Recipient, layout: OutgoingLayout) -> dict[str, Any]:
    """The header line: whose file of what it is, as known when, and its sequence number."""
    statement = to.statement
    return {
        "tag": Tag.HEADER.value,
        "version": layout.version,
        "content": layout.of.value,
        "contract": statement.contract,
        "beneficiary": statement.beneficiary,
        "partner": to.name,
        "period": statement.period,
        "as_of": statement.as_of,
        "state": statement.state,
        "currency": statement.currency,
        "sequence": statement.sequence,
    }


def _frame(
    head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], amounts: Sequence[tuple[int, str]]
) -> pl.DataFrame:
    """Header, rows, and a trailer for each currency of the detail lines' amounts."""
    trailers = []
    for currency in sorted({currency for _, currency in amounts}) or [head["currency"]]:
        mine = [amount for amount, of in amounts if of == currency]
        debit, credit = -sum(a for a in mine if a < 0), sum(a for a in mine if a > 0)
        sums = {"count": len(mine), "debit": debit, "credit": credit, "net": credit - debit}
        trailers.append({"tag": Tag.TRAILER.value, "currency": currency, **sums})
    return pl.DataFrame([head, *rows, *trailers], schema=SCHEMA)


def _detail(number: int, line: Line) -> dict[str, Any]:
    return {
        "tag": Tag.DETAIL.value,
        "line": number,
        "clause": line.clause,
        "term": line.term,
        "text": line.text,
        "quantities": line.quantities,
        "amount": line.amount_minor,
        "sign": _sign(line.amount_minor),
        "currency": line.currency,
        "adjusts": line.adjusts,
    }


def _sum(name: str, text: str, amount_minor: int, currency: str) -> dict[str, Any]:
    sums = {"term": name, "text": text, "amount": amount_minor, "sign": _sign(amount_minor), "currency": currency}
    return {"tag": Tag.SUM.value, **sums}


def _sign(amount_minor: int) -> str:
    """``C`` for what the partner is given, ``D`` for what is taken back."""
    return "D" if amount_minor < 0 else "C"
