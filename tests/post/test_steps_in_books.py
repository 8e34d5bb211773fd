"""Random settlements, closed month after month: books, partners' files and the suite of statements agree with them."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from payout_frames import balances, night, post_nights
from rate.random_steps import WEIGHTS, fees, settlements
from rate.settled import EXTRA, FEE, PLAIN, closed, version

from settlement import books
from settlement.check import measures
from settlement.model.accounts import ADVANCE, CARRIED, DUE, RESERVE, TAX_OWED
from settlement.model.accounts import HELD as HELD_BACK
from settlement.model.accounts import kind_of as kind_of_account
from settlement.model.clearing import TOLD_ONLY
from settlement.model.statement_lines import kind_of, told
from settlement.model.tables import TABLES
from settlement.pay.outgoing_layout import STANDING
from settlement.pay.outgoing_lines import settlement_lines, write_in_layout
from settlement.pay.partners import Partner, Recipient
from settlement.pay.statement import Line, Statement
from settlement.payout import conservation
from settlement.rate.stated import PayoutRow, read_stated
from settlement.store import Home


@settings(max_examples=40, deadline=None, derandomize=True)
@given(settlements(), fees(5))
def test_books_end_where_the_statements_do(settlement: str, known: list[list[int]]) -> None:
    contract = version(settlement, WEIGHTS, FEE + EXTRA)
    statements = closed(contract, both(known))
    frames = [pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema) for rows in statements]
    outputs = post_nights([{"payout": frame} for frame in frames])
    expected: Counter[str] = Counter()
    rows = [row for statement in statements for row in statement]
    last = statements[-1]
    for name in WEIGHTS:
        own = f"liability:payable:P1-KINDS:{name}"
        mine = [row for row in rows if row.beneficiary == name]
        advanced = sum(int(told(row.quantities, "advanced") or 0) for row in mine)
        expected[f"{own}:carried USD"] = -sum_of([row for row in last if row.beneficiary == name], "carry_out")
        expected[f"{own}:due USD"] = -sum_of(mine, "payout") - advanced
        waits = read_stated(rows).held.get(name, ())
        for account, kept in ((f"{own}:held", "held"), (f"liability:reserve:P1-KINDS:{name}", "reserved")):
            expected[f"{account} USD"] = -sum(lot.amount_minor for lot in waits if kind_of(lot.line) == kept)
        expected[f"asset:advance:P1-KINDS:{name} USD"] = advanced + sum_of(mine, "recouped")
        expected[f"liability:tax:P1-KINDS:{name} USD"] = sum_of(mine, "withholding_tax") + sum_of(
            mine, "reverse_charge"
        )
        expected[f"expense:tax:P1-KINDS:{name} USD"] = sum_of(mine, "gross_up") + sum_of(mine, "value_added_tax")
    for term in ("fee", "extra", "adjustment", "interest"):
        of_all = [row for row in rows if row.beneficiary is None and row.state not in TOLD_ONLY]
        expected[f"expense:partner_share:P1-KINDS:{term} USD"] = sum_of(of_all, term)
    assert balances(outputs[-1]) == {account: amount for account, amount in expected.items() if amount}


def sum_of(rows: list[PayoutRow], term: str) -> int:
    return sum(row.amount_minor for row in rows if kind_of(row.term) == term)


def both(known: list[list[int]]) -> list[list[dict[str, int]]]:
    """Months of two terms, one of which falls where the other rises."""
    return [[{"fee": fee, "extra": 100 - fee // 2} for fee in months] for months in known]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(settlements(), fees(4))
def test_partners_files_and_the_suite_re_add(settlement: str, known: list[list[int]]) -> None:
    for rows in closed(version(settlement, WEIGHTS, FEE + EXTRA), both(known)):
        frame = pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema)
        judged = measures.payout(rows[0].as_of, {"payout": frame})
        assert judged.filter(pl.col("state") == "CLOSED").select("split_off_minor", "statement_off_minor").sum().row(
            0
        ) == (
            0,
            0,
        )
        told_rows = [row for row in rows if row.state not in TOLD_ONLY]
        for name in WEIGHTS:
            file = Statement(
                contract="P1-KINDS",
                beneficiary=name,
                period=told_rows[0].period,
                as_of=rows[0].as_of,
                state="CLOSED",
                sequence=1,
                terms=tuple(line_of(row) for row in told_rows if row.beneficiary is None),
                own=tuple(line_of(row) for row in told_rows if row.beneficiary == name),
            )
            to = Recipient(partner=Partner(id=name), statement=file, contract=None)
            written = io.BytesIO()
            write_in_layout([settlement_lines(to, STANDING)], STANDING, file.as_of, written)
            assert written.getvalue().count(b"\nD,") == len(file.terms) + len(file.own)


def line_of(row: PayoutRow) -> Line:
    return Line(
        clause=row.clause,
        term=row.term,
        text="",
        quantities=row.quantities,
        amount_minor=row.amount_minor,
        currency=row.currency,
        adjusts=row.adjusts,
    )


def test_an_adjustment_of_its_original_period_stands_there_until_it_is_carried() -> None:
    settlement = f'{PLAIN}booked_in = "original_period"\n'
    statements = closed(version(settlement, {"A": 1}), [[1_000], [900, 10]])
    frames = [pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema) for rows in statements]
    preview = frames[1].with_columns(
        state=pl.when(pl.col("state") == "CLOSED").then(pl.lit("PREVIEW")).otherwise("state"), as_of=date(2009, 2, 27)
    )
    _, second, third = post_nights([{"payout": frame} for frame in (frames[0], preview, frames[1])])
    assert balances(second)["liability:accrued_share:P1-KINDS:2009-01 USD"] == 100
    assert balances(second)["liability:accrued_share:P1-KINDS:2009-02 USD"] == -10
    assert not [account for account in balances(third) if "accrued_share" in account]
    assert "original_period/P1-KINDS/2009-02/adjustment/2009-01" in [entry.key for entry in third.entries]
    assert night(3) == third.entries[0].business_date


STEPS = """
[settlement]
clause = "1"
order = ["terms", "adjustments", "split", "carry", "recoup", "tax", "hold", "threshold"]
residue = "largest_remainder"
threshold = 5.00
below_threshold = "carry"

[settlement.adjustments]
clause = "1"
booked_in = "current_period"
recomputes = "all_terms"
reopens = { counted_in = "no_limit" }

[settlement.advance]
clause = "1"
recouped = "from_positive_balance"
recoups = "own"
paid = [{ on = 2009-01-15, amount = 3.00, to = "A" }]

[[settlement.taxes]]
clause = "1"
kind = "withholding"
rate = 0.10
on = "earned_and_not_recouped"
beneficiaries = ["A"]
owed_by = "payer"
owed_to = "Revenue"
rounding = "half_away"

[[settlement.holds]]
clause = "1"
kind = "holdback"
id = "late"
share = 0.20
beneficiaries = ["A"]
released_after = 2
counted_in = "periods"
rounding = "half_away"

[[settlement.holds]]
clause = "1"
kind = "reserve"
id = "rolling"
share = 0.15
beneficiaries = ["A"]
released_after = 1
counted_in = "periods"
rounding = "half_away"
"""


def test_law_all_that_is_earned_is_due_carried_held_reserved_taxed_or_recouped_after_every_close(
    tmp_path: Path,
) -> None:
    statements = closed(version(STEPS, {"A": 1}), [[2_000], [2_000, 500], [1_700, 500, 0], [1_700, 500, 0, 0]])
    frames = [pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema) for rows in statements]
    engine, reserved = books.connect(Home(root=tmp_path)), []
    for output in post_nights([{"payout": frame} for frame in frames]):
        with books.transaction(engine) as connection:
            books.book(connection, output.entries)
        (standing,) = conservation.standing(engine)
        assert standing.earned_minor == standing.found_minor
        assert conservation.broken(engine) == []
        reserved.append(dict(standing.left)["reserved"])
    # 15 % of what the month adds after 3.00 recouped and a tenth of tax; the month after releases it.
    assert reserved == [230, 68, 0, 0]
    accounts_booked = {
        kind_of_account(p.account).path for e in books.read_entries(engine, date.max) for p in e.postings
    }
    assert {kind.path for kind in (HELD_BACK, RESERVE, ADVANCE, TAX_OWED, DUE, CARRIED)} <= accounts_booked
