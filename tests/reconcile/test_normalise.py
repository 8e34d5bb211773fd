"""Each normaliser by what it makes of texts."""

from __future__ import annotations

import polars as pl
import pytest

from settlement.reconcile.language import PLAIN_NORMALISERS
from settlement.reconcile.normalise import normalised

MADE = {
    "trim": {"  Coffee \t Bar ": "Coffee Bar", "Tea": "Tea", " ": None},
    "lower": {"CAFÉ 24": "café 24"},
    "upper": {"inv-7x": "INV-7X"},
    "digits_only": {"INV-00 7/12": "00712", "none": None},
    "letters_and_digits": {"Ångström & Co. 24": "ÅngströmCo24", "--": None},
    "no_leading_zeros": {"000420": "420", "0": "0", "000": "0", "7": "7", "": None},
    "masked_card": {
        "4111 11XX XXXX 1111": "411111*1111",
        "4111111111": "411111*1111",
        "411111******1111": "411111*1111",
    },
    "last4": {"411111******1111": "1111", "ends 1234.": "1234", "123": None},
}


def test_every_step_is_here() -> None:
    assert set(MADE) == set(PLAIN_NORMALISERS)


@pytest.mark.parametrize("step", MADE)
def test_a_step_makes_one_text_of_spellings(step: str) -> None:
    texts = pl.Series("text", [*MADE[step], None])
    made = pl.select(normalised(pl.lit(texts), [step], {})).to_series()
    assert made.to_list() == [*MADE[step].values(), None]


def test_steps_follow_one_another_and_tables_come_where_they_stand() -> None:
    texts = pl.Series("text", ["  Joe's  CAFE ", "bar", None])
    made = normalised(pl.lit(texts), ["trim", "lower", "alias:shops", "upper"], {"shops": {"joe's cafe": "m1"}})
    assert pl.select(made).to_series().to_list() == ["M1", "BAR", None]
