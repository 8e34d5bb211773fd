"""What a file of a declared layout tells as a whole, gathered part by part, and whether it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from settlement.model.clearing import Why
from settlement.parse.candidates import shown
from settlement.parse.declared_cut import Cut, Fault
from settlement.parse.declared_spec import DeclaredSpec
from settlement.parse.line_bytes import Container
from settlement.parse.source_fields import source_name

_NOTHING: Final[Mapping[str, int]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The lines of a file up to a part, as far as the whole rests on them.

    Attributes
    ----------
    records:
        Physical lines.
    ended:
        Whether the last line has its end.
    packed:
        Whether the file is a container, which may have no row.
    first:
        Number and tag of as many lines as have a place of their own at the beginning.
    last:
        The tag of the last line; None before there is one.
    closed:
        The first line that may only be the last.
    count, wrong:
        By tag of a line that stands once: how many there are, and the first without its fields.
    facts:
        What head and single lines tell of the file: ``TAG.field``, or fields of the first line after their names.
    settled:
        The first line that tells the settlement.
    """

    records: int = 0
    ended: bool = True
    packed: bool = False
    first: tuple[tuple[int, str], ...] = ()
    last: str | None = None
    closed: int | None = None
    count: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    wrong: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    facts: Mapping[str, str] = field(default_factory=dict)
    settled: Mapping[str, str] | None = None


def outline_with(outline: Outline, spec: DeclaredSpec, cut: Cut) -> Outline:
    """The outline with the lines of the next part, whose fields are plain text."""
    once = [tag for kind in spec.kinds if kind.once for tag in kind.tags]
    wanted = max(0, len(spec.first) - len(outline.first))
    leading = zip(cut.numbers.head(wanted), cut.tags.head(wanted), strict=True)
    wrong = {tag: cut.strays.filter(pl.col("tag") == tag)["record"] for tag in once if cut.strays.height}
    closing = cut.numbers.filter(cut.tags.is_in([tag for tag in spec.last if tag in once]))
    settled = None if spec.settlement is None else spec.settlement.line
    lines = [lines.frame for lines in cut.lines if lines.tag == settled and lines.frame.height]
    return replace(
        outline,
        records=outline.records + cut.records,
        ended=cut.ended,
        packed=isinstance(cut.bytes, Container),
        first=(*outline.first, *leading),
        last=cut.tags[-1] if cut.tags.len() else outline.last,
        closed=closing[0] if outline.closed is None and closing.len() else outline.closed,
        count={tag: outline.count.get(tag, 0) + int((cut.tags == tag).sum()) for tag in once},
        wrong={**{tag: found[0] for tag, found in wrong.items() if found.len()}, **outline.wrong},
        facts={**_facts(spec, cut, begins=outline.last is None), **outline.facts},
        settled=_first_row(lines[0]) if outline.settled is None and lines else outline.settled,
    )


def _facts(spec: DeclaredSpec, cut: Cut, *, begins: bool) -> dict[str, str]:
    facts: dict[str, str] = dict(cut.told)
    for lines in cut.lines:
        if lines.kind.once and lines.frame.height and not spec.names_in_file:
            facts.update({f"{lines.tag}.{name}": text for name, text in _first_row(lines.frame).items()})
    if spec.names_in_file and begins and cut.numbers.len():
        first = [
            lines.frame for lines in cut.lines if lines.frame.height and lines.frame["record"][0] == cut.numbers[0]
        ]
        facts.update(_first_row(first[0]) if first else {})
    return facts


def _first_row(frame: pl.DataFrame) -> dict[str, str]:
    row = frame.row(0, named=True)
    mark = source_name("")
    return {name.removeprefix(mark): text for name, text in row.items() if name.startswith(mark)}


def shape_fault(spec: DeclaredSpec, outline: Outline) -> Fault | None:
    """Whether a file ends, and has its header and trailer once, in their places and whole; None if it does."""
    if not outline.ended:
        return Fault(why=Why.TRUNCATED, detail="its last line has no end")
    if not outline.records and not outline.packed:
        return Fault(why=Why.EMPTY, detail="it has no lines")
    return _short_fault(spec, outline) or _last_fault(spec, outline) or _once_fault(spec, outline)


def first_fault(spec: DeclaredSpec, outline: Outline) -> Fault | None:
    """Whether a line of those that were read stands where another belongs at the beginning."""
    for (number, found), tag in zip(outline.first, spec.first, strict=False):
        if found != tag:
            return Fault(why=Why.UNREADABLE, detail=f"line {number} should be `{tag}` and is `{shown(found)}`")
    return None


def _short_fault(spec: DeclaredSpec, outline: Outline) -> Fault | None:
    fault = first_fault(spec, outline)
    if fault is None and len(outline.first) < len(spec.first):
        return Fault(why=Why.TRUNCATED, detail=f"it ends before its line `{spec.first[len(outline.first)]}`")
    return fault


def _last_fault(spec: DeclaredSpec, outline: Outline) -> Fault | None:
    if not spec.last or outline.last in spec.last:
        return None
    ends = "/".join(spec.last)
    if outline.closed is not None:
        return Fault(why=Why.UNREADABLE, detail=f"lines follow its last line `{ends}` (line {outline.closed})")
    return Fault(why=Why.TRUNCATED, detail=f"it ends without its last line `{ends}`")


def _once_fault(spec: DeclaredSpec, outline: Outline) -> Fault | None:
    for tag in (tag for kind in spec.kinds if kind.once for tag in kind.tags):
        if outline.count.get(tag, 0) > 1:
            return Fault(why=Why.UNREADABLE, detail=f"the line `{tag}` stands in it more than once")
        if tag in outline.wrong:
            detail = f"line {outline.wrong[tag]} (`{tag}`) has not the fields of its layout"
            return Fault(why=Why.UNREADABLE, detail=detail)
    return None
