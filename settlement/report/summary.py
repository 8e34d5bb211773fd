"""The end of a night in a screenful of plain text: match rate, open breaks, payouts, and where everything lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.model.clearing import StatementState
from settlement.report import matching, sections
from settlement.report.figures import MINUS, NARROW_SPACE, NOTHING, Money, amount_text, count_text
from settlement.report.matching import MatchRate

_TYPEWRITER: Final = str.maketrans({MINUS: "-", NARROW_SPACE: " ", NOTHING: "-"})

READS: Final[tuple[str, ...]] = (
    *("file", "control_total", "finding", "reject", "match", "match_member", "open_item", "payout", "expectation"),
)
"""The tables of the night that the summary is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreaks:
    """Open items of one leg, reason and currency; ``ages`` counts them by age bucket, the youngest first."""

    leg: str
    reason: str
    items: int
    total: Money
    oldest_days: int
    ages: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPayout:
    """What one partner gets, or would get, for one period of one contract."""

    contract: str
    period: str
    beneficiary: str
    amount: Money
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSummary:
    """A night in figures. ``must_act`` counts findings and data-quality rules that a person must act on."""

    business_date: date
    fates: Mapping[str, int]
    must_act: int
    rates: tuple[MatchRate, ...]
    open_breaks: tuple[OpenBreaks, ...]
    payouts: tuple[PartnerPayout, ...]
    places: tuple[tuple[str, str], ...]


def night_summary(tables: Mapping[str, pl.DataFrame], business_date: date, places: Mapping[str, str]) -> NightSummary:
    """Summarise a settled night.

    Parameters
    ----------
    tables:
        The night's tables named in ``READS``.
    business_date:
        The night.
    places:
        What the night made to where it lies, such as ``report`` to a path, in the order in which it is told.
    """
    opened = tables["open_item"]
    findings = tables["finding"].filter(~pl.col("severity").is_in(sections.SEVERITIES[1:]))
    return NightSummary(
        business_date=business_date,
        fates=sections.fates(sections.files(tables["file"], tables["control_total"], tables["reject"])),
        must_act=findings.height + len(sections.failed_rules(tables["expectation"])),
        rates=matching.match_rates(tables["match"], tables["match_member"], opened),
        open_breaks=_open_breaks(opened),
        payouts=_payouts(tables["payout"]),
        places=tuple(places.items()),
    )


def _open_breaks(open_items: pl.DataFrame) -> tuple[OpenBreaks, ...]:
    key = ["leg", "reason", "currency"]
    grouped = open_items.group_by(key).agg(
        pl.len().cast(pl.Int64).alias("items"), pl.col("amount_minor").sum(), pl.col("age_days").max()
    )
    by_age = open_items.group_by(*key, "age_bucket").agg(
        pl.len().cast(pl.Int64).alias("items"), pl.col("age_days").min()
    )
    ages: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for *place, bucket, items, _ in by_age.sort(*key, "age_days").iter_rows():
        ages.setdefault(tuple(place), []).append((bucket, items))
    return tuple(
        OpenBreaks(
            leg=row["leg"],
            reason=row["reason"],
            items=row["items"],
            total=Money(currency=row["currency"], minor=row["amount_minor"]),
            oldest_days=row["age_days"],
            ages=tuple(ages[row["leg"], row["reason"], row["currency"]]),
        )
        for row in grouped.sort(key).iter_rows(named=True)
    )


def _payouts(payout: pl.DataFrame) -> tuple[PartnerPayout, ...]:
    live = payout.filter(
        pl.col("term") == "payout",
        pl.col("state") != StatementState.RESTATED,
        pl.col("beneficiary").is_not_null(),
    )
    return tuple(
        PartnerPayout(
            contract=row["contract"],
            period=row["period"],
            beneficiary=row["beneficiary"],
            amount=Money(currency=row["currency"], minor=row["amount_minor"]),
            state=row["state"],
        )
        for row in live.sort("contract", "period", "beneficiary").iter_rows(named=True)
    )


def render_summary(summary: NightSummary) -> str:
    """The summary as plain text with aligned columns, no line at the end."""
    parts = [f"The night of {summary.business_date} is settled.", _files(summary)]
    if summary.must_act:
        findings = "1 finding" if summary.must_act == 1 else f"{count_text(summary.must_act)} findings"
        parts.append(f"A person must act on {findings}: the report names them.")
    parts += ["", "Match rate"]
    parts += _aligned(
        [
            (rate.leg, rate.share, f"{count_text(rate.matched)} of {count_text(rate.matched + rate.opened)} records")
            for rate in summary.rates
        ],
        right=(1,),
    )
    parts += ["", "Open breaks"]
    parts += _aligned(
        [
            (
                item.leg,
                item.reason,
                count_text(item.items),
                amount_text(item.total.minor, item.total.currency),
                item.total.currency,
                f"oldest {item.oldest_days} {'day' if item.oldest_days == 1 else 'days'}",
                "by days: " + ", ".join(f"{count_text(items)} of {bucket}" for bucket, items in item.ages),
            )
            for item in summary.open_breaks
        ],
        right=(2, 3),
    )
    parts += ["", "Payouts"]
    parts += _aligned(
        [
            (
                line.beneficiary,
                line.contract,
                line.period,
                amount_text(line.amount.minor, line.amount.currency),
                line.amount.currency,
                line.state,
            )
            for line in summary.payouts
        ],
        right=(3,),
    )
    parts += ["", "Where it lies", *_aligned(summary.places, right=())]
    return "\n".join(parts).translate(_TYPEWRITER)


def _files(summary: NightSummary) -> str:
    told = ", ".join(f"{count_text(number)} {fate.replace('_', ' ')}" for fate, number in summary.fates.items())
    return f"{count_text(sum(summary.fates.values()))} files: {told or 'none'}."


def _aligned(rows: Sequence[Sequence[str]], right: tuple[int, ...]) -> list[str]:
    """Rows as lines with two blanks between columns; the columns named in ``right`` end flush."""
    if not rows:
        return ["  none"]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
