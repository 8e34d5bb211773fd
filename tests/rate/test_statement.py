"""Statements around the close of a quarter, told as short histories with known results."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rate.histories import Night, rate_history

from settlement.errors import TerminalError


def night(day: str) -> Night:
    return Night(day=date.fromisoformat(day))


def card(night_: Night, programme: str) -> None:
    account = {"account_id": "A1", "programme": programme, "account_class": "STANDARD", "opened_on": date(2009, 1, 1)}
    night_.add("account_event", event="SNAPSHOT", effective_on=night_.day, **account)
    night_.add("enrolment", card_ref="c1", account_id="A1", programme=programme, valid_from=date(2009, 1, 1))


def reconciled(
    night_: Night, kind: str, arn: str, amount_minor: int, *, posted: date | None = None, currency: str = "USD"
) -> None:
    """A record that comes and is matched on this night."""
    day = posted or night_.day
    told = {"posting_date": day, "transaction_date": day, "currency": currency, "kind": kind, "mcc": "5411"}
    told |= {"direction": 1 if kind == "purchase" else -1}
    row = night_.add("clearing", side="bank", card_ref="c1", arn=arn, amount_minor=amount_minor, **told)
    match_id = f"m{night_.day}-{row['record']}"
    night_.add("match", match_id=match_id, leg="MERCHANT")
    night_.add("match_member", match_id=match_id, side="bank", file=row["file"], record=row["record"])


def lines(output: dict[str, pl.DataFrame], **wanted: Any) -> list[tuple[Any, ...]]:
    """(period, term, beneficiary, amount, state) of a night's rows that fit, without terms that give nothing."""
    frame = output["payout"].filter(*(pl.col(name) == value for name, value in wanted.items()))
    return (
        frame.filter(pl.col("amount_minor") != 0)
        .select("period", "term", "beneficiary", "amount_minor", "state")
        .rows()
    )


def test_a_chargeback_after_close_is_an_adjustment_in_the_quarter_after() -> None:
    nights = [night("2010-12-31"), night("2011-01-01"), night("2011-01-02")]
    card(nights[0], "RET")
    reconciled(nights[0], "purchase", "a", 30_000_000)
    reconciled(nights[1], "chargeback", "a", 10_000_000)
    first, second, third = rate_history(nights)
    contract = "C2-RET-COBRAND"
    assert lines(first, contract=contract, state="CLOSED")[:2] == [
        ("2010-Q4", "elsewhere_rate", None, 240_000, "CLOSED"),
        ("2010-Q4", "annual_volume_tier", None, 30_000, "CLOSED"),
    ]
    assert lines(second, contract=contract)[:3] == [
        ("2010-Q4", "elsewhere_rate", None, 160_000, "RESTATED"),
        ("2010-Q4", "annual_volume_tier", None, 20_000, "RESTATED"),
        ("2011-Q1", "adjustment", None, -90_000, "PREVIEW"),
    ]
    adjustment = second["payout"].row(by_predicate=pl.col("term") == "adjustment", named=True)
    assert adjustment["quantities"] == "period=2010-Q4;restated=180000;stated=270000"
    assert adjustment["adjusts"] == "2010-Q4"
    assert lines(second, beneficiary="HARBOR-RETAIL") == [
        ("2011-Q1", "share", "HARBOR-RETAIL", -42_000, "PREVIEW"),
        ("2011-Q1", "carry_out", "HARBOR-RETAIL", -42_000, "PREVIEW"),
    ]
    # Nothing new came, and no statement that carries the adjustment closed: it is told again.
    assert lines(third, contract=contract) == lines(second, contract=contract)


def test_a_negative_event_by_its_own_posting_date_leaves_the_closed_quarter_alone() -> None:
    nights = [night("2010-12-31"), night("2011-01-01")]
    card(nights[0], "UNI")
    reconciled(nights[0], "purchase", "a", 20_000_000, posted=date(2010, 12, 30))
    reconciled(nights[1], "chargeback", "a", 10_000_000)
    _, second = rate_history(nights)
    assert lines(second, contract="C3-UNI-ALUMNI")[:1] == [("2011-Q1", "volume_rate", None, -50_000, "PREVIEW")]
    told = second["payout"].row(by_predicate=pl.col("term") == "volume_rate", named=True)["quantities"]
    # The rate is that of the purchase's date, though the event is of the new year.
    assert told.startswith("STANDARD_0.0050_volume=-10000000:amount=-50000;STANDARD_0.0040_volume=0")


def test_an_adjustment_is_stated_when_its_statement_closes_and_told_no_more() -> None:
    nights = [night(day) for day in ("2010-12-31", "2011-01-01", "2011-03-31", "2011-04-01")]
    card(nights[0], "RET")
    reconciled(nights[0], "purchase", "a", 30_000_000)
    reconciled(nights[1], "purchase", "late", 10_000_000, posted=date(2010, 12, 31))
    outputs = rate_history(nights)
    told = [lines(output, contract="C2-RET-COBRAND", term="adjustment") for output in outputs]
    assert told == [
        [],
        [("2011-Q1", "adjustment", None, 90_000, "PREVIEW")],
        [("2011-Q1", "adjustment", None, 90_000, "CLOSED")],
        [],
    ]
    assert outputs[3]["payout"].filter(state="RESTATED").is_empty()


def test_a_quarter_whose_last_day_brings_no_files_is_closed_by_the_next_night_as_known_then() -> None:
    nights = [night("2010-12-30"), night("2011-01-01")]
    card(nights[0], "RET")
    reconciled(nights[0], "purchase", "a", 30_000_000)
    reconciled(nights[1], "purchase", "late", 10_000_000, posted=date(2010, 12, 31))
    first, second = rate_history(nights)
    assert set(first["payout"].filter(contract="C2-RET-COBRAND")["state"]) == {"PREVIEW"}
    closed = second["payout"].filter(state="CLOSED", contract="C2-RET-COBRAND")
    assert set(closed["as_of"]) == {date(2010, 12, 31)}
    assert set(closed["period"]) == {"2010-Q4"}
    # What came with the later night is not in the closed statement; it is its adjustment.
    assert closed.filter(term="elsewhere_rate")["amount_minor"].to_list() == [240_000]
    assert lines(second, term="adjustment") == [("2011-Q1", "adjustment", None, 90_000, "PREVIEW")]


@pytest.mark.parametrize(
    ("balance", "paid", "carried"), [(9_999, 0, 9_999), (10_000, 10_000, 0), (10_001, 10_001, 0), (-10_000, 0, -10_000)]
)
def test_the_threshold_is_paid_at_the_threshold(balance: int, paid: int, carried: int) -> None:
    first = night("2010-12-31")
    told = {"contract": "C2-RET-COBRAND", "item": "carry_forward_HARBOR-RETAIL", "unit": "USD minor"}
    first.add("opening_position", value=balance, **told)
    (output,) = rate_history([first])
    amounts = dict(output["payout"].filter(beneficiary="HARBOR-RETAIL").select("term", "amount_minor").iter_rows())
    assert amounts == {"share": 0, "carry_in": balance, "payout": paid, "carry_out": carried}


def test_what_is_not_paid_is_carried_to_the_next_quarter() -> None:
    nights = [night("2010-12-31"), night("2011-01-01")]
    card(nights[0], "UNI")
    nights[0].add("opening_position", contract="C3-UNI-ALUMNI", item="carry_forward", value=24_998, unit="USD minor")
    reconciled(nights[0], "purchase", "a", 250)
    reconciled(nights[1], "purchase", "b", 250)
    first, second = rate_history(nights)
    assert lines(first, beneficiary="ALMA-MATER")[0][:4] == ("2010-Q4", "carry_in", "ALMA-MATER", 24_998)
    assert lines(first, beneficiary="ALMA-MATER")[1][:4] == ("2010-Q4", "carry_out", "ALMA-MATER", 24_999)
    assert lines(second, beneficiary="ALMA-MATER") == [
        ("2011-Q1", "carry_in", "ALMA-MATER", 24_999, "PREVIEW"),
        ("2011-Q1", "payout", "ALMA-MATER", 25_000, "PREVIEW"),
    ]


def test_new_profit_figures_after_close_restate_the_profit_share_alone() -> None:
    nights = [night("2010-12-31"), night("2011-01-02")]
    for index, losses in ((0, 0), (1, 1_000_000)):
        for line, amount in (
            ("INTEREST", 5_000_000),
            ("FEES", 0),
            ("LOSSES", losses),
            ("COST_OF_FUNDS", 0),
            ("OPEX", 0),
        ):
            told = {"programme": "RET", "month": "2010-12", "version": index + 1, "line": line, "currency": "USD"}
            nights[index].add("pnl", amount_minor=amount, **told)
    _, second = rate_history(nights)
    assert lines(second, state="RESTATED") == [("2010-Q4", "profit_share", None, 800_000, "RESTATED")]
    assert lines(second, term="adjustment") == [("2011-Q1", "adjustment", None, -400_000, "PREVIEW")]
    corrections = second["rated"].filter(term="profit_share").group_by("selector").agg(pl.col("quantity").sum())
    assert dict(corrections.iter_rows()) == {"2010-12.v1": -5_000_000, "2010-12.v2": 4_000_000}


def test_an_exclusion_by_class_leaves_accounts_of_other_classes_and_of_none() -> None:
    first = night("2010-12-31")
    for number, class_ in enumerate(("STUDENT", "STANDARD", None)):
        told = {"programme": "UNI", "account_class": class_, "opened_on": date(2010, 10, 2)}
        first.add("account_event", event="SNAPSHOT", effective_on=first.day, account_id=f"A{number}", **told)
    (output,) = rate_history([first])
    assert lines(output, term="opening_bounty") == [("2010-Q4", "opening_bounty", None, 200, "CLOSED")]


def test_a_share_waits_for_its_exchange_rate_and_nothing_waits_for_none() -> None:
    nights = [night("2010-12-29"), night("2010-12-30"), night("2010-12-31")]
    card(nights[0], "CLB")
    reconciled(nights[1], "purchase", "a", 1_000_000, currency="CNY")
    with pytest.raises(TerminalError, match="no exchange rate from CNY to USD has come up to 2010-12-30: deliver"):
        rate_history(nights[:2])
    told = {"from_currency": "CNY", "to_currency": "USD"}
    nights[1].add("fx_rate", rate_date=date(2010, 12, 30), rate="0.15", **told)
    nights[1].add("fx_rate", rate_date=date(2010, 12, 31), rate="0.2", **told)
    reconciled(nights[2], "purchase", "b", 500_000, currency="CNY")
    outputs = [output["payout"].filter(term="share_converted", state="CLOSED") for output in rate_history(nights)]
    assert [output.select("amount_minor", "quantities").rows() for output in outputs] == [
        [(0, "rate=none")] * 2,
        [(270, "rate=0.1500000"), (630, "rate=0.1500000")],
        [(180, "rate=0.2000000"), (420, "rate=0.2000000")],
    ]
