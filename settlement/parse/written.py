"""How the text of a field is written, where it is not plain: money with signs and thousands, ids that were numbers.

A field is turned into plain text once, before a column, a total or a tag looks at it, so that all of them read the
same. A text that is not written as the layout declares is never read another way: it becomes no number at all, and
the reject shows it as it stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

import polars as pl
from pydantic import Field, model_validator

from settlement.parse.column_rule import Part
from settlement.parse.source_fields import field, source_name
from settlement.parse.views import by_kernel, rows_holding

_NOT_AS_DECLARED: Final = "\N{REPLACEMENT CHARACTER}"
_BLANKS: Final = "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}]"
_EXPONENT: Final = r"^[+-]?[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}$"
_LOST_DIGITS: Final = rf"{_EXPONENT}|^[+-]?[0-9]+[.][0-9]+(?:[eE][+-]?[0-9]+)?$"
_EXACT_AS_NUMBER: Final = 2**53


class Negative(StrEnum):
    """How an amount below zero is marked."""

    MINUS = "minus"
    TRAILING_MINUS = "trailing_minus"
    PARENTHESES = "parentheses"


class SignField(Part):
    """The field that says whether an amount is added or taken away; any other word in it is no sign."""

    source: str = Field(alias="from")
    plus: list[str] = Field(min_length=1)
    minus: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> SignField:
        if set(self.plus) & set(self.minus):
            raise ValueError("a word of `sign` is plus and minus at once")
        return self


class Written(Part):
    """How one field is written: as money, as an id that a spreadsheet may have turned into a number, in which case."""

    decimal: Literal[".", ","] = "."
    thousands: Literal[",", ".", " ", "'"] | None = None
    currency_sign: str | list[str] | None = None
    negative: Negative | None = None
    sign: SignField | None = None
    id: bool = False
    case: Literal["upper", "lower"] | None = None

    @property
    def money(self) -> bool:
        """Whether the field is an amount."""
        return bool(self.model_fields_set & {"decimal", "thousands", "currency_sign", "negative", "sign"})

    @model_validator(mode="after")
    def _one_kind(self) -> Written:
        if sum((self.money, self.id, self.case is not None)) != 1:
            raise ValueError("say how it is written as money, or `id = true`, or its `case`: exactly one of them")
        if self.thousands == self.decimal:
            raise ValueError("`thousands` and `decimal` are the same character")
        if self.sign and self.negative:
            raise ValueError("an amount with a `sign` field has no `negative` of its own")
        if "" in self.signs() or any(re.search(r"[0-9.,()'+-]", sign) for sign in self.signs()):
            raise ValueError("`currency_sign` is a text without digits, points and signs")
        return self

    def signs(self) -> list[str]:
        """The signs of currencies that may stand before or behind the amount."""
        given = self.currency_sign
        return [given] if isinstance(given, str) else list(given or ())


def raw_name(name: str) -> str:
    """Column under which a field stands as it was written."""
    return f"raw:{name}"


def as_plain(frame: pl.DataFrame, written: Mapping[str, Written]) -> pl.DataFrame:
    """The frame with each declared field in plain text, and as it was written under ``raw_name``."""
    found = {name: how for name, how in written.items() if source_name(name) in frame.columns}
    if not found:
        return frame
    kept = [pl.col(source_name(name)).alias(raw_name(name)) for name in found]
    return frame.with_columns(*kept, *(_plain(name, how).alias(source_name(name)) for name, how in found.items()))


def lost_digits(text: pl.Expr, *, any_number: bool = False) -> pl.Expr:
    """Whether an id has become a number whose digits cannot be told any more.

    ``1.23E+15`` is no id of anybody; where the layout declares the field as an id that may have been a number,
    ``12.5`` and ``123456789012345678.0`` are none either.
    """
    form, marks = (_LOST_DIGITS, b"+.") if any_number else (_EXPONENT, b"+")

    def lost(texts: pl.Series) -> pl.Series:
        # Of millions of ids a few hold such a mark at all.
        rows = rows_holding(texts, marks)
        return pl.repeat(value=False, n=texts.len(), eager=True).scatter(rows, texts.gather(rows).str.contains(form))

    return by_kernel(text, lost, pl.Boolean())


def _plain(name: str, how: Written) -> pl.Expr:
    text = field(name)
    if how.case:
        return text.str.to_uppercase() if how.case == "upper" else text.str.to_lowercase()
    if how.id:
        whole = text.str.extract(r"^([0-9]{1,16})\.0+$", 1)
        exact = whole.cast(pl.Int64, strict=False) < _EXACT_AS_NUMBER
        return pl.when(exact).then(whole).otherwise(text)
    return _plain_money(text, how)


def _plain_money(text: pl.Expr, how: Written) -> pl.Expr:
    """An amount as a plain decimal with a leading minus sign."""
    found = text.str.extract_groups(_money_expression(how))
    digits = found.struct.field("number")
    if how.thousands:
        digits = digits.str.replace_all(_BLANKS if how.thousands == " " else re.escape(how.thousands), "")
    if how.decimal != ".":
        digits = digits.str.replace(how.decimal, ".", literal=True)
    before, behind = (found.struct.field(name).fill_null("") != "" for name in ("before", "behind"))
    if how.sign:
        minus = field(how.sign.source).is_in(how.sign.minus)
        known = minus | field(how.sign.source).is_in(how.sign.plus)
    else:
        minus = before | behind
        # Both parentheses or none; one minus sign and not two.
        known = before == behind if how.negative is Negative.PARENTHESES else ~(before & behind)
    amount = pl.when(minus).then(pl.concat_str(pl.lit("-"), digits)).otherwise(digits)
    unread = pl.concat_str(pl.lit(_NOT_AS_DECLARED), text)
    return pl.when(text == "").then(text).when(known & digits.is_not_null()).then(amount).otherwise(unread)


def _money_expression(how: Written) -> str:
    """What an amount looks like: its ``number``, and the marks ``before`` and ``behind`` that make it negative."""
    digits = "[0-9]+"
    if how.thousands:
        between = _BLANKS if how.thousands == " " else re.escape(how.thousands)
        digits = f"(?:[0-9]{{1,3}}(?:{between}[0-9]{{3}})+|[0-9]+)"
    number = f"(?<number>{digits}(?:{re.escape(how.decimal)}[0-9]+)?)"
    signs = "|".join(re.escape(sign) for sign in how.signs())
    sign_before = f"(?:(?:{signs}){_BLANKS}?)?" if signs else ""
    sign_behind = f"(?:{_BLANKS}?(?:{signs}))?" if signs else ""
    if how.sign:
        return f"^(?<before>){sign_before}{number}{sign_behind}(?<behind>)$"
    match how.negative:
        case Negative.PARENTHESES:
            return rf"^{sign_before}(?<before>\()?{sign_before}{number}{sign_behind}(?<behind>\))?{sign_behind}$"
        case Negative.TRAILING_MINUS:
            return f"^(?<before>){sign_before}{number}(?<behind>-)?{sign_behind}$"
        case _ if signs:
            return f"^(?<before>-)?{sign_before}(?<behind>-)?{number}{sign_behind}$"
        case _:
            return f"^(?<before>-)?{number}(?<behind>)$"
