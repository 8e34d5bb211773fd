"""What a file's columns hold, told from their values and never from their names: amounts, dates, currencies, texts."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.model.money import is_currency
from settlement.reconcile.amounts import LIKELY_CURRENCY, read_amounts
from settlement.reconcile.delimited import head_record
from settlement.reconcile.language import Amount, DateColumn, Side
from settlement.reconcile.read import as_text, header_of, read_columns
from settlement.reconcile.sides import read_dates

Whole = NDArray[np.int64]

NO_DAY: Final = np.iinfo(np.int32).min
"""Stands for an empty date: it lies in no window."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_DATE_FORMATS: Final = (
    *("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y"),
    *("%d %b %Y", "%b %d, %Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d%m%Y", "%m%d%Y"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"),
    *("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.fZ", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"),
    *("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S"),
)
_FIRST_DAY, _LAST_DAY = 3_652, 47_847  # 1980 to 2100: a number that is no date seldom reads as one of these
_MARKS: Final[tuple[tuple[Literal[".", ","], Literal[",", "."] | None], ...]] = (
    (".", None),
    (",", None),
    (".", ","),
    (",", "."),
)
_AMOUNT: Final = r"^\s*[+-]?[0-9.,]{1,18}\s*$"
_LENGTHS_OF_AMOUNTS: Final = 3
_CARD: Final = r"^\D*(?:\d[ -]?){13,19}\D*$"
_UNTOLD: Final = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountForm:
    """A column read as amounts: how it is declared, its minor units, and how much it looks like money.

    ``rank`` is 0 where decimals are written, 1 for whole numbers of varied length or that come again.
    """

    declared: Amount
    minor: Whole
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DateForm:
    """A column read as dates in one format: days since 1970, NO_DAY where empty."""

    declared: DateColumn
    days: Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class TextForm:
    """A text that may be a key: one column, or the first six and last four digits of a card side by side."""

    columns: tuple[str, ...]
    values: pl.Series
    distinct: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A file, its rows in an order that does not depend on the order in the file, and what its columns can be."""

    path: Path
    height: int
    delimiter: str
    encoding: str
    id: str | None
    currency_column: str | None
    currency: str | None
    amounts: tuple[AmountForm, ...]
    dates: tuple[DateForm, ...]
    texts: tuple[TextForm, ...]


def profile_file(path: Path, currency: str | None = None) -> Profile:
    """Profile all columns of a file.

    Parameters
    ----------
    path : Path
        CSV, Parquet, Excel or Arrow IPC; a CSV's delimiter and encoding are found out.
    currency : str, optional
        ISO 4217 code to read amounts in where no column tells one; USD unless given.

    Raises
    ------
    TerminalError
        Where the file is missing, unreadable or empty.
    """
    delimiter, encoding = _spelling(path)
    side = _side(delimiter, encoding)
    names = _names(path, side)
    raw = read_columns(path, side, names)
    raw = raw.select(name for name in raw.columns if not raw[name].dtype.is_nested())
    rows = raw.sort(pl.all().cast(pl.String), nulls_last=True)
    told = _currency_column(rows)
    codes = sorted(set(rows[told].cast(pl.String).str.strip_chars(" ").to_list())) if told else []
    dates = tuple(form for name in rows.columns for form in _dates(rows[name]))
    dated = {form.declared.column for form in dates}
    told_once = currency or _UNTOLD
    amounts = tuple(
        form for name in rows.columns if name not in dated for form in _amounts(rows, name, told, told_once)
    )
    decimal = {form.declared.column for form in amounts if form.rank == 0}
    free = [name for name in rows.columns if name not in dated | decimal]
    return Profile(
        path=path,
        height=rows.height,
        delimiter=delimiter,
        encoding=encoding,
        id=_id(rows, [name for name in names if name in free]),
        currency_column=told,
        currency=codes[0] if len(codes) == 1 else None,
        amounts=amounts,
        dates=dates,
        texts=tuple(_texts(rows, free)),
    )


def _side(delimiter: str, encoding: str) -> Side:
    unread = Amount(column="-", unit="minor", currency=_UNTOLD)
    return Side(amount=unread, delimiter=delimiter, encoding=encoding)


def _spelling(path: Path) -> tuple[str, str]:
    """Delimiter and encoding of a text file; the usual ones for anything else."""
    if path.suffix.lower() not in {".csv", ".tsv", ".txt"} or not path.is_file():
        return ",", "utf-8"
    content = path.read_bytes()
    try:
        content.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "cp1252"
    head = content.split(b"\n", 1)[0].decode(encoding, errors="replace")
    return max(_DELIMITERS, key=head.count), encoding


def _names(path: Path, side: Side) -> list[str]:
    """The names of a file's columns; the reader tells what is wrong with a file that has none."""
    ending = path.suffix.lower()
    try:
        match ending:
            case ".csv" | ".tsv" | ".txt":
                with path.open("rb") as content:
                    head = head_record(content).decode(side.encoding, errors="replace")
                return header_of(io.BytesIO(head.encode()), side.delimiter)
            case ".parquet" | ".pq":
                return list(pl.read_parquet_schema(path))
            case ".arrow" | ".ipc" | ".feather" | ".arrows":
                with path.open("rb") as stream:
                    of_file = stream.read(6) == b"ARROW1"
                return list(pl.read_ipc_schema(path)) if of_file else pl.read_ipc_stream(path).columns
            case ".xlsx" | ".xlsm" | ".xlsb" | ".xls" | ".ods":
                from settlement.reconcile.workbook import sheet_rows  # noqa: PLC0415 - only a workbook needs it

                return sheet_rows(path)[0].columns
    except (pl.exceptions.PolarsError, OSError, ValueError):
        pass
    return []


def _currency_column(rows: pl.DataFrame) -> str | None:
    """The column whose every value is a currency; a usual name decides between two."""
    found = []
    for name in rows.columns:
        codes = rows[name].cast(pl.String).str.strip_chars(" ").unique().to_list()
        if all(code is not None and is_currency(code) for code in codes):
            found.append(name)
    return min(found, key=lambda name: (name.strip().lower() not in LIKELY_CURRENCY, name), default=None)


def _dates(values: pl.Series) -> Iterator[DateForm]:
    """All ways to read a column as dates: 03/04/2024 has two."""
    if values.dtype == pl.Date or isinstance(values.dtype, pl.Datetime):
        yield DateForm(declared=DateColumn(column=values.name), days=_day_numbers(values.cast(pl.Date)))
        return
    if values.dtype != pl.String:
        return
    distinct = values.str.strip_chars(" ").unique().drop_nulls()
    distinct = distinct.filter(distinct != "").sort()
    if not len(distinct) or not distinct.str.contains(r"\d").all():
        return
    for written in _DATE_FORMATS:
        if read_dates(distinct[:1], written).null_count():
            continue
        read = read_dates(distinct, written)
        days = read.to_physical()
        if read.null_count() or days.lt(_FIRST_DAY).any() or days.gt(_LAST_DAY).any():
            continue
        days_of = _day_numbers(read_dates(values.str.strip_chars(" "), written))
        yield DateForm(declared=DateColumn(column=values.name, format=written), days=days_of)


def _day_numbers(dates: pl.Series) -> Whole:
    return dates.to_physical().cast(pl.Int64).fill_null(NO_DAY).to_numpy()


def _amounts(rows: pl.DataFrame, name: str, currency_column: str | None, currency: str) -> Iterator[AmountForm]:
    """The ways to read a column as amounts, each read by the reader that will read it when rows are matched."""
    values = rows[name]
    text = values.cast(pl.String)
    if (
        text.null_count()
        or not text.str.contains(_AMOUNT).all()
        or not values.dtype.is_numeric() ^ (values.dtype == pl.String)
    ):
        return
    marked = bool(text.str.contains(r"[.,]").any())
    rank = 0 if marked else _rank_of_whole_numbers(text)
    if rank is None:
        return
    told: dict[str, Any] = {"currency_column": currency_column} if currency_column else {"currency": currency}
    units: tuple[Literal["minor", "major"], ...] = ("major",) if marked else ("minor", "major")
    for unit in units:
        for mark, thousands in _MARKS if marked else _MARKS[:1]:
            declared = Amount(column=name, unit=unit, decimal_mark=mark, thousands_mark=thousands, **told)
            try:
                minor, _ = read_amounts(rows, declared, name)
            except TerminalError:
                continue
            yield AmountForm(declared=declared, minor=minor.to_numpy(), rank=rank)
            break


def _rank_of_whole_numbers(text: pl.Series) -> int | None:
    """1 where whole numbers may be amounts: no leading zeros, of varied length or coming again; otherwise None."""
    bare = text.str.strip_chars(" +-")
    if bare.str.contains(r"^0\d").any() or bare.n_unique() == 1:
        return None
    varied = bare.str.len_bytes().n_unique() >= _LENGTHS_OF_AMOUNTS
    again = bare.n_unique() * 10 <= len(bare) * 9
    return 1 if varied or again else None


def _texts(rows: pl.DataFrame, names: list[str]) -> Iterator[TextForm]:
    """The columns that may be keys: more than one value; and pairs of six and four digits, which make a card."""
    six, four = [], []
    for name in names:
        values = as_text(rows[name])
        distinct = values.n_unique()
        if distinct > 1:
            yield TextForm(columns=(name,), values=values, distinct=distinct)
            told = values.drop_nulls()
            six += [name] if told.str.contains(r"^\d{6}$").all() else []
            four += [name] if told.str.contains(r"^\d{4}$").all() else []
    for first in six:
        for last in four:
            values = (as_text(rows[first]) + as_text(rows[last])).alias(first)
            yield TextForm(columns=(first, last), values=values, distinct=values.n_unique())


def _id(rows: pl.DataFrame, names: list[str]) -> str | None:
    """The first column, in the order of the file, that names each row and is no card number."""
    for name in names:
        values = as_text(rows[name])
        told = values.fill_null("").str.strip_chars(" ")
        if told.n_unique() == rows.height and not (told == "").any() and not told.str.contains(_CARD).any():
            return name
    return None


def side_name(path: Path) -> str | None:
    """A name for a side, made of its file's; None where that makes no word."""
    word = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-")
    return word if re.match(r"^[A-Za-z]", word) else None
