"""The two sides as the engine sees them: ids, amounts, day numbers and texts, in one declared order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.model.money import is_currency
from settlement.reconcile.amounts import LIKELY_CURRENCY, columns_of, magnitude, read_amounts, require_summable
from settlement.reconcile.carried import Carried
from settlement.reconcile.language import Calendar, DateColumn, Rules
from settlement.reconcile.language import Side as SideRules
from settlement.reconcile.normalise import normalised
from settlement.reconcile.read import as_text, read_columns, require_single_values, shown

OPEN: Final = 0
MATCHED: Final = 1
HELD: Final = 2
NETTED: Final = 3

TEXT: Final = "text:"
"""Texts stand in the frame under this prefix, so that they never meet the engine's own names."""

_TELLING: Final = 5
_MOST_LOOKED_AT: Final = 100
"""So many ids in a row that pass the check digit of cards are cards: one in ten does by chance."""

_EPOCH: Final = date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = (date.min - _EPOCH).days, (date.max - _EPOCH).days
_WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One side.

    ``frame`` has ``amount`` (Int64, minor units), ``currency`` (Enum, the same on both sides), ``day`` (Int32, days
    since 1970), ``business_day`` (Int32, business days since then) and a column for each text that the rules use. A
    row's position is its place in the declared order, the id last, after the carried rows; ``ids`` tells its id.
    ``state`` is one of OPEN, MATCHED, HELD and NETTED, and is the only thing that changes. ``last_day`` is the last one
    that the side tells; ``carried`` tells ages, where rows have them.
    """

    which: str
    name: str
    file: str
    ids: pl.Series
    frame: pl.DataFrame
    state: NDArray[np.uint8]
    last_day: int | None
    carried: Carried | None = None

    def among(self, *states: int) -> NDArray[np.bool_]:
        """By row whether it is in one of the states."""
        found = np.zeros(len(self.state), dtype=np.bool_)
        for state in states:
            found |= self.state == state
        return found

    def open(self) -> tuple[Rows, NDArray[np.int32]]:
        """The open rows as a side of their own, whatever their age, and their positions in this one."""
        rows = self.positions([OPEN])
        some = self.frame[rows]
        state = np.zeros(len(rows), dtype=np.uint8)
        opened = replace(self, ids=self.ids.gather(rows), frame=some, state=state, carried=None)
        return opened, rows

    def positions(self, states: Iterable[int]) -> NDArray[np.int32]:
        """Positions of the rows in one of the states, ascending."""
        found = self.among(*states)
        return np.arange(len(found), dtype=np.int32) if found.all() else np.flatnonzero(found).astype(np.int32)


def read_sides(rules: Rules, left: Path, right: Path) -> tuple[Rows, Rows]:
    """Both files as the rules tell to read them; TerminalError with one sentence where they do not fit."""
    with ThreadPoolExecutor(max_workers=2) as beside:
        readers = [
            beside.submit(_read, rules, which, side, path)
            for which, side, path in (("left", rules.left, left), ("right", rules.right, right))
        ]
        both = tuple(reader.result() for reader in readers)
    codes = [set(rows.frame["currency"].unique().to_list()) for rows in both]
    require_common_currency(rules, (both[0].file, codes[0]), (both[1].file, codes[1]))
    # One list of codes for both sides, so that equal codes are equal numbers.
    listed = pl.Enum(sorted(codes[0] | codes[1]))
    ours, theirs = (replace(rows, frame=rows.frame.with_columns(pl.col("currency").cast(listed))) for rows in both)
    return ours, theirs


def require_common_currency(rules: Rules, left: tuple[str, set[str]], right: tuple[str, set[str]]) -> None:
    """TerminalError where two files, each with its currencies, can have no pair in common.

    Where rows are carried, what agrees with tonight's may come another night.
    """
    if rules.carry is not None:
        return
    if not left[1] & right[1] and not any(one.amount.rule == "converted" for one in rules.passes):
        raise TerminalError(
            f"{left[0]} is in {_listed(left[1])} and {right[0]} in {_listed(right[1])}: no pair can agree; "
            'correct a currency, or add a pass with amount = { rule = "converted" }.'
        )


def _listed(codes: set[str]) -> str:
    return ", ".join(sorted(codes))


def takes_sums(rules: Rules) -> bool:
    """Whether a pass adds amounts up; others only compare them one by one."""
    return any(not one.one_to_one for one in rules.passes)


def texts_used(rules: Rules, which: str) -> list[str]:
    """The texts of a side that passes and netting look at, each once."""
    side = rules.left if which == "left" else rules.right
    found: dict[str, None] = {}
    for one in rules.passes:
        pairs: Iterator[Any] = iter((*one.pairs, *one.text))
        found |= dict.fromkeys(getattr(pair, which) for pair in pairs)
        found |= dict.fromkeys(one.left_only if which == "left" else one.right_only)
    for net in side.net:
        found |= dict.fromkeys((*net.keys, *net.originals, *net.reversals))
    return list(found)


def _read(rules: Rules, which: str, side: SideRules, path: Path) -> Rows:
    raw = read_columns(path, side, columns_wanted(rules, which), LIKELY_CURRENCY)
    frame, ids = prepared(rules, which, raw, path.name)
    if takes_sums(rules):
        require_summable(magnitude(frame["amount"]), path.name)
    _require_unique(ids, side, path.name)
    order = _order(raw, ids, side)
    if order is not None:
        frame, ids = frame[order], ids[order]
    return rows_of(rules, which, path.name, frame, as_text(ids), last_day=last_day(frame))


def rows_of(rules: Rules, which: str, file: str, frame: pl.DataFrame, ids: pl.Series, *, last_day: int | None) -> Rows:
    """A side whose rows are all open."""
    side = rules.left if which == "left" else rules.right
    # Numbers and ids in one piece, for rows are picked from them again and again; texts would cost more than it saves.
    frame = frame.with_columns(column.rechunk() for column in frame if column.dtype != pl.String)
    state = np.zeros(frame.height, dtype=np.uint8)
    return Rows(
        which=which,
        name=side.name or which,
        file=file,
        ids=ids.rechunk(),
        frame=frame,
        state=state,
        last_day=last_day,
    )


def last_day(frame: pl.DataFrame) -> int | None:
    """The last day that the rows tell."""
    last = frame["day"].max() if "day" in frame.columns else None
    return last if isinstance(last, int) else None


def columns_wanted(rules: Rules, which: str) -> list[str]:
    """The columns of a file that the rules look at, each once."""
    side = rules.left if which == "left" else rules.right
    wanted = [column for name in texts_used(rules, which) for column in _sources(side, name)]
    wanted += columns_of(side.amount) + list(side.order)
    wanted += [name for name in (side.id, side.date.column if side.date else None) if name is not None]
    return list(dict.fromkeys(wanted))


def prepared(rules: Rules, which: str, raw: pl.DataFrame, place: str, first: int = 0) -> tuple[pl.DataFrame, pl.Series]:
    """The frame of ``Rows`` and the ids, as the file tells them, of rows of a file of which ``first`` stand before."""
    side = rules.left if which == "left" else rules.right
    require_single_values(place, raw, columns_wanted(rules, which))
    _require_declared_currency(raw, side, place)
    amount, currency = read_amounts(raw, side.amount, place, first)
    columns = [amount, currency]
    if side.date is not None:
        days = _days(raw[side.date.column], side.date, place, first)
        columns.append(days)
        if any(one.business_days is not None for one in rules.passes):
            columns.append(business_days(days, rules.calendar))
    texts = (_text(raw, rules, side, name).alias(TEXT + name) for name in texts_used(rules, which))
    return pl.DataFrame([*columns, *texts]), _ids(raw, side, place, first)


def _sources(side: SideRules, name: str) -> tuple[str, ...]:
    declared = side.text.get(name)
    return declared.columns if declared is not None and declared.columns is not None else (name,)


def _text(raw: pl.DataFrame, rules: Rules, side: SideRules, name: str) -> pl.Series:
    """A text of a side after its steps; empty ones are null."""
    steps = side.text[name].normalise if name in side.text else ()
    parts = [as_text(raw[column]) for column in _sources(side, name)]
    if len(parts) == 1 and not steps and not (parts[0] == "").any():
        return parts[0]
    return pl.select(normalised(_joined(parts), steps, rules.alias)).to_series()


def _joined(parts: list[pl.Series]) -> pl.Expr:
    """The columns of a text, joined; an empty part makes it empty."""
    if len(parts) == 1:
        return pl.lit(parts[0])
    whole = pl.all_horizontal([pl.lit(part) != "" for part in parts])
    return pl.when(whole).then(pl.concat_str([pl.lit(part) for part in parts]))


def _require_declared_currency(raw: pl.DataFrame, side: SideRules, place: str) -> None:
    """Where one currency is declared for all rows, no column tells another."""
    for column in raw.columns if side.amount.currency is not None else ():
        if column.strip().lower() not in LIKELY_CURRENCY:
            continue
        told = {str(code).strip() for code in raw[column].unique().to_list() if code}
        if told - {side.amount.currency} and all(is_currency(code) for code in told):
            raise TerminalError(
                f"{place}: `currency` declares {side.amount.currency} for all rows, but column `{column}` tells "
                f'{_listed(told)}: write currency_column = "{column}".'
            )


def read_dates(text: pl.Series, written: str) -> pl.Series:
    """Dates of texts in a form; null where a text has another. A moment counts on its day in the zone it is told in.

    Raises
    ------
    polars.exceptions.PolarsError
        If the form is none.
    """
    if not any(mark in written for mark in ("%H", "%I", "%M", "%S", "%T", "%R", "%s")):
        return text.str.to_date(written, strict=False)
    moments = text.str.to_datetime(written, strict=False).dt.replace_time_zone(None)
    if written.endswith("z"):
        # The library turns moments to UTC.
        sign, hours, minutes = (text.str.extract(r"([+-])(\d{2}):?(\d{2})$", part) for part in (1, 2, 3))
        offset = hours.cast(pl.Int64) * 60 + minutes.cast(pl.Int64)
        offset = pl.select(pl.when(pl.lit(sign) == "-").then(-pl.lit(offset)).otherwise(pl.lit(offset))).to_series()
        moments = moments + pl.select(pl.duration(minutes=pl.lit(offset.fill_null(0)))).to_series()
    return moments.dt.date()


def _days(values: pl.Series, declared: DateColumn, place: str, first: int) -> pl.Series:
    """Day numbers of a date column; an empty date is null and lies in no window."""
    written, column = declared.format, declared.column
    if values.dtype == pl.String:
        text = values.str.strip_chars(" ")
        told = text.fill_null("") != ""
        try:
            found = read_dates(text, written)
        except pl.exceptions.PolarsError:
            raise TerminalError(f'{place}: {written!r} is no date format: write one such as "%Y-%m-%d".') from None
        wrong = (told & found.is_null()).arg_true()
        if len(wrong):
            raise TerminalError(
                f"{place}, row {wrong[0] + 1 + first}, column `{column}`: {shown(text[wrong[0]])} is no date of the "
                f"form {written}: correct it or the `format`."
            )
    elif values.dtype in {pl.Date, pl.Null} or isinstance(values.dtype, pl.Datetime):
        found = values.cast(pl.Date)
    else:
        raise TerminalError(f"{place}, column `{column}` holds no dates but {values.dtype}: name the date column.")
    days = found.to_physical().cast(pl.Int32)
    strange = (~days.is_between(_FIRST_DAY, _LAST_DAY)).arg_true()
    if len(strange):
        raise TerminalError(
            f"{place}, row {strange[0] + 1 + first}, column `{column}`: the date lies outside the years 1 to "
            "9999: correct it, or leave it empty."
        )
    return days.alias("day")


def business_days(days: pl.Series, calendar: Calendar) -> pl.Series:
    """Business days from 1970 up to and including each day; a day off counts as the last business day before it."""
    week = [name not in calendar.weekend for name in _WEEK]
    ends = (days.fill_null(0).to_numpy().astype("datetime64[D]")) + 1
    counts = np.busday_count(_EPOCH, ends, weekmask=week, holidays=list(calendar.holidays))
    numbers = pl.Series("business_day", counts.astype(np.int32))
    return pl.select(pl.when(days.is_not_null()).then(numbers)).to_series().alias("business_day")


def _ids(raw: pl.DataFrame, side: SideRules, place: str, first: int) -> pl.Series:
    if side.id is None:
        return pl.int_range(first + 1, first + raw.height + 1, eager=True).alias("id")
    ids = raw[side.id].alias("id")
    empty = (ids.is_null() | (ids == "") if ids.dtype == pl.String else ids.is_null()).arg_true()
    if len(empty):
        raise TerminalError(f"{place}, row {empty[0] + 1 + first}: the id column `{side.id}` is empty; write an id.")
    if len(ids) >= _TELLING and all(_is_card(value) for value in as_text(ids.head(_MOST_LOOKED_AT))):
        raise TerminalError(
            f"{place}: column `{side.id}` holds card numbers, and ids are written out: name another column as `id`."
        )
    return ids


def _require_unique(ids: pl.Series, side: SideRules, place: str) -> None:
    ordered = ids if ids.is_sorted() else ids.sort()
    if side.id is not None and (ordered == ordered.shift()).any():
        twice = (ids == ids.filter(ids.is_duplicated())[0]).arg_true()
        raise TerminalError(one_id(place, ids[twice[0]], int(twice[0]), int(twice[1])))


def one_id(place: str, value: object, row: int, other: int) -> str:
    """What to say of two rows, from 0, of one id."""
    return (
        f"{place}, rows {row + 1} and {other + 1} have one id, {shown(value)}: name a column that is unique, or leave "
        "`id` out to count rows."
    )


def _is_card(text: str) -> bool:
    if not text.isascii() or not text.isdigit() or not 13 <= len(text) <= 19:  # noqa: PLR2004 (ISO/IEC 7812)
        return False
    doubled = [divmod(2 * int(digit), 10) for digit in text[-2::-2]]
    return (sum(int(digit) for digit in text[::-2]) + sum(map(sum, doubled))) % 10 == 0


def _order(raw: pl.DataFrame, ids: pl.Series, side: SideRules) -> pl.Series | None:
    """Row numbers in the declared order, or None where the rows stand in it."""
    if side.id is None and not side.order:
        return None
    if not side.order and ids.is_sorted():
        return None
    keys = pl.DataFrame([*(raw[column] for column in side.order), ids.alias(TEXT + "id")])
    return keys.select(pl.arg_sort_by(keys.columns, nulls_last=True)).to_series()
