"""What stands between header and trailers of a Visa file, each transaction by its shape, and where its bytes went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.tables import TABLES
from settlement.parse.candidates import by_record
from settlement.parse.kept import handed_on
from settlement.parse.source import ByteCount, ControlTotal, Source, forget
from settlement.parse.visa_fees import fees_and_rejects, read_fees
from settlement.parse.visa_groups import Groups, Shape, group_places, grouped, shapes
from settlement.parse.visa_layout import Edition
from settlement.parse.visa_records import Records
from settlement.parse.visa_reports import (
    notices,
    read_reports,
    report_totals,
    reports_and_rejects,
    returns_and_rejects,
    sums_by_currency,
)
from settlement.parse.visa_rows import Moved, clearing_and_rejects, moved_by, net_settlement, read_transactions

_AMOUNTS: Final = ("dest", "src")
_MOVED: Final = ("dest", "src", "dest_currency", "direction", "interchange_micro")
_TABLES: Final = ("clearing", "reject", "control_record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The rows of a file.

    Attributes
    ----------
    tables:
        ``clearing``, ``reject`` and ``control_record``, each by record; of clearing what was not handed on.
    amounts:
        Destination and source amount of every record of the file, 0 where there is none.
    continuations:
        Which records of the file continue a transaction.
    net:
        Net settlement and its currency.
    controls:
        The network's own totals that speak of just this file.
    bytes:
        Bytes of clearing records, rejects and control records, with their continuations and line ends.
    rejected_at:
        First byte, from 0, and bytes of each reject with its continuations.
    """

    tables: Mapping[str, pl.DataFrame]
    amounts: Mapping[str, NDArray[np.int64]]
    continuations: NDArray[np.bool_]
    net: tuple[int | None, str | None]
    controls: tuple[ControlTotal, ...]
    bytes: ByteCount
    rejected_at: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The rows of a part of a file and what they add to the whole; reports only where there are some."""

    groups: Groups
    continuations: NDArray[np.bool_]
    tables: Mapping[str, pl.DataFrame]
    amounts: Mapping[str, NDArray[np.int64]]
    moved: Moved
    sums: pl.DataFrame
    reports: Sequence[pl.DataFrame]


def read_contents(source: Source, edition: Edition, day: date, records: Records) -> Contents:
    """All rows between header and trailers of a file of ``day``, part by part; clearing rows are handed on."""
    held = {name: [TABLES[f"parsed_{name}"].empty()] for name in _TABLES}
    amounts = {name: np.zeros(records.count, dtype=np.int64) for name in _AMOUNTS}
    continuations = np.zeros(records.count, dtype=np.bool_)
    rejected_at: dict[int, tuple[int, int]] = {}
    moved, count = Moved(), ByteCount()
    reports: list[pl.DataFrame] = []
    sums: list[pl.DataFrame] = []
    for some in records.parts(source.bounds.part_bytes):
        part, inside = _read_part(source, edition, day, some), slice(some.before, some.before + some.count)
        for name, rows in part.tables.items():
            held[name].append(rows)
        held["clearing"] = handed_on(source, held["clearing"])
        continuations[inside] = part.continuations
        for name in _AMOUNTS:
            amounts[name][inside] = part.amounts[name]
        moved, count = moved + part.moved, count + _counted(part)
        reports += part.reports
        sums.append(part.sums)
        rejected_at |= group_places(some, part.continuations, part.tables["reject"]["record"])
        read = int(some.spans.base[-1])
        forget(source.content, read)
        source.seen(read, inside.stop)
    return Contents(
        tables={name: pl.concat(rows) for name, rows in held.items()},
        amounts=amounts,
        continuations=continuations,
        net=net_settlement(moved),
        controls=report_totals(reports, sums, day),
        bytes=count,
        rejected_at=rejected_at,
    )


def _read_part(source: Source, edition: Edition, day: date, records: Records) -> _Part:
    groups, continuations = grouped(records)
    shape = shapes(groups, edition)
    clearing = groups.rows(shape <= Shape.TRANSACTION)
    transactions = read_transactions(clearing, edition, shape[shape <= Shape.TRANSACTION] == Shape.TRANSACTION, day)
    moved = transactions.frame.select(_MOVED)
    moved = moved.filter(pl.Series(~clearing.stray)) if clearing.stray.any() else moved
    found = [clearing_and_rejects(source, day, transactions)]
    fees: list[pl.DataFrame] = []
    reports: list[pl.DataFrame] = []
    # Most files have nothing but transactions.
    some = {each: groups.rows(shape == each) for each in Shape if (shape == each).any()}
    if Shape.FEE in some:
        fees.append(read_fees(some[Shape.FEE], edition, day))
        found.append(fees_and_rejects(source, day, some[Shape.FEE], edition, fees[0]))
    if Shape.REPORT in some:
        reports.append(read_reports(some[Shape.REPORT], edition))
        found.append(reports_and_rejects(source.file, some[Shape.REPORT], edition, reports[0]))
    if Shape.RETURN in some:
        found.append(returns_and_rejects(source.file, some[Shape.RETURN], edition))
    if Shape.NOTICE in some:
        found.append({"control_record": notices(source.file, some[Shape.NOTICE], edition)})
    return _Part(
        groups=groups,
        continuations=continuations,
        tables={name: _by_record(name, [tables[name] for tables in found if name in tables]) for name in _TABLES},
        amounts=_amounts(groups, some.get(Shape.RETURN), edition, [transactions.frame, *fees]),
        moved=moved_by(pl.concat([moved, *(frame.select(_MOVED) for frame in fees)])),
        sums=sums_by_currency(moved),
        reports=reports,
    )


def _by_record(name: str, tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    some = [table for table in tables if table.height]
    return by_record(pl.concat(some)) if some else TABLES[f"parsed_{name}"].empty()


def _amounts(
    groups: Groups, returned: Groups | None, edition: Edition, read: Iterable[pl.DataFrame]
) -> dict[str, NDArray[np.int64]]:
    """Destination and source amount of each record, as trailers add them."""
    told = None if returned is None else returned.numbers(0, edition.tcr0, _AMOUNTS)
    found = {}
    for name in _AMOUNTS:
        amounts = np.zeros(groups.records.count, dtype=np.int64)
        if returned is not None and told is not None:
            amounts[returned.first] = told[name].fill_null(0).to_numpy()
        for frame in read:
            rows = frame["record"].to_numpy() - (groups.records.before + 1)
            amounts[rows] = frame[name].fill_null(0).to_numpy()
        amounts[groups.first[groups.records.tcr[groups.first] != 0]] = 0
        found[name] = amounts
    return found


def _counted(part: _Part) -> ByteCount:
    """Where the bytes of a part's transactions went."""
    sizes = {
        name: int(part.groups.size[np.searchsorted(part.groups.number, rows["record"].to_numpy())].sum())
        for name, rows in part.tables.items()
    }
    return ByteCount(accepted=sizes["clearing"], rejected=sizes["reject"], control=sizes["control_record"])
