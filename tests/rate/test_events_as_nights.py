"""The facts of nights, written as events, give the statements of the nights."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from acceptance import nights_dir
from pipeline import run_nights, stage_input
from rate.exported import exported
from rate.histories import READS, Night, RandomHistory, contract_documents, joined, rate_history, tables_of

from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate.contract_file import read_contracts
from settlement.rate.events_check import read_events
from settlement.rate.facts import Facts, gather
from settlement.rate.worked import work_out

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
    outputs = rate_history(nights)
    _compare(_gathered(nights), [output["payout"] for output in outputs])


def test_the_nights_with_truth() -> None:
    folder = nights_dir()
    tables = run_nights(folder, NIGHTS, until="rate")
    facts = [
        gather(stage_input(folder, NIGHTS[: index + 1], "rate"), date.fromisoformat(night))
        for index, night in enumerate(NIGHTS)
    ]
    _compare(facts, [tables[night, "payout"] for night in NIGHTS])


def _compare(facts: list[Facts], payouts: list[pl.DataFrame]) -> None:
    """Every row of every night comes out, closings of days without a night among them."""
    stated = pl.concat(payouts)
    content = exported(facts)
    for contract_id, versions in read_contracts(contract_documents()).items():
        events = read_events("events.csv", content)
        for known, payout in zip(facts, payouts, strict=True):
            rows = work_out(versions, events, known.day).statement.select(PAYOUT)
            told = rows.filter(pl.col("as_of").is_in(payout["as_of"].unique().implode()))
            expected = payout.filter(pl.col("contract") == contract_id)
            assert told.rows() == expected.rows()
            closed = rows.filter(pl.col("state") == "CLOSED", pl.col("as_of") < known.day)
            assert set(closed.rows()) <= set(stated.rows())


def _gathered(nights: list[Night]) -> list[Facts]:
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
