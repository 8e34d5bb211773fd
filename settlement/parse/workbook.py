"""Workbooks by declared layout: titles, a row of headings, rows of data, and a row of totals.

A field is the column under its heading, wherever that stands. A record is a row that holds something, located by its
row number; the rows down to the headings are its head. See ``workbook_cells`` for what a cell's text is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
from pydantic import Field, model_validator

from settlement.model.clearing import Why
from settlement.model.layout import Layout
from settlement.parse.candidates import shown
from settlement.parse.declared_cut import STRAYS, Cut, Fault, Lines
from settlement.parse.declared_rows import assemble
from settlement.parse.declared_spec import ANY_LINE, LineKind, read_spec
from settlement.parse.delimited_spec import CELLS, Cell, HeadingsSpec
from settlement.parse.line_bytes import Container
from settlement.parse.source import Parsed, Source
from settlement.parse.source_fields import source_name
from settlement.parse.workbook_cells import column_number, packed_cells, sheet_rows

_Rows = Sequence[tuple[int, Mapping[int, str]]]


class WorkbookSpec(HeadingsSpec):
    """The ``spec`` of a workbook layout."""

    sheet: str
    headings_row: int = Field(gt=0)
    headings: dict[str, str | list[str]] = Field(min_length=1)
    cells: dict[str, Cell] = Field(default_factory=dict)
    kind_fields: tuple[str, ...] = ()
    lines: list[LineKind]

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """The kinds of rows in the order of the layout."""
        return tuple(self.lines)

    def fields_of(self, kind: LineKind) -> tuple[str, ...] | None:
        """Rows of every kind have the fields that the headings name."""
        del kind
        return tuple(self.headings)

    def facts(self) -> frozenset[str]:
        """Fields of rows that stand once, and the cells that the layout names."""
        return super().facts() | {f"{CELLS}.{name}" for name in self.cells}

    @model_validator(mode="after")
    def _told_apart(self) -> WorkbookSpec:
        for name in self.kind_fields:
            if name not in self.headings:
                raise ValueError(f"`kind_fields`: there is no field `{name}` among the headings")
        if not self.kind_fields and [kind.tags for kind in self.lines] != [(ANY_LINE,)]:
            raise ValueError("several kinds of rows need `kind_fields`")
        below = [name for name, cell in self.cells.items() if _place(cell)[0] > self.headings_row]
        if below:
            raise ValueError(f"`cells`: `{below[0]}` does not lie above the data")
        return self


def check_layout(layout: Layout) -> None:
    """Raise TerminalError unless the layout's ``spec`` is a good one."""
    read_spec(layout, WorkbookSpec)


def read(source: Source) -> Parsed:
    """Read one workbook; a file that cannot be used whole comes back with its fault."""
    spec = read_spec(source.layout, WorkbookSpec)
    return assemble(source, spec, lambda: iter([_cut_sheet(source.content, spec)]))


def _cut_sheet(content: memoryview, spec: WorkbookSpec) -> Cut | Fault:
    rows = sheet_rows(content, spec.sheet)
    if isinstance(rows, Fault):
        return rows
    columns = _columns(rows, spec)
    if isinstance(columns, Fault):
        return columns
    packed = Container(size=len(content), data=packed_cells(content, spec.sheet))
    return replace(_cut(rows, columns, spec), bytes=packed)


def _columns(rows: _Rows, spec: WorkbookSpec) -> dict[str, int] | Fault:
    """The column of each field."""
    headings = dict(rows).get(spec.headings_row, {})
    names = spec.named([*headings.values()], f"row {spec.headings_row}", set(spec.headings))
    if isinstance(names, str):
        return Fault(why=Why.UNREADABLE, detail=names)
    return {name: column for name, column in zip(names, headings, strict=True) if name in spec.headings}


def _cut(rows: _Rows, columns: Mapping[str, int], spec: WorkbookSpec) -> Cut:
    data = [(number, cells) for number, cells in rows if number > spec.headings_row]
    numbers = pl.Series("record", [number for number, _ in data], dtype=pl.Int64)
    fields = {
        source_name(name): pl.Series([cells.get(column, "") for _, cells in data], dtype=pl.String)
        for name, column in columns.items()
    }
    missing = {source_name(name): pl.lit("") for name in spec.headings if name not in columns}
    frame = pl.DataFrame({"record": numbers, **fields}).with_columns(**missing)
    tags = _tags(frame, spec)
    known = [tag for kind in spec.lines for tag in kind.tags]
    lines = tuple(
        Lines(kind=kind, tag=tag, frame=frame.filter(tags == tag)) for kind in spec.lines for tag in kind.tags
    )
    unknown = frame.filter(~tags.is_in(known))
    told = source_name(spec.kind_fields[-1]) if spec.kind_fields else "record"
    strays = unknown.select(
        "record",
        pl.col(told).cast(pl.String).alias("tag"),
        pl.lit(spec.kind_fields[-1] if spec.kind_fields else "line").alias("field"),
        pl.col(told).cast(pl.String).map_elements(shown, return_dtype=pl.String).alias("text"),
    ).cast(STRAYS)
    head = dict(rows)
    places = {name: _place(cell) for name, cell in spec.cells.items()}
    return Cut(
        records=spec.headings_row + len(data),
        ended=True,
        numbers=numbers,
        tags=tags,
        lines=lines,
        strays=strays,
        unknown=unknown,
        heads=[*range(1, spec.headings_row + 1)],
        told={f"{CELLS}.{name}": head.get(row, {}).get(column, "") for name, (row, column) in places.items()},
    )


def _tags(frame: pl.DataFrame, spec: WorkbookSpec) -> pl.Series:
    """The tag of each row: of the first kind field that holds one, else that of any line, else what the last holds."""
    if not spec.kind_fields:
        return pl.Series("tag", [ANY_LINE] * frame.height, dtype=pl.String)
    known = [tag for kind in spec.lines for tag in kind.tags]
    fields = [pl.col(source_name(name)) for name in spec.kind_fields]
    told = [pl.when(field.is_in(known)).then(field) for field in fields]
    other = pl.lit(ANY_LINE) if ANY_LINE in known else fields[-1]
    return frame.select(pl.coalesce(*told, other).alias("tag"))["tag"]


def _place(cell: str) -> tuple[int, int]:
    """Row and column of a cell such as B2, both from 1."""
    letters, digits = re.fullmatch("([A-Z]+)([0-9]+)", cell).groups()  # type: ignore[union-attr]  # the spec checks it
    return int(digits), column_number(letters)
