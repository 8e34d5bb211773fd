"""Where the exchange rates stand that convert a line or a record, what date picks a record's rate, and new fixings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeGuard

import polars as pl

from settlement import books
from settlement.explain.evidence import Contribution, known
from settlement.explain.scene import Scene
from settlement.history import told_after
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import EventAmounts, EventUnits, UnitMeasure, VolumeMeasure
from settlement.model.contract_terms import OF_ONE_MEASURE, RateByTerm, Term, UnitPriceTerm, looks_at
from settlement.model.dates import period_from
from settlement.model.versions import latest
from settlement.rate.contract_words import written_minor
from settlement.rate.conversion import read_refixed, read_taken
from settlement.rate.dating import EXCHANGE_DAY, RATE_DAY, dated, named_date
from settlement.rate.evaluate import in_force
from settlement.rate.event_measures import events_counted
from settlement.rate.facts import Facts, gather_standing, with_records
from settlement.rate.foreign import TAKEN_DAY
from settlement.rate.measures import exchanged, records_counted
from settlement.rate.touched import reached_from
from settlement.rate.wording import spoken
from settlement.restate_books import restatements
from settlement.stages import stage_named

_Told = Mapping[tuple[str, str, int], tuple[str, ...]]
"""Rates, and what picks them, in words by measure, file and record."""


def exchange_told(scene: Scene) -> tuple[str, ...]:
    """Each rate of a conversion with its date and the record that told it, and what closed periods come to anew."""
    rule = scene.version.contract.settlement.convert if scene.version else None
    if scene.version is None or rule is None:
        return ()
    rates = _rates(scene, scene.version.contract.currency, rule.to)
    days = read_taken(scene.row["quantities"])
    notes = [_told(rates[taken], day) for day, taken in days.items() if taken in rates]
    if not days:
        notes = [_told(rates[day], day) for day in sorted(day for day in rates if day <= scene.day)[-1:]]
    if rule.mean is not None and len(days) > 1:
        notes.append(f"the rate is the mean of these {len(days)}, rounded to {rule.mean.decimals} decimals")
    notes += [
        f"{one.period} comes to {written_minor(one.now, rule.to)} {rule.to} at its fixing as known now, and "
        f"{written_minor(one.stated, rule.to)} was stated for it"
        for one in read_refixed(scene.row["quantities"])
    ]
    return tuple(notes)


def with_rates(scene: Scene, contributions: tuple[Contribution, ...]) -> tuple[Contribution, ...]:
    """The contributions, each with the exchange rates at which its amounts were converted, and what picks its rate.

    No night keeps which rate a record took: it follows from the record's own dates, or those of what it refers to, as
    they decided on the line's day.
    """
    terms = [_term_of(scene, one) for one in contributions]
    places = [(one.file, one.record) for one, at in zip(contributions, terms, strict=True) if at is not None]
    if not places:
        return contributions
    facts = _facts_of(scene, pl.DataFrame(places, schema={"file": pl.String, "record": pl.Int64}, orient="row"))
    told: dict[tuple[date, str], _Told] = {}
    found = []
    for one, at in zip(contributions, terms, strict=True):
        if at is None or one.file is None or one.record is None:
            found.append(one)
            continue
        version, term = at
        key = (version.effective, term.id)
        if key not in told:
            told[key] = _of_records(scene, version, term, facts)
        measure = looks_at(term)[0] if isinstance(term, OF_ONE_MEASURE) else one.selector
        found.append(replace(one, rates=told[key].get((measure, one.file, one.record), ())))
    return tuple(found)


def _term_of(scene: Scene, contribution: Contribution) -> tuple[ContractVersion, Term] | None:
    """The term that a record contributes to, with its version; None where no date of the record is asked for."""
    if contribution.file is None or not scene.versions:
        return None
    version = in_force(scene.versions, period_from(contribution.period))
    own = next((term for term in version.contract.terms if term.id == contribution.term), None)
    asks = version.contract.exchange_dates or (own is not None and _is_dated(own))
    return (version, own) if own is not None and asks else None


def _is_dated(term: Term) -> TypeGuard[RateByTerm | UnitPriceTerm]:
    """Whether a date picks the rate or the price of a record."""
    if isinstance(term, UnitPriceTerm):
        return len(term.prices) > 1
    return isinstance(term, RateByTerm) and any(one.first or one.end for one in term.rates)


def _facts_of(scene: Scene, places: pl.DataFrame) -> Facts:
    """The records at some places, and all that decides about them, as known on the line's day."""
    restated = restatements(books.connect(scene.home), scene.day)
    inputs = told_after(scene.home, scene.night, stage_named("rate").history, restated)
    return with_records(gather_standing(inputs, scene.day), reached_from(inputs, places))


def _of_records(scene: Scene, version: ContractVersion, term: Term, facts: Facts) -> _Told:
    """The rates of all records of a term among the facts; that of a purchase only where it is another."""
    own = version.contract.currency
    rows = exchanged(version.contract, term, facts).filter(pl.col(TAKEN_DAY).is_not_null())
    rates = {currency: _rates(scene, currency, own) for currency in rows["currency"].unique()}
    told: dict[tuple[str, str, int], tuple[str, ...]] = {}
    for row in rows.iter_rows(named=True):
        text = _told(rates[row["currency"]][row[TAKEN_DAY]], row[EXCHANGE_DAY])
        key = (row["measure"], row["file"], row["record"])
        before = told.get(key, ())
        if text not in before:
            purchase = "" if row["of_file"] is None else f"its purchase, {row['of_file']} record {row['of_record']}, "
            told[key] = (*before, f"{purchase}{text}")
    if _is_dated(term):
        for file, record, day, word in _rate_days(version.contract, term, facts).iter_rows():
            key = (term.measure, file, record)
            told[key] = (*told.get(key, ()), f"its {spoken(word)}, {day}, picks the rate")
    return told


def _rate_days(contract: Contract, term: RateByTerm | UnitPriceTerm, facts: Facts) -> pl.DataFrame:
    """Which day picks the rate or the price of each record of a term, and which of the record's dates that is."""
    measure = contract.measures[term.measure]
    base = contract.measures[measure.of] if isinstance(measure, UnitMeasure) else measure
    asked = dated(term.rate_date).alias(RATE_DAY), named_date(term.rate_date).alias("word")
    match base:
        case VolumeMeasure():
            rows = records_counted(contract, base, facts, *asked)
        case EventAmounts() | EventUnits():
            rows = events_counted(contract, base, facts, *asked)
        case _:
            raise TypeError(f"{term.measure} counts no records")
    return rows.select("file", "record", RATE_DAY, "word")


def _rates(scene: Scene, one: str, other: str) -> dict[date, Mapping[str, Any]]:
    """The rates known on the line's day, by date."""
    rows, files = (known(scene.home, table, scene.day) for table in ("fx_rate", "file"))
    pair = (pl.col("from_currency") == one) & (pl.col("to_currency") == other)
    held = latest("fx_rate", rows.filter(pair), files)
    return {row["rate_date"]: row for row in held.collect().iter_rows(named=True)}


def _told(row: Mapping[str, Any], asked: date) -> str:
    """A rate with its date and record, and the day it was asked for where that is another."""
    taken = "" if row["rate_date"] == asked else f", taken for {asked}, which has none"
    pair = f"1 {row['from_currency']} = {row['rate']} {row['to_currency']}"
    return f"{pair} of {row['rate_date']}, {row['file']} record {row['record']}{taken}"
