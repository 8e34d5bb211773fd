"""What the readers of banks' replies to payments share: refusals, reasons, texts and amounts of ISO 20022.

A reply is read whole or not at all: a part of it that is not understood may be about any payment.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.model.payment import EndToEndId
from settlement.model.payment_status import Reason, reason_of
from settlement.model.reason_codes import ISO_REASONS
from settlement.parse.camt_entries import COUNT, reference_at
from settlement.parse.cards import mask_text
from settlement.parse.iso20022 import Node
from settlement.parse.statements import AMOUNT, UnreadableError

MOST_BYTES: Final = 64 << 20
"""The largest reply that is read: a hundred thousand payments are answered in less."""

ISO_REASON_LIST: Final = "ISO 20022 list of reasons"


def refusal(file: str, detail: str) -> TerminalError:
    """The error that tells why a reply was not read and what to do."""
    return TerminalError(
        f"{file} was not read and says nothing of any payment: {detail}. Ask the bank to send it anew."
    )


def wrong(detail: str) -> UnreadableError:
    """What is wrong with a reply, as a part of a sentence; the reader turns it into its refusal."""
    return UnreadableError(Why.UNREADABLE, detail)


def require_size(file: str, content: bytes) -> None:
    """Raise TerminalError where a reply is larger than any is."""
    if len(content) > MOST_BYTES:
        raise refusal(file, f"it has {len(content)} bytes, and {MOST_BYTES} is the most")


def reasons_at(informations: Iterable[Node]) -> tuple[Reason, ...]:
    """The reasons of ``StsRsnInf`` or ``RtrInf``. A bank's own code is not known; words may stand without a code."""
    return tuple(reason for information in informations if (reason := _reason(information)) is not None)


def end_to_end_at(node: Node, *paths: str) -> EndToEndId | None:
    """The end-to-end id at one of the paths; None where there is none or NOTPROVIDED."""
    found = reference_at(node, *paths)
    return None if found is None else EndToEndId(found)


def count_at(node: Node, path: str) -> int | None:
    """A number of payments; None where there is none. UnreadableError where it is no number."""
    text = node.told(path)
    if text is not None and COUNT.fullmatch(text) is None:
        raise wrong(f"{path} is {mask_text(text)!r}, which is no number")
    return None if text is None else int(text)


def sum_at(node: Node, path: str) -> Decimal | None:
    """A control sum in major units; None where there is none. UnreadableError where it is no plain decimal."""
    text = node.told(path)
    if text is not None and AMOUNT.fullmatch(text) is None:
        raise wrong(f"{path} is {mask_text(text)!r}, which is no amount")
    return None if text is None else Decimal(text)


def _reason(information: Node) -> Reason | None:
    words = mask_text(" ".join(filter(None, (node.text for node in information.every("AddtlInf")))))
    code, own = information.told("Rsn/Cd"), information.told("Rsn/Prtry")
    if code is not None:
        return reason_of(mask_text(code), ISO_REASONS, ISO_REASON_LIST, words)
    if own is not None:
        return reason_of(mask_text(own), {}, ISO_REASON_LIST, words)
    if words:
        return Reason(code="", meaning="the bank tells a reason in its own words alone", known=True, words=words)
    return None
