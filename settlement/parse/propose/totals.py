"""What a trailer of a sample says, told by re-adding it: a number that is the count or a sum of the lines above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from settlement.parse.propose.columns import Guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A number of a trailer that re-adds: its place there, and what it is the count or sum of."""

    place: int
    count: bool = False
    add: str | None = None
    where: tuple[str, tuple[str, ...]] | None = None


def readded(trailer: Sequence[str], columns: Mapping[str, Sequence[str]], guesses: Sequence[Guess]) -> list[Found]:
    """For each number of the trailer, the first count or sum over the lines that gives it; none that gives 0."""
    found = []
    sums = list(_sums(columns, guesses))
    height = max((len(texts) for texts in columns.values()), default=0)
    for place, text in enumerate(trailer):
        number = _number(text)
        if number is None:
            continue
        if number == height and height and "." not in text and "," not in text:
            found.append(Found(place=place, count=True))
            continue
        hit = next((total for total, value in sums if value == number and value), None)
        if hit is not None:
            found.append(Found(place=place, add=hit.add, where=hit.where))
    return found


def _sums(columns: Mapping[str, Sequence[str]], guesses: Sequence[Guess]) -> Iterator[tuple[Found, Decimal]]:
    """The sums that people put into trailers: of a column, of the lines of one word, of all but one word."""
    amounts = [
        guess.name for guess in guesses if guess.role in {"amount", "net", "fee", "other_amount"} and not guess.written
    ]
    types = [guess for guess in guesses if guess.role == "type"]
    for name in amounts:
        numbers = [_number(text) or Decimal(0) for text in columns[name]]
        yield Found(place=0, add=name), sum(numbers, Decimal(0))
        for guess in types:
            words = [word for word, _ in guess.values]
            groups = [(word,) for word in words] + [tuple(one for one in words if one != word) for word in words]
            for group in groups:
                told = zip(columns[guess.name], numbers, strict=True)
                value = sum((number for word, number in told if word in group), Decimal(0))
                yield Found(place=0, add=name, where=(guess.name, group)), value


def _number(text: str) -> Decimal | None:
    plain = text.strip()
    return Decimal(plain) if re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,6})?", plain) else None
