"""The totals of a declared layout: what the file declares, what its lines give, and what the bank will show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from settlement.model.clearing import Why
from settlement.model.money import is_currency, to_minor
from settlement.parse.amount_fields import currency_text, major_to_minor
from settlement.parse.candidates import shown
from settlement.parse.cards import mask_text
from settlement.parse.column_rule import CurrencyFrom
from settlement.parse.declared_cut import Cut, Fault
from settlement.parse.declared_spec import Control, DeclaredSpec, Total
from settlement.parse.source import ControlTotal
from settlement.parse.source_fields import field, source_name
from settlement.parse.views import decimal_column

_SPLIT: Final = 10**6
_MOST_DIGITS: Final = 18


def control_totals(
    control: Control, cut: Cut, facts: Mapping[str, str], rejected: pl.Series
) -> Iterator[ControlTotal | Fault]:
    """The one total of a control, or one for each value of the field that it is ``by``, named after the value."""
    totals = [total for total in (*control.of, control.declared) if isinstance(total, Total) and total.by]
    if not totals:
        yield _control_total(control, cut, facts, rejected)
        return
    values = {value for total in totals for value in _values(total, str(total.by), cut)}
    for value in sorted(values):
        of = tuple(_only(total, value) for total in control.of)
        declared = _only(control.declared, value) if isinstance(control.declared, Total) else None
        narrowed = control.model_copy(update={"of": of, "declared": declared})
        found = _control_total(narrowed, cut, facts, rejected)
        yield (
            replace(found, control=f"{control.name}[{mask_text(value)}]") if isinstance(found, ControlTotal) else found
        )


def with_amounts(cut: Cut, controls: Sequence[Control]) -> Cut:
    """The cut with every field that a total adds as whole numbers beside its text, each read once for all totals."""
    totals = [total for control in controls for total in (*control.of, control.declared) if isinstance(total, Total)]
    plain = [total for total in totals if total.currency is None]

    def read(frame: pl.DataFrame, of: Sequence[Total]) -> pl.DataFrame:
        names = sorted({name for total in of for name in (*total.add, *total.subtract)})
        return frame.with_columns(_whole(frame[source_name(name)]).alias(_amount_name(name)) for name in names)

    lines = tuple(
        replace(one, frame=read(one.frame, [total for total in plain if total.takes(one.tag)]))
        if one.frame.height
        else one
        for one in cut.lines
    )
    unknown = None if cut.unknown is None else read(cut.unknown, [total for total in plain if not total.lines])
    return replace(cut, lines=lines, unknown=unknown)


def _whole(text: pl.Series) -> pl.Series:
    """Signed whole numbers; 0 where the text is empty, null where it is none."""
    read = decimal_column(text, signed=True)
    if not read.null_count():
        return read
    return pl.select(pl.when(text == "").then(pl.lit(0, dtype=pl.Int64)).otherwise(read)).to_series()


def _amount_name(name: str) -> str:
    return f"amount:{name}"


def _values(total: Total, name: str, cut: Cut) -> set[str]:
    frames = [lines.frame for lines in cut.lines if total.takes(lines.tag)]
    if not total.lines and cut.unknown is not None:
        frames.append(cut.unknown)
    return {value for frame in frames for value in frame[source_name(name)].unique().to_list()}


def _only(total: Total, value: str) -> Total:
    """The total over the lines that have the value in the field that it is ``by``."""
    return total.model_copy(update={"where": {**total.where, str(total.by): [value]}, "by": None})


def _control_total(control: Control, cut: Cut, facts: Mapping[str, str], rejected: pl.Series) -> ControlTotal | Fault:
    """One total as declared and as its lines give it; a fault where the declared one is no number.

    ``rejected`` are the numbers of the lines that cannot be used.
    """
    computed = sum(_total(total, cut, facts, rejected) for total in control.of)
    declared: int | None
    if isinstance(control.declared, Total):
        declared = _total(control.declared, cut, facts, rejected)
    elif isinstance(control.declared, str):
        text = facts.get(control.declared, "").strip()
        if control.declared_currency is not None:
            currency = control.declared_currency
            code = currency.value or facts.get(currency.header or "", "")
            plain = re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", text) is not None
            declared = to_minor(text, code) if plain and is_currency(code) else None
        else:
            declared = int(text) if re.fullmatch(rf"[+-]?[0-9]{{1,{_MOST_DIGITS}}}", text) else None
        if declared is None:
            detail = f"its total `{control.name}` is no number: `{shown(text)}`"
            return Fault(why=Why.UNREADABLE, detail=detail)
    else:
        declared = control.declared
    return ControlTotal(control=control.name, declared=declared, computed=computed)


def _total(total: Total, cut: Cut, facts: Mapping[str, str], rejected: pl.Series) -> int:
    """A count or sum. A line whose amounts cannot be read counts and adds 0; an empty amount is 0.

    Of the lines that are rejected for something else, a sum of ``usable`` lines takes nothing either.
    """
    read = () if total.currency is not None else (*total.add, *total.subtract)
    others = set(total.fields()).difference(read) | {*total.where, *total.negate}
    taken = ["record", *sorted({*map(_amount_name, read), *map(source_name, others)})]
    told = [lines.frame for lines in cut.lines if lines.frame.height and total.takes(lines.tag)]
    frames = [_where(frame.select(taken), total.where) for frame in told]
    if total.count:
        strays = [] if total.where else list(filter(total.takes, cut.strays["tag"]))
        return sum(frame.height for frame in frames) + len(strays)
    if not total.lines and cut.unknown is not None:
        frames.append(_where(cut.unknown.select(taken), total.where))
    if total.distinct is not None:
        values = [frame[source_name(total.distinct)] for frame in frames]
        return pl.concat(values).n_unique() if values else 0
    if total.usable:
        frames = [frame.filter(~pl.col("record").is_in(rejected.implode())) for frame in frames]
    amount = sum(_sum(frame, total, facts) for frame in frames)
    return amount if total.modulo is None else amount % total.modulo


def _sum(frame: pl.DataFrame, total: Total, facts: Mapping[str, str]) -> int:
    value: pl.Expr = pl.lit(0, dtype=pl.Int64)
    for names, sign in ((total.add, 1), (total.subtract, -1)):
        for name in names:
            value = value + sign * _amount(name, total, facts)
    value = value.fill_null(0)
    if total.negate:
        negative = pl.all_horizontal(field(name).is_in(texts) for name, texts in total.negate.items())
        value = pl.when(negative).then(-value).otherwise(value)
    # Two partial sums, because a sum of large amounts may pass 64 bits.
    parts = frame.select(value=value).select(
        high=pl.col("value").floordiv(_SPLIT).sum(), low=pl.col("value").mod(_SPLIT).sum()
    )
    high, low = parts.row(0)
    return int(high) * _SPLIT + int(low)


def _amount(name: str, total: Total, facts: Mapping[str, str]) -> pl.Expr:
    if total.currency is None:
        return pl.col(_amount_name(name))
    text = field(name)
    read = major_to_minor(text, currency_text(total.currency, facts), signed=True)
    return pl.when(text == "").then(pl.lit(0, dtype=pl.Int64)).otherwise(read)


def _where(frame: pl.DataFrame, where: Mapping[str, list[str]]) -> pl.DataFrame:
    for name, texts in where.items():
        frame = frame.filter(field(name).is_in(texts))
    return frame


def settlement(
    spec: DeclaredSpec, cut: Cut, totals: Sequence[ControlTotal]
) -> tuple[int | None, str | None, str | None]:
    """Amount, currency and text under which the bank shows the file; nothing where the line is absent."""
    settled = spec.settlement
    if settled is None:
        return None, None, None
    if isinstance(settled.currency, CurrencyFrom):
        total = next(total for total in totals if total.control == settled.control)
        return total.computed, settled.currency.value, None
    frames = [lines.frame for lines in cut.lines if lines.tag == settled.line and lines.frame.height]
    amount = next(total.declared for total in totals if total.control == settled.control)
    if not frames:
        return None, None, None
    row = frames[0].row(0, named=True)
    return amount, row[source_name(settled.currency)], mask_text(row[source_name(str(settled.text))])
