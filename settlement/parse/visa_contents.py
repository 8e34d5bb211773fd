"""What stands between header and trailers of a Visa file, each transaction by its shape, and where its bytes went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.tables import TABLES
from settlement.parse.source import ControlTotal, Source
from settlement.parse.visa_fees import fees_and_rejects, read_fees
from settlement.parse.visa_groups import Groups, Shape, grouped, shapes
from settlement.parse.visa_layout import Edition
from settlement.parse.visa_records import Records
from settlement.parse.visa_reports import (
    notices,
    read_reports,
    report_totals,
    reports_and_rejects,
    returns_and_rejects,
)
from settlement.parse.visa_rows import clearing_and_rejects, net_settlement, read_transactions

_MOVED = ("dest", "src", "dest_currency", "direction", "interchange_micro")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The rows of a file.

    Attributes
    ----------
    tables:
        ``clearing``, ``reject`` and ``control_record``, each by record.
    amounts:
        Destination and source amount of every record of the file, 0 where there is none.
    continuations:
        Which records of the file continue a transaction.
    net:
        Net settlement and its currency.
    controls:
        The network's own totals that speak of just this file.
    accepted, rejected, control:
        Bytes of clearing records, rejects and control records, with their continuations and line ends.
    """

    tables: Mapping[str, pl.DataFrame]
    amounts: Mapping[str, NDArray[np.int64]]
    continuations: NDArray[np.bool_]
    net: tuple[int | None, str | None]
    controls: tuple[ControlTotal, ...]
    accepted: int
    rejected: int
    control: int


def read_contents(source: Source, edition: Edition, day: date, records: Records) -> Contents:
    """All rows between header and trailers of a file of ``day``."""
    groups, continuations = grouped(records)
    shape = shapes(groups, edition)
    clearing = groups.rows(shape <= Shape.TRANSACTION)
    transactions = read_transactions(clearing, edition, shape[shape <= Shape.TRANSACTION] == Shape.TRANSACTION, day)
    moved = transactions.frame.filter(pl.Series(~clearing.stray))
    parts = [clearing_and_rejects(source, day, transactions)]
    fees: list[pl.DataFrame] = []
    controls: tuple[ControlTotal, ...] = ()
    # Most files have nothing but transactions.
    some = {each: groups.rows(shape == each) for each in Shape if (shape == each).any()}
    if Shape.FEE in some:
        fees.append(read_fees(some[Shape.FEE], edition, day))
        parts.append(fees_and_rejects(source, day, some[Shape.FEE], edition, fees[0]))
    if Shape.REPORT in some:
        reports = read_reports(some[Shape.REPORT], edition)
        controls = report_totals(reports, moved, day)
        parts.append(reports_and_rejects(source.file, some[Shape.REPORT], edition, reports))
    if Shape.RETURN in some:
        parts.append(returns_and_rejects(source.file, some[Shape.RETURN], edition))
    if Shape.NOTICE in some:
        parts.append({"control_record": notices(source.file, some[Shape.NOTICE], edition)})
    tables = {
        name: pl.concat([TABLES[f"parsed_{name}"].empty(), *(part[name] for part in parts if name in part)]).sort(
            "record"
        )
        for name in ("clearing", "reject", "control_record")
    }
    return Contents(
        tables=tables,
        amounts=_amounts(groups, some.get(Shape.RETURN), edition, [transactions.frame, *fees]),
        continuations=continuations,
        net=net_settlement(pl.concat(frame.select(_MOVED) for frame in (moved, *fees))),
        controls=controls,
        accepted=_bytes(groups, tables["clearing"]),
        rejected=_bytes(groups, tables["reject"]),
        control=_bytes(groups, tables["control_record"]),
    )


def _amounts(
    groups: Groups, returned: Groups | None, edition: Edition, read: Iterable[pl.DataFrame]
) -> dict[str, NDArray[np.int64]]:
    """Destination and source amount of each record of the file, as trailers add them."""
    told = None if returned is None else returned.numbers(0, edition.tcr0, ("dest", "src"))
    found = {}
    for name in ("dest", "src"):
        amounts = np.zeros(groups.records.count, dtype=np.int64)
        if returned is not None and told is not None:
            amounts[returned.first] = told[name].fill_null(0).to_numpy()
        for frame in read:
            amounts[(frame["record"] - 1).to_numpy()] = frame[name].fill_null(0).to_numpy()
        amounts[groups.first[groups.records.tcr[groups.first] != 0]] = 0
        found[name] = amounts
    return found


def _bytes(groups: Groups, rows: pl.DataFrame) -> int:
    at = np.searchsorted(groups.first, (rows["record"] - 1).to_numpy())
    return int(groups.size[at].sum())
