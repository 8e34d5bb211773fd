"""From what is due to what the bank is told: netting by partner, accounts, batches, and the file's bytes.

What a batch says of who pays is kept in it as it was declared when it was proposed, so that the same batch gives the
same file whatever is declared later.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from settlement.errors import TerminalError
from settlement.model.accounts import TRANSIT
from settlement.model.journal import PART_BACK, Entry, Posting
from settlement.model.money import amount_text, split_largest_remainder
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
)
from settlement.model.steps import moment_from
from settlement.pay.nacha import offset_trace, trace_numbers, write_nacha
from settlement.pay.pain001 import write_pain001
from settlement.payout.terms import Debtor, Payer, PayoutTerms, Scheme

_SUFFIXES: Final = {Scheme.PAIN001: "xml", Scheme.NACHA: "ach"}
_MOST_REMITTANCE: Final = 80
"""What fits into one addenda record, and into every other format."""
_MEND: Final = "Close that bank account and propose one that fits, or correct [payouts] of config/programme.toml."


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
    """What a new batch counts on from: batches of before, the next trace number, and the last settled night.

    ``open_days`` are the days that the bank calendar of payouts has told by then, and whether each is open.
    """

    batches: int
    first_trace: int
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
        account = account_of(accounts, partner, currency)
        limit = terms.limit_of(currency)
        debtor = None if account is None else terms.debtor_for(currency, account.account)
        if amount <= 0:
            why = "nothing is left to pay once all contracts are netted; it waits for later statements."
        elif amount < limit.minor("minimum"):
            why = f"it is below the minimum of {limit.minimum} {currency} and waits for later statements."
        else:
            why = unusable(account, day)
        if not why and account is not None and debtor is None:
            why = f"no [[payouts.debtor]] of config/programme.toml pays {currency} to such an account: declare one."
        if why or account is None or debtor is None:
            left.append(LeftOut(partner=partner, currency=currency, amount_minor=amount, why=why))
        else:
            netted.append(Netted(account=account, debtor=debtor, amount_minor=amount, statements=tuple(statements)))
    return netted, left


def account_of(accounts: Iterable[PartnerAccount], partner: str, currency: str) -> PartnerAccount | None:
    """The account of a partner in a currency that is not closed or rejected, else one that is; None where none is."""
    mine = [one for one in accounts if (one.partner, one.currency) == (partner, currency)]
    standing = [one for one in mine if one.state not in {AccountState.CLOSED, AccountState.REJECTED}]
    return next(reversed(standing or mine), None)


def unusable(account: PartnerAccount | None, day: date) -> str:
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
    found: list[Batch] = []
    for number, (_, together) in enumerate(sorted(by_debtor.items()), start=numbers.batches + 1):
        first = max(numbers.first_trace, next_trace(found))
        found.append(_new_batch(together, terms, replace(numbers, batches=number, first_trace=first), day))
    return found


def next_trace(batches: Iterable[Batch]) -> int:
    """The first number behind the trace numbers of all these batches, and of the debits that balance their files."""
    last = 1
    for batch in batches:
        _, debtor, first_trace = _said(batch)
        form = debtor.nacha_form(batch.number, first_trace)
        last = max(last, first_trace + len(batch.payouts) + (form is not None and form.balanced))
    return last


def without_misfits(
    netted: Iterable[Netted], terms: PayoutTerms, numbers: Numbers, created: datetime
) -> tuple[list[Netted], list[LeftOut]]:
    """What the bank's format takes of what is netted, and what it refuses with the reason why, each looked at alone."""
    fitting, left = [], []
    for one in netted:
        (alone,) = new_batches([one], terms, numbers, created.date())
        try:
            payment_file(alone, created)
        except TerminalError as error:
            partner, currency = one.account.partner, one.debtor.currency
            # What is wrong with the payment, whose id is another one in the batch to come.
            why = (str(error).partition(". ")[2] or str(error)).replace(alone.payouts[0].payment_id, partner)
            left.append(
                LeftOut(partner=partner, currency=currency, amount_minor=one.amount_minor, why=f"{why} {_MEND}")
            )
        else:
            fitting.append(one)
    return fitting, left


def _new_batch(together: Sequence[Netted], terms: PayoutTerms, numbers: Numbers, day: date) -> Batch:
    debtor, number = together[0].debtor, numbers.batches
    batch_id = BatchId(f"{terms.message_prefix}P{number:06}")
    total = sum(one.amount_minor for one in together)
    said = {
        "payer": terms.payer.model_dump(mode="json"),
        "debtor": debtor.said,
        "first_trace": numbers.first_trace,
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
    form = debtor.nacha_form(number, numbers.first_trace)
    if form is not None:
        traces = trace_numbers(_order(batch, datetime.min.replace(tzinfo=UTC)), form)
        traced = [replace(one, trace=traces[EndToEndId(one.payment_id)]) for one in batch.payouts]
        batch = replace(batch, payouts=tuple(traced))
    return replace(batch, digest=digest_of(batch))


def statement_name(due: Due) -> str:
    """How people name what an entry made due: contract and period of a close, the payment of a part that came back."""
    kind, *parts = due.entry_key.split("/")
    if kind == "payout_back":
        return f"returned {parts[0]}"
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
    postings = []
    for payout in batch.payouts:
        postings += [
            Posting(account=due.account, currency=batch.currency, amount_minor=due.amount_minor)
            for due in payout.statements
        ]
        account = transit_of(batch, payout)
        postings.append(Posting(account=account, currency=batch.currency, amount_minor=-payout.amount_minor))
    return Entry(
        key=entry_key(batch),
        business_date=night,
        kind="payout",
        text=f"{batch.batch_id}: {len(batch.payouts)} payouts of "
        f"{amount_text(batch.total_minor, batch.currency)} for {batch.value_date}",
        postings=tuple(postings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """So much of a payment, as it is booked: the end of the entry's key, why, and what earlier parts made due again."""

    payout: Payout
    amount_minor: int
    name: str
    why: str
    before: Mapping[str, int]


def back_entry(batch: Batch, came: CameBack, night: date) -> Entry:
    """What takes a payment, or a part of it, out of transit and makes as much due again.

    All of it makes its statements due again as they were; a part is due by this entry itself, split over the accounts
    that the payment was made from by what earlier parts have left of what was due on each.
    """
    payout, amount_minor = came.payout, came.amount_minor
    whole = amount_minor == payout.amount_minor
    by_account: Counter[str] = Counter()
    for due in payout.statements:
        by_account[due.account] += due.amount_minor
    owed = {account: max(amount - came.before.get(account, 0), 0) for account, amount in by_account.items()}
    again = by_account if whole else split_largest_remainder(amount_minor, owed)
    part = "" if whole else f", {amount_text(amount_minor, batch.currency)} of it,"
    return Entry(
        key="/".join(filter(None, ("payout_back", payout.payment_id, came.name))),
        business_date=night,
        kind="payout_back" if whole else PART_BACK,
        text=f"{payout.payment_id} to {payout.partner}{part} came back: {came.why}"[:400],
        postings=(
            Posting(account=transit_of(batch, payout), currency=batch.currency, amount_minor=amount_minor),
            *(
                Posting(account=account, currency=batch.currency, amount_minor=-amount)
                for account, amount in again.items()
                if amount
            ),
        ),
        corrects=entry_key(batch),
    )


def transit_of(batch: Batch, payout: Payout) -> str:
    """The account on which a payment stands between our books and the bank's."""
    return TRANSIT.at(paying_account(batch), payout.payment_id)


def paying_account(batch: Batch) -> str:
    """The account that pays a batch, as bank statements name it."""
    _, debtor, _ = _said(batch)
    return debtor.booked_as


def bank_names(batch: Batch) -> list[tuple[str, tuple[Payout, ...]]]:
    """The names by which a bank may speak of a batch's payments, each with those that it means.

    A NACHA batch is also known by the originating bank and the batch number, and by the trace number of its offset.
    """
    _, debtor, first_trace = _said(batch)
    found = [(str(batch.batch_id), batch.payouts)]
    for payout in batch.payouts:
        found += [(name, (payout,)) for name in (payout.payment_id, payout.trace) if name is not None]
    form = debtor.nacha_form(batch.number, first_trace)
    if form is not None:
        offset = offset_trace(_order(batch, datetime.min.replace(tzinfo=UTC)), form)
        found += [(name, batch.payouts) for name in (f"{form.bank[:8]}{batch.number:07}", offset) if name is not None]
    return found


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
