"""Fields that hold amounts and whole numbers: minor units, major units, millionths; never a float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from settlement.model.clearing import RejectReason
from settlement.model.money import EXPONENTS
from settlement.parse.column_rule import ColumnRule, CurrencyFrom, FieldType
from settlement.parse.source_fields import Check, field, unless
from settlement.parse.views import by_kernel, decimal_column, mapped

_NO_PLACES: Final = -1
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
    each, code = [text.alias("text")], None
    if isinstance(rule.currency, CurrencyFrom):
        code = header[str(rule.currency.header)] if rule.currency.value is None else rule.currency.value
    elif rule.currency is not None:
        each.append(currency.alias("currency"))
    if rule.minus is not None:
        less = field(rule.minus)
        each.append(less.alias("less"))
        text = pl.when(text != "").then(text).otherwise(less)
    value = pl.struct(each).map_batches(lambda texts: _values(texts.struct.unnest(), rule, code), pl.Int64())
    if rule.negate:
        turned = pl.all_horizontal(field(name).is_in(texts) for name, texts in rule.negate.items())
        value = pl.when(turned).then(-value).otherwise(value)
    good = made.is_not_null() if rule.signed or not rule.negate else made >= 0
    checks = [unless(good, text, required, RejectReason.NON_NUMERIC_AMOUNT)]
    if rule.type is not FieldType.MINOR:
        told = rule.currency if isinstance(rule.currency, str) else None
        known = by_kernel(currency, lambda codes: mapped(codes, EXPONENTS, pl.Int64()), pl.Int64())
        unknown = unless(known.is_not_null(), text, required, RejectReason.UNKNOWN_CURRENCY, told)
        checks.insert(0, replace(unknown, only_tells=True))
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

    def read(both: pl.Series) -> pl.Series:
        return _exact_minor(both.struct.field("text"), both.struct.field("currency"), signed=signed, decimal=decimal)

    return told.map_batches(read, return_dtype=pl.Int64)


def _exact_minor(text: pl.Series, currency: pl.Series, *, signed: bool, decimal: str) -> pl.Series:
    places = mapped(currency, EXPONENTS, pl.Int8()).fill_null(_NO_PLACES)
    return decimal_column(text, places.to_numpy(), point=decimal, signed=signed)


def _values(texts: pl.DataFrame, rule: ColumnRule, code: str | None) -> pl.Series:
    """The amounts of a rule, in steps: in one expression each step would be worked out many times."""
    value = _units(texts["text"], texts, rule, code)
    if rule.minus is None:
        return value
    taken = _units(texts["less"], texts, rule, code)
    if not value.null_count() and not taken.null_count():
        return value - taken
    frame = pl.DataFrame({"value": value, "taken": taken})
    good = [value.is_not_null() | (texts["text"] == ""), frame["taken"].is_not_null() | (texts["less"] == "")]
    some = (texts["text"] != "") | (texts["less"] != "")
    difference = pl.col("value").fill_null(0) - pl.col("taken").fill_null(0)
    return frame.select(pl.when(good[0] & good[1] & some).then(difference).alias("value"))["value"]


def _units(text: pl.Series, texts: pl.DataFrame, rule: ColumnRule, code: str | None) -> pl.Series:
    """The amounts of one field; their currency is ``code``, or where that is None in the column ``currency``."""
    signed = rule.signed or bool(rule.negate)
    match rule.type:
        case FieldType.MAJOR if code is None:
            return _exact_minor(text, texts["currency"], signed=signed, decimal=rule.decimal)
        case FieldType.MAJOR:
            places = np.array([EXPONENTS.get(str(code), _NO_PLACES)], dtype=np.int8)
            return decimal_column(text, places, point=rule.decimal, signed=signed)
        case FieldType.MICRO:
            value = decimal_column(text, signed=signed)
            if code is None:
                return _micro(value, mapped(texts["currency"], _MICRO_POWERS, pl.Int64()))
            return _micro(value, _MICRO_POWERS[code]) if code in _MICRO_POWERS else value.clear(value.len())
        case _:
            return decimal_column(text, signed=signed)


def _micro(value: pl.Series, power: pl.Series | int) -> pl.Series:
    """Minor units as millionths, null where they may not fit 64 bits or have no power."""
    few_enough = value.is_between(-_MOST_MINOR, _MOST_MINOR, closed="none")
    if not few_enough.all():
        value = pl.select(pl.when(few_enough).then(value)).to_series()
    return value * power


def _digits(text: pl.Expr, *, signed: bool) -> pl.Expr:
    return by_kernel(text, lambda texts: decimal_column(texts, signed=signed), pl.Int64())
