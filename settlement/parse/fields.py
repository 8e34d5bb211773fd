"""From the text of a field to a typed column: what a value is, and when a row cannot be used.

Every conversion is a set of Polars expressions over the text columns of one kind of lines: the value, and for
each way in which it can fail the rows that do and the reason. Nothing is guessed: an unknown code, a date that is
not in the calendar or an amount with too many decimals rejects the row and names the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.model.clearing import RejectReason
from settlement.model.money import EXPONENTS, NUMERIC_CODES
from settlement.model.table import Column
from settlement.parse.amount_fields import amount, whole_number
from settlement.parse.cards import Cards, luhn_valid, mask_texts, masked
from settlement.parse.column_rule import ColumnRule, FieldType
from settlement.parse.declared_spec import DeclaredSpec
from settlement.parse.source_fields import MOST_DIGITS, Check, field, made_name, unless
from settlement.parse.spans import string_spans
from settlement.parse.time_fields import offset_time, written_time, zoned_time
from settlement.parse.views import by_kernel, by_values, filled_texts, mapped
from settlement.parse.written import lost_digits

_ALPHABETIC: Final = {code: code for code in EXPONENTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a conversion may use besides the line: the layout's maps, what the file says of itself, the card key."""

    spec: DeclaredSpec
    tag: str
    header: Mapping[str, str]
    business_date: date | None
    cards: Cards


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """One column: its value, the text it comes from with the fields' names, and the checks that reject a row."""

    column: str
    field: str
    source: pl.Expr
    value: pl.Expr
    checks: tuple[Check, ...] = ()


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
    checks = (*checks, *_ids(names, rule, context))
    return Conversion(
        column=column.name,
        field=rule.header or "+".join(names),
        source=text,
        value=value,
        checks=checks if rule.join or not names[1:] else (*checks, _more_than_one(names)),
    )


def _ids(names: tuple[str, ...], rule: ColumnRule, context: Context) -> list[Check]:
    """Rows whose id went through a spreadsheet and lost digits there: a reference that is left of one is none."""
    if rule.type is not FieldType.TEXT:
        return []
    written = context.spec.written
    declared = {name for name in names if name in written and written[name].id}
    return [
        Check(bad=lost_digits(field(name), any_number=name in declared), reason=RejectReason.MALFORMED, at_fault=name)
        for name in names
    ]


def _typed(column: Column, rule: ColumnRule, text: pl.Expr, context: Context) -> tuple[pl.Expr, tuple[Check, ...]]:
    """Value and checks of a text by the rule's type."""
    required = rule.required or not column.nullable
    made = pl.col(made_name(column.name))
    match rule.type:
        case FieldType.INTEGER:
            return whole_number(text, made, required, rule.signed)
        case FieldType.MINOR | FieldType.MAJOR | FieldType.MICRO:
            return amount(text, made, rule, context.header, required)
        case FieldType.CODE:
            return _code(text, context.spec.codes(rule.map), column, required, RejectReason.MALFORMED)
        case FieldType.CURRENCY | FieldType.CURRENCY_NUMBER:
            codes = _ALPHABETIC if rule.type is FieldType.CURRENCY else NUMERIC_CODES
            return _code(text, codes, column, required, RejectReason.UNKNOWN_CURRENCY)
        case FieldType.DATE | FieldType.LOCAL_TIME | FieldType.OFFSET_TIME | FieldType.ZONED_TIME:
            return _time(text, made, rule, context, required)
        case _:
            return _textual(text, rule, required, context.cards)


def _time(
    text: pl.Expr, made: pl.Expr, rule: ColumnRule, context: Context, required: bool
) -> tuple[pl.Expr, tuple[Check, ...]]:
    if rule.type is FieldType.ZONED_TIME:
        return zoned_time(text, made, rule, context.spec, required)
    if rule.type is FieldType.OFFSET_TIME:
        value = offset_time(text, rule.format)
    else:
        value = written_time(text, rule, context.business_date)
        value = value.cast(pl.Date) if rule.type is FieldType.DATE else value
    return value, (unless(made.is_not_null(), text, required, RejectReason.BAD_DATE),)


def _joined(names: tuple[str, ...], join: str | None) -> pl.Expr:
    """One field; several joined where one of them is filled; or the one of several that is filled."""
    if len(names) == 1:
        return field(names[0])
    if join is not None:
        some = pl.any_horizontal(field(name) != "" for name in names)
        text = pl.concat_str([field(name) for name in names], separator=join)
        whole = pl.when(some).then(text).otherwise(pl.lit("")).alias("joined")
        each = pl.struct(field(name) for name in dict.fromkeys(names))
        return each.map_batches(lambda texts: by_values(texts, lambda some: some.select(whole)["joined"]), pl.String())
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


def _code(
    text: pl.Expr, codes: Mapping[str, str | int], column: Column, required: bool, reason: RejectReason
) -> tuple[pl.Expr, tuple[Check, ...]]:
    kind = pl.Int64() if column.type == "int" else pl.String()
    value = by_kernel(text, lambda texts: mapped(texts, codes, kind), kind)
    return value, (unless(pl.col(made_name(column.name)).is_not_null(), text, required, reason),)


def _textual(text: pl.Expr, rule: ColumnRule, required: bool, cards: Cards) -> tuple[pl.Expr, tuple[Check, ...]]:
    filled = by_kernel(text, filled_texts, pl.String())
    checks = [Check(bad=text == "", reason=RejectReason.MALFORMED)] if required else []
    match rule.type:
        case FieldType.FREE_TEXT:
            value = filled.map_batches(mask_texts, return_dtype=pl.String)
        case FieldType.DECIMAL:
            value = filled
            good = text.str.contains(rf"^[0-9]{{1,{MOST_DIGITS}}}(\.[0-9]{{1,{MOST_DIGITS}}})?$")
            checks = [unless(good, text, required, RejectReason.NON_NUMERIC_AMOUNT)]
        case FieldType.MASKED_CARD:
            value = filled
            good = text.str.contains(r"^[0-9]{6}\*{2,9}[0-9]{4}$")
            checks = [unless(good, text, required, RejectReason.MALFORMED)]
        case FieldType.CARD_REFERENCE | FieldType.CARD_MASK:
            good = filled.map_batches(luhn_valid, return_dtype=pl.Boolean)
            checks = [unless(good, text, required, RejectReason.BAD_LUHN)]
            if rule.type is FieldType.CARD_MASK:
                value = filled.map_batches(masked, return_dtype=pl.String)
            else:
                value = filled.map_batches(lambda pans: cards.references(string_spans(pans)), return_dtype=pl.String)
        case _:
            value = filled
    if rule.check_modulo is not None:
        sound = (text.str.head(-1).cast(pl.Int64, strict=False) % rule.check_modulo).cast(pl.String) == text.str.tail(1)
        checks.append(unless(text.str.contains(r"^[0-9]{2,18}$") & sound, text, required, RejectReason.MALFORMED))
    if rule.pattern is not None:
        fits = text.str.contains(f"^(?:{rule.pattern})$")
        checks.append(unless(fits, text, required, RejectReason.MALFORMED))
    return value, tuple(checks)
