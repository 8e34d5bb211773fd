"""The stage and the naive evaluator agree on every row of every night of random histories."""

from __future__ import annotations

from datetime import date

import pytest
from random_cases import batches
from rate import oracle, oracle_miles
from rate.histories import RandomHistory, contract_documents, rate_history, restoring_documents

AGREEMENTS = (
    oracle.Agreement("C1-AIR-MILES", oracle_miles.airline_terms, oracle_miles.month, oracle_miles.settle_airline),
    oracle.Agreement("C2-RET-COBRAND", oracle.retailer_terms, oracle.quarter, oracle.settle_retailer),
    oracle.Agreement("C3-UNI-ALUMNI", oracle.alumni_terms, oracle.quarter, oracle.settle_alumni),
    oracle.Agreement("C4-CLB-CLUB", oracle_miles.club_terms, date.isoformat, oracle_miles.settle_club),
)


RESTORES = ("second_presentment", "chargeback_reversal")


# Neighbours are of different calendars and of both words: what is given back, and that nothing is.
@pytest.mark.parametrize(
    ("seed", "restores"), [(number, RESTORES if number % 2 else ()) for number, _ in batches(12, 1, share=100)]
)
def test_every_night_equals_the_oracle(seed: int, restores: tuple[str, ...]) -> None:
    history = RandomHistory(seed)
    documents = restoring_documents() if restores else contract_documents()
    oracle.agree(rate_history(history.nights, documents), history.nights, AGREEMENTS, restores)
