"""How a partner writes what it has: the layout of its acknowledgements, declared in the words of docs/LAYOUTS.md.

``spec`` is that of a delimited or fixed-width layout. Each kind of line has a ``class``: lines of the class ``FILE``
tell of one file each, every other line tells of the whole. Fields are told by the names of ``WHOLE`` and ``OF_FILE``;
fields of other names are looked over. Without a spec it is the format that docs/DELIVERY.md gives to partners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from settlement.parse.declared_cut import Fault
from settlement.parse.declared_outline import Outline, outline_with, shape_fault
from settlement.parse.delimited import cut_file as cut_delimited
from settlement.parse.delimited_spec import CELLS, DelimitedSpec
from settlement.parse.fixed_width import FixedSpec
from settlement.parse.fixed_width import cut_file as cut_fixed_width
from settlement.parse.source_fields import source_name
from settlement.parse.written import Written, as_plain, raw_name

OF_A_FILE: Final = "FILE"
"""The class of lines that tell of one file each."""
WHOLE: Final = ("version", "partner", "last_sequence", "count")
"""What the other lines may tell: version of the format, partner, last number received, lines of class ``FILE``."""
OF_FILE: Final = ("sequence", "name", "sha256", "lines", "total_minor", "total", "status", "reason")
"""What a line may tell of a file; ``total`` is the sum in major units, ``total_minor`` in minor units."""

PLAIN: Final[Mapping[str, Any]] = {
    "separator": ",",
    "quote": '"',
    "first": ["H"],
    "last": ["T"],
    "lines": [
        {"tags": ["H"], "class": "HEADER", "once": True, "fields": ["version", "partner", "last_sequence"]},
        {
            "tags": ["A"],
            "class": OF_A_FILE,
            "fields": ["sequence", "name", "sha256", "lines", "total_minor", "status", "reason"],
        },
        {"tags": ["T"], "class": "TRAILER", "once": True, "fields": ["count"]},
    ],
}
"""The format that partners are given."""

_Word = Annotated[str, StringConstraints(min_length=1)]


class _Delimited(DelimitedSpec):
    """A delimited layout whose fields, where the file names them, are those that have a heading."""

    def used(self) -> list[str]:
        """Every field that has a heading."""
        return [*self.headings]


class AcknowledgementLayout(BaseModel):
    """How acknowledgements are written; a status is one of the words of ``accepted`` or ``rejected``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["delimited", "fixed_width"] = "delimited"
    version: str = "1"
    accepted: Annotated[tuple[_Word, ...], Field(min_length=1)] = ("ACCEPTED",)
    rejected: Annotated[tuple[_Word, ...], Field(min_length=1)] = ("REJECTED",)
    spec: Mapping[str, Any] = PLAIN

    @model_validator(mode="after")
    def _tells_enough(self) -> Self:
        spec = self.read_spec()
        if set(self.accepted) & set(self.rejected):
            raise ValueError("a word stands in `accepted` and in `rejected`")
        found = [kind for kind in spec.kinds if kind.line_class == OF_A_FILE]
        if len(found) != 1:
            raise ValueError(f"exactly one kind of lines has the class {OF_A_FILE}")
        told = set(spec.used() if isinstance(spec, _Delimited) and spec.names_line else found[0].field_names() or ())
        if "status" not in told or not told & {"sequence", "name"}:
            raise ValueError("a line of a file tells its `status`, and its `sequence` or its `name`")
        if "sha256" not in told and not ("lines" in told and told & {"total", "total_minor"}):
            raise ValueError("a line of a file tells its `sha256`, or its `lines` and their `total` or `total_minor`")
        return self

    def read_spec(self) -> _Delimited | FixedSpec:
        """The checked spec; ValueError that names the place where it is none."""
        model = _Delimited if self.format == "delimited" else FixedSpec
        try:
            return model.model_validate(dict(self.spec))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(("spec", *(str(part) for part in first["loc"])))
            raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        except LookupError as error:
            raise ValueError(f"spec: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An acknowledgement as it is written: what it tells of the whole, and of each file, by line number.

    What its layout does not have is left out.
    """

    whole: Mapping[str, str]
    files: tuple[tuple[int, Mapping[str, str]], ...]


def read_told(layout: AcknowledgementLayout, content: bytes) -> Told | str:
    """What a file tells, or in words for the partner why it does not fit its layout."""
    spec = layout.read_spec()
    view = memoryview(content)
    size = max(len(view), 1)
    cuts = cut_delimited(view, spec, size) if isinstance(spec, _Delimited) else cut_fixed_width(view, spec, size)
    cut = next(cuts)
    if isinstance(cut, Fault):
        return cut.detail
    fault = shape_fault(spec, outline_with(Outline(), spec, cut))
    if fault is not None:
        return fault.detail
    if cut.strays.height:
        return f"line {cut.strays['record'][0]} has not the fields of its layout"
    whole: dict[str, str] = {}
    files: list[tuple[int, Mapping[str, str]]] = []
    for lines in cut.lines:
        known = OF_FILE if lines.kind.line_class == OF_A_FILE else WHOLE
        for number, values in _values(lines.frame, spec.written, known):
            if known is OF_FILE:
                files.append((number, values))
            else:
                whole |= values
    told = {name.removeprefix(f"{CELLS}."): value for name, value in cut.told.items()}
    return Told(whole=whole | told, files=tuple(sorted(files, key=lambda one: one[0])))


def _values(
    frame: pl.DataFrame, written: Mapping[str, Written], known: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and known values of each line, without the blanks around them.

    A value that is written in another way than the layout says is told as it stands.
    """
    there = [name for name in known if source_name(name) in frame.columns]
    for row in as_plain(frame, written).iter_rows(named=True):
        told = {name: row[source_name(name)] or row.get(raw_name(name)) or "" for name in there}
        yield row["record"], {name: value.strip() for name, value in told.items()}
