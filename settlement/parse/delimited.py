"""Delimited files by declared layout: fields between separators, told by position or by a line of field names.

A file is decoded, cut at line ends and at separators, and handed on. A record is the physical line it starts on,
header lines included. A quoted field may hold separators and line ends; line numbers stay right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import polars as pl

from settlement.kernels.choice import cores
from settlement.kernels.parse import byte_places
from settlement.model.clearing import Why
from settlement.model.layout import Layout
from settlement.parse.declared_cut import STRAYS, UTF8, Cut, Fault, Lines, decoded
from settlement.parse.declared_rows import assemble, unreadable
from settlement.parse.declared_spec import ANY_LINE, read_spec
from settlement.parse.delimited_lines import Records, cut_fields, find_records, split_fields
from settlement.parse.delimited_spec import CELLS, DelimitedKind, DelimitedSpec
from settlement.parse.line_bytes import LineBytes, line_bytes
from settlement.parse.source import Parsed, Source
from settlement.parse.source_fields import source_name
from settlement.parse.workbook_cells import column_number

_NO_END: Final = Fault(why=Why.TRUNCATED, detail="its last line has no end")


def check_layout(layout: Layout) -> None:
    """Raise TerminalError unless the layout's ``spec`` is a good one."""
    read_spec(layout, DelimitedSpec)


def read(source: Source) -> Parsed:
    """Read one delimited file; a file that cannot be used whole comes back with its fault."""
    spec = read_spec(source.layout, DelimitedSpec)
    cut = cut_file(source.content, spec)
    return unreadable(source, cut) if isinstance(cut, Fault) else assemble(source, spec, cut)


def cut_file(content: memoryview, spec: DelimitedSpec) -> Cut | Fault:
    """The file cut into lines and fields; a fault where that cannot be done."""
    text = decoded(content, spec.encoding)
    if isinstance(text, Fault):
        return text
    if len(text) and byte_places(np.frombuffer(text, np.uint8), ord("\r"), cores()).size:
        text = memoryview(bytes(text).replace(b"\r\n", b"\n"))
    ended = bytes(text[-1:]) in {b"\n", b""}
    records = find_records(text if ended else text[: bytes(text).rfind(b"\n") + 1], spec, spec.head_lines)
    if isinstance(records, Fault):
        return records if ended else _NO_END
    sizes = _sizes(content, spec, records) if ended else None
    if isinstance(sizes, Fault):
        return sizes
    cut = _cut_named(records, spec, sizes, ended) if spec.names_line else _cut_tagged(records, spec, sizes, ended)
    return _NO_END if isinstance(cut, Fault) and not ended else cut


def _sizes(content: memoryview, spec: DelimitedSpec, records: Records) -> LineBytes | Fault:
    """The bytes of each record as they are in the file."""
    if spec.encoding.lower() in UTF8 and len(records.text) == len(content):
        found: LineBytes | None = LineBytes(sizes=records.ends - records.starts + 1)
    else:
        found = line_bytes(content, spec.encoding, records.count)
    if found is None:
        return Fault(why=Why.UNREADABLE, detail=f"its lines cannot be told apart in {spec.encoding}")
    return found if records.owners is None else found.owned(records.owners)


def _cut_named(records: Records, spec: DelimitedSpec, sizes: LineBytes | None, ended: bool) -> Cut | Fault:
    """Lines whose fields a line above them names."""
    if records.count <= spec.head_lines:
        return Fault(why=Why.EMPTY, detail="it has no lines")
    found = split_fields(records.text_of(spec.head_lines), spec)
    if found is None:
        return Fault(why=Why.UNREADABLE, detail=f"the quotes of line {spec.head} cannot be read")
    told = _told(records, spec)
    more = [name for name in (*spec.references(), *((spec.kind_field,) if spec.kind_field else ())) if name not in told]
    names = spec.named(found, f"line {spec.head}", [*spec.used(), *more])
    if isinstance(names, str):
        return Fault(why=Why.UNREADABLE, detail=names)
    wanted = [place for place, name in enumerate(names) if name in {*spec.used(), *more}]
    below = records.last_line(spec.head_lines) + 1
    data = cut_fields(records, spec, len(names), wanted or [0], below)
    whole = _fits(len(names), spec)
    tag = pl.lit(ANY_LINE) if spec.kind_field is None else pl.col(f"f{names.index(spec.kind_field)}")
    known_tags = [tag for kind in spec.lines for tag in kind.tags]
    if ANY_LINE in known_tags:
        tag = pl.when(tag.is_in(known_tags)).then(tag).otherwise(pl.lit(ANY_LINE))
    data = data.with_columns(tag.alias("tag"), whole.alias("whole"))
    known = pl.col("whole") & pl.col("tag").is_in(known_tags)
    good = data if data.select(known.all()).item() else data.filter(known)
    strays = (data.clear() if good is data else data.filter(~known)).with_columns(pl.col("tag").alias("told"))
    columns = [pl.col(f"f{place}").alias(source_name(names[place])) for place in wanted]
    columns += [pl.lit("").alias(source_name(name)) for name in spec.optional if name not in names]
    lines = tuple(
        Lines(kind=kind, tag=tag, frame=_of_tag(good, tag, spec).select("record", *columns))
        for kind in spec.lines
        for tag in kind.tags
    )
    return Cut(
        records=records.count,
        ended=ended,
        numbers=data["record"],
        tags=data["tag"],
        lines=lines,
        strays=_strays(records, strays, spec.kind_field),
        unknown=strays.filter(pl.col("whole")).select("record", *columns),
        heads=[*range(1, spec.head + 1)],
        comments=_comments(records, below),
        told=told,
        bytes=sizes,
        blank=_blank(records, below),
    )


def _cut_tagged(records: Records, spec: DelimitedSpec, sizes: LineBytes | None, ended: bool) -> Cut | Fault:
    """Lines whose first field is their tag and whose other fields the layout, or the line of a tag, names."""
    names: dict[str, list[str]] = {}
    for kind in spec.lines:
        named = kind.fields if kind.names is None else _named_by(records, spec, kind)
        if isinstance(named, str):
            return Fault(why=Why.UNREADABLE, detail=named)
        names |= dict.fromkeys(kind.tags, named or [])
    width = 1 + max(len(fields) for fields in names.values())
    data = cut_fields(records, spec, width, range(width), spec.head_lines)
    if spec.tagged:
        data = data.rename({"f0": "tag"}).with_columns(_full_tag(spec, names).alias("tag"))
    else:
        # Without a tag the first field is the first field.
        data = data.rename({f"f{place}": f"f{place + 1}" for place in range(width)})
        data = data.with_columns(pl.lit(ANY_LINE).alias("tag"), pl.col("count") + 1)
    lines, fits = [], pl.lit(value=False)
    for kind in spec.lines:
        for tag in kind.tags:
            fit = (pl.col("tag") == tag) & _fits(len(names[tag]) + 1, spec)
            lines.append(
                Lines(kind=kind, tag=tag, frame=data.filter(fit).select("record", *_columns(spec, names[tag])))
            )
            fits |= fit
    several = spec.kind_field is not None
    parted = pl.col("tag").str.splitn("/", 2).struct.field("field_1")
    strays = data.filter(~fits).with_columns(parted.is_not_null().alias("whole"), parted.alias("told"))
    shared = next(iter(names[tag] for kind in spec.lines if kind.names for tag in kind.tags), [])
    unknown = strays.filter(pl.col("whole")).select("record", *_columns(spec, shared)) if several else None
    return Cut(
        records=records.count,
        ended=ended,
        numbers=data["record"],
        tags=data["tag"],
        lines=tuple(lines),
        strays=_strays(records, strays, spec.kind_field),
        unknown=unknown,
        heads=[*range(1, min(spec.head_lines, records.count) + 1)],
        comments=_comments(records, spec.head_lines),
        told=_told(records, spec),
        bytes=sizes,
        blank=_blank(records, spec.head_lines),
    )


def _columns(spec: DelimitedSpec, names: list[str]) -> list[pl.Expr]:
    """The fields of tagged lines under their names; those that may be missing are empty."""
    columns = [pl.col(f"f{place}").alias(source_name(name)) for place, name in enumerate(names, start=1) if name]
    return columns + [pl.lit("").alias(source_name(name)) for name in spec.optional if name not in names]


def _full_tag(spec: DelimitedSpec, names: Mapping[str, list[str]]) -> pl.Expr:
    """The tag: the first field, and in lines that another line names, ``/`` and their ``kind_field`` after it."""
    tag = pl.col("tag")
    for kind in spec.lines if spec.kind_field else ():
        for first in {told.partition("/")[0] for told in kind.tags} if kind.names else ():
            fields = names[kind.tags[0]]
            of_kind = (pl.col("tag") == first) & _fits(len(fields) + 1, spec)
            place = 1 + fields.index(str(spec.kind_field))
            tag = pl.when(of_kind).then(pl.concat_str([pl.lit(f"{first}/"), pl.col(f"f{place}")])).otherwise(tag)
    return tag


def _named_by(records: Records, spec: DelimitedSpec, kind: DelimitedKind) -> list[str] | str:
    """The fields of a kind of lines as the line with its tag ``names`` tells them, or why they cannot be told."""
    told: list[str] | None = None
    for line in _lines_with_tag(records, spec, str(kind.names)):
        fields = split_fields(records.text_of(line), spec) or []
        if told is not None and fields[1:] != told:
            return f"line {line + 1} (`{kind.names}`) names other fields than the one before it"
        told = fields[1:]
    if told is None:
        return f"it has no line `{kind.names}` that names its fields"
    used = [*spec.used_by(kind), *((spec.kind_field,) if spec.kind_field else ())]
    return spec.named(told, f"the line `{kind.names}`", used)


def _lines_with_tag(records: Records, spec: DelimitedSpec, tag: str) -> Iterable[int]:
    """The lines, from 0, whose first field is the tag."""
    quote = b"(?:%b)?" % re.escape((spec.quote or "").encode())
    end = b"(?:%b|$)" % re.escape(spec.separator.encode())
    first = b"(?m)^" + quote + re.escape(tag.encode()) + quote + end
    for found in re.finditer(first, records.text):
        line = int(np.searchsorted(records.starts, found.start()))
        fields = split_fields(records.text_of(line), spec)
        if fields and fields[0] == tag:
            yield line


def _fits(width: int, spec: DelimitedSpec) -> pl.Expr:
    """Whether a line has its fields; with ``short_lines`` empty ones at its end may be missing."""
    return pl.col("count").is_between(1, width) if spec.short_lines else pl.col("count") == width


def _of_tag(frame: pl.DataFrame, tag: str, spec: DelimitedSpec) -> pl.DataFrame:
    return frame if spec.kind_field is None else frame.filter(pl.col("tag") == tag)


def _told(records: Records, spec: DelimitedSpec) -> Mapping[str, str]:
    """What single cells of the head say."""
    told = {}
    for name, cell in spec.cells.items():
        letters = cell.rstrip("0123456789")
        line, column = int(cell[len(letters) :]), column_number(letters)
        fields = split_fields(records.text_of(line - 1), spec) if line <= records.count else None
        told[f"{CELLS}.{name}"] = fields[column - 1].strip() if fields and len(fields) >= column else ""
    return told


def _comments(records: Records, below: int) -> list[int]:
    found = np.flatnonzero(records.comment)
    return [int(line) + 1 for line in found[found >= below]]


def _blank(records: Records, below: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    found = np.flatnonzero(records.blank & ~records.comment)
    return found[found >= below]


def _strays(records: Records, strays: pl.DataFrame, kind_field: str | None = None) -> pl.DataFrame:
    """Lines that fit no kind; where a line names the fields and the number of fields is right, it is the tag."""
    texts = pl.Series("line", [records.text_of(record - 1) for record in strays["record"]], dtype=pl.String)
    wrong_tag = pl.col("whole") if kind_field is not None else pl.lit(value=False)
    return strays.select(
        pl.col("record"),
        pl.col("tag"),
        pl.when(wrong_tag).then(pl.lit(kind_field)).otherwise(pl.lit("line")).alias("field"),
        pl.when(wrong_tag).then(pl.col("told")).otherwise(texts).alias("text"),
    ).cast(STRAYS)
