"""The chart of accounts: every account the books know, as readable paths.

The first word of a path is the class that finance reads it by (asset, liability, equity, income, expense), the words
after it go from the general to the particular, so that a prefix is a sub-total. A contract belongs to one programme and
one partner, and a feed to one network or acquirer. The currency is not part of the path: a posting carries it, and an
account may hold several; points are one more. What is not in the chart is refused before it is booked.
``docs/BOOKS.md`` shows the chart to a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from settlement.errors import TerminalError


class Normal(StrEnum):
    """The side on which an account usually stands."""

    DEBIT = "debit"
    CREDIT = "credit"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKind:
    """One line of the chart: a path with ``<names>`` to be filled in, and what stands on its accounts.

    What ``clears`` is zero once it is done with, and otherwise names an open item.
    """

    path: str
    holds: str
    normal: Normal
    clears: bool = False

    def at(self, *names: object) -> str:
        """The account of these names, in the order of the path."""
        return "".join(text + str(name) for text, name in zip(_texts(self.path), (*names, ""), strict=True))

    def names(self, account: str) -> tuple[str, ...] | None:
        """The names in an account of this kind, of which the last may hold colons; None for another kind."""
        *others, last = _texts(self.path)
        lazy = "(.+?)".join(re.escape(text) for text in others)
        found = re.fullmatch(f"{lazy}(.+){re.escape(last)}" if others else re.escape(last), account, re.DOTALL)
        return None if found is None else found.groups()


def _texts(path: str) -> list[str]:
    """What stands before, between and behind the names of a path."""
    return re.split("<[^>]+>", path)


PARTNER_SHARE: Final = AccountKind(
    path="expense:partner_share:<contract>:<term>",
    holds="what the partner has earned by one term of the contract, `adjustment` for closed periods",
    normal=Normal.DEBIT,
)
ACCRUED_SHARE: Final = AccountKind(
    path="liability:accrued_share:<contract>:<period>",
    holds="what the terms of an open period come to so far; **zero once the period is closed**",
    normal=Normal.CREDIT,
)
CARRIED: Final = AccountKind(
    path="liability:payable:<contract>:<beneficiary>:carried",
    holds="stated and carried to the next statement; a debit where the beneficiary owes us",
    normal=Normal.CREDIT,
)
DUE: Final = AccountKind(
    path="liability:payable:<contract>:<beneficiary>:due",
    holds="stated for payment and not paid yet",
    normal=Normal.CREDIT,
)
HELD: Final = AccountKind(
    path="liability:payable:<contract>:<beneficiary>:held",
    holds="stated and held back until its day of release",
    normal=Normal.CREDIT,
)
RESERVE: Final = AccountKind(
    path="liability:reserve:<contract>:<beneficiary>",
    holds="put in reserve against what may still be taken back, until its day of release",
    normal=Normal.CREDIT,
)
GUARANTEE: Final = AccountKind(
    path="liability:guarantee:<contract>:<period>",
    holds="what the terms of an open period lack of a minimum; **zero once the period is closed**",
    normal=Normal.CREDIT,
)
TAX_OWED: Final = AccountKind(
    path="liability:tax:<contract>:<beneficiary>",
    holds="tax taken off payouts and not handed over yet",
    normal=Normal.CREDIT,
)
TAX_BORNE: Final = AccountKind(
    path="expense:tax:<contract>:<beneficiary>",
    holds="tax added to payouts: a gross-up, or value added tax",
    normal=Normal.DEBIT,
)
ADVANCE: Final = AccountKind(
    path="asset:advance:<contract>:<beneficiary>",
    holds="paid in advance and not recouped yet",
    normal=Normal.DEBIT,
)
PREPAID: Final = AccountKind(
    path="asset:prepaid:<contract>:<ledger>",
    holds="things bought beforehand, such as miles, and not used yet",
    normal=Normal.DEBIT,
)
FUNDED_RESERVE: Final = AccountKind(
    path="asset:reserve:<contract>",
    holds="paid to partners for open points; comes back as they are redeemed or expire",
    normal=Normal.DEBIT,
)
POINTS: Final = AccountKind(
    path="liability:points:<contract>:<ledger>",
    holds="points issued, and neither redeemed nor expired yet",
    normal=Normal.CREDIT,
)
BREAKAGE: Final = AccountKind(
    path="income:breakage:<contract>",
    holds="points that have expired, and the money that goes with them",
    normal=Normal.CREDIT,
)
THINGS: Final = AccountKind(
    path="equity:things:<contract>:<ledger>",
    holds="counterpart of things: what came in less what went out, apart from what expired",
    normal=Normal.EITHER,
)
CLEARING: Final = AccountKind(
    path="asset:clearing:<feed>:<file>",
    holds="cash that one clearing file announces; **zero once its cash has come**, else an aged item",
    normal=Normal.EITHER,
    clears=True,
)
BATCH_CLEARING: Final = AccountKind(
    path="asset:batch_clearing:<feed>:<batch>",
    holds="what one batch of an acquirer comes to; **zero once its cash has come, or a later batch has its balance**",
    normal=Normal.EITHER,
    clears=True,
)
SETTLEMENT: Final = AccountKind(
    path="asset:settlement:<feed>",
    holds="counterpart of the clearing accounts: all that one network or acquirer has settled to date",
    normal=Normal.EITHER,
)
TRANSIT: Final = AccountKind(
    path="asset:transit:<account>:<payment>",
    holds="a payment that was handed to the bank; **zero once its statement shows it**",
    normal=Normal.EITHER,
    clears=True,
)
BANK: Final = AccountKind(
    path="asset:bank:<account>",
    holds="cash as the bank's statements show it, from the first night on",
    normal=Normal.EITHER,
)
SUSPENSE: Final = AccountKind(
    path="asset:suspense:cash:<statement>#<entry>",
    holds="one bank entry whose file has not come or is not known",
    normal=Normal.EITHER,
    clears=True,
)
BANK_FEES: Final = AccountKind(
    path="expense:fees:bank",
    holds="what banks kept back from announced settlements",
    normal=Normal.DEBIT,
)
OPENING: Final = AccountKind(
    path="equity:opening",
    holds="counterpart of balances from before the first night",
    normal=Normal.EITHER,
)
CURRENCY_CONVERSION: Final = AccountKind(
    path="equity:currency_conversion",
    holds="both sides of a share earned in one currency and paid in another",
    normal=Normal.EITHER,
)

CHART: Final[tuple[AccountKind, ...]] = (
    *(PARTNER_SHARE, ACCRUED_SHARE, CARRIED, DUE, HELD, RESERVE, GUARANTEE, TAX_OWED, TAX_BORNE, ADVANCE, PREPAID),
    *(FUNDED_RESERVE, POINTS, BREAKAGE, THINGS),
    *(CLEARING, BATCH_CLEARING, SETTLEMENT, TRANSIT, BANK, SUSPENSE, BANK_FEES, OPENING),
    CURRENCY_CONVERSION,
)
"""All kinds of accounts, in the order in which people look for them."""


@cache
def kind_of(account: str) -> AccountKind:
    """The line of the chart of an account; TerminalError where there is none."""
    for kind in CHART:
        if kind.names(account) is not None:
            return kind
    raise TerminalError(
        f"{account!r} is no account of the chart (docs/BOOKS.md), nothing was booked: whoever books there must use an "
        "account that is in it, or add one."
    )


def bank_entry_of(account: str) -> tuple[str, int] | None:
    """The statement file and the number of the bank entry that a suspense account is of; None for other accounts."""
    names = SUSPENSE.names(account)
    if names is None:
        return None
    statement, _, entry = "#".join(names).rpartition("#")
    return statement, int(entry)
