"""What a column of a sample looks like: card, date, currency, amount, type or id, with the evidence in numbers.

A value is never shown here, and a card number least of all: evidence is counts, forms and words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import product
from typing import Final

import polars as pl

from settlement.model.money import is_currency
from settlement.parse.cards import luhn_valid
from settlement.parse.propose.words import kind_of, role_of
from settlement.parse.source_fields import source_name
from settlement.parse.written import Negative, Written, as_plain

_MOST: Final = Fraction(3, 4)
"""Share of the filled values that must be of one form: a few bad rows do not hide what a column is."""
_FEWEST_CARDS: Final = 3
_FEW_KINDS: Final = 12
_DATES: Final = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d%m%Y", "%y%m%d")
_BETWEEN: Final = (" ", "T", "")
_TIMES: Final = ("%H:%M:%S", "%H%M%S", "%H:%M")
_OFFSET: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:Z|[+-][0-9]{2}:[0-9]{2})"
_TEXTS: Final = ("arn", "rrn", "approval", "merchant", "terminal", "mcc", "batch", "original", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a column looks like.

    Attributes
    ----------
    name, role:
        The field, and what it is: ``card``, ``masked_card``, ``time``, ``date``, ``currency``, ``amount``, ``net``,
        ``type``, one of the ids, or ``other``.
    evidence:
        Why, without a value.
    form:
        The date's format, where it is one.
    written:
        How it is written, where that is not plain.
    minor:
        Whether an amount is in minor units.
    values:
        The words of a type with their number, most often first.
    """

    name: str
    role: str
    evidence: str
    form: str | None = None
    written: str | None = None
    minor: bool = False
    values: tuple[tuple[str, int], ...] = ()


def guessed(name: str, texts: Sequence[str]) -> Guess:
    """What one column looks like."""
    filled = [text.strip() for text in texts if text.strip()]
    if not filled:
        return Guess(name=name, role="empty", evidence="no row fills it")
    role = role_of(name)
    return (
        _card(name, filled)
        or _moment(name, filled)
        or _currency(name, filled)
        or _type(name, filled, role)
        or _text(name, filled, role)
        or _amount(name, filled, role)
        or Guess(name=name, role="other", evidence=_forms(filled))
    )


def _card(name: str, filled: list[str]) -> Guess | None:
    series = pl.Series(filled, dtype=pl.String)
    digits = series.str.contains(r"^[0-9]{13,19}$")
    whole = int((luhn_valid(series) & digits).sum())
    named = re.search("(?i)^pan$|card|karte|carte|tarjeta|卡号", name) is not None
    if (whole >= _FEWEST_CARDS and whole >= _MOST * len(filled)) or (
        named and int(digits.sum()) >= _MOST * len(filled)
    ):
        return Guess(name=name, role="card", evidence=f"{whole} of {len(filled)} pass the Luhn check")
    masks = sum(bool(re.fullmatch(r"[0-9]{6}\*{2,9}[0-9]{4}", text)) for text in filled)
    if masks >= _MOST * len(filled):
        return Guess(
            name=name, role="masked_card", evidence=f"{masks} of {len(filled)} are six digits, stars, four digits"
        )
    return None


def _moment(name: str, filled: list[str]) -> Guess | None:
    if _share(filled, _OFFSET) >= _MOST:
        return Guess(name=name, role="offset_time", evidence="ISO 8601 with an offset")
    if min(map(len, filled)) < 6:  # noqa: PLR2004 (the shortest date has six digits)
        return None
    moments = [f"{day}{between}{time}" for day, between, time in product(_DATES, _BETWEEN, _TIMES)]
    fits = [form for form in (*_DATES, *moments) if _dates(filled, form) >= _MOST * len(filled)]
    if not fits:
        return None
    form = fits[0]
    role = "time" if "%H" in form else "date"
    others = [one for one in fits[1:] if {"%d", "%m"} <= set(re.findall("%.", one))]
    doubt = f"; {others[0]} fits as well, REVIEW" if others else ""
    return Guess(name=name, role=role, form=form, evidence=f"{_dates(filled, form)} of {len(filled)} are {form}{doubt}")


def _dates(filled: list[str], form: str) -> int:
    found = 0
    for text in filled[:500]:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 (only the form is of interest)
        except ValueError:
            continue
        found += moment.strftime(form) == text and 1950 <= moment.year < 2100  # noqa: PLR2004 (when cards are used)
    return round(found * len(filled) / len(filled[:500]))


def _currency(name: str, filled: list[str]) -> Guess | None:
    known = sum(is_currency(text.upper()) for text in filled)
    if known < _MOST * len(filled):
        return None
    lower = any(text != text.upper() for text in filled)
    codes = ", ".join(sorted({text.upper() for text in filled if is_currency(text.upper())})[:5])
    return Guess(
        name=name,
        role="currency",
        written='{ case = "upper" }' if lower else None,
        evidence=f"{known} of {len(filled)} are ISO 4217 codes: {codes}",
    )


def _type(name: str, filled: list[str], role: str) -> Guess | None:
    values = pl.Series("value", filled).value_counts(sort=True).rows()
    wordy = all(re.search(r"[^\W\d_]", str(value)) and len(str(value)) <= 40 for value, _ in values)  # noqa: PLR2004
    if not wordy or len(values) > _FEW_KINDS or (role != "type" and len(values) * 2 > len(filled)):
        return None
    if role != "type" and (role or not any(kind_of(str(value)) for value, _ in values)):
        return None
    ordered = tuple(sorted(((str(value), int(n)) for value, n in values), key=lambda one: (-one[1], one[0])))
    return Guess(name=name, role="type", evidence=f"{len(values)} words", values=ordered)


def _text(name: str, filled: list[str], role: str) -> Guess | None:
    if _share(filled, "[0-9]{23}") >= _MOST:
        return Guess(name=name, role="arn", evidence="23 digits")
    if role not in _TEXTS:
        return None
    floats = sum(bool(re.fullmatch(r"[0-9]+\.0+", text)) for text in filled)
    lost = sum(bool(re.fullmatch(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+", text)) for text in filled)
    told = f"its heading; {_forms(filled)}"
    if lost:
        told += f"; {lost} have lost digits in a spreadsheet and will be rejected: ask for the ids as text"
    written = "{ id = true }" if floats or lost else None
    return Guess(name=name, role=role, written=written, evidence=told)


def _amount(name: str, filled: list[str], role: str) -> Guess | None:
    if _share(filled, r"[^0-9]{0,5}[0-9][0-9.,' \u00a0\u202f]*[^0-9]{0,5}") < _MOST:
        return None
    if not role and all(re.fullmatch(r"[0-9]+\.0+", text) for text in filled):
        return None
    decimals = sum(bool(re.search(r"[.,][0-9]{1,2}\b(?![.,])", text)) for text in filled)
    if role not in {"amount", "net", "fee", "tip", "cashback"} and decimals < len(filled) / 2:
        return None
    for style in _styles(filled):
        frame = pl.DataFrame({source_name(name): filled})
        plain = as_plain(frame, {name: style})[source_name(name)] if style.money else frame[source_name(name)]
        good = int(plain.str.contains(r"^-?[0-9]+(\.[0-9]+)?$").sum())
        if good >= _MOST * len(filled):
            minus = int(plain.str.starts_with("-").sum())
            whole = not plain.str.contains(".", literal=True).any()
            minor = whole and bool(re.search("(?i)minor|cent|分", name))
            doubt = "; all are whole numbers: REVIEW whether they are minor units" if whole and not minor else ""
            if style.thousands and not decimals:
                doubt += f"; REVIEW whether `{style.thousands}` parts thousands"
            return Guess(
                name=name,
                role=role or "other_amount",
                written=_as_toml(style),
                minor=minor,
                evidence=f"{good} of {len(filled)} are amounts, {minus} below zero{doubt}",
            )
    return None


def _styles(filled: list[str]) -> list[Written]:
    """The ways of writing money that the column could follow, plain first."""
    marks = {re.sub(r"[0-9.,'()\u00a0\u202f +-]", "", text) for text in filled} - {""}
    signs = {"currency_sign": sorted(marks)} if 0 < len(marks) <= 5 else {}  # noqa: PLR2004 (as many currencies)
    styles = [Written.model_construct()]
    for decimal, thousands in ((".", None), (",", None), (".", ","), (",", "."), (",", " "), (".", "'"), (".", " ")):
        for negative in (None, Negative.PARENTHESES, Negative.TRAILING_MINUS):
            given = {"decimal": decimal, "thousands": thousands, "negative": negative, **signs}
            styles.append(Written(**{key: value for key, value in given.items() if value is not None}))
    return styles


def _as_toml(style: Written) -> str | None:
    if not style.money:
        return None
    parts = [f'decimal = "{style.decimal}"']
    parts += [f'thousands = "{style.thousands}"'] if style.thousands else []
    quoted = ", ".join(f'"{sign}"' for sign in style.signs())
    parts += [f"currency_sign = [{quoted}]"] if quoted else []
    parts += [f'negative = "{style.negative.value}"'] if style.negative else []
    return None if parts == ['decimal = "."'] else f"{{ {', '.join(parts)} }}"


def _share(filled: list[str], expression: str) -> Fraction:
    return Fraction(sum(bool(re.fullmatch(expression, text)) for text in filled), len(filled))


def _forms(filled: list[str]) -> str:
    sizes = sorted({len(text) for text in filled})
    size = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    what = "digits" if all(text.isdigit() for text in filled) else "characters"
    return f"{len(set(filled))} different texts of {size} {what}"
