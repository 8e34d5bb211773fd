"""Partners' statements as people read them: terms with their quantities, shares, carry, payout, and the change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from settlement.model.clearing import TOLD_ONLY, StatementState
from settlement.model.statement_lines import ADJUSTMENT, OWN_LINES, in_order, kind_of
from settlement.report.figures import Money, count_text

Row = Mapping[str, Any]
Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a statement; ``before`` is the amount as of the night before, None where there was none."""

    term: str
    clause: str
    beneficiary: str | None
    amount: Money
    before: Money | None
    quantities: tuple[str, ...]
    adjusts: str | None
    address: str

    @property
    def change_minor(self) -> int | None:
        """What the amount moved by since the night before, in minor units."""
        return None if self.before is None else self.amount.minor - self.before.minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One beneficiary's way from share to payout: one line for each of the statement's beneficiary terms."""

    name: str
    lines: tuple[Line | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatedPeriod:
    """Recomputed terms of a closed period, as of this night."""

    period: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One contract's statement of one period."""

    contract: str
    period: str
    state: str
    terms: tuple[Line, ...]
    totals: tuple[Money, ...]
    partner_terms: tuple[str, ...]
    partners: tuple[Partner, ...]
    payouts: tuple[Money, ...]
    restated: tuple[RestatedPeriod, ...]
    parked: tuple[Line, ...]


def statements(payout: pl.DataFrame, history: pl.LazyFrame) -> tuple[Statement, ...]:
    """The statements of the night, by contract and period; restated terms stand with the contract's latest one."""
    before = _night_before(history)
    rows = [(row, _line(row, before)) for row in payout.iter_rows(named=True)]
    live = sorted({(row["contract"], row["period"]) for row, _ in rows if row["state"] not in TOLD_ONLY})
    latest = dict(live)
    found = []
    for contract, period in live:
        mine = [(row, line) for row, line in rows if (row["contract"], row["period"]) == (contract, period)]
        mine = [(row, line) for row, line in mine if row["state"] not in TOLD_ONLY]
        terms = sorted((line for _, line in mine if line.beneficiary is None), key=_in_order)
        shared = [line for _, line in mine if line.beneficiary is not None]
        found.append(
            Statement(
                contract=contract,
                period=period,
                state=mine[0][0]["state"],
                terms=tuple(terms),
                totals=_sums(terms),
                partner_terms=_partner_terms(shared),
                partners=_partners(shared),
                payouts=_sums(line for line in shared if line.term == "payout"),
                restated=_restated(contract, rows) if latest[contract] == period else (),
                parked=_parked(contract, rows) if latest[contract] == period else (),
            )
        )
    return tuple(found)


def _partner_terms(lines: Iterable[Line]) -> tuple[str, ...]:
    """The beneficiary terms that occur, in the order in which money runs through them; unknown ones first."""
    found = {line.term for line in lines}
    unknown = {term for term in found if kind_of(term) not in OWN_LINES}
    return (*sorted(unknown), *in_order(found - unknown))


def _partners(lines: Sequence[Line]) -> tuple[Partner, ...]:
    known = {(line.beneficiary, line.term): line for line in lines}
    terms = _partner_terms(lines)
    names = sorted({line.beneficiary for line in lines if line.beneficiary is not None})
    return tuple(Partner(name=name, lines=tuple(known.get((name, term)) for term in terms)) for name in names)


def _restated(contract: str, rows: Sequence[tuple[Row, Line]]) -> tuple[RestatedPeriod, ...]:
    mine = [
        (row, line) for row, line in rows if row["contract"] == contract and row["state"] == StatementState.RESTATED
    ]
    periods = sorted({row["period"] for row, _ in mine})
    return tuple(
        RestatedPeriod(
            period=period, lines=tuple(sorted((line for row, line in mine if row["period"] == period), key=_in_order))
        )
        for period in periods
    )


def _parked(contract: str, rows: Sequence[tuple[Row, Line]]) -> tuple[Line, ...]:
    """What closed periods may not come to any more, because it became known too late."""
    mine = [line for row, line in rows if row["contract"] == contract and row["state"] == StatementState.PARKED]
    return tuple(sorted(mine, key=_in_order))


def _night_before(history: pl.LazyFrame) -> dict[Key, Money]:
    """Amounts of the last night before this one, by contract, period, term, beneficiary and adjusted period."""
    last = history.filter(pl.col("business_date") == pl.col("business_date").max()).collect()
    return {_key(row): Money(currency=row["currency"], minor=row["amount_minor"]) for row in last.iter_rows(named=True)}


def _key(row: Row) -> Key:
    return (row["contract"], row["period"], row["term"], row["beneficiary"], row["adjusts"])


def _line(row: Row, before: Mapping[Key, Money]) -> Line:
    beneficiary = row["beneficiary"]
    # The one adjustment of a statement needs no period; a term that is parked has the name of another line without it.
    named = row["adjusts"] is not None and row["term"] != ADJUSTMENT
    term = f"{row['term']}:{row['adjusts']}" if named else row["term"]
    address = (row["contract"], row["period"], term, *([beneficiary] if beneficiary else []))
    return Line(
        term=row["term"],
        clause=row["clause"],
        beneficiary=beneficiary,
        amount=Money(currency=row["currency"], minor=row["amount_minor"]),
        before=before.get(_key(row)),
        quantities=read_quantities(row["quantities"]),
        adjusts=row["adjusts"],
        address="/".join(address),
    )


def read_quantities(text: str) -> tuple[str, ...]:
    """``own_volume=1200;2010-10.v1:profit=3:share=4`` as lines for people, whole numbers with separators."""
    return tuple(" \u00b7 ".join(_told(piece) for piece in part.split(":")) for part in text.split(";") if part)


def _told(piece: str) -> str:
    name, equals, value = piece.partition("=")
    return f"{name.replace('_', ' ')} {_separated(value)}" if equals else name


def _separated(value: str) -> str:
    return count_text(int(value)) if re.fullmatch(r"-?[0-9]{1,18}", value) else value


def _sums(lines: Iterable[Line]) -> tuple[Money, ...]:
    totals: dict[str, int] = {}
    for line in lines:
        totals[line.amount.currency] = totals.get(line.amount.currency, 0) + line.amount.minor
    return tuple(Money(currency=currency, minor=totals[currency]) for currency in sorted(totals))


def _in_order(line: Line) -> tuple[bool, list[tuple[int, str]], str, str]:
    """By clause as a person counts (2 before 10), adjustments last."""
    parts = [(int(part), "") if part.isdigit() else (0, part) for part in re.findall(r"[0-9]+|[^0-9]+", line.clause)]
    return (line.adjusts is not None, parts, line.term, line.adjusts or "")


def payout_history(payout: pl.DataFrame, history: pl.LazyFrame, business_date: date) -> pl.DataFrame:
    """What each contract pays or would pay, by night: business_date, contract, currency, state, amount_minor."""
    columns = ["business_date", "contract", "currency", "state", "amount_minor"]
    tonight = payout.lazy().with_columns(business_date=pl.lit(business_date))
    return (
        pl.concat([part.filter(pl.col("term") == "payout").select(columns) for part in (history, tonight)])
        .group_by(columns[:-1])
        .agg(pl.col("amount_minor").sum())
        .sort(columns[:-1])
        .collect()
    )
