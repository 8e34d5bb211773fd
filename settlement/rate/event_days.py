"""What is known of a contract day by day over an events table: each day goes on from the one before it.

Contributions are made of the events that a day can change (``event_groups``), as known before and as known after it,
and the sums change by the difference, as a night's do. Where a day has no day before it, where the versions known are
others, and where an event does not fit, all events are looked at: the sentence then names the first that does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion, known_versions
from settlement.model.dates import period_of
from settlement.rate.event_facts import facts_on
from settlement.rate.event_groups import EventGroups
from settlement.rate.facts import Facts
from settlement.rate.measures import by_account, contributions
from settlement.rate.sums import Sums, changed_by, counted, summed, sums_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOn:
    """What is known of one contract after a day.

    Attributes
    ----------
    facts:
        What is known; its records may be left out.
    versions:
        The versions of the contract that are known.
    sums:
        The contributions added up.
    rows:
        The contributions to the period of the day and to later ones; those to earlier ones may be left out.
    """

    facts: Facts
    versions: tuple[ContractVersion, ...]
    sums: Sums
    rows: pl.DataFrame


def known_on(
    groups: EventGroups, versions: Sequence[ContractVersion], day: date, before: KnownOn | None = None
) -> KnownOn:
    """What is known after a day, by what was known after an earlier one, or by all events.

    Raises
    ------
    TerminalError
        Where the events do not fit the contract.
    """
    known = known_versions(versions, day)
    if before is None or before.versions != known:
        return _by_all(groups, versions, day)
    events = groups.news(before.facts.day, day)
    if events is None:
        return replace(before, facts=replace(before.facts, day=day))
    try:
        less, more = (contributions(known, facts_on(events, versions, one)) for one in (before.facts.day, day))
    except TerminalError:
        return _by_all(groups, versions, day)
    gone = counted(by_account(known, less)).with_columns(-pl.col("accounts"))
    own = period_of(day, known[0].contract.calendar)
    kept = before.rows.join(less, on=less.columns, how="anti", nulls_equal=True)
    return KnownOn(
        facts=replace(facts_on(groups.standing, versions, day), first_night=before.facts.first_night),
        versions=known,
        sums=changed_by(before.sums, less, more, pl.concat([counted(by_account(known, more)), gone])),
        rows=pl.concat([kept, more]).filter(pl.col("period_first") >= own.first),
    )


def _by_all(groups: EventGroups, versions: Sequence[ContractVersion], day: date) -> KnownOn:
    facts, known = facts_on(groups.events, versions, day), known_versions(versions, day)
    rows = contributions(known, facts)
    sums = sums_of(summed(rows), counted(by_account(known, rows)))
    return KnownOn(facts=facts, versions=known, sums=sums, rows=rows)
