"""The fate of each delivered file: accepted, rejected, duplicate or without a layout.

Files are judged in the order of business date and name, each against everything accepted before it. What makes two
files the same logical file is their identity: sender, feed, business date and the file's own id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.clearing import Fate, Why
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES

Row = Mapping[str, Any]

_SHUT: Final = frozenset({Why.TOO_LARGE, Why.NOT_SIGNED, Why.NOT_ENCRYPTED, Why.NOT_DECRYPTED})
"""Faults of files that were not opened."""
_UNCOUNTED: Final = frozenset({Why.TRUNCATED, Why.EMPTY, Why.UNREADABLE, *_SHUT})
"""Faults after which a file's record count means nothing."""
_NO_FILE_YET: Final = (
    "This is the signature of a file that has not come: ask for the file; the signature is kept and counts once it "
    "comes."
)
_UNREAD: Final = {
    Why.WAITS_FOR_SIGNATURE: (
        "The file waits for its signature: ask for it (the file's name and .sig or .asc); the file is kept and is "
        "taken up on the night on which it comes."
    ),
    Why.NOT_A_FILE: "This is a folder or a link: deliver the file itself.",
    Why.INCOMPLETE: "Its transfer had not ended when the night began: deliver the whole file with the next night.",
    Why.NOT_RELEASED: "This replay was not released for the night by two persons: use `settle quarantine replay`.",
}
"""What is said of files that are refused before they are read."""
_BYTES: Final = ("content_bytes", "accepted_bytes", "rejected_bytes", "control_bytes", "padding_bytes")


@dataclass(slots=True, kw_only=True)
class _Accepted:
    """The accepted files so far, by identity, and by name and digest."""

    by_identity: dict[str, Row] = field(default_factory=dict)
    by_content: dict[tuple[str, str], Row] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        self.by_identity.setdefault(row["identity"], row)
        self.by_content.setdefault((row["file"].split("/", 1)[1], row["sha256"]), row)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    """A fate, why, a sentence for a person, and for a duplicate the accepted file that it repeats."""

    fate: Fate
    why: Why | None = None
    detail: str | None = None
    twin: Row | None = None


def judge(inputs: StageInput) -> pl.DataFrame:
    """Table ``file``: one row with its fate for each row of ``delivery``, sorted by file.

    Raises TerminalError where a registered file was not read.
    """
    parsed = {row["file"]: row for row in inputs.tables["parsed_file"].iter_rows(named=True)}
    accepted = _Accepted()
    for row in _accepted_before(inputs):
        accepted.add(row)
    rows = []
    for delivery in sorted(inputs.tables["delivery"].iter_rows(named=True), key=_turn(parsed)):
        row = _judged(delivery, parsed.get(delivery["file"]), accepted, inputs.business_date)
        if row["fate"] == Fate.ACCEPTED:
            accepted.add(row)
        rows.append(row)
    return pl.DataFrame(rows, schema=TABLES["file"].schema).sort("file")


def _accepted_before(inputs: StageInput) -> Iterable[Row]:
    history = inputs.history["file"].filter(pl.col("fate") == Fate.ACCEPTED.value).sort("business_date", "file")
    return history.collect().iter_rows(named=True)


def _turn(parsed: Mapping[str, Row]) -> Any:
    def key(delivery: Row) -> tuple[date, str]:
        return _file_date(delivery, parsed.get(delivery["file"])) or date.min, delivery["name"]

    return key


def _file_date(delivery: Row, parsed: Row | None) -> date | None:
    found = (parsed["file_date"] if parsed else None) or delivery["file_date"]
    return found if isinstance(found, date) else None


def _judged(delivery: Row, parsed: Row | None, accepted: _Accepted, business_date: date) -> dict[str, Any]:
    """One row of ``file``."""
    judged = _fate(delivery, parsed, accepted, business_date)
    row: dict[str, Any] = dict.fromkeys(TABLES["file"].schema.names())
    row.update({name: delivery[name] for name in ("file", "sha256", "size_bytes", "container", "feed", "sender")})
    row.update(fate=judged.fate.value, why=judged.why and judged.why.value, detail=judged.detail)
    row["file_date"] = _file_date(delivery, parsed)
    if parsed is not None:
        row["sender"] = parsed["sender"] or delivery["sender"]
        row["identity"] = _identity(delivery, parsed)
        row["content_sha256"] = parsed["content_sha256"]
        row["records"] = None if parsed["fault"] in _UNCOUNTED else parsed["records"]
        row.update({name: parsed[name] for name in _BYTES})
    if judged.twin is not None:
        row.update({name: judged.twin[name] for name in ("records", "identity", "file_date", "sender")})
    if judged.fate is Fate.ACCEPTED and parsed is not None:
        for name in ("net_settlement_minor", "net_settlement_currency", "payout_text"):
            row[name] = parsed[name]
    return row


def _fate(delivery: Row, parsed: Row | None, accepted: _Accepted, business_date: date) -> _Judgement:
    """The fate that ``land`` gave the file, or the one that follows from what was read."""
    if delivery["fate"] == Fate.NO_LAYOUT:
        text = "No layout fits this name: add one to config/layouts and deliver the file again; the original is kept."
        return _Judgement(fate=Fate.NO_LAYOUT, why=Why(delivery["why"] or Why.NO_LAYOUT_YET), detail=text)
    if delivery["fate"] == Fate.MARKER:
        return _Judgement(fate=Fate.MARKER)
    if delivery["fate"] == Fate.SIGNATURE:
        waits = delivery["why"] == Why.WAITS_FOR_FILE
        return _Judgement(
            fate=Fate.SIGNATURE, why=Why.WAITS_FOR_FILE if waits else None, detail=_NO_FILE_YET if waits else None
        )
    if delivery["fate"] == Fate.REJECTED:
        why = Why(delivery["why"] or Why.NOT_A_FILE)
        return _Judgement(fate=Fate.REJECTED, why=why, detail=_UNREAD[why])
    if delivery["fate"] == Fate.DUPLICATE:
        return _resent(accepted.by_content.get((delivery["name"], delivery["sha256"])))
    if parsed is None:
        raise TerminalError(f"{delivery['file']} is registered but was not read: run the stage parse again.")
    return _read_fate(delivery, parsed, accepted, business_date)


def _read_fate(delivery: Row, parsed: Row, accepted: _Accepted, business_date: date) -> _Judgement:
    """The fate of a file that was read. That it was accepted before weighs more than what is wrong inside it."""
    # What stayed shut is nobody's twin: its name alone does not tell what it is.
    twin = None if parsed["fault"] in _SHUT else accepted.by_identity.get(_identity(delivery, parsed))
    if twin is not None and _digest(twin) == (parsed["content_sha256"] or delivery["sha256"]):
        return _resent(twin)
    if twin is not None:
        text = (
            f"{twin['file']} is the same logical file with other content and was accepted before: nothing of this one "
            f"is used. Ask {delivery['sender']} which of the two is right."
        )
        return _Judgement(fate=Fate.REJECTED, why=Why.SAME_FILE_ID_DIFFERENT_CONTENT, detail=text)
    if parsed["fault"] is not None:
        return _Judgement(fate=Fate.REJECTED, why=Why(parsed["fault"]), detail=parsed["detail"])
    file_date = _file_date(delivery, parsed)
    if file_date is not None and file_date < business_date:
        days = (business_date - file_date).days
        text = f"The file belongs to {file_date} and came {days} night{'s' if days > 1 else ''} late."
        return _Judgement(fate=Fate.ACCEPTED, why=Why.LATE, detail=text)
    return _Judgement(fate=Fate.ACCEPTED)


def _digest(row: Row) -> str:
    """What tells the content of an accepted file, however it was packed."""
    return str(row["content_sha256"] or row["sha256"])


def _resent(twin: Row | None) -> _Judgement:
    first = "on an earlier night" if twin is None else f"as {twin['file']}"
    text = f"The same bytes were accepted {first}: nothing changes and nothing is to be done."
    return _Judgement(fate=Fate.DUPLICATE, why=Why.IDENTICAL_RESEND, detail=text, twin=twin)


def _identity(delivery: Row, parsed: Row) -> str:
    """Sender, feed, business date and the file's own id; the sequence in the name where the id cannot be read."""
    file_date = _file_date(delivery, parsed)
    own = parsed["internal_id"] or f"name {delivery['sequence'] or ''}".strip()
    sender = parsed["sender"] or delivery["sender"] or ""
    return "|".join((sender, delivery["feed"] or "", "" if file_date is None else file_date.isoformat(), own))
