"""Whole runs over a thousand small cases, each under a key of its own, against answers by plain exhaustion.

Nothing here is shared with the matcher: amounts, days, likeness of texts and clusters are worked out anew, row by row.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from reconcile.oracle import Pairs, optima
from reconcile_runs import HEAD, Run, row, run

CASES = 1_000
FIRST = date(2024, 3, 1)
TEXTS = (
    "bean house",
    "house bean",
    "bean hous",
    "bean hoxyz",  # alike to the first by exactly 70 of 100
    "the bean",
    "house",
    "been house",
    "corner shop",
    "shop corner",
    "bean",
)
Made = tuple[int, int, str]
"""Minor units, days after the first, and a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A pass in words of the rules, and what it allows and costs by plain arithmetic."""

    words: str
    fits: Callable[[Made, Made], bool]
    cost: Callable[[Made, Made], int]


def over(left: int, right: int) -> int:
    """By how much the left exceeds the right; of two refunds the greater exceeds."""
    return right - left if left <= 0 and right <= 0 else left - right


def _two_ways(ours: Made, theirs: Made) -> bool:
    more = over(ours[0], theirs[0])
    return -2 <= more <= 4 and 0 <= theirs[1] - ours[1] <= 2


def _share(ours: Made, theirs: Made) -> bool:
    more, exceeded = over(ours[0], theirs[0]), ours[0] if over(ours[0], theirs[0]) < 0 else theirs[0]
    return abs(more) * 10_000 <= abs(exceeded) * 3_000 and abs(theirs[1] - ours[1]) <= 1


def _steps(ours: Made, theirs: Made) -> bool:
    return over(ours[0], theirs[0]) in {0, 3, 6} and abs(ours[1] - theirs[1]) <= 1


def _weighed(amount: int, day: int) -> Callable[[Made, Made], int]:
    return lambda ours, theirs: abs(ours[0] - theirs[0]) * amount + abs(ours[1] - theirs[1]) * day


RULES = {
    "two ways": Rule(
        words='amount = { rule = "within", left_may_exceed = { minor = 4 }, right_may_exceed = { minor = 2 } }\n'
        'days = 2\ndate_order = "left_first"\nweights = { amount = 1, date = 3 }\n',
        fits=_two_ways,
        cost=_weighed(1, 3),
    ),
    "a share": Rule(
        words='amount = { rule = "within", bps = 3000 }\ndays = 1\nweights = { amount = 2, date = 1 }\n',
        fits=_share,
        cost=_weighed(2, 1),
    ),
    "steps": Rule(
        words='amount = { rule = "within", left_may_exceed = { step_minor = 3, most_steps = 2 } }\ndays = 1\n'
        "weights = { amount = 1, date = 1 }\n",
        fits=_steps,
        cost=_weighed(1, 1),
    ),
}


def _cases(seed: int, most: int, amounts: Sequence[int]) -> list[tuple[list[Made], list[Made]]]:
    chance = random.Random(seed)

    def side() -> list[Made]:
        count = chance.randint(1, most)
        return [(chance.choice(amounts), chance.randrange(4), chance.choice(TEXTS)) for _ in range(count)]

    return [(side(), side()) for _ in range(CASES)]


def _run(folder: Path, cases: list[tuple[list[Made], list[Made]]], words: str) -> Run:
    sides: list[list[dict[str, Any]]] = [[], []]
    for number, case in enumerate(cases):
        for side, name, rows in zip(sides, "BT", case, strict=True):
            for at, (minor, day, text) in enumerate(rows):
                when = (FIRST + timedelta(day)).isoformat()
                side.append(row(f"{name}{number:04d}{at}", minor, key=f"K{number}", date=when, shop=text))
    return run(folder, *sides, f'[[pass]]\nname = "one"\nkeys = ["key"]\n{words}', head=HEAD)


def _by_case(found: Run) -> dict[int, Pairs]:
    told: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for ours, theirs in found.pairs:
        assert ours[1:5] == theirs[1:5]
        told[int(ours[1:5])].add((int(ours[5:]), int(theirs[5:])))
    return {number: frozenset(pairs) for number, pairs in told.items()}


def _fitting(case: tuple[list[Made], list[Made]], fits: Callable[[Made, Made], bool]) -> Pairs:
    places = product(range(len(case[0])), range(len(case[1])))
    return frozenset((ours, theirs) for ours, theirs in places if fits(case[0][ours], case[1][theirs]))


def _cheapest_first(pairs: Pairs, cost: Callable[[int, int], int]) -> Pairs:
    taken = set()
    while pairs:
        best = min(pairs, key=lambda pair: (cost(*pair), pair))
        taken.add(best)
        pairs = frozenset(pair for pair in pairs if pair[0] != best[0] and pair[1] != best[1])
    return frozenset(taken)


@pytest.mark.parametrize("name", RULES)
def test_best_first(tmp_path: Path, name: str) -> None:
    rule = RULES[name]
    cases = _cases(1, 5, range(-3, 12))
    told = _by_case(_run(tmp_path, cases, rule.words + 'assignment = "best_first"\n'))
    fewer = 0
    for number, case in enumerate(cases):
        pairs = _fitting(case, rule.fits)
        expected = _cheapest_first(pairs, lambda ours, theirs, case=case: rule.cost(case[0][ours], case[1][theirs]))
        assert told.get(number, frozenset()) == expected, case
        fewer += len(pairs) > len(expected) > 0
    assert fewer > CASES // 10


def _clusters(pairs: Pairs) -> list[set[tuple[str, int]]]:
    """Rows that hang together, by merging sets until none touch."""
    groups: list[set[tuple[str, int]]] = []
    for ours, theirs in pairs:
        met: set[tuple[str, int]] = {("B", ours), ("T", theirs)}
        apart = []
        for group in groups:
            if group & met:
                met |= group
            else:
                apart.append(group)
        groups = [*apart, met]
    return groups


def _listed(name: str, side: str, places: list[int], number: int) -> str:
    ids = [f"{side}{number:04d}{at}" for at in places]
    return f"{name} {', '.join(ids[:4])}" + (f" and {len(ids) - 4} more" if len(ids) > 4 else "")


def _expected_notes(pairs: Pairs, number: int) -> dict[str, tuple[str, str]]:
    """By id of a held row its nearest one and the words of its cluster."""
    told = {}
    for group in _clusters(pairs):
        ours, theirs = (sorted(at for side, at in group if side == which) for which in "BT")
        words = f"{_listed('bank', 'B', ours, number)}; {_listed('till', 'T', theirs, number)}"
        told.update({f"B{number:04d}{at}": (f"T{number:04d}{theirs[0]}", words) for at in ours})
        told.update({f"T{number:04d}{at}": (f"B{number:04d}{ours[0]}", words) for at in theirs})
    return told


def _notes(found: Run) -> dict[str, tuple[str, str]]:
    start = "pass one cannot tell which belongs to which: "
    held = [one for one in found.breaks if one["reason"] == "held_ambiguous"]
    assert all(one["note"].startswith(start) for one in held)
    return {one["id"]: (one["nearest"], one["note"].removeprefix(start)) for one in held}


@pytest.mark.parametrize("name", RULES)
def test_only_pairs_are_taken_and_clusters_are_held(tmp_path: Path, name: str) -> None:
    rule = RULES[name]
    cases = _cases(2, 6, range(-3, 14))
    found = _run(tmp_path, cases, rule.words + 'ambiguity = "hold_unless_only"\n')
    told, notes = _by_case(found), {}
    for number, case in enumerate(cases):
        pairs = _fitting(case, rule.fits)
        only = frozenset(
            one for one in pairs if all(one == other or (one[0] != other[0] and one[1] != other[1]) for other in pairs)
        )
        assert told.get(number, frozenset()) == only, case
        notes.update(_expected_notes(pairs - only, number))
    assert _notes(found) == notes
    assert len(told) > CASES // 10 < len(notes)


@pytest.mark.parametrize("name", RULES)
def test_what_the_optima_share_is_taken_and_the_rest_is_held_by_cluster(tmp_path: Path, name: str) -> None:
    rule = RULES[name]
    cases = _cases(3, 4, range(1, 12))
    found = _run(tmp_path, cases, rule.words + 'ambiguity = "hold"\n')
    told, notes = _by_case(found), {}
    for number, case in enumerate(cases):
        sure, unsure = _optimum(case, rule.fits, rule.cost)
        assert told.get(number, frozenset()) == sure, case
        ours, theirs = ({pair[side] for pair in unsure} for side in (0, 1))
        between = frozenset(one for one in _fitting(case, rule.fits) if one[0] in ours and one[1] in theirs)
        notes.update(_expected_notes(between, number))
    assert _notes(found) == notes
    assert len(notes) > CASES // 10


def _optimum(
    case: tuple[list[Made], list[Made]], fits: Callable[[Made, Made], bool], cost: Callable[[Made, Made], int]
) -> tuple[Pairs, Pairs]:
    """The pairs that all optima have, and those that only some have."""
    best = optima(
        len(case[0]),
        len(case[1]),
        lambda ours, theirs: fits(case[0][ours], case[1][theirs]),
        lambda ours, theirs: cost(case[0][ours], case[1][theirs]),
    )
    sure = frozenset.intersection(*best)
    return sure, frozenset.union(*best) - sure


@cache
def _common(one: str, other: str) -> int:
    """Length of the longest common subsequence."""
    lengths = [0] * (len(other) + 1)
    for mine in one:
        before = 0
        for at, theirs in enumerate(other, 1):
            before, lengths[at] = lengths[at], before + 1 if mine == theirs else max(lengths[at], lengths[at - 1])
    return lengths[-1]


def _ratio(one: str, other: str) -> int:
    """Thousandths of likeness; no two texts here are so long that a half would have to be rounded."""
    both = len(one) + len(other)
    return (2 * 2_000 * _common(one, other) + both) // (2 * both) if both else 1_000


@cache
def _token_sort(one: str, other: str) -> int:
    return _ratio(" ".join(sorted(one.split())), " ".join(sorted(other.split())))


@cache
def _token_set(one: str, other: str) -> int:
    ours, theirs = set(one.split()), set(other.split())
    both = " ".join(sorted(ours & theirs))
    if both and (ours <= theirs or theirs <= ours):
        return 1_000
    mine, other_ = (" ".join([both, *sorted(words)]).strip() for words in (ours - theirs, theirs - ours))
    found = [_ratio(mine, other_)]
    return max([*found, _ratio(both, mine), _ratio(both, other_)] if both else found)


@cache
def _partial(one: str, other: str) -> int:
    short, long = sorted((one, other), key=len)

    def windows(text: str, width: int) -> Iterator[str]:
        for start in range(1 - width, len(text)):
            yield text[max(start, 0) : start + width]

    found = [_ratio(short, part) for part in windows(long, len(short))]
    return max([*found, *(_ratio(long, part) for part in windows(short, len(long)) if len(long) == len(short))])


LIKENESS = {"ratio": _ratio, "token_sort": _token_sort, "token_set": _token_set, "partial": _partial}


@pytest.mark.parametrize("by", LIKENESS)
@pytest.mark.parametrize("mode", ["hold", "hold_unless_only", "best_first"])
def test_likeness_of_texts(tmp_path: Path, by: str, mode: str) -> None:
    like = LIKENESS[by]
    cases = _cases(4, 4, range(1, 6))[: CASES // 2]

    def fits(ours: Made, theirs: Made) -> bool:
        return abs(ours[0] - theirs[0]) <= 2 and like(ours[2], theirs[2]) >= 700

    def cost(ours: Made, theirs: Made) -> int:
        return abs(ours[0] - theirs[0]) * 40 + (1_000 - like(ours[2], theirs[2])) * 2

    words = (
        f'amount = {{ rule = "within", minor = 2 }}\ntext = [{{ left = "shop", right = "shop", by = "{by}", '
        "at_least = 70 }]\nweights = { amount = 40, date = 1, text = 2 }\n"
    )
    words += f'assignment = "{mode}"\n' if mode == "best_first" else f'ambiguity = "{mode}"\n'
    found = _run(tmp_path, cases, words)
    told, held = _by_case(found), set()
    for number, case in enumerate(cases):
        pairs = _fitting(case, fits)
        unsure: Pairs = frozenset()
        if mode == "best_first":
            expected = _cheapest_first(pairs, lambda ours, theirs, case=case: cost(case[0][ours], case[1][theirs]))
        elif mode == "hold":
            expected, unsure = _optimum(case, fits, cost)
        else:
            expected = frozenset(
                one for one in pairs if sum(one[0] == at or one[1] == other for at, other in pairs) == 1
            )
            unsure = pairs - expected
        assert told.get(number, frozenset()) == expected, case
        held |= {f"{side}{number:04d}{pair[at]}" for pair in unsure for at, side in enumerate("BT")}
    assert {one["id"] for one in found.breaks if one["reason"] == "held_ambiguous"} == held
    assert len(told) > CASES // 8
