"""Closed periods that come to something else: what each of their terms was stated as, what it is now, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.model.clearing import StatementState
from settlement.model.stage import StageInput
from settlement.model.statement_lines import ADJUSTMENT, stated_rows, told
from settlement.pay.contributions import contributions, records_of

OTHER: Final = "other"
"""The line of terms that a contract had when a period closed and has no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Facts that became known between: ``count`` records of one kind with their ``quantity`` in ``unit``.

    ``kind`` is None for what is no clearing record, such as an account; ``unit`` is a currency or a kind of things.
    """

    kind: str | None
    count: int
    quantity: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatedTerm:
    """One term of a closed period; amounts in minor units of ``currency``, quantities as the lines tell them."""

    term: str
    clause: str
    stated_minor: int
    now_minor: int
    currency: str
    stated_quantities: str
    now_quantities: str
    causes: tuple[Cause, ...]

    @property
    def difference_minor(self) -> int:
        """What it comes to now less what was stated."""
        return self.now_minor - self.stated_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatedPeriod:
    """A closed period; the differences of its terms sum to its adjustment."""

    period: str
    terms: tuple[RestatedTerm, ...]


def restated_periods(
    inputs: StageInput, tonight: pl.DataFrame, as_of: date, statement: str
) -> tuple[RestatedPeriod, ...]:
    """What the adjustments of one statement are made of, closed periods ascending.

    Parameters
    ----------
    inputs:
        Earlier ``payout`` lines, and tonight's and earlier ``rated`` and ``clearing``.
    tonight:
        Tonight's ``payout`` lines of the contract, those that are only told included.
    as_of, statement:
        The day of knowledge and the period of the statement.
    """
    of_statement = (pl.col("as_of") == as_of) & (pl.col("period") == statement)
    adjustments = tonight.filter(of_statement & (pl.col("term") == ADJUSTMENT)).sort("adjusts")
    if adjustments.is_empty():
        return ()
    contract = adjustments["contract"][0]
    stated = _stated(inputs, tonight, as_of, contract)
    restated = (pl.col("state") == StatementState.RESTATED) & (pl.col("as_of") == as_of)
    found = []
    for adjustment in adjustments.iter_rows(named=True):
        period = adjustment["adjusts"]
        before = stated.filter(pl.col("period") == period)
        was = {row["term"]: row for row in before.iter_rows(named=True)}
        since = before["as_of"].max()
        causes = _causes(
            inputs, contract, period, since if isinstance(since, date) else date.min, _until(tonight, period, as_of)
        )
        now = tonight.filter(restated & (pl.col("period") == period)).sort("clause", "term")
        terms = [
            RestatedTerm(
                term=row["term"],
                clause=row["clause"],
                stated_minor=was[row["term"]]["amount_minor"] if row["term"] in was else 0,
                now_minor=row["amount_minor"],
                currency=row["currency"],
                stated_quantities=was[row["term"]]["quantities"] if row["term"] in was else "",
                now_quantities=row["quantities"],
                causes=causes.get(row["term"], ()),
            )
            for row in now.iter_rows(named=True)
        ]
        gone = sum(term.difference_minor for term in terms) - adjustment["amount_minor"]
        if gone:
            terms.append(
                RestatedTerm(
                    term=OTHER,
                    clause=adjustment["clause"],
                    stated_minor=gone,
                    now_minor=0,
                    currency=adjustment["currency"],
                    stated_quantities="",
                    now_quantities="",
                    causes=(),
                )
            )
        if terms:
            found.append(RestatedPeriod(period=period, terms=tuple(terms)))
    return tuple(found)


def _until(tonight: pl.DataFrame, period: str, as_of: date) -> date:
    """The last day whose facts an adjustment rests on: what came later than the period may change is parked."""
    parked = (pl.col("state") == StatementState.PARKED) & (pl.col("as_of") == as_of) & (pl.col("adjusts") == period)
    ends = [told(text, "reopened_until") for text in tonight.filter(parked)["quantities"]]
    return min([as_of, *(date.fromisoformat(end) for end in ends if end is not None)])


def _stated(inputs: StageInput, tonight: pl.DataFrame, as_of: date, contract: str) -> pl.DataFrame:
    """The terms of closed periods as stated last before a day."""
    # Two statements may be told in one night: then the earlier one stands before the later one.
    before = pl.concat(
        [
            inputs.history["payout"].filter(pl.col("contract") == contract).select(tonight.columns).collect(),
            tonight.filter(pl.col("as_of") < as_of),
        ]
    )
    of_terms = pl.col("beneficiary").is_null() & pl.col("adjusts").is_null()
    return (
        stated_rows(before)
        .filter(of_terms)
        .sort("as_of", "period", "term")
        .unique(subset=["period", "term"], keep="last", maintain_order=True)
    )


def _causes(
    inputs: StageInput, contract: str, period: str, since: date, until: date
) -> Mapping[str, tuple[Cause, ...]]:
    """By term the facts of a closed period that became known after one day and up to another."""
    since_then = (pl.col("business_date") > since) & (pl.col("business_date") <= until)
    rated = contributions(inputs, contract, period).filter(since_then)
    place = ["file", "record"]
    changed = rated.group_by("term", "unit", *place, "account_id").agg(pl.col("quantity").sum()).collect()
    changed = changed.filter(pl.col("quantity") != 0)
    told = (
        changed.join(records_of(inputs, changed, "kind"), on=place, how="left")
        .group_by("term", "kind", "unit")
        .agg(pl.len().alias("count"), pl.col("quantity").sum())
        .sort("term", "kind", "unit", nulls_last=True)
    )
    found: dict[str, tuple[Cause, ...]] = {}
    for row in told.iter_rows(named=True):
        cause = Cause(kind=row["kind"], count=row["count"], quantity=row["quantity"], unit=row["unit"])
        found[row["term"]] = (*found.get(row["term"], ()), cause)
    return found
