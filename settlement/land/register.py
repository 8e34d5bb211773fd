"""Stage ``land``: every delivered file is registered before anything in it is read.

The shell has already copied the content under its digest. Here a file gets its layout by its name, and the fates
that need no reading: an identical re-send of an accepted file, a name that no layout knows, a transfer that has not
ended, a marker, a detached signature, a file that waits for one, no file at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from settlement.errors import RetryableError, TerminalError
from settlement.land.signatures import Signatures, read_signatures
from settlement.model.arrival import Arrival, Layer, read_arrival, signed_name, unfinished_names, unwrapped
from settlement.model.clearing import Fate, Why
from settlement.model.expected import expected_on
from settlement.model.layout import Layout, NameParts, fit_name, read_layouts
from settlement.model.replay import replayed_name
from settlement.model.stage import Delivery, StageInput, StageOutput
from settlement.model.tables import TABLES

REGISTERED: Final = "registered"
"""The fate of a file that goes on to be read."""


def run(inputs: StageInput) -> StageOutput:
    """Register the night's files in table ``delivery``.

    Raises TerminalError where two layouts fit one name, RetryableError where a transfer has not ended or a feed has not
    come and the programme waits for such.
    """
    known = _known(inputs)
    rows = [_registered(delivery, known) for delivery in (*inputs.deliveries, *known.signatures.taken_up)]
    _wait_for_transfers(rows, known.arrival)
    _wait_for_feeds(rows, inputs)
    frame = pl.DataFrame(rows, schema=TABLES["delivery"].schema).sort("file")
    return StageOutput(tables={"delivery": frame})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a file is judged by: layouts, how feeds arrive, what was accepted before, and what else lies there."""

    layouts: tuple[Layout, ...]
    arrival: Arrival
    accepted: frozenset[tuple[str, str]]
    released: frozenset[tuple[str, str]]
    names: frozenset[str]
    markers: frozenset[str]
    signatures: Signatures


def _known(inputs: StageInput) -> _Known:
    layouts, signatures = read_layouts(inputs.documents), read_signatures(inputs)
    names = frozenset(delivery.name for delivery in (*inputs.deliveries, *signatures.taken_up))
    arrival, _ = read_arrival(inputs.documents)
    markers = {
        entry.marker.replace("{name}", name)
        for name in names
        for entry in arrival.feed
        if entry.marker and any(layout.feed == entry.feed for layout, _ in _fitting(name, layouts))
    }
    return _Known(
        layouts=layouts,
        arrival=arrival,
        accepted=_accepted(inputs),
        released=inputs.released,
        names=names,
        markers=frozenset(markers & names),
        signatures=signatures,
    )


def _whole(delivery: Delivery, layout: Layout | None, known: _Known) -> bool:
    """Whether the file's transfer has ended, by all that can be seen: its steadiness, its name, its marker."""
    if not delivery.steady or any(_fitting(name, known.layouts) for name in unfinished_names(delivery.name)):
        return False
    if layout is None or replayed_name(delivery.name) or delivery.signature:
        return True
    if (delivery.name, delivery.sha256) in known.signatures.waited:
        return True
    marker = known.arrival.of(layout.feed).marker
    return marker is None or marker.replace("{name}", delivery.name) in known.names


def _wait_for_transfers(rows: list[dict[str, object]], arrival: Arrival) -> None:
    """Landing closes the night's folder: what still comes in would be too late for it."""
    unfinished = [row["file"] for row in rows if row["why"] == Why.INCOMPLETE]
    if unfinished and arrival.unfinished == "wait":
        more = f" (and {len(unfinished) - 1} more)" if len(unfinished) > 1 else ""
        raise RetryableError(
            f"The transfer of {unfinished[0]}{more} has not ended: wait for it, or take the file away."
        )


def _wait_for_feeds(rows: list[dict[str, object]], inputs: StageInput) -> None:
    """A night does not begin without the feeds that the programme has it wait for."""
    night = inputs.business_date
    wanted = [entry.feed for entry in expected_on(inputs.documents, night) if entry.if_missing == "wait"]
    if not wanted:
        return
    came = {row["feed"] for row in rows if row["fate"] in {REGISTERED, Fate.DUPLICATE} and row["file_date"] == night}
    before = inputs.history["file"].filter(pl.col("fate") == Fate.ACCEPTED, pl.col("file_date") == night)
    missing = [feed for feed in wanted if feed not in came | set(before.select("feed").collect()["feed"])]
    if missing:
        raise RetryableError(
            f"The night {night} waits for {' and '.join(missing)}: deliver what is missing, or let the night go on "
            "without it by `if_missing` in config/programme.toml."
        )


def _accepted(inputs: StageInput) -> frozenset[tuple[str, str]]:
    """Name and digest of every file accepted on an earlier night; a locator is delivery folder, ``/``, name."""
    history = inputs.history["file"].filter(pl.col("fate") == Fate.ACCEPTED).select("file", "sha256").collect()
    return frozenset((str(file).split("/", 1)[1], str(sha256)) for file, sha256 in history.rows())


def _registered(delivery: Delivery, known: _Known) -> dict[str, object]:
    layout, parts = (None, None) if delivery.signature else _one_fitting(delivery, known.layouts)
    fate, why = _fate(delivery, layout, known)
    layers = () if replayed_name(delivery.name) or delivery.signature else unwrapped(delivery.name)[1]
    return {
        "file": delivery.file,
        "name": delivery.name,
        "sha256": delivery.sha256,
        "size_bytes": delivery.size_bytes,
        "container": "replay" if replayed_name(delivery.name) else "+".join(layers) or None,
        "layout": layout.layout if layout else None,
        "feed": layout.feed if layout else None,
        "sender": layout.sender if layout else None,
        "file_date": parts.file_date if parts else None,
        "sequence": parts.sequence if parts else None,
        "fate": fate,
        "why": why,
        "signatures": None if delivery.signature else known.signatures.text(delivery.name),
    }


def _fitting(name: str, layouts: tuple[Layout, ...]) -> list[tuple[Layout, NameParts]]:
    """The layouts that a file's own name fits, without what tells its containers, and what it tells."""
    name = replayed_name(name) or name
    # A signature whose transfer has not ended is known by the file that it is for.
    own, _ = unwrapped(signed_name(name) or name)
    return [(layout, parts) for layout in layouts if (parts := fit_name(layout, own)) is not None]


def _one_fitting(delivery: Delivery, layouts: tuple[Layout, ...]) -> tuple[Layout | None, NameParts | None]:
    """The one layout that the file's name fits and what the name tells; TerminalError where two fit."""
    found = _fitting(delivery.name, layouts)
    if len(found) > 1:
        names = " and ".join(layout.layout for layout, _ in found)
        raise TerminalError(
            f"The file {delivery.file!r} fits the layouts {names}: make their `names` exclude each other."
        )
    return found[0] if found else (None, None)


def _refused(delivery: Delivery, layout: Layout | None, known: _Known) -> Why | None:
    """Why a file is refused before it is read; None where it is not."""
    if not delivery.regular:
        return Why.NOT_A_FILE
    if not _whole(delivery, layout, known):
        return Why.INCOMPLETE
    if replayed_name(delivery.name) and (delivery.name, delivery.sha256) not in known.released:
        return Why.NOT_RELEASED
    return Why.WAITS_FOR_SIGNATURE if layout is not None and _waits_for_signature(delivery, layout, known) else None


def _fate(delivery: Delivery, layout: Layout | None, known: _Known) -> tuple[str, str | None]:
    if delivery.regular and delivery.name in known.markers:
        return Fate.MARKER.value, None
    refused = _refused(delivery, layout, known)
    if refused is not None:
        return Fate.REJECTED.value, refused.value
    if delivery.signature:
        return known.signatures.fate(delivery, known.names)
    if (delivery.name, delivery.sha256) in known.accepted:
        return Fate.DUPLICATE.value, Why.IDENTICAL_RESEND.value
    if layout is None:
        return Fate.NO_LAYOUT.value, Why.NO_LAYOUT_YET.value
    return REGISTERED, None


def _waits_for_signature(delivery: Delivery, layout: Layout, known: _Known) -> bool:
    """Whether only a signature beside it can make the file good. A replay was judged when its original came."""
    feed, own = known.arrival.of(layout.feed), Layer.OPENPGP in unwrapped(delivery.name)[1]
    waits = feed.signed and not feed.encrypted and not own and replayed_name(delivery.name) is None
    came = (delivery.name, delivery.sha256) in known.accepted or delivery.name in known.signatures.of
    return waits and not came
