"""A layout tried on one file, as a person looks at it: what was read, the first rows, every complaint.

Nothing is kept. Cards are referred to under a key that is thrown away, and every text that is shown is masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.layout import Layout, fit_name, read_layouts
from settlement.model.stage import CardKey
from settlement.parse.candidates import shown
from settlement.parse.cards import Cards, mask_texts
from settlement.parse.files import READERS, read_source
from settlement.parse.source import Parsed, Source

_THROWN_AWAY: Final = CardKey(key_id="none", secret=bytes(32))
_OF_THE_READER: Final = ("file", "side", "feed", "delivered_on", "posting_date", "card_ref")
_SAMPLE_DAY: Final = date(2000, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a layout makes of a file.

    Attributes
    ----------
    layout, parsed:
        The layout, and the file as read.
    named:
        Whether the file's name is one of the layout's.
    rows:
        For each table the first rows, masked, with the columns that hold something.
    heights:
        For each table its number of rows.
    """

    layout: Layout
    parsed: Parsed
    named: bool
    rows: Mapping[str, pl.DataFrame]
    heights: Mapping[str, int]


def try_layout(document: str, layout_name: str, name: str, content: bytes, *, day: date | None, most: int) -> Tried:
    """Read a file by a layout.

    Parameters
    ----------
    document, layout_name
        The layout's TOML, and the name of its file for messages.
    name, content
        The file.
    day
        Its business date where neither its name nor its header tells one.
    most
        Rows of each table to show.

    Raises
    ------
    TerminalError
        With one sentence, where the layout is none.
    """
    layout = read_layouts({f"layouts/{layout_name}": document})[0]
    if layout.format not in READERS:
        known = ", ".join(sorted(READERS))
        raise TerminalError(f"Layout {layout.layout} has the format {layout.format!r}: write one of {known}.")
    parts = fit_name(layout, name)
    told = parts.file_date if parts else None
    source = Source(
        file=f"sample/{name}",
        content=memoryview(content),
        delivered_on=day or told or _SAMPLE_DAY,
        file_date=told or day,
        sequence=parts.sequence if parts else None,
        layout=layout,
        cards=Cards((_THROWN_AWAY,)),
    )
    parsed = read_source(source)
    tables = {table: frame for table, frame in parsed.tables.items() if frame.height}
    return Tried(
        layout=layout,
        parsed=parsed,
        named=parts is not None,
        rows={table: _shown(frame.head(most)) for table, frame in tables.items()},
        heights={table: frame.height for table, frame in tables.items()},
    )


def complaints(tried: Tried) -> list[tuple[int, str, str, str]]:
    """Every reject: its place, reason, field and masked content."""
    rejects = tried.parsed.tables.get("reject")
    if rejects is None:
        return []
    return [
        (int(r), str(why), str(field), shown(text or ""))
        for r, why, field, text in rejects.select("record", "reason", "field", "preview").rows()
    ]


def _shown(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that hold something and are not the same in every row of every file, card numbers masked."""
    kept = [name for name in frame.columns if name not in _OF_THE_READER and frame[name].null_count() < frame.height]
    texts = [name for name in kept if frame.schema[name] == pl.String]
    return frame.select(kept).with_columns(
        pl.col(name).map_batches(mask_texts, return_dtype=pl.String) for name in texts
    )
