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
from settlement.parse.editions import edition_on
from settlement.parse.mastercard_layout import Edition, IpmSpec, read_layout
from settlement.parse.mastercard_messages import Messages, Stream, code_page, cut_messages, message_places, read_stream
from settlement.parse.mastercard_rows import WANTED, clearing_and_rejects, read_messages
from settlement.parse.mastercard_totals import (
    Administration,
    contradiction,
    control_records,
    control_totals,
    date_of,
    first_date,
    net_settlement,
    read_administration,
)
from settlement.parse.source import ByteCount, Parsed, Source
from settlement.parse.spans import Alphabet

_MODES: Final = {"T", "P", None}
_LENGTH_BYTES: Final = 4
_MOST_LOOKED_AT: Final = 10_000


def read(source: Source) -> Parsed:
    """Read one file. Its records are messages, located by their number from 1; amounts are minor units of DE50."""
    spec, editions = read_layout(source.layout)
    stream = read_stream(np.frombuffer(source.content, dtype=np.uint8), spec)
    for why, sentence in _torn(source, spec, stream):
        return _fault(why, sentence)
    signs = code_page(stream, spec)
    edition = _edition(source, spec, editions, stream, signs)
    if signs is None or isinstance(edition, str):
        return _fault(Why.UNREADABLE, str(edition))
    messages = cut_messages(stream, edition, signs, WANTED)
    frame = read_messages(messages, edition)
    found = read_administration(stream, edition, signs, frame)
    for why, sentence in _complaints(source, spec, len(stream.base), found):
        return _fault(why, sentence)
    parsed = _read(source, messages, frame, found)
    rejected = parsed.tables["reject"]["record"].to_list()
    return replace(parsed, rejected_at=message_places(stream, len(source.content), spec, rejected))


def _torn(source: Source, spec: IpmSpec, stream: Stream) -> Iterator[tuple[Why, str]]:
    """Why a file is no whole stream of messages."""
    sender, count = source.layout.sender, len(stream.base)
    look_alike = _look_alike(source, spec, stream)
    if look_alike:
        what = f"The file is {look_alike}, not IPM clearing"
        yield Why.UNREADABLE, f"{what}: ask {sender} for the clearing file."
    if stream.surplus:
        what = f"The file goes on behind its end mark, after {count} messages"
        yield Why.UNREADABLE, f"{what}: ask {sender} to send it again."
    if not stream.whole:
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


def _read(source: Source, messages: Messages, frame: pl.DataFrame, found: Administration) -> Parsed:
    posting_date = date_of(found.headers[0])
    net, currency = net_settlement(frame)
    tables = clearing_and_rejects(source, posting_date, messages, frame)
    file_id, mode = str(found.headers[0]["PDS0105"]), found.headers[0]["PDS0122"]
    return Parsed(
        sender=source.layout.sender,
        file_date=posting_date,
        internal_id=file_id,
        mode=None if mode is None else str(mode),
        records=frame.height,
        net_settlement_minor=net,
        net_settlement_currency=currency,
        controls=control_totals(found, frame),
        tables={**tables, "control_record": control_records(source.file, found)},
        bytes=_counted(len(source.content), messages.stream, tables),
    )


def _look_alike(source: Source, spec: IpmSpec, stream: Stream) -> str | None:
    """What a file is that only looks like clearing: by its first bytes, or by how one of its records begins."""
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


def _counted(size: int, stream: Stream, tables: Mapping[str, pl.DataFrame]) -> ByteCount:
    """Where the bytes went: a message with its length, the end mark as control, and what fills up blocks."""
    whole = stream.size.astype(np.int64) + _LENGTH_BYTES
    accepted, rejected = (
        int(whole[tables[name]["record"].unique().to_numpy() - 1].sum()) for name in ("clearing", "reject")
    )
    told = int(whole.sum()) + _LENGTH_BYTES
    return ByteCount(accepted=accepted, rejected=rejected, control=told - accepted - rejected, padding=size - told)


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
