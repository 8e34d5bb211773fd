"""Check an events table (docs/EVENTS.md) row by row: what is not right is refused by its line, with a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.events import DAYS, LINE, NEEDS, RECORDS, REFERS, EventKind, Events
from settlement.model.money import is_currency, to_minor
from settlement.rate.contract_words import nearest
from settlement.rate.events_file import read_table

_DATES: Final = ("event_date", "posting_date", "known_on", "settlement_date")
_DATE: Final = r"^\d{4}-\d{2}-\d{2}$"
_DECIMAL: Final = r"^-?\d{1,18}(\.\d{1,18})?$"
_RATE: Final = r"^\d{1,18}(\.\d{1,18})?$"
_WHOLE: Final = r"^-?\d{1,18}$"
MAY_BE_CARD: Final = r"^[0-9](?:[ -]?[0-9]){12,18}$"
"""What may be a card number by its length, digits perhaps in groups."""
_NEAREST_OF: Final = 10_000
"""Among how many ids the nearest is looked for."""

_MOST_SHOWN: Final = 60
_MOST_MINOR: Final = 2**62

Row = Mapping[str, Any]


def read_events(name: str, content: bytes, kinds: Collection[str] = ()) -> Events:
    """An events table, read and checked.

    Parameters
    ----------
    name:
        The name of its file, for sentences.
    content:
        CSV in UTF-8 with a header, or Parquet.
    kinds:
        The kinds that the contract's measures name beside those of ``EventKind``.

    Raises
    ------
    TerminalError
        With one sentence: file, line, what is wrong, what to write instead.
    """
    place, table = read_table(name, content)
    check = _Check(name=name, place=place)
    rows = check.amounts(check.numbers(check.dates(check.kinds(table, kinds))))
    check.needs(rows)
    rows = rows.drop("amount").sort("event_id", "known_on", LINE)
    check.versions(rows)
    check.references(rows)
    return Events(name=name, place=place, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """The checks of one file, each of which refuses the first row that is not right."""

    name: str
    place: str

    def refuse(
        self, rows: pl.DataFrame, wrong: pl.Expr, sentence: str, remedy: Callable[[Row], str] = lambda _: ""
    ) -> None:
        """Refuse the first row, in the order of the file, that is wrong; an empty answer is not wrong.

        The sentence names the row's cells in braces, and its kind and id together as ``{named}``.
        """
        for row in rows.filter(wrong).sort(LINE).head(1).iter_rows(named=True):
            cells = {name: _shown(str(value)) for name, value in row.items()}
            told = sentence.format(**cells, named=f"{cells['kind']} {cells['event_id']}")
            raise TerminalError(f"{self.name}, {self.place} {row[LINE]}: {told}{remedy(row)}")

    def kinds(self, rows: pl.DataFrame, kinds: Collection[str]) -> pl.DataFrame:
        """Ids and kinds, which every row has."""
        known = [*(kind.value for kind in EventKind), *sorted(kinds)]
        for column in ("event_id", "kind"):
            self.refuse(rows, pl.col(column).is_null(), f"there is no {column}: write one.")
        self.refuse(
            rows,
            ~pl.col("kind").is_in(known),
            "`{kind}` is no kind of event, and no measure of the contract names it; ",
            lambda row: nearest(row["kind"], known),
        )
        return rows

    def dates(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The dates; the posting date is the event's where it is left out, and what is posted is known."""
        for column in _DATES:
            day = pl.col(column).str.to_date("%Y-%m-%d", strict=False)
            wrong = ~pl.col(column).str.contains(_DATE) | (day.is_null() & pl.col(column).is_not_null())
            self.refuse(rows, wrong, f"{column} `{{{column}}}` is no date: write one such as 2010-12-31.")
        undated = pl.col("event_date").is_null() & (pl.col("kind") != EventKind.RETRACTED)
        self.refuse(rows, undated, "{named} has no event_date: write the day on which it happened.")
        ahead = pl.col("kind").is_in(DAYS) & pl.col("known_on").is_null()
        self.refuse(rows, ahead, "{named} does not say from when on the calendar tells it: write known_on.")
        unknown = pl.coalesce("event_date", "posting_date", "known_on").is_null()
        self.refuse(rows, unknown, "{named} does not say from when on it is out: write known_on.")
        rows = rows.with_columns(pl.col(_DATES).str.to_date("%Y-%m-%d"))
        rows = rows.with_columns(posting_date=pl.coalesce("posting_date", "event_date"))
        return rows.with_columns(known_on=pl.coalesce("known_on", "posting_date"))

    def numbers(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Numbers are written as such."""
        for column, form, so in (
            ("amount", _DECIMAL, "a plain decimal such as 1234.50, without separators of thousands or a currency"),
            ("amount_minor", _WHOLE, "a whole number of minor units such as 123450"),
            ("quantity", _DECIMAL, "a plain decimal such as 1500 or 0.5"),
            ("version", _WHOLE, "a whole number"),
            ("rate", _RATE, "a decimal such as 0.1524"),
            ("own_store", "^(?:true|false)$", "true or false"),
        ):
            self.refuse(rows, ~pl.col(column).str.contains(form), f"{column} is `{{{column}}}`: write {so}.")
        return rows.with_columns(pl.col("quantity").fill_null("1"))

    def amounts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Amounts in minor units of a currency that exists."""
        amount, minor = pl.col("amount"), pl.col("amount_minor")
        unknown = [code for code in rows["currency"].drop_nulls().unique() if not is_currency(code)]
        foreign = pl.col("currency").is_in(unknown)
        self.refuse(rows, foreign, "`{currency}` is no ISO 4217 code: write one such as USD.")
        both = amount.is_not_null() & minor.is_not_null()
        self.refuse(rows, both, "{named} has an amount and an amount_minor: keep one of them.")
        bare = pl.coalesce(amount, minor).is_not_null() & pl.col("currency").is_null()
        self.refuse(rows, bare, "{named} has an amount without a currency: write its ISO 4217 code, such as USD.")
        told = rows.select("amount", "currency").iter_rows()
        read = pl.Series("read", [None if text is None else _minor(text, code) for text, code in told], dtype=pl.Int64)
        rows = rows.with_columns(read)
        finer = amount.is_not_null() & pl.col("read").is_null()
        self.refuse(rows, finer, "{amount} is no whole number of {currency} minor units: write fewer decimals.")
        rows = rows.with_columns(amount_minor=pl.coalesce("read", minor.cast(pl.Int64))).drop("read")
        signed = pl.col("kind").is_in(RECORDS) & (minor < 0)
        self.refuse(rows, signed, "{named} has an amount below zero: drop the sign, the kind says which way it goes.")
        return rows

    def needs(self, rows: pl.DataFrame) -> None:
        """What a kind cannot do without."""
        for kind, columns in NEEDS.items():
            for column in columns:
                missing = pl.col("amount_minor" if column == "amount" else column).is_null()
                self.refuse(rows, (pl.col("kind") == kind) & missing, f"{{named}} has no {column}: write one.")
        refers = (pl.col("kind") == EventKind.PURCHASE) & pl.col("refers_to").is_not_null()
        self.refuse(rows, refers, "{named} refers to {refers_to}, and a purchase refers to nothing: leave it empty.")

    def versions(self, rows: pl.DataFrame) -> None:
        """One version of an event becomes known a day, and what is taken out was there before. Rows are in order."""
        again = pl.col("event_id") == pl.col("event_id").shift()
        twice = again & (pl.col("known_on") == pl.col("known_on").shift())
        rows = rows.with_columns(twice=twice, first=~again.fill_null(value=False))
        self.refuse(
            rows,
            pl.col("twice"),
            "{event_id} is known twice on {known_on}: keep one row, or give the later one its own known_on.",
        )
        self.refuse(
            rows,
            pl.col("first") & (pl.col("kind") == EventKind.RETRACTED),
            "{event_id} is retracted on {known_on}, and no row known before tells it: correct event_id or known_on.",
        )

    def references(self, rows: pl.DataFrame) -> None:
        """What an event refers to is in the file, and of a kind that it can refer to."""
        referring = rows.filter(pl.col("refers_to").is_not_null())
        ids = rows["event_id"].unique(maintain_order=True)
        self.refuse(
            referring,
            ~pl.col("refers_to").is_in(ids.implode()),
            "{named} refers to {refers_to}, which no row tells; ",
            lambda row: _did_you_mean(row["refers_to"], ids),
        )
        for kind, originals in REFERS.items():
            fitting = rows.filter(pl.col("kind").is_in([one.value for one in originals]))["event_id"].unique()
            wrong = (pl.col("kind") == kind) & ~pl.col("refers_to").is_in(fitting.implode())
            words = " or ".join(originals)
            self.refuse(referring, wrong, f"{{named}} refers to {{refers_to}}, which is no {words}: correct refers_to.")


@cache
def _minor(text: str, currency: str) -> int | None:
    found = to_minor(text, currency)
    return found if found is not None and abs(found) < _MOST_MINOR else None


def _shown(text: str) -> str:
    """What stands in a cell, for a sentence: not a long text whole, nor what may be a card number."""
    digits = sum(character.isdigit() for character in text)
    if re.fullmatch(MAY_BE_CARD, text):
        return f"a number of {digits} digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _did_you_mean(wanted: str, ids: pl.Series) -> str:
    close = get_close_matches(wanted, ids.head(_NEAREST_OF).to_list(), n=1)
    return f"did you mean `{_shown(close[0])}`?" if close else "add it, or leave refers_to empty."
