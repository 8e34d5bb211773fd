"""Fixed-width files by declared layout: fields told by start and length in bytes.

Lines are cut and sliced as bytes and decoded field by field, so that an encoding with several bytes a character
keeps its columns. Blanks around a field are padding, and a last character that the width cut in two is left out. A
line of another length (with ``short_lines``: a longer one) fits no kind, and neither does one that is not in its
encoding or, where the layout says what stands between the fields, has something else there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, model_validator

from settlement.kernels.choice import cores
from settlement.kernels.parse import fixed_fields, whole_lines
from settlement.kernels.text_views import text_column
from settlement.model.layout import Layout
from settlement.parse.declared_cut import STRAYS, UTF8, Cut, Fault, Lines, decoded
from settlement.parse.declared_rows import assemble
from settlement.parse.declared_spec import ANY_LINE, DeclaredSpec, FixedKind, LineKind, Span, read_spec
from settlement.parse.line_bytes import LineBytes
from settlement.parse.line_stretches import Stretch, in_stretches
from settlement.parse.source import Parsed, Source
from settlement.parse.source_fields import source_name

_ENDS: Final = {"lf": "\n", "nel": "\x85"}
_LAST_ASCII: Final = 127
_ILLEGIBLE: Final = "\N{REPLACEMENT CHARACTER}"

_Bytes = npt.NDArray[np.uint8]
_Index = npt.NDArray[np.int64]


class FixedSpec(DeclaredSpec):
    """The ``spec`` of a fixed-width layout."""

    line_length: int = Field(gt=0)
    line_end: Literal["lf", "nel", "none"] = "lf"
    short_lines: bool = False
    kind: Span | int | None = None
    widths: tuple[Annotated[int, Field(gt=0)], ...] = ()
    separator: str = ""
    lines: list[FixedKind]

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """The kinds of lines in the order of the layout."""
        return tuple(self.lines)

    def span(self, place: Span | int) -> tuple[int, int]:
        """Start (from 1) and length of a field, which may be told by its number in ``widths``."""
        if isinstance(place, int):
            return 1 + sum(self.widths[: place - 1]) + len(self.separator) * (place - 1), self.widths[place - 1]
        return place[0], place[1]

    @property
    def end(self) -> int | None:
        """The byte that ends a line, in the file's encoding; None where lines follow each other."""
        return None if self.line_end == "none" else _ENDS[self.line_end].encode(self.encoding)[0]

    def between(self) -> list[int]:
        """The positions (from 0) of the separators."""
        return [self.span(number)[0] - 2 for number in range(2, len(self.widths) + 1) if self.separator]

    @model_validator(mode="after")
    def _ends_of_lines(self) -> FixedSpec:
        if self.line_end != "none" and len(_ENDS[self.line_end].encode(self.encoding, "replace")) != 1:
            raise ValueError(f'in `{self.encoding}` a line end is no single byte: write `line_end = "none"`')
        if self.short_lines and self.line_end == "none":
            raise ValueError("`short_lines` needs a `line_end`")
        return self

    @model_validator(mode="after")
    def _inside_the_line(self) -> FixedSpec:
        if len(self.separator) > 1 or not self.separator.isascii() or (self.separator and not self.widths):
            raise ValueError("`separator` is one ASCII character between the fields of `widths`")
        if self.widths and sum(self.widths) + len(self.between()) != self.line_length:
            raise ValueError("`widths` with their separators do not fill the line")
        for kind in self.lines:
            for name, place in kind.fields.items():
                if isinstance(place, int) and not 1 <= place <= len(self.widths):
                    raise ValueError(f"lines {'/'.join(kind.tags)}: field `{name}` has no such number in `widths`")
                start, length = self.span(place)
                if start < 1 or length < 1 or start + length - 1 > self.line_length:
                    raise ValueError(f"lines {'/'.join(kind.tags)}: field `{name}` lies outside the line")
        if isinstance(self.kind, int) and not 1 <= self.kind <= len(self.widths):
            raise ValueError("`kind` has no such number in `widths`")
        if self.kind is None and [kind.tags for kind in self.lines] != [(ANY_LINE,)]:
            raise ValueError("several kinds of lines need `kind`: start and length of the tag")
        return self


def check_layout(layout: Layout) -> None:
    """Raise TerminalError unless the layout's ``spec`` is a good one."""
    read_spec(layout, FixedSpec)


def read(source: Source) -> Parsed:
    """Read one fixed-width file; a file that cannot be used whole comes back with its fault."""
    spec = read_spec(source.layout, FixedSpec)
    return assemble(source, spec, partial(cut_file, source.content, spec, source.bounds.part_bytes))


def cut_file(content: memoryview, spec: FixedSpec, part_bytes: int) -> Iterator[Cut | Fault]:
    """The file cut into lines and fields, in parts of about so many bytes; a fault where that cannot be done."""
    end = -1 if spec.end is None else spec.end
    # A character of several bytes may lie in two lines where nothing ends them.
    size = len(content) if end < 0 and spec.encoding.lower() in UTF8 else part_bytes
    return in_stretches(content, size, partial(_cut_stretch, spec), end, spec.line_length)


def _cut_stretch(spec: FixedSpec, stretch: Stretch) -> Cut | Fault:
    content = stretch.content
    buffer = np.frombuffer(content, np.uint8)
    if spec.encoding.lower() in UTF8:
        found = decoded(content, spec.encoding, stretch.first)
        if isinstance(found, Fault):
            return found
    starts, lengths, ended, separated = _lines(buffer, spec)
    sizes = np.diff(np.append(starts, buffer.size)) if ended else None
    if spec.line_end == "lf":
        # The carriage return before a line end belongs to the end.
        lengths -= (lengths > 0) & (buffer[starts + lengths - 1] == "\r".encode(spec.encoding)[0])
    if spec.short_lines:
        buffer, starts, lengths = _filled_up(buffer, starts, lengths, spec)
    whole = lengths == spec.line_length if separated else _whole(buffer, starts, lengths, spec)
    return replace(
        _cut(buffer, starts, lengths, whole, spec, before=stretch.before),
        ended=ended,
        first=stretch.first,
        last=stretch.first + len(content),
        before=stretch.before,
        more=stretch.more,
        bytes=None if sizes is None else LineBytes(sizes=sizes),
    )


def _filled_up(buffer: _Bytes, starts: _Index, lengths: _Index, spec: FixedSpec) -> tuple[_Bytes, _Index, _Index]:
    """The lines that lost blanks on their right, filled up with blanks again; lines without a byte stay as they are."""
    blank = " ".encode(spec.encoding)[0]
    wanted = np.where(lengths > 0, np.maximum(lengths, spec.line_length), 0)
    places = np.cumsum(wanted) - wanted
    filled = np.full(int(wanted.sum()), blank, np.uint8)
    taken = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(int(lengths.sum()))
    put = np.repeat(places - (np.cumsum(lengths) - lengths), lengths) + np.arange(int(lengths.sum()))
    filled[put] = buffer[taken]
    return filled, places, wanted


def _lines(buffer: _Bytes, spec: FixedSpec) -> tuple[_Index, _Index, bool, bool]:
    """Start and length of each complete line; whether the last one is complete, and all are known to be separated."""
    if spec.line_end == "none":
        count, rest = divmod(buffer.size, spec.line_length)
        return *_even(count, spec.line_length, spec.line_length), rest == 0, not spec.separator
    step = spec.line_length + 1
    count, rest = divmod(buffer.size, step)
    places, marks = _separators(spec)
    places, marks = np.append(places, np.int32(spec.line_length)), np.append(marks, np.uint8(spec.end or 0))
    if count and not rest:
        # A file without a fault: nothing but lines of the right length, found in one pass.
        starts, lengths = _even(count, step, spec.line_length)
        if whole_lines(buffer, starts, spec.line_length, places, marks, spec.end, cores()).all():
            return starts, lengths, True, True
    ends = np.flatnonzero(buffer == spec.end)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if ends.size else ends
    return starts, ends - starts, not buffer.size or bool(buffer[-1] == spec.end), not spec.separator


def _separators(spec: FixedSpec) -> tuple[npt.NDArray[np.int32], _Bytes]:
    places = np.array(spec.between(), np.int32)
    return places, np.full(places.size, ord(spec.separator.encode(spec.encoding)) if places.size else 0, np.uint8)


def _whole(buffer: _Bytes, starts: _Index, lengths: _Index, spec: FixedSpec) -> npt.NDArray[np.bool_]:
    """The lines of the right length that have the separators in their places."""
    whole: npt.NDArray[np.bool_] = lengths == spec.line_length
    whole[whole] = whole_lines(buffer, starts[whole], spec.line_length, *_separators(spec), -1, cores()) == 1
    return whole


def _even(count: int, step: int, length: int) -> tuple[_Index, _Index]:
    return np.arange(count, dtype=np.int64) * step, np.full(count, length, np.int64)


def _cut(
    buffer: _Bytes, starts: _Index, lengths: _Index, whole: npt.NDArray[np.bool_], spec: FixedSpec, *, before: int
) -> Cut:
    blank = np.flatnonzero(lengths == 0)
    tags = _tags(buffer, starts, lengths, spec)
    known = np.zeros(starts.size, np.bool_)
    lines = []
    for kind in spec.lines:
        for tag in kind.tags:
            rows = np.flatnonzero(whole & (tags == tag).to_numpy())
            names = [source_name(name) for name in kind.fields]
            texts, legible = _fields(buffer, starts[rows], [spec.span(place) for place in kind.fields.values()], spec)
            record = pl.Series("record", rows + (before + 1), dtype=pl.Int64)
            frame = pl.DataFrame([record, *(text.alias(name) for name, text in zip(names, texts, strict=True))])
            if not legible.all():
                frame, rows = frame.filter(pl.Series(legible)), rows[legible]
            lines.append(Lines(kind=kind, tag=tag, frame=frame))
            known[rows] = True
    known[blank] = True
    stray = np.flatnonzero(~known)
    shown = [bytes(buffer[starts[n] : starts[n] + lengths[n]]).decode(spec.encoding, "replace") for n in stray]
    strays = pl.DataFrame(
        {"record": stray + (before + 1), "tag": tags.gather(stray), "field": ["line"] * stray.size, "text": shown},
        schema=STRAYS,
    )
    filled = np.flatnonzero(lengths > 0)
    return Cut(
        records=starts.size,
        ended=True,
        numbers=pl.Series("record", filled + (before + 1), dtype=pl.Int64),
        tags=tags.gather(filled) if blank.size else tags,
        blank=blank,
        lines=tuple(lines),
        strays=strays,
    )


def _tags(buffer: _Bytes, starts: _Index, lengths: _Index, spec: FixedSpec) -> pl.Series:
    """The tag of each line, from as much of it as a short line has."""
    if spec.kind is None:
        return pl.repeat(ANY_LINE, starts.size, dtype=pl.String, eager=True).alias("tag")
    start, length = spec.span(spec.kind)
    reach = start - 1 + length
    if starts.size and int(lengths.min()) >= reach:  # no blank or short lines
        return _fields(buffer, starts, [(start, length)], spec)[0][0].alias("tag")
    cut = [bytes(buffer[s : s + n][start - 1 : reach]) for s, n in zip(starts, lengths, strict=True)]
    return pl.Series("tag", [text.decode(spec.encoding, "replace").strip(" ") for text in cut], dtype=pl.String)


def _fields(
    buffer: _Bytes, base: _Index, spans: list[tuple[int, int]], spec: FixedSpec
) -> tuple[list[pl.Series], npt.NDArray[np.bool_]]:
    """Fields of lines as text without the blanks around it, and the lines in which all of them are legible."""
    first, size = np.array(spans, np.int32).reshape(-1, 2).T.copy()
    views, parts, odd = fixed_fields(buffer, base, first - 1, size, _ascii(spec.encoding), cores())
    legible, texts = np.ones(base.size, np.bool_), []
    for field, (at, width) in enumerate(spans):
        text, rows = text_column("text", views[field], parts[field]), np.flatnonzero(odd[field])
        if rows.size:
            cells = np.lib.stride_tricks.sliding_window_view(buffer, width)
            text, torn = _with_characters(text, rows, cells[base[rows] + at - 1], spec.encoding)
            legible[rows[torn]] = False
        texts.append(text)
    return texts, legible


def _with_characters(
    text: pl.Series, rows: _Index, cells: _Bytes, encoding: str
) -> tuple[pl.Series, npt.NDArray[np.bool_]]:
    """The column with the fields of some rows that are not ASCII, each distinct one decoded once; and the torn ones."""
    distinct, which = np.unique(cells.view(f"V{cells.shape[1]}").ravel(), return_inverse=True)
    found = pl.Series([_uncut(bytes(cell), encoding) for cell in distinct], dtype=pl.String)
    torn = found.str.contains(_ILLEGIBLE, literal=True).to_numpy()
    return text.scatter(rows, found.str.strip_chars(" ").gather(which)), torn[which]


def _uncut(content: bytes, encoding: str) -> str:
    """The text of a field, without a last character that its width cut in two; in UTF-8 that is illegible."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding.lower() in UTF8:
            return _ILLEGIBLE
        if error.end == len(content) and "incomplete" in error.reason:
            return content[: error.start].decode(encoding, "replace")
    return content.decode(encoding, "replace")


@cache
def _ascii(encoding: str) -> _Bytes:
    """The ASCII character of each byte; 0x80 where it has none of its own, whatever stands beside it."""
    table = np.full(256, _LAST_ASCII + 1, np.uint8)
    if encoding.lower() in UTF8 or _like_ascii(encoding):
        table[: _LAST_ASCII + 1] = np.arange(_LAST_ASCII + 1)
        return table
    alone = [bytes([byte]).decode(encoding, "replace") for byte in range(256)]
    if "".join(alone) == bytes(range(256)).decode(encoding, "replace"):
        for byte, character in enumerate(alone):
            if len(character) == 1 and character.isascii():
                table[byte] = ord(character)
    return table


@cache
def _like_ascii(encoding: str) -> bool:
    """Whether the first 128 bytes mean what they mean in ASCII."""
    first = bytes(range(_LAST_ASCII + 1))
    return first.decode(encoding, "replace") == first.decode("ascii")
