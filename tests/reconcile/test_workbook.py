"""Workbooks that nobody should open: a sheet of one cell in its far corner, a bomb, and entities."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from reconcile_runs import HEAD, row, run_files, write_csv

from settlement.errors import TerminalError

CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
SHEET = (
    '{head}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="1"><c r="A1"><v>1</v></c></row><row r="{row}"><c r="{column}{row}"><v>{value}</v></c></row>'
    "</sheetData></worksheet>"
)
PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'


def _workbook(path: Path, sheet: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return path


@pytest.mark.parametrize(
    ("sheet", "why"),
    [
        (SHEET.format(head="", row=1_048_576, column="XFD", value=1), "spans 1048576 rows and 16384 columns"),
        (SHEET.format(head="", row=2, column="A", value="1" * 30_000_000), "more than 100 times its size"),
        (
            SHEET.format(head='<!DOCTYPE a [<!ENTITY b "c">]>', row=2, column="A", value="&b;"),
            "declares a document type or entities",
        ),
        ("<worksheet><sheetData>", "cannot be read"),
    ],
    ids=["far corner", "bomb", "entity", "torn"],
)
def test_a_hostile_workbook_is_refused_in_one_sentence(tmp_path: Path, sheet: str, why: str) -> None:
    left = _workbook(tmp_path / "left.xlsx", sheet)
    right = write_csv(tmp_path / "right.csv", [row("T1", 5)])
    (tmp_path / "rules.toml").write_text(HEAD + PASS, encoding="utf-8")
    with pytest.raises(TerminalError, match=rf"^left\.xlsx is not read: .*{why}.*; save the rows"):
        run_files(left, right, tmp_path / "rules.toml", tmp_path / "out")
    assert not (tmp_path / "out").exists()
