"""A contract file that is no TOML: the line on which reading stopped, and what people most often mean by it."""

from __future__ import annotations

import re
import tomllib
from typing import Final

_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_TWICE: Final = ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Duplicate")
_HABITS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile("[\u2018-\u201f\u00ab\u00bb]"),
        'a word processor has put its own quotation marks here; type straight ones: "text"',
    ),
    (re.compile(r"\d\s*%"), "a rate is written as a plain decimal without a sign: 0.30 % is 0.0030"),
    (re.compile(r"[$€£¥]|\d\s*(?:USD|EUR|GBP|CNY)\b"), "an amount is written without its currency: 20_000.00"),
    (
        re.compile(r"\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{4}[./]\d{1,2}[./]\d{1,2}\b|\b\d{4}-\d-|\b\d{4}-\d\d-\d\b"),
        "a date is written as year, month and day: 2010-12-31",
    ),
    (
        re.compile(r"=\s*[-+]?\d[\d_]*,\d"),
        "a number has a point before its decimals and no commas between its thousands: 20_000.00",
    ),
    (
        re.compile(r"=\s*[-+]?0\d"),
        "a number does not begin with a zero: write 7 and not 07, and a code in quotes",
    ),
    (re.compile(r"=\s*[-+]?\.\d|=\s*[-+]?\d+\.(?!\d)"), "a decimal has a digit on both sides of its point: 0.50"),
    (
        re.compile(r"=\s*(?:True|TRUE|False|FALSE|[Yy]es|[Nn]o)\b"),
        "write true or false, in small letters",
    ),
    (re.compile(r"=\s*(?:#.*)?$"), "nothing stands behind the `=`; write the value, or leave the line out"),
    (re.compile(r"=\s*\[?\s*[A-Za-z_]"), 'a word stands in quotes: form = "rate"'),
    (re.compile(r"^\s*[A-Za-z_]\w*\s*:"), "a key and its value are joined by `=`, not by a colon"),
)
"""What a line looks like, and what to write instead; the first that fits is told."""

_PLAIN: Final = {
    "Expected '=' after a key in a key/value pair": "a line is `key = value`, [a table], or a comment behind #",
    "Invalid date or datetime": "no calendar has this day; write one that exists",
    "Expected newline or end of document after a statement": (
        "something stands behind the value: put it on a line of its own, or set a text with quotation marks inside in "
        "single ones"
    ),
    "Unclosed array": "a list was opened that is not closed, or a comma between two of its entries is missing",
    "Unclosed inline table": "what stands in { } has a comma between two entries, none after the last, and one line",
    "Invalid initial character for a key part": "what stands in { } stands on one line, without a comma at its end",
}
"""What the reader of TOML says, in words for an author."""


def key_parts(written: str) -> list[str]:
    """The parts of a key, quotes and escapes taken off: ``"1.a".rate`` is ``1.a`` and ``rate``.

    Raises tomllib.TOMLDecodeError where TOML reads no key.
    """
    parts: list[str] = []
    here: object = tomllib.loads(f"{written} = 0")
    while isinstance(here, dict):
        ((name, here),) = here.items()
        parts.append(name)
    return parts


def unreadable(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    """The line, from 1, on which reading stopped, and a sentence that says what to write there."""
    place = _LINE.search(str(error))
    lines = text.splitlines() or [""]
    number = min(int(place[1]), len(lines)) if place else len(lines)
    return number, f"this is not readable: {_because(str(error), lines[number - 1], at_end=place is None)}."


def _because(told: str, line: str, *, at_end: bool) -> str:
    bare = _QUOTED.sub('""', line)
    habits = (instead for habit, instead in _HABITS if habit.search(bare))
    reason = _LINE.sub("", told)
    if told.startswith(_TWICE):
        return "what this line says has been said above; keep one of the two"
    if habit := next(habits, None):
        return habit
    if bare.count('"') % 2:
        return 'a text ends on the line on which it begins; close it with "'
    if at_end:
        return "a bracket or a text that was opened is not closed; close it"
    return _PLAIN.get(reason) or f"{reason[:1].lower()}{reason[1:]}; correct the line"
