"""An acquirer's batch re-added from its transactions and held against its payout, and all three grains in one night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from match_frames import FIRST_NIGHT, file_row, frame, merchant, night_input, run_checked

from settlement import laws

FILE = f"{FIRST_NIGHT}/ACQ.csv"


def sale(number: int, net: int, **columns: Any) -> dict[str, Any]:
    told = {"file": FILE, "batch": "7", "net_minor": net, "net_currency": "USD"}
    return merchant(number, abs(net) + 20, **(told | columns))


def line(number: int, class_: str, net: int, **columns: Any) -> dict[str, Any]:
    told = {"file": FILE, "record": number, "class": class_, "amount_minor": net, "currency": "USD", "batch": "7"}
    return told | columns


def bad(number: int, net: int | None, currency: str | None = "USD") -> dict[str, Any]:
    told = {"file": FILE, "record": number, "reason": "BAD_DATE", "field": "Creation Date", "preview": "31.2."}
    return told | {"batch": "7", "net_minor": net, "net_currency": currency}


def lines_total(computed: int) -> dict[str, Any]:
    return {"file": FILE, "control": "payout_minor", "declared": computed, "computed": computed, "agrees": True}


def tables(
    sales: Sequence[Mapping[str, Any]],
    control: Sequence[Mapping[str, Any]],
    rejects: Sequence[Mapping[str, Any]] = (),
    total: int | None = None,
) -> dict[str, pl.DataFrame]:
    return {
        "file": frame("file", [file_row("ACQ.csv")]),
        "clearing": frame("clearing", sales),
        "control_record": frame("control_record", control),
        "reject": frame("reject", rejects),
        "control_total": frame("control_total", [] if total is None else [lines_total(total)]),
    }


def told(night: Mapping[str, pl.DataFrame], *columns: str) -> list[tuple[Any, ...]]:
    return run_checked(night_input([night])).tables["batch_tie"].select(columns).rows()


PAID = line(9, "PAYOUT", -850)
FEE = line(8, "ACQ_FEE", -50)
SALES = (sale(1, 1000), sale(2, 300), sale(3, -400, kind="refund"))
CASES = {
    "adds up to its payout": (tables(SALES, [FEE, PAID], total=850), (850, 850, 0, 0, "TIED")),
    "pays a cent too much": (tables(SALES, [FEE, line(9, "PAYOUT", -851)]), (850, 851, 1, None, "DIFFERS")),
    "lacks a transaction": (tables(SALES[1:], [FEE, PAID], total=850), (-150, 850, 1000, 1000, "DIFFERS")),
    "a rejected row is paid all the same": (
        tables(SALES[:2], [FEE, PAID], [bad(3, -400)], total=850),
        (850, 850, 0, 0, "TIED"),
    ),
    "a rejected row without an amount is nothing": (
        tables(SALES, [FEE, PAID], [bad(4, None)], total=850),
        (850, 850, 0, 0, "TIED"),
    ),
    "a rejected row without a currency": (
        tables(SALES[:2], [FEE, PAID], [bad(3, -400, None)]),
        (850, 850, 0, None, "TIED"),
    ),
    "the file's own sum is another one": (tables(SALES, [FEE, PAID], total=860), (850, 850, 0, 10, "DIFFERS")),
    "carries its balance over": (
        tables(SALES, [FEE, line(9, "BALANCE", -850)], total=0),
        (850, 850, 0, 0, "CARRIED_OVER"),
    ),
    "carries a debt over": (
        tables([sale(3, -400, kind="refund")], [line(9, "BALANCE", 400)], total=0),
        (-400, -400, 0, 0, "CARRIED_OVER"),
    ),
    "carries another balance than it has": (
        tables(SALES, [FEE, line(9, "BALANCE", -800)], total=50),
        (850, 800, -50, 0, "DIFFERS"),
    ),
    "takes a balance over and pays it": (
        tables(SALES, [line(5, "BALANCE", 100), FEE, line(9, "PAYOUT", -950)], total=950),
        (950, 950, 0, 0, "TIED"),
    ),
    "takes a balance over and carries it on": (
        tables(SALES, [line(5, "BALANCE", -2000), FEE, line(9, "BALANCE", 1150)], total=0),
        (-1150, -1150, 0, 0, "CARRIED_OVER"),
    ),
    "has no end": (tables(SALES, [FEE]), (850, None, -850, None, "DIFFERS")),
    "a balance before the last line is no end": (
        tables([*SALES, sale(10, 5)], [FEE, line(9, "BALANCE", -855)]),
        (0, None, 0, None, "DIFFERS"),
    ),
}


@pytest.mark.parametrize(("night", "expected"), CASES.values(), ids=CASES.keys())
def test_a_batch(night, expected) -> None:
    columns = ("batch_minor", "closing_minor", "residual_minor", "lines_residual_minor", "state")
    assert told(night, *columns) == [expected]


def test_the_parts_of_a_batch_are_told_apart() -> None:
    night = tables(SALES[:2], [line(5, "BALANCE", 100), FEE, PAID], [bad(3, -400), bad(4, None)])
    columns = ("transactions", "transactions_minor", "rejected", "rejected_minor", "fees_minor", "balance_minor")
    assert told(night, *columns, "closing_record") == [(2, 1300, 2, -400, -50, 100, 9)]


def test_batches_of_a_file_stand_apart_and_what_has_none_is_left_out() -> None:
    rows = [*SALES, sale(11, 70, batch="8"), sale(12, 9, batch=None, net_minor=None, net_currency=None)]
    night = tables(rows, [FEE, PAID, line(12, "PAYOUT", -70, batch="8")], total=920)
    # The file's total is of both batches: it judges neither.
    assert told(night, "batch", "residual_minor", "lines_residual_minor") == [("7", 0, None), ("8", 0, None)]


def test_without_a_declared_control_the_lines_are_not_judged() -> None:
    night = night_input([tables(SALES, [FEE, PAID], total=860)])
    rules = night.documents["match.toml"].replace('[batch]\nlines_control = "payout_minor"', "")
    output = run_checked(night_input([tables(SALES, [FEE, PAID], total=860)], rules))
    assert output.tables["batch_tie"].select("lines_minor", "state").rows() == [(None, "TIED")]


def test_entry_payout_batch_and_transactions_tie_in_one_night() -> None:
    """The bank keeps 25 of 850: that is the residual of the entry, and of no other grain."""
    night = tables(SALES, [FEE, PAID], total=850)
    net = {"net_settlement_minor": 850, "net_settlement_currency": "USD", "payout_text": "batch 7"}
    night["file"] = frame("file", [file_row("ACQ.csv", **net)])
    entry = {
        "file": f"{FIRST_NIGHT}/CAMT.xml",
        "record": 1,
        "account": "A",
        "entry_ref": "R1",
        "booked_on": FIRST_NIGHT,
        "value_on": FIRST_NIGHT,
        "direction": 1,
        "amount_minor": 825,
        "currency": "USD",
        "code": "ACQP",
        "remittance": "batch 7",
    }
    output = run_checked(night_input([night | {"statement_entry": frame("statement_entry", [entry])}]))
    cash, batch = output.tables["cash_tie"], output.tables["batch_tie"]
    joined = cash.join(batch, left_on="ties_to", right_on="file")
    chain = ("amount_minor", "diff_minor", "closing_minor", "residual_minor", "batch_minor", "lines_residual_minor")
    assert joined.select(*chain, "status", "state").rows() == [(825, -25, 850, 0, 850, 0, "SHORT_BY_FEE", "TIED")]


def test_the_order_of_rows_does_not_matter() -> None:
    night = tables(SALES, [line(5, "BALANCE", 100), FEE, line(9, "PAYOUT", -950)], [bad(4, None, None)], total=950)
    mixed = {name: rows.reverse() for name, rows in night.items()}
    first, second = (run_checked(night_input([one])).tables["batch_tie"] for one in (night, mixed))
    assert first.equals(second)


def test_a_record_that_comes_again_in_another_batch_is_a_repeat() -> None:
    night = tables([sale(1, 1000), sale(2, 1000, batch="8", net_minor=990, order_ref=None)], [])
    rows = night["clearing"].with_columns(order_ref=pl.lit("one"), total_minor=pl.lit(1020, pl.Int64))
    rows = rows.with_columns(amount_minor=pl.lit(1020, pl.Int64), transaction_amount_minor=pl.lit(1020, pl.Int64))
    output = run_checked(night_input([night | {"clearing": rows}]))
    assert output.tables["open_item"].select("record", "reason").rows() == [
        (1, "MISSING_BANK"),
        (2, "DUPLICATE_RECORD"),
    ]


def test_a_balance_that_is_carried_over_twice_breaks_a_law() -> None:
    """Two batches that take over one balance, in one night or on two, are told by no night."""
    net = {"feed": "acquirer_us", "net_settlement_minor": 850, "net_settlement_currency": "USD"}
    rows = [line(1, "BALANCE", 850), line(9, "PAYOUT", -850)]
    carrier = {"file": f"{FIRST_NIGHT}/ACQ_6.csv", "batch": "6"}
    night = {
        "file": frame("file", [file_row("ACQ.csv", **net), file_row("ACQ_6.csv", feed="acquirer_us")]),
        "clearing": frame("clearing", [sale(1, 850, **carrier)]),
        "control_record": frame("control_record", [*rows, line(2, "BALANCE", -850) | carrier]),
    }
    inputs = night_input([night])
    output = run_checked(inputs)
    carries = output.tables["batch_carry"]
    assert carries.select("batch", "from_batch", "taken_minor", "carried_minor").rows() == [("7", "6", 850, 850)]
    twice = pl.concat([carries, carries.with_columns(batch=pl.lit("8"))])
    with pytest.raises(laws.LawBrokenError, match="carried over twice"):
        laws.assert_unit("match", inputs, replace(output, tables={**output.tables, "batch_carry": twice}))
    before = {**inputs.history, "batch_carry": carries.with_columns(business_date=pl.lit(None, pl.Date)).lazy()}
    with pytest.raises(laws.LawBrokenError, match="carried over twice"):
        laws.assert_unit("match", replace(inputs, history=before), output)
