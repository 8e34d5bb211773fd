"""JSON lines by declared layout: one object a line, fields told by their path.

Every number keeps the digits that are written: no number passes through a float, so that ``0.1`` is a tenth and
``12345678901234567890`` is itself. A name that stands twice in an object is no name at all: the line is a reject.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Final

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from settlement.kernels.parse import line_fields
from settlement.model.clearing import Why
from settlement.model.layout import Layout
from settlement.parse.candidates import shown
from settlement.parse.declared_cut import STRAYS, Cut, Fault, Lines, decoded
from settlement.parse.declared_rows import assemble
from settlement.parse.declared_spec import ANY_LINE, DeclaredSpec, LineKind, read_spec
from settlement.parse.line_bytes import line_bytes
from settlement.parse.line_stretches import Stretch, ends_by_byte, in_stretches
from settlement.parse.source import Parsed, Source
from settlement.parse.source_fields import source_name

_PATH: Final = re.compile(r"[^.\[\]]+(?:\[[0-9]{1,4}\])*(?:\.[^.\[\]]+(?:\[[0-9]{1,4}\])*)*")
_STEP: Final = re.compile(r"[^.\[\]]+|\[[0-9]+\]")
_LONGEST_EXPONENT: Final = 40
_NOTHING: Final = object()
LONGEST_LINE: Final = 16 * 2**20
"""Most characters in a line: a longer one is a reject and is not looked into."""


class JsonSpec(DeclaredSpec):
    """The ``spec`` of a layout of JSON lines."""

    fields: dict[str, str] = Field(min_length=1)
    kind_field: str | None = None
    lines: list[LineKind]

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """The kinds of lines in the order of the layout."""
        return tuple(self.lines)

    def fields_of(self, kind: LineKind) -> tuple[str, ...] | None:
        """Lines of every kind have the fields that the layout names."""
        del kind
        return tuple(self.fields)

    @model_validator(mode="after")
    def _told_apart(self) -> JsonSpec:
        for name, path in self.fields.items():
            if _PATH.fullmatch(path) is None:
                raise ValueError(f"`fields`: the path of `{name}` is names with dots between them, such as card.last4")
        if self.kind_field is not None and self.kind_field not in self.fields:
            raise ValueError(f"`kind_field`: there is no field `{self.kind_field}`")
        if self.kind_field is None and [kind.tags for kind in self.lines] != [(ANY_LINE,)]:
            raise ValueError("several kinds of lines need `kind_field`")
        return self


class _RefusedError(Exception):
    """Why a line is no record; it becomes a reject."""


class _Number(str):
    """The digits of a number as they are written."""

    __slots__ = ()


def check_layout(layout: Layout) -> None:
    """Raise TerminalError unless the layout's ``spec`` is a good one."""
    read_spec(layout, JsonSpec)


def read(source: Source) -> Parsed:
    """Read one file of JSON lines; a file that cannot be used whole comes back with its fault."""
    spec = read_spec(source.layout, JsonSpec)
    size = source.bounds.part_bytes if ends_by_byte(spec.encoding) else len(source.content)
    cut = partial(_cut, spec, {name: _steps(path) for name, path in spec.fields.items()})
    return assemble(source, spec, lambda: in_stretches(source.content, size, cut, "\n".encode(spec.encoding)[-1]))


def _cut(spec: JsonSpec, steps: Mapping[str, list[str | int]], stretch: Stretch) -> Cut | Fault:
    decoded_text = decoded(stretch.content, spec.encoding, stretch.first)
    if isinstance(decoded_text, Fault):
        return decoded_text
    text = bytes(decoded_text)
    ends = line_fields(np.frombuffer(text, np.uint8), ord("\n"), -1, -1)[0] if text else np.zeros(0, np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if ends.size else ends
    ended = text.endswith(b"\n") or not text
    sizes = line_bytes(stretch.content, spec.encoding, ends.size, stretch.first) if ended else None
    if ended and sizes is None:
        return Fault(why=Why.UNREADABLE, detail=f"its lines cannot be told apart in {spec.encoding}")
    lines, before = zip(starts, ends, strict=True), stretch.before
    known = [tag for kind in spec.lines for tag in kind.tags]
    found: dict[str, tuple[list[int], list[list[str]]]] = {tag: ([], []) for tag in known}
    unknown: tuple[list[int], list[list[str]]] = ([], [])
    strays: list[tuple[int, str, str, str]] = []
    tags: list[tuple[int, str]] = []
    blank = []
    for number, (start, end) in enumerate(lines, start=before + 1):
        line = text[start:end].strip(b"\r\t ")
        if not line:
            blank.append(number - before - 1)
            continue
        tag = ""
        try:
            row = _row(line, steps)
            tag = ANY_LINE if spec.kind_field is None else row[[*steps].index(spec.kind_field)]
            if tag not in found:
                strays.append((number, tag, str(spec.kind_field), tag))
            records, rows = found.get(tag, unknown)
            records.append(number)
            rows.append(row)
        except _RefusedError as refusal:
            strays.append((number, tag, "line", f"{refusal}: {_start_of(line)}"))
        tags.append((number, tag))
    return Cut(
        records=ends.size,
        ended=ended,
        first=stretch.first,
        last=stretch.first + len(stretch.content),
        before=before,
        more=stretch.more,
        numbers=pl.Series("record", [number for number, _ in tags], dtype=pl.Int64),
        tags=pl.Series("tag", [tag for _, tag in tags], dtype=pl.String),
        lines=tuple(
            Lines(kind=kind, tag=tag, frame=_frame(steps, *found[tag])) for kind in spec.lines for tag in kind.tags
        ),
        strays=pl.DataFrame(strays, schema=STRAYS, orient="row"),
        unknown=_frame(steps, *unknown),
        bytes=sizes,
        blank=np.array(blank, np.int64),
    )


def _frame(names: Iterable[str], records: list[int], rows: list[list[str]]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    texts = [pl.Series(source_name(name), column, dtype=pl.String) for name, column in zip(names, columns, strict=True)]
    return pl.DataFrame([pl.Series("record", records, dtype=pl.Int64), *texts])


def _row(line: bytes, steps: Mapping[str, list[str | int]]) -> list[str]:
    """The text of each field of one line; _RefusedError where it is no object or a name stands twice in one."""
    if len(line) > LONGEST_LINE:
        raise _RefusedError("longer than any honest line")
    try:
        value = json.loads(
            line.decode(),
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError):
        raise _RefusedError("no JSON object") from None
    if not isinstance(value, dict):
        raise _RefusedError("no JSON object")
    return [_text(_at(value, path), name) for name, path in steps.items()]


def _no_constant(text: str) -> None:
    raise _RefusedError(f"{text} is no number of JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"the name `{shown(twice)}` stands twice in one object")
    return found


def _steps(path: str) -> list[str | int]:
    return [int(step[1:-1]) if step.startswith("[") else step for step in _STEP.findall(path)]


def _at(value: object, path: list[str | int]) -> object:
    """What stands at a path; nothing where the path leads nowhere."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step, _NOTHING)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return _NOTHING
    return value


def _text(value: object, name: str) -> str:
    """The text of a value: a number with its digits, nothing for null; _RefusedError for objects and arrays."""
    if value is _NOTHING or value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Number):
        return _plain(value)
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise _RefusedError(f"the field `{name}` holds half a character")
        return value
    raise _RefusedError(f"the field `{name}` holds several values")


def _plain(number: str) -> str:
    """A number without exponent and with all of its digits; as it is written where that would be too long."""
    if "e" not in number and "E" not in number:
        return str(number)
    try:
        value = Decimal(number)
    except InvalidOperation:
        return str(number)
    if len(number) > 2 * _LONGEST_EXPONENT or abs(value.adjusted()) > _LONGEST_EXPONENT:
        return str(number)
    return f"{value:f}"


def _start_of(line: bytes) -> str:
    return line[:200].decode(errors="replace")
