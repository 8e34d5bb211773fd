"""The result does not depend on the order of rows, nor on which kernels run."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from match_frames import FIRST_NIGHT, bank, file_row, frame, merchant, night_input, run_checked

from settlement.kernels import match as kernels
from settlement.kernels import match_twin
from settlement.model.stage import StageInput, StageOutput

SEEDED = settings(max_examples=12, derandomize=True, deadline=None)
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
            if make is bank and draw.random() < 0.2:
                columns |= {"transaction_amount_minor": 300, "transaction_currency": "JPY"}
            rows.append(make(number, draw.choice([100, 110, 200, 201, 300]), night=night, **columns))
    return rows


def second_night(seed: int) -> StageInput:
    """The second of two busy nights, the first one settled."""
    first = {"clearing": frame("clearing", busy_night(seed, 0)), "file": frame("file", [file_row("a.txt")])}
    settled = run_checked(night_input([first]))
    tonight = {"clearing": frame("clearing", busy_night(seed + 1, 1)), "file": frame("file", [file_row("b.txt", 1)])}
    return night_input([first | dict(settled.tables), tonight])


def same(one: StageOutput, other: StageOutput) -> bool:
    return all(rows.equals(other.tables[name]) for name, rows in one.tables.items())


def shuffled(inputs: StageInput, seed: int) -> StageInput:
    mixed = {name: rows.sample(fraction=1.0, shuffle=True, seed=seed) for name, rows in inputs.tables.items()}
    history = {
        name: rows.collect().sample(fraction=1.0, shuffle=True, seed=seed).lazy()
        for name, rows in inputs.history.items()
    }
    return replace(inputs, tables=mixed, history=history)


@SEEDED
@given(seed=st.integers(0, 10**6), shuffle=st.integers(0, 10**6))
def test_shuffled_inputs_give_the_same_tables(seed, shuffle) -> None:
    inputs = second_night(seed)
    assert same(run_checked(inputs), run_checked(shuffled(inputs, shuffle)))


@pytest.mark.parametrize("seed", range(8))
def test_twins_give_the_same_tables(seed, monkeypatch) -> None:
    inputs = second_night(seed)
    compiled = run_checked(inputs)
    for name in ("group_sums", "number_keys", "pair_exact", "pair_tolerant"):
        monkeypatch.setattr(kernels, name, getattr(match_twin, name))
    assert same(compiled, run_checked(inputs))


@SEEDED
@given(seed=st.integers(0, 10**6))
def test_matched_and_open_are_all_there_is(seed) -> None:
    inputs = second_night(seed)
    output = run_checked(inputs)
    before = inputs.history["open_item"].collect().select("file", "record")
    owed = pl.concat([inputs.tables["clearing"].select("file", "record"), before])
    found = pl.concat([output.tables[name].select("file", "record") for name in ("match_member", "open_item")])
    assert sorted(owed.rows()) == sorted(found.rows())


@SEEDED
@given(seed=st.integers(0, 10**6))
def test_residuals_are_what_the_members_leave(seed) -> None:
    output = run_checked(second_night(seed))
    signed = pl.when(pl.col("side") == "merchant").then(pl.col("amount_minor")).otherwise(-pl.col("amount_minor"))
    left = output.tables["match_member"].group_by("match_id", "currency").agg(signed.sum().alias("left"))
    matches = output.tables["match"].join(left, on=["match_id", "currency"], how="left")
    assert matches["residual_minor"].equals(matches["left"].rename("residual_minor"))
