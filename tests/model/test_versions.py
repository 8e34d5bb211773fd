"""Versions of reference data: late ones, corrections, retractions, two in one night, and what an earlier night saw."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout, read
from lean_nights import keep_one_contract, settle_in_name
from typer.testing import CliRunner

from settlement import reperform, runner, store
from settlement.errors import TerminalError
from settlement.home import create_home
from settlement.model.tables import TABLES
from settlement.model.versions import KEYS, latest, standing
from settlement.night_commands import app
from settlement.reference import known_after
from settlement.store import Home

FIRST = date(2024, 3, 1)
Told = tuple[int, int, int, str | None]
"""One row: the night on which its file came, the night that the file is of, its key, and `R` where it takes back."""


def _day(night: int) -> date:
    return FIRST + timedelta(days=night)


def _value(told: Told) -> str:
    return f"{told[0]}/{told[1]}"


def _frames(rows: Sequence[Told], key: Sequence[str]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Rows with ``value`` under a key of texts, and their files."""
    files = sorted({(came, of) for came, of, _, _ in rows})
    told = [
        {
            **dict.fromkeys(key, f"k{k}"), "file": f"{_day(came)}/F_{of}", "record": n, "business_date": _day(came),
            "value": f"{came}/{of}", "retracted": back,
        }
        for n, (came, of, k, back) in enumerate(rows, start=1)
    ]  # fmt: skip
    schema = dict.fromkeys(key, pl.String) | {
        "file": pl.String, "record": pl.Int64, "business_date": pl.Date, "value": pl.String, "retracted": pl.String
    }  # fmt: skip
    dated = [{"file": f"{_day(came)}/F_{of}", "file_date": _day(of)} for came, of in files]
    return (
        pl.DataFrame(told, schema=schema).lazy(),
        pl.DataFrame(dated, schema={"file": pl.String, "file_date": pl.Date}).lazy(),
    )


def _known(table: str, rows: Sequence[Told], night: int) -> dict[str, str]:
    """The value that holds for each key after a night."""
    frame, files = _frames(rows, KEYS[table])
    found = latest(table, frame.filter(pl.col("business_date") <= _day(night)), files).collect()
    return dict(found.select(KEYS[table][0], "value").rows())


@pytest.mark.parametrize("table", KEYS)
class TestEachTable:
    """The same laws hold for every table of reference data."""

    def test_a_correction_holds_from_the_night_on_which_it_came(self, table: str) -> None:
        rows: list[Told] = [(0, 0, 1, None), (2, 2, 1, None)]
        assert [_known(table, rows, night) for night in range(3)] == [{"k1": "0/0"}, {"k1": "0/0"}, {"k1": "2/2"}]

    def test_a_late_version_does_not_undo_a_newer_one(self, table: str) -> None:
        rows: list[Told] = [(0, 0, 1, None), (2, 2, 1, None), (3, 1, 1, None), (3, 1, 2, None)]
        assert _known(table, rows, 3) == {"k1": "2/2", "k2": "3/1"}

    def test_what_is_taken_back_is_gone_until_it_is_told_again(self, table: str) -> None:
        rows: list[Told] = [(0, 0, 1, None), (1, 1, 1, "R"), (3, 3, 1, None)]
        assert [_known(table, rows, night) for night in range(4)] == [{"k1": "0/0"}, {}, {}, {"k1": "3/3"}]

    def test_a_late_retraction_takes_back_what_was_older_alone(self, table: str) -> None:
        rows: list[Told] = [(0, 0, 1, None), (2, 2, 1, None), (3, 1, 1, "R")]
        assert _known(table, rows, 3) == {"k1": "2/2"}

    def test_of_two_versions_in_one_night_the_newer_holds(self, table: str) -> None:
        for rows in itertools.permutations([(1, 0, 1, None), (1, 1, 1, None)]):
            assert _known(table, rows, 1) == {"k1": "1/1"}

    def test_the_key_and_the_way_back_are_columns_of_the_table(self, table: str) -> None:
        assert {*KEYS[table], "retracted"} <= set(TABLES[table].schema)


def test_events_of_an_account_stand_beside_each_other() -> None:
    frame, files = _frames([(0, 0, 1, None), (0, 0, 1, None), (1, 1, 2, None), (1, 1, 2, "R")], KEYS["account_event"])
    assert standing("account_event", frame, files).collect()["value"].to_list() == ["0/0", "0/0"]


def _plainly(rows: Sequence[Told], night: int) -> dict[str, str]:
    """The same, version by version in a loop."""
    held: dict[str, str] = {}
    known = [(of, came, n, told) for n, told in enumerate(rows) if (came := told[0]) <= night for of in (told[1],)]
    for *_, told in sorted(known, key=lambda one: one[:3]):
        if told[3]:
            held.pop(f"k{told[2]}", None)
        else:
            held[f"k{told[2]}"] = _value(told)
    return held


TOLD = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 3), st.sampled_from([None, None, "R"]))


@settings(max_examples=150, deadline=None)
@given(st.lists(TOLD, max_size=12), st.randoms(use_true_random=False))
def test_every_history_is_what_a_plain_loop_says_in_any_order(rows: list[Told], draw: object) -> None:
    for night in range(5):
        assert _known("store", rows, night) == _plainly(rows, night)
        frame, files = _frames(rows, KEYS["store"])
        known = frame.filter(pl.col("business_date") <= _day(night)).collect()
        shuffled = known.sample(fraction=1, shuffle=True, seed=len(rows)).lazy()
        found = latest("store", shuffled, files).collect()
        assert dict(found.select("merchant_number", "value").rows()) == _plainly(rows, night)


@pytest.mark.parametrize(
    ("name", "file", "content", "table"),
    [
        ("mcc", "MCC_20240301.csv", "mcc;name;category\n5411;Grocery stores;FOOD\n", "mcc"),
        ("mcc", "MCC_20240301.csv", "mcc;name;category;retracted\n5411;Grocery stores;;R\n", "mcc"),
        ("calendar", "CALENDAR_20240301.csv", "calendar;day;kind\nTARGET;2024-03-29;CLOSED\n", "calendar_day"),
        ("fx", "FX_20240301.csv", "date;from;to;rate;retracted\n2024-03-01;USD;CNY;7.19;R\n", "fx_rate"),
        ("stores", "STORES_20240301.csv", "merchant_no;store_id;name;retracted\n8001;S1;Harbor;\n", "store"),
    ],
)
def test_reference_files_are_read(name: str, file: str, content: str, table: str) -> None:
    parsed = read(layout(name), file, content)
    assert (parsed.fault, parsed.tables[table].height) == (None, 1), parsed.detail
    assert parsed.tables[table]["retracted"][0] == ("R" if content.rstrip().endswith("R") else None)
    assert parsed.bytes is not None
    assert parsed.bytes.accepted + parsed.bytes.control == len(content.encode())


@pytest.mark.parametrize(
    ("name", "file", "content"),
    [
        ("mcc", "MCC_20240301.csv", "mcc;name;category\n541;Grocery;\n"),
        ("calendar", "CALENDAR_20240301.csv", "calendar;day;kind\nTARGET;2024-02-30;CLOSED\n"),
        ("calendar", "CALENDAR_20240301.csv", "calendar;day;kind\nTARGET;2024-02-28;HALF\n"),
        ("stores", "STORES_20240301.csv", "merchant_no;store_id;name;retracted\n8001;S1;Harbor;yes\n"),
    ],
)
def test_a_bad_row_of_a_reference_file_is_a_reject(name: str, file: str, content: str) -> None:
    assert read(layout(name), file, content).tables["reject"].height == 1


def _stores_known(home: Home, night: date) -> set[str]:
    """What the command line says."""
    told = CliRunner().invoke(app, ["known", "store", "--home", str(home.root), "--business-date", str(night)])
    assert told.exit_code == 0, told.output
    return {line["store_id"] for line in csv.DictReader(io.StringIO(told.output))}


def test_an_earlier_night_sees_what_it_saw(tmp_path: Path) -> None:
    """Through a home: a correction, a late older file and a retraction, and the first night done again."""
    create_home(tmp_path / "home", None)
    home = store.open_home(tmp_path / "home")
    keep_one_contract(home)
    head = "merchant_no;store_id;name;retracted\n"
    nights = {
        0: {"STORES_20240301.csv": f"{head}8001;OLD;Harbor;\n8002;TWO;Harbor;\n"},
        1: {"STORES_20240302.csv": f"{head}8001;NEW;Harbor;\n"},
        2: {
            "STORES_20240229.csv": f"{head}8001;LATE;Harbor;\n8003;THREE;Harbor;\n",
            "STORES_20240303.csv": f"{head}8002;TWO;Harbor;R\n",
        },
    }
    saw = []
    for night, files in nights.items():
        folder = home.inbox / str(_day(night))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        # The first night is done again below; of the others only what was read counts.
        runner.run_night(home, _day(night), until="check" if night else "pay")
        settle_in_name(home, _day(night))
        saw.append(_stores_known(home, _day(night)))
    assert saw == [{"OLD", "TWO"}, {"NEW", "TWO"}, {"NEW", "THREE"}]
    assert [_stores_known(home, _day(night)) for night in nights] == saw
    with pytest.raises(TerminalError, match="There is no reference data 'clearing': name one of account_event"):
        known_after(home, "clearing", _day(0))
    result = reperform.verify_night(home, _day(0))
    assert (result.differing, result.performed) == ((), result.standing)
