"""Fields that hold amounts and whole numbers: minor units, major units, millionths; never a float."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import polars as pl

from settlement.model.clearing import RejectReason
from settlement.model.money import EXPONENTS
from settlement.parse.column_rule import ColumnRule, CurrencyFrom, FieldType
from settlement.parse.source_fields import MOST_DIGITS, Check, field, unless

_EXPONENT_POWERS: Final = {code: 10**places for code, places in EXPONENTS.items()}
_MICRO_POWERS: Final = {code: 10 ** (6 - places) for code, places in EXPONENTS.items()}
_MOST_MINOR: Final = 10**12
"""Minor units whose millionths still fit 64 bits, whatever the currency."""
_POWERS: Final = {places: 10**places for places in range(5)}


def whole_number(text: pl.Expr, required: bool, signed: bool) -> tuple[pl.Expr, tuple[Check, ...]]:
    """A whole number that is no amount."""
    value = _digits(text, signed=signed)
    return value, (unless(value.is_not_null(), text, required, RejectReason.MALFORMED),)


def amount(
    text: pl.Expr, rule: ColumnRule, header: Mapping[str, str], required: bool
) -> tuple[pl.Expr, tuple[Check, ...]]:
    """An amount of one of the types ``minor``, ``major`` and ``micro``, less the field of ``minus``.

    ``negate`` turns its sign in some lines; unless the rule is ``signed``, what comes of that may not be negative.
    Without its currency an amount has no decimals to check: then the currency is what is wrong.
    """
    currency = currency_text(rule.currency, header)
    value = _units(text, currency, rule)
    good = value.is_not_null()
    if rule.minus is not None:
        less = field(rule.minus)
        taken = _units(less, currency, rule)
        good = (good | (text == "")) & (taken.is_not_null() | (less == "")) & ((text != "") | (less != ""))
        value = pl.when(good).then(value.fill_null(0) - taken.fill_null(0))
        text = pl.concat_str([text, less])
    if rule.negate:
        turned = pl.all_horizontal(field(name).is_in(texts) for name, texts in rule.negate.items())
        value = pl.when(turned).then(-value).otherwise(value)
        good = good if rule.signed else good & (value >= 0)
    checks = [unless(good, text, required, RejectReason.NON_NUMERIC_AMOUNT)]
    if rule.type is not FieldType.MINOR:
        told = rule.currency if isinstance(rule.currency, str) else None
        known = currency.is_in(list(EXPONENTS))
        checks.insert(0, unless(known, text, required, RejectReason.UNKNOWN_CURRENCY, told))
    return value, tuple(checks)


def currency_text(given: str | CurrencyFrom | None, header: Mapping[str, str]) -> pl.Expr:
    """The currency of an amount: a field of the line, a field of the header, or the layout's constant."""
    if isinstance(given, CurrencyFrom):
        return pl.lit(given.value if given.header is None else header[given.header], dtype=pl.String)
    return field(given) if given else pl.lit(None, dtype=pl.String)


def major_to_minor(text: pl.Expr, currency: pl.Expr, *, signed: bool = False, decimal: str = ".") -> pl.Expr:
    """A plain decimal in major units as minor units of the currency; null where it is no exact amount of it.

    ``17.3`` USD is 1730, ``17.305`` USD is null, ``5`` JPY is 5. Thousands separators and exponents are null.
    """
    sign, point = ("[+-]?" if signed else ""), re.escape(decimal)
    plain = text.str.contains(rf"^{sign}[0-9]{{1,{MOST_DIGITS}}}({point}[0-9]{{1,{MOST_DIGITS}}})?$")
    whole = text.str.extract(rf"^{sign}([0-9]+)", 1).cast(pl.Int64, strict=False)
    decimals = text.str.extract(rf"{point}([0-9]+)$", 1).fill_null("").str.strip_chars_end("0")
    power = currency.replace_strict(_EXPONENT_POWERS, default=None, return_dtype=pl.Int64)
    step = decimals.str.len_bytes().replace_strict(_POWERS, default=None, return_dtype=pl.Int64)
    part = pl.when(decimals == "").then(pl.lit("0")).otherwise(decimals).cast(pl.Int64, strict=False)
    exact = (power % step == 0) & (whole < 10 ** (MOST_DIGITS + 2) // power)
    minor = whole * power + part * (power // step)
    return pl.when(plain & exact).then(pl.when(text.str.starts_with("-")).then(-minor).otherwise(minor))


def _units(text: pl.Expr, currency: pl.Expr, rule: ColumnRule) -> pl.Expr:
    signed = rule.signed or bool(rule.negate)
    if rule.type is FieldType.MAJOR:
        return major_to_minor(text, currency, signed=signed, decimal=rule.decimal)
    value = _digits(text, signed=signed)
    if rule.type is FieldType.MICRO:
        power = currency.replace_strict(_MICRO_POWERS, default=None, return_dtype=pl.Int64)
        return pl.when(value.abs() < _MOST_MINOR).then(value * power)
    return value


def _digits(text: pl.Expr, *, signed: bool) -> pl.Expr:
    sign = "[+-]?" if signed else ""
    good = text.str.contains(rf"^{sign}[0-9]{{1,{MOST_DIGITS}}}$")
    return pl.when(good).then(text).cast(pl.Int64, strict=False)
