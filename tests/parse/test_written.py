"""How money and ids are written: read exactly as declared, refused where they are written another way."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from settlement.parse.written import Written, as_plain, lost_digits

NOT = None
"""No amount of the declared form."""


def plain(text: str, more: dict[str, str] | None = None, **how: object) -> str | None:
    frame = pl.DataFrame({"source:a": [text]} | {f"source:{name}": [value] for name, value in (more or {}).items()})
    told = as_plain(frame, {"a": Written.model_validate(how)})
    assert told["raw:a"].to_list() == [text]
    value = told["source:a"].item()
    return None if value.startswith("\N{REPLACEMENT CHARACTER}") else value


EUROPE = {"decimal": ",", "thousands": "."}
US = {"decimal": ".", "thousands": ",", "currency_sign": ["$", "USD"], "negative": "parentheses"}


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        ("1.020,00", EUROPE, "1020.00"),
        ("-1.020,5", EUROPE, "-1020.5"),
        ("1020,00", EUROPE, "1020.00"),
        ("1.020.300", EUROPE, "1020300"),
        ("1020.50", EUROPE, NOT),
        ("1.02,00", EUROPE, NOT),
        ("1,020,00", EUROPE, NOT),
        ("", EUROPE, ""),
        ("$1.020,00", {**EUROPE, "currency_sign": "$"}, "1020.00"),
        ("1.020,00 €", {**EUROPE, "currency_sign": "€"}, "1020.00"),
        ("-$5", {"currency_sign": "$"}, "-5"),
        ("$-5", {"currency_sign": "$"}, "-5"),
        ("-$-5", {"currency_sign": "$"}, NOT),
        ("£5", {"currency_sign": "$"}, NOT),
        ("(12.50)", US, "-12.50"),
        ("($1,012.50)", US, "-1012.50"),
        ("$(12.50)", US, "-12.50"),
        ("USD 1,012.50", US, "1012.50"),
        ("(12.50", US, NOT),
        ("12.50)", US, NOT),
        ("-12.50", US, NOT),
        ("12.50-", {"negative": "trailing_minus"}, "-12.50"),
        ("-12.50", {"negative": "trailing_minus"}, NOT),
        ("1 020\u00a0300,5", {"decimal": ",", "thousands": " "}, "1020300.5"),
        ("1'020.5", {"thousands": "'"}, "1020.5"),
        ("1e3", {"thousands": ","}, NOT),
        ("12345678901234567890.5", {"thousands": ","}, "12345678901234567890.5"),
    ],
)
def test_money_is_read_as_it_is_declared(text: str, how: dict[str, object], expected: str | None) -> None:
    assert plain(text, **how) == expected


@pytest.mark.parametrize(("word", "expected"), [("CR", "5.00"), ("DR", "-5.00"), ("", NOT), ("C", NOT), ("cr", NOT)])
def test_a_column_says_which_way_the_money_goes(word: str, expected: str | None) -> None:
    sign = {"from": "dc", "plus": ["CR"], "minus": ["DR"]}
    assert plain("5.00", {"dc": word}, sign=sign) == expected
    assert plain("-5.00", {"dc": word}, sign=sign) is NOT


@pytest.mark.parametrize(
    ("text", "expected", "lost"),
    [
        ("1234567.0", "1234567", False),
        ("1234567.000", "1234567", False),
        ("007", "007", False),
        ("A-17", "A-17", False),
        ("9007199254740991.0", "9007199254740991", False),
        ("9007199254740993.0", "9007199254740993.0", True),
        ("1.23E+15", "1.23E+15", True),
        ("1,23e+15", "1,23e+15", True),
        ("12.5", "12.5", True),
    ],
)
def test_an_id_that_was_a_number_is_itself_again_or_lost(text: str, expected: str, lost: bool) -> None:
    assert plain(text, id=True) == expected
    frame = pl.DataFrame({"text": [expected]})
    assert frame.select(lost_digits(pl.col("text"), any_number=True)).item() is lost


def test_an_exponent_is_no_id_even_where_nothing_is_declared() -> None:
    texts = pl.DataFrame({"text": ["1.23E+15", "4e+11", "12E5", "1.5", "E+1", "10E+15"]})
    assert texts.select(lost_digits(pl.col("text")))["text"].to_list() == [True, True, False, False, False, False]


@settings(max_examples=200, deadline=None)
@given(
    minor=st.integers(-(10**12), 10**12),
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from([None, ",", ".", " ", "'"]),
    negative=st.sampled_from(["minus", "trailing_minus", "parentheses"]),
    sign=st.sampled_from([None, "$", "CHF"]),
)
def test_what_is_written_is_read(
    minor: int, decimal: str, thousands: str | None, negative: str, sign: str | None
) -> None:
    if decimal == thousands:
        return
    whole, rest = divmod(abs(minor), 100)
    digits = f"{whole:,}".replace(",", thousands or "") + f"{decimal}{rest:02}"
    text = f"{sign}{digits}" if sign else digits
    if minor < 0:
        text = {"minus": f"-{text}", "trailing_minus": f"{text}-", "parentheses": f"({text})"}[negative]
    how = {"decimal": decimal, "thousands": thousands, "negative": negative, "currency_sign": sign}
    found = plain(text, **{key: value for key, value in how.items() if value})
    assert found == f"{'-' if minor < 0 else ''}{whole}.{rest:02}"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "exactly one of them"),
        ({"id": True, "case": "upper"}, "exactly one of them"),
        ({"decimal": ",", "thousands": ","}, "the same character"),
        ({"sign": {"from": "x", "plus": ["C"], "minus": ["C"]}}, "plus and minus at once"),
        ({"sign": {"from": "x", "plus": ["C"], "minus": ["D"]}, "negative": "minus"}, "no `negative`"),
        ({"currency_sign": "-"}, "without digits"),
    ],
)
def test_a_way_of_writing_that_cannot_be_is_one_sentence(how: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Written.model_validate(how)
