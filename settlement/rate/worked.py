"""A contract worked out over an events table: its statements, the lines behind them, and every step of the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.clearing import StatementState
from settlement.model.contract import ContractVersion, known_versions
from settlement.model.contract_measures import ACCOUNTS_UNIT
from settlement.model.contract_terms import RecordRateTerm
from settlement.model.dates import Period, period_of
from settlement.model.events import EventKind, Events
from settlement.model.money import decimal_of, exponent, to_major
from settlement.model.tables import TABLES
from settlement.rate.adjustments import reopened_until
from settlement.rate.closings import Closing, closings
from settlement.rate.evaluate import in_force, periods_known
from settlement.rate.event_days import KnownOn, known_on
from settlement.rate.event_groups import EventGroups, event_groups
from settlement.rate.forms import exactly
from settlement.rate.per_record import PURCHASES
from settlement.rate.stated import PayoutRow

_LINE: Final = ("as_of", "contract", "version", "clause", "term", "period", "selector")
_OF_EVENT: Final = ("event_id", "kind", "event_date", "account_id", "quantity", "exact", "unit")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What a contract gives.

    Attributes
    ----------
    statement:
        The columns of table ``payout``, and ``amount`` in major units.
    lines:
        What each term's quantities are made of, down to the event: as known after the day of each statement for its
        own period, and after the last day for all periods.
    steps:
        Each statement with the quantities, exact values and roundings of its terms, as JSON says it.
    warnings:
        What a person should see of these statements, a sentence each.
    """

    statement: pl.DataFrame
    lines: pl.DataFrame
    steps: Json
    warnings: tuple[str, ...]


def work_out(
    versions: Sequence[ContractVersion], events: Events, day: date, within: tuple[date, date] | None = None
) -> Worked:
    """The statements of the periods that lie ``within`` two days, each as known when it closed, the last as of ``day``.

    Parameters
    ----------
    versions:
        All versions of one contract, in order; each statement looks at those that are known after its day.
    events:
        All events; what is known later than ``day`` is not looked at.
    within:
        First and last day; None for all periods up to ``day``.

    Raises
    ------
    TerminalError
        Where the events do not fit the contract, or no period lies within the days.
    """
    groups = event_groups(events, versions)
    # The last day is asked for first and last, and of all events; a statement asks for its own day, after those before.
    at_last = known_on(groups, versions, day)
    at: KnownOn | None = None

    def known_then(one: date) -> KnownOn:
        nonlocal at
        if one == day:
            return at_last
        if at is None or at.facts.day != one:
            at = known_on(groups, versions, one, at)
        return at

    told = known_versions(versions, day)
    known = periods_known(told, at_last.facts) if told else ()
    if not known:
        first = min(max(version.effective, version.known_on) for version in versions)
        raise TerminalError(
            f"Contract {versions[0].contract.id} is in force and known from {first} on: nothing is owed as of {day}."
        )
    first, last = within or (known[0].first, known[-1].last)
    wanted = [period for period in known if first <= period.first and period.last <= last]
    if not wanted:
        raise TerminalError(
            f"No period of contract {versions[0].contract.id} lies from {first} to {last}; up to {day} there are "
            f"{known[0].text} to {known[-1].text}: name some of these."
        )
    # What a closed period comes to on the last day on which it may change is paid, though no statement closes then.
    rules = [version.contract.settlement.adjustments for version in versions]
    ends = {reopened_until(rule, period) for rule in rules for period in known}
    told_on = {day, *(period.last for period in known)}
    rows: list[PayoutRow] = []
    lines: list[pl.DataFrame] = []
    steps: list[Json] = []
    warnings: dict[str, str] = {}
    made = closings(
        versions,
        day,
        lambda one: known_then(one).facts,
        lambda one: known_then(one).sums,
        between=filter(None, ends),
    )
    for closing in made:
        own = period_of(closing.day, versions[0].contract.calendar)
        if own in wanted and closing.day in told_on:
            rows += closing.rows
            behind = wanted if closing.day == day else [own]
            texts = [period.text for period in behind]
            behind_them = known_then(closing.day).rows.filter(pl.col("period").is_in(texts))
            lines.append(_lines(groups, closing, behind_them))
            steps.append(_steps(own, closing))
            warnings |= {one.subject: one.sentence for one in closing.untold}
    about = {"contract": versions[0].contract.id, "as_of": day.isoformat(), "events": events.name}
    return Worked(
        statement=_statement(rows),
        lines=pl.concat(lines),
        steps={**about, "statements": steps},
        warnings=tuple(warnings.values()),
    )


def _statement(rows: Sequence[PayoutRow]) -> pl.DataFrame:
    table = pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema)
    amounts = [to_major(row.amount_minor, row.currency) for row in rows]
    place = table.get_column_index("amount_minor") + 1
    return table.insert_column(place, pl.Series("amount", amounts, dtype=pl.String))


def _lines(groups: EventGroups, closing: Closing, rows: pl.DataFrame) -> pl.DataFrame:
    """Contributions with their events; an account's event is the one that opened it."""
    standing = groups.told(rows["record"], rows["account_id"]).standing(closing.day)
    opened = standing.filter(pl.col("kind") == EventKind.ACCOUNT_OPENED)
    by_account = opened.select("account_id", opening_event="event_id").unique(
        "account_id", keep="last", maintain_order=True
    )
    return (
        rows.join(by_account, on="account_id", how="left")
        .with_columns(
            as_of=pl.lit(closing.day),
            # What a limit takes from an account has no event.
            event_id=pl.coalesce("file", pl.when(pl.col("unit") == ACCOUNTS_UNIT).then("opening_event")),
        )
        .join(standing.select("event_id", "kind", "event_date"), on="event_id", how="left")
        .join(_exact_by_event(closing, rows, standing), on=["version", "term", "event_id"], how="left")
        .select(*_LINE, *_OF_EVENT)
        .sort(*_LINE, "event_id", "account_id", nulls_last=True)
    )


def _exact_by_event(closing: Closing, rows: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """What each event that adds gives before it is rounded, of the terms that are rounded event by event."""
    amounts = dict(standing.select("event_id", "amount_minor").iter_rows())
    found = []
    for version in closing.versions:
        currency = version.contract.currency
        for term in version.contract.terms:
            own = (pl.col("version") == version.effective) & (pl.col("term") == term.id)
            if isinstance(term, RecordRateTerm):
                for name in rows.filter(own & (pl.col("selector") == PURCHASES))["file"]:
                    exact = exactly(term, currency, {"left_of_purchase": 0, "amount": amounts[name]})
                    found.append((version.effective, term.id, name, None if exact is None else _exact(exact, currency)))
    schema = {"version": pl.Date, "term": pl.String, "event_id": pl.String, "exact": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row")


def _steps(period: Period, closing: Closing) -> Json:
    """One statement: its terms with every step, closed periods that are restated, and the lines of the settlement."""
    restated = {row.period for row in closing.rows if row.state == StatementState.RESTATED}
    own = [row for row in closing.rows if row.state != StatementState.RESTATED]
    terms = {term.id for term in in_force(closing.versions, period).contract.terms}
    return {
        "as_of": closing.day.isoformat(),
        "period": period.text,
        "state": str(own[0].state),
        "warnings": [one.sentence for one in closing.untold],
        "terms": _terms(closing, period),
        "restated": [
            {"period": one.text, "terms": _terms(closing, one)} for one in closing.lines if one.text in restated
        ],
        "settlement": [_settled(row) for row in own if row.beneficiary is not None or row.term not in terms],
    }


def _terms(closing: Closing, period: Period) -> list[Json]:
    version, lines = in_force(closing.versions, period), closing.lines[period]
    currency = version.contract.currency
    return [
        {
            "term": term.id,
            "form": term.form,
            "clause": term.clause,
            "version": version.effective.isoformat(),
            "known_on": version.known_on.isoformat(),
            "quantities": _quantities(lines[term.id].quantities),
            "roundings": [
                {"exact": _exact(one.exact, currency), "mode": str(one.mode), "gives": to_major(one.whole, currency)}
                for one in lines[term.id].roundings
            ],
            "amount": to_major(lines[term.id].amount_minor, currency),
            "currency": currency,
        }
        for term in version.contract.terms
    ]


def _quantities(told: str) -> Json:
    """``name=value;name:amount=...`` taken apart: numbers in minor units, or as they are counted."""
    return dict(part.partition("=")[::2] for part in told.split(";") if part)


def _settled(row: PayoutRow) -> Json:
    return {
        "line": row.term,
        "beneficiary": row.beneficiary,
        "amount": to_major(row.amount_minor, row.currency),
        "currency": row.currency,
        "clause": row.clause,
        "quantities": _quantities(row.quantities),
        "adjusts": row.adjusts,
    }


def _exact(value: Fraction, currency: str) -> str:
    """An exact number of minor units in major units: a decimal where it ends, and otherwise a fraction."""
    major = value / 10 ** exponent(currency)
    decimal = decimal_of(major)
    return str(major) if decimal is None else f"{decimal:f}"
