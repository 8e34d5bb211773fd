"""Text columns as numbers, times and few values: kernel and twin agree, and with the expressions they stand for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.kernels import parse, views_twin
from settlement.parse.views import filled_texts, spread, views_of

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(100))
NUMBERS = st.from_regex(r"[+-]?[0-9]{1,17}([.,][0-9]{1,17}0{0,3})?", fullmatch=True) | st.text(
    "0123456789.,+-x ", max_size=20
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONG = st.sampled_from(["999999999999999", "1000000000000000", "99999999999999.9", "9999999999999.9999"])
TIMES = st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%S}".rjust(19, "0"))
BENT = st.text("0123456789-T:Z+", min_size=18, max_size=26)
NO_YEARS = np.zeros(0, np.int32)
ISO = np.array([0, 0, 0, 0, 45, 1, 1, 45, 2, 2, 84, 3, 3, 58, 4, 4, 58, 5, 5], np.uint8)


@pytest.fixture(params=[parse, views_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def column(texts: list[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)


def exact(text: str, places: int, point: str, *, signed: bool) -> int | None:
    """By the rule as people write it: digits alone, and no decimal is dropped unless it is a zero."""
    sign = "[+-]?" if signed else ""
    behind = f"({re.escape(point)}[0-9]{{1,15}})?" if point else ""
    if not re.fullmatch(f"{sign}[0-9]{{1,15}}{behind}", text) or not 0 <= places <= 4:
        return None
    whole, _, decimals = text.partition(point) if point else (text, "", "")
    if decimals[places:].strip("0"):
        return None
    value = int(whole + decimals[:places].ljust(places, "0"))
    return value if abs(value) < 10**17 else None


@SEEDED
@given(
    rows=st.lists(st.tuples(NUMBERS | LONG, st.integers(-1, 5)), max_size=20),
    point=st.sampled_from(["", ".", ","]),
    signed=st.booleans(),
)
def test_decimals_are_exact_or_none(rows, point, signed) -> None:
    views, parts = views_of(column([text for text, _ in rows]))
    exponents = np.array([places for _, places in rows], np.int8)
    told = [exact(text, places, point, signed=signed) for text, places in rows]
    for kernel in (parse, views_twin):
        values, good = kernel.decimals(views, parts, exponents, ord(point) if point else -1, signed)
        assert [int(value) if there else None for value, there in zip(values, good, strict=True)] == told


@SEEDED
@given(
    texts=st.lists(
        st.tuples(TIMES, st.sampled_from(["", "Z", "+05:30", "-0930", "+24:00", "+1:000"])).map("".join) | BENT,
        max_size=20,
    ),
    offset=st.integers(0, 2),
)
def test_times_are_those_of_the_calendar(texts, offset) -> None:
    views, parts = views_of(column(texts))
    both = [kernel.times(views, parts, ISO, offset, NO_YEARS) for kernel in (parse, views_twin)]
    assert all((mine == other).all() for mine, other in zip(*both, strict=True))
    tail = {0: "", 1: r"(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)", 2: r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"}[offset]
    shape = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + tail, re.ASCII)
    for text, seconds, good in zip(texts, *both[0], strict=True):
        try:
            known = datetime.fromisoformat(text[:19]) if shape.fullmatch(text) else None
        except ValueError:
            known = None
        assert bool(good) == (known is not None)
        if known is not None:
            assert int(seconds) == (known.replace(tzinfo=UTC) - EPOCH).total_seconds()


def test_a_year_that_is_not_written_is_the_one_told_of_its_day(kernel: ModuleType) -> None:
    years = np.zeros(416, np.int32)
    years[32 * 2 + 29], years[32 * 12 + 31] = 2024, 2023
    views, parts = views_of(column(["0229", "1231", "0101", "1331", "0230", "0000", "1299"]))
    seconds, good = kernel.times(views, parts, np.array([1, 1, 2, 2], np.uint8), 0, years)
    assert good.tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert (seconds[:2] // 86_400).tolist() == [19_782, 19_722]


@SEEDED
@given(texts=st.lists(st.text("ab+.é", max_size=20), max_size=20), least=st.integers(1, 13))
def test_texts_that_hold_so_many_of_some_bytes(texts, least) -> None:
    wanted = np.zeros(256, np.uint8)
    wanted[[*b"a+"]] = 1
    told = [row for row, text in enumerate(texts) if text.count("a") + text.count("+") >= least]
    for kernel in (parse, views_twin):
        assert kernel.holding(*views_of(column(texts)), wanted, least).tolist() == told


@SEEDED
@given(texts=st.lists(st.text("ab", max_size=4) | st.just("thirteen char"), max_size=40), most=st.integers(0, 20))
def test_few_values_are_numbered_as_they_come(texts, most) -> None:
    views, _ = views_of(column(texts))
    values = list(dict.fromkeys(texts))
    known = len(values) <= most and "thirteen char" not in values
    for kernel in (parse, views_twin):
        codes, first = kernel.few(views, most)
        assert [texts[row] for row in first] == (values if known else [])
        assert [values[code] for code in codes] == (texts if known else [])


def test_many_values_of_one_length(kernel: ModuleType) -> None:
    texts = [f"{number % 1024:012}" for number in range(5_000)]
    codes, first = kernel.few(views_of(column(texts))[0], 1024)
    assert codes.tolist() == [number % 1024 for number in range(5_000)]
    assert first.tolist() == list(range(1024))
    assert not len(kernel.few(views_of(column(texts))[0], 1023)[0])


def test_what_does_not_fit_is_refused(kernel: ModuleType) -> None:
    views, parts = views_of(column(["a text of some length"]))
    one, wanted = np.zeros(1, np.int8), np.zeros(256, np.uint8)
    for bad in ([], [parts[0][:3]]):
        for do in (
            lambda bad: kernel.decimals(views, bad, one, -1, False),
            lambda bad: kernel.times(views, bad, ISO, 0, NO_YEARS),
            lambda bad: kernel.holding(views, bad, wanted, 1),
        ):
            with pytest.raises(ValueError, match="points outside its parts"):
                do(bad)
    with pytest.raises(ValueError, match="not equally many"):
        kernel.decimals(views, parts, np.zeros(2, np.int8), -1, False)
    for form, years in ((ISO[:-1], NO_YEARS), (ISO[:0], NO_YEARS), (ISO, np.zeros(5, np.int32))):
        with pytest.raises(ValueError, match="another length"):
            kernel.times(views, parts, form, 0, years)
    with pytest.raises(ValueError, match="each byte has an entry"):
        kernel.holding(views, parts, wanted[1:], 1)
    with pytest.raises(ValueError, match="1,024"):
        kernel.few(views, 1025)


@SEEDED
@given(st.lists(st.one_of(st.none(), st.just(""), st.text(max_size=15)), max_size=12))
def test_empty_texts_become_null_and_others_stay(texts: list[str | None]) -> None:
    assert filled_texts(pl.Series(texts, dtype=pl.String)).to_list() == [text or None for text in texts]
    # A part of a column shares its views.
    some = pl.Series([*texts, "", "x"], dtype=pl.String)[1:]
    assert filled_texts(some).to_list() == [text or None for text in some]


@SEEDED
@given(
    st.one_of(
        st.lists(st.text(max_size=15), min_size=1, max_size=5).map(lambda some: pl.Series(some, dtype=pl.String)),
        st.lists(st.none() | st.text(max_size=15), min_size=1, max_size=5).map(
            lambda some: pl.Series(some, dtype=pl.String)
        ),
        st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=1, max_size=5).map(
            lambda some: pl.Series(some, dtype=pl.Int64)
        ),
    ),
    st.lists(st.integers(0, 4), max_size=20),
)
def test_each_code_gets_its_value(values: pl.Series, codes: list[int]) -> None:
    taken = [code % len(values) for code in codes]
    found = spread(values, np.array(taken, dtype=np.uint16))
    assert found.dtype == values.dtype
    assert found.to_list() == [values[code] for code in taken]
