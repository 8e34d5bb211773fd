"""Editions of a network's layout: what stands in a file depends on the file's own date.

Each edition names the day from which it is in force and its source, and says what changed since the one before it;
tables that it does not name are the earlier one's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from settlement.errors import TerminalError
from settlement.model.layout import Layout


class Dated(BaseModel):
    """What every edition says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valid_from: date
    source: Annotated[str, Field(min_length=1)]


E = TypeVar("E", bound=Dated)


def read_editions(layout: Layout, told: Sequence[Mapping[str, Any]], model: type[E]) -> tuple[E, ...]:
    """The editions of a layout, the earliest first. Raises TerminalError naming the field."""
    whole: dict[str, Any] = {}
    editions: list[E] = []
    for number, changes in enumerate(told):
        whole = {**whole, **changes}
        try:
            edition = model.model_validate(whole)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise TerminalError(f"Layout {layout.layout}: spec.edition.{number}.{where}: {first['msg']}.") from None
        if "source" not in changes or "valid_from" not in changes:
            raise TerminalError(f"Layout {layout.layout}: spec.edition.{number}: name its valid_from and its source.")
        if editions and edition.valid_from <= editions[-1].valid_from:
            raise TerminalError(
                f"Layout {layout.layout}: spec.edition.{number}: put editions in the order of valid_from."
            )
        editions.append(edition)
    return tuple(editions)


def edition_on(editions: Sequence[E], day: date) -> E | None:
    """The edition in force on a day; None before the first."""
    return next((edition for edition in reversed(editions) if edition.valid_from <= day), None)
