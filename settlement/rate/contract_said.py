"""What a contract file says, read back in its own words: tables by their keys, values as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any, get_type_hints

from settlement.rate.contract_words import key_of


def is_table(value: object) -> bool:
    """Whether a value of a contract is a table of its file."""
    return is_dataclass(value) or isinstance(value, Mapping)


def table_of(value: Any) -> Mapping[str, Any]:
    """A table of the contract file by the words of the language; what is not said is left out."""
    if isinstance(value, Mapping):
        return value
    hints = get_type_hints(type(value), include_extras=True)
    return {
        key_of(field.name, hints[field.name]): getattr(value, field.name)
        for field in fields(value)
        if getattr(value, field.name)
        != (field.default if field.default_factory is MISSING else field.default_factory())
    }


def said(value: object) -> str:
    """A value as a person reads it: of a table ``rate 0.0030, rounding unit minor, ...``, its clause left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return f"{value:,}"
    if isinstance(value, date):
        return value.isoformat()
    if is_table(value):
        return ", ".join(f"{name} {said(one)}" for name, one in table_of(value).items() if name != "clause")
    if isinstance(value, tuple | list):
        return "; ".join(map(said, value)) if any(map(is_table, value)) else ", ".join(map(said, value))
    return str(value)
