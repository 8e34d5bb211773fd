"""The layout language: what the ``spec`` of a delimited or fixed-width layout may say. See docs/LAYOUTS.md.

A layout names the kinds of lines of a file, the fields of each kind, the table a kind goes to, how each column of
that table is made from the fields, and which totals must re-add. Everything is checked when a layout is read, so
that a spelling mistake is one sentence at the start and never a wrong row at night.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, ValidationError, model_validator

from settlement.errors import TerminalError
from settlement.model.layout import Layout
from settlement.model.table import Column, Table
from settlement.model.tables import TABLES
from settlement.parse.column_rule import GIVES, ColumnRule, CurrencyFrom, Part
from settlement.parse.written import Written

ANY_LINE: Final = "line"
"""Tag of the lines of a file whose data lines are all of one kind."""

FILLED_BY_READER: Final = frozenset({"file", "record", "side", "feed", "delivered_on", "posting_date"})
"""Columns that every row gets from the file it stands in; a layout does not name them."""


class LineKind(Part):
    """One kind of line: the tags that tell it, its fields, and the table its lines go to."""

    tags: tuple[str, ...] = (ANY_LINE,)
    once: bool = False
    line_class: str | None = Field(None, alias="class")
    table: str = "control_record"
    columns: dict[str, ColumnRule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_table(self) -> LineKind:
        if f"parsed_{self.table}" not in TABLES:
            raise ValueError(f"there is no table `{self.table}` for records")
        if (self.table == "control_record") != (self.line_class is not None):
            raise ValueError("a line that is no record has a `class`, and only such a line")
        return self

    @property
    def target(self) -> Table:
        """The candidate table of the lines."""
        return TABLES[f"parsed_{self.table}"]

    def field_names(self) -> tuple[str, ...] | None:
        """The fields that the kind itself names; None where the file's header line names them."""
        return None


Span = Annotated[list[int], Field(min_length=2, max_length=2)]


class FixedKind(LineKind):
    """A kind of line whose fields are told by start (from 1) and length in bytes, or by number in ``widths``."""

    fields: dict[str, Span | int] = Field(default_factory=dict)

    def field_names(self) -> tuple[str, ...] | None:
        """The named fields."""
        return tuple(self.fields)


class Total(Part):
    """A sum or a count over the lines of some tags, or of all tags but some (unknown ones included)."""

    lines: tuple[str, ...] = ()
    except_lines: tuple[str, ...] = ()
    count: bool = False
    distinct: str | None = None
    add: tuple[str, ...] = ()
    subtract: tuple[str, ...] = ()
    where: dict[str, list[str]] = Field(default_factory=dict)
    negate: dict[str, list[str]] = Field(default_factory=dict)
    currency: str | CurrencyFrom | None = None
    usable: bool = False
    modulo: int | None = None
    by: str | None = None

    @model_validator(mode="after")
    def _one_aim(self) -> Total:
        if sum((self.count, self.distinct is not None, bool(self.add or self.subtract))) != 1:
            raise ValueError("a total needs exactly one of `count`, `distinct` and `add`/`subtract`")
        if bool(self.lines) == ("except_lines" in self.model_fields_set):
            raise ValueError("a total needs exactly one of `lines` and `except_lines`")
        if self.usable and not (self.add or self.subtract):
            raise ValueError("`usable` belongs to a sum: a rejected line counts")
        return self

    def takes(self, tag: str) -> bool:
        """Whether lines of a tag are in the total."""
        return tag in self.lines if self.lines else tag not in self.except_lines

    def fields(self) -> Iterator[str]:
        """Every field that the total names."""
        yield from (*self.add, *self.subtract, *self.where, *self.negate)
        yield from (name for name in (self.distinct, self.currency, self.by) if isinstance(name, str))


class Control(Part):
    """A total that the file declares (in a field, a number, or by other lines) and what its lines must give.

    Several totals in ``of`` are added up. What the file does not declare is computed and kept.
    """

    name: str
    of: tuple[Total, ...]
    declared: str | int | Total | None = None
    declared_currency: CurrencyFrom | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("of"), dict):
            return given | {"of": [given["of"]]}
        return given


class FileFacts(Part):
    """Where a file tells its sender, its business date and its own id."""

    sender: str | None = None
    date: str | None = None
    date_format: str = "%Y%m%d"
    id: tuple[str, ...] = ()


class Settlement(Part):
    """What the bank statement shows for the file: a total, with its currency and text on one line or by layout."""

    control: str
    line: str | None = None
    currency: str | CurrencyFrom
    text: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Settlement:
        told = (isinstance(self.currency, str), self.text is not None)
        if any(told if self.line is None else [not one for one in told]):
            raise ValueError(
                "with `line`, name its fields `currency` and `text`; without, write the currency as `value`"
            )
        if isinstance(self.currency, CurrencyFrom) and self.currency.value is None:
            raise ValueError("write the currency as `value`")
        return self


KindT = TypeVar("KindT", bound=LineKind)


class DeclaredSpec(Part):
    """What the specs of delimited and fixed-width layouts share."""

    encoding: str = "utf-8"
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    maps: dict[str, dict[str, str]] = Field(default_factory=dict)
    written: dict[str, Written] = Field(default_factory=dict)
    file: FileFacts = FileFacts()
    controls: tuple[Control, ...] = ()
    settlement: Settlement | None = None

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """The kinds of lines in the order of the layout."""
        raise NotImplementedError

    @property
    def names_in_file(self) -> bool:
        """Whether a line of the file names the fields, so that the layout cannot know them all."""
        return False

    def fields_of(self, kind: LineKind) -> tuple[str, ...] | None:
        """The fields of a kind of lines; None where the file names them."""
        return kind.field_names()

    def facts(self) -> frozenset[str]:
        """The names, ``TAG.field``, of what single lines tell of the whole file."""
        once = [(tag, kind) for kind in self.kinds if kind.once for tag in kind.tags]
        return frozenset(f"{tag}.{name}" for tag, kind in once for name in self.fields_of(kind) or ())

    def references(self) -> Iterator[str]:
        """Every field by which the layout takes something that holds for the whole file."""
        yield from (name for name in (self.file.sender, self.file.date, *self.file.id) if name)
        for control in self.controls:
            currencies = [control.declared_currency, *(total.currency for total in _totals(control))]
            yield from (c.header for c in currencies if isinstance(c, CurrencyFrom) and c.header)
            if isinstance(control.declared, str):
                yield control.declared
        for kind in self.kinds:
            for rule in kind.columns.values():
                yield from rule.references()

    def total_fields(self) -> Iterator[str]:
        """Every field of the lines that a total or the settlement names."""
        for control in self.controls:
            for total in _totals(control):
                yield from total.fields()
        if self.settlement:
            yield from (name for name in (self.settlement.currency, self.settlement.text) if isinstance(name, str))

    def totals(self) -> Iterator[Total]:
        """Every total over lines."""
        for control in self.controls:
            yield from _totals(control)

    def codes(self, given: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The map itself, or the named one."""
        return self.maps[given] if isinstance(given, str) else (given or {})

    def kind_of(self, tag: str) -> LineKind:
        """The kind that has the tag; KeyError where none has."""
        for kind in self.kinds:
            if tag in kind.tags:
                return kind
        raise KeyError(tag)

    @model_validator(mode="after")
    def _consistent(self) -> DeclaredSpec:
        codecs.lookup(self.encoding)
        tags = [tag for kind in self.kinds for tag in kind.tags]
        if len(tags) != len(set(tags)):
            raise ValueError("a tag stands in two kinds of lines")
        for index, control in enumerate(self.controls):
            if control.name in {earlier.name for earlier in self.controls[:index]}:
                raise ValueError(f"two controls are named `{control.name}`: give each its own name")
        totals = [*self.totals()]
        named = [tag for total in totals for tag in (*total.lines, *total.except_lines)]
        for tag in (
            *self.first,
            *self.last,
            *named,
            *([self.settlement.line] if self.settlement and self.settlement.line else []),
        ):
            if tag not in tags:
                raise ValueError(f"no kind of lines has the tag `{tag}`")
        for kind in self.kinds:
            self._check_kind(kind)
        self._check_written()
        self._check_references()
        for control in self.controls:
            for total in _totals(control):
                for tag in filter(total.takes, tags):
                    _require_fields(self.fields_of(self.kind_of(tag)), total.fields(), f"control `{control.name}`")
        return self

    def _check_written(self) -> None:
        kinds = [self.fields_of(kind) for kind in self.kinds]
        known = {name for fields in kinds for name in fields or ()}
        for name, how in self.written.items():
            for wanted in (name, *((how.sign.source,) if how.sign else ())):
                if None not in kinds and wanted not in known:
                    raise ValueError(f"`written`: no kind of lines has the field `{wanted}`")
        for control in self.controls:
            totals = [total for total in (*control.of, control.declared) if isinstance(total, Total)]
            if len({total.by is None for total in totals}) > 1:
                raise ValueError(f"control `{control.name}`: all of its totals or none are `by` a field")
            if totals[0].by is not None and not isinstance(control.declared, Total | None):
                raise ValueError(f"control `{control.name}`: what is `by` a field is declared by lines, or by nothing")

    def _check_references(self) -> None:
        if self.settlement and self.settlement.control not in {control.name for control in self.controls}:
            raise ValueError(f"settlement: there is no control `{self.settlement.control}`")
        known = self.facts()
        for reference in () if self.names_in_file else self.references():
            if reference not in known:
                raise ValueError(f"`{reference}` is no field of a line that stands `once`")

    def _check_kind(self, kind: LineKind) -> None:
        table = kind.target
        columns = {column.name: column for column in table.columns}
        for name, rule in kind.columns.items():
            where = f"lines {'/'.join(kind.tags)}, column `{name}`"
            if name not in columns or name in FILLED_BY_READER:
                raise ValueError(f"{where}: the table `{kind.table}` takes no such column from a layout")
            _check_type(columns[name], rule, where, {*columns})
            for given in (rule.map, *(coded.map for coded in (rule.zone, rule.to_zone) if coded)):
                if isinstance(given, str) and given not in self.maps:
                    raise ValueError(f"{where}: there is no map `{given}` in spec.maps")
            if isinstance(rule.source, dict) and set(rule.source) - set(kind.tags):
                raise ValueError(f"{where}: `from` names a tag that the lines do not have")
            _require_fields(self.fields_of(kind), rule.fields(), where)
        needed = {c.name for c in table.columns if not c.nullable} - FILLED_BY_READER - {"class"}
        missing = sorted(needed - set(kind.columns))
        if missing:
            raise ValueError(f"lines {'/'.join(kind.tags)}: the column `{missing[0]}` must be given")


def _totals(control: Control) -> Iterator[Total]:
    yield from control.of
    if isinstance(control.declared, Total):
        yield control.declared


def _check_type(column: Column, rule: ColumnRule, where: str, columns: set[str]) -> None:
    if rule.sum is not None or rule.date_of is not None:
        unknown = [name for name in (*(rule.sum or ()), rule.date_of) if name and name not in columns]
        if unknown:
            raise ValueError(f"{where}: there is no column `{unknown[0]}` to make it from")
        return
    if rule.value is not None:
        if isinstance(rule.value, int) != (column.type == "int"):
            raise ValueError(f"{where}: the constant must be {column.type}")
        return
    if rule.type not in GIVES[column.type]:
        raise ValueError(f"{where}: type `{rule.type}` gives no {column.type}")


def _require_fields(known: tuple[str, ...] | None, names: Iterator[str], where: str) -> None:
    for name in names:
        if known is not None and name not in known:
            raise ValueError(f"{where}: the lines have no field `{name}`")


SpecT = TypeVar("SpecT", bound=DeclaredSpec)


def read_spec(layout: Layout, model: type[SpecT]) -> SpecT:
    """The checked ``spec`` of a layout; TerminalError that names the layout, the place and what is wrong."""
    try:
        return model.model_validate(dict(layout.spec))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("spec", *first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise TerminalError(f"Layout {layout.layout}: {where}: {message}.") from None
    except LookupError as error:
        raise TerminalError(f"Layout {layout.layout}: spec: {error}.") from None
