"""How a layout makes one column of a table out of the fields of a line: the part of the language people write most."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from settlement.model.money import is_currency


class FieldType(StrEnum):
    """How the text of a field is read."""

    TEXT = "text"
    FREE_TEXT = "free_text"
    CODE = "code"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MINOR = "minor"
    MAJOR = "major"
    MICRO = "micro"
    CURRENCY = "currency"
    CURRENCY_NUMBER = "currency_number"
    DATE = "date"
    LOCAL_TIME = "local_time"
    OFFSET_TIME = "offset_time"
    ZONED_TIME = "zoned_time"
    MASKED_CARD = "masked_card"
    CARD_REFERENCE = "card_reference"
    CARD_MASK = "card_mask"


GIVES: Final[Mapping[str, frozenset[FieldType]]] = {
    "int": frozenset({FieldType.CODE, FieldType.INTEGER, FieldType.MINOR, FieldType.MAJOR, FieldType.MICRO}),
    "date": frozenset({FieldType.DATE}),
    "time": frozenset({FieldType.LOCAL_TIME, FieldType.OFFSET_TIME, FieldType.ZONED_TIME}),
    "text": frozenset(
        {
            *(FieldType.TEXT, FieldType.FREE_TEXT, FieldType.CODE, FieldType.DECIMAL),
            *(FieldType.CURRENCY, FieldType.CURRENCY_NUMBER),
            *(FieldType.MASKED_CARD, FieldType.CARD_REFERENCE, FieldType.CARD_MASK),
        }
    ),
    "flag": frozenset(),
}


_AMOUNTS: Final = (FieldType.MINOR, FieldType.MAJOR, FieldType.MICRO)


class Part(BaseModel):
    """A part of a layout: it takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


Codes = dict[str, str] | dict[str, int]


class Coded(Part):
    """A code in one field and what each of its values means."""

    source: str = Field(alias="from")
    map: str | dict[str, str]


class CurrencyFrom(Part):
    """A currency that no field of the line tells: a constant, or a field of the header."""

    value: str | None = None
    header: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> CurrencyFrom:
        if (self.value is None) == (self.header is None):
            raise ValueError("give exactly one of `value` and `header`")
        if self.value is not None and not is_currency(self.value):
            raise ValueError(f"`{self.value}` is no ISO 4217 code")
        return self


class ColumnRule(Part):
    """How one column of the table is made."""

    source: str | list[str] | dict[str, str | list[str]] | None = Field(None, alias="from")
    header: str | None = None
    value: str | int | None = None
    sum: list[str] | None = None
    date_of: str | None = None
    type: FieldType = FieldType.TEXT
    join: str | None = None
    minus: str | None = None
    negate: dict[str, list[str]] = Field(default_factory=dict)
    map: str | Codes | None = None
    currency: str | CurrencyFrom | None = None
    signed: bool = False
    required: bool = False
    decimal: Literal[".", ","] = "."
    format: str | None = None
    pattern: str | None = None
    check_modulo: int | None = Field(None, ge=2, le=10)
    zone: Coded | None = None
    to_zone: Coded | None = None

    @property
    def yearless(self) -> bool:
        """Whether it is a day whose year the file's business date completes."""
        return self.format is not None and not re.search("%[Yy]", self.format)

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnRule:
        origins = (self.source, self.header, self.value, self.sum, self.date_of)
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("give exactly one of `from`, `header`, `value`, `sum` and `date_of`")
        needed = {
            FieldType.CODE: ("map", self.map),
            FieldType.MAJOR: ("currency", self.currency),
            FieldType.MICRO: ("currency", self.currency),
            FieldType.DATE: ("format", self.format),
            FieldType.LOCAL_TIME: ("format", self.format),
            FieldType.ZONED_TIME: ("format", self.format),
        }
        name, given = needed.get(self.type, ("", True))
        if given is None:
            raise ValueError(f"type `{self.type}` needs `{name}`")
        if self.type is FieldType.ZONED_TIME and (self.zone is None or self.to_zone is None):
            raise ValueError("type `zoned_time` needs `zone` and `to_zone`")
        if (self.minus or self.negate) and self.type not in _AMOUNTS:
            raise ValueError(f"`minus` and `negate` belong to one of the types {', '.join(_AMOUNTS)}")
        if self.check_modulo is not None and self.type is not FieldType.TEXT:
            raise ValueError("`check_modulo` belongs to the type text")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`pattern` is no regular expression: {error}") from None
        return self

    @model_validator(mode="after")
    def _readable_format(self) -> ColumnRule:
        form = self.format or ""
        if self.type is FieldType.OFFSET_TIME and self.format is not None:
            if not form.endswith("%z") or not re.search("%[Yy]", form):
                raise ValueError("`format` of an `offset_time` has its year and ends in %z")
            form = form.removesuffix("%z")
        unknown = re.findall(r"%(?![YmdHMSyj])(.?)", form)
        if unknown:
            raise ValueError(f"`format` knows %Y %m %d %H %M %S %y %j, not %{unknown[0]}")
        if self.yearless and (self.type is FieldType.ZONED_TIME or not re.search("%m.*%d|%d.*%m", self.format or "")):
            raise ValueError("`format` without a year must have %m and %d, and a `zoned_time` needs its year")
        return self

    def sources(self, tag: str) -> tuple[str, ...]:
        """The fields this column is made from in lines of one tag; none where it stays empty there."""
        found = self.source.get(tag, []) if isinstance(self.source, dict) else self.source
        return (found,) if isinstance(found, str) else tuple(found or ())

    def references(self) -> Iterator[str]:
        """Every field of the header that the rule names."""
        yield from (self.header,) if self.header else ()
        if isinstance(self.currency, CurrencyFrom) and self.currency.header:
            yield self.currency.header

    def fields(self) -> Iterator[str]:
        """Every field of the line that the rule names."""
        for chosen in self.source.values() if isinstance(self.source, dict) else (self.source,):
            yield from (chosen,) if isinstance(chosen, str) else (chosen or ())
        yield from self.negate
        yield from (name for name in (self.minus, self.currency) if isinstance(name, str))
        yield from (coded.source for coded in (self.zone, self.to_zone) if coded)
