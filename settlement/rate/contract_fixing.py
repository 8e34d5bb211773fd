"""The exchange rate of a contract: that its fixing is said whole, and can be given by the versions that follow."""

from __future__ import annotations

from typing import Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_convert import BankingDays, ExchangeRate, MeanRate, Weekday
from settlement.rate.contract_words import refuse

_MOST_BANKING_DAYS: Final = 250
_MOST_DAYS: Final = 31
_MOST_DECIMALS: Final = 15
_CONVERT: Final = "[settlement.convert]"
_MEAN: Final = "[settlement.convert.mean]"


def check_conversion(contract: Contract) -> None:
    """Refuse a fixing that does not say what it needs, and a rate of the night that says more."""
    rule = contract.settlement.convert
    if rule is None:
        return
    if rule.rate is ExchangeRate.LATEST and rule.missing is not None:
        raise refuse(_CONVERT, f"`missing` belongs to a fixing, and `{rule.rate}` is none; drop it.")
    if rule.rate is not ExchangeRate.LATEST and rule.missing is None:
        raise refuse(
            _CONVERT,
            f'`{rule.rate}` says what becomes of a day without a rate; add `missing = "previous_day"`, or "refused".',
        )
    if (rule.rate is ExchangeRate.MEAN) != (rule.mean is not None):
        how = "says which days it is of; add the table" if rule.mean is None else "has no mean; drop the table"
        raise refuse(_CONVERT, f"`{rule.rate}` {how} {_MEAN}.")
    if rule.mean is not None:
        _check_mean(rule.mean)


def _check_mean(mean: MeanRate) -> None:
    for name, value, least, most in (
        ("days", mean.days, 1, _MOST_BANKING_DAYS),
        ("to_day", mean.to_day, 1, _MOST_DAYS),
        ("decimals", mean.decimals, 0, _MOST_DECIMALS),
    ):
        if not least <= value <= most:
            raise refuse(_MEAN, f"{name} = {value} is out of bounds; write a number from {least} to {most}.")
    check_weekend(_MEAN, mean)


def check_weekend(where: str, rule: MeanRate | BankingDays) -> None:
    """Refuse a week without a banking day, and a bank calendar without words for the days that it does not tell."""
    if set(rule.weekend) == set(Weekday):
        raise refuse(where, 'a weekend of seven days leaves no banking day; write `weekend = ["saturday", "sunday"]`.')
    if rule.calendar is not None and not rule.weekend and not rule.holidays:
        raise refuse(
            where,
            f"of a day that the bank calendar `{rule.calendar}` does not tell, nothing says whether banks open; write "
            '`weekend = ["saturday", "sunday"]`, which holds for such days alone.',
        )


def check_same_currency(earlier: ContractVersion, later: ContractVersion) -> None:
    """Raise TerminalError where late fixings of one version could not be given in the currency of the next."""
    rule = earlier.contract.settlement.convert
    is_fixed = rule is not None and rule.rate is not ExchangeRate.LATEST
    if is_fixed and earlier.contract.paid_in != later.contract.paid_in:
        raise TerminalError(
            f"{later.source} pays in {later.contract.paid_in}, and late fixings of {earlier.source} come in "
            f"{earlier.contract.paid_in}; keep the currency, or give the new agreement a new id."
        )
