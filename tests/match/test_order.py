"""The result does not depend on the order of rows, nor on which kernels run."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from functools import cache

import polars as pl
import pytest
from match_frames import FIRST_NIGHT, bank, file_row, frame, merchant, night_input, run_checked
from random_cases import examples

from settlement.kernels import match as kernels
from settlement.kernels import match_twin, radix, radix_optimal_twin
from settlement.model.stage import StageInput, StageOutput

SEEDS = range(examples(3))
CODES = [None, "A", "B"]


def busy_night(seed: int, night: int) -> list[dict]:
    """Few cards, codes and amounts, so that groups are crowded and repeats occur."""
    draw = random.Random(seed)
    rows = []
    for make in (bank, merchant):
        for number in range(1, draw.randrange(2, 14)):
            columns = {
                "authorisation_code": draw.choice(CODES),
                "merchant_number": draw.choice([None, "9"]),
                "arn": draw.choice([None, None, "1" * 23, "2" * 23]),
                "transaction_date": FIRST_NIGHT + timedelta(days=draw.randrange(3)),
                "kind": draw.choice(["purchase", "purchase", "purchase", "refund", "reversal"]),
                "order_ref": draw.choice(["X", "Y", "Z"]) if make is merchant else None,
            }
            if make is bank:
                columns["card_ref"] = draw.choice([None, "t-1", "t-2"])
            if make is bank and draw.random() < 0.2:
                columns |= {"transaction_amount_minor": 300, "transaction_currency": "JPY"}
            rows.append(make(number, draw.choice([100, 110, 200, 201, 300]), night=night, **columns))
    return rows + [accrual(draw, number, night) for number in range(20, draw.randrange(21, 30))]


def accrual(draw: random.Random, number: int, night: int) -> dict:
    """A line of the airline, often one that adds up several purchases."""
    amount = draw.choice([100, 110, 200, 300, 400, 500])
    columns = {"authorisation_code": draw.choice(CODES), "kind": draw.choice(["purchase", "purchase", "refund"])}
    miles = {"base_miles": amount // 100, "bonus_miles": 0, "purchases": draw.choice([None, 1, 2, 3])}
    member = {"feed": "airline_accrual", "card_masked": None, "order_ref": None, "member_id": draw.choice(["M1", "M2"])}
    return merchant(number, amount, night=night, **columns, **miles, **member)


def cards() -> pl.DataFrame:
    """Two cards of the airline's programme."""
    told = {"programme": "AIR", "card_masked": "555555******0001", "valid_from": FIRST_NIGHT, "file": "e.csv"}
    rows = [{"record": n, "card_ref": f"t-{n}", "account_id": f"A{n}", "member_id": f"M{n}"} for n in (1, 2)]
    return frame("enrolment", [told | row for row in rows])


@cache
def second_night(seed: int) -> StageInput:
    """The second of two busy nights, the first one settled."""
    airline = file_row("a.txt", feed="airline_accrual", file_date=FIRST_NIGHT)
    first = {
        "clearing": frame("clearing", busy_night(seed, 0)),
        "enrolment": cards(),
        "file": frame("file", [airline]),
    }
    settled = run_checked(night_input([first]))
    tonight = {"clearing": frame("clearing", busy_night(seed + 1, 1)), "file": frame("file", [file_row("b.txt", 1)])}
    return night_input([first | dict(settled.tables), tonight])


@cache
def matched(seed: int) -> StageOutput:
    return run_checked(second_night(seed))


def same(one: StageOutput, other: StageOutput) -> bool:
    return all(rows.equals(other.tables[name]) for name, rows in one.tables.items())


def shuffled(inputs: StageInput, seed: int) -> StageInput:
    mixed = {name: rows.sample(fraction=1.0, shuffle=True, seed=seed) for name, rows in inputs.tables.items()}
    history = {
        name: rows.collect().sample(fraction=1.0, shuffle=True, seed=seed).lazy()
        for name, rows in inputs.history.items()
    }
    return replace(inputs, tables=mixed, history=history)


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_inputs_give_the_same_tables(seed) -> None:
    assert same(matched(seed), run_checked(shuffled(second_night(seed), seed + 1)))


@pytest.mark.parametrize("seed", SEEDS)
def test_twins_give_the_same_tables(seed, monkeypatch) -> None:
    compiled = matched(seed)
    for name in ("group_sums", "number_keys"):
        monkeypatch.setattr(kernels, name, getattr(match_twin, name))
    monkeypatch.setattr(radix, "_pair_optimal", radix_optimal_twin.pair_optimal)
    assert same(compiled, run_checked(second_night(seed)))


@pytest.mark.parametrize("seed", SEEDS)
def test_matched_and_open_are_all_there_is(seed) -> None:
    inputs, output = second_night(seed), matched(seed)
    key = ["leg", "file", "record"]
    of_airline, has_card = pl.col("feed") == "airline_accrual", pl.col("card_ref").is_not_null()
    tonight = [
        inputs.tables["clearing"].filter(part).select(pl.lit(leg).alias("leg"), "file", "record")
        for leg, part in (("MERCHANT", ~of_airline), ("ACCRUAL", of_airline | has_card))
    ]
    owed = pl.concat([*tonight, inputs.history["open_item"].collect().select(key)])
    members = output.tables["match_member"].join(output.tables["match"], on="match_id").select(key)
    assert sorted(owed.rows()) == sorted(pl.concat([members, output.tables["open_item"].select(key)]).rows())


@pytest.mark.parametrize("seed", SEEDS)
def test_residuals_are_what_the_members_leave(seed) -> None:
    output = matched(seed)
    signed = pl.when(pl.col("side") == "merchant").then(pl.col("amount_minor")).otherwise(-pl.col("amount_minor"))
    left = output.tables["match_member"].group_by("match_id", "currency").agg(signed.sum().alias("left"))
    matches = output.tables["match"].join(left, on=["match_id", "currency"], how="left")
    assert matches["residual_minor"].equals(matches["left"].rename("residual_minor"))
