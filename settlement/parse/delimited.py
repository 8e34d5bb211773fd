"""Delimited files by declared layout: fields between separators, told by position or by a line of field names.

A file is decoded, cut at line ends and at separators, and handed on. A record is the physical line it starts on,
header lines included. A quoted field may hold separators and line ends; line numbers stay right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from settlement.model.clearing import Why
from settlement.model.layout import Layout
from settlement.parse.declared_cut import STRAYS, Cut, Fault, Lines
from settlement.parse.declared_rows import assemble
from settlement.parse.declared_spec import ANY_LINE, read_spec
from settlement.parse.delimited_lines import Records, cut_fields, split_fields
from settlement.parse.delimited_pieces import NO_END, Piece, pieces
from settlement.parse.delimited_spec import CELLS, DelimitedSpec
from settlement.parse.source import Parsed, Source
from settlement.parse.source_fields import source_name
from settlement.parse.workbook_cells import column_number


def check_layout(layout: Layout) -> None:
    """Raise TerminalError unless the layout's ``spec`` is a good one."""
    read_spec(layout, DelimitedSpec)


def read(source: Source) -> Parsed:
    """Read one delimited file; a file that cannot be used whole comes back with its fault."""
    spec = read_spec(source.layout, DelimitedSpec)
    return assemble(source, spec, partial(cut_file, source.content, spec, source.bounds.part_bytes))


def cut_file(content: memoryview, spec: DelimitedSpec, part_bytes: int) -> Iterator[Cut | Fault]:
    """The file cut into lines and fields, in parts of about so many bytes; a fault where that cannot be done."""
    again = partial(pieces, content, spec, part_bytes)
    named: _Named | Fault | None = None
    ended = True
    for piece in again():
        if isinstance(piece, Fault):
            yield piece
            return
        if named is None:
            named = _by_heading(piece.records, spec) if spec.names_line else _by_tag(piece, again, spec)
        # A fault of the text further on comes before one of the names.
        ended = piece.ended
        if isinstance(named, _Named):
            yield _cut_named(piece, spec, named) if spec.names_line else _cut_tagged(piece, spec, named)
    if isinstance(named, Fault):
        yield named if ended else NO_END


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """The fields of the lines of each tag, in order, and what the head tells.

    Where a line above the data names the fields, it names those of all tags, and ``wanted`` are the places of those
    that the layout needs.
    """

    fields: Mapping[str, list[str]]
    told: Mapping[str, str]
    wanted: Sequence[int] = ()


def _by_heading(records: Records, spec: DelimitedSpec) -> _Named | Fault:
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
    return _Named(fields={ANY_LINE: names}, told=told, wanted=wanted or [0])


def _by_tag(piece: Piece, again: Callable[[], Iterator[Piece | Fault]], spec: DelimitedSpec) -> _Named | Fault:
    """The fields as the layout tells them; those that lines name are looked for in the whole file."""
    kinds = [kind for kind in spec.lines if kind.names is not None]
    found = _named_in_file(again() if piece.more else [piece], spec) if kinds else {}
    fields: dict[str, list[str]] = {}
    for kind in spec.lines:
        told = kind.fields if kind.names is None else found.get(kind.names)
        if told is None:
            told = f"it has no line `{kind.names}` that names its fields"
        elif kind.names is not None and not isinstance(told, str):
            used = [*spec.used_by(kind), *((spec.kind_field,) if spec.kind_field else ())]
            told = spec.named(told, f"the line `{kind.names}`", used)
        if isinstance(told, str):
            return Fault(why=Why.UNREADABLE, detail=told)
        fields |= dict.fromkeys(kind.tags, told)
    return _Named(fields=fields, told=_told(piece.records, spec))


def _named_in_file(all_pieces: Iterable[Piece | Fault], spec: DelimitedSpec) -> dict[str, list[str] | str]:
    """The fields that the lines of each tag name which names fields, or why they cannot be told."""
    found: dict[str, list[str] | str] = {}
    for piece in all_pieces:
        if isinstance(piece, Fault):
            break
        for tag in dict.fromkeys(kind.names for kind in spec.lines if kind.names is not None):
            for line, fields in _lines_with_tag(piece.records, spec, tag):
                told = found.setdefault(tag, fields[1:])
                if not isinstance(told, str) and told != fields[1:]:
                    found[tag] = f"line {piece.before + line + 1} (`{tag}`) names other fields than the one before it"
    return found


def _cut_named(piece: Piece, spec: DelimitedSpec, named: _Named) -> Cut:
    """Lines whose fields a line above them names."""
    names, wanted = named.fields[ANY_LINE], named.wanted
    data = _fields(piece, spec, len(names), wanted)
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
    unknown = strays.filter(pl.col("whole")).select("record", *columns)
    strays = _strays(piece, strays, spec.kind_field)
    return replace(_cut(piece, spec, named, data), lines=lines, strays=strays, unknown=unknown)


def _cut_tagged(piece: Piece, spec: DelimitedSpec, named: _Named) -> Cut:
    """Lines whose first field is their tag and whose other fields the layout, or the line of a tag, names."""
    names = named.fields
    width = 1 + max(len(fields) for fields in names.values())
    data = _fields(piece, spec, width, range(width))
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
    strays = _strays(piece, strays, spec.kind_field)
    return replace(_cut(piece, spec, named, data), lines=tuple(lines), strays=strays, unknown=unknown)


def _below(piece: Piece, spec: DelimitedSpec) -> int:
    """Lines of the head in a piece."""
    if piece.before:
        return 0
    return piece.records.last_line(spec.head_lines) + 1 if spec.names_line else spec.head_lines


def _fields(piece: Piece, spec: DelimitedSpec, width: int, wanted: Sequence[int]) -> pl.DataFrame:
    """The fields of the records of a piece below the head, each with its number in the file."""
    found = cut_fields(piece.records, spec, width, wanted, _below(piece, spec))
    return found.with_columns(pl.col("record") + piece.before) if piece.before else found


def _cut(piece: Piece, spec: DelimitedSpec, named: _Named, data: pl.DataFrame) -> Cut:
    """The piece as cut, without the fields of its lines."""
    records, begins, below = piece.records, not piece.before, _below(piece, spec)
    head = spec.head if spec.names_line else min(spec.head_lines, records.count)
    return Cut(
        records=records.count,
        ended=piece.ended,
        first=piece.first,
        last=piece.last,
        before=piece.before,
        more=piece.more,
        numbers=data["record"],
        tags=data["tag"],
        lines=(),
        strays=pl.DataFrame(schema=STRAYS),
        heads=[*range(1, head + 1)] if begins else [],
        comments=_comments(piece, below),
        told=named.told if begins else {},
        bytes=piece.sizes,
        blank=_blank(records, below),
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


def _lines_with_tag(records: Records, spec: DelimitedSpec, tag: str) -> Iterator[tuple[int, list[str]]]:
    """The lines, from 0, whose first field is the tag, with their fields."""
    quote = b"(?:%b)?" % re.escape((spec.quote or "").encode())
    end = b"(?:%b|$)" % re.escape(spec.separator.encode())
    first = b"(?m)^" + quote + re.escape(tag.encode()) + quote + end
    behind = int(records.ends[-1]) if records.count else 0
    for found in re.finditer(first, records.text[:behind]):
        line = int(np.searchsorted(records.starts, found.start()))
        fields = split_fields(records.text_of(line), spec)
        if fields and fields[0] == tag:
            yield line, fields


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


def _comments(piece: Piece, below: int) -> list[int]:
    found = np.flatnonzero(piece.records.comment)
    return [piece.before + int(line) + 1 for line in found[found >= below]]


def _blank(records: Records, below: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    found = np.flatnonzero(records.blank & ~records.comment)
    return found[found >= below]


def _strays(piece: Piece, strays: pl.DataFrame, kind_field: str | None = None) -> pl.DataFrame:
    """Lines that fit no kind; where a line names the fields and the number of fields is right, it is the tag."""
    told = [piece.records.text_of(record - piece.before - 1) for record in strays["record"]]
    texts = pl.Series("line", told, dtype=pl.String)
    wrong_tag = pl.col("whole") if kind_field is not None else pl.lit(value=False)
    return strays.select(
        pl.col("record"),
        pl.col("tag"),
        pl.when(wrong_tag).then(pl.lit(kind_field)).otherwise(pl.lit("line")).alias("field"),
        pl.when(wrong_tag).then(pl.col("told")).otherwise(texts).alias("text"),
    ).cast(STRAYS)
