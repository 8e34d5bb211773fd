"""From what is due to what the bank is told: netting by partner, accounts, batches, and the file's bytes.

What a batch says of who pays is kept in it as it was declared when it was proposed, so that the same batch gives the
same file whatever is declared later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from settlement.errors import TerminalError
from settlement.model.accounts import TRANSIT
from settlement.model.journal import Entry, Posting
from settlement.model.money import amount_text
from settlement.model.payment import EndToEndId, MessageId, Party, Payment, PaymentBatch
from settlement.model.payout import (
    AccountState,
    Batch,
    BatchId,
    BatchState,
    Due,
    PartnerAccount,
    PaymentFile,
    Payout,
    digest_of,
    moment_from,
)
from settlement.pay.nacha import trace_numbers, write_nacha
from settlement.pay.pain001 import write_pain001
from settlement.payout.terms import Debtor, Payer, PayoutTerms, Scheme

_SUFFIXES: Final = {Scheme.PAIN001: "xml", Scheme.NACHA: "ach"}
_MOST_REMITTANCE: Final = 80
"""What fits into one addenda record, and into every other format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What is due to a partner in one currency and not proposed, and why; it stays due."""

    partner: str
    currency: str
    amount_minor: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Netted:
    """What one partner is paid in one currency: the account, who pays, and out of what."""

    account: PartnerAccount
    debtor: Debtor
    amount_minor: int
    statements: tuple[Due, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a new batch counts on from: batches and payouts of before, the last settled night.

    ``open_days`` are the days that the bank calendar of payouts has told by then, and whether each is open.
    """

    batches: int
    payouts: int
    night: date
    open_days: Mapping[date, bool]


def net(
    dues: Iterable[Due], accounts: Sequence[PartnerAccount], terms: PayoutTerms, day: date
) -> tuple[list[Netted], list[LeftOut]]:
    """Net what is due by partner and currency over all contracts, and tell what cannot be paid on a day and why."""
    by_partner: dict[tuple[str, str], list[Due]] = {}
    for due in dues:
        by_partner.setdefault((due.partner, due.currency), []).append(due)
    netted, left = [], []
    for (partner, currency), statements in sorted(by_partner.items()):
        amount = sum(due.amount_minor for due in statements)
        mine = [one for one in accounts if (one.partner, one.currency) == (partner, currency)]
        account = mine[-1] if mine else None
        for one in mine:
            if one.state not in {AccountState.CLOSED, AccountState.REJECTED}:
                account = one
        limit = terms.limit_of(currency)
        debtor = None if account is None else terms.debtor_for(currency, account.account)
        if amount <= 0:
            why = "nothing is left to pay once all contracts are netted; it waits for later statements."
        elif amount < limit.minor("minimum"):
            why = f"it is below the minimum of {limit.minimum} {currency} and waits for later statements."
        else:
            why = _unusable(account, day)
        if not why and account is not None and debtor is None:
            why = f"no [[payouts.debtor]] of config/programme.toml pays {currency} to such an account: declare one."
        if why or account is None or debtor is None:
            left.append(LeftOut(partner=partner, currency=currency, amount_minor=amount, why=why))
        else:
            netted.append(Netted(account=account, debtor=debtor, amount_minor=amount, statements=tuple(statements)))
    return netted, left


def _unusable(account: PartnerAccount | None, day: date) -> str:
    """Why an account is not paid to on a day; empty where it is."""
    if account is None:
        return "no bank account is known: `settle accounts propose`, and have it approved."
    where = f"the bank account {account.account_id} is {account.state}"
    match account.state:
        case AccountState.PROPOSED:
            return f"{where}: another person approves it with `settle accounts approve`."
        case AccountState.REJECTED | AccountState.CLOSING | AccountState.CLOSED:
            return f"{where}: propose another one with `settle accounts propose` once it is closed."
        case AccountState.APPROVED:
            if account.usable_from is not None and account.usable_from > day:
                return f"{where} and in its cooling-off: it is paid to from {account.usable_from} on."
    return ""


def new_batches(netted: Iterable[Netted], terms: PayoutTerms, numbers: Numbers, day: date) -> list[Batch]:
    """A batch for each account that pays, its payouts by partner."""
    by_debtor: dict[str, list[Netted]] = {}
    for one in netted:
        by_debtor.setdefault(one.debtor.name, []).append(one)
    found, payouts = [], numbers.payouts
    for number, (_, together) in enumerate(sorted(by_debtor.items()), start=numbers.batches + 1):
        found.append(_new_batch(together, terms, replace(numbers, batches=number, payouts=payouts), day))
        payouts += len(together)
    return found


def _new_batch(together: Sequence[Netted], terms: PayoutTerms, numbers: Numbers, day: date) -> Batch:
    debtor, number = together[0].debtor, numbers.batches
    batch_id = BatchId(f"{terms.message_prefix}P{number:06}")
    total = sum(one.amount_minor for one in together)
    said = {
        "payer": terms.payer.model_dump(mode="json"),
        "debtor": debtor.said,
        "first_trace": numbers.payouts + 1,
    }
    batch = Batch(
        batch_id=batch_id,
        number=number,
        night=numbers.night,
        currency=debtor.currency,
        value_date=terms.value_date(day, numbers.open_days),
        debtor=json.dumps(said, sort_keys=True),
        approvals=terms.limit_of(debtor.currency).approvals(total),
        may_override=terms.may_override,
        digest="",
        payouts=tuple(
            Payout(
                payment_id=f"{batch_id}-{place:03}",
                partner=one.account.partner,
                account=one.account,
                amount_minor=one.amount_minor,
                remittance=_remittance(batch_id, one.statements),
                trace=None,
                statements=one.statements,
            )
            for place, one in enumerate(sorted(together, key=lambda one: one.account.partner), start=1)
        ),
    )
    form = debtor.nacha_form(number, numbers.payouts + 1)
    if form is not None:
        traces = trace_numbers(_order(batch, datetime.min.replace(tzinfo=UTC)), form)
        traced = [replace(one, trace=traces[EndToEndId(one.payment_id)]) for one in batch.payouts]
        batch = replace(batch, payouts=tuple(traced))
    return replace(batch, digest=digest_of(batch))


def statement_name(due: Due) -> str:
    """How people name what an entry made due: contract and period where the entry is a close."""
    kind, *parts = due.entry_key.split("/")
    return " ".join(parts[:2]) if kind == "close" else due.entry_key


def _remittance(batch_id: BatchId, statements: Sequence[Due]) -> str:
    text = f"{batch_id} {', '.join(dict.fromkeys(map(statement_name, statements)))}"
    return text if len(text) <= _MOST_REMITTANCE else f"{batch_id} {len(statements)} statements"


def _said(batch: Batch) -> tuple[Payer, Debtor, int]:
    said: Mapping[str, Any] = json.loads(batch.debtor)
    return Payer(**said["payer"]), Debtor.model_validate(said["debtor"]), said["first_trace"]


def _order(batch: Batch, created: datetime) -> PaymentBatch:
    payer, debtor, _ = _said(batch)
    return PaymentBatch(
        message_id=MessageId(batch.batch_id),
        created=created,
        debtor=payer.party,
        debtor_account=debtor.bank_account,
        value_date=batch.value_date,
        currency=batch.currency,
        payments=tuple(
            Payment(
                end_to_end_id=EndToEndId(payout.payment_id),
                amount_minor=payout.amount_minor,
                currency=batch.currency,
                creditor=Party(name=payout.account.holder),
                account=payout.account.account,
                remittance=payout.remittance,
            )
            for payout in batch.payouts
        ),
    )


def ordered(batch: Batch) -> PaymentBatch:
    """What was ordered from the bank, created when the batch was released."""
    return _order(batch, moment_from(batch.at(BatchState.RELEASED)))


def payment_file(batch: Batch, created: datetime) -> PaymentFile:
    """The file that orders a batch from the bank. TerminalError that tells what is wrong where it cannot be written."""
    _, debtor, first_trace = _said(batch)
    order, form = _order(batch, created), debtor.nacha_form(batch.number, first_trace)
    content = write_pain001(order, debtor.pain001) if form is None else write_nacha(order, form)
    name = f"{batch.batch_id}.{_SUFFIXES[debtor.scheme]}"
    return PaymentFile(name=name, sha256=hashlib.sha256(content).hexdigest(), content=content)


def release_entry(batch: Batch, night: date) -> Entry:
    """What a release books: off what is due, into transit, each payment on an account of its own."""
    _, debtor, _ = _said(batch)
    postings = []
    for payout in batch.payouts:
        postings += [
            Posting(account=due.account, currency=batch.currency, amount_minor=due.amount_minor)
            for due in payout.statements
        ]
        transit = TRANSIT.at(debtor.booked_as, payout.payment_id)
        postings.append(Posting(account=transit, currency=batch.currency, amount_minor=-payout.amount_minor))
    return Entry(
        key=entry_key(batch),
        business_date=night,
        kind="payout",
        text=f"{batch.batch_id}: {len(batch.payouts)} payouts of "
        f"{amount_text(batch.total_minor, batch.currency)} for {batch.value_date}",
        postings=tuple(postings),
    )


def back_entry(batch: Batch, payout: Payout, night: date, why: str) -> Entry:
    """What takes one payment out of transit and makes its statements due again."""
    _, debtor, _ = _said(batch)
    transit = TRANSIT.at(debtor.booked_as, payout.payment_id)
    return Entry(
        key=f"payout_back/{payout.payment_id}",
        business_date=night,
        kind="payout_back",
        text=f"{payout.payment_id} to {payout.partner} came back: {why}"[:400],
        postings=(
            Posting(account=transit, currency=batch.currency, amount_minor=payout.amount_minor),
            *(
                Posting(account=due.account, currency=batch.currency, amount_minor=-due.amount_minor)
                for due in payout.statements
            ),
        ),
        corrects=entry_key(batch),
    )


def entry_key(batch: Batch) -> str:
    """The key of the entry that a release books."""
    return f"payout/{batch.batch_id}"


def require_as_proposed(batch: Batch) -> None:
    """Raise TerminalError where what a batch pays is not what its digest says any more."""
    if digest_of(batch) != batch.digest:
        raise TerminalError(
            f"The batch {batch.batch_id} is not what was proposed and approved: somebody wrote past the program. "
            "Reject it, find out who did, and propose anew."
        )
