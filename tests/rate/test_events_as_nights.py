"""The facts of nights, written as events, give the statements of the nights."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl
import pytest
from acceptance import nights_dir
from pipeline import run_nights, stage_input
from rate.exported import exported
from rate.histories import (
    OPENING,
    READS,
    SETTLEMENT,
    SHIPPED,
    Night,
    RandomHistory,
    contract_documents,
    dated_documents,
    joined,
    rate_history,
    tables_of,
)
from rate.random_terms import HEAD, ROUNDING
from rate.test_fixings import bank_calendar

from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate.contract_file import read_contracts
from settlement.rate.events_check import read_events
from settlement.rate.facts import Facts, gather
from settlement.rate.worked import work_out

VOLUME = "examples = []\n" + HEAD.replace(
    'account_classes = ["any"]', 'account_classes = ["any"]\nopening = [{ item = "volume_before" }]', 1
)
RATE = f'[[terms]]\nid = "rate"\nform = "rate"\nclause = "1"\nmeasure = "volume"\n{ROUNDING}\nrate = '
AMENDED = {
    "contracts/partner/2009-01-01.toml": VOLUME + f"{RATE}0.0050\n",
    "contracts/partner/2010-12-01.known-2011-01-01.toml": "known_on = 2011-01-01\n" + VOLUME + f"{RATE}0.0075\n",
    "contracts/partner/2010-12-01.known-2011-01-02.toml": "known_on = 2011-01-02\n" + VOLUME + f"{RATE}0.0010\n",
}
"""The rate of December 2010 changes in January 2011, and again a day later."""
NIGHTS = ("2010-12-29", "2010-12-30", "2010-12-31")
PAYOUT = TABLES["payout"].schema.names()


@pytest.mark.parametrize("seed", range(6))
def test_random_histories(seed: int) -> None:
    nights = RandomHistory(seed).nights
    for row in (row for night in nights for row in night.rows.get("clearing", []) if row.get("cashback_minor")):
        # Cash above the amount of a purchase turns a refund into a charge: an event has no amount below zero.
        row["cashback_minor"] = min(row["cashback_minor"], row["amount_minor"])
    for contract, item in (("C1-AIR-MILES", "carry_forward"), ("C4-CLB-CLUB", "carry_forward_ORIENT-CLUB")):
        # Opening positions tell the first night; one that has not come is zero.
        told = nights[0].rows.setdefault("opening_position", [])
        if not any((row["contract"], row["item"]) == (contract, item) for row in told):
            nights[0].add("opening_position", contract=contract, item=item, value=0, unit="minor")
    documents = dated_documents((SHIPPED, OPENING, SETTLEMENT)[seed % 3])
    outputs = rate_history(nights, documents)
    _compare(gathered(nights), [output["payout"] for output in outputs], documents)


@pytest.mark.parametrize("seed", [0, 2, 3, 5])
def test_an_amendment_is_used_from_the_day_on_which_it_is_known(seed: int) -> None:
    nights = RandomHistory(seed).nights
    for row in (row for night in nights for row in night.rows.get("clearing", [])):
        row["cashback_minor"] = None
    nights[0].add("opening_position", contract="P1-KINDS", item="volume_before", value=70_000, unit="USD minor")
    payouts = [output["payout"] for output in rate_history(nights, AMENDED)]
    _compare(gathered(nights), payouts, AMENDED)
    restated = pl.concat(payouts).filter(pl.col("state") == "RESTATED", pl.col("period") == "2010-12")
    assert restated["as_of"].min() == min(night.day for night in nights if night.day > date(2010, 12, 31))


def test_a_bank_calendar_that_is_told_anew() -> None:
    nights, documents = bank_calendar()
    nights[0].add("opening_position", contract="C4-CLB-CLUB", item="carry_forward_ORIENT-CLUB", value=0, unit="minor")
    payouts = [output["payout"] for output in rate_history(nights, documents)]
    assert any("refixed" in told for told in payouts[1]["quantities"].drop_nulls())
    _compare(gathered(nights), payouts, documents)


def test_the_nights_with_truth() -> None:
    folder = nights_dir()
    tables = run_nights(folder, NIGHTS, until="rate")
    facts = [
        gather(stage_input(folder, NIGHTS[: index + 1], "rate"), date.fromisoformat(night))
        for index, night in enumerate(NIGHTS)
    ]
    _compare(facts, [tables[night, "payout"] for night in NIGHTS])


def _compare(facts: list[Facts], payouts: list[pl.DataFrame], documents: Mapping[str, str] | None = None) -> None:
    """Every row of every night comes out, closings of days without a night among them."""
    stated = pl.concat(payouts)
    content = exported(facts)
    for contract_id, versions in read_contracts(documents or contract_documents()).items():
        events = read_events("events.csv", content)
        for known, payout in zip(facts, payouts, strict=True):
            rows = work_out(versions, events, known.day).statement.select(PAYOUT)
            told = rows.filter(pl.col("as_of").is_in(payout["as_of"].unique().implode()))
            expected = payout.filter(pl.col("contract") == contract_id)
            assert told.rows() == expected.rows()
            closed = rows.filter(pl.col("state") == "CLOSED", pl.col("as_of") < known.day)
            assert set(closed.rows()) <= set(stated.rows())


def gathered(nights: list[Night]) -> list[Facts]:
    """What is known after each night."""
    history: dict[str, list[pl.DataFrame]] = {name: [] for name in READS}
    found = []
    for night in nights:
        tables = tables_of(night)
        inputs = StageInput(
            business_date=night.day,
            unit="all",
            documents={},
            tables=tables,
            history={name: joined(name, frames).lazy() for name, frames in history.items()},
        )
        found.append(gather(inputs, night.day))
        for name, frames in history.items():
            frames.append(tables[name].with_columns(pl.lit(night.day, pl.Date).alias("business_date")))
    return found
