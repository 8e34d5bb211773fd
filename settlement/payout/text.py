"""Payouts in words and tables, for terminals and for those who approve elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from settlement.model.money import amount_text, to_major
from settlement.model.payout import Batch, BatchState, Payout
from settlement.payout.judged import Judged, named
from settlement.payout.orders import LeftOut, statement_name
from settlement.payout_books import Status


def batch_list(batches: Iterable[Batch]) -> Table:
    """Batches, one a line."""
    table = Table("batch", "state", "payouts", "sum", "value date", "proposed by", "approved by", "checks")
    for batch in batches:
        failing = sum(not check.passed for check in batch.last_checks)
        approved = ", ".join(batch.by(BatchState.APPROVED)) or f"0 of {batch.approvals}"
        table.add_row(
            *(
                batch.batch_id,
                batch.state.value,
                str(len(batch.payouts)),
                amount_text(batch.total_minor, batch.currency),
            ),
            *(str(batch.value_date), *batch.by(BatchState.PROPOSED), approved),
            f"{failing} fail" if failing else "all hold",
        )
    return table


def left_table(left: Iterable[LeftOut]) -> Table:
    """What is not proposed, and why."""
    table = Table("partner", "due", "why")
    for one in left:
        table.add_row(one.partner, amount_text(one.amount_minor, one.currency), Text(one.why))
    return table


def batch_lines(batch: Batch, before: Mapping[str, int], following: str) -> list[Table | Text | str]:
    """All of one batch, ``before`` being what each partner was last paid."""
    table = Table("payment", "partner", "amount", "change", "account", "statements", "stands")
    for payout in batch.payouts:
        statements = ", ".join(
            f"{statement_name(due)} {to_major(due.amount_minor, due.currency)}" for due in payout.statements
        )
        table.add_row(
            *(payout.payment_id, payout.partner, amount_text(payout.amount_minor, batch.currency)),
            *(change(payout, before, batch.currency), payout.account.shown, Text(statements), stands(payout)),
        )
    checks = Table("check", "partner", "figure", "most", "holds", "what it says")
    for check in batch.last_checks:
        held = "yes" if check.passed else "NO"
        checks.add_row(check.name, check.partner, str(check.figure), str(check.most), held, Text(check.text))
    steps = [
        Text(f"{step.state:13}{step.moment} by {step.person}{f' ({step.note})' if step.note else ''}")
        for step in batch.steps
    ]
    counting = batch.last_overrides
    words = [
        Text(f"{'overridden' if one in counting else 'spent word':13}{one.moment} by {one.person}: {one.reason}")
        for one in batch.overrides
    ]
    return [
        f"batch        {batch.batch_id}, {batch.state}",
        f"sum          {amount_text(batch.total_minor, batch.currency)} for {batch.value_date}",
        f"digest       {batch.digest}",
        f"rests on     the night {batch.night}",
        table,
        checks,
        *steps,
        *words,
        f"approvals    {len(batch.by(BatchState.APPROVED))} of {batch.approvals}",
        f"next         {following}",
    ]


def change(payout: Payout, before: Mapping[str, int], currency: str) -> str:
    """The change of a payout against the one before."""
    if payout.partner not in before:
        return "first payout"
    difference = payout.amount_minor - before[payout.partner]
    return f"{'+' if difference >= 0 else ''}{to_major(difference, currency)}"


def stands(payout: Payout) -> str:
    """What the bank has told and shown of a payout."""
    told = []
    if payout.back_minor:
        whole = payout.back_minor == payout.amount_minor
        told.append("rejected" if payout.rejected else "came back" if whole else "came back in part")
    elif payout.accepted and not payout.debited:
        told.append("accepted")
    told += ["debited"] * payout.debited
    if payout.credits:
        told.append("credited in part" if payout.to_credit else "credited again")
    return ", ".join(told)


def cash_table(found: Iterable[Judged]) -> Table:
    """Bank entries that have to do with payments, and what became of each."""
    table = Table("entry", "amount", "payments", "what became of it")
    for one in found:
        place = f"{one.entry.entry_ref}, entry {one.entry.entry} of {one.entry.statement}"
        amount = amount_text(one.entry.amount_minor, one.entry.currency)
        table.add_row(Text(place), amount, named(one.meant), Text(one.why or _became(one)))
    return table


def _became(one: Judged) -> str:
    if one.against is None:
        return "taken off suspense"
    return f"set off against entry {one.against.entry} of {one.against.statement}"


def status_table(statuses: Sequence[Status]) -> Table:
    """What a bank told, and what it did."""
    table = Table("payment", "outcome", "code", "amount", "what it did", "words")
    for one in statuses:
        amount = amount_text(one.amount_minor, one.currency) if one.amount_minor is not None and one.currency else ""
        effect = one.effect.value.replace("_", " ")
        table.add_row(one.payment_id or f"? {one.named}", one.outcome, one.code, amount, effect, Text(one.words))
    return table
