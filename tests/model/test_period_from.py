"""A period read back from its written form."""

from __future__ import annotations

from datetime import date

import pytest

from settlement.model.dates import PeriodKind, period_from, period_of


@pytest.mark.parametrize("kind", list(PeriodKind))
@pytest.mark.parametrize("day", [date(2010, 1, 1), date(2010, 12, 31), date(2012, 2, 29)])
def test_every_period_is_read_back(kind: PeriodKind, day: date) -> None:
    period = period_of(day, kind)
    assert period_from(period.text) == period


@pytest.mark.parametrize(
    "text", ["", "201", "2010-13", "2010-Q5", "2010-Q0", "2010-Q", "2010-Q01", "2010-02-30", "20101229", "2010-W01"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        period_from(text)
