"""A contract file that is known later than it is in force re-rates what was closed before."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from rate.random_terms import HEAD, ROUNDING
from rate.test_contract_file import refusal

from settlement.model.contract import ContractVersion, known_versions
from settlement.rate.contract_file import read_contract, versions_of
from settlement.rate.evaluate import evaluate
from settlement.rate.event_facts import facts_on
from settlement.rate.events_check import read_events
from settlement.rate.measures import contributions
from settlement.rate.sums import add_up
from settlement.rate.worked import work_out

FIRST = "contracts/partner/2010-01-01.toml"
MAY = "contracts/partner/2010-05-01.known-2010-09-15.toml"
AGAIN = "contracts/partner/2010-05-01.known-2010-11-20.toml"


def file(rate: str, known_on: str = "") -> str:
    said = f"known_on = {known_on}\n" if known_on else ""
    term = f'[[terms]]\nid = "rate"\nform = "rate"\nclause = "1"\nmeasure = "volume"\nrate = {rate}\n{ROUNDING}\n'
    return f"{said}examples = []\n{HEAD}\n{term}"


DOCUMENTS = {FIRST: file("0.0050"), MAY: file("0.0100", "2010-09-15"), AGAIN: file("0.0080", "2010-11-20")}


def versions() -> tuple[ContractVersion, ...]:
    (found,) = versions_of(read_contract(*document) for document in DOCUMENTS.items()).values()
    return found


def events(*rows: str) -> bytes:
    return "\n".join(["event_id,kind,event_date,known_on,amount,currency,refers_to", *rows]).encode()


def adjustments(content: bytes, day: date) -> dict[tuple[date, str], str]:
    """What each statement adjusts of each closed period."""
    told = work_out(versions(), read_events("e.csv", content), day).statement
    rows = told.filter(told["term"] == "adjustment").select("as_of", "adjusts", "amount").rows()
    return {(as_of, adjusts): amount for as_of, adjusts, amount in rows}


def test_signed_in_september_effective_from_may() -> None:
    content = events(*(f"P{month},purchase,2010-{month:02}-10,,1000.00,USD," for month in range(1, 13)))
    assert adjustments(content, date(2010, 9, 14)) == {}
    september = {(date(2010, 9, 30), f"2010-{month:02}"): "5.00" for month in range(5, 9)}
    assert adjustments(content, date(2010, 10, 31)) == september
    # The file that is known later takes the place of the other; both stay.
    november = {(date(2010, 11, 30), f"2010-{month:02}"): "-2.00" for month in range(5, 11)}
    assert adjustments(content, date(2010, 11, 30)) == september | november


def test_a_file_that_is_known_before_its_first_day_states_nothing_till_then() -> None:
    """In June the file from July on is known; the one from May on is signed in September."""
    early = "contracts/partner/2010-07-01.known-2010-06-01.toml"
    documents = {MAY: DOCUMENTS[MAY], early: file("0.0080", "2010-06-01")}
    (found,) = versions_of(read_contract(*document) for document in documents.items()).values()
    content = events(*(f"P{month},purchase,2010-{month:02}-10,,1000.00,USD," for month in range(5, 10)))
    told = work_out(found, read_events("e.csv", content), date(2010, 9, 30)).statement
    closes = told.filter(told["term"] == "carry_out")["as_of"].unique().sort().to_list()
    assert closes == [date(2010, 7, 31), date(2010, 8, 31), date(2010, 9, 30)]
    late = told.filter(told["term"] == "adjustment").select("as_of", "adjusts", "amount").rows()
    assert late == [(date(2010, 9, 30), month, "10.00") for month in ("2010-05", "2010-06")]


def test_of_a_contract_that_was_signed_later_all_is_an_adjustment() -> None:
    (late,) = versions_of([read_contract(MAY, DOCUMENTS[MAY])]).values()
    content = events("P1,purchase,2010-06-10,,1000.00,USD,")
    told = work_out(late, read_events("e.csv", content), date(2010, 10, 1)).statement
    assert told["as_of"].unique().sort().to_list() == [date(2010, 9, 30), date(2010, 10, 1)]
    adjusted = told.filter(told["term"] == "adjustment").select("as_of", "adjusts", "amount").rows()
    assert adjusted == [(date(2010, 9, 30), "2010-06", "10.00")]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_known_on_two_days_differs_by_the_adjustments(seed: int) -> None:
    """f(facts and contracts known at K2) - f(those known at K1) is what the statements between them adjust."""
    made = random.Random(seed)
    rows, bought = [], []
    for number in range(60):
        day = date(2010, 1, 1) + timedelta(days=made.randrange(330))
        known = day + timedelta(days=made.choice([0, 0, 3, 40]))
        takes = bool(bought) and made.random() < 0.3
        refers = made.choice(bought) if takes else ""
        bought += [] if takes else [f"E{number}"]
        kind = "refund" if takes else "purchase"
        rows.append(f"E{number},{kind},{day},{known},{made.randrange(1, 99_999)}.{made.randrange(10, 99)},USD,{refers}")
    content = read_events("e.csv", events(*rows))
    closed = work_out(versions(), content, date(2010, 12, 31)).statement
    rows_of_terms = closed.filter(closed["beneficiary"].is_null())
    stated = rows_of_terms.filter(rows_of_terms["state"] != "RESTATED")["amount_minor"].sum()
    day = date(2010, 12, 31)
    known_now = known_versions(versions(), day)
    facts = facts_on(content, versions(), day)
    lines = evaluate(known_now, facts, add_up(contributions(known_now, facts)))
    assert stated == sum(line.amount_minor for found in lines.values() for line in found.values())
    assert "adjustment" in rows_of_terms["term"].to_list()


def test_a_name_and_a_file_that_do_not_agree_are_refused() -> None:
    said = refusal({MAY: file("0.0100", "2010-09-16")})
    assert said == f"{MAY}, known_on: the file is named as known on 2010-09-15, and says 2010-09-16; let both agree."
    one = {MAY: DOCUMENTS[MAY], "contracts/partner/2010-05-01.toml": file("0.0100", "2010-09-15")}
    assert refusal(one).endswith("keep one of them, or say in the later one from when on it is known, `known_on`.")


def test_the_opening_balance_comes_into_the_first_statement_of_a_contract_that_was_signed_late() -> None:
    text = file("0.0100", "2010-09-15").replace("[[beneficiaries]]", '[[beneficiaries]]\nopening_carry = "before"', 1)
    (late,) = versions_of([read_contract(MAY, text)]).values()
    header = "event_id,kind,event_date,known_on,amount,currency,refers_to,item"
    rows = ["O1,opening,2010-05-01,,70.00,USD,,before", "P1,purchase,2010-09-10,,1000.00,USD,,"]
    read = read_events("e.csv", "\n".join([header, *rows]).encode())
    told = work_out((late[0],), read, date(2010, 11, 30)).statement
    carried = told.filter(told["term"] == "carry_in").sort("as_of", "beneficiary")
    first = late[0].contract.beneficiaries[0].id
    own = carried.filter(carried["beneficiary"] == first).select("period", "amount").rows()
    assert own[0] == ("2010-09", "70.00")
    # What September pays or carries, the balance is in it once.
    assert own[1:] == [("2010-10", "0.00"), ("2010-11", "0.00")]


@pytest.mark.parametrize(
    ("known_on", "state", "amount"),
    [("2010-02-09", "RESTATED", "15.00"), ("2010-02-10", "RESTATED", "15.00"), ("2010-02-11", "PARKED", "5.00")],
)
def test_what_is_known_while_a_period_may_change_is_paid_though_no_statement_closes_then(
    known_on: str, state: str, amount: str
) -> None:
    reopens = '{ within = 10, counted_in = "days", later = "parked" }'
    (late,) = versions_of(
        [read_contract(FIRST, file("0.0100").replace('{ counted_in = "no_limit" }', reopens))]
    ).values()
    rows = ("P1,purchase,2010-01-05,,1000.00,USD,", f"P2,purchase,2010-01-06,{known_on},500.00,USD,")
    told = work_out(late, read_events("e.csv", events(*rows)), date(2010, 2, 28)).statement
    # The day on which the time ends is looked at, and not told.
    assert told["as_of"].unique().sort().to_list() == [date(2010, 1, 31), date(2010, 2, 28)]
    own = told.filter((told["term"] == "rate") & told["state"].is_in(["RESTATED", "PARKED"]))
    assert own.select("state", "amount").rows() == [(state, amount)]
    paid = told.filter(told["term"] == "adjustment")["amount"].to_list()
    assert paid == (["5.00"] if state == "RESTATED" else [])
