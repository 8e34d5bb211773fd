"""Status reports: pain.002 of ISO 20022, versions 03 and 10, in answer to a pain.001.

A bank answers for the whole message, for its block of payments, or payment by payment, and may name only some of
them. Each place that tells a status becomes one; which payments a wide one covers is worked out against what was
ordered (``pay/replies.py``). Sources: the schemas and the message definition report of ISO 20022, with its rules on
which statuses may stand under which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from settlement.model.money import to_major
from settlement.model.payment import MessageId
from settlement.model.payment_status import BankReply, Outcome, PaymentStatus, Reason, Scope, reason_of
from settlement.model.reason_codes import ISO_STATUS_MEANINGS, ISO_STATUSES
from settlement.parse.bank_replies import count_at, end_to_end_at, reasons_at, refusal, require_size, sum_at, wrong
from settlement.parse.camt_entries import day_of, reference_at
from settlement.parse.cards import mask_text
from settlement.parse.iso20022 import Family, Node, read_document
from settlement.parse.statements import UnreadableError, Unusable, money_of

FAMILY: Final = Family(message="pain.002", versions=("03", "10"), body="CstmrPmtStsRpt", section="OrgnlPmtInfAndSts")

_PARTLY: Final = "PART"
_REJECTED: Final = "RJCT"
_STATUS_LIST: Final = "ISO 20022 list of payment statuses"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """What all statuses of a report share."""

    message_id: MessageId
    day: date | None


def read_pain002(content: bytes, *, file: str) -> BankReply:
    """Read one status report.

    Parameters
    ----------
    content
        The bytes of the file.
    file
        Its name, for sentences.

    Returns
    -------
    BankReply
        A status of scope ``MESSAGE`` or ``BLOCK`` where the bank tells one, and one of each payment it names.
        ``UNCLEAR`` where a status code is not known.

    Raises
    ------
    TerminalError
        Where it is no such report or brings a document type along, where its own counts and sums are wrong, where
        statuses contradict each other, or where a payment has none.
    """
    require_size(file, content)
    try:
        return _read(read_document(memoryview(content), FAMILY))
    except UnreadableError as error:
        raise refusal(file, error.detail) from None


def _read(report: Node) -> BankReply:
    reply_id = reference_at(report, "GrpHdr/MsgId")
    answered = report.every("OrgnlGrpInfAndSts")
    if reply_id is None or len(answered) != 1:
        raise wrong("it does not tell its own id (GrpHdr/MsgId) and the one message that it answers")
    group = answered[0]
    message_id, kind = reference_at(group, "OrgnlMsgId"), group.told("OrgnlMsgNmId")
    if message_id is None or kind is None or not kind.startswith("pain.001"):
        raise wrong(f"it answers {mask_text(kind or 'no message')}, and no payments (pain.001) with their message id")
    whole = _Whole(message_id=MessageId(message_id), day=day_of(report.told("GrpHdr/CreDtTm")))
    blocks = report.every("OrgnlPmtInfAndSts")
    told = [(block, block.every("TxInfAndSts")) for block in blocks]
    statuses = [*_wide(group, "GrpSts", Scope.MESSAGE, None, whole)]
    over = statuses[0].code if statuses else None
    payments: list[PaymentStatus] = []
    for block, transactions in told:
        block_id = reference_at(block, "OrgnlPmtInfId")
        of_block = [*_wide(block, "PmtInfSts", Scope.BLOCK, block_id, whole)]
        inherited = of_block[0].code if of_block else over
        own = [_payment(one, block_id, inherited, whole) for one in transactions]
        _require_agreeing(over, of_block)
        _require_agreeing(inherited, own)
        _require_totals(block, inherited, own)
        statuses += [*of_block, *own]
        payments += own
    _require_totals(group, over, payments)
    if not statuses:
        raise wrong("it tells no status at all")
    return BankReply(
        reply_id=reply_id,
        message_id=whole.message_id,
        statuses=tuple(statuses),
        declared_count=count_at(group, "OrgnlNbOfTxs"),
        declared_sum=sum_at(group, "OrgnlCtrlSum"),
    )


def _wide(node: Node, name: str, scope: Scope, block_id: str | None, whole: _Whole) -> Iterator[PaymentStatus]:
    """The status of a message or block, where one is told."""
    code = node.told(name)
    if code is not None:
        yield PaymentStatus(
            outcome=ISO_STATUSES.get(code, Outcome.UNCLEAR),
            code=mask_text(code),
            scope=scope,
            reasons=(*_of_status(code), *reasons_at(node.every("StsRsnInf"))),
            message_id=whole.message_id,
            block_id=block_id,
            on=whole.day,
        )


def _payment(one: Node, block_id: str | None, inherited: str | None, whole: _Whole) -> PaymentStatus:
    """The status of one payment; one that tells none has that of its block or message."""
    end_to_end_id = end_to_end_at(one, "OrgnlEndToEndId")
    code = one.told("TxSts") or inherited
    if code is None or code == _PARTLY:
        raise wrong(f"the payment {end_to_end_id} has no status")
    amount_minor, currency = _amount(one)
    return PaymentStatus(
        outcome=ISO_STATUSES.get(code, Outcome.UNCLEAR),
        code=mask_text(code),
        scope=Scope.PAYMENT,
        reasons=(*_of_status(code), *reasons_at(one.every("StsRsnInf"))),
        end_to_end_id=end_to_end_id,
        message_id=whole.message_id,
        block_id=block_id,
        bank_reference=reference_at(one, "AcctSvcrRef", "StsId"),
        amount_minor=amount_minor,
        currency=currency,
        on=day_of(one.told("AccptncDtTm")) or whole.day,
    )


def _amount(one: Node) -> tuple[int | None, str | None]:
    """The payment's amount as the bank repeats it; nothing where it does not."""
    amount = one.first("OrgnlTxRef/Amt/InstdAmt")
    if amount is None:
        return None, None
    money = money_of(amount.text, amount.currency, 1, "OrgnlTxRef/Amt/InstdAmt")
    if isinstance(money, Unusable):
        raise wrong(f"{money.field} is {mask_text(money.text)!r}, which is no amount in its currency")
    return money.amount_minor, money.currency


def _of_status(code: str) -> tuple[Reason, ...]:
    """What a status says beside its outcome, and that it is unknown where it is."""
    if code in ISO_STATUSES and code not in ISO_STATUS_MEANINGS:
        return ()
    return (reason_of(mask_text(code), ISO_STATUS_MEANINGS, _STATUS_LIST),)


def _require_agreeing(over: str | None, statuses: Sequence[PaymentStatus]) -> None:
    """UnreadableError where what was rejected as a whole is not rejected in its parts, or the other way round."""
    outcome = ISO_STATUSES.get(over or "")
    if over is None or outcome is None or over == _PARTLY:
        return
    for status in statuses:
        known = status.outcome is not Outcome.UNCLEAR and status.code != _PARTLY
        if known and (outcome is Outcome.REJECTED) != (status.outcome is Outcome.REJECTED):
            what = f"payment {status.end_to_end_id}" if status.scope is Scope.PAYMENT else f"block {status.block_id}"
            raise wrong(f"the {what} has the status {status.code} under {over}, and both cannot hold")


def _require_totals(node: Node, over: str | None, statuses: Sequence[PaymentStatus]) -> None:
    """UnreadableError where a level counts or adds up its payments by status otherwise than it names them.

    A bank may leave accepted payments out, so only too many of a status are wrong; rejected ones it names all.
    """
    for line in node.every("NbOfTxsPerSts"):
        code, count, total = line.told("DtldSts"), count_at(line, "DtldNbOfTxs"), sum_at(line, "DtldCtrlSum")
        named = [status for status in statuses if status.code == code]
        missing = over == _PARTLY and code == _REJECTED and count is not None and len(named) < count
        if count is not None and (len(named) > count or missing):
            raise wrong(f"it counts {count} payments with the status {code} and names {len(named)}")
        if total is None or count != len(named) or not all(status.currency for status in named):
            continue
        found = sum((_major(status) for status in named), Decimal())
        if found != total:
            raise wrong(f"it adds up {total} with the status {code}, and those payments come to {found}")


def _major(status: PaymentStatus) -> Decimal:
    return Decimal(to_major(status.amount_minor or 0, status.currency or ""))
