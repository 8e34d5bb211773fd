"""The layouts of docs/LAYOUTS.md read the files of that page to the rows it shows."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from declared_layouts import as_parquet
from layout_files import LAYOUTS, layout_of, read
from made_workbook import Cell, workbook

from settlement.errors import TerminalError
from settlement.parse.layout_schema import SPECS, layout_schema

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "LAYOUTS.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"```toml\n(.*?)```\n\n`([^`]+)`:\n\n```text\n(.*?)```\n\nWhat comes of it:\n\n```csv\n(.*?)```", PAGE, re.DOTALL
)


TYPES = {
    "int64": pa.int64(),
    "timestamp[us]": pa.timestamp("us"),
    "string": pa.string(),
    "decimal128(9, 2)": pa.decimal128(9, 2),
}


def delivered(name: str, content: str) -> bytes:
    """The file as it comes: a text as it stands, a workbook from its cells."""
    if name.endswith(".parquet"):
        return parquet(content)
    if not name.endswith(".xlsx"):
        return content.encode()
    return workbook([[cell(text.strip()) for text in line.split("|")] for line in content.splitlines()])


def parquet(content: str) -> bytes:
    """Columns whose names and types stand in the first line."""
    head, *rows = ([part.strip() for part in line.split("|")] for line in content.splitlines())
    columns = {}
    for place, told in enumerate(head):
        name, kind = told.split(" ", 1)
        columns[name] = pa.array([row[place] for row in rows]).cast(TYPES[kind])
    return as_parquet(columns)


def cell(text: str) -> Cell:
    """A text, a number or a date-time, as a person would have typed it."""
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return Decimal(text)
    return datetime.fromisoformat(text) if re.fullmatch(r"[0-9-]{10} [0-9:]{8}", text) else text or None


@pytest.mark.parametrize(("layout", "name", "content", "expected"), EXAMPLES, ids=[e[1] for e in EXAMPLES])
def test_an_example_gives_what_the_page_says(layout: str, name: str, content: str, expected: str) -> None:
    parsed = read(layout_of(layout), name, delivered(name, content))
    assert parsed.fault is None, parsed.detail
    assert all(total.agrees for total in parsed.controls)
    shown = []
    for line in expected.splitlines():
        table, *pairs = line.split(" ")
        wanted = dict(pair.split("=", 1) for pair in pairs)
        rows = [r for r in parsed.tables[table].iter_rows(named=True) if str(r["record"]) == wanted["record"]]
        assert [{key: str(row[key]) for key in wanted} for row in rows] == [wanted]
        shown.append(int(wanted["record"]))
    assert sorted(shown) == list(range(1, 1 + (parsed.records or 0)))


def test_the_page_has_an_example_of_each_kind() -> None:
    assert [re.search('format = "(.*)"', toml)[1] for toml, *_ in EXAMPLES] == [
        *("delimited", "fixed_width", "workbook", "delimited", "json_lines", "parquet"),
    ]


@pytest.mark.parametrize(("layout", "name", "content", "expected"), EXAMPLES, ids=[e[1] for e in EXAMPLES])
def test_each_total_of_an_example_has_a_name_of_its_own(layout: str, name: str, content: str, expected: str) -> None:
    names = [total.control for total in read(layout_of(layout), name, delivered(name, content)).controls]
    assert len(names) == len(set(names))


def test_two_totals_of_one_name_are_refused() -> None:
    layout, name, content, _ = EXAMPLES[0]
    control = layout[layout.index("[[spec.controls]]") :]
    with pytest.raises(TerminalError, match="two controls are named `lines`"):
        read(layout_of(layout + control), name, content)


def test_the_schema_is_made_from_the_language() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    assert (docs / "layouts.schema.json").read_text(encoding="utf-8") == layout_schema(), (
        "run: python -m settlement.parse.layout_schema > docs/layouts.schema.json"
    )


def test_the_schema_takes_every_layout_and_refuses_an_unknown_word() -> None:
    schema = json.loads(layout_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    found = jsonschema.Draft202012Validator(schema)
    shipped = [path.read_text(encoding="utf-8") for path in sorted(LAYOUTS.glob("*.toml"))]
    for text in [*shipped, *(toml for toml, *_ in EXAMPLES)]:
        content = tomllib.loads(text)
        found.validate(content)
        assert not found.is_valid(content | {"nmes": []})
        if content["format"] in SPECS:
            assert not found.is_valid(content | {"spec": content["spec"] | {"seperator": ";"}})
