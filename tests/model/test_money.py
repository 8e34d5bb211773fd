"""Decimals of fractions: exact where there is one, none where there is not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from settlement.model.money import decimal_of


@pytest.mark.parametrize(
    ("value", "decimal"),
    [
        (Fraction(0), "0"),
        (Fraction(1200), "1200"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(3, 250), "0.012"),
        (Fraction(10**40 + 1, 10**30), "10000000000.000000000000000000000000000001"),
    ],
)
def test_a_fraction_that_a_decimal_is_is_that_decimal(value: Fraction, decimal: str) -> None:
    assert f"{decimal_of(value):f}" == decimal
    assert decimal_of(value) == Decimal(decimal)


@pytest.mark.parametrize("value", [Fraction(1, 3), Fraction(-7, 60), Fraction(1, 2**20 * 7)])
def test_a_fraction_that_no_decimal_is_has_none(value: Fraction) -> None:
    assert decimal_of(value) is None
