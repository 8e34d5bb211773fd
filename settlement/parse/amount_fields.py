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

_MOST_MINOR_UNITS: Final = 10 ** (MOST_DIGITS + 2)
_MOST_PLACES: Final = max(EXPONENTS.values())
_MICRO_POWERS: Final = {code: 10 ** (6 - places) for code, places in EXPONENTS.items()}
_MOST_MINOR: Final = 10**12
"""Minor units whose millionths still fit 64 bits, whatever the currency."""


def whole_number(text: pl.Expr, made: pl.Expr, required: bool, signed: bool) -> tuple[pl.Expr, tuple[Check, ...]]:
    """A whole number that is no amount; ``made`` is the column of the values once they are there."""
    return _digits(text, signed=signed), (unless(made.is_not_null(), text, required, RejectReason.MALFORMED),)


def amount(
    text: pl.Expr, made: pl.Expr, rule: ColumnRule, header: Mapping[str, str], required: bool
) -> tuple[pl.Expr, tuple[Check, ...]]:
    """An amount of one of the types ``minor``, ``major`` and ``micro``, less the field of ``minus``.

    ``negate`` turns its sign in some lines; unless the rule is ``signed``, what comes of that may not be negative.
    Without its currency an amount has no decimals to check: then the currency is what is wrong.
    """
    currency = currency_text(rule.currency, header)
    value = _units(text, currency, rule)
    if rule.minus is not None:
        less = field(rule.minus)
        taken = _units(less, currency, rule)
        good = (
            (value.is_not_null() | (text == "")) & (taken.is_not_null() | (less == "")) & ((text != "") | (less != ""))
        )
        value = pl.when(good).then(value.fill_null(0) - taken.fill_null(0))
        text = pl.concat_str([text, less])
    if rule.negate:
        turned = pl.all_horizontal(field(name).is_in(texts) for name, texts in rule.negate.items())
        value = pl.when(turned).then(-value).otherwise(value)
    good = made.is_not_null() if rule.signed or not rule.negate else made >= 0
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
    told = pl.struct(text.alias("text"), currency.alias("currency"))
    return told.map_batches(lambda both: _exact_minor(both, signed=signed, decimal=decimal), return_dtype=pl.Int64)


def _exact_minor(both: pl.Series, *, signed: bool, decimal: str) -> pl.Series:
    """Texts and currencies as minor units, in steps: in one expression each step would be worked out many times."""
    sign, point = ("[+-]?" if signed else ""), re.escape(decimal)
    text, currency, whole = pl.col("text"), pl.col("currency"), pl.lit(0, dtype=pl.Int64)
    places, digits, power = pl.col("places"), pl.col("digits"), pl.col("power")
    frame = both.struct.unnest().with_columns(
        plain=text.str.contains(rf"^{sign}[0-9]{{1,{MOST_DIGITS}}}({point}[0-9]{{1,{MOST_DIGITS}}})?$"),
        # Zeros at the end of decimals say nothing; a point that is left alone by that goes as well.
        short=pl.when(text.str.contains(decimal, literal=True)).then(text.str.strip_chars_end("0")).otherwise(text),
        exponent=currency.replace_strict(EXPONENTS, default=None, return_dtype=pl.Int64),
    )
    frame = frame.select(
        "plain",
        "exponent",
        digits=pl.col("short").str.replace(decimal, "", literal=True).cast(pl.Int64, strict=False),
        places=(pl.col("short").str.len_bytes() - pl.col("short").str.find(decimal, literal=True) - 1).cast(pl.Int64),
    )
    frame = frame.with_columns(more=pl.col("exponent") - places.fill_null(whole))
    powers = [pl.when(pl.col("more") == one).then(pl.lit(10**one, dtype=pl.Int64)) for one in range(_MOST_PLACES + 1)]
    frame = frame.with_columns(power=pl.coalesce(powers)).with_columns(minor=digits * power)
    # A product that has left 64 bits does not come back to its digits.
    good = pl.col("plain") & (pl.col("minor") // power == digits) & (pl.col("minor").abs() < _MOST_MINOR_UNITS)
    return frame.select(pl.when(good).then(pl.col("minor")).alias("minor"))["minor"]


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
