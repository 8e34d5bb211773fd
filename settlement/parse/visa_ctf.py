"""Reader of Visa clearing files (BASE II): CTF and ITF, records (TCRs) of 168 positions.

A file is a header (TC 90), transactions of TCR 0 and those that continue it, a trailer (TC 91) for each batch and one
for the file (TC 92). It is read whole or not at all, by the edition of its layout that is in force on its own date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import Why
from settlement.parse.candidates import by_record, candidate
from settlement.parse.editions import edition_on
from settlement.parse.source import ByteCount, ControlTotal, Parsed, Source
from settlement.parse.spans import texts
from settlement.parse.visa_contents import read_contents
from settlement.parse.visa_fields import digits
from settlement.parse.visa_layout import BATCH, FILE, FRAMING, HEADER, CtfSpec, Edition, read_layout
from settlement.parse.visa_records import Head, Records, Torn, framed, read_head

_MILLION: Final = 1_000_000
_TCRS: Final = 10
_TOTALS: Final = ("dest", "src", "monetary", "tcr", "trans")


def read(source: Source) -> Parsed:
    """Read one file. Its records are TCRs, located by their number from 1; amounts are minor units."""
    spec, editions = read_layout(source.layout)
    sender = source.layout.sender
    found = framed(source.content, spec)
    if isinstance(found, Torn):
        return _fault(found.why, f"{found.sentence}: ask {sender} to send it again.")
    head = read_head(found, spec)
    if head is None:
        what = "does not start with one header (TC 90) that tells date, BIN and file id, in ASCII or EBCDIC"
        return _fault(Why.UNREADABLE, f"The file {what}: ask {sender} what it is.")
    for why, sentence in _complaints(source, spec, found, head):
        return _fault(why, sentence)
    edition = edition_on(editions, head.posting_date)
    if edition is None:
        what = f"Layout {source.layout.layout} has no edition for {head.posting_date}"
        return _fault(Why.UNREADABLE, f"{what}: add one with its valid_from and source.")
    contents = read_contents(source, edition, head.posting_date, found)
    controls = (*_control_totals(found, spec, edition, contents.amounts), *contents.controls)
    framing = _framing_rows(source.file, found, spec, contents.continuations)
    net, currency = contents.net
    return Parsed(
        sender=sender,
        file_date=head.posting_date,
        internal_id=f"{head.said['file_id']}-{head.said['date']}-{head.said['bin']}",
        mode="T" if head.said["mode"] else "P",
        records=found.count,
        net_settlement_minor=net,
        net_settlement_currency=currency,
        controls=controls,
        bytes=contents.bytes
        + ByteCount(control=int(found.size[np.isin(found.code, FRAMING)].sum()), padding=found.padding),
        rejected_at=contents.rejected_at,
        tables={
            **contents.tables,
            "control_record": by_record(pl.concat([framing, contents.tables["control_record"]])),
        },
    )


def _complaints(source: Source, spec: CtfSpec, records: Records, head: Head) -> Iterator[tuple[Why, str]]:
    """What is wrong with header and trailers, the worst first; each rests on those before it not being so."""
    sender, code = source.layout.sender, records.code
    trailers = np.flatnonzero(code == FILE).tolist()
    if not trailers:
        yield Why.TRUNCATED, f"The file ends without a trailer (TC 92): ask {sender} to send it again."
    if trailers != [records.count - 1]:
        yield Why.UNREADABLE, f"Records follow the trailer (TC 92): ask {sender} to send the file again."
    if source.file_date not in {None, head.posting_date}:
        what = f"The header says {head.posting_date}, the name says {source.file_date}"
        yield Why.UNREADABLE, f"{what}: ask {sender} which one is right."
    if head.said["mode"] not in {"TEST", ""}:
        yield Why.UNREADABLE, f"The header's mode is neither TEST nor blank (production): ask {sender}."
    for row in np.flatnonzero((code == BATCH) | (code == FILE)):
        for name in ("bin", "date"):
            if records.text(row, spec.trailer[name]) != head.said[name]:
                what = f"Record {row + 1} is a trailer of another {name} than the header"
                yield Why.UNREADABLE, f"{what}: ask {sender} to send the file again."
        for total in _TOTALS:
            if not digits(records.text(row, spec.trailer[total])):
                what = f"The trailer in record {row + 1} has no readable total {total!r}"
                yield Why.UNREADABLE, f"{what}: ask {sender} to send the file again."


def _control_totals(
    records: Records, spec: CtfSpec, edition: Edition, amounts: Mapping[str, NDArray[np.int64]]
) -> tuple[ControlTotal, ...]:
    """The totals of each batch and of the file.

    A trailer counts itself, the file's trailer also those of the batches; the header counts nowhere. ``amounts``
    are destination and source amount of each record: 0 where it is no TCR 0 or no number.
    """
    last = records.count - 1
    is_trailer = (records.code == BATCH) | (records.code == FILE)
    begins = (records.tcr == 0) & ~is_trailer & (records.code != HEADER)
    monetary = begins & ~np.isin(records.code, edition.free)
    totals: list[ControlTotal] = []
    first, number = 1, 0
    for row in np.flatnonzero(is_trailer):
        if row != last:
            number += 1
        begin, name = (1, "") if row == last else (first, f"batch {number} ")
        inside = slice(begin, int(row) + 1)
        computed = {
            "dest": _sum(amounts["dest"][inside]),
            "src": _sum(amounts["src"][inside]),
            "monetary": int(monetary[inside].sum()),
            "tcr": int(row) + 1 - begin,
            "trans": int(begins[inside].sum() + is_trailer[inside].sum()),
        }
        totals += [
            ControlTotal(
                control=f"{name}{total}",
                declared=int(records.text(row, spec.trailer[total])),
                computed=computed[total],
            )
            for total in _TOTALS
        ]
        first = int(row) + 1
    return tuple(totals)


def _sum(amounts: NDArray[np.int64]) -> int:
    """The exact sum of amounts of 12 digits: no million of them leaves 64 bits."""
    return sum(int(amounts[first : first + _MILLION].sum()) for first in range(0, len(amounts), _MILLION))


def _framing_rows(file: str, records: Records, spec: CtfSpec, continuations: NDArray[np.bool_]) -> pl.DataFrame:
    """Header, trailers and the continuations (TCR 1, 5 and others), which their TCR 0 locates."""
    rows = np.flatnonzero(continuations | np.isin(records.code, FRAMING))
    code, continues = records.code[rows], continuations[rows]
    kind = np.where(continues, 0, np.where(code == HEADER, 1, 2))
    tcrs = pl.Series("text", [*(f"TCR {tcr}" for tcr in range(_TCRS)), None], dtype=pl.String)
    told = tcrs.gather(np.where(continues, records.tcr[rows], _TCRS))
    batches = np.flatnonzero(code == BATCH)
    first, last = spec.trailer["batch_id"]
    batch = texts(records.spans.rows(rows[batches]).part(first - 1, last - first + 1), "text")
    frame = pl.DataFrame(
        [
            pl.Series("record", rows + 1),
            pl.Series("class", ["CONTINUATION_TCR", "HEADER", "TRAILER"]).gather(kind),
            told.scatter(batches, batch) if len(batches) else told,
        ]
    )
    return candidate("control_record", file, frame)


def _fault(why: Why, detail: str) -> Parsed:
    return Parsed(fault=why, detail=detail)
