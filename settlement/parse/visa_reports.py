"""What else stands in a Visa file: the network's settlement reports (TC 46), returned transactions, notices.

They become control records, or rejects with a reason, and never clearing. A report ties with the file's transactions
where it speaks of just these; else it is kept as the network's own total.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import RejectReason
from settlement.parse.candidates import Rule, candidate, first_broken, reject_rows
from settlement.parse.source import ControlTotal
from settlement.parse.spans import texts
from settlement.parse.visa_fields import currencies, ordinal_date
from settlement.parse.visa_groups import Groups
from settlement.parse.visa_layout import Edition

_AMOUNTS: Final = ("V2",)
"""Group and subgroup of reports whose TCR 0 has a count, a credit, a debit and a net."""
_INTERCHANGE, _ISSUER = "I", "2"
_SIGNS: Final = {"CR": 1, "DB": -1}
_SUMMARY: Final = "110"
_REASONS: Final = tuple(f"reason_{number}" for number in range(1, 6))
_RETURN_DATA: Final = 9


def read_reports(groups: Groups, edition: Edition) -> pl.DataFrame:
    """One row a report: what it tells, ``counted`` where it has amounts, the rules it may break in order."""
    numbers = groups.numbers(0, edition.report, ("count", "credit", "debit", "net", "currency"))
    frame = numbers.with_columns(
        *groups.texts(0, edition.report, ("group", "number", "type", "mode", "empty", "settled", "net_sign")),
        currencies(numbers["currency"]),
        record=groups.number,
    )
    days = [None if text is None else _settled(text) for text in frame["settled"].to_list()]
    sign = pl.col("net_sign").replace_strict(_SIGNS, default=None, return_dtype=pl.Int64)
    signed = pl.when(pl.col("net_sign").is_null() & (pl.col("net") == 0)).then(0).otherwise(pl.col("net") * sign)
    return frame.with_columns(
        pl.Series("settled_on", days, dtype=pl.Date),
        counted=pl.col("group").is_in(_AMOUNTS).fill_null(value=False) & (pl.col("empty").fill_null("") != "Y"),
        net_minor=signed,
    )


def _settled(text: str) -> date | None:
    """The date of YYYYDDD."""
    return ordinal_date(text[2:]) if text.startswith("20") else None


def _report_rules() -> tuple[Rule, ...]:
    col, counted = pl.col, pl.col("counted")
    number = RejectReason.NON_NUMERIC_AMOUNT
    return (
        Rule(reason=RejectReason.MALFORMED, field="group", broken=col("group").is_null() | col("number").is_null()),
        *(
            Rule(reason=number, field=name, broken=counted & col(name).is_null())
            for name in ("count", "credit", "debit", "net")
        ),
        Rule(reason=RejectReason.UNKNOWN_CURRENCY, field="currency", broken=counted & col("currency").is_null()),
        Rule(reason=RejectReason.BAD_DATE, field="settled", broken=counted & col("settled_on").is_null()),
        Rule(reason=RejectReason.MALFORMED, field="net_sign", broken=counted & col("net_minor").is_null()),
        Rule(
            reason=RejectReason.MALFORMED,
            field="net",
            broken=counted & (col("credit") - col("debit") != col("net_minor")),
        ),
    )


def reports_and_rejects(file: str, groups: Groups, edition: Edition, reports: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The candidate tables ``control_record`` and ``reject`` of the reports; amounts are + to us."""
    rules = _report_rules()
    frame = reports.with_columns(first_broken(reports, rules), amount_minor="net_minor")
    name = pl.format("VSS-{}", "number")
    told = pl.format(
        "VSS-{} {}{} of {}: {} transactions, credit {}, debit {}",
        *(
            "number",
            pl.col("type").fill_null(""),
            pl.col("mode").fill_null(""),
            "settled_on",
            "count",
            "credit",
            "debit",
        ),
    )
    good = frame.filter(pl.col("broken").is_null()).with_columns(
        pl.lit("SETTLEMENT_REPORT").alias("class"),
        pl.when("counted").then(told).otherwise(name).alias("text"),
        *(pl.when("counted").then(column).alias(column) for column in ("amount_minor", "currency")),
    )
    return {
        "control_record": candidate("control_record", file, good),
        "reject": reject_rows(
            file,
            frame,
            rules,
            lambda field, rows: texts(groups.field(0, edition.report[field]).rows(rows), field).fill_null("").to_list(),
        ),
    }


def sums_by_currency(moved: pl.DataFrame) -> pl.DataFrame:
    """Count, debit and credit of the transactions that have a direction and an amount, by ``currency``."""
    summed = moved.filter(pl.col("direction").is_not_null() & pl.col("dest").is_not_null())
    return summed.group_by(currency="dest_currency").agg(
        count_of_file=pl.len().cast(pl.Int64),
        debit_of_file=pl.col("dest").filter(pl.col("direction") > 0).sum(),
        credit_of_file=pl.col("dest").filter(pl.col("direction") < 0).sum(),
    )


def report_totals(reports: Sequence[pl.DataFrame], sums: Sequence[pl.DataFrame], day: date) -> tuple[ControlTotal, ...]:
    """The totals of reports that speak of just this file's transactions, beside what these give.

    That is interchange value of the issuer (VSS-110, type I, mode 2), settled on the file's day in a currency of which
    the file has as many transactions. ``reports`` and ``sums`` (see ``sums_by_currency``) are those of its parts.
    """
    if not reports:
        return ()
    ours = pl.concat(sums).group_by("currency").sum()
    spoken = pl.concat(reports).filter(
        pl.col("counted")
        & (pl.col("number") == _SUMMARY)
        & (pl.col("type") == _INTERCHANGE)
        & (pl.col("mode") == _ISSUER)
        & (pl.col("settled_on") == day)
    )
    tied = spoken.join(ours, on="currency").filter(pl.col("count") == pl.col("count_of_file")).sort("record")
    return tuple(
        ControlTotal(
            control=f"record {row['record']} VSS-{_SUMMARY} {side}", declared=row[side], computed=row[f"{side}_of_file"]
        )
        for row in tied.iter_rows(named=True)
        for side in ("credit", "debit")
    )


def returns_and_rejects(file: str, groups: Groups, edition: Edition) -> dict[str, pl.DataFrame]:
    """The candidate tables ``control_record`` and ``reject`` of what the network sent back, with its reasons."""
    numbers = groups.numbers(_RETURN_DATA, edition.returned, ("amount", "currency"))
    frame = numbers.with_columns(
        *groups.texts(_RETURN_DATA, edition.returned, ("code", *_REASONS)),
        currencies(numbers["currency"]),
        record=groups.number,
        alone=groups.lacks([_RETURN_DATA]),
        amount_minor="amount",
    )
    reasons = pl.concat_list(pl.when(pl.col(name) != "000").then(name) for name in _REASONS).list.drop_nulls()
    frame = frame.with_columns(reasons=reasons.list.join(" "))
    rules = (
        Rule(reason=RejectReason.MALFORMED, field="TCR", broken=pl.col("alone")),
        Rule(reason=RejectReason.MALFORMED, field="code", broken=pl.col("code").is_null()),
        Rule(reason=RejectReason.MALFORMED, field="reason_1", broken=pl.col("reasons") == ""),
    )
    frame = frame.with_columns(first_broken(frame, rules))
    good = frame.filter(pl.col("broken").is_null()).with_columns(
        pl.lit("RETURNED").alias("class"), pl.format("TC {} returned for {}", "code", "reasons").alias("text")
    )
    return {
        "control_record": candidate("control_record", file, good),
        "reject": reject_rows(file, frame, rules, lambda field, rows: _told(groups, edition, field, rows)),
    }


def _told(groups: Groups, edition: Edition, field: str, rows: NDArray[np.int64]) -> list[str]:
    if field == "TCR":
        return [groups.records.head(int(groups.first[row])) for row in rows]
    return texts(groups.rows(rows).field(_RETURN_DATA, edition.returned[field]), field).fill_null("").to_list()


def notices(file: str, groups: Groups, edition: Edition) -> pl.DataFrame:
    """The candidate table ``control_record`` of what carries no money."""
    words = {int(code): f"TC {code} {text}" for code, text in edition.notices.items()}
    frame = pl.DataFrame({"record": groups.number, "code": groups.code})
    text = pl.col("code").replace_strict(words, return_dtype=pl.String)
    return candidate("control_record", file, frame.with_columns(pl.lit("NOTICE").alias("class"), text.alias("text")))
