"""What stands between header and trailers of a Visa file, each transaction by its shape, and where its bytes went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
    fee_groups, returned = groups.rows(shape == Shape.FEE), groups.rows(shape == Shape.RETURN)
    report_groups = groups.rows(shape == Shape.REPORT)
    fees, reports = read_fees(fee_groups, edition, day), read_reports(report_groups, edition)
    parts = [
        clearing_and_rejects(source, day, transactions),
        fees_and_rejects(source, day, fee_groups, edition, fees),
        reports_and_rejects(source.file, report_groups, edition, reports),
        returns_and_rejects(source.file, returned, edition),
        {"control_record": notices(source.file, groups.rows(shape == Shape.NOTICE), edition)},
    ]
    tables = {
        name: pl.concat([part[name] for part in parts if name in part]).sort("record")
        for name in ("clearing", "reject", "control_record")
    }
    moved = transactions.frame.filter(pl.Series(~clearing.stray))
    return Contents(
        tables=tables,
        amounts=_amounts(groups, shape, edition, {Shape.TRANSACTION: transactions.frame, Shape.FEE: fees}),
        continuations=continuations,
        net=net_settlement(pl.concat([moved.select(_MOVED), fees.select(_MOVED)])),
        controls=report_totals(reports, moved, day),
        accepted=_bytes(groups, tables["clearing"]),
        rejected=_bytes(groups, tables["reject"]),
        control=_bytes(groups, tables["control_record"]),
    )


def _amounts(
    groups: Groups, shape: NDArray[np.int8], edition: Edition, read: Mapping[Shape, pl.DataFrame]
) -> dict[str, NDArray[np.int64]]:
    """Destination and source amount of each record of the file, as trailers add them."""
    returned = groups.rows(shape == Shape.RETURN)
    told = returned.numbers(0, edition.tcr0, ("dest", "src"))
    found = {}
    for name in ("dest", "src"):
        amounts = np.zeros(groups.records.count, dtype=np.int64)
        amounts[returned.first] = told[name].fill_null(0).to_numpy()
        for frame in read.values():
            amounts[(frame["record"] - 1).to_numpy()] = frame[name].fill_null(0).to_numpy()
        amounts[groups.first[groups.records.tcr[groups.first] != 0]] = 0
        found[name] = amounts
    return found


def _bytes(groups: Groups, rows: pl.DataFrame) -> int:
    at = np.searchsorted(groups.first, (rows["record"] - 1).to_numpy())
    return int(groups.size[at].sum())
