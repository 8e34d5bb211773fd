"""Delimited files by declared layout: fields between separators, told by position or by a line of field names.

A file is decoded, cut at line ends and at separators, and handed on. A record is the physical line it starts on,
header lines included. A quoted field may hold separators and line ends; line numbers stay right.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, model_validator

from settlement.model.clearing import Why
from settlement.model.layout import Layout
from settlement.parse.declared_cut import STRAYS, Cut, Fault, Lines, decoded
from settlement.parse.declared_rows import assemble, unreadable
from settlement.parse.declared_spec import ANY_LINE, DeclaredSpec, DelimitedKind, LineKind, read_spec
from settlement.parse.source import Parsed, Source
from settlement.parse.source_fields import source_name

_LINE_END: Final = ord("\n")
_UNQUOTABLE: Final = -1
"""Number of fields of a line whose quotes cannot be read."""


class DelimitedSpec(DeclaredSpec):
    """The ``spec`` of a delimited layout."""

    separator: str = Field(min_length=1, max_length=1)
    quote: str | None = None
    names_line: bool = False
    kind_field: str | None = None
    lines: list[DelimitedKind]

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """The kinds of lines in the order of the layout."""
        return tuple(self.lines)

    @property
    def names_in_file(self) -> bool:
        """Whether line 1 names the fields."""
        return self.names_line

    @model_validator(mode="after")
    def _told_one_way(self) -> DelimitedSpec:
        for mark in (self.separator, self.quote or "'"):
            if not mark.isascii() or len(mark) != 1 or mark in "\r\n":
                raise ValueError("`separator` and `quote` are one ASCII character each")
        for kind in self.lines:
            if self.names_line and kind.fields is not None:
                raise ValueError(f"lines {'/'.join(kind.tags)}: line 1 names the fields, so give no `fields`")
            if not self.names_line and kind.fields is None:
                raise ValueError(f"lines {'/'.join(kind.tags)}: give `fields`, or `names_line` if line 1 names them")
        if not self.names_line and self.kind_field is not None:
            raise ValueError("`kind_field` needs `names_line`: without it the first field is the tag")
        if self.names_line and self.kind_field is None and [kind.tags for kind in self.lines] != [(ANY_LINE,)]:
            raise ValueError("several kinds of lines need `kind_field`")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Lines split into fields: ``record``, ``count`` of fields, and ``f0``, ``f1``, ... as far as asked for."""

    frame: pl.DataFrame
    content: bytes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def line(self, record: int) -> str:
        """The text of one physical line."""
        return self.content[self.starts[record - 1] : self.ends[record - 1]].decode()


def check_layout(layout: Layout) -> None:
    """Raise TerminalError unless the layout's ``spec`` is a good one."""
    read_spec(layout, DelimitedSpec)


def read(source: Source) -> Parsed:
    """Read one delimited file; a file that cannot be used whole comes back with its fault."""
    spec = read_spec(source.layout, DelimitedSpec)
    content = decoded(source.content, spec.encoding)
    if isinstance(content, Fault):
        return unreadable(source, content)
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    whole = content[: content.rfind(b"\n") + 1]
    ended = len(whole) == len(content)
    names = _names(whole, spec)
    if isinstance(names, Fault):
        return unreadable(source, names if ended else Fault(why=Why.TRUNCATED, detail="its last line has no end"))
    width = len(names) if spec.names_line else 1 + max(len(kind.fields or ()) for kind in spec.lines)
    rows = _split(whole, spec, width)
    if isinstance(rows, Fault):
        return unreadable(source, rows if ended else Fault(why=Why.TRUNCATED, detail="its last line has no end"))
    cut = _cut_named(rows, spec, names, ended) if spec.names_line else _cut_tagged(rows, spec, ended)
    return assemble(source, spec, cut)


def _names(content: bytes, spec: DelimitedSpec) -> list[str] | Fault:
    """The field names of line 1; a fault where one is twice there or one that the layout uses is not there."""
    if not spec.names_line:
        return []
    if not content:
        return Fault(why=Why.EMPTY, detail="it has no lines")
    names = _quoted_fields(content[: content.index(b"\n")].decode(), spec)
    if names is None:
        return Fault(why=Why.UNREADABLE, detail="the quotes of line 1 cannot be read")
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        return Fault(why=Why.UNREADABLE, detail=f"line 1 names the field `{twice[0]}` more than once")
    used = [name for kind in spec.lines for rule in kind.columns.values() for name in rule.fields()]
    used += [*spec.total_fields(), *spec.references(), *((spec.kind_field,) if spec.kind_field else ())]
    missing = sorted(set(used) - set(names))
    if missing:
        return Fault(why=Why.UNREADABLE, detail=f"line 1 does not name the field `{missing[0]}`")
    return names


def _split(content: bytes, spec: DelimitedSpec, width: int) -> _Rows | Fault:
    """Split every line at its separators into at most ``width`` fields, and count how many it has."""
    buffer = np.frombuffer(content, np.uint8) if content else np.zeros(0, np.uint8)
    ends = np.flatnonzero(buffer == _LINE_END)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if ends.size else ends
    # A first line of the full width makes the CSV reader give every line that many columns.
    head = spec.separator.encode() * width + b"\n"
    frame = pl.read_csv(
        head + content,
        separator=spec.separator,
        has_header=False,
        quote_char=None,
        infer_schema=False,
        truncate_ragged_lines=True,
        empty_string_is_null=False,
    ).slice(1)
    if frame.height != ends.size:
        return Fault(why=Why.UNREADABLE, detail="its lines cannot be told apart")
    frame.columns = [f"f{number}" for number in range(frame.width)]
    separators = _per_line(buffer, spec.separator, ends)
    frame = frame.drop(frame.columns[width:]).insert_column(0, pl.Series("count", separators + 1, dtype=pl.Int64))
    frame.insert_column(0, pl.Series("record", np.arange(1, ends.size + 1), dtype=pl.Int64))
    rows = _Rows(frame=frame, content=content, starts=starts, ends=ends)
    if spec.quote is None or spec.quote.encode() not in content:
        return rows
    return _requoted(rows, spec, width, _per_line(buffer, spec.quote, ends))


def _per_line(buffer: npt.NDArray[np.uint8], mark: str, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How often a mark stands in each line."""
    return np.diff(np.searchsorted(np.flatnonzero(buffer == ord(mark)), ends), prepend=0)


def _requoted(rows: _Rows, spec: DelimitedSpec, width: int, quotes: npt.NDArray[np.int64]) -> _Rows | Fault:
    """Split the lines that hold a quote again, by the rules of quoting; join lines that one quoted field spans."""
    odd = np.cumsum(quotes) % 2 == 1
    begins = np.concatenate([np.ones(1, np.bool_), ~odd[:-1]])
    first = np.flatnonzero(begins)
    last = np.concatenate([first[1:] - 1, [quotes.size - 1]])
    if odd[-1]:
        return Fault(why=Why.UNREADABLE, detail=f"a quote that opens on line {first[-1] + 1} is never closed")
    touched = [(int(a), int(b)) for a, b in zip(first, last, strict=True) if quotes[a] or b > a]
    records: list[int] = []
    counts: list[int] = []
    columns: list[list[str]] = [[] for _ in range(width)]
    for a, b in touched:
        fields = _quoted_fields(rows.content[rows.starts[a] : rows.ends[b]].decode(), spec)
        if b > a and (fields is None or (spec.names_line and len(fields) != width)):
            return Fault(why=Why.UNREADABLE, detail=f"a quote on line {a + 1} is not closed where its field ends")
        records.append(a + 1)
        counts.append(_UNQUOTABLE if fields is None else len(fields))
        padded = [*(fields or ())[:width], *[""] * width]
        for column, text in zip(columns, padded, strict=False):
            column.append(text)
    again = pl.DataFrame(
        [
            pl.Series("record", records, dtype=pl.Int64),
            pl.Series("count", counts, dtype=pl.Int64),
            *(pl.Series(f"f{number}", texts, dtype=pl.String) for number, texts in enumerate(columns)),
        ]
    )
    plain = rows.frame.filter(pl.Series(begins & (quotes == 0)) & ~pl.col("record").is_in(records))
    frame = pl.concat([plain, again]).sort("record")
    return _Rows(frame=frame, content=rows.content, starts=rows.starts, ends=rows.ends)


def _quoted_fields(text: str, spec: DelimitedSpec) -> list[str] | None:
    if spec.quote is None:
        return text.split(spec.separator)
    try:
        rows = list(csv.reader([text], delimiter=spec.separator, quotechar=spec.quote, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else ([""] if not rows else None)


def _cut_named(rows: _Rows, spec: DelimitedSpec, names: list[str], ended: bool) -> Cut:
    """Lines whose fields line 1 names."""
    data = rows.frame.slice(1)
    whole = pl.col("count") == len(names)
    tag: pl.Expr = pl.lit(ANY_LINE)
    if spec.kind_field is not None:
        tag = pl.col(f"f{names.index(spec.kind_field)}")
    data = data.with_columns(tag.alias("tag"))
    known = [t for kind in spec.lines for t in kind.tags]
    good = data.filter(whole & pl.col("tag").is_in(known))
    columns = [pl.col(f"f{n}").alias(source_name(name)) for n, name in enumerate(names) if name]
    lines = tuple(
        Lines(kind=kind, tag=t, frame=good.filter(pl.col("tag") == t).select("record", *columns))
        for kind in spec.lines
        for t in kind.tags
    )
    return Cut(
        records=rows.ends.size,
        ended=ended,
        numbers=data["record"],
        tags=data["tag"],
        lines=lines,
        strays=_strays(rows, data.filter(~(whole & pl.col("tag").is_in(known))), spec.kind_field),
        unknown=data.filter(whole & ~pl.col("tag").is_in(known)).select("record", *columns),
        heads=1,
    )


def _cut_tagged(rows: _Rows, spec: DelimitedSpec, ended: bool) -> Cut:
    """Lines whose first field is their tag and whose other fields the layout names."""
    data = rows.frame.rename({"f0": "tag"})
    lines = []
    strays = data
    for kind in spec.lines:
        fields = kind.fields or []
        columns = [pl.col(f"f{n}").alias(source_name(name)) for n, name in enumerate(fields, start=1)]
        for tag in kind.tags:
            fits = (pl.col("tag") == tag) & (pl.col("count") == len(fields) + 1)
            lines.append(Lines(kind=kind, tag=tag, frame=data.filter(fits).select("record", *columns)))
            strays = strays.filter(~fits)
    return Cut(
        records=rows.ends.size,
        ended=ended,
        numbers=data["record"],
        tags=data["tag"],
        lines=tuple(lines),
        strays=_strays(rows, strays),
    )


def _strays(rows: _Rows, strays: pl.DataFrame, kind_field: str | None = None) -> pl.DataFrame:
    """Lines that fit no kind; where line 1 names the fields and the number of fields is right, it is the tag."""
    wrong_tag = pl.lit(kind_field is not None) & (pl.col("count") == rows.frame.width - 2)
    texts = pl.Series("line", [rows.line(record) for record in strays["record"]], dtype=pl.String)
    return strays.select(
        pl.col("record"),
        pl.col("tag"),
        pl.when(wrong_tag).then(pl.lit(kind_field)).otherwise(pl.lit("line")).alias("field"),
        pl.when(wrong_tag).then(pl.col("tag")).otherwise(texts).alias("text"),
    ).cast(STRAYS)
