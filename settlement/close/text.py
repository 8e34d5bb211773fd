"""A close as plain text for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from settlement.close.checks import Check
from settlement.close.periods import ContractPeriod, PeriodState
from settlement.close.statements import Adjustment
from settlement.close.told import CloseTold
from settlement.model.journal import Entry
from settlement.report.figures import Money, amount_text, change_text


def render_list(found: Sequence[tuple[ContractPeriod, PeriodState]]) -> str:
    """One line a period: contract, period, its last day, where it stands, and the night that stated it."""
    rows = [("contract", "period", "last day", "state", "stated by the night")]
    rows += [
        (one.contract, one.period.text, str(one.period.last), state.value, str(one.closed_on or ""))
        for one, state in found
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(5)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(r, widths, strict=True)).rstrip() for r in rows
    )


def render_checks(checks: Sequence[Check]) -> str:
    """The checklist: what holds, with its figure; what does not, with each open item and what to do."""
    lines = []
    for check in checks:
        lines.append(f"{'ok   ' if check.holds else 'BLOCK'}  {check.name:<12} {check.figure}")
        lines += [f"         note: {note.subject}: {note.reason} ({note.person})" for note in check.notes]
        lines += [f"         {subject}: {text}" for subject, text in check.open.items()]
        if not check.holds and check.act:
            lines.append(f"         what to do: {check.act}")
    return "\n".join(lines)


def render_close(told: CloseTold) -> str:
    """Everything on one period's close."""
    blocks = [
        list(_head(told)),
        *_sections(told),
        [f"Accruals reversed: {_money(told.accrued)} of {told.accruals} entries"],
        *([line] for one in told.adjustments for line in ["\n".join(_adjustment(one))]),
        ["Entries of the close", *(line for entry in told.entries for line in _entry(entry))],
        ["Checklist", render_checks(told.checks)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def _head(told: CloseTold) -> Iterator[str]:
    yield f"{told.name}: {told.title}"
    stated = f"stated by the night {told.one.closed_on}" if told.one.closed_on else "not stated yet"
    yield f"  {told.state.value}, {stated}, as known after {told.known_after}"
    if told.one.closed_on:
        yield f"  statement {told.digest}"
    if told.certificate is not None:
        second = f"reviewed by {told.certificate.reviewed_by}" if told.certificate.reviewed_by else "waits for a review"
        yield f"  prepared by {told.certificate.prepared_by}, {second}"


def _sections(told: CloseTold) -> Iterator[list[str]]:
    for section, lines in groupby(told.lines, key=lambda line: line.section):
        block = [section.value[0].upper() + section.value[1:]]
        for line in lines:
            name = f"{line.name} {line.beneficiary}".rstrip()
            amount = amount_text(line.amount.minor, line.amount.currency)
            block.append(f"  {name:<40} {amount:>18} {line.amount.currency}  {line.quantities}".rstrip())
        yield block


def _adjustment(one: Adjustment) -> Iterator[str]:
    yield f"Why {one.closed} is adjusted by {change_text(one.amount_minor, one.currency)} {one.currency}"
    if one.correction is None:
        return
    for term in one.correction.terms:
        then, now = (amount_text(amount, one.currency) for amount in (term.then_minor, term.now_minor))
        yield f"  {term.term}: {then} stated after {term.stated_on}, {now} now"
    for cause in one.correction.causes:
        known = f", known since {cause.known_on}" if cause.known_on else ""
        yield f"  {change_text(cause.amount_minor, one.currency):>18} {one.currency}  {cause.text}{known}"


def _entry(entry: Entry) -> Iterator[str]:
    yield f"  {entry.key}: {entry.text}"
    for posting in entry.postings:
        side = "Dr" if posting.amount_minor > 0 else "Cr"
        amount = amount_text(abs(posting.amount_minor), posting.currency)
        yield f"    {side} {posting.account:<80} {amount:>18} {posting.currency}"


def _money(amounts: Sequence[Money]) -> str:
    return " and ".join(map(str, amounts)) or "nothing"
