"""What an adjustment is made of: each term then and now, why, and the sum that is the adjustment."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
from partner_files import clearing, given, pay, rated, stated_before, statement_rows
from payout_frames import line, night, past

from settlement.pay.restated import OTHER, RestatedPeriod, restated_periods


def found(
    rows: list[dict[str, object]], before: dict[int, list[dict[str, object]]], **tables: pl.DataFrame
) -> tuple[RestatedPeriod, ...]:
    inputs = given(rows, "", tables, before=before)
    return restated_periods(inputs, inputs.tables["payout"], night(3), "2010-Q4")


def test_a_term_is_told_then_now_and_why() -> None:
    tables = {
        "clearing": clearing(
            {"record": 1, "amount_minor": 1, "kind": "chargeback", "direction": -1}, {"record": 2, "amount_minor": 1}
        ),
        "rated": rated(
            {"record": 1, "quantity": -40000, "period": "2010-Q3"},
            {"record": 2, "quantity": 6667, "period": "2010-Q3"},
            {"record": 3, "quantity": 5, "period": "2010-Q4"},
        ),
    }
    ((one,),) = [period.terms for period in found(statement_rows(), {1: stated_before()}, **tables)]
    assert (one.term, one.stated_minor, one.now_minor, one.difference_minor) == ("rate", 101, 1, -100)
    assert (one.stated_quantities, one.now_quantities) == ("volume=33666", "volume=333")
    causes = [(cause.kind, cause.count, cause.quantity, cause.unit) for cause in one.causes]
    assert causes == [("chargeback", 1, -40000, "USD"), ("purchase", 1, 6667, "USD")]


def test_what_was_stated_already_is_no_reason() -> None:
    inputs = given(statement_rows(), before={1: stated_before()})
    early = rated({"record": 1, "quantity": -40000, "period": "2010-Q3"})
    history = {**inputs.history, "rated": past("rated", {night(1): early})}
    ((one,),) = [
        period.terms
        for period in restated_periods(replace(inputs, history=history), inputs.tables["payout"], night(3), "2010-Q4")
    ]
    assert one.causes == ()


def test_what_is_parked_is_no_reason_of_the_adjustment() -> None:
    """The period may change until the second night; what the third one told is parked."""
    parked = line(
        "rate", 5, adjusts="2010-Q3", state="PARKED", quantities=f"restated=6;booked=1;reopened_until={night(2)}"
    )
    inputs = given(
        [*statement_rows(), parked], "", {"rated": rated({"record": 2, "quantity": 1667, "period": "2010-Q3"})}
    )
    in_time = rated({"record": 1, "quantity": -33333, "period": "2010-Q3"})
    history = {**inputs.history, "rated": past("rated", {night(2): in_time})}
    (period,) = restated_periods(replace(inputs, history=history), inputs.tables["payout"], night(3), "2010-Q4")
    assert [cause.quantity for cause in period.terms[0].causes] == [-33333]


def test_a_preview_states_nothing_and_a_restatement_only_once_its_statement_has_closed() -> None:
    restated = line("rate", 60, period="2010-Q3", state="RESTATED")
    preview = [restated, line("carry_out", 0, "A", period="2010-Q4")]
    closed = [restated, line("carry_out", 0, "A", period="2010-Q4") | {"state": "CLOSED"}]
    ((one,),) = [period.terms for period in found(statement_rows(), {1: stated_before(), 2: preview})]
    assert one.stated_minor == 101
    two = found(statement_rows(), {1: stated_before(), 2: closed})[0].terms[0]
    assert two.stated_minor == 60


def test_terms_that_the_contract_has_no_more_are_told_together() -> None:
    gone = line("gone", 30, period="2010-Q3") | {"state": "CLOSED"}
    rows = [row | ({"amount_minor": -130} if row["term"] == "adjustment" else {}) for row in statement_rows()]
    (period,) = found(rows, {1: [*stated_before(), gone]})
    assert [(one.term, one.difference_minor) for one in period.terms] == [("rate", -100), (OTHER, -30)]
    assert sum(one.difference_minor for one in period.terms) == -130


def test_a_statement_without_adjustments_restates_nothing() -> None:
    rows = [row for row in statement_rows() if row["term"] != "adjustment" and row["state"] != "RESTATED"]
    assert found(rows, {1: stated_before()}) == ()
    content = pay(
        [line("rate", 5), line("payout", 5, "A"), line("carry_out", 0, "A")],
        '[[partner]]\nid = "A"\nstatement = ["html"]\n',
    ).files
    assert not any(b"then, now, and why" in page for page in content.values())
