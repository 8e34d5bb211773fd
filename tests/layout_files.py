"""Readers of declared layouts on content made in a test: one call from layout and bytes to what was read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from settlement import store
from settlement.model.layout import Layout, fit_name, read_layouts
from settlement.model.stage import CardKey
from settlement.model.tables import TABLES
from settlement.parse.cards import Cards
from settlement.parse.files import READERS
from settlement.parse.source import Parsed, Source

CARD_KEY = CardKey(key_id="test", secret=bytes(range(32)))
LAYOUTS = Path(__file__).resolve().parents[1] / "settlement" / "parse" / "layouts"


def layout(name: str) -> Layout:
    """One of the layouts that come with the product."""
    return layout_of((LAYOUTS / f"{name}.toml").read_text(encoding="utf-8"))


def layout_of(text: str) -> Layout:
    """The layout of a TOML text."""
    return read_layouts({"layouts/made.toml": text})[0]


def read(of: Layout, name: str, content: bytes | str, delivered_on: date = date(2024, 3, 1)) -> Parsed:
    """Read one made file; its tables are checked against their schemas, and its rows against its line count."""
    parts = fit_name(of, name)
    assert parts is not None, name
    data = content.encode() if isinstance(content, str) else content
    source = Source(
        file=f"{delivered_on}/{name}",
        content=memoryview(data),
        delivered_on=delivered_on,
        file_date=parts.file_date,
        sequence=parts.sequence,
        layout=of,
        cards=Cards((CARD_KEY,)),
    )
    parsed = READERS[of.format](source)
    for table, frame in parsed.tables.items():
        store.checked(TABLES[f"parsed_{table}"], frame)
    return parsed
