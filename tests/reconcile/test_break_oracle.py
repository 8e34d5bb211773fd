"""Reasons of breaks over a thousand small cases in one run, against what the reasons mean, row by row.

Each case has a key of its own, so that only its own rows can be meant. What the matcher says of a row is held against
all open rows of the other side: that it is true of the row named, and that no better reason was passed over.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from reconcile_runs import row, run

CASES = 1_000
FIRST = date(2024, 3, 1)
RULES = '[[pass]]\nname = "one"\nkeys = ["key", "till"]\ndays = 0\n'
AMOUNTS = (400, 400, 400, 405, 1_400, 2_405, 5_000, 20_405, 60_400, 301)
TILLS = ("1", "1", "1", "1", "1", "2", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """A row by what the pass looks at."""

    name: str
    till: str
    minor: int
    day: int
    currency: str

    @property
    def whole(self) -> tuple[Any, ...]:
        """All that the pass compares."""
        return self.till, self.minor, self.day, self.currency


def _cases(seed: int) -> list[tuple[list[One], list[One]]]:
    chance = random.Random(seed)

    def side(name: str, number: int) -> list[One]:
        return [
            One(
                name=f"{name}{number:04d}{at}",
                till=f"{number}-{till}" if (till := chance.choice(TILLS)) else "",
                minor=chance.choice(AMOUNTS),
                day=chance.choice([0, 0, 0, 0, 1, 40 if name == "B" else 35]),
                currency=chance.choice(["USD"] * 9 + ["EUR"]),
            )
            for at in range(chance.randint(2, 6))
        ]

    return [(side("B", number), side("T", number)) for number in range(CASES)]


def _open(mine: list[One], other: list[One]) -> tuple[list[One], set[str]]:
    """The rows that stay open, in order, and those among them that are equal to a matched one."""
    rest, twins = list[One](), set[str]()
    spare = Counter(one.whole for one in other)
    most = dict(spare)
    for one in mine:
        if one.till and spare[one.whole] > 0:
            spare[one.whole] -= 1
        else:
            rest.append(one)
            twins |= {one.name} if one.till and most.get(one.whole, 0) else set()
    return rest, twins


def _cash_back(one: One, other: One) -> bool:
    over = abs(one.minor - other.minor)
    return over > 0 and over % 1_000 == 0 and over <= 50_000 and one.minor % 1_000 != 0


def _near(one: One, other: One) -> bool:
    return abs(one.minor - other.minor) * 2 <= max(one.minor, other.minor) or _cash_back(one, other)


def _differs(one: One, other: One) -> str | None:
    """The one thing in which two rows differ, where it is one, and whatever its size."""
    differ = [word for word in ("till", "minor", "day", "currency") if getattr(one, word) != getattr(other, word)]
    if len(differ) != 1 or (differ != ["till"] and not one.till):
        return None
    return differ[0]


def _expected(one: One, rest: list[One], last: int) -> tuple[set[str], dict[str, str]]:
    """The reasons that may be told of a row that is no twin; by row of the other side the reason it bears out."""
    found: dict[str, str] = {}
    by_amount = [other for other in rest if _differs(one, other) == "minor"]
    closest = min((abs(one.minor - other.minor) for other in by_amount), default=0)
    for other in rest:
        match _differs(one, other):
            case "minor" if _near(one, other):
                # Of amounts the closest one is meant, or one that is cash-back away.
                if abs(one.minor - other.minor) == closest or _cash_back(one, other):
                    found[other.name] = "amount_differs"
            case "day" if abs(one.day - other.day) <= 30:
                found[other.name] = "date_outside_window"
            case "currency":
                found[other.name] = "currency_differs"
            case "till":
                found[other.name] = "key_differs"
    if found:
        return set(found.values()), found
    empty = not one.till
    missing = "missing_right" if one.name.startswith("B") else "missing_left"
    return {"late" if one.day > last and not empty else missing}, found


@pytest.mark.parametrize("seed", range(4))
def test_reasons(tmp_path: Path, seed: int) -> None:
    cases = _cases(seed)
    sides: tuple[list[dict[str, Any]], ...] = ([], [])
    for number, case in enumerate(cases):
        for told, rows in zip(sides, case, strict=True):
            for one in rows:
                when = (FIRST + timedelta(one.day)).isoformat()
                told.append(row(one.name, one.minor, key=f"K{number}", till=one.till, date=when, ccy=one.currency))
    found = run(tmp_path, *sides, RULES)
    told_of = {one["id"]: one for one in found.breaks}
    seen = Counter[str]()
    last = [max(one.day for case in cases for one in case[side]) for side in (0, 1)]
    for case in cases:
        opened = _open(case[0], case[1]), _open(case[1], case[0])
        for place, (rest, twins) in enumerate(opened):
            for one in rest:
                told = told_of.pop(one.name)
                seen[told["reason"]] += 1
                if one.name in twins:
                    assert told["reason"] == "duplicate", (one, case)
                    partner = next(other for other in case[1 - place] if other.name == told["nearest"])
                    assert partner.whole == one.whole
                    continue
                reasons, by_row = _expected(one, opened[1 - place][0], last[1 - place])
                assert told["reason"] in reasons, (one, case)
                if by_row:
                    assert by_row[told["nearest"]] == told["reason"], (one, case)
    assert told_of == {}
    wanted = "duplicate amount_differs date_outside_window currency_differs key_differs missing_left missing_right late"
    assert all(seen[reason] > 10 for reason in wanted.split()), seen
