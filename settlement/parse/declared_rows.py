"""From the lines of a declared layout to tables, rejects, control records and totals.

The readers of declared formats cut a file into lines and fields, a large one part by part; what follows is the same
for all and stands here: is the file whole and in order, what does it say of itself, which rows can be used, do the
totals re-add. Every line ends in exactly one place: a row of its table, a control record, or a reject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice
from typing import Final

import polars as pl

from settlement.model.clearing import RejectReason, Why
from settlement.model.table import Column
from settlement.model.tables import TABLES
from settlement.parse.candidates import by_record, candidate, shown
from settlement.parse.column_rule import ColumnRule, CurrencyFrom, FieldType
from settlement.parse.declared_cut import Cut, Fault, Lines
from settlement.parse.declared_outline import Outline, first_fault, outline_with, shape_fault
from settlement.parse.declared_spec import DeclaredSpec
from settlement.parse.declared_totals import Tally, control_totals, settlement, tally
from settlement.parse.fields import Context, Conversion, convert
from settlement.parse.kept import handed_on
from settlement.parse.record_bytes import places
from settlement.parse.source import ByteCount, ControlTotal, Parsed, Source, forget
from settlement.parse.source_fields import Check, field, made_name
from settlement.parse.written import as_plain, raw_name

_TOLD_OF_REJECTS: Final = ("amount_minor", "currency", "batch", "net_minor", "net_currency")
"""What a reject says of its row beside the reason, where the layout makes it and it could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the rows of a file rest on besides their lines: what the file tells of itself, and its business date."""

    facts: Mapping[str, str]
    file_date: date | None


def assemble(source: Source, spec: DeclaredSpec, cuts: Callable[[], Iterator[Cut | Fault]]) -> Parsed:
    """The file as read: a fault with what it could still tell, or its tables and totals.

    ``cuts`` cuts it anew, part by part; a fault is the last. What the parts tell is added up, and clearing rows are
    handed on as they come.
    """
    outline, found, count = Outline(), Tally(), ByteCount()
    known: _Known | Fault | None = None
    held: dict[str, list[pl.DataFrame]] = {}
    rejected_at: dict[int, tuple[int, int]] = {}
    for part in cuts():
        if isinstance(part, Fault):
            return _faulty(part, source.layout.sender, source.file_date, None)
        cut = _plainly(spec, part)
        outline = outline_with(outline, spec, cut)
        known = known or _known(source, spec, outline, cuts if cut.more else None)
        if isinstance(known, _Known):
            tables = _tables(source, spec, cut, known)
            rejected = tables["reject"]["record"]
            found += tally(spec.controls, cut, known.facts, rejected)
            count += cut.count_bytes(tables) or ByteCount()
            rejected_at |= _rejected_at(source, cut, rejected)
            for name, rows in tables.items():
                held.setdefault(name, []).append(rows)
            if "clearing" in held:
                held["clearing"] = handed_on(source, held["clearing"])
        forget(source.content, cut.last)
        source.seen(cut.last, cut.after)
    fault = _fault(source, spec, outline, whole=True) or (known if isinstance(known, Fault) else None)
    controls = [] if fault else [*control_totals(spec.controls, found, outline.facts)]
    fault = fault or next((told for told in controls if isinstance(told, Fault)), None)
    if fault:
        return _faulty(fault, _sender(source, spec, outline), _file_date(source, spec, outline), _id(spec, outline))
    totals = tuple(told for told in controls if isinstance(told, ControlTotal))
    amount, currency, text = settlement(spec, outline.settled, totals)
    return Parsed(
        sender=_sender(source, spec, outline),
        file_date=_file_date(source, spec, outline),
        internal_id=_id(spec, outline),
        records=outline.records,
        net_settlement_minor=amount,
        net_settlement_currency=currency,
        payout_text=text,
        controls=_with_line_count(totals, outline.records),
        bytes=count,
        rejected_at=rejected_at,
        tables={name: pl.concat(rows) for name, rows in held.items()},
    )


def _known(
    source: Source, spec: DeclaredSpec, outline: Outline, cuts: Callable[[], Iterator[Cut | Fault]] | None
) -> _Known | Fault:
    """What the first part tells of the file, or the fault for which no row needs to be made.

    What only a later part tells, such as a trailer, is looked for by ``cuts``; None where there is no later part.
    """
    if cuts is not None and not _needed(spec) <= outline.facts.keys():
        for part in islice(cuts(), 1, None):
            if isinstance(part, Fault):
                return part
            outline = outline_with(outline, spec, _plainly(spec, part))
        cuts = None
    fault = _fault(source, spec, outline, whole=cuts is None)
    return fault or _Known(facts=outline.facts, file_date=_file_date(source, spec, outline))


def _needed(spec: DeclaredSpec) -> set[str]:
    """What rows and sums take of what the file tells of itself."""
    rules = [rule for kind in spec.kinds for rule in kind.columns.values()]
    found = {name for rule in rules for name in rule.references()}
    told = [total.currency.header for total in spec.totals() if isinstance(total.currency, CurrencyFrom)]
    return {*found, *(name for name in (*told, spec.file.date) if name is not None)}


def _fault(source: Source, spec: DeclaredSpec, outline: Outline, *, whole: bool) -> Fault | None:
    """Why a file cannot be used; where its outline is not the whole one, only what no later line can mend."""
    fault = shape_fault(spec, outline) if whole else first_fault(spec, outline)
    told = _told_date(spec, outline.facts)
    fault = fault or (told if isinstance(told, Fault) else None)
    file_date = _file_date(source, spec, outline)
    if fault is None and source.file_date not in {None, file_date}:
        fault = Fault(why=Why.UNREADABLE, detail=f"its header says {file_date}, its name says {source.file_date}")
    dated = any(
        "posting_date" in kind.target.schema or any(rule.yearless for rule in kind.columns.values())
        for kind in spec.kinds
    )
    if fault is None and file_date is None and dated:
        fault = Fault(why=Why.UNREADABLE, detail="neither its name nor its header tells a business date")
    return fault


def _sender(source: Source, spec: DeclaredSpec, outline: Outline) -> str:
    return outline.facts.get(spec.file.sender or "", source.layout.sender)


def _file_date(source: Source, spec: DeclaredSpec, outline: Outline) -> date | None:
    told = _told_date(spec, outline.facts)
    return told if isinstance(told, date) else source.file_date


def _id(spec: DeclaredSpec, outline: Outline) -> str | None:
    named = [outline.facts.get(name, "") for name in spec.file.id]
    return "-".join(named) if named and all(named) else None


def _rejected_at(source: Source, cut: Cut, rejected: pl.Series) -> dict[int, tuple[int, int]]:
    """First byte and size of the rejected records of a part, of a format whose records can be told by bytes."""
    records = (rejected - cut.before).to_list()
    found = places(source.content[cut.first : cut.last], source.layout, records)
    return {cut.before + record: (cut.first + place.offset, place.length) for record, place in found.items()}


def _plainly(spec: DeclaredSpec, cut: Cut) -> Cut:
    """The cut with the fields that are written in a way of their own as plain text, for all that reads them."""
    if not spec.written:
        return cut
    lines = tuple(
        replace(lines, frame=as_plain(lines.frame, spec.written)) if lines.frame.height else lines
        for lines in cut.lines
    )
    unknown = None if cut.unknown is None else as_plain(cut.unknown, spec.written)
    return replace(cut, lines=lines, unknown=unknown)


def _with_line_count(totals: tuple[ControlTotal, ...], records: int) -> tuple[ControlTotal, ...]:
    """The layout's totals, after a plain count of lines where none of them has its name."""
    if any(total.control == "lines" for total in totals):
        return totals
    return (ControlTotal(control="lines", declared=None, computed=records), *totals)


def _faulty(fault: Fault, sender: str, file_date: date | None, internal_id: str | None) -> Parsed:
    sentence = f"The file cannot be used: {fault.detail}. Ask {sender} to send it again."
    return Parsed(sender=sender, file_date=file_date, internal_id=internal_id, fault=fault.why, detail=sentence)


def _told_date(spec: DeclaredSpec, facts: Mapping[str, str]) -> date | Fault | None:
    text = facts.get(spec.file.date or "")
    if text is None:
        return None
    try:
        found = datetime.strptime(text, spec.file.date_format).date()  # noqa: DTZ007 (a date has no zone)
    except ValueError:
        found = None
    if found is None or found.strftime(spec.file.date_format) != text:
        return Fault(why=Why.UNREADABLE, detail=f"its business date `{shown(text)}` is no date")
    return found


def _tables(source: Source, spec: DeclaredSpec, cut: Cut, known: _Known) -> dict[str, pl.DataFrame]:
    """All rows of a part by candidate table, sorted by line."""
    parts: dict[str, list[pl.DataFrame]] = {"reject": [_stray_rejects(cut.strays)]}
    for records, line_class in ((cut.heads, "HEADER"), (cut.comments, "COMMENT")):
        if records:
            told = pl.DataFrame({"record": records}, schema={"record": pl.Int64})
            parts.setdefault("control_record", []).append(told.with_columns(pl.lit(line_class).alias("class")))
    for lines in cut.lines:
        context = Context(
            spec=spec, tag=lines.tag, header=known.facts, business_date=known.file_date, cards=source.cards
        )
        rows, rejects = _rows(lines, context)
        parts.setdefault(lines.kind.table, []).append(rows)
        parts["reject"].append(rejects)
    side = source.layout.side
    filled = {
        "side": pl.lit(None if side is None else side.value, dtype=pl.String),
        "feed": pl.lit(source.layout.feed),
        "delivered_on": pl.lit(source.delivered_on, dtype=pl.Date),
        "posting_date": pl.lit(known.file_date, dtype=pl.Date),
    }
    tables = {}
    for name, frames in parts.items():
        whole = pl.concat([frame for frame in frames if frame.height] or frames[:1], how="diagonal")
        added = {column: value for column, value in filled.items() if column in TABLES[f"parsed_{name}"].schema}
        # Sorted before what is the same in every row stands beside it.
        tables[name] = candidate(name, source.file, by_record(whole).with_columns(**added))
    return tables


def _rows(lines: Lines, context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The usable rows of one tag under the target's column names, and the rejects of the others."""
    if not lines.frame.height:
        # A layout may know dozens of tags of which a file has three.
        return lines.frame.select("record"), TABLES["parsed_reject"].empty().drop("file")
    columns = {column.name: column for column in lines.kind.target.columns}
    rules = lines.kind.columns
    same = _same(rules, columns)
    conversions = [
        convert(columns[name], rule, context)
        for name, rule in rules.items()
        if rule.sum is None and rule.date_of is None and name not in same
    ]
    conversions = _checked_once(conversions, rules)
    checks = [check.bad for conversion in conversions for check in conversion.checks if not check.only_tells]
    bad = pl.any_horizontal(checks) if checks else pl.lit(value=False)
    # First the values, then the checks of them, so that each is worked out once.
    made = lines.frame.with_columns(
        conversion.value.alias(made_name(conversion.column)) for conversion in conversions
    ).with_columns(bad.alias("bad?"))
    failed = made.filter(pl.col("bad?"))
    values = made.select("record", *(pl.col(made_name(c.column)).alias(c.column) for c in conversions))
    values = values.filter(~made["bad?"]) if failed.height else values
    derived = [
        pl.col(rule.date_of).dt.date().alias(name)
        if rule.date_of is not None
        else pl.sum_horizontal(rule.sum or []).cast(pl.Int64).alias(name)
        for name, rule in rules.items()
        if rule.sum is not None or rule.date_of is not None
    ]
    rows = values.with_columns(*derived, *(pl.col(first).alias(name) for name, first in same.items()))
    if lines.kind.line_class is not None:
        rows = rows.with_columns(pl.lit(lines.kind.line_class).alias("class"))
    return rows, _rejects(failed, conversions, same)


def _same(rules: Mapping[str, ColumnRule], columns: Mapping[str, Column]) -> dict[str, str]:
    """Columns made as an earlier one is, with that one's name: it also rejects every row that they would."""
    first: dict[str, str] = {}
    same = {}
    for name, rule in rules.items():
        if rule.sum is None and rule.date_of is None:
            earlier = first.setdefault(f"{columns[name].type} {rule.model_dump_json()}", name)
            if earlier != name and (columns[name].nullable or not columns[earlier].nullable):
                same[name] = earlier
    return same


def _checked_once(conversions: Sequence[Conversion], rules: Mapping[str, ColumnRule]) -> list[Conversion]:
    """The conversions, a card's mask without a Luhn check of good rows where its reference has the same one."""
    checked = {
        one.field
        for one in conversions
        if rules[one.column].type is FieldType.CARD_REFERENCE and rules[one.column].required
    }
    return [
        replace(
            one, checks=tuple(replace(check, only_tells=check.reason is RejectReason.BAD_LUHN) for check in one.checks)
        )
        if rules[one.column].type is FieldType.CARD_MASK and one.field in checked
        else one
        for one in conversions
    ]


def _rejects(failed: pl.DataFrame, conversions: Sequence[Conversion], same: Mapping[str, str]) -> pl.DataFrame:
    """Why each of these lines is rejected: the first column of the layout that fails names it."""
    empty = TABLES["parsed_reject"].empty().drop("file")
    if not failed.height:
        return empty
    first = [
        pl.when(check.bad).then(
            pl.struct(
                pl.lit(check.reason.value).alias("reason"),
                pl.lit(check.at_fault or conversion.field).alias("field"),
                _as_written(failed, conversion, check).alias("preview"),
            )
        )
        for conversion in conversions
        for check in conversion.checks
    ]
    values = {conversion.column: conversion.value for conversion in conversions}
    told = [
        values.get(same.get(name, name), pl.lit(None, dtype=empty.schema[name])).alias(name)
        for name in _TOLD_OF_REJECTS
    ]
    rejects = failed.select(pl.col("record"), pl.coalesce(first).alias("first"), *told).unnest("first")
    return rejects.select(
        *(name for name in empty.columns if name not in {"preview", *_TOLD_OF_REJECTS}),
        pl.col("preview").map_elements(shown, return_dtype=pl.String, skip_nulls=False),
        *_TOLD_OF_REJECTS,
    )


def _as_written(failed: pl.DataFrame, conversion: Conversion, check: Check) -> pl.Expr:
    """The text of the field at fault as it stands in the file."""
    raw = raw_name(check.at_fault or conversion.field)
    if raw in failed.columns:
        return pl.col(raw)
    return field(check.at_fault) if check.at_fault else conversion.source


def _stray_rejects(strays: pl.DataFrame) -> pl.DataFrame:
    return strays.select(
        pl.col("record"),
        pl.lit(RejectReason.MALFORMED.value).alias("reason"),
        pl.col("field"),
        pl.col("text").map_elements(shown, return_dtype=pl.String, skip_nulls=False).alias("preview"),
    )
