"""The stage and the naive evaluator agree on every row of every night of random histories."""

from __future__ import annotations

import polars as pl
import pytest
from rate import oracle
from rate.histories import RandomHistory, rate_history

COLUMNS = ["as_of", "contract", "period", "term", "beneficiary", "amount_minor", "state", "quantities"]


@pytest.mark.parametrize("seed", range(24))
def test_every_night_equals_the_oracle(seed: int) -> None:
    history = RandomHistory(seed)
    payouts = pl.concat([night["payout"] for night in rate_history(history.nights)])
    key = lambda row: [str(value) for value in row]  # noqa: E731
    assert sorted(payouts.select(COLUMNS).rows(), key=key) == sorted(oracle.payouts(history.nights), key=key)
