"""Settlement cash: files, bank statement entries and the accounts between them."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from payout_frames import balances, night, post_nights

from settlement.errors import TerminalError
from settlement.model.stage import StageOutput
from settlement.model.tables import TABLES

FILE = "2010-12-29/MC.ipm"
CAMT = "2010-12-29/CAMT.xml"
CLEARING = f"asset:clearing:mastercard:{FILE} USD"
SUSPENSE = f"asset:suspense:cash:{CAMT}#1 USD"
SETTLEMENT = "asset:settlement:mastercard USD"
BANK = "asset:bank:ACC1 USD"
FEES = "expense:fees:bank USD"


def file_row(net: int | None = -1000, file: str = FILE, fate: str = "accepted", **more: object) -> dict[str, object]:
    return {
        "file": file,
        "fate": fate,
        "sha256": "0" * 64,
        "size_bytes": 1,
        "feed": "mastercard",
        "net_settlement_minor": net,
        "net_settlement_currency": None if net is None else "USD",
    } | more


def tie(
    status: str, amount: int = 1000, direction: int = -1, diff: int | None = 0, **more: object
) -> dict[str, object]:
    return {
        "camt_file": CAMT,
        "entry": 1,
        "entry_ref": "R1",
        "currency": "USD",
        "direction": direction,
        "amount_minor": amount,
        "ties_to": FILE,
        "expected_minor": None if diff is None else amount - direction * diff,
        "diff_minor": diff,
        "status": status,
    } | more


def statement(file: str = CAMT) -> pl.DataFrame:
    day = date(2010, 12, 29)
    row = {"file": file, "record": 1, "account": "ACC1", "entry_ref": "R1", "booked_on": day, "value_on": day}
    row |= {"direction": -1, "amount_minor": 1000, "currency": "USD", "code": "NETW"}
    return pl.DataFrame([row], schema=TABLES["statement_entry"].schema)


def given(
    files: list[dict[str, object]] | None = None, ties: list[dict[str, object]] | None = None, *, shown: bool = True
) -> dict[str, pl.DataFrame]:
    """One night's tables: files, judged bank entries, and whether tonight's statement shows the entry."""
    tables = {
        "file": pl.DataFrame(files or [], schema=TABLES["file"].schema),
        "cash_tie": pl.DataFrame(ties or [], schema=TABLES["cash_tie"].schema),
    }
    return tables | ({"statement_entry": statement()} if shown else {})


def post(*nights: dict[str, pl.DataFrame]) -> list[StageOutput]:
    return post_nights(nights)


def test_a_tied_entry_leaves_the_clearing_account_at_zero() -> None:
    (output,) = post(given([file_row()], [tie("TIED")]))
    assert balances(output) == {BANK: -1000, SETTLEMENT: 1000}
    assert [e.key for e in output.entries] == [f"cash/{CAMT}/1/{night(1)}", f"settlement/{FILE}"]
    assert output.entries[0].text == f"Bank entry R1: 10.00 USD paid, ties to {FILE}"
    assert output.entries[1].text == f"{FILE}: net settlement 10.00 USD to go out"


@pytest.mark.parametrize(
    ("net", "amount", "direction", "diff"), [(1000, 975, +1, -25), (-1000, 1025, -1, -25)], ids=["credit", "debit"]
)
def test_a_short_amount_goes_to_fees_and_clears_the_file(net: int, amount: int, direction: int, diff: int) -> None:
    (output,) = post(given([file_row(net)], [tie("SHORT_BY_FEE", amount, direction, diff)]))
    assert balances(output) == {BANK: direction * amount, FEES: 25, SETTLEMENT: -net}


def test_a_difference_stays_on_the_clearing_account() -> None:
    (output,) = post(given([file_row()], [tie("DIFFERS", 900, -1, 100)]))
    assert balances(output) == {BANK: -900, SETTLEMENT: 1000, CLEARING: -100}


def test_cash_before_its_file_waits_in_suspense_and_is_released_by_the_tie() -> None:
    early = tie("FILE_PENDING", diff=None)
    first, second, third = post(
        given([], [early]), given([], [early], shown=False), given([file_row()], [tie("TIED")], shown=False)
    )
    assert balances(first) == {BANK: -1000, SUSPENSE: 1000}
    assert second.entries == ()
    assert balances(third) == {BANK: -1000, SETTLEMENT: 1000}
    assert third.entries[0].text == f"Bank entry R1: 10.00 USD paid, ties to {FILE}, was FILE_PENDING"


def test_an_unexplained_entry_waits_in_suspense() -> None:
    (output,) = post(given([], [tie("UNEXPLAINED", ties_to=None, diff=None)]))
    assert balances(output) == {BANK: -1000, SUSPENSE: 1000}


def test_a_difference_that_turns_out_a_fee_moves_only_the_difference() -> None:
    differs, fee = tie("DIFFERS", 1100, -1, -100), tie("SHORT_BY_FEE", 1100, -1, -100)
    _, second = post(given([file_row()], [differs]), given([], [fee], shown=False))
    assert balances(second) == {BANK: -1100, SETTLEMENT: 1000, FEES: 100}
    assert [(p.account, p.amount_minor) for p in second.entries[0].postings] == [
        (f"asset:clearing:mastercard:{FILE}", -100),
        ("expense:fees:bank", 100),
    ]


def test_an_entry_that_is_judged_often_moves_from_where_it_last_stood() -> None:
    pending, differs, fee = (
        tie("FILE_PENDING", 1100, diff=None),
        tie("DIFFERS", 1100, -1, -100),
        tie("SHORT_BY_FEE", 1100, -1, -100),
    )
    *_, last = post(
        given([], [pending]),
        given([file_row()], [differs], shown=False),
        given([], [fee], shown=False),
        given([], [fee], shown=False),
    )
    assert balances(last) == {BANK: -1100, SETTLEMENT: 1000, FEES: 100}
    assert last.entries == ()


def test_a_file_that_no_cash_has_met_stays_open_on_its_clearing_account() -> None:
    (output,) = post(given([file_row()]))
    assert balances(output) == {CLEARING: -1000, SETTLEMENT: 1000}


@pytest.mark.parametrize("row", [file_row(fate="rejected"), file_row(fate="duplicate"), file_row(None), file_row(0)])
def test_only_accepted_files_with_a_net_settlement_are_booked(row: dict[str, object]) -> None:
    (output,) = post(given([row]))
    assert output.entries == ()


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (given([file_row(feed=None)]), "has a net settlement but no feed"),
        (given([], [tie("TIED")]), "which is no accepted file"),
        (given([file_row()], [tie("TIED")], shown=False), "its bank account is not known"),
    ],
)
def test_cash_that_cannot_be_booked_names_file_and_entry(tables: dict[str, pl.DataFrame], sentence: str) -> None:
    with pytest.raises(TerminalError, match=sentence):
        post(tables)
