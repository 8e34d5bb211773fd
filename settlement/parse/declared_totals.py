"""The totals of a declared layout: what the file declares, what its lines give, and what the bank will show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from settlement.parse.source_fields import field as text_of
from settlement.parse.source_fields import source_name
from settlement.parse.views import decimal_column

_MOST_DIGITS: Final = 18

_Key = tuple[str, int, str | None]
"""A control, the place of a total in it, and the value that the total is ``by``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the totals of a layout come to over some parts of a file.

    Attributes
    ----------
    numbers:
        Counts and sums by control, place of the total in it, and the value that it is ``by``.
    values:
        The distinct values of those that count them.
    """

    numbers: Mapping[_Key, int] = field(default_factory=dict)
    values: Mapping[_Key, pl.Series] = field(default_factory=dict)

    def __add__(self, later: Tally) -> Tally:
        numbers = dict(self.numbers)
        for key, number in later.numbers.items():
            numbers[key] = numbers.get(key, 0) + number
        both = {key: pl.concat([self.values[key], some]).unique() for key, some in later.values.items() if key in self}
        return Tally(numbers=numbers, values={**self.values, **later.values, **both})

    def __contains__(self, key: _Key) -> bool:
        return key in self.values

    def total(self, key: _Key, total: Total) -> int:
        """What one total comes to; 0 where no line is in it."""
        if key in self.values:
            return self.values[key].len()
        number = self.numbers.get(key, 0)
        return number if total.modulo is None else number % total.modulo


def tally(controls: Sequence[Control], cut: Cut, facts: Mapping[str, str], rejected: pl.Series) -> Tally:
    """What all totals come to over a part; ``rejected`` are the numbers of its lines that cannot be used."""
    cut = _with_amounts(cut, controls)
    numbers: dict[_Key, int] = {}
    values: dict[_Key, pl.Series] = {}
    for control in controls:
        for place, total in _totals(control):
            for value in [None] if total.by is None else _values(total, total.by, cut):
                key, narrowed = (control.name, place, value), total if value is None else _only(total, value)
                if total.distinct is None:
                    numbers[key] = _total(narrowed, cut, facts, rejected)
                elif taken := _taken(narrowed, cut):
                    values[key] = pl.concat(frame[source_name(total.distinct)] for frame in taken).unique()
    return Tally(numbers=numbers, values=values)


def control_totals(
    controls: Sequence[Control], found: Tally, facts: Mapping[str, str]
) -> Iterator[ControlTotal | Fault]:
    """The one total of each control, or one for each value of the field that it is ``by``, named after the value."""
    for control in controls:
        if all(total.by is None for _, total in _totals(control)):
            yield _control_total(control, None, found, facts)
            continue
        keys = (*found.numbers, *found.values)
        for by in sorted({value for name, _, value in keys if name == control.name and value is not None}):
            told = _control_total(control, by, found, facts)
            named = f"{control.name}[{mask_text(by)}]"
            yield replace(told, control=named) if isinstance(told, ControlTotal) else told


def _totals(control: Control) -> Iterator[tuple[int, Total]]:
    """The totals of a control with their places; that of what is declared has the last."""
    yield from enumerate(control.of)
    if isinstance(control.declared, Total):
        yield len(control.of), control.declared


def _with_amounts(cut: Cut, controls: Sequence[Control]) -> Cut:
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


def _control_total(control: Control, value: str | None, found: Tally, facts: Mapping[str, str]) -> ControlTotal | Fault:
    """One total as declared and as its lines give it; a fault where the declared one is no number."""
    computed = sum(found.total((control.name, place, value), total) for place, total in enumerate(control.of))
    declared: int | None
    if isinstance(control.declared, Total):
        declared = found.total((control.name, len(control.of), value), control.declared)
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
    frames = _taken(total, cut)
    if total.count:
        strays = [] if total.where else list(filter(total.takes, cut.strays["tag"]))
        return sum(frame.height for frame in frames) + len(strays)
    if total.usable:
        frames = [frame.filter(~pl.col("record").is_in(rejected.implode())) for frame in frames]
    return sum(_sum(frame, total, facts) for frame in frames)


def _taken(total: Total, cut: Cut) -> list[pl.DataFrame]:
    """The lines of a total with what it needs of them; those of an unknown tag count with the strays."""
    read = () if total.currency is not None else (*total.add, *total.subtract)
    others = set(total.fields()).difference(read) | {*total.where, *total.negate}
    taken = ["record", *sorted({*map(_amount_name, read), *map(source_name, others)})]
    told = [lines.frame for lines in cut.lines if lines.frame.height and total.takes(lines.tag)]
    if not total.lines and not total.count and cut.unknown is not None:
        told.append(cut.unknown)
    return [_where(frame.select(taken), total.where) for frame in told]


def _sum(frame: pl.DataFrame, total: Total, facts: Mapping[str, str]) -> int:
    value: pl.Expr = pl.lit(0, dtype=pl.Int64)
    for names, sign in ((total.add, 1), (total.subtract, -1)):
        for name in names:
            value = value + sign * _amount(name, total, facts)
    value = value.fill_null(0)
    if total.negate:
        negative = pl.all_horizontal(text_of(name).is_in(texts) for name, texts in total.negate.items())
        value = pl.when(negative).then(-value).otherwise(value)
    # A sum of large amounts may pass 64 bits.
    return int(frame.select(value.cast(pl.Int128).sum()).item() or 0)


def _amount(name: str, total: Total, facts: Mapping[str, str]) -> pl.Expr:
    if total.currency is None:
        return pl.col(_amount_name(name))
    text = text_of(name)
    read = major_to_minor(text, currency_text(total.currency, facts), signed=True)
    return pl.when(text == "").then(pl.lit(0, dtype=pl.Int64)).otherwise(read)


def _where(frame: pl.DataFrame, where: Mapping[str, list[str]]) -> pl.DataFrame:
    for name, texts in where.items():
        frame = frame.filter(text_of(name).is_in(texts))
    return frame


def settlement(
    spec: DeclaredSpec, line: Mapping[str, str] | None, totals: Sequence[ControlTotal]
) -> tuple[int | None, str | None, str | None]:
    """Amount, currency and text under which the bank shows the file; nothing where the ``line`` of it is absent."""
    settled = spec.settlement
    if settled is None:
        return None, None, None
    if isinstance(settled.currency, CurrencyFrom):
        total = next(total for total in totals if total.control == settled.control)
        return total.computed, settled.currency.value, None
    amount = next(total.declared for total in totals if total.control == settled.control)
    if line is None:
        return None, None, None
    return amount, line[settled.currency], mask_text(line[str(settled.text)])
