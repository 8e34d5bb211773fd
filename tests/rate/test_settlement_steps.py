"""From what is earned to what is paid: a naive reading agrees, and nothing is lost, under random histories."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from rate.oracle_steps import Settling
from rate.random_steps import WEIGHTS, fees, settlements
from rate.settled import EXTRA, FEE, HEAD, NO_LIMIT, PLAIN, beneficiaries, closed, facts_on, own, told_on, version

from settlement.errors import TerminalError
from settlement.model.clearing import TOLD_ONLY, StatementState
from settlement.model.contract import Step
from settlement.model.contract_convert import BankingDays, Weekday
from settlement.model.money import Rounding, round_fraction
from settlement.model.statement_lines import MOVES, RELEASES, kind_of, told
from settlement.rate.banking_days import Banking
from settlement.rate.contract_file import read_contract, read_contracts
from settlement.rate.prose import of_step
from settlement.rate.stated import PayoutRow, read_stated
from settlement.rate.untold_days import untold_days


@settings(max_examples=120, deadline=None, derandomize=True)
@given(settlements(), fees(6), fees(6))
def test_a_naive_reading_agrees_and_nothing_is_lost(
    settlement: str, fee: list[list[int]], extra: list[list[int]]
) -> None:
    known = [
        [{"fee": one, "extra": other} for one, other in zip(*months, strict=True)]
        for months in zip(fee, extra, strict=True)
    ]
    text = HEAD + beneficiaries(WEIGHTS) + FEE + EXTRA + settlement
    contract = read_contract("contracts/partner/2009-01-01.toml", text)
    reading = Settling(text, known)
    statements = closed(contract, known)
    for rows, expected, parked in zip(statements, reading.closes, reading.parked, strict=True):
        for name, lines in expected.items():
            assert own(rows, name) == lines, settlement
        told_late = {(row.adjusts, row.term): row.amount_minor for row in rows if row.state == StatementState.PARKED}
        assert told_late == {(f"2009-{month + 1:02}", term): amount for (month, term), amount in parked.items()}
    nothing_is_lost(statements)


def nothing_is_lost(statements: list[list[PayoutRow]]) -> None:
    """Earned is what is paid, carried, held, reserved, recouped and taxed, at every close, to the minor unit."""
    rows: list[PayoutRow] = []
    for statement in statements:
        rows += statement
        earned = sum(r.amount_minor for r in rows if r.beneficiary is None and r.state not in TOLD_ONLY)
        to_date = {term: sum(r.amount_minor for r in rows if kind_of(r.term) == term) for term in (*MOVES, "payout")}
        carried = sum(r.amount_minor for r in statement if r.term == "carry_out")
        waits = [lot for lots in read_stated(rows).held.values() for lot in lots]
        waiting = {kept: sum(lot.amount_minor for lot in waits if kind_of(lot.line) == kept) for kept in RELEASES}
        for kept, released in RELEASES.items():
            assert waiting[kept] == -to_date[kept] - to_date[released]
        taken = sum(-to_date[term] for term in MOVES if term not in {*RELEASES, *RELEASES.values()})
        assert earned == to_date["payout"] + carried + waiting["held"] + waiting["reserved"] + taken
        for row in statement:
            if kind_of(row.term) in RELEASES.values():
                told_held = [int(told(row.quantities, n) or 0) for n in ("held_before", "held_now", "held_after")]
                assert told_held[0] + told_held[1] - row.amount_minor == told_held[2]


WINDOW = 'reopens = { within = 10, counted_in = "days", later = "parked" }\n'
REOPENS = f'{PLAIN.replace(NO_LIMIT, WINDOW)}booked_in = "current_period"\n'


def test_what_was_known_in_time_is_paid_though_the_statement_closes_later() -> None:
    """January may change until 10 February: what is known on the 9th is paid at the end of the month, the rest not."""
    contract = version(REOPENS, {"A": 1})
    rows = told_on(contract, date(2009, 1, 31), [{"fee": 1_000}], [])
    for day, january in ((date(2009, 2, 9), 1_300), (date(2009, 2, 10), 1_200), (date(2009, 2, 11), 1_750)):
        rows += told_on(contract, day, [{"fee": january}, {"fee": 0}], rows)
    last = told_on(contract, date(2009, 2, 28), [{"fee": 1_750}, {"fee": 50}], rows)
    assert own(last, "A") == {"share": 250, "carry_in": 0, "payout": 250, "carry_out": 0}
    (parked,) = [row for row in last if row.state == StatementState.PARKED]
    assert (parked.period, parked.adjusts, parked.amount_minor) == ("2009-02", "2009-01", 550)
    assert parked.quantities == "restated=1750;booked=1200;reopened_until=2009-02-10"
    later = told_on(contract, date(2009, 3, 31), [{"fee": 1_750}, {"fee": 50}, {"fee": 0}], [*rows, *last])
    assert own(later, "A")["payout"] == 0
    assert [row.amount_minor for row in later if row.state == StatementState.PARKED] == [550]


def test_a_difference_that_is_taken_back_in_time_is_not_paid() -> None:
    contract = version(REOPENS, {"A": 1})
    rows = told_on(contract, date(2009, 1, 31), [{"fee": 1_000}], [])
    for day, january in ((date(2009, 2, 9), 1_300), (date(2009, 2, 10), 1_000)):
        rows += told_on(contract, day, [{"fee": january}, {"fee": 0}], rows)
    last = told_on(contract, date(2009, 2, 28), [{"fee": 1_750}, {"fee": 0}], rows)
    assert own(last, "A")["payout"] == 0
    assert [row.amount_minor for row in last if row.state == StatementState.PARKED] == [750]


def test_a_hold_that_a_later_version_drops_is_released_on_its_day() -> None:
    hold = '[settlement.hold]\nclause = "1"\nkind = "holdback"\nshare = 1\nbeneficiaries = ["A"]\n'
    hold += 'released_after = 2\ncounted_in = "periods"\nrounding = "down"\n'
    plain = f'{PLAIN}booked_in = "current_period"\n'
    holding = version(plain.replace('"carry", "threshold"', '"carry", "hold", "threshold"') + hold, {"A": 1})
    rows = told_on(holding, date(2009, 1, 31), [{"fee": 700}], [])
    assert own(rows, "A") == {"share": 700, "carry_in": 0, "held": -700, "released": 0, "payout": 0, "carry_out": 0}
    after = version(plain, {"A": 1})
    rows += told_on(after, date(2009, 2, 28), [{"fee": 700}, {"fee": 0}], rows)
    last = told_on(after, date(2009, 3, 31), [{"fee": 700}, {"fee": 0}, {"fee": 1}], rows)
    assert own(last, "A") == {"share": 1, "carry_in": 0, "released": 700, "payout": 701, "carry_out": 0}


@pytest.mark.parametrize("mode", Rounding)
def test_taxes_to_date_telescope(mode: Rounding) -> None:
    """All tax lines together are the once-rounded tax on all that was earned, whatever came between."""
    tax = f"""
[[settlement.taxes]]
clause = "1"
kind = "withholding"
rate = 0.15
on = "earned_and_not_recouped"
beneficiaries = ["A"]
owed_by = "payer"
owed_to = "Revenue"
rounding = "{mode}"
"""
    plain = REOPENS.replace('"carry", "threshold"', '"carry", "tax", "threshold"')
    contract = version(plain + tax, {"A": 1})
    months = [7, 13, -50, 3, 90, 11]
    statements = closed(contract, [months[: n + 1] for n in range(len(months))])
    withheld = sum(own(rows, "A")["withholding_tax"] for rows in statements)
    assert withheld == -round_fraction(Fraction("0.15") * sum(months), mode)


def test_an_advance_that_a_later_file_dates_back_is_told_by_the_next_statement() -> None:
    plain = f'{PLAIN}booked_in = "current_period"\n'
    paid = 'paid = [{ on = 2009-01-15, amount = 3.00, to = "A" }]'
    advance = f'[settlement.advance]\nclause = "1"\nrecouped = "from_positive_balance"\nrecoups = "own"\n{paid}\n'
    amended = version(plain.replace('"carry", "threshold"', '"carry", "recoup", "threshold"') + advance, {"A": 1})
    rows = told_on(version(plain, {"A": 1}), date(2009, 1, 31), [{"fee": 100}], [])
    rows += told_on(amended, date(2009, 2, 28), [{"fee": 100}, {"fee": 120}], rows)
    rows += told_on(amended, date(2009, 3, 31), [{"fee": 100}, {"fee": 120}, {"fee": 500}], rows)
    assert [(row.amount_minor, row.quantities) for row in rows if row.term == "recouped"] == [
        (-120, "unrecouped_before=0;advanced=300;unrecouped_after=180"),
        (-180, "unrecouped_before=180;advanced=0;unrecouped_after=0"),
    ]


SEVERAL = (
    PLAIN.replace('"carry", "threshold"', '"carry", "tax", "hold", "threshold"')
    + """booked_in = "current_period"

[[settlement.taxes]]
clause = "1"
id = "state"
kind = "withholding"
rate = 0.05
on = "earned_and_not_recouped"
beneficiaries = ["A"]
owed_by = "payer"
owed_to = "Revenue of the state"
rounding = "half_away"

[[settlement.taxes]]
clause = "1"
id = "federal"
kind = "withholding"
rate = 0.10
on = "earned_and_not_recouped"
after = ["state"]
beneficiaries = ["A"]
owed_by = "payer"
owed_to = "Federal revenue"
rounding = "half_away"

[[settlement.taxes]]
clause = "1"
id = "fees"
kind = "value_added"
rate = 0.20
on = "earned_and_not_recouped"
of = ["fee"]
beneficiaries = ["A"]
owed_by = "beneficiary"
owed_to = "Federal revenue"
rounding = "half_away"

[[settlement.taxes]]
clause = "1"
id = "extras"
kind = "value_added"
rate = 0.07
on = "earned_and_not_recouped"
of = ["extra"]
beneficiaries = ["A"]
owed_by = "beneficiary"
owed_to = "Federal revenue"
rounding = "half_away"

[[settlement.holds]]
clause = "1"
kind = "holdback"
id = "retention"
share = 0.10
beneficiaries = ["A", "B"]
released_after = 2
counted_in = "periods"
rounding = "half_away"

[[settlement.holds]]
clause = "1"
kind = "reserve"
id = "reserve"
share = 0.20
beneficiaries = ["A", "B"]
released_after = 1
counted_in = "periods"
after = ["retention"]
rounding = "half_away"
"""
)


def test_several_taxes_and_holds_have_lines_of_their_own() -> None:
    contract = version(SEVERAL, {"A": 1, "B": 1}, FEE + EXTRA)
    statements = closed(contract, [[{"fee": 20_000, "extra": 3_000}], [{"fee": 20_000, "extra": 6_000}, NOTHING]])
    first, second = (own(rows, "A") for rows in statements)
    # 5 % of 110.00, 10 % of what is left, 20 % of its half of the fee, 7 % of its third of the extra.
    taxes = {"withholding_tax.state": -550, "withholding_tax.federal": -1_045}
    taxes |= {"value_added_tax.fees": 2_000, "value_added_tax.extras": 70}
    held = {"held.retention": -1_148, "released.retention": 0}
    held |= {"reserved.reserve": -2_065, "reserve_released.reserve": 0}
    assert first == {"share": 11_000, "carry_in": 0, **taxes, **held, "payout": 8_262, "carry_out": 0}
    # The month before has 10.00 more of the extra for A: its taxes follow, and the reserve is released.
    assert (second["share"], second["withholding_tax.state"], second["value_added_tax.fees"]) == (1_000, -50, 0)
    assert second["value_added_tax.extras"] == 70
    assert (second["reserve_released.reserve"], second["released.retention"]) == (2_065, 0)


NOTHING = {"fee": 0, "extra": 0}


def test_what_was_held_back_is_released_as_such_after_the_hold_has_become_a_reserve() -> None:
    holding = PLAIN.replace('"carry", "threshold"', '"carry", "hold", "threshold"') + 'booked_in = "current_period"\n'
    holding += '[settlement.hold]\nclause = "1"\nkind = "holdback"\nshare = 0.5\nbeneficiaries = ["A"]\n'
    holding += 'released_after = 1\ncounted_in = "periods"\nrounding = "down"\n'
    rows = told_on(version(holding, {"A": 1}), date(2009, 1, 31), [{"fee": 700}], [])
    amended = version(holding.replace("holdback", "reserve"), {"A": 1})
    last = own(told_on(amended, date(2009, 2, 28), [{"fee": 700}, {"fee": 100}], rows), "A")
    kept = {"reserved": -50, "reserve_released": 0, "released": 350}
    assert last == {"share": 100, "carry_in": 0, **kept, "payout": 400, "carry_out": 0}


TAX = """
[[settlement.taxes]]
clause = "1"
id = "t"
kind = "withholding"
rate = 0.20
on = "earned_and_not_recouped"
of = ["fee"]
beneficiaries = ["A"]
owed_by = "payer"
owed_to = "Revenue"
rounding = "half_away"
"""
TAXED = PLAIN.replace('"carry", "threshold"', '"carry", "tax", "threshold"') + 'booked_in = "current_period"\n' + TAX


@pytest.mark.parametrize("was_of", ['of = ["fee"]', ""], ids=["on the term", "on all"])
def test_a_tax_on_a_term_is_given_back_when_a_later_version_renames_the_term(was_of: str) -> None:
    first = version(TAXED.replace('of = ["fee"]', was_of), {"A": 1})
    later, fees = TAXED.replace('"fee"', '"fees"'), FEE.replace('"fee"', '"fees"')
    second = version(later, {"A": 1}, fees, effective="2009-02-01")
    rows = told_on(first, date(2009, 1, 31), [{"fee": 10_000}], [])
    assert own(rows, "A")["withholding_tax.t"] == -2_000
    rows = told_on(second, date(2009, 2, 28), [{"fee": 0}, {"fees": 0}], rows, [first])
    assert (own(rows, "A")["share"], own(rows, "A")["withholding_tax.t"]) == (-10_000, 2_000)


def test_a_tax_without_a_name_goes_on_without_one() -> None:
    """The late refund of a month that was taxed under another line would give no tax back."""
    head = HEAD + beneficiaries({"A": 1, "B": 1}) + FEE
    unnamed, second = TAXED.replace('id = "t"\n', ""), TAX.replace('"t"', '"u"')
    sources = "contracts/partner/2009-01-01.toml", "contracts/partner/2009-02-01.toml"
    for later in (unnamed, unnamed + second, TAXED.replace('"withholding"', '"value_added"')):
        read_contracts(dict(zip(sources, (head + unnamed, head + later), strict=True)))
    read_contracts(dict(zip(sources, (head + TAXED, head + TAXED + second), strict=True)))
    sentence = (
        r"2009-02-01\.toml, \[settlement\], taxes 1: A has tax withheld in contracts/partner/2009-01-01\.toml without"
    )
    with pytest.raises(TerminalError, match=sentence):
        read_contracts(dict(zip(sources, (head + unnamed, head + TAXED + second), strict=True)))


@pytest.mark.parametrize("kind", ["gross_up", "value_added"])
def test_nothing_comes_after_a_tax_whose_lines_add_up_to_zero(kind: str) -> None:
    after = TAX.replace('"t"', '"u"').replace("of =", 'after = ["t"]\nof =')
    version(TAXED + after, {"A": 1})
    version(TAXED.replace("withholding", "value_added").replace('"payer"', '"beneficiary"') + after, {"A": 1})
    with pytest.raises(
        TerminalError, match=r"taxes 2: after = `t` changes nothing: its two lines add up to zero; leave"
    ):
        version(TAXED.replace("withholding", kind) + after, {"A": 1})


def test_the_plain_words_tell_several_taxes_and_holds_in_their_order() -> None:
    contract = version(SEVERAL, {"A": 1, "B": 1}, FEE + EXTRA).contract
    taxes, holds = (of_step(contract, step) for step in (Step.TAX, Step.HOLD))
    assert taxes.startswith("In this order. State: 5.00 % of what is earned and not recouped is withheld from A;")
    assert "Federal: 10.00 % of what is earned and not recouped after the tax of state is withheld from A;" in taxes
    assert "Extras: 7.00 % value added tax on what extra gives is added for A;" in taxes
    assert (
        "Reserve: 20.00 % of what the statement adds to the balances of A and B, less what retention holds, as far as"
        in holds
    )
    assert "is put in reserve against what may still be taken back and released by the first statement" in holds


@pytest.mark.parametrize(
    ("first", "number", "told", "day"),
    [
        ("2009-01-30", 2, {}, "2009-02-03"),
        ("2009-01-31", 0, {}, "2009-02-02"),
        ("2009-01-30", 2, {"2009-01-31": True, "2009-02-02": False}, "2009-02-03"),
        ("2009-01-30", 1, {"2009-02-02": False}, "2009-02-03"),
    ],
    ids=["over a weekend", "the next open day", "an open Saturday and a closed Monday", "a closed Monday"],
)
def test_banking_days_are_those_of_the_calendar_where_it_tells(
    first: str, number: int, told: dict[str, bool], day: str
) -> None:
    rule = BankingDays(weekend=(Weekday.SATURDAY, Weekday.SUNDAY), holidays=(), calendar="US-FED")
    banking = Banking(rule=rule, open_days={date.fromisoformat(one): is_open for one, is_open in told.items()})
    assert str(banking.after(date.fromisoformat(first), number, "banking_days")) == day
    closed_ever = Banking(rule=rule, open_days={date(2009, 1, 1) + timedelta(days=one): False for one in range(2_000)})
    with pytest.raises(TerminalError, match="The bank calendar US-FED tells of fewer than"):
        closed_ever.after(date.fromisoformat(first), number, "banking_days")


def test_holds_and_interest_by_a_bank_calendar_of_which_nothing_is_told_are_said_by_their_places() -> None:
    interest = """reopens = { counted_in = "no_limit" }

[settlement.adjustments.interest]
clause = "1"
rate_a_year = 0.18
day_count = "actual_365"
due_days = 3
due_counted_in = "banking_days"
rounding = "half_away"

[[settlement.holds]]
clause = "1"
kind = "holdback"
id = "late"
share = 0.10
beneficiaries = ["A"]
released_after = 1
counted_in = "banking_days"
rounding = "half_away"

[settlement.banking_days]
weekend = ["saturday", "sunday"]
holidays = []
calendar = "US-FED"
"""
    text = (PLAIN + 'booked_in = "original_period"\n').replace(NO_LIMIT + "booked_in", "booked_in") + interest
    contract = version(text.replace('"carry", "threshold"', '"carry", "hold", "threshold"'), {"A": 1})
    january, february = closed(contract, [[10_000], [20_000, 5_000]])
    facts = facts_on(date(2009, 2, 28))
    assert [one.subject for one in untold_days([contract], facts_on(date(2009, 1, 31)), january)] == [
        "P1-KINDS 2009-01 [[settlement.holds]] late"
    ]
    assert [(one.place, str(one.first), str(one.last)) for one in untold_days([contract], facts, february)] == [
        ("[[settlement.holds]] late", "2009-03-01", "2009-03-02"),
        ("[settlement.adjustments.interest]", "2009-02-01", "2009-02-04"),
    ]
    told_of_the_year = replace(facts, calendars=lambda _, __: {date(2009, 12, 25): False})
    assert untold_days([contract], told_of_the_year, february) == ()
    assert untold_days([contract], facts, [row for row in february if row.amount_minor == 0]) == ()
