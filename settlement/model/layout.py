"""A layout: a file format described as data. This module reads what all layouts share.

A layout is a TOML file under ``layouts/``. Its head names the feed, the sender, how file names look and which
format reader understands the rest; ``spec`` is the format's own part and is checked by that reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from settlement.errors import TerminalError
from settlement.model.clearing import Side
from settlement.model.document import Model, checked, read_toml

_TOKENS: Final = {
    "{date}": r"(?P<date>[0-9]{8})",
    "{month}": r"(?P<month>[0-9]{6})",
    "{sequence}": r"(?P<sequence>[0-9]+)",
}


class LayoutFile(BaseModel):
    """A layout as its file writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    layout: str
    version: str
    source: Annotated[str, Field(description="Where the layout is documented.")]
    feed: str
    sender: str
    names: list[str]
    format: str
    side: Side | None = None
    spec: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One layout: what all formats share, and ``spec`` for the reader of ``format``."""

    layout: str
    version: str
    feed: str
    sender: str
    names: tuple[str, ...]
    format: str
    side: Side | None
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameParts:
    """What a file's name tells: business date and sequence, where the layout's pattern has them."""

    file_date: date | None
    sequence: str | None


def read_layouts(documents: Mapping[str, str]) -> tuple[Layout, ...]:
    """All layouts among the configuration documents, sorted by name. Raises TerminalError naming file and field."""
    layouts = [_read_layout(name, text) for name, text in documents.items() if name.startswith("layouts/")]
    seen: dict[str, str] = {}
    for layout in layouts:
        if layout.layout in seen:
            raise TerminalError(f"Two layout files are named {layout.layout!r}: give each its own `layout` name.")
        seen[layout.layout] = layout.feed
    return tuple(sorted(layouts, key=lambda layout: layout.layout))


# Every file of a night asks for all of them.
@lru_cache(maxsize=256)
def _read_layout(name: str, text: str) -> Layout:
    raw = checked(LayoutFile, read_toml(name, text), f"config/{name}")
    return Layout(
        layout=raw.layout,
        version=raw.version,
        feed=raw.feed,
        sender=raw.sender,
        names=tuple(raw.names),
        format=raw.format,
        side=raw.side,
        spec=raw.spec,
    )


def read_spec(layout: Layout, model: type[Model]) -> Model:
    """The format's own part of a layout, checked by its reader's model. Raises TerminalError naming the field."""
    return checked(model, layout.spec, f"Layout {layout.layout}", "spec")


def fit_name(layout: Layout, name: str) -> NameParts | None:
    """What ``name`` tells if it fits one of the layout's patterns, else None.

    A pattern is literal text with ``{date}`` (YYYYMMDD), ``{month}`` (YYYYMM) and ``{sequence}`` (digits).
    """
    for pattern in layout.names:
        expression = re.escape(pattern)
        for token, group in _TOKENS.items():
            expression = expression.replace(re.escape(token), group)
        found = re.fullmatch(expression, name)
        if found:
            groups = found.groupdict()
            return NameParts(file_date=_date(groups.get("date")), sequence=groups.get("sequence"))
    return None


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
