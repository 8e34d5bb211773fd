"""A restatement as plain text for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl
from rich.table import Table
from rich.text import Text

from settlement.model.money import is_currency
from settlement.model.restatement import OrderState, RestatementOrder
from settlement.report.figures import MINUS, amount_text, change_text, count_text
from settlement.restate.trial import AMOUNT, Trial


def render_trial(trial: Trial, reason: str) -> str:
    """What the nights would come to, table by table; one sentence where nothing differs."""
    nights = (
        f"{trial.nights[0]} to {trial.nights[-1]}, {count_text(len(trial.nights))} nights performed again: {reason}"
    )
    if trial.nothing:
        return f"{nights}\nThe nights come to the same: there is nothing to restate."
    blocks = [[nights], *_blocks(trial)]
    return "\n\n".join("\n".join(block) for block in blocks)


def render_order(order: RestatementOrder) -> str:
    """An order with what it would change, the digests it rests on, and its steps."""
    of, rests = order.restatement, order.configuration
    head = [
        f"order        {order.order_id}, {order.state}",
        f"restates     {of.first_night} to {of.last_night}, made by the night {of.business_date}",
        f"known after  {order.known_after}",
        f"rules        {rests.rules_sha256 or 'not kept'}",
        f"contracts    {rests.contracts_sha256 or 'not kept'}",
        f"layouts      {rests.layouts_sha256 or 'not kept'}",
        f"settings     {rests.settings_sha256 or 'not kept'}",
        f"digest       {order.digest or 'not kept'}",
    ]
    steps = [
        f"{step.state:13}{step.moment} by {step.person}{f' ({step.note})' if step.note else ''}" for step in order.steps
    ]
    return "\n".join([*head, *steps, "", order.trial])


def order_list(orders: Iterable[RestatementOrder]) -> Table:
    """Orders, one a line."""
    table = Table("order", "state", "nights", "made by", "proposed by", "approved by", "why")
    for order in orders:
        of, approved = order.restatement, order.by(OrderState.APPROVED) or ""
        table.add_row(
            *(order.order_id, order.state.value, f"{of.first_night} to {of.last_night}", str(of.business_date)),
            *(order.by(OrderState.PROPOSED), approved, Text(of.reason)),
        )
    return table


def _blocks(trial: Trial) -> Iterator[list[str]]:
    for night, tables in trial.read.group_by("night", maintain_order=True):
        names = ", ".join(tables["table"])
        yield [
            f"Files of {night[0]} are read otherwise ({names}): repairs and corrected files tell that, not matching."
        ]
    if trial.matches.height:
        yield ["Matches", *_rows(trial.matches)]
    if trial.cash.height:
        yield ["Bank entries", *_rows(trial.cash)]
    if trial.breaks.height:
        yield ["Open items after the last night", *_rows(trial.breaks)]
    if trial.rated.height:
        yield ["Rated quantities to date", *_rows(trial.rated, unit="unit")]
    if trial.statements.height:
        yield ["Statements as last told", *_rows(trial.statements, unit="currency")]
    if trial.partners.height:
        yield ["Shares of partners, all periods", *_rows(trial.partners, unit="currency")]
    if trial.balances.height:
        yield ["Balances of the books after the last night (debit +)", *_rows(trial.balances, unit="currency")]
    if trial.contracts:
        told = "Files of these contracts have changed: the next night rates them anew by itself, whatever is restated"
        yield [f"{told}: {', '.join(trial.contracts)}."]


def _rows(table: pl.DataFrame, unit: str | None = None) -> Iterator[str]:
    """A head and the rows, numbers to the right; amounts of a currency in its major units."""
    head = table.columns
    numbers = {name for name, kind in table.schema.items() if kind.is_integer()}
    rows = [head, *([_cell(row, name, unit) for name in head] for row in table.iter_rows(named=True))]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    for row in rows:
        cells = [
            f"{cell:>{width}}" if name in numbers else f"{cell:<{width}}"
            for cell, width, name in zip(row, widths, head, strict=True)
        ]
        yield f"  {'  '.join(cells)}".rstrip()


def _cell(row: dict[str, object], name: str, unit: str | None) -> str:
    value = row[name]
    if not isinstance(value, int):
        return "" if value is None else str(value)
    measured = "" if unit is None else str(row[unit])
    if name == AMOUNT[-1]:
        return change_text(value, measured) if is_currency(measured) else f"{value:+,}".replace("-", MINUS)
    return amount_text(value, measured) if is_currency(measured) else count_text(value)
