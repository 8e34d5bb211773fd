"""What the ``spec`` of a delimited layout may say: the dialect, the head, and how the fields get their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, model_validator

from settlement.parse.column_rule import Part
from settlement.parse.declared_spec import ANY_LINE, DeclaredSpec, LineKind
from settlement.parse.headings import Match, named_fields, require_told_apart

CELLS = "cells"
"""Under this name a layout refers to the single cells of a head, such as ``cells.date``."""
Cell = Annotated[str, Field(pattern="^[A-Z]{1,3}[1-9][0-9]{0,6}$")]


class HeadingsSpec(DeclaredSpec):
    """What layouts share whose files name their fields: spellings of headings, and fields that may be missing."""

    headings: dict[str, str | list[str]] = Field(default_factory=dict)
    headings_match: Match = Match.EXACT
    optional: tuple[str, ...] = ()

    def used(self) -> list[str]:
        """Every field of the data lines that the layout needs."""
        names = [name for kind in self.kinds for rule in kind.columns.values() for name in rule.fields()]
        names += [*self.total_fields(), *(how.sign.source for how in self.written.values() if how.sign)]
        return list(dict.fromkeys(names))

    def used_by(self, kind: LineKind) -> list[str]:
        """The fields of one kind of lines that its columns, the totals over it, and signs of its amounts need."""
        names = [name for rule in kind.columns.values() for name in rule.fields()]
        for total in self.totals():
            names += total.fields() if any(total.takes(tag) for tag in kind.tags) else ()
        names += [how.sign.source for name, how in self.written.items() if how.sign and name in names]
        return list(dict.fromkeys(names))

    def named(self, found: list[str], place: str, used: Iterable[str]) -> list[str] | str:
        """The field in each column of a file, or why they cannot be told."""
        return named_fields(
            found, [*used], self.headings, match=self.headings_match, optional=self.optional, place=place
        )

    @model_validator(mode="after")
    def _headings_told_apart(self) -> HeadingsSpec:
        require_told_apart(self.headings, self.headings_match)
        return self


class DelimitedKind(LineKind):
    """A kind of line whose fields are told by position, after the tag, or named by the line with the tag ``names``."""

    fields: list[str] | None = None
    names: str | None = None

    def field_names(self) -> tuple[str, ...] | None:
        """The fields after the tag, in order; None where the file names them."""
        return None if self.fields is None else tuple(self.fields)


class Dialect(Part):
    """How a line is cut into fields."""

    separator: str = Field(min_length=1, max_length=1)
    quote: str | None = None
    escape: str | None = None
    comment: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> Dialect:
        marks = [mark for mark in (self.separator, self.quote, self.escape) if mark is not None]
        if any(not mark.isascii() or len(mark) != 1 or mark in "\r\n" for mark in marks):
            raise ValueError("`separator`, `quote` and `escape` are one ASCII character each")
        if len(set(marks)) < len(marks):
            raise ValueError("`separator`, `quote` and `escape` are different characters")
        return self


class DelimitedSpec(HeadingsSpec, Dialect):
    """The ``spec`` of a delimited layout."""

    head_lines: int = Field(0, ge=0, le=1000)
    cells: dict[str, Cell] = Field(default_factory=dict)
    names_line: bool = False
    kind_field: str | None = None
    short_lines: bool = False
    lines: list[DelimitedKind]

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """The kinds of lines in the order of the layout."""
        return tuple(self.lines)

    @property
    def names_in_file(self) -> bool:
        """Whether one line above the data names the fields."""
        return self.names_line

    @property
    def tagged(self) -> bool:
        """Whether the first field of a line is its tag: not where a layout has one kind of lines, without tags."""
        return not self.names_line and [kind.tags for kind in self.lines] != [(ANY_LINE,)]

    @property
    def head(self) -> int:
        """Lines before the data."""
        return self.head_lines + self.names_line

    def facts(self) -> frozenset[str]:
        """Fields of lines that stand once, and the cells of the head that the layout names."""
        return super().facts() | {f"{CELLS}.{name}" for name in self.cells}

    @model_validator(mode="after")
    def _told_one_way(self) -> DelimitedSpec:
        tags = {tag for kind in self.lines for tag in kind.tags}
        named = any(kind.names for kind in self.lines)
        for kind in self.lines:
            where = f"lines {'/'.join(kind.tags)}"
            if self.names_line and (kind.fields is not None or kind.names is not None):
                raise ValueError(f"{where}: line {self.head} names the fields, so give no `fields`")
            if not self.names_line and (kind.fields is None) == (kind.names is None):
                raise ValueError(f"{where}: give `fields`, or `names_line` if a line above the data names them")
            if kind.names is not None and (kind.names not in tags or kind.names in kind.tags or kind.once):
                raise ValueError(f"{where}: `names` is the tag of another kind of lines, and `once` needs `fields`")
        if not self.names_line and not named and self.kind_field is not None:
            raise ValueError("`kind_field` needs `names_line` or `names`: without them the first field is the tag")
        if self.names_line and self.kind_field is None and [kind.tags for kind in self.lines] != [(ANY_LINE,)]:
            raise ValueError("several kinds of lines need `kind_field`")
        if any(int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) > self.head_lines for cell in self.cells.values()):
            raise ValueError("`cells` lie in the `head_lines` above the data")
        return self
