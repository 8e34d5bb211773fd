"""Quality and report on a real-format night: every rule holds, the page shows the truth's figures, nothing leaks."""

from __future__ import annotations

import re

import polars as pl
import pytest
from acceptance import nights_dir, truth
from pipeline import stage_input, stage_output

from settlement.model.money import to_major

NIGHTS = ("2010-12-29",)


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return dict(stage_input(nights_dir(), NIGHTS, "quality").tables)


@pytest.fixture(scope="module")
def docs() -> str:
    files = stage_output(nights_dir(), NIGHTS, "quality").files
    return "\n".join(content.decode() for content in files.values())


@pytest.fixture(scope="module")
def page() -> str:
    return stage_output(nights_dir(), NIGHTS, "report").files["index.html"].decode()


def test_every_rule_holds(docs: str) -> None:
    table = stage_output(nights_dir(), NIGHTS, "quality").tables["expectation"]
    assert table.filter(~pl.col("success")).rows() == []
    assert table["suite"].n_unique() == docs.count("<!DOCTYPE html>") - 1


def test_data_docs_tell_no_value_of_a_text_column(docs: str, tables: dict[str, pl.DataFrame]) -> None:
    # Words of closed lists, names of feeds and of fields are the rules' own; everything else must stay away.
    own = re.compile(r"[a-z_]+|[A-Z_]{1,20}")
    told = [
        (name, column, value)
        for name, table in tables.items()
        for column in (column for column, dtype in table.schema.items() if dtype == pl.String)
        for value in table[column].drop_nulls().unique()
        # The night's own date is on every page; periods are written like it, or like the part of it.
        if len(value) >= 6 and not own.fullmatch(value) and not NIGHTS[0].startswith(value) and value in docs
    ]
    assert told == []


def test_no_card_number_is_on_any_page(docs: str, page: str) -> None:
    digits = re.findall(r"(?<![0-9])[0-9]{16,19}(?![0-9])", docs + page)
    assert [run for run in digits if run.startswith(("555555", "411111", "622202", "400000"))] == []


def test_the_page_shows_the_payouts_of_the_truth(page: str) -> None:
    expected = [
        f"{int(row['amount_minor']) // 100:,}.{to_major(int(row['amount_minor']), 'USD')[-2:]}"
        for row in truth(NIGHTS[0], "payouts")
        if row["term"] == "payout"
    ]
    assert len(expected) == 7
    assert [amount for amount in expected if amount not in page] == []


def test_the_page_names_every_file_and_its_fate(page: str) -> None:
    for row in truth(NIGHTS[0], "files"):
        assert row["file"].partition("/")[2] in page
