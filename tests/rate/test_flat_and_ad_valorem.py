"""A flat amount and a rate on each record, within bounds: whole columns and one record at a time agree."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from settlement.model.contract_frame import Scope, TermRounding
from settlement.model.contract_terms import RecordRateTerm
from settlement.model.money import Rounding
from settlement.rate.forms import of_record
from settlement.rate.per_record import commissions

AMOUNTS = st.integers(-5_000_000, 5_000_000)


def tariff(
    mode: Rounding = Rounding.HALF_AWAY, *, flat: str = "0.21", least: str | None = None, most: str | None = None
) -> RecordRateTerm:
    return RecordRateTerm(
        form="record_rate",
        id="tariff",
        clause="1",
        measure="volume",
        rate=Decimal("0.0005"),
        flat=Decimal(flat),
        least=None if least is None else Decimal(least),
        most=None if most is None else Decimal(most),
        taken_back="what_is_left_gives_less",
        rounding=TermRounding(unit="minor", mode=mode, scope=Scope.RECORD),
    )


def columns(term: RecordRateTerm, amounts: list[int], origins: list[int | None]) -> list[int]:
    """What the records give, the first of which is a purchase of the amount that the others take back from."""
    rows = pl.DataFrame(
        {
            "file": "f",
            "record": range(len(amounts)),
            "kind": ["purchase" if origin is None else "refund" for origin in origins],
            "posting_date": date(2011, 1, 1),
            "quantity": amounts,
            "before_minor": 0,
            "origin_file": [None if origin is None else "f" for origin in origins],
            "origin_record": pl.Series(origins, dtype=pl.Int64),
        },
        schema_overrides={"origin_file": pl.String},
    )
    bought = rows.filter(kind="purchase").rename({"quantity": "net_minor"})
    return commissions(rows, bought, term, "USD").sort("record")["quantity"].to_list()


@seed(20101231)
@settings(deadline=None)
@given(
    mode=st.sampled_from(Rounding),
    flat=st.sampled_from(("0.21", "0.005", "0.0333", "0")),
    bounds=st.sampled_from(((None, None), ("0.30", None), (None, "5.00"), ("0.30", "5.00"))),
    amounts=st.lists(AMOUNTS, min_size=1, max_size=20),
)
def test_columns_give_what_one_record_gives(
    mode: Rounding, flat: str, bounds: tuple[str | None, str | None], amounts: list[int]
) -> None:
    term = tariff(mode, flat=flat, least=bounds[0], most=bounds[1])
    found = columns(term, amounts, [None] * len(amounts))
    # A purchase counts for its size; one that credits the cardholder takes the sign.
    assert found == [of_record(term, "USD", abs(one)) * (-1 if one < 0 else 1) for one in amounts]


@pytest.mark.parametrize(
    ("amounts", "gives"),
    [
        ([20_000, -20_000], [31, -31]),
        ([20_000, -5_000, -15_000], [31, -2, -29]),
        # What is taken back beyond the purchase goes with its sign, the flat amount too.
        ([20_000, -25_000], [31, -55]),
    ],
)
def test_the_flat_amount_is_taken_back_with_the_last_of_its_purchase(amounts: list[int], gives: list[int]) -> None:
    assert columns(tariff(), amounts, [None, *([0] * (len(amounts) - 1))]) == gives
