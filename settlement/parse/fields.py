"""From the text of a field to a typed column: what a value is, and when a row cannot be used.

Every conversion is a set of Polars expressions over the text columns of one kind of lines: the value, and for
each way in which it can fail the rows that do and the reason. Nothing is guessed: an unknown code, a date that is
not in the calendar or an amount with too many decimals rejects the row and names the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from settlement.model.clearing import RejectReason
from settlement.model.money import EXPONENTS
from settlement.model.stage import CardKey
from settlement.model.table import Column
from settlement.parse.cards import card_references, luhn_valid, mask_texts, masked
from settlement.parse.column_rule import Coded, ColumnRule, CurrencyFrom, FieldType
from settlement.parse.declared_spec import DeclaredSpec

_DIGITS: Final = 15
"""Most digits of an amount: any sum of a billion of them stays inside 64 bits."""

_OFFSET_TIME: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_FORMAT_DIGITS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "j": 3}
_EXPONENT_POWERS: Final = {code: 10**places for code, places in EXPONENTS.items()}
_POWERS: Final = {places: 10**places for places in range(5)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Rows that cannot be used and why; and the field at fault where it is not the column's own."""

    bad: pl.Expr
    reason: RejectReason
    at_fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a conversion may use besides the line: the layout's maps, the file's header fields, the card key."""

    spec: DeclaredSpec
    tag: str
    header: Mapping[str, str]
    card_key: CardKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """One column: its value, the text it comes from with the fields' names, and the checks that reject a row."""

    column: str
    field: str
    source: pl.Expr
    value: pl.Expr
    checks: tuple[Check, ...] = ()


def field(name: str) -> pl.Expr:
    """The text of a source field. Source fields are kept apart from target columns of the same name."""
    return pl.col(source_name(name))


def source_name(name: str) -> str:
    """Column under which a source field stands in a frame of lines."""
    return f"source:{name}"


def convert(column: Column, rule: ColumnRule, context: Context) -> Conversion:
    """The conversion of one column of the target table.

    Parameters
    ----------
    column:
        Target column; a column that may not be empty rejects rows whose field is empty.
    rule:
        How the layout makes it.
    context:
        Maps, header fields and card key.
    """
    names = rule.sources(context.tag)
    if rule.header is not None:
        text = pl.lit(context.header[rule.header])
    elif rule.value is not None:
        constant = pl.lit(rule.value, dtype=pl.Int64() if column.type == "int" else pl.String())
        return Conversion(column=column.name, field=column.name, source=pl.lit(str(rule.value)), value=constant)
    elif not names:
        return _empty(column)
    else:
        text = _joined(names, rule.join)
    value, checks = _typed(column, rule, text, context)
    return Conversion(
        column=column.name,
        field=rule.header or "+".join(names),
        source=text,
        value=value,
        checks=checks if rule.join or not names[1:] else (*checks, _more_than_one(names)),
    )


def _typed(column: Column, rule: ColumnRule, text: pl.Expr, context: Context) -> tuple[pl.Expr, tuple[Check, ...]]:
    """Value and checks of a text by the rule's type."""
    required = not column.nullable
    match rule.type:
        case FieldType.INTEGER | FieldType.MINOR:
            money = rule.type is FieldType.MINOR
            reason = RejectReason.NON_NUMERIC_AMOUNT if money else RejectReason.MALFORMED
            return _whole(text, required, rule.signed, reason)
        case FieldType.MAJOR:
            return _major(text, rule, context.header, required)
        case FieldType.CODE:
            return _code(text, context.spec.codes(rule.map), column, required)
        case FieldType.ZONED_TIME:
            return _zoned(text, rule, context.spec, required)
        case FieldType.CURRENCY | FieldType.DATE | FieldType.OFFSET_TIME:
            value, reason = _listed(text, rule)
            return value, (_unless(value.is_not_null(), text, required, reason),)
        case _:
            return _textual(text, rule, required, context.card_key)


def _listed(text: pl.Expr, rule: ColumnRule) -> tuple[pl.Expr, RejectReason]:
    """A value that is in a list or calendar, or nothing; and the reason where it is nothing."""
    if rule.type is FieldType.CURRENCY:
        return pl.when(text.is_in(list(EXPONENTS))).then(text), RejectReason.UNKNOWN_CURRENCY
    if rule.type is FieldType.DATE:
        return _parsed(text, str(rule.format)).cast(pl.Date), RejectReason.BAD_DATE
    local = text.str.head(19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False)
    return pl.when(text.str.contains(_OFFSET_TIME)).then(local), RejectReason.BAD_DATE


def _joined(names: tuple[str, ...], join: str | None) -> pl.Expr:
    """One field; several joined where one of them is filled; or the one of several that is filled."""
    if len(names) == 1:
        return field(names[0])
    if join is not None:
        some = pl.any_horizontal(field(name) != "" for name in names)
        return pl.when(some).then(pl.concat_str([field(name) for name in names], separator=join)).otherwise(pl.lit(""))
    filled = [pl.when(field(name) != "").then(field(name)) for name in names]
    return pl.coalesce(*filled, pl.lit(""))


def _more_than_one(names: tuple[str, ...]) -> Check:
    count = pl.sum_horizontal((field(name) != "").cast(pl.Int32) for name in names)
    return Check(bad=count > 1, reason=RejectReason.MALFORMED)


def _empty(column: Column) -> Conversion:
    kinds = {"int": pl.Int64(), "date": pl.Date(), "time": pl.Datetime("ms"), "flag": pl.Boolean(), "text": pl.String()}
    nothing = pl.lit(None, dtype=kinds[column.type])
    checks: tuple[Check, ...] = (
        () if column.nullable else (Check(bad=pl.lit(value=True), reason=RejectReason.MALFORMED),)
    )
    return Conversion(column=column.name, field=column.name, source=pl.lit(""), value=nothing, checks=checks)


def _unless(good: pl.Expr, text: pl.Expr, required: bool, reason: RejectReason, at_fault: str | None = None) -> Check:
    """Reject what is not good; an empty field only where the column may not be empty."""
    bad = ~good.fill_null(value=False)
    return Check(bad=bad if required else bad & (text != ""), reason=reason, at_fault=at_fault)


def _whole(text: pl.Expr, required: bool, signed: bool, reason: RejectReason) -> tuple[pl.Expr, tuple[Check, ...]]:
    sign = "[+-]?" if signed else ""
    good = text.str.contains(rf"^{sign}[0-9]{{1,{_DIGITS}}}$")
    value = pl.when(good).then(text).cast(pl.Int64, strict=False)
    return value, (_unless(good, text, required, reason),)


def major_to_minor(text: pl.Expr, currency: pl.Expr, *, signed: bool = False, decimal: str = ".") -> pl.Expr:
    """A plain decimal in major units as minor units of the currency; null where it is no exact amount of it.

    ``17.3`` USD is 1730, ``17.305`` USD is null, ``5`` JPY is 5. Thousands separators and exponents are null.
    """
    sign, point = ("[+-]?" if signed else ""), re.escape(decimal)
    plain = text.str.contains(rf"^{sign}[0-9]{{1,{_DIGITS}}}({point}[0-9]{{1,{_DIGITS}}})?$")
    whole = text.str.extract(rf"^{sign}([0-9]+)", 1).cast(pl.Int64, strict=False)
    decimals = text.str.extract(rf"{point}([0-9]+)$", 1).fill_null("").str.strip_chars_end("0")
    power = currency.replace_strict(_EXPONENT_POWERS, default=None, return_dtype=pl.Int64)
    step = decimals.str.len_bytes().replace_strict(_POWERS, default=None, return_dtype=pl.Int64)
    part = pl.when(decimals == "").then(pl.lit("0")).otherwise(decimals).cast(pl.Int64, strict=False)
    exact = (power % step == 0) & (whole < 10 ** (_DIGITS + 2) // power)
    minor = whole * power + part * (power // step)
    return pl.when(plain & exact).then(pl.when(text.str.starts_with("-")).then(-minor).otherwise(minor))


def currency_text(given: str | CurrencyFrom | None, header: Mapping[str, str]) -> pl.Expr:
    """The currency of an amount: a field of the line, a field of the header, or the layout's constant."""
    if isinstance(given, CurrencyFrom):
        return pl.lit(given.value if given.header is None else header[given.header], dtype=pl.String)
    return field(given) if given else pl.lit(None, dtype=pl.String)


def _major(
    text: pl.Expr, rule: ColumnRule, header: Mapping[str, str], required: bool
) -> tuple[pl.Expr, tuple[Check, ...]]:
    currency = currency_text(rule.currency, header)
    told = rule.currency if isinstance(rule.currency, str) else None
    known = currency.is_in(list(EXPONENTS))
    value = major_to_minor(text, currency, signed=rule.signed, decimal=rule.decimal)
    good = value.is_not_null()
    if rule.minus is not None:
        less = field(rule.minus)
        taken = major_to_minor(less, currency, signed=rule.signed, decimal=rule.decimal)
        good = (good | (text == "")) & (taken.is_not_null() | (less == "")) & ((text != "") | (less != ""))
        value = pl.when(good).then(value.fill_null(0) - taken.fill_null(0))
        text = pl.concat_str([text, less])
    # Without its currency an amount has no decimals to check: then the currency is what is wrong.
    return value, (
        _unless(known, text, required, RejectReason.UNKNOWN_CURRENCY, told),
        _unless(good, text, required, RejectReason.NON_NUMERIC_AMOUNT),
    )


def _code(
    text: pl.Expr, codes: Mapping[str, str | int], column: Column, required: bool
) -> tuple[pl.Expr, tuple[Check, ...]]:
    kind = pl.Int64() if column.type == "int" else pl.String()
    value = text.replace_strict(dict(codes), default=None, return_dtype=kind)
    return value, (_unless(value.is_not_null(), text, required, RejectReason.MALFORMED),)


def _parsed(text: pl.Expr, layout: str) -> pl.Expr:
    """A date or date-time in exactly the written form; null where the text has another form or no such day exists."""
    form = re.sub(r"%([A-Za-z])", lambda found: f"[0-9]{{{_FORMAT_DIGITS[found[1]]}}}", re.escape(layout))
    kind = pl.Datetime("ms") if "%H" in layout else pl.Date()
    return pl.when(text.str.contains(f"^{form}$")).then(text.str.strptime(kind, layout, strict=False))


def _zoned(text: pl.Expr, rule: ColumnRule, spec: DeclaredSpec, required: bool) -> tuple[pl.Expr, tuple[Check, ...]]:
    """A local time of one zone as the local time of another, both told by codes of the line.

    A time that the clocks passed twice is taken the first time; one that they left out is no time.
    """
    naive = _parsed(text, str(rule.format))
    from_zone, to_zone = (_zone(coded, spec) for coded in (rule.zone, rule.to_zone))
    pairs = [
        pl.when((from_zone == one) & (to_zone == other)).then(
            naive.dt.replace_time_zone(one, ambiguous="earliest", non_existent="null")
            .dt.convert_time_zone(other)
            .dt.replace_time_zone(None)
        )
        for one in _zones(rule.zone, spec)
        for other in _zones(rule.to_zone, spec)
    ]
    value = pl.coalesce(pairs)
    return value, (
        _unless(naive.is_not_null(), text, required, RejectReason.BAD_DATE),
        *(
            _unless(zone.is_not_null(), text, required, RejectReason.MALFORMED, coded.source)
            for zone, coded in ((from_zone, rule.zone), (to_zone, rule.to_zone))
            if coded is not None
        ),
        _unless(value.is_not_null(), text, required, RejectReason.BAD_DATE),
    )


def _zone(coded: Coded | None, spec: DeclaredSpec) -> pl.Expr:
    if coded is None:
        return pl.lit(None, dtype=pl.String)
    return field(coded.source).replace_strict(dict(spec.codes(coded.map)), default=None, return_dtype=pl.String)


def _zones(coded: Coded | None, spec: DeclaredSpec) -> list[str]:
    return sorted(set(spec.codes(coded.map).values())) if coded else []


def _textual(text: pl.Expr, rule: ColumnRule, required: bool, card_key: CardKey) -> tuple[pl.Expr, tuple[Check, ...]]:
    filled = pl.when(text != "").then(text)
    checks = [Check(bad=text == "", reason=RejectReason.MALFORMED)] if required else []
    match rule.type:
        case FieldType.FREE_TEXT:
            value = filled.map_batches(mask_texts, return_dtype=pl.String)
        case FieldType.DECIMAL:
            value = filled
            good = text.str.contains(rf"^[0-9]{{1,{_DIGITS}}}(\.[0-9]{{1,{_DIGITS}}})?$")
            checks = [_unless(good, text, required, RejectReason.NON_NUMERIC_AMOUNT)]
        case FieldType.MASKED_CARD:
            value = filled
            good = text.str.contains(r"^[0-9]{6}\*{2,9}[0-9]{4}$")
            checks = [_unless(good, text, required, RejectReason.MALFORMED)]
        case FieldType.CARD_REFERENCE | FieldType.CARD_MASK:
            good = filled.map_batches(luhn_valid, return_dtype=pl.Boolean)
            checks = [_unless(good, text, required, RejectReason.BAD_LUHN)]
            if rule.type is FieldType.CARD_MASK:
                value = filled.map_batches(masked, return_dtype=pl.String)
            else:
                value = filled.map_batches(lambda pans: card_references(pans, card_key), return_dtype=pl.String)
        case _:
            value = filled
    if rule.pattern is not None:
        fits = text.str.contains(f"^(?:{rule.pattern})$")
        checks.append(_unless(fits, text, required, RejectReason.MALFORMED))
    return value, tuple(checks)
