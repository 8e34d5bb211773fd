"""The closed lists of words that stand in the tables. An unknown word is loud, never a default."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """Who tells the record: the card side (issuer, network) or the merchant side (merchant, acquirer, partner)."""

    BANK = "bank"
    MERCHANT = "merchant"


class Kind(StrEnum):
    """What a clearing record is. The four negative events take back revenue share in four ways."""

    PURCHASE = "purchase"
    SECOND_PRESENTMENT = "second_presentment"
    REFUND = "refund"
    REVERSAL = "reversal"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSAL = "chargeback_reversal"
    CASH_ADVANCE = "cash_advance"
    FEE_COLLECTION = "fee_collection"


class Fate(StrEnum):
    """What becomes of a delivered file."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    NO_LAYOUT = "no_layout"
    MARKER = "marker"
    SIGNATURE = "signature"


class Why(StrEnum):
    """Why a file has its fate."""

    LATE = "late"
    IDENTICAL_RESEND = "IDENTICAL_RESEND"
    SAME_FILE_ID_DIFFERENT_CONTENT = "SAME_FILE_ID_DIFFERENT_CONTENT"
    TRUNCATED = "TRUNCATED"
    CONTROL_TOTAL_MISMATCH = "CONTROL_TOTAL_MISMATCH"
    EMPTY = "EMPTY"
    UNREADABLE = "UNREADABLE"
    NOT_A_FILE = "NOT_A_FILE"
    INCOMPLETE = "INCOMPLETE"
    TOO_LARGE = "TOO_LARGE"
    NOT_SIGNED = "NOT_SIGNED"
    WAITS_FOR_SIGNATURE = "WAITS_FOR_SIGNATURE"
    WAITS_FOR_FILE = "WAITS_FOR_FILE"
    NOT_ENCRYPTED = "NOT_ENCRYPTED"
    NOT_DECRYPTED = "NOT_DECRYPTED"
    TOO_MANY_REJECTS = "TOO_MANY_REJECTS"
    NOT_RELEASED = "NOT_RELEASED"
    NO_LAYOUT_YET = "NO_LAYOUT_YET"


class RejectReason(StrEnum):
    """Why one row of an otherwise good file could not be used."""

    BAD_DATE = "BAD_DATE"
    BAD_LUHN = "BAD_LUHN"
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    NON_NUMERIC_AMOUNT = "NON_NUMERIC_AMOUNT"
    MALFORMED = "MALFORMED"


class BreakReason(StrEnum):
    """Why a record is open on a leg."""

    MISSING_MERCHANT = "MISSING_MERCHANT"
    MISSING_ACCRUAL = "MISSING_ACCRUAL"
    MISSING_BANK = "MISSING_BANK"
    DUPLICATE_RECORD = "DUPLICATE_RECORD"
    FOREIGN_BIN = "FOREIGN_BIN"


class ItemState(StrEnum):
    """Whether an open item still takes part in matching."""

    OPEN = "open"
    EXPIRED = "expired"


class Nearest(StrEnum):
    """The one condition that the record which came closest to an open one failed."""

    AMOUNT_DIFFERS = "amount_differs"
    DATE_OUTSIDE_WINDOW = "date_outside_window"
    CURRENCY_DIFFERS = "currency_differs"
    KIND_DIFFERS = "kind_differs"
    KEY_DIFFERS = "key_differs"
    SUM_DIFFERS = "sum_differs"
    SEVERAL_ON_BOTH_SIDES = "several_on_both_sides"
    TOO_MANY_CANDIDATES = "too_many_candidates"
    TOO_OLD = "too_old"
    TOO_FAR = "too_far"
    ALREADY_MATCHED = "already_matched"
    REPEATED = "repeated"


class CashStatus(StrEnum):
    """What became of a bank statement entry."""

    TIED = "TIED"
    SHORT_BY_FEE = "SHORT_BY_FEE"
    DIFFERS = "DIFFERS"
    FILE_PENDING = "FILE_PENDING"
    UNEXPLAINED = "UNEXPLAINED"


class DetailState(StrEnum):
    """What became of the details of a bank entry; only LINKED ones may be summed, and none of them is cash."""

    LINKED = "LINKED"
    PARTIAL = "PARTIAL"
    DIFFERS = "DIFFERS"
    REPEATED = "REPEATED"
    AMBIGUOUS = "AMBIGUOUS"
    ENTRY_PENDING = "ENTRY_PENDING"


class BatchState(StrEnum):
    """What became of an acquirer's batch; one that ends in a balance for the next batch needs no payout."""

    TIED = "TIED"
    CARRIED_OVER = "CARRIED_OVER"
    DIFFERS = "DIFFERS"


class BatchEnd(StrEnum):
    """What closes an acquirer's batch: money that it pays, or a balance that a later batch takes over."""

    PAYOUT = "PAYOUT"
    BALANCE = "BALANCE"


class StatementState(StrEnum):
    """State of a line of a partner's statement."""

    CLOSED = "CLOSED"
    PREVIEW = "PREVIEW"
    RESTATED = "RESTATED"
    PARKED = "PARKED"


TOLD_ONLY: Final = (StatementState.RESTATED, StatementState.PARKED)
"""States of lines that are part of no sum: what a closed period comes to now, and what it may not come to any more."""
