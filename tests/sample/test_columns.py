"""Byte columns: what the writers are made of."""

from __future__ import annotations

import numpy as np
import pytest

from settlement.sample.clock import acquirer_times, iso_times, month_days, short_dates, utc_offsets, year_days
from settlement.sample.columns import (
    Column,
    base36,
    check_digits,
    digits,
    fixed,
    joined,
    major,
    optional,
    pack,
    plain,
    texts,
    with_length,
)
from settlement.sample.events import JPY, USD


def _numbers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def _rows(column: Column) -> list[str]:
    marked = joined([column, fixed("\n", len(column.content))])
    return pack(marked).decode("ascii").split("\n")[:-1]


def test_digits_are_filled_with_zeros_and_cut_on_the_left() -> None:
    assert digits(_numbers(7, 12345), 4).tobytes() == b"00072345"


def test_base36_counts_with_letters() -> None:
    assert base36(_numbers(0, 35, 36**2 - 1), 2).tobytes() == b"000ZZZ"


@pytest.mark.parametrize(
    ("minor", "exponent", "shown"),
    [(0, 2, "0"), (5, 2, "0.05"), (2560, 2, "25.6"), (500, 2, "5"), (26581, 0, "26581"), (2054, 3, "2.054")],
)
def test_major_units_have_no_zeros_at_the_end(minor: int, exponent: int, shown: str) -> None:
    assert _rows(major(_numbers(minor), _numbers(exponent))) == [shown]


def test_plain_numbers_have_no_zeros_in_front() -> None:
    assert _rows(plain(_numbers(0, 10, 205), 5)) == ["0", "10", "205"]


def test_varying_texts_keep_their_length_and_tell_it() -> None:
    column = with_length(texts(["AB", "ABCD"], 6).at(_numbers(1, 0)), 2)
    assert _rows(column) == ["04ABCD", "02AB"]


def test_optional_columns_vanish_where_absent() -> None:
    column = joined([fixed("x", 2), optional(fixed("yz", 2), np.array([True, False]))])
    assert _rows(column) == ["xyz", "x"]


def test_luhn_digit_of_a_known_number() -> None:
    assert check_digits(digits(_numbers(7992739871), 10)).tobytes() == b"3"


def test_dates_of_a_leap_year_and_of_its_last_day() -> None:
    days = _numbers(19782, 20088)  # 2024-02-29 and 2024-12-31
    assert year_days(days).tobytes() == b"40604366"
    assert short_dates(days).tobytes() == b"240229241231"
    assert month_days(days).tobytes() == b"02291231"


def test_acquirer_clock_shows_a_moment_at_the_place_of_sale() -> None:
    noon = _numbers(20451 * 86_400 + 12 * 3600)  # 2025-12-29 12:00
    both = np.concatenate([noon, noon])
    assert _rows(iso_times(acquirer_times(both, _numbers(USD, JPY)), " ")) == [
        "2025-12-29 18:00:00",
        "2025-12-29 04:00:00",
    ]
    assert utc_offsets(noon, "America/New_York").tolist() == [-5 * 3600]
