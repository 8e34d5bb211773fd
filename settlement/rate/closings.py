"""The statements of one contract up to a day: those of periods that have closed without one, then the current one.

A statement looks at the closed periods that can come to something else than they did at the statement before: where a
sum has changed, where what is known differs from what is stated, and what has closed since. It looks at all of them
where a term looks at other periods than its own, where shares are converted at fixings, and where the versions or
opening positions known have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial, reduce
from typing import Final

from settlement.model.clearing import StatementState
from settlement.model.contract import ContractVersion, known_versions
from settlement.model.contract_convert import ExchangeRate
from settlement.model.dates import Period, period_from
from settlement.model.ledger_entries import LedgerRow
from settlement.rate.evaluate import evaluate, first_period, looks_back, periods_known
from settlement.rate.facts import Facts
from settlement.rate.ledger_entries import ledger_entries
from settlement.rate.stated import NOTHING_STATED, PayoutRow, Stated, with_statement
from settlement.rate.statement import statement
from settlement.rate.sums import Sums
from settlement.rate.untold_days import Untold, untold_days
from settlement.rate.windows import Lines

ReadStated = Callable[[Collection[str] | None], Stated]
"""What statements before have stated: the terms of periods by their texts, None for all; all that is carried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the statement before the next one has looked at.

    Attributes
    ----------
    day:
        The day after which it was made.
    versions:
        The versions that were known.
    opening, sums:
        Opening positions and contributions as known then.
    differing:
        The closed periods, by their texts, that came to something else than was stated.
    """

    day: date
    versions: tuple[ContractVersion, ...]
    opening: Mapping[tuple[str, str], int]
    sums: Sums
    differing: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The statements before: what reads them, and what the last of them has looked at.

    Where that is not known, the next one looks at all periods.
    """

    read: ReadStated
    seen: Seen | None = None


NOTHING_BEFORE: Final = Before(read=lambda _: NOTHING_STATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One statement: the versions known after its day, the terms of the periods it looks at, and its rows.

    ``untold`` is what it counts by bank calendars of which nothing is told; ``entries`` works out its ledger entries,
    which the books alone ask for.
    """

    day: date
    versions: tuple[ContractVersion, ...]
    lines: Mapping[Period, Lines]
    rows: list[PayoutRow]
    untold: tuple[Untold, ...]
    entries: Callable[[], list[LedgerRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What is stated of some periods, None for all, with the statements that have been made since."""

    periods: frozenset[str] | None
    stated: Stated

    def covers(self, periods: Iterable[Period] | None) -> bool:
        if self.periods is None or periods is None:
            return self.periods is None
        return self.periods.issuperset(period.text for period in periods)

    def after(self, rows: Sequence[PayoutRow]) -> _Read:
        return replace(self, stated=with_statement(self.stated, rows))

    def with_more(self, read: ReadStated, periods: Iterable[Period]) -> _Read:
        """With what is stated of further periods: statements made since the others were read tell nothing of them."""
        more = frozenset(period.text for period in periods).difference(self.periods or ())
        found, own = read(more), self.stated
        terms = {text: told for text, told in found.terms.items() if text in more}
        stated = replace(own, terms={**own.terms, **terms}, restated={**own.restated, **found.restated})
        return _Read(periods=more.union(self.periods or ()), stated=stated)


def closings(
    versions: Sequence[ContractVersion],
    day: date,
    facts_of: Callable[[date], Facts],
    sums_of: Callable[[date], Sums],
    before: Before = NOTHING_BEFORE,
    *,
    between: Iterable[date] = (),
) -> Iterator[Closing]:
    """Each statement up to ``day``, in ascending order of their days; the last is that of ``day``.

    Parameters
    ----------
    versions:
        All versions of one contract, in order; each statement looks at those that are known after its day.
    facts_of, sums_of:
        What is known after a day, and the contributions that follow from it and the versions known, added up.
    before:
        The statements before.
    between:
        Further days before ``day`` of which there is a statement, a preview where no period closes.
    """
    seen, known = before.seen, known_versions(versions, day)
    periods = periods_known(known, facts_of(day), None if seen is None else seen.day)
    past = [period for period in periods if period.last < day]
    told = _reading(before.read, None if seen is None else periods) if past else None
    closed = {} if told is None else told.stated.terms
    # What nobody knew of when it closed was stated as nothing: all of it is a difference.
    overdue = [p.last for p in past if p.text not in closed and _begun(versions, p.last)]
    made: list[list[PayoutRow]] = []
    more = [one for one in between if one < day and _begun(versions, one)]
    for one in [*sorted({*overdue, *more}), day]:
        facts, known, sums = facts_of(one), known_versions(versions, one), sums_of(one)
        wanted = _looked_at(seen, known, facts, sums)
        if told is None or (wanted is None and not told.covers(None)):
            told = _reading(before.read, wanted, made)
        elif wanted is not None and not told.covers(wanted):
            told = told.with_more(before.read, wanted)
        lines = evaluate(known, facts, sums, wanted)
        nothing: dict[str, Mapping[str, int]] = {
            p.text: {} for p in lines if p.last < day and not _begun(versions, p.last)
        }
        stated = replace(told.stated, terms={**nothing, **told.stated.terms})
        fresh = statement(known, facts, lines, stated)
        told = told.after(fresh)
        made.append(fresh)
        seen = Seen(day=one, versions=known, opening=facts.opening, sums=sums, differing=differing(fresh))
        yield Closing(
            day=one,
            versions=known,
            lines=lines,
            rows=fresh,
            untold=untold_days(known, facts, fresh),
            entries=partial(ledger_entries, known, facts, sums, lines, rows=fresh, stated=stated),
        )


def _begun(versions: Sequence[ContractVersion], day: date) -> bool:
    """Whether a version that is known after a day is in force by then: before that nothing is stated."""
    return any(version.effective <= day for version in known_versions(versions, day))


def differing(rows: Iterable[PayoutRow]) -> frozenset[str]:
    """The closed periods, by their texts, that one statement tells to come to something else than was stated."""
    restated = {row.period for row in rows if row.state == StatementState.RESTATED}
    return frozenset(restated | {row.adjusts for row in rows if row.adjusts is not None})


def _reading(read: ReadStated, periods: Iterable[Period] | None, made: Iterable[Sequence[PayoutRow]] = ()) -> _Read:
    texts = None if periods is None else frozenset(period.text for period in periods)
    return _Read(periods=texts, stated=reduce(with_statement, made, read(texts)))


def _looked_at(
    seen: Seen | None, known: tuple[ContractVersion, ...], facts: Facts, sums: Sums
) -> tuple[Period, ...] | None:
    """The periods that a statement looks at, in ascending order; None for all."""
    if seen is None or known != seen.versions or facts.opening != seen.opening:
        return None
    if any(looks_back(version) or _fixes(version) for version in known):
        return None
    since, first = periods_known(known, facts, seen.day), first_period(known, facts)
    again = [period_from(text) for text in sums.changed(seen.sums) | seen.differing]
    return tuple(sorted({*since, *(period for period in again if first <= period <= since[-1])}))


def _fixes(version: ContractVersion) -> bool:
    rule = version.contract.settlement.convert
    return rule is not None and rule.rate is not ExchangeRate.LATEST
