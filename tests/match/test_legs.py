"""The airline's leg: who takes part on it, whose card it is, and that legs do not disturb each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from match_frames import FIRST_NIGHT, bank, file_row, frame, night_input, record, run_checked

from settlement import laws
from settlement.model.stage import StageOutput

MEMBER, OTHER = "1494483142", "0052364811"
ROWS = Sequence[Mapping[str, Any]]


def air(number: int, amount: int, **columns: Any) -> dict[str, Any]:
    """A bank record of an airline card."""
    told = {"card_ref": "t-air", "card_masked": "555555******0001", "authorisation_code": "AAA111", "mcc": "5999"}
    return bank(number, amount, **(told | columns))


def line(number: int, amount: int, **columns: Any) -> dict[str, Any]:
    """An airline's line; base miles are right unless told."""
    told = {"feed": "airline_accrual", "card_masked": None, "order_ref": None, "member_id": MEMBER, "purchases": 1}
    miles = {"base_miles": amount // 100, "bonus_miles": 0, "authorisation_code": "AAA111"}
    return record("merchant", number, amount, **(told | miles | columns)) | {"file": _file(columns.get("night", 0))}


def _file(night: int) -> str:
    return f"{FIRST_NIGHT.replace(day=29 + night)}/AIR.txt"


def enrol(number: int = 1, *, card: str = "t-air", member: str | None = MEMBER, **columns: Any) -> dict[str, Any]:
    told = {"file": "2010-12-29/ENROLMENT.csv", "record": number, "card_ref": card, "card_masked": "555555******0001"}
    account = {"account_id": f"A{number}", "programme": "AIR", "member_id": member, "valid_from": date(2010, 1, 1)}
    return told | account | columns


def airline_file(night: int = 0, day: date | None = None, **columns: Any) -> dict[str, Any]:
    told = {"feed": "airline_accrual", "file_date": day or FIRST_NIGHT.replace(day=29 + night)}
    return file_row("AIR.txt", night, **(told | columns))


def run(*nights: Mapping[str, ROWS]) -> list[StageOutput]:
    """Run the stage over nights of clearing, enrolment and file rows."""
    known: list[dict[str, pl.DataFrame]] = []
    outputs = []
    for index, rows in enumerate(nights):
        told = {"file": [file_row("any.txt", index)], **rows}
        tables = {name: frame(name, some) for name, some in told.items()}
        output = run_checked(night_input([*known, tables]))
        known.append(tables | dict(output.tables))
        outputs.append(output)
    return outputs


def accrual(output: StageOutput, *columns: str) -> list[tuple[Any, ...]]:
    return output.tables["match"].filter(pl.col("leg") == "ACCRUAL").select(columns).rows()


def opened(output: StageOutput, leg: str = "ACCRUAL") -> list[tuple[str, int, str]]:
    rows = output.tables["open_item"].filter(pl.col("leg") == leg)
    return rows.select("side", "record", "reason").sort("side", "record").rows()


BEGUN = {"enrolment": [enrol()], "file": [airline_file()]}


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([air(1, 2450)], [line(1, 2450)], ("accrual_code", "1:1", "EXACT", 0, None, 0)),
        ([air(1, 2450)], [line(1, 2450, authorisation_code=None)], ("accrual_member", "1:1", "EXACT", 0, None, 0)),
        ([air(1, 2450)], [line(1, 2450, base_miles=25)], ("accrual_code", "1:1", "MILES_DIFF", 0, "MILES", 1)),
        ([air(1, 2450)], [line(1, 2450, bonus_miles=9)], ("accrual_code", "1:1", "MILES_DIFF", 0, "MILES", 9)),
        (
            [air(1, 10450, cashback_minor=8000)],
            [line(1, 2450)],
            ("accrual_code", "1:1", "AMOUNT_DIFF", -8000, "CASHBACK", 0),
        ),
        (
            [air(1, 2450, kind="chargeback")],
            [line(1, 2450, kind="refund")],
            ("accrual_code", "1:1", "CHARGEBACK", 0, None, 0),
        ),
        (
            [air(1, 2450, kind="refund")],
            [line(1, 2450, kind="refund", base_miles=0)],
            ("accrual_code", "1:1", "REFUND", 0, None, -24),
        ),
        # Parts of a mile are dropped of the purchase, not of its parts.
        (
            [air(1, 1240), air(2, 1260)],
            [line(1, 2500)],
            ("accrual_code_sums", "N:1", "MANY_TO_ONE", 0, None, 0),
        ),
        (
            [air(1, 1240), air(2, 1260)],
            [line(1, 2500, authorisation_code=None)],
            ("accrual_added", "N:1", "MANY_TO_ONE", 0, None, 0),
        ),
        (
            [air(1, 1250), air(2, 1250, authorisation_code="BBB222")],
            [line(1, 2500, authorisation_code=None, purchases=2, base_miles=24)],
            ("accrual_added", "N:1", "MANY_TO_ONE", 0, None, 0),
        ),
        (
            [air(1, 90_000, mcc="4511")],
            [line(1, 90_000, bonus_miles=600)],
            ("accrual_code", "1:1", "EXACT", 0, None, 0),
        ),
        ([air(1, 2450, mcc="3299")], [line(1, 2450)], ("accrual_code", "1:1", "MILES_DIFF", 0, "MILES", -24)),
        ([air(1, 2450, mcc="3300")], [line(1, 2450)], ("accrual_code", "1:1", "EXACT", 0, None, 0)),
    ],
)
def test_a_line_meets_the_purchases_of_its_member(ours: ROWS, theirs: ROWS, expected: tuple[Any, ...]) -> None:
    output = run({**BEGUN, "clearing": [*ours, *theirs]})[0]
    told = ("pass", "cardinality", "kind", "residual_minor", "residual_reason", "residual_miles")
    assert accrual(output, *told) == [expected]
    assert opened(output) == []


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (air(1, 2450), line(1, 2450, member_id=OTHER)),
        (air(1, 2450), line(1, 2451)),
        (air(1, 2450), line(1, 2450, authorisation_code="CCC333")),
        (air(1, 2450), line(1, 2450, kind="refund")),
        (air(1, 2450), line(1, 2450, authorisation_code=None, transaction_date=date(2010, 12, 28))),
        (air(1, 2450), line(1, 2450, authorisation_code=None, purchases=2)),
        (air(1, 10450, cashback_minor=8000), line(1, 10450)),
    ],
    ids=["member", "amount", "code", "kind", "day", "two purchases", "cash-back accrued"],
)
def test_what_differs_does_not_meet(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    output = run({**BEGUN, "clearing": [ours, theirs]})[0]
    assert opened(output) == [("bank", 1, "MISSING_ACCRUAL"), ("merchant", 1, "MISSING_BANK")]


def test_a_record_may_be_matched_on_one_leg_and_open_on_the_other() -> None:
    shop = record("merchant", 7, 2450, card_masked="555555******0001", authorisation_code="AAA111", arn="2" * 23)
    output = run({**BEGUN, "clearing": [air(1, 2450, arn="2" * 23), shop, line(1, 2450), air(2, 99)]})[0]
    assert output.tables["match"]["leg"].sort().to_list() == ["ACCRUAL", "MERCHANT"]
    assert output.tables["match"]["match_id"].is_unique().all()
    assert opened(output) == [("bank", 2, "MISSING_ACCRUAL")]
    assert opened(output, "MERCHANT") == [("bank", 2, "MISSING_MERCHANT")]


def test_only_cards_of_the_programme_and_lines_of_the_feed_are_on_the_leg() -> None:
    cards = [enrol(), enrol(2, card="t-ret", member=None, programme="RET")]
    strange = [air(2, 5, card_ref="t-ret"), air(3, 5, card_ref="t-nobody"), air(4, 5, card_ref=None)]
    output = run({**BEGUN, "enrolment": cards, "clearing": [air(1, 2450), *strange, line(1, 7)]})[0]
    assert opened(output) == [("bank", 1, "MISSING_ACCRUAL"), ("merchant", 1, "MISSING_BANK")]
    assert [row[1] for row in opened(output, "MERCHANT")] == [1, 2, 3, 4]


def test_a_card_belongs_to_the_account_of_its_day() -> None:
    cards = [enrol(), enrol(2, member=OTHER, valid_from=date(2010, 12, 29))]
    before, after = date(2010, 12, 28), date(2010, 12, 29)
    rows = [air(1, 100, transaction_date=before), air(2, 200, transaction_date=after, authorisation_code="BBB222")]
    lines = [
        line(1, 100, transaction_date=before),
        line(2, 200, transaction_date=after, member_id=OTHER, authorisation_code="BBB222"),
    ]
    output = run({**BEGUN, "enrolment": cards, "clearing": [*rows, *lines]})[0]
    assert accrual(output, "kind") == [("EXACT",), ("EXACT",)]


def test_a_late_file_of_the_airline_meets_the_carried_purchases() -> None:
    first, second, third = run(
        {**BEGUN, "clearing": [air(1, 2450), line(1, 7)]},
        {"clearing": [air(1, 990, night=1, authorisation_code="BBB222")]},
        {
            "clearing": [line(1, 2450, night=2), line(2, 990, night=2, authorisation_code="BBB222")],
            "file": [airline_file(2)],
        },
    )
    assert [len(opened(one)) for one in (first, second, third)] == [2, 3, 1]
    assert accrual(third, "kind") == [("LATE",), ("LATE",)]


def test_a_purchase_comes_to_the_leg_on_the_night_its_card_is_enrolled() -> None:
    first, second = run(
        {"clearing": [air(1, 2450), line(1, 2450)], "file": [airline_file()]},
        {"clearing": [], "enrolment": [enrol()], "file": [airline_file(1)]},
    )
    assert opened(first) == [("merchant", 1, "MISSING_BANK")]
    assert opened(second) == []
    assert accrual(second, "kind") == [("EXACT",)]


def test_a_purchase_that_came_to_the_leg_late_stays_open_the_nights_after() -> None:
    """Its record lies in the night it was delivered, which is before the night on which it was first open here."""
    begun = {"file": [airline_file()], "clearing": [air(1, 500)]}
    first, second, third = run(begun, {"enrolment": [enrol()]}, {"clearing": [line(7, 500, night=2)]})
    assert (opened(first), opened(second)) == ([], [("bank", 1, "MISSING_ACCRUAL")])
    assert accrual(third, "pass") == [("accrual_code",)]


def test_a_leg_begins_with_the_business_date_of_its_first_file() -> None:
    """Before the airline's first file nothing is missing; what was posted since its date is, once it has come."""
    old = air(1, 100, posting_date=date(2010, 12, 20))
    first, second, third = run(
        {"clearing": [old, air(2, 2450)], "enrolment": [enrol()]},
        {"clearing": [line(1, 2450, night=1)], "file": [airline_file(1, FIRST_NIGHT)]},
        {"clearing": [], "file": [airline_file(2, date(2010, 12, 20))]},
    )
    assert opened(first) == []
    assert accrual(second, "kind") == [("LATE",)]
    assert opened(second) == []
    assert opened(third) == [("bank", 1, "MISSING_ACCRUAL")]


def test_a_purchase_that_two_things_bring_to_the_leg_comes_once() -> None:
    old = air(1, 100, posting_date=date(2010, 12, 20))
    first, second = run(
        {"clearing": [old], "file": [airline_file()]},
        {"clearing": [], "enrolment": [enrol()], "file": [airline_file(1, date(2010, 12, 20))]},
    )
    assert opened(first) == []
    assert opened(second) == [("bank", 1, "MISSING_ACCRUAL")]


def test_a_file_that_stays_out_does_not_begin_a_leg() -> None:
    refused = airline_file(fate="rejected")
    assert opened(run({"clearing": [air(1, 1)], "enrolment": [enrol()], "file": [refused]})[0]) == []


def test_lines_that_name_no_sale_are_no_repeats_of_each_other() -> None:
    twice = [line(number, 362, authorisation_code=None) for number in (1, 2)]
    named = [line(number, 777, authorisation_code="ZZZ999") for number in (3, 4)]
    output = run({**BEGUN, "clearing": [air(1, 362), air(2, 362, authorisation_code="BBB222"), *twice, *named]})[0]
    assert accrual(output, "kind") == [("EXACT",), ("EXACT",)]
    assert opened(output) == [("merchant", 3, "MISSING_BANK"), ("merchant", 4, "DUPLICATE_RECORD")]


@pytest.mark.parametrize("leg", ["MERCHANT", "ACCRUAL"])
@pytest.mark.parametrize("table", ["match_member", "open_item"])
def test_a_row_lost_on_either_leg_is_refused(leg: str, table: str) -> None:
    shop = record("merchant", 7, 2450, card_masked="555555******0001", authorisation_code="AAA111", arn="2" * 23)
    clearing = [air(1, 2450, arn="2" * 23), shop, line(1, 2450), air(2, 99)]
    inputs = night_input([{name: frame(name, rows) for name, rows in (BEGUN | {"clearing": clearing}).items()}])
    output = run_checked(inputs)
    rows = output.tables[table]
    legs = output.tables["match"].select("match_id", "leg")
    of_leg = rows.join(legs, on="match_id") if table == "match_member" else rows
    lost = of_leg.filter(pl.col("leg") == leg).head(1).select("file", "record")
    assert lost.height == 1
    kept = of_leg.filter((pl.col("leg") != leg) | (pl.col("record") != lost["record"][0])).select(rows.columns)
    with pytest.raises(laws.LawBrokenError, match="neither matched nor open"):
        laws.assert_unit("match", inputs, replace(output, tables={**output.tables, table: kept}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: pl.concat([rows, rows.head(1)]), "in two matches of one leg"),
        (lambda rows: rows.with_columns(pl.lit("M0").alias("match_id")), "a match that is not told"),
    ],
)
def test_members_that_cannot_be_are_refused(change: Any, words: str) -> None:
    clearing = [air(1, 2450), line(1, 2450)]
    inputs = night_input([{name: frame(name, rows) for name, rows in (BEGUN | {"clearing": clearing}).items()}])
    output = run_checked(inputs)
    changed = {**output.tables, "match_member": change(output.tables["match_member"])}
    with pytest.raises(laws.LawBrokenError, match=words):
        laws.assert_unit("match", inputs, replace(output, tables=changed))


def test_a_record_that_nobody_told_is_refused() -> None:
    inputs = night_input([{"clearing": frame("clearing", [air(1, 2450)]), "file": frame("file", [file_row("a.txt")])}])
    output = run_checked(inputs)
    rows = output.tables["open_item"]
    more = pl.concat([rows, rows.with_columns(pl.lit(99, pl.Int64).alias("record"))])
    with pytest.raises(laws.LawBrokenError, match="that nobody told"):
        laws.assert_unit("match", inputs, replace(output, tables={**output.tables, "open_item": more}))


def test_a_record_on_a_leg_that_it_has_no_part_in_is_refused() -> None:
    inputs = night_input([{"clearing": frame("clearing", [air(1, 2450)]), "file": frame("file", [file_row("a.txt")])}])
    output = run_checked(inputs)
    stray = output.tables["open_item"].with_columns(pl.lit("ACCRUAL").alias("leg"))
    both = pl.concat([output.tables["open_item"], stray])
    with pytest.raises(laws.LawBrokenError, match="has no part in"):
        laws.assert_unit("match", inputs, replace(output, tables={**output.tables, "open_item": both}))


def test_an_open_line_tells_the_purchase_that_came_closest_without_its_cash_back() -> None:
    added = line(8, 900, purchases=2, authorisation_code=None)
    (output,) = run(BEGUN | {"clearing": [air(1, 2500, cashback_minor=2000), line(7, 600), added]})
    told = ("record", "nearest_record", "nearest_condition", "note")
    rows = output.tables["open_item"].filter(pl.col("leg") == "ACCRUAL").select(told).sort("record").rows()
    note = "same approval code, member number and date, 1.00 USD more on the merchant side: looks like a tip or a fee"
    assert rows[0] == (1, 7, "amount_differs", note)
    assert rows[1] == (7, 1, "amount_differs", note)
    assert rows[2][:3] == (8, None, None)


def test_an_item_open_on_a_leg_that_the_rules_have_no_more_is_refused() -> None:
    first = {"clearing": frame("clearing", [air(1, 2450)]), "file": frame("file", [file_row("a.txt")])}
    opened_items = run_checked(night_input([first])).tables["open_item"].with_columns(pl.lit("GONE").alias("leg"))
    nights = [first | {"open_item": opened_items}, {"file": frame("file", [file_row("b.txt", 1)])}]
    inputs = night_input(nights)
    with pytest.raises(laws.LawBrokenError, match="on a leg that the rules have no more"):
        run_checked(inputs)
