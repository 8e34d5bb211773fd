"""A what-if as plain text for a person at a terminal: words, a table, and a bar for each month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from settlement.report.figures import NOTHING, amount_text, change_text
from settlement.whatif.difference import Change, notes
from settlement.whatif.outcome import Compared

_WIDTH: Final = 116
_BAR: Final = 44


def render_changes(changes: Sequence[Change]) -> str:
    """What differs, clause by clause, and what a lawyer should look at."""
    blocks = []
    for clause, group in groupby(changes, key=lambda change: change.clause):
        told = [f"clause {clause}" if clause else "the contract"]
        for change in group:
            place = f"{change.place}: " if change.place else ""
            first, *rest = _wrapped(f"{place}{change.text}")
            told += [f"  {first}", *(f"    {line}" for line in rest)]
        blocks.append("\n".join(told))
    if told_notes := notes(changes):
        blocks.append("\n".join(told_notes))
    return "\n\n".join(blocks) if blocks else "The contracts say the same."


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def render_table(lines: Sequence[Compared], *, both: bool) -> str:
    """The lines, a paragraph for each period; ``both`` shows before, after and difference, else one amount."""
    names = {line: line.term if line.beneficiary is None else f"{line.term} {line.beneficiary}" for line in lines}
    cells = {line: _cells(line, both=both) for line in lines}
    head = ["before", "after", "difference"] if both else ["amount"]
    widths = [max([len(title), *(len(row[place]) for row in cells.values())]) for place, title in enumerate(head)]
    first = max([len("period"), *(len(name) + 2 for name in names.values())])
    told = [f"{'period':<{first}}{_row(head, widths)}  currency"]
    for period, group in groupby(lines, key=lambda line: line.period):
        told.append(period)
        told += [f"{f'  {names[line]}':<{first}}{_row(cells[line], widths)}  {line.currency}" for line in group]
    return "\n".join(told)


def _cells(line: Compared, *, both: bool) -> list[str]:
    before, after = (
        NOTHING if amount is None else amount_text(amount, line.currency) for amount in (line.before, line.after)
    )
    return [before, after, change_text(line.difference, line.currency)] if both else [after]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def render_chart(series: Mapping[str, Mapping[str, int]], currency: str) -> str:
    """A bar for each month and series; an amount below zero has a light bar.

    Parameters
    ----------
    series:
        By its name, minor units by month.
    """
    months = sorted({month for amounts in series.values() for month in amounts})
    largest = max((abs(amount) for amounts in series.values() for amount in amounts.values()), default=0)
    width = max([len(month) for month in months], default=0)
    names = max(len(name) for name in series)
    return "\n".join(
        [
            f"What the terms give together by month, or by period where that is longer, in {currency}",
            *_bars(series, months, largest, currency, (width, names)),
        ]
    )


def _bars(
    series: Mapping[str, Mapping[str, int]],
    months: Sequence[str],
    largest: int,
    currency: str,
    widths: tuple[int, int],
) -> Iterator[str]:
    for month in months:
        for place, (name, amounts) in enumerate(series.items()):
            amount = amounts.get(month, 0)
            length = abs(amount) * _BAR // largest if largest else 0
            bar = ("\u2588" if amount > 0 else "\u2591") * max(length, int(amount != 0))
            label = month if place == 0 else ""
            yield f"{label:<{widths[0]}}  {name:<{widths[1]}}  {bar} {amount_text(amount, currency)}"
