"""The statements of one contract up to a day: those of periods that have closed without one, then the current one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from settlement.model.contract import ContractVersion, known_versions
from settlement.model.dates import Period
from settlement.rate.evaluate import evaluate, periods_known
from settlement.rate.facts import Facts
from settlement.rate.stated import PayoutRow, read_stated
from settlement.rate.statement import statement
from settlement.rate.sums import Sums
from settlement.rate.windows import Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One statement: the versions and the terms of all periods as known after its day, and its rows."""

    day: date
    versions: tuple[ContractVersion, ...]
    lines: Mapping[Period, Lines]
    rows: list[PayoutRow]


def closings(
    versions: Sequence[ContractVersion],
    day: date,
    facts_of: Callable[[date], Facts],
    sums_of: Callable[[date], Sums],
    stated: Sequence[PayoutRow] = (),
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
    stated:
        The rows that have been stated before.
    between:
        Further days before ``day`` of which there is a statement, a preview where no period closes.
    """
    rows = list(stated)
    closed = read_stated(rows).terms
    periods = periods_known(known_versions(versions, day), facts_of(day))
    past = [period for period in periods if period.last < day]
    # What nobody knew of when it closed was stated as nothing: all of it is a difference.
    nothing: dict[str, Mapping[str, int]] = {p.text: {} for p in past if not known_versions(versions, p.last)}
    overdue = [period.last for period in past if period.text not in {*closed, *nothing}]
    more = [one for one in between if one < day and known_versions(versions, one)]
    for one in [*sorted({*overdue, *more}), day]:
        facts, known = facts_of(one), known_versions(versions, one)
        lines = evaluate(known, facts, sums_of(one))
        before = read_stated(rows)
        fresh = statement(known, facts, lines, replace(before, terms={**nothing, **before.terms}))
        rows += fresh
        yield Closing(day=one, versions=known, lines=lines, rows=fresh)
