"""What each term is rated on: a row for every record, account, balance or profit line that contributes to it.

A contribution carries its period, its selector (the class and rate it falls under, the month it belongs to) and a
signed quantity. The sums of contributions by term, period and selector are all that the terms see of the facts; the
rows themselves are what an amount is explained by.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import (
    AccountLimit,
    AccountMeasure,
    AccountsWithin,
    BalanceMeasure,
    EventAccounts,
    EventAmounts,
    EventConversion,
    EventUnits,
    Measure,
    ProfitMeasure,
    Store,
    UnitMeasure,
    VolumeMeasure,
    things_of,
)
from settlement.model.contract_terms import (
    OF_ONE_MEASURE,
    BountyTerm,
    DatedPrice,
    DatedRate,
    RateByTerm,
    RecordRateTerm,
    Term,
    UnitPriceTerm,
    looks_at,
)
from settlement.model.dates import Calendar, period_of
from settlement.rate.dating import EXCHANGE_DAY, RATE_DAY, dated
from settlement.rate.disputes import BEFORE, with_disputes
from settlement.rate.event_measures import accounts_counted, added, events_counted
from settlement.rate.facts import Facts
from settlement.rate.foreign import TAKEN_DAY, in_own_currency, rates_taken
from settlement.rate.per_record import LIMIT, OF_RECORDS, commissions, limited, units
from settlement.rate.reference_measures import accounts_of, balances_of, profits_of

SCHEMA: Final = pl.Schema(
    {
        "contract": pl.String(),
        "version": pl.Date(),
        "clause": pl.String(),
        "term": pl.String(),
        "period": pl.String(),
        "period_first": pl.Date(),
        "selector": pl.String(),
        "file": pl.String(),
        "record": pl.Int64(),
        "account_id": pl.String(),
        "quantity": pl.Int64(),
        "unit": pl.String(),
    }
)
"""A contribution: the columns of table ``rated`` and the first day of the period."""
ACCOUNT: Final = ("version", "term", "period", "period_first", "account_id")
"""What the units of an account are limited by."""

_RATE: Final = ("currency", EXCHANGE_DAY, TAKEN_DAY)
_EXCHANGED: Final = pl.Schema(
    {
        **dict.fromkeys(("measure", "file", "of_file", "currency"), pl.String()),
        **dict.fromkeys(("record", "of_record"), pl.Int64()),
        **dict.fromkeys((EXCHANGE_DAY, TAKEN_DAY), pl.Date()),
    }
)
_ANY: Final = "any"
_NONE: Final = "none"


def contributions(versions: Sequence[ContractVersion], facts: Facts) -> pl.DataFrame:
    """All contributions to one contract, each to the terms of the version that its period is settled by.

    Parameters
    ----------
    versions:
        The versions of one contract in ascending order of their effective dates.
    facts:
        What is known.

    Raises
    ------
    TerminalError
        Where a record has no rate, or another currency than its contract.
    """
    rows = unlimited(versions, facts)
    return pl.concat([rows, limits(versions, by_account(versions, rows))])


def unlimited(versions: Sequence[ContractVersion], facts: Facts) -> pl.DataFrame:
    """All contributions but what the limits of accounts add to them or take from them."""
    frames = [SCHEMA.to_frame().lazy()]
    for index, version in enumerate(versions):
        in_force = settled_by(versions, index)
        for term in version.contract.terms:
            rows = of_term(version.contract, term, facts).lazy().filter(in_force)
            frames.append(
                rows.with_columns(
                    pl.lit(version.contract.id).alias("contract"),
                    pl.lit(version.effective, pl.Date).alias("version"),
                    pl.lit(term.clause).alias("clause"),
                    pl.lit(term.id).alias("term"),
                    _unit(version.contract, term).alias("unit"),
                ).select(SCHEMA.names())
            )
    return pl.concat(frames).collect()


def settled_by(versions: Sequence[ContractVersion], index: int) -> pl.Expr:
    """Whether the period of a contribution is settled by one of the versions."""
    until = versions[index + 1].effective if index + 1 < len(versions) else date.max
    return (pl.col("period_first") >= versions[index].effective) & (pl.col("period_first") < until)


def by_account(versions: Sequence[ContractVersion], rows: pl.DataFrame) -> pl.DataFrame:
    """What each account has in each period of a term that limits it: ``units`` without the limit, and ``rows``."""
    named = [(version.effective, term.id, _rated_as(term, name)) for version, term, name, _ in _limited(versions)]
    schema = {"version": pl.Date(), "term": pl.String(), "selector": pl.String()}
    terms = pl.DataFrame(named, schema=schema, orient="row")
    of_limited = rows.join(terms, on=list(schema), how="semi")
    # In 128 bits, so that a sum that has no place in 64 is refused, not wrapped.
    units_of = pl.col("quantity").cast(pl.Int128()).sum().cast(pl.Int64())
    return of_limited.group_by(ACCOUNT).agg(units=units_of, rows=pl.len().cast(pl.Int64()))


def limits(versions: Sequence[ContractVersion], accounts: pl.DataFrame) -> pl.DataFrame:
    """A contribution for each account and period whose units, as ``by_account`` tells them, are brought to a limit."""
    frames = [SCHEMA.to_frame()]
    for version, term, name, limit in _limited(versions):
        of_term = accounts.filter((pl.col("version") == version.effective) & (pl.col("term") == term.id))
        told = limited(of_term, limit).with_columns(
            pl.lit(version.contract.id).alias("contract"),
            pl.lit(term.clause).alias("clause"),
            pl.lit(LIMIT if isinstance(term, UnitPriceTerm) else name).alias("selector"),
            pl.lit(measured_in(version.contract, name)).alias("unit"),
        )
        frames.append(told.select(SCHEMA.names()))
    return pl.concat(frames)


def _limited(versions: Sequence[ContractVersion]) -> list[tuple[ContractVersion, Term, str, AccountLimit]]:
    """The terms that limit what an account has in a period, with the measure that says so."""
    terms = [(version, term) for version in versions for term in version.contract.terms]
    found = [(version, term, limit_of(version.contract, term)) for version, term in terms]
    return [(version, term, *limit) for version, term, limit in found if limit is not None]


def _rated_as(term: Term, measure: str) -> str:
    """The selector of what a term is rated on of a measure: units at their only price have the price's."""
    return next(iter(term.selectors)) if isinstance(term, UnitPriceTerm) else measure


def limit_of(contract: Contract, term: Term) -> tuple[str, AccountLimit] | None:
    """The measure of a term that limits an account in a period, and its limit; None for most terms."""
    named = ((name, contract.measures.get(name)) for name in looks_at(term))
    limits_said = ((name, one.account_limit) for name, one in named if isinstance(one, UnitMeasure))
    return next(((name, limit) for name, limit in limits_said if limit is not None), None)


def _unit(contract: Contract, term: Term) -> pl.Expr:
    """What the quantities of a term's contributions count; where it names several measures, each row its own."""
    if isinstance(term, OF_ONE_MEASURE):
        return pl.lit(measured_in(contract, term.measure))
    units = {name: measured_in(contract, name) for name in looks_at(term) if name in contract.measures}
    return pl.col("selector").replace_strict(units, default=contract.currency, return_dtype=pl.String())


def measured_in(contract: Contract, name: str) -> str:
    """What a measure counts: its things, or the contract's currency."""
    return things_of(contract.measures[name]) or contract.currency


def of_term(contract: Contract, term: Term, facts: Facts) -> pl.DataFrame:
    """Contributions to a term: period, period_first, selector, file, record, account_id, quantity."""
    if isinstance(term, RateByTerm):
        return _by_rate(contract, term, facts)
    if isinstance(term, UnitPriceTerm):
        return _by_price(contract, term, facts)
    if isinstance(term, RecordRateTerm):
        measure = contract.measures[term.measure]
        rows = _volume(contract, measure, facts, *map(pl.col, OF_RECORDS))
        bought = _bought(contract, measure, facts, rows)
        return _in_period(commissions(rows, bought, term, contract.currency), contract.calendar)
    if not isinstance(term, OF_ONE_MEASURE):
        # Several measures are told apart by their names; terms that stand before are no contributions.
        names = [name for name in sorted(set(looks_at(term))) if name in contract.measures]
        frames = [
            _of_measure(contract, contract.measures[name], facts).with_columns(pl.lit(name).alias("selector"))
            for name in names
        ]
        return pl.concat(frames) if frames else SCHEMA.to_frame()
    rows = _of_measure(contract, contract.measures[term.measure], facts)
    replacing = [t for t in contract.terms if isinstance(t, BountyTerm) and t.replaces == term.id]
    for other in replacing:
        replaced = _of_measure(contract, contract.measures[other.measure], facts)
        # What an account earns once is replaced for good, what it earns period by period in the period.
        by = ["account_id", "period"] if contract.recurs(term) and contract.recurs(other) else ["account_id"]
        rows = rows.join(replaced.select(by), on=by, how="anti")
    return rows


def _of_measure(contract: Contract, measure: Measure, facts: Facts) -> pl.DataFrame:
    match measure:
        case VolumeMeasure() | EventAmounts() | EventUnits():
            rows = _volume(contract, measure, facts).with_columns(pl.lit("").alias("selector"))
        case EventAccounts():
            events = events_counted(contract, measure, facts).with_columns(pl.lit("").alias("selector"))
            return accounts_counted(_in_period(events, contract.calendar))
        case UnitMeasure():
            volume = _volume(contract, contract.measures[measure.of], facts).with_columns(pl.lit("").alias("selector"))
            rows = units(volume, measure, contract.currency)
        case AccountMeasure() | AccountsWithin():
            rows = accounts_of(contract, measure, facts)
        case BalanceMeasure():
            rows = balances_of(contract, measure, facts)
        case ProfitMeasure():
            rows = profits_of(contract, measure, facts)
    return _in_period(rows, contract.calendar)


def _volume(contract: Contract, measure: Measure, facts: Facts, *more: pl.Expr) -> pl.DataFrame:
    """Records of a volume with ``day`` (which places them in a period), signed ``quantity``, and what is asked more.

    The messages of disputes have what each opens or closes, and ``BEFORE``, as ``with_disputes`` tells.

    Only these columns are made: records are many, and have others.
    """
    if isinstance(measure, EventAmounts | EventUnits):
        return events_counted(contract, measure, facts, *more)
    if not isinstance(measure, VolumeMeasure):
        raise TypeError("records are counted in volumes")
    rows = records_counted(contract, measure, facts, *more)
    if measure.convert is not None:
        return in_own_currency(rows, contract, measure.convert, facts)
    foreign = rows.filter(pl.col("currency") != contract.currency).sort("file", "record")
    if foreign.height:
        file, record, currency = foreign.select("file", "record", "currency").row(0)
        raise TerminalError(
            f"Record {record} of {file} is in {currency}, but contract {contract.id} is settled in "
            f"{contract.currency}: give the programme one currency, the contract the record's, or the measure a "
            "`convert`."
        )
    return rows


def records_counted(contract: Contract, measure: VolumeMeasure, facts: Facts, *more: pl.Expr) -> pl.DataFrame:
    """Records of a volume, each in its own currency; with ``EXCHANGE_DAY`` where the measure converts them."""
    kinds = ["purchase", *(kind.value for kind in (*measure.takes_back, *measure.gives_back))]
    wanted = (pl.col("programme") == contract.programme) & pl.col("kind").is_in(kinds)
    if measure.store is not Store.ANY:
        wanted &= pl.col("own_store") == (measure.store is Store.OWN)
    if measure.mcc_in != _ANY:
        wanted &= in_list(contract.mcc_lists[measure.mcc_in])
    if measure.mcc_not_in != _NONE:
        wanted &= ~in_list(contract.mcc_lists[measure.mcc_not_in])
    if measure.account_classes != (_ANY,):
        wanted &= pl.col("account_class").is_in(measure.account_classes)
    told = ("file", "record", "account_id", "account_class", "currency", pl.col("net_minor").alias("quantity"))
    day = dated(contract.period.place).alias("day")
    asked = [] if measure.convert is None else [dated(measure.convert.rate_date).alias(EXCHANGE_DAY)]
    return with_disputes(facts.records.lazy().filter(wanted), [*told, day, *asked, *more])


def _bought(contract: Contract, measure: Measure, facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    """The purchases that ``rows`` take back from, those that count: ``file``, ``record`` and ``net_minor``."""
    rule = measure.convert if isinstance(measure, VolumeMeasure) else None
    records = added(contract, measure, facts) if isinstance(measure, EventAmounts) else facts.records
    if rule is None:
        return records.filter(pl.col("kind") == "purchase").select("file", "record", "net_minor")
    converted = in_own_currency(_origins(rule, facts, rows), contract, rule, facts)
    return converted.select("file", "record", net_minor="quantity")


def _origins(rule: EventConversion, facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    """The purchases that ``rows`` take back from, each in its own currency with ``EXCHANGE_DAY``."""
    told = ("file", "record", "currency", pl.col("net_minor").alias("quantity"), pl.lit(0, pl.Int64).alias(BEFORE))
    origins = rows.select(file="origin_file", record="origin_record").lazy()
    bought = facts.records.lazy().filter(pl.col("kind") == "purchase").join(origins, on=["file", "record"], how="semi")
    return bought.select(*told, dated(rule.rate_date).alias(EXCHANGE_DAY)).collect()


def exchanged(contract: Contract, term: Term, facts: Facts) -> pl.DataFrame:
    """Which exchange rates convert what a term counts in other currencies.

    Returns
    -------
    A row a record and measure: ``measure``, ``file``, ``record``, ``currency``, ``EXCHANGE_DAY``, ``TAKEN_DAY``; and,
    where the term is rated record by record, one for the purchase (``of_file``, ``of_record``) that it takes back from.
    """
    place, origin = ["file", "record"], ["of_file", "of_record"]
    frames = [_EXCHANGED.to_frame()]
    for name in looks_at(term):
        measure = contract.measures.get(name)
        volume = contract.measures[measure.of] if isinstance(measure, UnitMeasure) else measure
        rule = volume.convert if isinstance(volume, VolumeMeasure) else None
        if not isinstance(volume, VolumeMeasure) or rule is None:
            continue
        rows = records_counted(contract, volume, facts, *map(pl.col, OF_RECORDS))
        found = [rates_taken(rows, contract, rule, facts)]
        if isinstance(term, RecordRateTerm):
            bought = rates_taken(_origins(rule, facts, rows), contract, rule, facts)
            rates = bought.rename(dict(zip(place, origin, strict=True))).select(*origin, *_RATE)
            taken_back = rows.select(*place, of_file="origin_file", of_record="origin_record")
            found.append(taken_back.join(rates, on=origin))
        named = [one.with_columns(pl.lit(name).alias("measure")) for one in found]
        frames += [one.select(column for column in _EXCHANGED if column in one.columns) for one in named]
    return pl.concat(frames, how="diagonal")


def in_list(entries: Sequence[str]) -> pl.Expr:
    """Whether the record's MCC is in a list of codes and of ranges ``3000-3299``; a record without one is not."""
    codes = [entry for entry in entries if "-" not in entry]
    found = pl.col("mcc").is_in(codes)
    for entry in entries:
        if "-" in entry:
            first, last = entry.split("-")
            found |= pl.col("mcc").is_between(pl.lit(first), pl.lit(last))
    return found.fill_null(value=False)


def _by_rate(contract: Contract, term: RateByTerm, facts: Facts) -> pl.DataFrame:
    """Records of a volume, each with the class and rate that it falls under as its selector."""
    rate_day = dated(term.rate_date).alias(RATE_DAY)
    rows = _volume(contract, contract.measures[term.measure], facts, rate_day)
    selector = pl.lit(None, pl.String())
    for rate in term.rates:
        fits = (pl.col("account_class") == rate.account_class) & _holds(rate, pl.col(RATE_DAY))
        selector = pl.when(fits).then(pl.lit(rate.selector)).otherwise(selector)
    rows = rows.with_columns(selector.alias("selector"))
    without = rows.filter(pl.col("selector").is_null()).sort("file", "record")
    if without.height:
        file, record, class_, day = without.select("file", "record", "account_class", RATE_DAY).row(0)
        where = f"Contract {contract.id}, clause {term.clause} ({term.id})"
        if day is None:
            raise TerminalError(
                f"{where}: record {record} of {file} has no date that picks its rate: correct its file."
            )
        raise TerminalError(
            f"{where} has no rate for account class {class_} on {day} "
            f"(record {record} of {file}): add a rate for that class and date, or correct the account's class."
        )
    return _in_period(rows, contract.calendar)


def _holds(dated: DatedRate | DatedPrice, day: pl.Expr) -> pl.Expr:
    """What ``holds_on`` says, of a column of days."""
    begun = pl.lit(value=True) if dated.first is None else day >= dated.first
    return begun if dated.end is None else begun & (day < dated.end)


def _by_price(contract: Contract, term: UnitPriceTerm, facts: Facts) -> pl.DataFrame:
    """Units of records, each with the price that it falls under as its selector; of an only price no date is asked."""
    measure = contract.measures[term.measure]
    if not isinstance(measure, UnitMeasure | EventUnits):
        raise TypeError(f"{term.measure} counts no units")
    if len(term.prices) == 1:
        only = pl.when(pl.col("selector") == "").then(pl.lit(term.quantity)).otherwise("selector")
        return _of_measure(contract, measure, facts).with_columns(only.alias("selector"))
    day, selector = dated(term.rate_date), pl.lit(None, pl.String())
    for name, price in term.selectors.items():
        selector = pl.when(_holds(price, day)).then(pl.lit(name)).otherwise(selector)
    base = contract.measures[measure.of] if isinstance(measure, UnitMeasure) else measure
    rows = _volume(contract, base, facts, selector.alias("selector"))
    without = rows.filter(pl.col("selector").is_null()).sort("file", "record")
    if without.height:
        file, record = without.select("file", "record").row(0)
        raise TerminalError(
            f"Contract {contract.id}, clause {term.clause} ({term.id}): record {record} of {file} has no date that "
            "picks its price: correct its file."
        )
    rows = units(rows, measure, contract.currency) if isinstance(measure, UnitMeasure) else rows
    return _in_period(rows, contract.calendar)


def _in_period(rows: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """What a contribution tells of each row, with ``period`` and ``period_first`` for the day that places it."""
    days = rows["day"].unique().sort().to_list()
    if None in days:
        file, record = rows.filter(pl.col("day").is_null()).sort("file", "record").select("file", "record").row(0)
        raise TerminalError(f"Record {record} of {file} has no date that places it in a period: correct its file.")
    periods = [period_of(day, calendar) for day in days]
    # Days are few and rows are many: each row finds its period by the number of its day.
    numbers = rows["day"].to_physical().to_numpy()
    first = int(numbers.min(initial=0))
    place = np.zeros(int(numbers.max(initial=first)) - first + 1, dtype=np.uint32)
    place[pl.Series(days, dtype=pl.Date).to_physical().to_numpy() - first] = np.arange(len(days))
    at = place[numbers - first]
    return rows.select("selector", "file", "record", "account_id", "quantity").with_columns(
        pl.Series("period", [period.text for period in periods], pl.String()).gather(at),
        pl.Series("period_first", [period.first for period in periods], pl.Date()).gather(at),
    )
