"""Amounts of a file as whole minor units: read exactly, or refused with the row."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.money import EXPONENTS, is_currency
from settlement.reconcile.language import Amount
from settlement.reconcile.read import as_text, shown
from settlement.reconcile.rules import nearest_word

_MOST_DIGITS: Final = 18
MOST_IN_ALL: Final = 2**62
"""Minor units of a side without their signs: so the difference of two sums is exact, too."""
_PLAIN: Final = re.compile(r"[+-]?([0-9]+)(?:\.([0-9]*))?")
LIKELY_CURRENCY: Final = frozenset({"currency", "ccy", "curr", "currency_code", "currencycode", "cur"})
"""Names, in small letters, of columns that tell currencies without being asked."""


def columns_of(amount: Amount) -> list[str]:
    """The columns that an amount is made of."""
    optional = (amount.currency_column, amount.sign_column)
    return [amount.column, *amount.add_back, *amount.take_off, *(name for name in optional if name is not None)]


def read_amounts(rows: pl.DataFrame, amount: Amount, place: str, first: int = 0) -> tuple[pl.Series, pl.Series]:
    """Gross amounts and currencies of a file's rows.

    Parameters
    ----------
    rows : DataFrame
        The file, with the columns that the amount is made of.
    amount : Amount
        What the rules say about it.
    place : str
        The file's name, for sentences.
    first : int
        Rows of the file before these.

    Returns
    -------
    amount_minor : Int64[n]
        Signed minor units, with what is added back and taken off.
    currency : Enum[n]
        ISO 4217 codes.

    Raises
    ------
    TerminalError
        For the first row that tells no exact amount, no known currency, or no known sign.
    """
    currency = _currencies(rows, amount, place, first)
    total = _minor(rows, amount, amount.column, currency, place, first)
    if amount.sign_column is not None:
        total = total * _signs(rows, amount, amount.sign_column, place, first)
    for name in amount.add_back:
        total = _bounded(total + _minor(rows, amount, name, currency, place, first, empty=0), place, first)
    for name in amount.take_off:
        total = _bounded(total - _minor(rows, amount, name, currency, place, first, empty=0), place, first)
    return (-total if amount.negate else total).alias("amount"), currency


def magnitude(amounts: pl.Series) -> int:
    """The sum of amounts without their signs, in minor units whatever the currency."""
    return int(amounts.abs().cast(pl.Int128).sum())


def require_summable(total: int, place: str) -> None:
    """TerminalError where amounts come to so much that a sum of some of them could leave 64 bits."""
    if total > MOST_IN_ALL:
        raise TerminalError(
            f"{place}: its amounts come to {total} minor units in all, signs left out, and sums are exact up to "
            f"{MOST_IN_ALL}: correct the greatest ones, or match the file in parts."
        )


def _bounded(amounts: pl.Series, place: str, first: int) -> pl.Series:
    """Sums of two amounts of at most 18 digits, of at most 18 digits themselves."""
    wrong = (amounts.abs() >= 10**_MOST_DIGITS).arg_true()
    if len(wrong):
        raise TerminalError(
            f"{place}, row {wrong[0] + 1 + first}: with what is added back or taken off the amount has more than "
            f"{_MOST_DIGITS} digits in minor units: correct it."
        )
    return amounts


def _currencies(rows: pl.DataFrame, amount: Amount, place: str, first: int) -> pl.Series:
    if amount.currency is not None:
        return pl.Series("currency", [amount.currency], pl.Enum([amount.currency])).new_from_index(0, rows.height)
    if amount.currency_column is None:
        raise ValueError("the language asks for one of `currency` and `currency_column`.")
    codes = rows[amount.currency_column].cast(pl.String).str.strip_chars(" ").alias("currency")
    distinct = codes.unique().to_list()
    for code in sorted(distinct, key=str):
        if code is None or not is_currency(code):
            row = codes.eq_missing(pl.Series([code], dtype=pl.String)).arg_true()[0] + 1 + first
            said = "is empty" if not code else f"{shown(code)} is no ISO 4217 code"
            raise TerminalError(
                f"{place}, row {row}, column `{amount.currency_column}`: {said}; write one such as USD."
            )
    return codes.cast(pl.Enum(sorted(distinct)))


def _signs(rows: pl.DataFrame, amount: Amount, column: str, place: str, first: int) -> pl.Series:
    words = as_text(rows[column]).fill_null("").str.strip_chars(" ")
    known = [*amount.negative, *amount.positive]
    if amount.positive:
        strange = (~words.is_in(known)).arg_true()
        if len(strange):
            word = words[strange[0]]
            raise TerminalError(
                f"{place}, row {strange[0] + 1 + first}, column `{column}`: {shown(word)} is no known sign: "
                f"{nearest_word(word, known)}"
            )
    signs = pl.select(pl.when(words.is_in(amount.negative)).then(pl.lit(-1)).otherwise(pl.lit(1)))
    return signs.to_series().cast(pl.Int64)


def _minor(  # noqa: PLR0917
    rows: pl.DataFrame,
    amount: Amount,
    column: str,
    currency: pl.Series,
    place: str,
    first: int,
    *,
    empty: int | None = None,
) -> pl.Series:
    """One column as minor units."""
    values = rows[column]
    if values.dtype.is_integer() and amount.unit == "minor":
        found = values.cast(pl.Int64, strict=False)
        wrong = (found.is_null() | (found.abs() >= 10**_MOST_DIGITS)).arg_true() if empty is None else found.clear()
    else:
        text = values.cast(pl.String).str.strip_chars(" ")
        found = _from_text(text, amount, currency)
        told = text.fill_null("") != ""
        wrong = (found.is_null() & (told | (empty is None))).arg_true()
    if len(wrong):
        where = f"{place}, row {wrong[0] + 1 + first}, column `{column}`"
        raise TerminalError(f"{where}: {_refusal(rows[column][wrong[0]], currency[wrong[0]], amount)}")
    return found if empty is None else found.fill_null(empty)


def _from_text(text: pl.Series, amount: Amount, currency: pl.Series) -> pl.Series:
    """Plain decimals as minor units; null where nothing exact is told."""
    usual = _usual(text, amount, currency)
    if usual is not None:
        return usual
    if amount.thousands_mark is not None:
        grouped = rf"^[+-]?[0-9]{{1,3}}(\{amount.thousands_mark}[0-9]{{3}})+(\{amount.decimal_mark}[0-9]*)?$"
        bare = text.str.replace_all(amount.thousands_mark, "", literal=True)
        text = pl.select(pl.when(text.str.contains(grouped)).then(bare).otherwise(text)).to_series()
    if amount.decimal_mark == ",":
        dotted = text.str.replace(",", ".", literal=True)
        text = pl.select(pl.when(text.str.contains(".", literal=True)).then(None).otherwise(dotted)).to_series()
    parts = pl.DataFrame({"text": text, "currency": currency}).with_columns(
        pl.col("text")
        .str.extract_groups(r"^([+-]?)([0-9]*)(?:\.([0-9]*))?$")
        .struct.rename_fields(["sign", "whole", "rest"])
    )
    places = pl.lit(0) if amount.unit == "minor" else _places(currency)
    whole = pl.col("text").struct.field("whole").fill_null("").str.strip_chars_start("0")
    rest = pl.col("text").struct.field("rest").fill_null("").str.strip_chars_end("0")
    digits = pl.concat_str(whole, rest.str.pad_end(4, "0").str.slice(0, places))
    told = (
        pl.col("text").struct.field("whole").fill_null("").str.len_bytes()
        + pl.col("text").struct.field("rest").fill_null("").str.len_bytes()
    )
    exact = (told > 0) & (rest.str.len_bytes() <= places) & (digits.str.len_bytes() <= _MOST_DIGITS)
    value = pl.when(digits == "").then(pl.lit("0")).otherwise(digits).cast(pl.Int64, strict=False)
    negative = pl.col("text").struct.field("sign") == "-"
    return parts.select(pl.when(exact).then(pl.when(negative).then(-value).otherwise(value))).to_series()


def _usual(text: pl.Series, amount: Amount, currency: pl.Series) -> pl.Series | None:
    """The quick way where every row is written with all decimals of one currency, as 12.34; otherwise None."""
    if amount.unit == "minor" or amount.currency is None or amount.thousands_mark or amount.decimal_mark != ".":
        return None
    places = EXPONENTS[currency[0]]
    if not places or not text.str.contains(rf"^-?[0-9]{{1,12}}\.[0-9]{{{places}}}$").all() or text.null_count():
        return None
    return text.str.replace(".", "", literal=True).cast(pl.Int64)


def _places(currency: pl.Series) -> pl.Expr:
    codes = currency.unique().to_list()
    if len(codes) == 1:
        return pl.lit(EXPONENTS[codes[0]])
    return (
        pl.col("currency")
        .cast(pl.String)
        .replace_strict({code: EXPONENTS[code] for code in codes}, return_dtype=pl.Int64)
    )


def _refusal(value: object, code: str, amount: Amount) -> str:
    if value is None or str(value).strip() == "":
        return "there is no amount; write one, 0 where nothing was paid, or leave the row out."
    sample = "1234" if amount.unit == "minor" else f"12{amount.decimal_mark}34"
    hint = ""
    if "," in str(value) and amount.decimal_mark == "." and amount.thousands_mark is None:
        hint = ', or declare thousands_mark = "," or decimal_mark = ","'
    plain = _PLAIN.fullmatch(str(value).strip())
    if plain is not None and amount.decimal_mark == ".":
        places, decimals = EXPONENTS[code], len((plain[2] or "").rstrip("0"))
        if amount.unit == "major" and decimals > places:
            return (
                f"{shown(value)} has more decimals than the {places} of {code} in {amount.unit} units: correct it, "
                "for amounts are never rounded."
            )
        if not decimals or amount.unit == "major":
            return f"{shown(value)} has more than {_MOST_DIGITS} digits in minor units: correct it."
    return f"{shown(value)} is no amount of {code} in {amount.unit} units; write one such as {sample}{hint}."
