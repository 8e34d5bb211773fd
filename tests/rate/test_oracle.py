"""The stage and the naive evaluator agree on every row of every night of random histories."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from rate import oracle, oracle_miles
from rate.histories import RandomHistory, contract_documents, rate_history, restoring_documents

AGREEMENTS = (
    oracle.Agreement("C1-AIR-MILES", oracle_miles.airline_terms, oracle_miles.month, oracle_miles.settle_airline),
    oracle.Agreement("C2-RET-COBRAND", oracle.retailer_terms, oracle.quarter, oracle.settle_retailer),
    oracle.Agreement("C3-UNI-ALUMNI", oracle.alumni_terms, oracle.quarter, oracle.settle_alumni),
    oracle.Agreement("C4-CLB-CLUB", oracle_miles.club_terms, date.isoformat, oracle_miles.settle_club),
)
COLUMNS = ["as_of", "contract", "period", "term", "beneficiary", "amount_minor", "state", "quantities"]


RESTORES = ("second_presentment", "chargeback_reversal")


@pytest.mark.parametrize("restores", [(), RESTORES], ids=["nothing_given_back", "given_back"])
@pytest.mark.parametrize("seed", range(24))
def test_every_night_equals_the_oracle(seed: int, restores: tuple[str, ...]) -> None:
    history = RandomHistory(seed)
    documents = restoring_documents() if restores else contract_documents()
    payouts = pl.concat([night["payout"] for night in rate_history(history.nights, documents)])
    key = lambda row: [str(value) for value in row]  # noqa: E731
    assert sorted(payouts.select(COLUMNS).rows(), key=key) == sorted(
        oracle.payouts(history.nights, AGREEMENTS, restores), key=key
    )
