"""Reader of Mastercard IPM clearing files (T112).

A file is a header message (1644/697), details (1240, 1442, 1740), a financial position (1644/685) for each pair of
transaction and reconciliation currency, and a trailer (1644/695). It is read whole or not at all, by the edition of its
layout that is in force on its own date, in ASCII or EBCDIC as its first message is. A detail that
cannot be used is a reject and stays in every total. Addenda (1644/696) belong to the presentment before them; what the
network returns (691, 699) and its settlement and currency summaries (688, 680) are control records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from settlement.model.clearing import Why
from settlement.model.tables import TABLES
from settlement.parse.editions import edition_on
from settlement.parse.kept import handed_on
from settlement.parse.mastercard_frames import LENGTH_BYTES, Framed, Stream, read_stream
from settlement.parse.mastercard_layout import Edition, IpmSpec, read_layout
from settlement.parse.mastercard_messages import code_page, cut_messages
from settlement.parse.mastercard_rows import WANTED, clearing_and_rejects, presented_last, read_messages
from settlement.parse.mastercard_totals import (
    Administration,
    Totals,
    contradiction,
    control_records,
    control_totals,
    date_of,
    first_date,
    net_settlement,
    read_administration,
    totals_of,
)
from settlement.parse.source import ByteCount, Parsed, Source
from settlement.parse.spans import Alphabet

_MODES: Final = {"T", "P", None}
_MOST_LOOKED_AT: Final = 10_000
_TABLES: Final = ("clearing", "reject", "control_record")


def read(source: Source) -> Parsed:
    """Read one file. Its records are messages, located by their number from 1; amounts are minor units of DE50."""
    spec, editions = read_layout(source.layout)
    framed = read_stream(source.content, spec, source.bounds.part_bytes)
    for why, sentence in _torn(source, spec, framed):
        return _fault(why, sentence)
    signs = code_page(framed.first, spec)
    edition = _edition(source, spec, editions, framed.first, signs)
    if signs is None or isinstance(edition, str):
        return _fault(Why.UNREADABLE, str(edition))
    return _read(source, spec, framed, edition, signs)


def _torn(source: Source, spec: IpmSpec, framed: Framed) -> Iterator[tuple[Why, str]]:
    """Why a file is no whole stream of messages."""
    sender, count = source.layout.sender, framed.count
    look_alike = _look_alike(source, spec, framed.first)
    if look_alike:
        what = f"The file is {look_alike}, not IPM clearing"
        yield Why.UNREADABLE, f"{what}: ask {sender} for the clearing file."
    if framed.surplus:
        what = f"The file goes on behind its end mark, after {count} messages"
        yield Why.UNREADABLE, f"{what}: ask {sender} to send it again."
    if not framed.whole:
        what = f"The file is cut short after {count} whole messages"
        yield Why.TRUNCATED, f"{what}: ask {sender} to send it again."


def _edition(
    source: Source, spec: IpmSpec, editions: Sequence[Edition], stream: Stream, signs: Alphabet | None
) -> Edition | str:
    """The edition in force on the date that the header tells, or why there is none."""
    days = [] if signs is None else [first_date(stream, edition, signs) for edition in editions]
    told = [day for day in days if day is not None]
    if not told:
        pages = f"{spec.encoding} or {spec.ebcdic}"
        what = f"The file does not start with one header message (1644/697) in {pages} whose PDS0105 tells a date"
        return f"{what}: ask {source.layout.sender} whether it is IPM clearing."
    in_force = [one for one, day in zip(editions, days, strict=True) if day and edition_on(editions, day) is one]
    if not in_force:
        what = f"Layout {source.layout.layout} has no edition for {told[0]}"
        return f"{what}: add one with its valid_from and source."
    return in_force[-1]


def _read(source: Source, spec: IpmSpec, framed: Framed, edition: Edition, signs: Alphabet) -> Parsed:
    """The file part by part: what its parts tell is added up, and its clearing rows are handed on as they come."""
    day = first_date(framed.first, edition, signs)
    if day is None:
        raise ValueError("the header tells no date")
    found, totals, count, presented = Administration(), Totals(), ByteCount(), 0
    held: dict[str, list[pl.DataFrame]] = {name: [TABLES[f"parsed_{name}"].empty()] for name in _TABLES}
    rejected_at: dict[int, tuple[int, int]] = {}
    for stream in framed.parts():
        frame = read_messages(messages := cut_messages(stream, edition, signs, WANTED), edition, presented)
        told = read_administration(stream, edition, signs, frame)
        tables = clearing_and_rejects(source, day, messages, frame)
        tables["control_record"] = control_records(source.file, told)
        for name, rows in tables.items():
            held[name].append(rows)
        held["clearing"] = handed_on(source, held["clearing"])
        rejected_at |= framed.places(stream, tables["reject"]["record"].to_list())
        found, totals, count = (
            found + replace(told, others=()),
            totals + totals_of(frame),
            count + _counted(stream, tables),
        )
        presented = presented_last(frame)
        source.seen(framed.read_up_to(stream), totals.messages)
    for why, sentence in _complaints(source, spec, framed.count, found):
        return _fault(why, sentence)
    net, currency = net_settlement(totals)
    mode = found.headers[0]["PDS0122"]
    return Parsed(
        sender=source.layout.sender,
        file_date=day,
        internal_id=str(found.headers[0]["PDS0105"]),
        mode=None if mode is None else str(mode),
        records=totals.messages,
        net_settlement_minor=net,
        net_settlement_currency=currency,
        controls=control_totals(found, totals),
        tables={name: pl.concat(rows) for name, rows in held.items()},
        bytes=count + _filling(len(source.content), count),
        rejected_at=rejected_at,
    )


def _look_alike(source: Source, spec: IpmSpec, stream: Stream) -> str | None:
    """What a file is that only looks like clearing: by its first bytes, or by how one of its first records begins."""
    named = spec.refused.get(str(int.from_bytes(source.content[:4], "big")))
    if named is not None or code_page(stream, spec) is not None:
        return named
    marks = {
        mark.encode(page): what for mark, what in spec.refused_texts.items() for page in (spec.encoding, spec.ebcdic)
    }
    longest = max(map(len, marks), default=0)
    for first, size in zip(stream.base[:_MOST_LOOKED_AT].tolist(), stream.size.tolist(), strict=False):
        record = stream.data[first : first + min(size, longest)].tobytes()
        found = next((what for mark, what in marks.items() if record.startswith(mark)), None)
        if found is not None:
            return found
    return None


def _counted(stream: Stream, tables: Mapping[str, pl.DataFrame]) -> ByteCount:
    """Where the bytes of some messages went, each with its length."""
    whole = stream.size.astype(np.int64) + LENGTH_BYTES
    accepted, rejected = (
        int(whole[tables[name]["record"].unique().to_numpy() - stream.before - 1].sum())
        for name in ("clearing", "reject")
    )
    return ByteCount(accepted=accepted, rejected=rejected, control=int(whole.sum()) - accepted - rejected)


def _filling(size: int, messages: ByteCount) -> ByteCount:
    """The end mark as control, and what fills up blocks, of a file of ``size`` bytes."""
    told = messages.accepted + messages.rejected + messages.control
    return ByteCount(control=LENGTH_BYTES, padding=size - told - LENGTH_BYTES)


def _complaints(source: Source, spec: IpmSpec, last: int, found: Administration) -> Iterator[tuple[Why, str]]:
    """What is wrong with header and trailer, the worst first; each rests on those before it not being so."""
    sender = source.layout.sender
    if [message["record"] for message in found.headers] != [1]:
        yield Why.UNREADABLE, f"The file has several headers (1644/697): ask {sender} to send it again."
    posting_date = date_of(found.headers[0])
    if not found.trailers:
        yield Why.TRUNCATED, f"The file ends without a trailer (1644/695): ask {sender} to send it again."
    if [message["record"] for message in found.trailers] != [last]:
        yield Why.UNREADABLE, f"Messages follow the trailer (1644/695): ask {sender} to send the file again."
    if not str(found.headers[0]["PDS0105"]).startswith(spec.file_type):
        what = f"PDS0105 of the header is no id of a type {spec.file_type} clearing file"
        yield Why.UNREADABLE, f"{what}: ask {sender} for the clearing file."
    if source.file_date not in {None, posting_date}:
        what = f"The header says {posting_date}, the name says {source.file_date}"
        yield Why.UNREADABLE, f"{what}: ask {sender} which one is right."
    if found.headers[0]["PDS0122"] not in _MODES:
        yield Why.UNREADABLE, f"The header's mode is neither T (test) nor P (production): ask {sender}."
    differs = contradiction(found)
    if differs:
        yield Why.UNREADABLE, f"In the file {differs}: ask {sender} to send it again."


def _fault(why: Why, detail: str) -> Parsed:
    return Parsed(fault=why, detail=detail)
