"""Lines of the merchant side that add up whole sales of the bank side, as many as the line says.

A sale is what the bank cleared under one reference, in one record or in parts. A line of one sale meets all parts of a
sale; a line of several meets exactly so many sales. Where more than one set of sales makes up the line, none is taken,
unless they differ only in which of several sales of equal amount they take: then the first ones are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.sums import Searched, find_subset
from settlement.match.keys import number

Rows = NDArray[np.int32]


class Added(NamedTuple):
    """Rows that belong together by ``bank_match``, from 0 in the order of ``merchant``.

    ``bank`` and ``merchant`` are values of the column ``row``; ``unsure`` says by match whether others fit as well.
    """

    bank: Rows
    bank_match: Rows
    merchant: Rows
    unsure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """What the bank cleared under one reference."""

    rows: tuple[int, ...]
    amount: int


def added_lines(ours: pl.DataFrame, theirs: pl.DataFrame, same: Sequence[str], whole: Sequence[str]) -> Added:
    """The lines that bank rows make up, the lines of one sale first.

    Parameters
    ----------
    ours : DataFrame
        Bank rows in declared order: ``row``, ``amount``, the columns ``same`` and ``whole``.
    theirs : DataFrame
        Lines in declared order: ``row``, ``amount``, ``purchases`` (how many sales; empty for one), and ``same``.
    same : sequence of str
        What a line and its sales share.
    whole : sequence of str
        What the parts of one sale share; a row that lacks it is a sale of its own.
    """
    sales, lines = _sales_and_lines(ours, theirs, same, whole)
    found: list[tuple[int, list[_Sale], bool]] = []
    for group, row, amount, purchases in lines:
        free = sales[group]
        picked, unsure = _whole_sale(free, amount) if purchases == 1 else _several(free, amount, purchases)
        if picked:
            found.append((row, picked, unsure))
            sales[group] = [sale for sale in free if sale not in picked]
    bank = [(row, match) for match, (_, picked, _) in enumerate(found) for sale in picked for row in sale.rows]
    return Added(
        bank=np.array([row for row, _ in bank], dtype=np.int32),
        bank_match=np.array([match for _, match in bank], dtype=np.int32),
        merchant=np.array([row for row, _, _ in found], dtype=np.int32),
        unsure=np.array([unsure for _, _, unsure in found], dtype=np.bool_),
    )


def _sales_and_lines(
    ours: pl.DataFrame, theirs: pl.DataFrame, same: Sequence[str], whole: Sequence[str]
) -> tuple[defaultdict[int, list[_Sale]], list[tuple[int, int, int, int]]]:
    """The sales of each group in declared order; and the lines: group, row, amount, number of sales."""
    near = ours.join(theirs.select(same), on=same, how="semi", maintain_order="left")
    left, right, _ = number(near.select(same), theirs.select(same))
    told = pl.all_horizontal(pl.col(name).is_not_null() for name in whole)
    of_sale = pl.when(told).then(pl.col("row").first().over([*same, *whole])).otherwise(pl.col("row"))
    grouped = (
        near.with_columns(of_sale.alias("sale"), pl.Series("group", left))
        .group_by("sale", maintain_order=True)
        .agg(pl.col("group").first(), pl.col("row"), pl.col("amount").sum())
    )
    sales: defaultdict[int, list[_Sale]] = defaultdict(list)
    for _, group, rows, amount in grouped.iter_rows():
        sales[group].append(_Sale(rows=tuple(rows), amount=amount))
    lines = theirs.select(pl.Series("group", right), "row", "amount", pl.col("purchases").fill_null(1)).rows()
    return sales, sorted(lines, key=lambda line: (line[3] > 1, line[1]))


def _whole_sale(free: Sequence[_Sale], amount: int) -> tuple[list[_Sale], bool]:
    """The first sale in parts that comes to the amount, and whether another one does."""
    fitting = [sale for sale in free if sale.amount == amount and len(sale.rows) > 1]
    return fitting[:1], len(fitting) > 1


def _several(free: Sequence[_Sale], amount: int, purchases: int) -> tuple[list[_Sale], bool]:
    """The one set of so many sales that comes to the amount."""
    if not 1 < purchases <= len(free):
        return [], False
    # Each sale carries a step beyond the reach of all amounts: only sets of the right number come to the target.
    step = 1 + sum(abs(sale.amount) for sale in free) + abs(amount)
    amounts = np.array([sale.amount + step for sale in free], dtype=np.int64)
    shown = find_subset(amounts, amount + purchases * step, most_members=purchases)
    if shown.status is Searched.FOUND or shown.equal_amounts_only:
        return [free[place] for place in shown.members], shown.equal_amounts_only
    return [], False
