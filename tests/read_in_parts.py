"""A file read in parts beside the same file read whole: it says the same, whatever the parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from settlement.model.stage import Bounds
from settlement.parse.source import Parsed, Source

Reader = Callable[[Source], Parsed]


def read_in_parts(read: Reader, source: Source, part_bytes: int, part_rows: int) -> tuple[Parsed, list[pl.DataFrame]]:
    """The file as read in parts, and its clearing rows that were handed on."""
    kept: list[pl.DataFrame] = []
    bounds = Bounds(part_bytes=part_bytes, part_rows=part_rows)
    return read(replace(source, bounds=bounds, keep=kept.append)), kept


def assert_same_in_parts(read: Reader, source: Source, part_bytes: int, part_rows: int) -> None:
    """Assert that parts of that size give what the whole gives, and are handed on in full."""
    assert_parts_say(read(source), read, source, part_bytes, part_rows)


def assert_parts_say(whole: Parsed, read: Reader, source: Source, part_bytes: int, part_rows: int) -> None:
    """As ``assert_same_in_parts``, where the file was read whole already."""
    parsed, kept = read_in_parts(read, source, part_bytes, part_rows)
    assert all(rows.height == part_rows for rows in kept)
    if "clearing" in parsed.tables:
        clearing = pl.concat([*kept, parsed.tables["clearing"]])
        parsed = replace(parsed, tables={**parsed.tables, "clearing": clearing})
    assert replace(parsed, tables={}) == replace(whole, tables={})
    assert parsed.tables.keys() == whole.tables.keys()
    for name, rows in whole.tables.items():
        assert parsed.tables[name].equals(rows), name
