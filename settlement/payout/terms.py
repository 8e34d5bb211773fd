"""How payouts are made: from which accounts, at which amounts, by how many people.

``programme.toml`` declares it::

    [payouts]
    cooling_off_days = 3            # between the approval of a bank account and the first payment to it
    value_days = 1                  # banking days between proposal and value date
    weekend = ["sat", "sun"]
    holidays = [2011-01-17]
    calendar = "US-FED"             # the bank calendar of the feed; of days that it does not tell the two words above
    message_prefix = "B1"           # before ids of batches, where several homes pay from one bank
    may_override = true             # whether two persons may let a batch go although a check fails
    payer = { name = "Example Bank", country = "US", town = "New York" }

    [[payouts.limit]]
    currency = "USD"
    minimum = "50.00"               # a partner's net below it waits
    two_people_from = "50000.00"    # two approvals from this sum of a batch on
    residual = "1000.00"            # unexplained money that lets a partner's payout go

    [[payouts.debtor]]
    name = "us-dollar"
    currency = "USD"
    scheme = "nacha"                # or "pain.001"
    account = { country = "US", clearing = "USABA", bank = "021000021", number = "4400100", kind = "checking" }
    statement_account = "OPERATING-USD"    # how the bank's statements name it, where that is another name
    nacha = { ... }                 # or pain001 = { ... }: what is agreed with the bank

    [[payouts.rests_on]]
    programme = "RET"               # the feeds that its contracts rest on
    feeds = ["mastercard_clearing", "retailer_capture"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date, timedelta
from enum import StrEnum
from string import ascii_uppercase, digits
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from settlement.errors import TerminalError
from settlement.model.bank_account import BankAccount, Clearing, DomesticAccount, account_problems
from settlement.model.dates import open_day_after
from settlement.model.document import of_programme
from settlement.model.money import is_currency, to_minor
from settlement.model.payment import Address, Party
from settlement.model.payout import account_from
from settlement.pay.nacha import NachaForm
from settlement.pay.pain001 import Pain001Form

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GIVEN: Final = {"file_modifier", "batch_number", "first_trace"}
"""Of a NACHA form what belongs to one file."""
_MODIFIERS: Final = ascii_uppercase + digits
_MOST_DAYS_AHEAD: Final = 4_000
_CLOSED: Final = ConfigDict(extra="forbid", frozen=True)


class Scheme(StrEnum):
    """How a payment file is written."""

    PAIN001 = "pain.001"
    NACHA = "nacha"


class Payer(BaseModel):
    """Who pays, as the file names it."""

    model_config = _CLOSED

    name: str
    country: str
    town: str
    postcode: str | None = None
    street: str | None = None
    bank_id: str | None = None

    @property
    def party(self) -> Party:
        """The payer as files name it."""
        address = Address(country=self.country, town=self.town, postcode=self.postcode, street=self.street)
        return Party(name=self.name, address=address, bank_id=self.bank_id)


class Limit(BaseModel):
    """Amounts of one currency, in major units."""

    model_config = _CLOSED

    currency: str
    minimum: str = "0"
    two_people_from: str | None = None
    residual: str = "0"

    @model_validator(mode="after")
    def _amounts(self) -> Self:
        if not is_currency(self.currency):
            raise ValueError(f"{self.currency!r} is no currency of ISO 4217 with minor units")
        for text in (self.minimum, self.two_people_from or "0", self.residual):
            amount = to_minor(text, self.currency)
            if amount is None or amount < 0:
                raise ValueError(f"{text!r} is no amount of {self.currency}")
        return self

    def minor(self, name: Literal["minimum", "residual"]) -> int:
        """One of the amounts in minor units."""
        return to_minor(getattr(self, name), self.currency) or 0

    def approvals(self, total_minor: int) -> int:
        """How many persons must approve a batch of that sum."""
        if self.two_people_from is None:
            return 1
        return 2 if total_minor >= (to_minor(self.two_people_from, self.currency) or 0) else 1


class Debtor(BaseModel):
    """An account that pays in one currency, and what is agreed with its bank about files."""

    model_config = _CLOSED

    name: str
    currency: str
    scheme: Scheme
    account: dict[str, str]
    statement_account: str | None = None
    nacha: NachaForm | None = None
    pain001: Pain001Form = Pain001Form()

    @field_validator("nacha", "pain001", mode="before")
    @classmethod
    def _no_other_words(cls, told: Any) -> Any:
        known = {field.name for form in (NachaForm, Pain001Form) for field in fields(form)} - _GIVEN
        if isinstance(told, dict) and (other := sorted(told.keys() - known)):
            raise ValueError(f"{other[0]!r} is nothing that is agreed with a bank here")
        return told

    @model_validator(mode="after")
    def _account_is_one(self) -> Self:
        try:
            problems = list(account_problems(self.bank_account, f"the account of {self.name}"))
        except TypeError:
            raise ValueError(f"the account of {self.name} lacks a field, or has one that accounts have not") from None
        if problems:
            raise ValueError(problems[0])
        if self.scheme is Scheme.NACHA and self.nacha is None:
            raise ValueError(f"{self.name} pays by NACHA files: declare `nacha`, what is agreed with the bank")
        return self

    @property
    def said(self) -> dict[str, Any]:
        """The declaration as plain values, as it is read again."""
        told = self.model_dump(mode="json", exclude={"nacha": _GIVEN})
        return {name: value for name, value in told.items() if value is not None}

    @property
    def booked_as(self) -> str:
        """The account as bank statements name it, which the books follow."""
        return self.statement_account or self.account.get("iban") or self.account["number"]

    def nacha_form(self, number: int, first_trace: int) -> NachaForm | None:
        """What is agreed about NACHA files, with the numbers of one file; None where files are pain.001."""
        if self.nacha is None or self.scheme is Scheme.PAIN001:
            return None
        modifier = _MODIFIERS[(number - 1) % len(_MODIFIERS)]
        return replace(self.nacha, file_modifier=modifier, batch_number=number, first_trace=first_trace)

    @property
    def bank_account(self) -> BankAccount:
        """The account that pays."""
        return account_from(self.account)

    def pays(self, account: BankAccount) -> bool:
        """Whether its scheme reaches an account: NACHA files go to accounts in the United States alone."""
        if self.scheme is Scheme.PAIN001:
            return True
        return isinstance(account, DomesticAccount) and account.clearing is Clearing.USABA


class RestsOn(BaseModel):
    """The feeds that the contracts of a programme rest on."""

    model_config = _CLOSED

    programme: str
    feeds: tuple[str, ...]


class PayoutTerms(BaseModel):
    """All that is declared of payouts."""

    model_config = _CLOSED

    payer: Payer
    message_prefix: Annotated[str, Field(pattern="^[A-Z0-9]{0,4}$")] = ""
    cooling_off_days: Annotated[int, Field(ge=0)] = 3
    value_days: Annotated[int, Field(ge=0)] = 1
    weekend: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("sat", "sun")
    holidays: tuple[date, ...] = ()
    calendar: str | None = None
    may_override: bool = False
    limit: tuple[Limit, ...] = ()
    debtor: tuple[Debtor, ...] = ()
    rests_on: tuple[RestsOn, ...] = ()

    @model_validator(mode="after")
    def _each_is_declared_once(self) -> Self:
        for what, names in (
            ("debtor", [one.name for one in self.debtor]),
            ("limit", [one.currency for one in self.limit]),
            ("rests_on", [one.programme for one in self.rests_on]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two [[payouts.{what}]] are of one name: declare each once")
        return self

    @model_validator(mode="after")
    def _some_days_are_left(self) -> Self:
        if len(set(self.weekend)) == len(_WEEKDAYS):
            raise ValueError("a week of weekends alone has no banking day")
        return self

    def value_date(self, day: date, open_days: Mapping[date, bool]) -> date:
        """The banking day that is so many banking days after a day; a later one where that day is none.

        ``open_days`` tells of days of the bank calendar whether they are open. Raises TerminalError where none comes.
        """
        latest = day + timedelta(days=_MOST_DAYS_AHEAD)
        found = open_day_after(day, self.value_days, lambda one: self._banking(one, open_days), latest)
        if found is None:
            raise TerminalError(f"No banking day comes up to {latest}: look at the bank calendar {self.calendar}.")
        return found

    def _banking(self, day: date, open_days: Mapping[date, bool]) -> bool:
        return open_days.get(day, _WEEKDAYS[day.weekday()] not in self.weekend and day not in self.holidays)

    def limit_of(self, currency: str) -> Limit:
        """The amounts of a currency; nothing is allowed to be unexplained where none are declared."""
        return next((limit for limit in self.limit if limit.currency == currency), Limit(currency=currency))

    def debtor_for(self, currency: str, account: BankAccount) -> Debtor | None:
        """The first account that pays that currency and reaches that account."""
        return next((one for one in self.debtor if one.currency == currency and one.pays(account)), None)

    def feeds_of(self, programme: str) -> tuple[str, ...]:
        """The feeds that a programme rests on."""
        return next((one.feeds for one in self.rests_on if one.programme == programme), ())


class _Programme(BaseModel):
    model_config = ConfigDict(frozen=True)

    payouts: PayoutTerms | None = None


def read_payout_terms(documents: Mapping[str, str]) -> PayoutTerms:
    """What ``programme.toml`` declares of payouts; TerminalError where it declares nothing."""
    found = of_programme(documents, _Programme).payouts
    if found is None:
        raise TerminalError("config/programme.toml declares no [payouts]: docs/PAYOUTS.md shows what belongs there.")
    return found
