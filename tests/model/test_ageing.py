"""Age buckets: their names, where an age belongs, and which declarations are refused."""

from __future__ import annotations

import polars as pl
import pytest

from settlement.model.ageing import Ageing, ageing_of

AGES = (0, 1, 2, 3, 4, 7, 8, 30, 31, 400)
USUAL = ["0-1", "0-1", "2-3", "2-3", "4-7", "4-7", "8-30", "8-30", "31+", "31+"]


@pytest.mark.parametrize(
    ("last_days", "labels"),
    [
        ((1, 3, 7, 30), ("0-1", "2-3", "4-7", "8-30", "31+")),
        ((0, 1, 5), ("0", "1", "2-5", "6+")),
        ((0,), ("0", "1+")),
    ],
)
def test_names_of_buckets(last_days, labels) -> None:
    assert Ageing(last_days=last_days).labels == labels


def test_an_age_and_a_column_of_ages_fall_into_the_same_bucket() -> None:
    assert [Ageing().label(age) for age in AGES] == USUAL
    assert pl.DataFrame({"age": AGES}).select(Ageing().of(pl.col("age"))).to_series().to_list() == USUAL


@pytest.mark.parametrize("last_days", [(), (3, 1), (1, 1), (-1, 2)])
def test_days_must_ascend(last_days) -> None:
    with pytest.raises(ValueError, match="ascending"):
        Ageing(last_days=last_days)


def test_buckets_are_read_from_the_rules() -> None:
    assert ageing_of({}) == Ageing()
    assert ageing_of({"match.toml": "[ageing]\nbuckets = [2, 9]"}) == Ageing(last_days=(2, 9))
