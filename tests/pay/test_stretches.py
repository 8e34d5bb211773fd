"""A detail file is made a stretch at a time: wherever it is cut, it is the same file, and little of it is held."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import BinaryIO

import polars as pl
import pytest
from partner_files import clearing, given, only, rated, statement_rows
from payout_frames import past

from settlement.model.stage import IN_MEMORY, OutFile, StageInput
from settlement.pay import details, files, outgoing_tables

PARTNER = '[[partner]]\nid = "A"\ndetail_file = "transactions"\n'
LINES = """
[layouts.transactions]
of = "details"
format = "FORMAT"
[layouts.transactions.lines]
H = [{ value = "H", heading = "what" }, { from = "sequence" }]
D = [
    { value = "D", heading = "what" }, { from = "line" }, { from = "term" }, { from = "kind" }, { from = "date" },
    { from = "reference" }, { from = "amount", type = "major" }, { from = "quantity" }, { from = "count" },
]
T = [
    { value = "T", heading = "what" }, { from = "term" }, { from = "count" }, { from = "debit" }, { from = "credit" },
]
"""
DELIMITED = only("transactions").replace('    { from = "card_masked" },\n', "")
NIGHT = date(2010, 12, 31)
STEM = "A/C9-TEST_2010-Q4_2010-12-31_CLOSED_details"


def drawn(layout: str, seed: int = 1) -> StageInput:
    """Random contributions of four nights to two terms: of records, of accounts, of other tables."""
    draw = Random(seed)
    nights = [NIGHT - timedelta(days=days) for days in (3, 2, 1, 0)]
    names = [f"{night}/{name}" for night in nights for name in "GF"]
    records = [
        {
            "file": name,
            "record": number,
            "amount_minor": draw.randrange(1, 999),
            "transaction_date": draw.choice([None, *nights]),
            "arn": f"{name}{number}",
        }
        for name in names
        for number in range(1, draw.randrange(2, 12))
    ]
    told: dict[date, list[dict[str, object]]] = {night: [] for night in nights}
    for one in records:
        came = date.fromisoformat(str(one["file"]).split("/")[0])
        for term, clause in (("rate", "1"), ("bounty", "2")):
            for night in draw.sample([n for n in nights if n >= came], 1 + draw.randrange(2) * (came < NIGHT)):
                quantity = draw.choice([-3, -2, 2, 3])
                told[night].append({**place(one), "term": term, "clause": clause, "quantity": quantity})
    for number in range(30):
        account = {"file": None, "account_id": f"N{number}", "term": "bounty", "clause": "2", "unit": "accounts"}
        told[draw.choice(nights)].append({**account, "quantity": draw.choice([1, 1, -1])})
        told[NIGHT].append({"file": f"{NIGHT}/PNL", "record": number, "quantity": 1})
    by_night = {night: [one for one in records if str(one["file"]).startswith(str(night))] for night in nights}
    tables = {"clearing": clearing(*by_night.pop(NIGHT)), "rated": rated(*told.pop(NIGHT))}
    inputs = given(statement_rows(), PARTNER + layout, tables)
    history = {
        **inputs.history,
        "clearing": past("clearing", {night: clearing(*rows) for night, rows in by_night.items()}),
        "rated": past("rated", {night: rated(*rows) for night, rows in told.items()}),
    }
    return replace(inputs, history=history)


def place(record: dict[str, object]) -> dict[str, object]:
    return {"file": record["file"], "record": record["record"]}


class Noted:
    """An aside in memory that notes how many rows each laying had."""

    def __init__(self) -> None:
        self.heights: list[int] = []

    def rows(self, rows: pl.DataFrame) -> pl.LazyFrame:
        self.heights.append(rows.height)
        return rows.lazy()

    def file(self, write: Callable[[BinaryIO], None]) -> OutFile:
        return IN_MEMORY.file(write)


def cut(inputs: StageInput, height: int, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, list[int]]:
    """The detail file, made of stretches of so many, and how many rows were laid aside at once."""
    for module, name in (
        (details, "AT_ONCE"), (outgoing_tables, "_GROUP"), (outgoing_tables, "_SHEET_AT_ONCE"),
        (outgoing_tables, "_ROWS_AT_ONCE"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, height)
    aside = Noted()
    made = files.run(replace(inputs, aside=aside)).files
    (content,) = (content for path, content in made.items() if path.startswith(STEM))
    assert isinstance(content, bytes)
    return content, aside.heights


@pytest.mark.parametrize("height", [7, 50])
def test_wherever_it_is_cut_it_is_the_same_file(height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = drawn(DELIMITED)
    whole, laid = cut(inputs, 10**6, monkeypatch)
    assert laid == []
    made, laid = cut(inputs, height, monkeypatch)
    assert made == whole
    # Of a place each of two terms counts something; a block of records has up to so many more.
    assert len(laid) > 1
    assert max(laid) <= 2 * (height + max(1, height // 8))
    turned = {name: frame.reverse() for name, frame in inputs.scans.items()}
    past_turned = {name: frame.reverse() for name, frame in inputs.history.items()}
    assert cut(replace(inputs, scans=turned, history=past_turned), height, monkeypatch)[0] == whole


def test_its_lines_are_in_order_and_its_trailers_add_them_up(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = drawn(DELIMITED)
    content, _ = cut(inputs, 20, monkeypatch)
    rows = list(csv.reader(io.StringIO(content.decode())))
    lines, trailers = ([row for row in rows if row[0] == tag] for tag in "DT")
    assert [row[1] for row in lines] == [str(number) for number in range(1, len(lines) + 1)]
    others = [row for row in lines if row[7] == "other"]
    dated = [(row[2], row[3], row[6] or "9") for row in lines if row not in others]
    assert dated == sorted(dated)
    net: dict[tuple[str, str], int] = {}
    for row in lines:
        net[row[3], row[13]] = net.get((row[3], row[13]), 0) + int(row[12])
    assert {(row[1], row[3]): int(row[7]) for row in trailers} == net
    told = pl.concat([inputs.history["rated"].drop("business_date"), inputs.scans["rated"]]).collect()
    expected = told.group_by("term", "unit").agg(pl.sum("quantity")).filter(pl.col("quantity") != 0)
    assert {(term, unit): quantity for term, unit, quantity in expected.rows()} == {k: v for k, v in net.items() if v}


@pytest.mark.parametrize("form", ["parquet", "workbook"])
def test_tables_have_the_same_cells_wherever_they_are_cut(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = drawn(LINES.replace("FORMAT", form))
    (whole, _), (made, _) = (cut(inputs, height, monkeypatch) for height in (10**6, 20))
    if form == "parquet":
        assert pl.read_parquet(whole).equals(pl.read_parquet(made))
        assert pl.read_parquet_schema(io.BytesIO(whole)) == pl.read_parquet_schema(io.BytesIO(made))
    else:
        read = [pl.read_excel(one, has_header=False, infer_schema_length=0) for one in (whole, made)]
        assert read[0].equals(read[1])
        assert read[0].height > 100
    assert made == cut(inputs, 20, monkeypatch)[0], "the same bytes again"


def test_a_sheet_has_its_most_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = drawn(LINES.replace("FORMAT", "workbook"))
    monkeypatch.setattr(outgoing_tables, "_MOST_ROWS", 100)
    with pytest.raises(files.TerminalError, match="details has more lines than the 100 of a sheet: declare the layout"):
        cut(inputs, 20, monkeypatch)
