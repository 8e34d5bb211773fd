"""Whose payment a status speaks of: a bank's reply laid beside the batch that was ordered.

A status of a whole message or block covers each payment that has none of its own in the same reply. What fits no
payment of the batch is kept with the reason why, never dropped and never taken for another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from settlement.model.money import to_major
from settlement.model.payment import EndToEndId, Payment, PaymentBatch, total_minor
from settlement.model.payment_status import BankReply, Outcome, PaymentStatus, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Astray:
    """A status that fits no payment of the batch, and why in one sentence."""

    status: PaymentStatus
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A reply laid beside a batch.

    Attributes
    ----------
    told
        Payments with their statuses, in the order of the batch and then of the file; a payment may have several.
    astray
        The statuses that fit none.
    notes
        Sentences for a person: those of the reply, and where the bank has read another number or sum than was ordered.
    """

    told: tuple[tuple[EndToEndId, PaymentStatus], ...]
    astray: tuple[Astray, ...]
    notes: tuple[str, ...]


def assign(batch: PaymentBatch, reply: BankReply, traces: Mapping[EndToEndId, str] | None = None) -> Assigned:
    """Lay a reply beside a batch.

    Parameters
    ----------
    batch
        What was ordered.
    reply
        What came back.
    traces
        Of a batch that went out in a NACHA file its trace numbers; None where it went out as pain.001.

    Returns
    -------
    Assigned
        Each status of one payment stands in it under that payment or is astray; one of the message or block stands
        under the payments that have no nearer one.
    """
    payments = {payment.end_to_end_id: payment for payment in batch.payments}
    by_trace = {trace: name for name, trace in (traces or {}).items()}
    own: dict[EndToEndId, list[PaymentStatus]] = defaultdict(list)
    wide: dict[Scope, PaymentStatus] = {}
    astray: list[Astray] = []
    for status in reply.statuses:
        # Trace numbers may come again after a year; an id that is told decides.
        name = status.end_to_end_id or by_trace.get(status.bank_reference or "")
        payment = None if name is None else payments.get(name)
        why = _why_not_this_batch(batch, status)
        if why is None and status.scope is Scope.PAYMENT:
            why = _why_not(status, payment, traces or {})
        if why is not None:
            astray.append(Astray(status=status, why=why))
        elif payment is not None:
            own[payment.end_to_end_id].append(status)
        else:
            wide[status.scope] = status
    covering = wide.get(Scope.BLOCK) or wide.get(Scope.MESSAGE)
    if covering is not None:
        for name in payments:
            own[name] = own[name] or [covering]
    return Assigned(
        told=tuple((name, status) for name in payments for status in own.get(name, ())),
        astray=tuple(astray),
        notes=(*reply.notes, *_notes(batch, reply)),
    )


def _why_not_this_batch(batch: PaymentBatch, status: PaymentStatus) -> str | None:
    """Why a status speaks of another batch; None where it does not."""
    if status.message_id not in {None, batch.message_id}:
        return f"it speaks of the message {status.message_id}, and this is {batch.message_id}"
    if status.block_id not in {None, batch.message_id}:
        return f"it speaks of the block {status.block_id}, and the only one is {batch.message_id}"
    return None


def _why_not(status: PaymentStatus, payment: Payment | None, traces: Mapping[EndToEndId, str]) -> str | None:
    """Why a status of one payment fits none of the batch; None where it does."""
    if payment is None:
        return f"no payment of the batch has the id {status.end_to_end_id}"
    trace = traces.get(payment.end_to_end_id)
    if trace is not None and status.bank_reference not in {None, trace}:
        return f"it quotes the trace number {status.bank_reference}, and {payment.end_to_end_id} has {trace}"
    if status.amount_minor is None:
        return None
    less = status.outcome is Outcome.RETURNED and status.amount_minor < payment.amount_minor
    if status.currency == payment.currency and (less or status.amount_minor == payment.amount_minor):
        # A bank on the way back may keep a charge, so less may come back than was paid; never more.
        return None
    return (
        f"it speaks of {status.amount_minor} minor units of {status.currency}, and {payment.end_to_end_id} is of "
        f"{payment.amount_minor} of {payment.currency}"
    )


def _notes(batch: PaymentBatch, reply: BankReply) -> Iterator[str]:
    """Where the bank has read another batch than was ordered."""
    if reply.message_id != batch.message_id:
        return
    if reply.declared_count not in {None, len(batch.payments)}:
        yield f"the bank has read {reply.declared_count} payments, and {len(batch.payments)} were ordered"
    ordered = Decimal(to_major(total_minor(batch), batch.currency))
    if reply.declared_sum not in {None, ordered}:
        yield f"the bank has read a sum of {reply.declared_sum}, and {ordered} {batch.currency} was ordered"
