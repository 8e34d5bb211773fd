"""Fields that hold dates and times: exactly as written, in the calendar, with a year that is told or completed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import RejectReason
from settlement.model.dates import latest_not_after
from settlement.parse.column_rule import Coded, ColumnRule
from settlement.parse.declared_spec import DeclaredSpec
from settlement.parse.source_fields import Check, field, unless
from settlement.parse.views import by_kernel, mapped, second_column

_OFFSET_TIME: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_OFFSET: Final = "(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
_FORMAT_DIGITS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "j": 3}
_KERNEL_PARTS: Final = "YmdHMS"
_ISO_FORM: Final = "%Y-%m-%dT%H:%M:%S"
_QUARTER: Final = 900
_MOST_NUMBERS: Final = 1 << 22
_WITH_OFFSET, _WITH_COLON = 1, 2
_NO_YEARS: Final = np.zeros(0, np.int32)


def offset_time(text: pl.Expr, form: str | None) -> pl.Expr:
    """A date-time with its offset as the local time that is written; null where it is none.

    It is written as ISO 8601, or as ``form`` says, which ends in ``%z``.
    """
    if form is None:
        return _read(text, _ISO_FORM, _iso_time, offset=_WITH_COLON)
    local_form = form.removesuffix("%z")
    whole = f"^({_expression(local_form)}){_OFFSET}$"
    return _read(text, local_form, lambda rest: _parsed(rest.str.extract(whole, 1), local_form), offset=_WITH_OFFSET)


def written_time(text: pl.Expr, rule: ColumnRule, anchor: date | None) -> pl.Expr:
    """A date or date-time in exactly the form of the rule; null where it has another form or no such day exists.

    Where the form has no year, it is the latest such day not after ``anchor``, the file's business date.
    """
    form = str(rule.format)
    if not rule.yearless:
        return _written(text, form)
    return _read(text, form, lambda rest: _completed(rest, form, anchor), years=_year_table(anchor))


def _written(text: pl.Expr, form: str) -> pl.Expr:
    return _read(text, form, lambda rest: _parsed(rest, form))


def _iso_time(text: pl.Expr) -> pl.Expr:
    local = text.str.head(19).str.to_datetime(_ISO_FORM, time_unit="ms", strict=False)
    return pl.when(text.str.contains(_OFFSET_TIME)).then(local)


def _completed(text: pl.Expr, form: str, anchor: date | None) -> pl.Expr:
    month, day = (text.str.extract(f"^{_expression(form, captured=letter)}$", 1) for letter in "md")
    completed = pl.concat_str([month, day]).replace_strict(_years(anchor), default=None, return_dtype=pl.String)
    return _parsed(pl.concat_str([completed, text], separator=" "), f"%Y {form}")


def _read(
    text: pl.Expr,
    form: str,
    parsed: Callable[[pl.Expr], pl.Expr],
    offset: int = 0,
    years: NDArray[np.int32] = _NO_YEARS,
) -> pl.Expr:
    """What ``parsed`` makes of texts. Where the kernel knows the form, it reads all but the few that are odd or bad."""
    kind = pl.Datetime("ms") if "%H" in form else pl.Date()
    parts = _parts(form)
    if parts is None:
        return parsed(text)

    def read(texts: pl.Series) -> pl.Series:
        found = second_column(texts, parts, offset, years, kind)
        left = (found.is_null() & (texts != "")).arg_true()
        if left.is_empty():
            return found
        rest = texts.gather(left).alias("rest").to_frame().select(parsed(pl.col("rest")).cast(kind)).to_series()
        return found.scatter(left, rest)

    return by_kernel(text, read, kind)


def zoned_time(
    text: pl.Expr, made: pl.Expr, rule: ColumnRule, spec: DeclaredSpec, required: bool
) -> tuple[pl.Expr, tuple[Check, ...]]:
    """A local time of one zone as the local time of another, both told by codes of the line.

    A time that the clocks passed twice is taken the first time; one that they left out is no time.
    """
    naive = _written(text, str(rule.format))
    zones = [_zones(coded, spec) for coded in (rule.zone, rule.to_zone)]
    from_zone, to_zone = (
        _zone(coded, spec, known) for coded, known in zip((rule.zone, rule.to_zone), zones, strict=True)
    )
    ways = [(one, other) for one in zones[0] for other in zones[1]]
    told = pl.struct(naive.alias("naive"), (from_zone * len(zones[1]) + to_zone).alias("way"))
    value = told.map_batches(lambda times: _turned(times, ways), return_dtype=pl.Datetime("ms"))
    wrong = RejectReason.BAD_DATE
    return value, (
        # What is no time at all comes before zones that are not known; both only where there is no value.
        replace(unless(made.is_not_null() | naive.is_not_null(), text, required, wrong), only_tells=True),
        *(
            replace(unless(zone.is_not_null(), text, required, RejectReason.MALFORMED, coded.source), only_tells=True)
            for zone, coded in ((from_zone, rule.zone), (to_zone, rule.to_zone))
            if coded is not None
        ),
        unless(made.is_not_null(), text, required, wrong),
    )


def _turned(times: pl.Series, ways: Sequence[tuple[str, str]]) -> pl.Series:
    """Local times turned from one zone into another, each quarter of an hour once: no clock changes inside one."""
    frame = times.struct.unnest().with_columns(quarter=pl.col("naive").dt.truncate("15m"))
    # A number for each way and quarter, so that what was found once is looked up without a join.
    numbers = frame.select(
        (pl.col("quarter").dt.epoch("s") // _QUARTER * len(ways) + pl.col("way")).cast(pl.Int64).alias("number")
    )["number"]
    low, high = (0 if end is None else int(str(end)) for end in (numbers.min(), numbers.max()))
    if high - low > _MOST_NUMBERS:
        low, numbers = 0, numbers.rank("dense").cast(pl.Int64)
        high = int(str(numbers.max()))
    place = (numbers - low).fill_null(0).to_numpy()
    row_of = np.full(high - low + 1, -1, np.int64)
    there = numbers.is_not_null().to_numpy()
    row_of[place[there]] = np.flatnonzero(there)
    kept = np.flatnonzero(row_of >= 0)
    distinct = frame[row_of[kept]]
    turned = [
        pl.when(pl.col("way") == number).then(
            pl.col("quarter")
            .dt.replace_time_zone(one, ambiguous="earliest", non_existent="null")
            .dt.convert_time_zone(other)
            .dt.replace_time_zone(None)
        )
        for number, (one, other) in enumerate(ways)
        if number in distinct["way"]
    ]
    if not turned:
        return pl.repeat(None, times.len(), dtype=pl.Datetime("ms"), eager=True).alias("turned")
    moved = distinct.select((pl.coalesce(turned) - pl.col("quarter")).alias("moved"))["moved"]
    row_of[kept] = np.arange(kept.size)
    found = frame.with_columns(moved=moved.gather(np.maximum(row_of[place], 0)))
    return found.select(pl.when(pl.Series(there)).then(pl.col("naive") + pl.col("moved")).alias("turned"))["turned"]


def _parsed(text: pl.Expr, form: str) -> pl.Expr:
    kind = pl.Datetime("ms") if "%H" in form else pl.Date()
    return pl.when(text.str.contains(f"^{_expression(form)}$")).then(text.str.strptime(kind, form, strict=False))


@cache
def _parts(form: str) -> NDArray[np.uint8] | None:
    """The form as the kernel ``times`` takes it; None where it does not take it."""
    found = re.findall(r"%(.)|([^%])", form, re.DOTALL)
    told, between = [letter for letter, _ in found if letter], [mark for _, mark in found if mark]
    if (
        len(set(told)) < len(told)
        or not set(told) <= set(_KERNEL_PARTS)
        or not all("\b" <= mark < "\x80" for mark in between)
    ):
        return None
    parts = [
        [_KERNEL_PARTS.index(letter)] * _FORMAT_DIGITS[letter] if letter else [ord(mark)] for letter, mark in found
    ]
    return np.array([byte for part in parts for byte in part], np.uint8)


def _expression(form: str, captured: str = "") -> str:
    """The regular expression of a form, the digits of one of its parts captured."""

    def digits(found: re.Match[str]) -> str:
        some = f"[0-9]{{{_FORMAT_DIGITS[found[1]]}}}"
        return f"({some})" if found[1] == captured else some

    return re.sub(r"%([A-Za-z])", digits, re.escape(form))


@cache
def _years(anchor: date | None) -> dict[str, str]:
    """The year of every day of the calendar, MMDD, as completed against the anchor."""
    months_and_days = [(month, day) for month in range(1, 13) for day in range(1, 32)]
    found = {} if anchor is None else {(m, d): latest_not_after(m, d, anchor) for m, d in months_and_days}
    return {f"{m:02}{d:02}": f"{completed:%Y}" for (m, d), completed in found.items() if completed is not None}


def _year_table(anchor: date | None) -> NDArray[np.int32]:
    """The same years where the kernel ``times`` looks for them: at 32 * month + day, 0 for none."""
    table = np.zeros(13 * 32, np.int32)
    for day, year in _years(anchor).items():
        table[32 * int(day[:2]) + int(day[2:])] = int(year)
    return table


def _zone(coded: Coded | None, spec: DeclaredSpec, zones: Sequence[str]) -> pl.Expr:
    """The number of the zone that a code of the line means, null where it means none."""
    if coded is None:
        return pl.lit(None, dtype=pl.Int64)
    codes = {code: zones.index(str(zone)) for code, zone in spec.codes(coded.map).items()}
    return by_kernel(field(coded.source), lambda texts: mapped(texts, codes, pl.Int64()), pl.Int64())


def _zones(coded: Coded | None, spec: DeclaredSpec) -> list[str]:
    return sorted(set(spec.codes(coded.map).values())) if coded else []
