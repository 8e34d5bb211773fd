"""The statements of one contract up to a day: those of periods that have closed without one, then the current one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from settlement.model.contract import ContractVersion
from settlement.model.dates import Period
from settlement.rate.evaluate import evaluate, periods_known
from settlement.rate.facts import Facts
from settlement.rate.statement import PayoutRow, read_stated, statement
from settlement.rate.sums import Sums
from settlement.rate.windows import Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One statement: the terms of all periods as known after its day, and its rows."""

    day: date
    lines: Mapping[Period, Lines]
    rows: list[PayoutRow]


def closings(
    versions: Sequence[ContractVersion],
    day: date,
    facts_of: Callable[[date], Facts],
    sums_of: Callable[[date], Sums],
    stated: Sequence[PayoutRow] = (),
) -> Iterator[Closing]:
    """Each statement up to ``day``, in ascending order of their days; the last is that of ``day``.

    Parameters
    ----------
    versions:
        The versions of one contract in ascending order of their effective dates.
    facts_of, sums_of:
        What is known after a day, and the contributions that follow from it, added up.
    stated:
        The rows that have been stated before.
    """
    rows = list(stated)
    closed = read_stated(rows).terms
    known = periods_known(versions, facts_of(day))
    overdue = [period.last for period in known if period.last < day and period.text not in closed]
    for one in [*overdue, day]:
        facts = facts_of(one)
        lines = evaluate(versions, facts, sums_of(one))
        fresh = statement(versions, facts, lines, read_stated(rows))
        rows += fresh
        yield Closing(day=one, lines=lines, rows=fresh)
