from __future__ import annotations

from datetime import timedelta

import polars as pl
from made_night import NIGHT, frame, made_night

from settlement.report.figures import MINUS
from settlement.report.statements import payout_history, read_quantities, statements


def history(payout: pl.DataFrame, nights_ago: int) -> pl.LazyFrame:
    return payout.with_columns(business_date=pl.lit(NIGHT - timedelta(days=nights_ago))).lazy()


def test_a_statement_reads_from_terms_to_payout() -> None:
    (found,) = statements(made_night()["payout"], history(made_night()["payout"].clear(), 1))
    assert (found.contract, found.period, found.state) == ("C9", "2024-Q2", "CLOSED")
    assert [(line.term, line.amount.minor, line.adjusts) for line in found.terms] == [
        ("own_rate", 10_001, None),
        ("adjustment", -1, "2024-Q1"),
    ]
    assert [str(total) for total in found.totals] == ["100.00 USD"]
    assert found.partner_terms == ("share", "carry_in", "payout", "carry_out")
    assert [partner.name for partner in found.partners] == ["PARTNER-A", "PARTNER-B"]
    assert [str(total) for total in found.payouts] == ["66.67 USD"]
    assert found.terms[0].address == "C9/2024-Q2/own_rate"
    assert found.partners[0].lines[0] is not None
    assert found.partners[0].lines[0].address == "C9/2024-Q2/share/PARTNER-A"


def test_the_change_is_against_the_last_night_alone() -> None:
    payout = made_night()["payout"]
    before = pl.concat(
        [
            history(payout.with_columns(pl.col("amount_minor") + 900), 2),
            history(payout.filter(pl.col("term") == "own_rate").with_columns(pl.col("amount_minor") - 30), 1),
        ]
    )
    (found,) = statements(payout, before)
    assert [line.change_minor for line in found.terms] == [30, None]


def test_restated_terms_stand_apart_with_the_latest_statement() -> None:
    payout = made_night()["payout"]
    restated = payout.filter(pl.col("term") == "own_rate").with_columns(
        period=pl.lit("2024-Q1"), state=pl.lit("RESTATED")
    )
    (found,) = statements(pl.concat([payout, restated]), history(payout.clear(), 1))
    assert [str(total) for total in found.totals] == ["100.00 USD"], "restated terms are no part of the total"
    assert [(part.period, [line.term for line in part.lines]) for part in found.restated] == [("2024-Q1", ["own_rate"])]


def test_parked_terms_stand_apart_and_are_explained_by_an_address_of_their_own() -> None:
    payout = made_night()["payout"]
    parked = payout.filter(pl.col("term") == "own_rate").with_columns(adjusts=pl.lit("2023-Q4"), state=pl.lit("PARKED"))
    (found,) = statements(pl.concat([payout, parked]), history(payout.clear(), 1))
    assert [str(total) for total in found.totals] == ["100.00 USD"], "what is parked is no part of the total"
    assert [line.address for line in found.parked] == ["C9/2024-Q2/own_rate:2023-Q4"]
    assert found.terms[0].address == "C9/2024-Q2/own_rate"


def test_terms_stand_in_the_order_of_their_clauses() -> None:
    rows = [
        {
            "as_of": NIGHT,
            "contract": "C",
            "period": "2024",
            "term": f"t{clause}",
            "amount_minor": 1,
            "currency": "USD",
            "state": "PREVIEW",
            "quantities": "",
            "clause": clause,
        }
        for clause in ("10", "2", "2b", "1.10", "1.9")
    ]
    (found,) = statements(frame("payout", rows), history(frame("payout", []), 1))
    assert [line.clause for line in found.terms] == ["1.9", "1.10", "2", "2b", "10"]


def test_quantities_are_told_in_words() -> None:
    assert read_quantities("") == ()
    assert read_quantities("own_volume=40969720;rate=0.0020;2010-11.v1:profit=-1542267:share=0") == (
        "own volume 40,969,720",
        "rate 0.0020",
        f"2010-11.v1 · profit {MINUS}1,542,267 · share 0",
    )


def test_payouts_night_by_night() -> None:
    payout = made_night()["payout"]
    found = payout_history(payout, history(payout, 1), NIGHT)
    assert found["business_date"].to_list() == [NIGHT - timedelta(days=1), NIGHT]
    assert found["amount_minor"].to_list() == [6_667, 6_667]
