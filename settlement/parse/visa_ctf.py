"""Reader of Visa clearing files (BASE II CTF): records (TCRs) of 168 characters.

A file is a header (TC 90), transactions of TCR 0, 1 and 5, a trailer (TC 91) for each batch and one for the file
(TC 92). Records end in a line feed or follow each other without one; lines may be trimmed on the right. A file is
read whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from settlement.model.clearing import Kind, Why
from settlement.model.layout import read_spec
from settlement.parse.candidates import candidate
from settlement.parse.source import ControlTotal, Parsed, Source
from settlement.parse.spans import Spans, alphabet, texts, whole_numbers
from settlement.parse.visa_rows import Records, TransactionSpec, clearing_and_rejects, net_settlement, read_transactions

_HEADER, _BATCH, _FILE = 90, 91, 92
_TOTALS: Final = ("dest", "src", "monetary", "tcr", "trans")
_LINE_FEED, _RETURN = 10, 13
_EBCDIC_HEADER: Final = "90".encode("cp500")
Places = Annotated[list[int], Field(min_length=2, max_length=2)]


class CtfSpec(BaseModel):
    """The part of a layout that this format understands; fields are first and last position, from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: str
    record_bytes: int
    transactions: dict[str, Kind]
    header: dict[str, Places]
    trailer: dict[str, Places]
    tcr0: dict[str, Places]
    tcr1: dict[str, Places]
    tcr5: dict[str, Places]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    posting_date: date
    said: Mapping[str, str]


def read(source: Source) -> Parsed:
    """Read one file. Its records are TCRs, located by their number from 1; amounts are minor units."""
    spec = read_spec(source.layout, CtfSpec)
    sender = source.layout.sender
    if bytes(source.content[:2]) == _EBCDIC_HEADER:
        return _fault(Why.UNREADABLE, f"The file is EBCDIC (ITF): ask {sender} for the ASCII form (CTF).")
    records = _records(source.content, spec)
    if isinstance(records, Parsed):
        return Parsed(fault=records.fault, detail=f"{records.detail}: ask {sender} to send it again.")
    head = _head(spec, records)
    if head is None:
        what = "does not start with one header (TC 90) that tells date, BIN and file id"
        return _fault(Why.UNREADABLE, f"The file {what}: ask {sender} what it is.")
    for why, sentence in _complaints(source, spec, records, head):
        return _fault(why, sentence)
    transactions = read_transactions(
        records, TransactionSpec(kinds=spec.transactions, tcr0=spec.tcr0, tcr1=spec.tcr1, tcr5=spec.tcr5)
    )
    net, currency = net_settlement(transactions)
    tables = clearing_and_rejects(source, head.posting_date, records, transactions)
    return Parsed(
        sender=sender,
        file_date=head.posting_date,
        internal_id=f"{head.said['file_id']}-{head.said['date']}-{head.said['bin']}",
        mode="T" if head.said["mode"] else "P",
        records=records.count,
        net_settlement_minor=net,
        net_settlement_currency=currency,
        controls=_control_totals(records, spec, transactions.amounts),
        tables={**tables, "control_record": _control_records(source.file, records, spec, transactions.continuations)},
    )


def _records(content: memoryview, spec: CtfSpec) -> Records | Parsed:
    """Where the records lie; a fault where the file is torn."""
    data = np.frombuffer(content, dtype=np.uint8)
    feeds = np.flatnonzero(data == _LINE_FEED).astype(np.int64)
    if len(feeds):
        base = np.concatenate([[0], feeds[:-1] + 1]).astype(np.int64)
        returns = (feeds > base) & (data[feeds - 1] == _RETURN)
        length = (feeds - base - returns).astype(np.int32)
        torn = int(feeds[-1]) + 1 != len(data)
    else:
        base = np.arange(0, len(data), spec.record_bytes, dtype=np.int64)
        length = np.full(len(base), spec.record_bytes, dtype=np.int32)
        torn = len(data) % spec.record_bytes != 0
    if torn:
        return _fault(Why.TRUNCATED, f"The file is cut short inside record {len(base) + bool(len(feeds))}")
    long = np.flatnonzero(length > spec.record_bytes)
    if len(long):
        return _fault(Why.UNREADABLE, f"Record {long[0] + 1} is longer than {spec.record_bytes} characters")
    signs = alphabet(spec.encoding)
    whole = Spans(data=data, base=base, start=np.zeros(len(base), dtype=np.int32), length=length, alphabet=signs)
    code = whole_numbers(whole.part(0, 2), "code")["code"].fill_null(-1)
    tcr = whole_numbers(whole.part(2, 2), "tcr")["tcr"].fill_null(-1)
    return Records(spans=whole, code=code.to_numpy(), tcr=tcr.to_numpy())


def _head(spec: CtfSpec, records: Records) -> _Head | None:
    """What the header says; None unless the first record is the one header and tells date, BIN and file id."""
    if np.flatnonzero(records.code == _HEADER).tolist() != [0]:
        return None
    said = {name: records.text(0, places) for name, places in spec.header.items()}
    posting_date = _ordinal_date(said["date"])
    if posting_date is None or not _digits(said["bin"]) or not _digits(said["file_id"]):
        return None
    return _Head(posting_date=posting_date, said=said)


def _complaints(source: Source, spec: CtfSpec, records: Records, head: _Head) -> Iterator[tuple[Why, str]]:
    """What is wrong with header and trailers, the worst first; each rests on those before it not being so."""
    sender, code = source.layout.sender, records.code
    trailers = np.flatnonzero(code == _FILE).tolist()
    if not trailers:
        yield Why.TRUNCATED, f"The file ends without a trailer (TC 92): ask {sender} to send it again."
    if trailers != [records.count - 1]:
        yield Why.UNREADABLE, f"Records follow the trailer (TC 92): ask {sender} to send the file again."
    if source.file_date not in {None, head.posting_date}:
        what = f"The header says {head.posting_date}, the name says {source.file_date}"
        yield Why.UNREADABLE, f"{what}: ask {sender} which one is right."
    if head.said["mode"] not in {"TEST", ""}:
        yield Why.UNREADABLE, f"The header's mode is neither TEST nor blank (production): ask {sender}."
    for row in np.flatnonzero((code == _BATCH) | (code == _FILE)):
        for name in ("bin", "date"):
            if records.text(row, spec.trailer[name]) != head.said[name]:
                what = f"Record {row + 1} is a trailer of another {name} than the header"
                yield Why.UNREADABLE, f"{what}: ask {sender} to send the file again."
        for total in _TOTALS:
            if not _digits(records.text(row, spec.trailer[total])):
                what = f"The trailer in record {row + 1} has no readable total {total!r}"
                yield Why.UNREADABLE, f"{what}: ask {sender} to send the file again."


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _ordinal_date(text: str) -> date | None:
    """The date of YYDDD; the files of this format are younger than the year 2000."""
    if len(text) != 5 or not _digits(text):  # noqa: PLR2004
        return None
    first, days = date(2000 + int(text[:2]), 1, 1), int(text[2:])
    found = first + timedelta(days=days - 1)
    return found if days and found.year == first.year else None


def _control_totals(
    records: Records, spec: CtfSpec, amounts: Mapping[str, NDArray[np.int64]]
) -> tuple[ControlTotal, ...]:
    """The totals of each batch and of the file.

    A trailer counts itself, the file's trailer also those of the batches; the header counts nowhere. ``amounts``
    are destination and source amount of each record: 0 where it is no TCR 0 or no number.
    """
    last = records.count - 1
    starts = records.tcr == 0
    is_trailer = (records.code == _BATCH) | (records.code == _FILE)
    monetary = starts & ~is_trailer & (records.code != _HEADER)
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
            "trans": int(monetary[inside].sum() + is_trailer[inside].sum()),
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
    """The exact sum, wider than 64 bits on the way."""
    return int(pl.Series(amounts).cast(pl.Int128).sum() or 0)


def _control_records(file: str, records: Records, spec: CtfSpec, continuations: NDArray[np.bool_]) -> pl.DataFrame:
    """Header, trailers and the continuations (TCR 1, 5) of transactions, which the transaction's TCR 0 locates."""
    code = pl.Series(records.code)
    kind = (
        pl.when(pl.col("continuation")).then(pl.lit("CONTINUATION_TCR"))
        .when(pl.col("code") == _HEADER).then(pl.lit("HEADER"))
        .when(pl.col("code").is_in([_BATCH, _FILE])).then(pl.lit("TRAILER"))
    )  # fmt: skip
    first, last = spec.trailer["batch_id"]
    batch = texts(records.spans.part(first - 1, last - first + 1), "batch")
    frame = pl.DataFrame({"code": code, "tcr": records.tcr, "continuation": continuations, "batch": batch})
    frame = frame.with_row_index("record", offset=1).with_columns(kind.alias("class"))
    told = pl.when(pl.col("continuation")).then(pl.format("TCR {}", "tcr")).when(code == _BATCH).then(pl.col("batch"))
    return candidate("control_record", file, frame.with_columns(told.alias("text")).drop_nulls("class"))


def _fault(why: Why, detail: str) -> Parsed:
    return Parsed(fault=why, detail=detail)
