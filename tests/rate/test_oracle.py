"""The stage and the naive evaluator agree on every row of every night of random histories."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from rate import oracle, oracle_miles
from rate.histories import RandomHistory, rate_history

AGREEMENTS = (
    oracle.Agreement("C1-AIR-MILES", oracle_miles.airline_terms, oracle_miles.month, oracle_miles.settle_airline),
    oracle.Agreement("C2-RET-COBRAND", oracle.retailer_terms, oracle.quarter, oracle.settle_retailer),
    oracle.Agreement("C3-UNI-ALUMNI", oracle.alumni_terms, oracle.quarter, oracle.settle_alumni),
    oracle.Agreement("C4-CLB-CLUB", oracle_miles.club_terms, date.isoformat, oracle_miles.settle_club),
)
COLUMNS = ["as_of", "contract", "period", "term", "beneficiary", "amount_minor", "state", "quantities"]


@pytest.mark.parametrize("seed", range(24))
def test_every_night_equals_the_oracle(seed: int) -> None:
    history = RandomHistory(seed)
    payouts = pl.concat([night["payout"] for night in rate_history(history.nights)])
    key = lambda row: [str(value) for value in row]  # noqa: E731
    assert sorted(payouts.select(COLUMNS).rows(), key=key) == sorted(
        oracle.payouts(history.nights, AGREEMENTS), key=key
    )
