"""The outsider's nights: every line of all contracts equals the truth, and what was rated leads to its records."""

from __future__ import annotations

import polars as pl
import pytest
from acceptance import nights_dir, truth
from pipeline import run_nights

from settlement.rate.links import MERCHANT_LEG, counting_records

NIGHTS = ("2010-12-29", "2010-12-30", "2010-12-31")
CONTRACTS = ("C1-AIR-MILES", "C2-RET-COBRAND", "C3-UNI-ALUMNI", "C4-CLB-CLUB")
COLUMNS = ("as_of", "contract", "period", "term", "beneficiary", "amount_minor", "currency", "state", "quantities")
NEGATIVES = ("refund", "reversal", "chargeback")
Tables = dict[tuple[str, str], pl.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return run_nights(nights_dir(), NIGHTS, until="rate")


@pytest.mark.parametrize("night", NIGHTS)
def test_every_line_of_the_truth(tables: Tables, night: str) -> None:
    rows = tables[night, "payout"].filter(pl.col("contract").is_in(CONTRACTS)).select(COLUMNS)
    found = [tuple("" if value is None else str(value) for value in row) for row in rows.iter_rows()]
    expected = [tuple(row[name] for name in COLUMNS) for row in truth(night, "payouts") if row["contract"] in CONTRACTS]
    assert sorted(found) == sorted(expected)


def test_what_the_year_lacks_of_the_guarantee_is_an_entry_of_its_ledger_once_the_year_has_closed(
    tables: Tables,
) -> None:
    for night in NIGHTS:
        expected = [
            (row["contract"], row["period"], "guarantee", row["currency"], int(row["amount_minor"]))
            for row in truth(night, "payouts")
            if row["term"] == "minimum_guarantee" and int(row["amount_minor"])
        ]
        rows = tables[night, "ledger"].filter(pl.col("entry") == "guarantee")
        assert rows.select("contract", "period", "entry", "unit", "amount").rows() == expected
        assert bool(expected) == (night == NIGHTS[-1])


def test_every_negative_event_refers_to_its_purchase(tables: Tables) -> None:
    clearing = pl.concat([tables[night, "clearing"] for night in NIGHTS])
    legs = pl.concat([tables[night, "match"].filter(pl.col("leg") == MERCHANT_LEG) for night in NIGHTS])
    members = pl.concat([tables[night, "match_member"] for night in NIGHTS]).join(legs, on="match_id", how="semi")
    taking_part = clearing.filter(pl.col("kind").is_in(["purchase", *NEGATIVES]))
    bank, merchant = (taking_part.filter(pl.col("side") == side) for side in ("bank", "merchant"))
    found = counting_records(bank, merchant, members).filter(pl.col("kind").is_in(NEGATIVES))
    linked = {
        (file, record): (origin, number)
        for file, record, origin, number in found.select("file", "record", "origin_file", "origin_record").iter_rows()
    }
    place = {row["event_id"]: (row["file"], int(row["rec"])) for night in NIGHTS for row in truth(night, "events")}
    matched = {
        (row["left_file"], int(row["left_rec"]))
        for night in NIGHTS
        for row in truth(night, "matches")
        if row["leg"] == "MERCHANT"
    }
    expected = {
        place[row["event_id"]]: place.get(row["orig_event_id"], (None, None))
        for night in NIGHTS
        for row in truth(night, "events")
        if row["type"].lower() in NEGATIVES and place[row["event_id"]] in matched
    }
    assert linked == expected
    assert len(expected) > 85
