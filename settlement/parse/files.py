"""Stage ``parse``: each registered file becomes candidate records, rejects, control records and control totals.

One unit is one file. The format named by the file's layout chooses the reader; what a file cannot give is an
empty table. Card numbers end here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.model.layout import Layout, read_layouts
from settlement.model.records import CANDIDATES
from settlement.model.stage import StageInput, StageOutput
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
from settlement.parse.source import ByteCount, Parsed, Source

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
    source, parsed = _read(inputs, delivery)
    _require_one_place(source.file, parsed)
    for name, frame in parsed.tables.items():
        tables[f"parsed_{name}"] = frame
    tables["parsed_file"] = _file_row(source, parsed)
    tables["parsed_control_total"] = _control_rows(source.file, parsed)
    tables["parsed_card_token"] = source.cards.met().select(pl.lit(source.file).alias("file"), pl.all())
    return StageOutput(tables=tables)


def _table_names() -> tuple[str, ...]:
    return ("parsed_file", "parsed_control_total", "parsed_card_token", *(f"parsed_{name}" for name in CANDIDATES))


def _read(inputs: StageInput, delivery: Mapping[str, object]) -> tuple[Source, Parsed]:
    """The file through the reader of its layout, with the faults that all formats share."""
    if inputs.content is None or not inputs.card_keys:
        raise TypeError("the stage parse needs the files' content and a card key")
    file_date = delivery["file_date"]
    source = Source(
        file=str(delivery["file"]),
        content=inputs.content(str(delivery["sha256"])),
        delivered_on=inputs.business_date,
        file_date=file_date,  # type: ignore[arg-type]  # a date column
        sequence=None if delivery["sequence"] is None else str(delivery["sequence"]),
        layout=_layout(inputs, str(delivery["layout"])),
        cards=Cards(inputs.card_keys, inputs.history["card_token"].select("token", "card_ref").collect()),
    )
    if len(source.content) == 0:
        sentence = f"The file is empty: ask {source.layout.sender} to send it again."
        return source, Parsed(fault=Why.EMPTY, detail=sentence)
    parsed = READERS[source.layout.format](source)
    return source, _judged(source, parsed)


def _layout(inputs: StageInput, name: str) -> Layout:
    for layout in read_layouts(inputs.documents):
        if layout.layout == name:
            if layout.format not in READERS:
                known = ", ".join(sorted(READERS))
                raise TerminalError(f"Layout {name} has the format {layout.format!r}: write one of {known}.")
            return layout
    raise TerminalError(f"Layout {name} is gone from config/layouts: put it back, files were registered with it.")


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


def _require_one_place(file: str, parsed: Parsed) -> None:
    """Each row of a file is in exactly one of records, rejects and control records; anything else is our fault."""
    records = [parsed.tables[name]["record"] for name in _LOCATED if name in parsed.tables]
    if records and pl.concat(records).is_duplicated().any():
        raise RuntimeError(f"The reader of {file} put a record into two places.")


def _file_row(source: Source, parsed: Parsed) -> pl.DataFrame:
    size = len(source.content)
    count = ByteCount(rejected=size) if parsed.fault is not None else parsed.bytes
    row = {
        "file": source.file,
        "sender": parsed.sender or source.layout.sender,
        "file_date": parsed.file_date or source.file_date,
        "internal_id": parsed.internal_id,
        "mode": parsed.mode,
        "records": parsed.records,
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
