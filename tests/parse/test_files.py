"""The stage ``parse``: its units, the faults that all formats share, and one place for each record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from acceptance import nights_dir
from made_clearing import ipm_bytes, ipm_file, presentment
from pipeline import CARD_KEY, documents
from read_file import read_file

from settlement import store
from settlement.errors import TerminalError
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.parse import files
from settlement.parse.source import ControlTotal, Parsed, Source

NAME = "MC_T112_20101229_01.ipm"


def _inputs(unit: str, *rows: dict[str, object], **changes: object) -> StageInput:
    schema = TABLES["delivery"].schema
    base = {"name": "x", "sha256": "0", "size_bytes": 1, "layout": "mastercard_ipm", "fate": "registered"}
    delivery = pl.DataFrame([{name: (base | row).get(name) for name in schema} for row in rows], schema=schema)
    given: dict[str, object] = {
        "business_date": date(2010, 12, 29), "unit": unit, "documents": documents(), "tables": {"delivery": delivery},
        "history": {"card_token": TABLES["card_token"].empty().lazy()},
        "content": lambda _: memoryview(b"x"), "card_keys": (CARD_KEY,),
    }  # fmt: skip
    return StageInput(**(given | changes))  # type: ignore[arg-type]


def test_the_units_are_the_registered_files_sorted() -> None:
    fates = {"b": "registered", "a": "registered", "c": "duplicate", "e": "no_layout", "f": "rejected"}
    rows = [{"file": f"d/{name}", "fate": fate} for name, fate in fates.items()]
    assert files.plan(_inputs("all", *rows)) == ("d/a", "d/b")


def test_a_night_without_files_to_read_has_one_unit_without_rows() -> None:
    inputs = _inputs("none", {"file": "d/a", "fate": "no_layout"})
    assert files.plan(inputs) == ("none",)
    tables = files.run(inputs).tables
    assert set(tables) == {table.name for table in TABLES.values() if table.stage == "parse"}
    assert all(store.checked(TABLES[name], frame).is_empty() for name, frame in tables.items())


def test_every_unit_gives_every_table() -> None:
    read = read_file(NAME, ipm_bytes(ipm_file([presentment(1, 100)])))
    assert set(read.tables) == {table.name for table in TABLES.values() if table.stage == "parse"}


def test_an_empty_file_says_so() -> None:
    read = read_file(NAME, b"")
    assert (read.file["fault"], read.file["records"]) == ("EMPTY", None)
    assert "MASTERCARD" in str(read.file["detail"])


def test_every_layout_has_a_reader() -> None:
    for night in ("2010-12-29",):
        for path in sorted((nights_dir() / night).iterdir()):
            assert read_file(path.name, path.read_bytes(), night).file["fault"] is None, path.name


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[Parsed], None]:
    def give(parsed: Parsed) -> None:
        monkeypatch.setattr(files, "READERS", {"mastercard_ipm": lambda _: parsed})

    return give


def _run(parsed: Parsed, reader: Callable[[Parsed], None]) -> dict[str, object]:
    reader(parsed)
    return files.run(_inputs("d/a", {"file": "d/a"})).tables["parsed_file"].to_dicts()[0]


def test_a_total_that_differs_is_a_fault(reader: Callable[[Parsed], None]) -> None:
    wrong = ControlTotal(control="records", declared=3, computed=2)
    silent = ControlTotal(control="sum", declared=None, computed=2)
    assert _run(Parsed(controls=(silent,)), reader)["fault"] is None
    row = _run(Parsed(controls=(silent, wrong)), reader)
    assert row["fault"] == "CONTROL_TOTAL_MISMATCH"
    assert row["detail"] == (
        "Total records: the file declares 3, its records give 2: ask MASTERCARD for a corrected file."
    )


def test_a_worse_fault_stands(reader: Callable[[Parsed], None]) -> None:
    wrong = ControlTotal(control="records", declared=3, computed=2)
    parsed = Parsed(fault=files.Why.TRUNCATED, detail="cut", controls=(wrong,))
    row = _run(parsed, reader)
    assert (row["fault"], row["detail"]) == ("TRUNCATED", "cut")


def test_a_record_in_two_places_is_a_fault_of_the_program(reader: Callable[[Parsed], None]) -> None:
    rejects = pl.DataFrame({"record": [1, 2]})
    controls = pl.DataFrame({"record": [2, 3]})
    with pytest.raises(RuntimeError, match="two places"):
        _run(Parsed(tables={"reject": rejects, "control_record": controls}), reader)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace('format = "mastercard_ipm"', 'format = "iso_8583"'), "'iso_8583'"),
        (lambda text: text.replace('layout = "mastercard_ipm"', 'layout = "other"'), "gone"),
        (lambda text: text.replace("block_bytes = 1014", "block_bites = 1014"), "spec.block_bytes"),
        (lambda text: text.replace('"1240/200"', '"presentment"'), "spec.edition.0.messages"),
    ],
)
def test_a_layout_that_fits_no_reader_is_named(change: Callable[[str], str], sentence: str) -> None:
    name = "layouts/mastercard_ipm.toml"
    changed = {**documents(), name: change(documents()[name])}
    with pytest.raises(TerminalError, match="mastercard_ipm") as raised:
        files.run(_inputs("d/a", {"file": "d/a"}, documents=changed))
    assert sentence in str(raised.value)


def test_the_source_carries_what_the_name_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Source] = []
    monkeypatch.setattr(files, "READERS", {"mastercard_ipm": lambda source: seen.append(source) or Parsed()})
    files.run(_inputs("d/a", {"file": "d/a", "file_date": date(2010, 12, 28), "sequence": "02"}))
    assert (seen[0].file_date, seen[0].sequence, seen[0].delivered_on) == (date(2010, 12, 28), "02", date(2010, 12, 29))
    assert seen[0].layout.feed == "mastercard_clearing"
    assert str(Path(seen[0].file)) == "d/a"
