"""Reader of Mastercard IPM clearing files (T112).

A file is a header message (1644/697), details (1240, 1442, 1740), a financial position (1644/685) for each pair of
transaction and reconciliation currency, and a trailer (1644/695). It is read whole or not at all. A detail that
cannot be used is a reject and stays in every total. Addenda (1644/696) belong to the presentment before them; what the
network returns (691, 699) and its settlement and currency summaries (688, 680) are control records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from settlement.model.clearing import Why
from settlement.model.layout import read_spec
from settlement.parse.mastercard_messages import IpmSpec, Stream, read_stream
from settlement.parse.mastercard_rows import clearing_and_rejects, read_messages
from settlement.parse.mastercard_totals import (
    Administration,
    contradiction,
    control_records,
    control_totals,
    header_date,
    net_settlement,
    read_administration,
)
from settlement.parse.source import ByteCount, Parsed, Source

_MODES: Final = {"T", "P", None}
_LENGTH_BYTES: Final = 4


def read(source: Source) -> Parsed:
    """Read one file. Its records are messages, located by their number from 1; amounts are minor units of DE50."""
    spec = read_spec(source.layout, IpmSpec)
    content = np.frombuffer(source.content, dtype=np.uint8)
    sender = source.layout.sender
    look_alike = spec.refused.get(str(int.from_bytes(source.content[:4], "big")))
    if look_alike:
        return _fault(
            Why.UNREADABLE, f"The file is {look_alike}, not IPM clearing: ask {sender} for the clearing file."
        )
    stream = read_stream(content, spec)
    if stream.surplus:
        what = f"goes on behind its end mark, after {len(stream.base)} messages"
        return _fault(Why.UNREADABLE, f"The file {what}: ask {sender} to send it again.")
    if not stream.whole:
        return _fault(
            Why.TRUNCATED,
            f"The file is cut short after {len(stream.base)} whole messages: ask {sender} to send it again.",
        )
    messages, frame = read_messages(stream, spec)
    found = read_administration(stream, spec, frame)
    posting_date = header_date(found)
    if posting_date is None:
        what = f"does not start with one header message (1644/697) in {spec.encoding} whose PDS0105 tells a date"
        return _fault(Why.UNREADABLE, f"The file {what}: ask {sender} whether it is IPM clearing.")
    for why, sentence in _complaints(source, spec, posting_date, len(stream.base), found):
        return _fault(why, sentence)
    net, currency = net_settlement(frame)
    tables = clearing_and_rejects(source, posting_date, messages, frame)
    file_id, mode = str(found.headers[0]["PDS0105"]), found.headers[0]["PDS0122"]
    return Parsed(
        sender=sender,
        file_date=posting_date,
        internal_id=file_id,
        mode=None if mode is None else str(mode),
        records=len(stream.base),
        net_settlement_minor=net,
        net_settlement_currency=currency,
        controls=control_totals(found, frame),
        tables={**tables, "control_record": control_records(source.file, found)},
        bytes=_counted(len(content), stream, tables),
    )


def _counted(size: int, stream: Stream, tables: Mapping[str, pl.DataFrame]) -> ByteCount:
    """Where the bytes went: a message with its length, the end mark as control, and what fills up blocks."""
    whole = stream.size.astype(np.int64) + _LENGTH_BYTES
    accepted, rejected = (
        int(whole[tables[name]["record"].unique().to_numpy() - 1].sum()) for name in ("clearing", "reject")
    )
    told = int(whole.sum()) + _LENGTH_BYTES
    return ByteCount(accepted=accepted, rejected=rejected, control=told - accepted - rejected, padding=size - told)


def _complaints(
    source: Source, spec: IpmSpec, posting_date: date, last: int, found: Administration
) -> Iterator[tuple[Why, str]]:
    """What is wrong with header and trailer, the worst first; each rests on those before it not being so."""
    sender = source.layout.sender
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
