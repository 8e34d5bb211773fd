"""The feeds that a night should bring: on which days each comes, and whether a night goes on without it.

``programme.toml`` declares it::

    [[expected]]
    feed = "fx"
    days = ["mon", "tue", "wed", "thu", "fri"]    # of the business date; every day where nothing is said
    not_on = [2025-12-25]                         # bank holidays and the like
    if_missing = "wait"                           # or "go_on", which is what is meant where nothing is said
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from settlement.model.document import of_programme

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ExpectedFeed(BaseModel):
    """A feed, the days on which it comes, and what a night does without it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: str
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    not_on: tuple[date, ...] = ()
    if_missing: Literal["go_on", "wait"] = "go_on"

    def on(self, business_date: date) -> bool:
        """Whether the feed comes for a business date."""
        weekday = _WEEKDAYS[business_date.weekday()]
        return business_date not in self.not_on and (not self.days or weekday in self.days)


class _Programme(BaseModel):
    model_config = ConfigDict(frozen=True)

    expected: list[ExpectedFeed] = []


def expected_on(documents: Mapping[str, str], business_date: date) -> tuple[ExpectedFeed, ...]:
    """The feeds that a business date should bring, in the programme's order."""
    declared = of_programme(documents, _Programme).expected
    return tuple({entry.feed: entry for entry in declared if entry.on(business_date)}.values())


def expected_feeds(documents: Mapping[str, str]) -> frozenset[str]:
    """All feeds that are expected on some day."""
    return frozenset(entry.feed for entry in of_programme(documents, _Programme).expected)
