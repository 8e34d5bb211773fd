"""Stage ``parse``: each registered file becomes candidate records, rejects, control records and control totals.

One unit is one file. What was put around it is taken off, the format named by its layout chooses the reader, and what
a file cannot give is an empty table. A replay is read as the file that it comes from, with the repaired records in
their places, and gives those records alone. Card numbers end here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.arrival import Arrival, Refused, read_arrival, signature_digests, unwrapped
from settlement.model.clearing import Why
from settlement.model.layout import Layout, read_layouts
from settlement.model.records import CANDIDATES
from settlement.model.replay import Replay, replayed_name
from settlement.model.stage import Part, StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.parse import (
    bai2,
    camt053,
    camt054,
    delimited,
    fixed_width,
    json_lines,
    mastercard_ipm,
    mt940,
    parquet,
    visa_ctf,
    workbook,
)
from settlement.parse.cards import Cards
from settlement.parse.container import opened
from settlement.parse.kept import KeptRows, Places
from settlement.parse.record_bytes import encoding_of, patched, places
from settlement.parse.references import without_card_numbers
from settlement.parse.source import ByteCount, Parsed, Source, unseen

READERS: Final[Mapping[str, Callable[[Source], Parsed]]] = {
    "bai2": bai2.read,
    "camt053": camt053.read,
    "camt054": camt054.read,
    "delimited": delimited.read,
    "fixed_width": fixed_width.read,
    "json_lines": json_lines.read,
    "mastercard_ipm": mastercard_ipm.read,
    "mt940": mt940.read,
    "parquet": parquet.read,
    "visa_ctf": visa_ctf.read,
    "workbook": workbook.read,
}
NO_FILES: Final = "none"
"""The unit of a night that has nothing to read."""

_LOCATED: Final = ("clearing", "statement_entry", "reject", "control_record")
_NUMBERED_BY: Final = {"bank_detail": "entry"}
"""Tables whose own numbers are not those of the file's records. Statements have no record: a replay tells none."""
_PACKED_FORMATS: Final = frozenset({"workbook"})
"""Formats that are archives themselves."""
_OF_LINES: Final = frozenset({"bai2", "delimited", "fixed_width", "json_lines", "mt940"})
_ENDED_BY_RETURN: Final = frozenset({"bai2", "mt940"})
"""Formats of lines, and those that take a carriage return alone for the end of one."""
MOST_IN_A_LINE: Final = 64 * 2**20
"""Bytes without a line's end that no honest file of lines has; a longer line would be read into memory whole."""
_LOOK: Final = 2**14
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was found in a delivered file: its content, or the delivered bytes and why they stay shut."""

    content: memoryview
    sha256: str | None
    refused: Refused | None = None
    replay: Replay | None = None


def plan(inputs: StageInput) -> tuple[str, ...]:
    """The registered files of the night, sorted; the one unit ``none`` where there are none."""
    registered = inputs.tables["delivery"].filter(pl.col("fate") == "registered")
    return tuple(sorted(registered["file"].to_list())) or (NO_FILES,)


def run(inputs: StageInput) -> StageOutput:
    """Read one file. What is wrong with its content comes back as data; a layout that fits no reader raises."""
    tables = {name: TABLES[name].empty() for name in _table_names()}
    if inputs.unit == NO_FILES:
        return StageOutput(tables=tables)
    delivery = inputs.tables["delivery"].row(by_predicate=pl.col("file") == inputs.unit, named=True)
    layout = layout_of(inputs, str(delivery["layout"]))
    found = open_delivered(inputs, delivery, layout)
    # A replay gives few records; all of them are looked at again behind its reader.
    kept = KeptRows(inputs.unit, inputs.keep) if inputs.keep is not None and found.replay is None else None
    source = _source(inputs, delivery, layout, found.content, kept)
    parsed = without_card_numbers(_read(source, found, kept, read_arrival(inputs.documents)[0]))
    _require_one_place(source.file, parsed, kept)
    for name, frame in parsed.tables.items():
        tables[f"parsed_{name}"] = frame
    tables["parsed_reject_place"] = _reject_places(source, parsed)
    if found.replay is not None:
        tables["parsed_replay"] = _replay_rows(source.file, found.replay)
    tables["parsed_file"] = _file_row(source, found, parsed)
    tables["parsed_control_total"] = _control_rows(source.file, parsed)
    tables["parsed_card_token"] = source.cards.met().select(pl.lit(source.file).alias("file"), pl.all())
    source.seen(len(source.content), parsed.records or 0)
    if kept is None or not kept.parts or "clearing" not in parsed.tables:
        return StageOutput(tables=tables)
    last = Part(rows=tables.pop("parsed_clearing").lazy())
    return StageOutput(tables=tables, parts={"parsed_clearing": (*kept.parts, last)})


def _table_names() -> tuple[str, ...]:
    others = ("parsed_file", "parsed_control_total", "parsed_card_token", "parsed_reject_place", "parsed_replay")
    return (*others, *(f"parsed_{name}" for name in CANDIDATES))


def layout_of(inputs: StageInput, name: str) -> Layout:
    """The layout of that name; TerminalError where it is gone or no reader knows its format."""
    for layout in read_layouts(inputs.documents):
        if layout.layout == name:
            if layout.format not in READERS:
                known = ", ".join(sorted(READERS))
                raise TerminalError(f"Layout {name} has the format {layout.format!r}: write one of {known}.")
            return layout
    raise TerminalError(f"Layout {name} is gone from config/layouts: put it back, files were registered with it.")


def open_delivered(inputs: StageInput, delivery: Mapping[str, object], layout: Layout) -> Opened:
    """The file inside a delivered one; of a replay, the original with the repaired records."""
    arrival, limits = read_arrival(inputs.documents)
    if inputs.content is None:
        raise TypeError("the stage parse needs the files' content")
    delivered = inputs.content(str(delivery["sha256"]))
    name, replay, outside = str(delivery["name"]), None, delivered
    original = replayed_name(name)
    if original is not None:
        if inputs.replayed is None:
            raise TypeError("a replay needs a way to open it")
        unsealed = inputs.replayed(delivered)
        if isinstance(unsealed, Refused):
            return Opened(content=delivered, sha256=None, refused=unsealed)
        name, replay, outside = original, unsealed, inputs.content(unsealed.original_sha256)
    feed, signed = arrival.of(layout.feed), _signed_outside(inputs, delivery)
    wrong = inputs.verify(outside, feed, signed) if inputs.verify and feed.signed and signed else None
    content = wrong or opened(
        outside,
        unwrapped(name)[1],
        feed,
        limits,
        inputs.decrypt,
        # The original of a replay was accepted with its signature, and the replay names it by its digest.
        signed=bool(signed) or replay is not None,
        archive=layout.format in _PACKED_FORMATS,
    )
    if isinstance(content, Refused):
        return Opened(content=delivered, sha256=None, refused=content, replay=replay)
    if replay is not None:
        repaired = {number: record.content for number, record in replay.records.items()}
        content = memoryview(patched(content, layout, repaired))
    same = content is delivered
    sha256 = str(delivery["sha256"]) if same else hashlib.sha256(content).hexdigest()
    return Opened(content=content, sha256=sha256, replay=replay)


def _signed_outside(inputs: StageInput, delivery: Mapping[str, object]) -> tuple[memoryview, ...]:
    """The detached signatures that came for a file."""
    told = delivery["signatures"]
    digests = signature_digests(told if isinstance(told, str) else None)
    return tuple(inputs.content(one) for one in digests) if inputs.content else ()


def _source(
    inputs: StageInput, delivery: Mapping[str, object], layout: Layout, content: memoryview, kept: KeptRows | None
) -> Source:
    if not inputs.card_keys:
        raise TypeError("the stage parse needs a card key")
    file_date = delivery["file_date"]
    return Source(
        file=str(delivery["file"]),
        content=content,
        delivered_on=inputs.business_date,
        file_date=file_date if isinstance(file_date, date) else None,
        sequence=None if delivery["sequence"] is None else str(delivery["sequence"]),
        layout=layout,
        cards=Cards(inputs.card_keys, inputs.history["card_token"].select("token", "card_ref").collect()),
        bounds=inputs.bounds,
        keep=None if kept is None else kept.take,
        seen=inputs.seen or unseen,
    )


def read_source(source: Source) -> Parsed:
    """The file through the reader of its layout; one that runs on without lines is refused before it is read."""
    endless = _endless(source)
    if endless is None:
        return READERS[source.layout.format](source)
    sentence = (
        f"The file cannot be used: no line ends in the {MOST_IN_A_LINE} bytes from byte {endless} on. "
        f"Ask {source.layout.sender} to send it again."
    )
    return Parsed(sender=source.layout.sender, file_date=source.file_date, fault=Why.UNREADABLE, detail=sentence)


def _endless(source: Source) -> int | None:
    """Where so many bytes without a line's end begin in a file of lines, counted from 1; None where none do."""
    content, layout = source.content, source.layout
    if layout.format not in _OF_LINES or layout.spec.get("line_end", "lf") != "lf":
        return None
    written = "\n".encode(encoding_of(layout))
    feed = b"\n" if b"\n" in written else written[-1:]
    for first in range(0, len(content) - MOST_IN_A_LINE + 1, MOST_IN_A_LINE):
        # Lines are short as a rule: the first look tells.
        for at in range(first, first + MOST_IN_A_LINE, _LOOK):
            part = bytes(content[at : at + _LOOK])
            if feed in part or (layout.format in _ENDED_BY_RETURN and b"\r" in part):
                break
        else:
            return first + 1
    return None


def _read(source: Source, found: Opened, kept: KeptRows | None, arrival: Arrival) -> Parsed:
    """The file through the reader of its layout, with the faults that all formats share."""
    if found.refused is not None:
        return Parsed(fault=found.refused.why, detail=f"The file {found.refused.detail}.")
    if len(source.content) == 0:
        sentence = f"The file is empty: ask {source.layout.sender} to send it again."
        return Parsed(fault=Why.EMPTY, detail=sentence)
    parsed = read_source(source)
    if found.replay is not None:
        return _replayed(parsed, found.replay)
    most = arrival.of(source.layout.feed).most_rejects_ppm
    return _few_enough(source, _judged(source, parsed), kept.height if kept else 0, most)


def _judged(source: Source, parsed: Parsed) -> Parsed:
    """The file with the fault CONTROL_TOTAL_MISMATCH where a total does not re-add and nothing worse was found."""
    wrong = [total for total in parsed.controls if not total.agrees]
    if parsed.fault is not None or not wrong:
        return parsed
    first, more = wrong[0], f" ({len(wrong)} totals differ)" if len(wrong) > 1 else ""
    rejects = parsed.tables.get("reject", TABLES["parsed_reject"].empty())
    unread = f"; record {rejects['record'][0]} could not be used ({rejects['field'][0]})" if rejects.height else ""
    detail = (
        f"Total {first.control}: the file declares {first.declared}, its records give {first.computed}{more}{unread}: "
        f"ask {source.layout.sender} for a corrected file."
    )
    return replace(parsed, fault=Why.CONTROL_TOTAL_MISMATCH, detail=detail)


def _few_enough(source: Source, parsed: Parsed, kept: int, most_ppm: int | None) -> Parsed:
    """The file with the fault TOO_MANY_REJECTS where more of its rows are bad than its feed declares."""
    if parsed.fault is not None or most_ppm is None or "reject" not in parsed.tables:
        return parsed
    bad = parsed.tables["reject"].height
    rows = kept + sum(frame.height for name, frame in parsed.tables.items() if name != "control_record")
    if bad * _MILLION <= most_ppm * rows:
        return parsed
    detail = (
        f"{bad} of {rows} rows could not be used, more than the {most_ppm} in a million that "
        f"{source.layout.feed} allows: ask {source.layout.sender} for a corrected file."
    )
    return replace(parsed, fault=Why.TOO_MANY_REJECTS, detail=detail)


def _replayed(parsed: Parsed, replay: Replay) -> Parsed:
    """The replayed records alone. Totals and settlement are the original's: they count its bad rows already."""
    records = list(replay.records)
    tables = {
        name: frame.filter(pl.col(_NUMBERED_BY.get(name, "record")).is_in(records))
        for name, frame in parsed.tables.items()
        if name != "bank_statement"
    }
    rejected = tables["reject"]["record"].to_list() if "reject" in tables else []
    bad = sum(len(replay.records[record].content) for record in rejected)
    good = sum(len(record.content) for record in replay.records.values()) - bad
    return Parsed(
        sender=parsed.sender,
        file_date=parsed.file_date,
        internal_id=f"{parsed.internal_id or ''} replay {replay.token}".strip(),
        mode=parsed.mode,
        records=len(records),
        fault=parsed.fault,
        detail=parsed.detail,
        bytes=ByteCount(accepted=good, rejected=bad),
        tables=tables,
    )


def _require_one_place(file: str, parsed: Parsed, kept: KeptRows | None) -> None:
    """Each row of a file is in exactly one of records, rejects and control records; anything else is our fault."""
    places = kept.places if kept else Places(file)
    for name in _LOCATED:
        if name in parsed.tables:
            places.take(parsed.tables[name]["record"])


def _content_bytes(source: Source, found: Opened) -> int:
    """The bytes that count: of a replay its records', for all else was counted when the original came."""
    if found.replay is None or found.refused is not None:
        return len(source.content)
    return sum(len(record.content) for record in found.replay.records.values())


def _file_row(source: Source, found: Opened, parsed: Parsed) -> pl.DataFrame:
    size = _content_bytes(source, found)
    count = ByteCount(rejected=size) if parsed.fault is not None else parsed.bytes
    row = {
        "file": source.file,
        "sender": parsed.sender or source.layout.sender,
        "file_date": parsed.file_date or source.file_date,
        "internal_id": parsed.internal_id,
        "mode": parsed.mode,
        "records": parsed.records,
        "content_sha256": found.sha256,
        "content_bytes": size,
        "accepted_bytes": count and count.accepted,
        "rejected_bytes": count and count.rejected,
        "control_bytes": count and count.control,
        "padding_bytes": count and count.padding,
        "net_settlement_minor": parsed.net_settlement_minor,
        "net_settlement_currency": parsed.net_settlement_currency,
        "payout_text": parsed.payout_text,
        "fault": None if parsed.fault is None else parsed.fault.value,
        "detail": parsed.detail,
    }
    return pl.DataFrame([row], schema=TABLES["parsed_file"].schema)


def _reject_places(source: Source, parsed: Parsed) -> pl.DataFrame:
    """Where the rejected records lie in the file, as far as bytes can tell."""
    schema = TABLES["parsed_reject_place"].schema
    if "reject" not in parsed.tables or parsed.tables["reject"].is_empty():
        return pl.DataFrame(schema=schema)
    told = parsed.rejected_at
    if told is None:
        found = places(source.content, source.layout, parsed.tables["reject"]["record"].to_list())
        told = {record: (place.offset, place.length) for record, place in found.items()}
    rows = [(source.file, record, *place) for record, place in sorted(told.items())]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _replay_rows(file: str, replay: Replay) -> pl.DataFrame:
    rows = [
        (file, record.record, replay.original_file, record.reject_id, record.repaired_by, record.replayed_by)
        for _, record in sorted(replay.records.items())
    ]
    return pl.DataFrame(rows, schema=TABLES["parsed_replay"].schema, orient="row")


def _control_rows(file: str, parsed: Parsed) -> pl.DataFrame:
    rows = [
        {
            "file": file,
            "control": total.control,
            "declared": total.declared,
            "computed": total.computed,
            "agrees": total.agrees,
        }
        for total in parsed.controls
    ]
    return pl.DataFrame(rows, schema=TABLES["parsed_control_total"].schema)
