"""Parquet by declared layout: typed columns told by their names, whole numbers and decimals exact.

A record is a row, from 1. A column of floating-point numbers is no amount: a layout that reads one as money is told
so, instead of rounding what the file no longer knows. See ``parquet_rows`` for what a value's text is.
"""

from __future__ import annotations

from typing import Final

import polars as pl
from pydantic import model_validator

from settlement.model.clearing import Why
from settlement.model.layout import Layout
from settlement.parse.candidates import shown
from settlement.parse.column_rule import FieldType
from settlement.parse.declared_cut import STRAYS, Cut, Fault, Lines
from settlement.parse.declared_rows import assemble
from settlement.parse.declared_spec import ANY_LINE, LineKind, read_spec
from settlement.parse.delimited_spec import HeadingsSpec
from settlement.parse.line_bytes import Container
from settlement.parse.parquet_rows import Packed, headings_of, packed_columns
from settlement.parse.source import Parsed, Source
from settlement.parse.source_fields import source_name

_MONEY: Final = frozenset({FieldType.MAJOR, FieldType.MINOR, FieldType.MICRO, FieldType.DECIMAL})


class ParquetSpec(HeadingsSpec):
    """The ``spec`` of a Parquet layout."""

    kind_field: str | None = None
    lines: list[LineKind]

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """The kinds of rows in the order of the layout."""
        return tuple(self.lines)

    @property
    def names_in_file(self) -> bool:
        """The file's schema names the columns."""
        return True

    @model_validator(mode="after")
    def _told_apart(self) -> ParquetSpec:
        if self.kind_field is None and [kind.tags for kind in self.lines] != [(ANY_LINE,)]:
            raise ValueError("several kinds of rows need `kind_field`")
        return self

    def amounts(self) -> set[str]:
        """The fields that are read as money."""
        rules = [rule for kind in self.kinds for rule in kind.columns.values() if rule.type in _MONEY]
        found = {name for rule in rules for name in rule.fields() if name not in rule.negate and name != rule.currency}
        return found | {name for total in self.totals() for name in (*total.add, *total.subtract)}


def check_layout(layout: Layout) -> None:
    """Raise TerminalError unless the layout's ``spec`` is a good one."""
    read_spec(layout, ParquetSpec)


def read(source: Source) -> Parsed:
    """Read one Parquet file; a file that cannot be used whole comes back with its fault."""
    spec = read_spec(source.layout, ParquetSpec)
    return assemble(source, spec, lambda: iter([_cut(source.content, spec)]))


def _cut(content: memoryview, spec: ParquetSpec) -> Cut | Fault:
    headings = headings_of(content)
    if isinstance(headings, Fault):
        return headings
    more = [*spec.references(), *((spec.kind_field,) if spec.kind_field else ())]
    names = spec.named(headings, "its schema", [*spec.used(), *more])
    if isinstance(names, str):
        return Fault(why=Why.UNREADABLE, detail=names)
    places = {name: heading for name, heading in zip(names, headings, strict=True) if name in {*spec.used(), *more}}
    packed = packed_columns(content, [*places.values()])
    if isinstance(packed, Fault):
        return packed
    inexact = sorted(name for name, heading in places.items() if heading in packed.floats and name in spec.amounts())
    if inexact:
        detail = f"its column `{shown(inexact[0])}` holds floating-point numbers, which are no exact amounts"
        return Fault(why=Why.UNREADABLE, detail=detail)
    return _told(packed, places, spec, len(content))


def _told(packed: Packed, places: dict[str, str], spec: ParquetSpec, size: int) -> Cut:
    missing = [pl.lit("").alias(source_name(name)) for name in spec.optional if name not in places]
    columns = [pl.col(heading).alias(source_name(name)) for name, heading in places.items()]
    frame = packed.frame.with_row_index("record", offset=1).select(pl.col("record").cast(pl.Int64), *columns, *missing)
    tag = pl.lit(ANY_LINE) if spec.kind_field is None else pl.col(source_name(spec.kind_field))
    tagged = frame.with_columns(tag.alias("tag"))
    known = [tag for kind in spec.lines for tag in kind.tags]
    unknown = tagged.filter(~pl.col("tag").is_in(known))
    lines = tuple(
        Lines(kind=kind, tag=tag, frame=tagged.filter(pl.col("tag") == tag).drop("tag"))
        for kind in spec.lines
        for tag in kind.tags
    )
    return Cut(
        records=frame.height,
        ended=True,
        numbers=tagged["record"],
        tags=tagged["tag"],
        lines=lines,
        strays=unknown.select(
            "record", "tag", pl.lit(spec.kind_field).alias("field"), pl.col("tag").alias("text")
        ).cast(STRAYS),
        unknown=unknown.drop("tag"),
        bytes=Container(size=size, data=packed.data),
    )
