"""Working the breaks: what is listed, narrowed, counted and exported, of a night and of an output folder."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from settlement import originals, store, worklist
from settlement.errors import TerminalError
from settlement.model.ageing import Ageing
from settlement.reconcile.write import BREAKS
from settlement.store import Home
from settlement.worklist import Wanted

NIGHT = date(2025, 1, 10)


def item(record: int, **columns: object) -> dict[str, object]:
    told = {
        "leg": "MERCHANT",
        "reason": "MISSING_BANK",
        "opened_on": NIGHT,
        "age_days": 0,
        "age_bucket": "0-1",
        "state": "open",
        "file": "2025-01-10/a.csv",
        "record": record,
        "side": "merchant",
        "amount_minor": 100,
        "currency": "USD",
        "nearest_condition": None,
        "note": "no record of the other side comes near",
        "card_masked": "411111******1111",
        "merchant_number": "900",
        "merchant_name": "Corner Shop",
    }
    return told | columns


ROWS = pl.DataFrame(
    [
        item(1),
        item(2, age_days=5, age_bucket="4-7", nearest_condition="amount_differs", merchant_name=None),
        item(3, reason="MISSING_MERCHANT", side="bank", card_masked=None, merchant_name="Café Ünal", amount_minor=250),
        item(4, age_days=40, age_bucket="31+", state="expired", currency="JPY", amount_minor=1500),
    ],
    infer_schema_length=None,
)


@pytest.mark.parametrize(
    ("wanted", "records"),
    [
        (Wanted(), [1, 2, 3, 4]),
        (Wanted(reason="MISSING_BANK"), [1, 2, 4]),
        (Wanted(leg="MERCHANT", side="bank"), [3]),
        (Wanted(nearest_condition="amount_differs"), [2]),
        (Wanted(age_bucket="4-7"), [2]),
        (Wanted(state="expired"), [4]),
        (Wanted(least_age=5), [2, 4]),
        (Wanted(least_age=41), []),
        (Wanted(text="corner"), [1, 4]),
        (Wanted(text="ÜNAL"), [3]),
        (Wanted(text="******1111"), [1, 2, 4]),
        (Wanted(text="corner.shop"), []),
        (Wanted(reason="MISSING_BANK", least_age=1, text="corner"), [4]),
    ],
)
def test_what_is_wanted(wanted, records) -> None:
    assert worklist.narrowed(ROWS, wanted)["record"].to_list() == records


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Wanted(reason="MISSING"), "No open item has reason 'MISSING'; there are: MISSING_BANK, MISSING_MERCHANT."),
        (Wanted(nearest_condition="x"), "No open item has nearest_condition 'x'; there are: amount_differs."),
        (Wanted(age_bucket="2-3"), "there are: 0-1, 31+, 4-7."),
    ],
)
def test_a_word_that_occurs_nowhere_is_told(wanted, sentence) -> None:
    with pytest.raises(TerminalError) as fault:
        worklist.narrowed(ROWS, wanted)
    assert sentence in str(fault.value)


def test_groups_never_add_currencies_and_count_by_age() -> None:
    found = worklist.grouped(ROWS, ("leg", "reason"), Ageing().labels)
    assert found.columns[:6] == ["leg", "reason", "currency", "items", "amount_minor", "oldest_days"]
    assert found.select("reason", "currency", "items", "amount_minor", "oldest_days").rows() == [
        ("MISSING_BANK", "JPY", 1, 1500, 40),
        ("MISSING_BANK", "USD", 2, 200, 5),
        ("MISSING_MERCHANT", "USD", 1, 250, 0),
    ]
    assert found.select(pl.col("^days_.*$")).row(1, named=True) == {
        "days_0-1": 1,
        "days_2-3": 0,
        "days_4-7": 1,
        "days_8-30": 0,
        "days_31+": 0,
    }


def test_groups_by_any_column() -> None:
    assert worklist.grouped(ROWS, ("nearest_condition",)).select("nearest_condition", "currency", "items").rows() == [
        (None, "JPY", 1),
        (None, "USD", 2),
        ("amount_differs", "USD", 1),
    ]
    by_age = worklist.grouped(ROWS, ("age_bucket", "currency"), Ageing().labels)
    assert by_age.columns == ["age_bucket", "currency", "items", "amount_minor", "oldest_days"]
    with pytest.raises(TerminalError, match="have no shop: their columns are leg, reason"):
        worklist.grouped(ROWS, ("shop",))


def test_amounts_are_shown_in_major_units() -> None:
    shown = worklist.rendered(ROWS)
    assert "2.50" in shown
    assert " 1500 " in shown
    assert shown.endswith("4 rows.")


CELLS = {
    "=cmd|'/c calc'!A1": "'=cmd|'/c calc'!A1",
    "+1+1": "'+1+1",
    "-2+3": "'-2+3",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "\r=1": "'\r=1",
    "-12.50": "-12.50",
    "+49": "+49",
    "-": "'-",
    "a=b": "a=b",
    "": "",
    "O'Hare": "O'Hare",
}


def test_no_cell_of_a_csv_runs_as_a_formula(tmp_path: Path) -> None:
    rows = pl.DataFrame([item(n, merchant_name=text) for n, text in enumerate(CELLS)], infer_schema_length=None)
    worklist.export(rows, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as source:
        told = list(csv.DictReader(source))
    assert [row["merchant_name"] for row in told] == list(CELLS.values())
    assert {row["amount_minor"] for row in told} == {"100"}
    worklist.export(rows, tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").equals(rows)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"out\.xlsx says no format: end its name in \.csv or \.parquet"):
        worklist.export(ROWS, tmp_path / "out.xlsx")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_breaks_of_an_output_folder(tmp_path: Path, ending: str) -> None:
    told = [("left", "007", "amount_differs", "T1", "same store"), ("right", "T9", "missing_left", None, "none")]
    rows = pl.DataFrame(told, schema=list(BREAKS), orient="row")
    getattr(rows, f"write_{ending}")(tmp_path / f"breaks.{ending}")
    found = worklist.breaks_of_folder(tmp_path)
    assert found.rows() == told
    assert worklist.narrowed(found, Wanted(side="left", text="t1"))["id"].to_list() == ["007"]
    assert worklist.grouped(found, worklist.FOLDER_GROUPS).rows() == [
        ("left", "amount_differs", 1),
        ("right", "missing_left", 1),
    ]
    with pytest.raises(TerminalError, match="have no age_days: their columns are side, id"):
        worklist.narrowed(found, Wanted(least_age=1))


def test_a_folder_that_holds_no_breaks(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="holds no breaks"):
        worklist.breaks_of_folder(tmp_path)
    (tmp_path / "breaks.csv").write_text("side,id\nleft,1\n", encoding="utf-8")
    with pytest.raises(TerminalError, match="lack reason, nearest, note"):
        worklist.breaks_of_folder(tmp_path)
    (tmp_path / "breaks.parquet").write_bytes(b"PAR1")
    with pytest.raises(TerminalError, match="not readable"):
        worklist.breaks_of_folder(tmp_path)


def test_the_items_of_a_night_tell_card_and_merchant(settled_home: Home) -> None:
    night = originals.delivery_dates(settled_home)[-1]
    rows = worklist.breaks_of_night(settled_home, night)
    opened = store.read_table(settled_home, "open_item", night)
    assert rows.select(opened.columns).sort("leg", "file", "record").equals(opened)
    assert rows["card_masked"].null_count() == 0
    assert rows["opened_on"].n_unique() > 1
