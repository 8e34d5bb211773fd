"""The layout of a file for a partner: lines, fields and the form in which they are written, as data.

The words are those of layouts for files that come in (docs/LAYOUTS.md): ``format``, ``separator``, ``quote``,
``encoding``, ``line_length``, tagged ``lines``, and fields ``from`` values with a ``type``. A file has one header
line ``H``, a detail line ``D`` for each row, trailer lines ``T``, and sums ``S`` in between where the content has them.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Content(StrEnum):
    """What a file tells."""

    SETTLEMENT = "settlement"
    DETAILS = "details"
    RESTATEMENT = "restatement"


class Format(StrEnum):
    """The formats in which files are written."""

    DELIMITED = "delimited"
    FIXED_WIDTH = "fixed_width"
    PARQUET = "parquet"
    WORKBOOK = "workbook"


class Tag(StrEnum):
    """The kinds of lines."""

    HEADER = "H"
    DETAIL = "D"
    SUM = "S"
    TRAILER = "T"


SUFFIXES: Final[Mapping[Format, str]] = {
    Format.DELIMITED: "csv",
    Format.FIXED_WIDTH: "txt",
    Format.PARQUET: "parquet",
    Format.WORKBOOK: "xlsx",
}

LINE_ENDS: Final[Mapping[str, str]] = {"lf": "\n", "crlf": "\r\n", "nel": "\x85", "none": ""}
"""What stands at the end of a line, before it is encoded; EBCDIC has ``nel``."""

_HEAD: Final = (
    *("version", "content", "contract", "beneficiary", "period", "as_of", "state", "currency", "sequence"),
    "partner",
)
_TRAILER: Final = ("currency", "count", "debit", "credit", "net")
_VALUES: Final[Mapping[Content, Mapping[Tag, tuple[str, ...]]]] = {
    Content.SETTLEMENT: {
        Tag.HEADER: _HEAD,
        Tag.DETAIL: ("line", "clause", "term", "text", "quantities", "amount", "currency", "sign", "adjusts"),
        Tag.SUM: ("term", "text", "amount", "currency", "sign"),
        Tag.TRAILER: _TRAILER,
    },
    Content.DETAILS: {
        Tag.HEADER: _HEAD,
        Tag.DETAIL: (
            *("line", "clause", "term", "selector", "reference", "date", "kind", "merchant", "merchant_number"),
            *("store", "amount", "currency", "sign", "quantity", "unit", "count", "card_masked", "card_ref"),
        ),
        Tag.TRAILER: ("term", "selector", "unit", *_TRAILER[1:]),
    },
    Content.RESTATEMENT: {
        Tag.HEADER: _HEAD,
        Tag.DETAIL: (
            *("line", "adjusts", "clause", "term", "stated", "now", "difference", "sign", "currency", "reason"),
        ),
        Tag.TRAILER: _TRAILER,
    },
}
"""The values that each line of a content has, by name."""

MONEY: Final = frozenset({"amount", "stated", "now", "difference"})
"""Values that are money of the line's currency; so are ``debit``, ``credit`` and ``net`` of a trailer."""
SUMS: Final = frozenset({"debit", "credit", "net"})
"""Sums of a trailer: of money, but for details, where they are of contributions."""
NUMBERS: Final = frozenset({"sequence", "line", "count", "quantity"})
DATES: Final = frozenset({"as_of", "date"})
"""Values that are whole numbers, and those that are dates; all others are text."""
_NEEDED: Final[Mapping[Tag, tuple[str, ...]]] = {
    Tag.HEADER: ("sequence",),
    Tag.DETAIL: ("line",),
    Tag.TRAILER: ("count", "debit", "credit"),
}
"""What no file goes without: a gap, a lost line and a changed amount must show."""


class OutgoingField(BaseModel):
    """One field of a line: a value of the content or a constant, how it is written, and where.

    ``type`` is ``text``, ``minor`` or ``major`` for money, ``number``, ``date``; without it, it follows the value
    (money is ``minor``). ``at`` is start and length from 1 in a fixed-width line; ``cut`` lets a long text be cut
    there. ``unsigned`` leaves the sign to a field ``sign`` (``C`` for what the partner is given, ``D`` for what is
    taken back).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: Annotated[str, Field(alias="from")] = ""
    value: str = ""
    type: Literal["", "text", "minor", "major", "number", "date"] = ""
    format: str = "%Y-%m-%d"
    decimal: Literal[".", ","] = "."
    unsigned: bool = False
    at: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    cut: bool = False
    heading: str = ""

    @property
    def name(self) -> str:
        """The field's heading, else its value's name."""
        return self.heading or self.source

    @property
    def kind(self) -> str:
        """How the value is written."""
        if self.type:
            return self.type
        for names, kind in ((MONEY | SUMS, "minor"), (NUMBERS, "number"), (DATES, "date")):
            if self.source in names:
                return kind
        return "text"


class OutgoingLayout(BaseModel):
    """A layout as the partner directory writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Content
    format: Format
    version: str = "1"
    encoding: str = "utf-8"
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    quoting: Literal["where_needed", "all"] = "where_needed"
    line_end: Literal["lf", "crlf", "nel", "none"] = "lf"
    line_length: Annotated[int, Field(ge=1)] | None = None
    names_line: bool = False
    sheet: Annotated[str, Field(pattern=r"^[^\[\]:*?/\\']{1,31}$")] = "Settlement"
    lines: dict[Tag, tuple[OutgoingField, ...]]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding {self.encoding!r} is none that is known, such as utf-8 or cp500") from None
        for tag, needed in _NEEDED.items():
            there = {field.source for field in self.lines.get(tag, ())}
            for name in needed:
                if name not in there:
                    raise ValueError(f"lines.{tag} must have a field from {name!r}")
        for tag, fields in self.lines.items():
            known = _VALUES[self.of].get(tag, ())
            for field in fields:
                self._check_field(tag, field, known)
            if self.format is Format.FIXED_WIDTH:
                self._check_positions(tag, fields)
        if self.format is Format.PARQUET:
            self._check_columns()
        return self

    def _check_positions(self, tag: Tag, fields: tuple[OutgoingField, ...]) -> None:
        end = 0
        for start, length, field in sorted((*(field.at or (0, 0)), field.name or field.value) for field in fields):
            if start <= end:
                raise ValueError(f"lines.{tag}: field {field!r} begins at {start}, inside the field before it")
            end = start + length - 1
        if end > (self.line_length or 0):
            raise ValueError(f"lines.{tag} ends at {end}, behind the line's {self.line_length} bytes")

    def _check_columns(self) -> None:
        """A column of Parquet is of one type, whichever line a row is."""
        kinds: dict[str, str] = {}
        for tag, fields in self.lines.items():
            for field in fields:
                if kinds.setdefault(field.name, field.kind) != field.kind:
                    raise ValueError(f"lines.{tag}: the column {field.name!r} is {kinds[field.name]} in another line")

    def _check_field(self, tag: Tag, field: OutgoingField, known: tuple[str, ...]) -> None:
        place = f"lines.{tag}: field {field.source or field.value!r}"
        if field.source and field.source not in known:
            raise ValueError(f"{place}: a line {tag} of {self.of} has {', '.join(known) or 'no values'}")
        if field.source and field.value:
            raise ValueError(f"{place} has both `from` and `value`; write one of them")
        # Sums of contributions are of their unit, which need be no currency.
        money = field.source in MONEY or (field.source in SUMS and self.of is not Content.DETAILS)
        if field.type in {"minor", "major"} and not money:
            raise ValueError(f"{place} is no money of one currency and cannot be {field.type}")
        for kind, names in (("date", DATES), ("number", NUMBERS)):
            if field.type == kind and field.source not in names:
                raise ValueError(f"{place} is no {kind}")
        if self.format is Format.FIXED_WIDTH and (self.line_length is None or field.at is None):
            raise ValueError(f"{place}: a fixed-width layout needs `line_length`, and `at` for each field")
        if self.format is Format.PARQUET and not field.name:
            raise ValueError(f"{place}: a column of Parquet needs a `heading`")


def _fields(*sources: str) -> tuple[OutgoingField, ...]:
    """Fields in the order of the standing layout; ``major`` is the amount once more, ``=`` leads a constant."""
    return tuple(
        OutgoingField(value=name.removeprefix("="))
        if name.startswith("=")
        else OutgoingField(source="amount" if name == "major" else name, type="major" if name == "major" else "")
        for name in sources
    )


STANDING: Final = OutgoingLayout(
    of=Content.SETTLEMENT,
    format=Format.DELIMITED,
    lines={
        Tag.HEADER: _fields(
            "=H", *("version", "contract", "beneficiary", "period", "as_of", "state", "currency", "sequence")
        ),
        Tag.DETAIL: _fields("=D", "line", "clause", "term", "text", "quantities", "amount", "major", "currency"),
        Tag.SUM: _fields("=S", "=", "=", "term", "text", "=", "amount", "major", "currency"),
        Tag.TRAILER: _fields("=T", *_TRAILER),
    },
)
"""The layout of the settlement file where a partner has declared none."""
