"""Fixed-width files by declared layout: fields told by start and length in bytes.

Lines are cut and sliced as bytes and decoded field by field, so that an encoding with several bytes a character
keeps its columns. Blanks around a field are padding, and a last character that the width cut in two is left out. A
line of another length (with ``short_lines``: a longer one) fits no kind, and neither does one that is not in its
encoding or, where the layout says what stands between the fields, has something else there.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pydantic import Field, model_validator

from settlement.model.layout import Layout
from settlement.parse.declared_cut import STRAYS, UTF8, Cut, Fault, Lines, decoded
from settlement.parse.declared_rows import assemble, unreadable
from settlement.parse.declared_spec import ANY_LINE, DeclaredSpec, FixedKind, LineKind, Span, read_spec
from settlement.parse.line_bytes import LineBytes
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
    if spec.encoding.lower() in UTF8:
        checked = decoded(source.content, spec.encoding)
        if isinstance(checked, Fault):
            return unreadable(source, checked)
    content, sizes = bytes(source.content), None
    buffer = np.frombuffer(content, np.uint8) if content else np.zeros(0, np.uint8)
    starts, lengths, ended = _lines(buffer, spec)
    if ended:
        sizes = np.diff(np.append(starts, len(content)))
    if spec.line_end == "lf":
        # The carriage return before a line end belongs to the end.
        lengths -= (lengths > 0) & (buffer[starts + lengths - 1] == "\r".encode(spec.encoding)[0])
    if spec.short_lines:
        buffer, starts, lengths = _filled_up(buffer, starts, lengths, spec)
    cut = _cut(buffer, starts, lengths, spec, ended=ended)
    return assemble(source, spec, cut if sizes is None else replace(cut, bytes=LineBytes(sizes=sizes)))


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


def _lines(buffer: _Bytes, spec: FixedSpec) -> tuple[_Index, _Index, bool]:
    """Start and length of each complete line, and whether the last line is complete."""
    if spec.line_end == "none":
        count, rest = divmod(buffer.size, spec.line_length)
        starts = np.arange(count, dtype=np.int64) * spec.line_length
        return starts, np.full(count, spec.line_length, np.int64), rest == 0
    ends = np.flatnonzero(buffer == spec.end)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if ends.size else ends
    return starts, ends - starts, not buffer.size or bool(buffer[-1] == spec.end)


def _cut(buffer: _Bytes, starts: _Index, lengths: _Index, spec: FixedSpec, *, ended: bool) -> Cut:
    fits = np.flatnonzero(lengths == spec.line_length)
    blank = np.flatnonzero(lengths == 0)
    numbers = np.arange(1, starts.size + 1, dtype=np.int64)
    matrix = np.empty((0, spec.line_length), np.uint8)
    if fits.size:
        matrix = np.lib.stride_tricks.sliding_window_view(buffer, spec.line_length)[starts[fits]]
    tags = _tags(buffer, starts, lengths, spec)
    known = np.zeros(starts.size, np.bool_)
    if spec.separator:
        parted = (matrix[:, spec.between()] == ord(spec.separator.encode(spec.encoding))).all(axis=1)
        fits, matrix = fits[parted], matrix[parted]
    whole_tags = tags.gather(fits)
    lines = []
    for kind in spec.lines:
        for tag in kind.tags:
            rows = np.flatnonzero((whole_tags == tag).to_numpy())
            fields = {
                source_name(name): _text(matrix[rows, start - 1 : start - 1 + length], spec.encoding)
                for name, (start, length) in ((name, spec.span(place)) for name, place in kind.fields.items())
            }
            frame = pl.DataFrame({"record": pl.Series(numbers[fits[rows]], dtype=pl.Int64), **fields})
            torn = [pl.col(name).str.contains(_ILLEGIBLE, literal=True) for name in fields]
            legible = frame.select(~pl.any_horizontal(pl.col("record").is_null(), *torn).alias("legible"))["legible"]
            lines.append(Lines(kind=kind, tag=tag, frame=frame.filter(legible)))
            known[fits[rows[legible.to_numpy()]]] = True
    known[blank] = True
    stray = np.flatnonzero(~known)
    texts = [bytes(buffer[starts[n] : starts[n] + lengths[n]]).decode(spec.encoding, "replace") for n in stray]
    strays = pl.DataFrame(
        {"record": numbers[stray], "tag": tags.gather(stray), "field": ["line"] * stray.size, "text": texts},
        schema=STRAYS,
    )
    filled = np.flatnonzero(lengths > 0)
    return Cut(
        records=starts.size,
        ended=ended,
        numbers=pl.Series("record", numbers[filled], dtype=pl.Int64),
        tags=tags.gather(filled),
        blank=blank,
        lines=tuple(lines),
        strays=strays,
    )


def _tags(buffer: _Bytes, starts: _Index, lengths: _Index, spec: FixedSpec) -> pl.Series:
    """The tag of each line, from as much of it as a short line has."""
    if spec.kind is None:
        return pl.Series("tag", [ANY_LINE] * starts.size, dtype=pl.String)
    start, length = spec.span(spec.kind)
    reach = start - 1 + length
    if starts.size and int(lengths.min()) >= reach:  # no blank or short lines
        window = np.lib.stride_tricks.sliding_window_view(buffer, length)
        return _text(window[starts + start - 1], spec.encoding).alias("tag")
    cut = [bytes(buffer[s : s + n][start - 1 : reach]) for s, n in zip(starts, lengths, strict=True)]
    return pl.Series("tag", [text.decode(spec.encoding, "replace").strip(" ") for text in cut], dtype=pl.String)


def _text(matrix: _Bytes, encoding: str) -> pl.Series:
    """Each row of a byte matrix as text without the blanks around it."""
    rows, width = matrix.shape
    plain = encoding.lower() in UTF8 or (_like_ascii(encoding) and not (matrix > _LAST_ASCII).any())
    if plain:
        flat = pa.py_buffer(np.ascontiguousarray(matrix))
        fixed = pa.Array.from_buffers(pa.binary(width), rows, [None, flat])
        text = pl.Series(fixed.cast(pa.large_binary())).cast(pl.String, strict=False).fill_null(_ILLEGIBLE)
    else:
        text = pl.Series([_uncut(bytes(row), encoding) for row in matrix], dtype=pl.String)
    return text.str.strip_chars(" ")


def _uncut(content: bytes, encoding: str) -> str:
    """The text of a field, without a last character that its width cut in two."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if error.end == len(content) and "incomplete" in error.reason:
            return content[: error.start].decode(encoding, "replace")
    return content.decode(encoding, "replace")


@cache
def _like_ascii(encoding: str) -> bool:
    """Whether the first 128 bytes mean what they mean in ASCII."""
    first = bytes(range(_LAST_ASCII + 1))
    return first.decode(encoding, "replace") == first.decode("ascii")
