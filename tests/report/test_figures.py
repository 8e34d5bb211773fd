from __future__ import annotations

import pytest

from settlement.report.figures import (
    MINUS,
    NOTHING,
    amount_text,
    change_text,
    count_text,
    share_text,
    sums,
)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "USD", "0.00"),
        (-5, "USD", f"{MINUS}0.05"),
        (123456789, "USD", "1,234,567.89"),
        (1234567, "JPY", "1,234,567"),
        (-1234567, "KWD", f"{MINUS}1,234.567"),
        (1958710, "miles", "1,958,710"),
        (2**63 - 1, "USD", "92,233,720,368,547,758.07"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(minor: int, currency: str, text: str) -> None:
    assert amount_text(minor, currency) == text


def test_a_change_shows_its_sign() -> None:
    assert [change_text(minor, "USD") for minor in (100, -100, 0)] == ["+1.00", f"{MINUS}1.00", NOTHING]


def test_counts_and_shares() -> None:
    assert count_text(-12345) == f"{MINUS}12,345"
    assert share_text(1, 3) == "33.3\u202f%"
    assert share_text(9999, 10000) == "99.9\u202f%", "all but one is never told as all"
    assert share_text(7, 7) == "100.0\u202f%"
    assert share_text(0, 0) == NOTHING


def test_sums_keep_currencies_apart() -> None:
    assert [str(money) for money in sums([("USD", 5), ("JPY", 7), ("USD", -6)])] == ["7 JPY", f"{MINUS}0.01 USD"]
