"""Stage ``land``: every delivered file is registered before anything in it is read.

The shell has already copied the content under its digest. Here a file gets its layout by its name, and the fates
that need no reading: an identical re-send of an accepted file, a name that no layout knows, no file at all.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.clearing import Fate, Why
from settlement.model.layout import Layout, NameParts, fit_name, read_layouts
from settlement.model.stage import Delivery, StageInput, StageOutput
from settlement.model.tables import TABLES

REGISTERED: Final = "registered"
"""The fate of a file that goes on to be read."""


def run(inputs: StageInput) -> StageOutput:
    """Register the night's files in table ``delivery``. Raises TerminalError where two layouts fit one name."""
    layouts = read_layouts(inputs.documents)
    accepted = _accepted(inputs)
    rows = [_registered(delivery, layouts, accepted) for delivery in inputs.deliveries]
    frame = pl.DataFrame(rows, schema=TABLES["delivery"].schema).sort("file")
    return StageOutput(tables={"delivery": frame})


def _accepted(inputs: StageInput) -> frozenset[tuple[str, str]]:
    """Name and digest of every file accepted on an earlier night; a locator is delivery folder, ``/``, name."""
    history = inputs.history["file"].filter(pl.col("fate") == Fate.ACCEPTED).select("file", "sha256").collect()
    return frozenset((str(file).split("/", 1)[1], str(sha256)) for file, sha256 in history.rows())


def _registered(
    delivery: Delivery, layouts: tuple[Layout, ...], accepted: frozenset[tuple[str, str]]
) -> dict[str, object]:
    layout, parts = _fitting(delivery, layouts)
    fate, why = _fate(delivery, layout, accepted)
    return {
        "file": delivery.file,
        "name": delivery.name,
        "sha256": delivery.sha256,
        "size_bytes": delivery.size_bytes,
        "layout": layout.layout if layout else None,
        "feed": layout.feed if layout else None,
        "sender": layout.sender if layout else None,
        "file_date": parts.file_date if parts else None,
        "sequence": parts.sequence if parts else None,
        "fate": fate,
        "why": why,
    }


def _fitting(delivery: Delivery, layouts: tuple[Layout, ...]) -> tuple[Layout | None, NameParts | None]:
    """The one layout that the file's name fits and what the name tells; TerminalError where two fit."""
    found = [(layout, parts) for layout in layouts if (parts := fit_name(layout, delivery.name)) is not None]
    if len(found) > 1:
        names = " and ".join(layout.layout for layout, _ in found)
        raise TerminalError(
            f"The file {delivery.file!r} fits the layouts {names}: make their `names` exclude each other."
        )
    return found[0] if found else (None, None)


def _fate(delivery: Delivery, layout: Layout | None, accepted: frozenset[tuple[str, str]]) -> tuple[str, str | None]:
    if not delivery.regular:
        return Fate.REJECTED.value, Why.NOT_A_FILE.value
    if (delivery.name, delivery.sha256) in accepted:
        return Fate.DUPLICATE.value, Why.IDENTICAL_RESEND.value
    if layout is None:
        return Fate.NO_LAYOUT.value, Why.NO_LAYOUT_YET.value
    return REGISTERED, None
