"""Small layouts in each declared format for the same records: number, amount, what. Tests write files for them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
from made_workbook import Cell, workbook

Row = tuple[int, str, str]
"""Value, currency, item."""

_COLUMNS = """
[spec.lines.columns]
contract = { value = "C" }
item = { from = "item", required = true }
value = { from = "value", type = "integer", signed = true }
unit = { from = "unit" }
"""


_NAMED = 'separator = ","\nquote = "\\""\nnames_line = true\n'


def head(form: str, name: str) -> str:
    """The head of a layout for files ``name``."""
    return (
        f'layout = "made"\nversion = "1"\nsource = "test"\nfeed = "made"\nsender = "MADE"\nnames = ["{name}"]\n'
        f'format = "{form}"\n\n'
    )


def delimited(spec: str = _NAMED) -> str:
    """A layout of delimited files whose line 1 names the fields."""
    return (
        f'{head("delimited", "MADE_{date}.csv")}[spec]\n{spec}\n[[spec.lines]]\ntable = "opening_position"\n{_COLUMNS}'
    )


JSON_LINES = (
    f'{head("json_lines", "MADE_{date}.jsonl")}[spec.fields]\nvalue = "amount.value"\nunit = "amount.unit"\n'
    f'item = "items[0].name"\n\n[[spec.lines]]\ntable = "opening_position"\n{_COLUMNS}'
)
PARQUET = f'{head("parquet", "MADE_{date}.parquet")}[spec]\n[[spec.lines]]\ntable = "opening_position"\n{_COLUMNS}'
WORKBOOK = (
    f'{head("workbook", "MADE_{date}.xlsx")}[spec]\nsheet = "Sales"\nheadings_row = 1\n\n[spec.headings]\n'
    f'value = "value"\nunit = "unit"\nitem = "item"\n\n[[spec.lines]]\ntable = "opening_position"\n{_COLUMNS}'
)


def as_json_lines(rows: Sequence[Row]) -> bytes:
    lines = [{"amount": {"value": v, "unit": u}, "items": [{"name": i}]} for v, u, i in rows]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def as_parquet(columns: dict[str, pa.Array], **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def rows_as_parquet(rows: Sequence[Row], **options: object) -> bytes:
    values, units, items = ([row[place] for row in rows] for place in range(3))
    return as_parquet(
        {
            "value": pa.array(values, pa.int64()),
            "unit": pa.array(units, pa.string()),
            "item": pa.array(items, pa.string()),
        },
        **options,
    )


def as_workbook(rows: Sequence[Row]) -> bytes:
    cells: list[list[Cell]] = [["value", "unit", "item"]]
    cells += [[Decimal(value), unit, item] for value, unit, item in rows]
    return workbook(cells)
