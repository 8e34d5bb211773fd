"""Ordering a restatement: a night to come makes it, and posts what it changes as facts known from that night on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from settlement import books, restate_books, store
from settlement.errors import TerminalError
from settlement.model.stage import Progress, Restatement, reaches_back
from settlement.quarantine import person_of
from settlement.restate.text import render_trial
from settlement.restate.trial import Trial, attempt, nights_from
from settlement.store import Home

MOST_REASON = 100
"""Characters of a reason: it stands in the text of every entry that the restating night books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A restatement as somebody asks for it: shown alone where no night to come and no person are named."""

    first_night: date
    last_night: date
    reason: str
    into: date | None = None
    person: str | None = None


def restate(home: Home, asked: Asked, progress: Progress | None = None) -> str:
    """Perform the nights again and tell what differs; order where that is asked and something does."""
    reason = asked.reason.strip()
    if not 0 < len(reason) <= MOST_REASON:
        raise TerminalError(f"Say in at most {MOST_REASON} characters what was changed, and why.")
    if (asked.into is None) != (asked.person is None):
        raise TerminalError("Name both the night that posts it and who orders it, or neither.")
    person = None if asked.person is None else person_of(asked.person)
    nights = nights_from(home, asked.first_night, asked.last_night)
    trial = attempt(home, nights, progress)
    told = render_trial(trial, reason)
    if asked.into is None or person is None or trial.nothing:
        return told
    wanted = Restatement(
        business_date=asked.into,
        first_night=asked.first_night,
        last_night=asked.last_night,
        reason=reason,
        person=person,
    )
    ordered = order(home, wanted, trial)
    return f"{told}\n\nThe night {ordered.business_date} restates the nights from {ordered.first_night} on."


def order(home: Home, restatement: Restatement, trial: Trial) -> Restatement:
    """Have a night to come restate earlier ones; what is ordered, which may reach further back than was asked.

    Parameters
    ----------
    trial:
        What the nights come to under the present rules.

    Raises
    ------
    TerminalError
        Where the night is settled or landed already or restates others, or files are read otherwise than when they
        were taken.
    """
    night = restatement.business_date
    if trial.read.height:
        row = trial.read.row(0, named=True)
        raise TerminalError(
            f"Table {row['table']} of {row['night']} would be read otherwise: a restatement matches and rates again "
            "what was taken, and takes nothing anew. Put the layouts back, or repair and replay the records."
        )
    nights = nights_from(home, restatement.first_night, restatement.last_night)
    engine = books.connect(home)
    # A landing that began before would not know of it.
    with store.locked(home):
        if night <= nights[-1] or books.committed(engine, night, "land") is not None:
            raise TerminalError(f"The night {night} is landed already: name a night to come, after {nights[-1]}.")
        first = reaches_back(restatement.first_night, restate_books.restatements(engine, night))
        ordered = replace(restatement, first_night=first)
        restate_books.order(engine, ordered)
    return ordered
