"""The chart of accounts: every account the books know, as readable paths.

The first word of a path is the class that finance reads it by (asset, liability, equity, expense), the words after
it go from the general to the particular, so that a prefix is a sub-total. The currency is not part of the path: a
posting carries it, and an account may hold several. ``docs/BOOKS.md`` explains each account to a person.
"""

from __future__ import annotations

from typing import Final

OPENING: Final = "equity:opening"
"""Balances from before the first night."""

CURRENCY_CONVERSION: Final = "equity:currency_conversion"
"""The two sides of a share that is earned in one currency and paid in another."""

BANK_FEES: Final = "expense:fees:bank"
"""What a bank kept back from a settlement that a file announced."""


def share_expense(contract: str, term: str) -> str:
    """What the bank has earned its partner by one term of a contract: the cost of the partnership."""
    return f"expense:partner_share:{contract}:{term}"


def accrued_share(contract: str, period: str) -> str:
    """What a contract's terms come to for one period and is not stated yet; zero once the period is closed."""
    return f"liability:accrued_share:{contract}:{period}"


def carried(contract: str, beneficiary: str) -> str:
    """What is stated and carried to the beneficiary's next statement; a debit where the beneficiary owes."""
    return f"liability:payable:{contract}:{beneficiary}:carried"


def due(contract: str, beneficiary: str) -> str:
    """What is stated for payment and not paid yet."""
    return f"liability:payable:{contract}:{beneficiary}:due"


def advance(contract: str, beneficiary: str) -> str:
    """What was paid to a beneficiary in advance and is not recouped yet."""
    return f"asset:advance:{contract}:{beneficiary}"


def held(contract: str, beneficiary: str) -> str:
    """What is stated and held back from the beneficiary until its day of release."""
    return f"liability:payable:{contract}:{beneficiary}:held"


def tax_owed(contract: str, beneficiary: str) -> str:
    """Tax that is taken off what the beneficiary is paid and owed to whom the contract names."""
    return f"liability:tax:{contract}:{beneficiary}"


def tax_borne(contract: str, beneficiary: str) -> str:
    """Tax that is added to what the beneficiary is paid."""
    return f"expense:tax:{contract}:{beneficiary}"


def clearing(feed: str, file: str) -> str:
    """What one clearing file lets the bank expect as cash; zero once the cash has come, else an aged item."""
    return f"asset:clearing:{feed}:{file}"


def settlement(feed: str) -> str:
    """All that the files of one network or acquirer have settled to date, the counterpart of their clearing."""
    return f"asset:settlement:{feed}"


def bank(account: str) -> str:
    """Cash on one bank account as its statements show it."""
    return f"asset:bank:{account}"


def suspense(camt_file: str, entry: int) -> str:
    """Cash of one bank statement entry whose file has not come or is not known."""
    return f"asset:suspense:cash:{camt_file}#{entry}"
