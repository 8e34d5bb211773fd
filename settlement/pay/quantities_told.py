"""The quantities of a statement's lines, and what the contract says of a term, as a person reads them.

A line tells its quantities as ``name=value`` divided by ``;``, money in minor units. What is money and what is a number
of things follows from the form of the term (docs/CONTRACTS.md) and, for lines of the settlement, from the name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from settlement.model.money import to_major
from settlement.model.statement_lines import SHARE_CONVERTED
from settlement.pay.words import Words

_THINGS: Final = frozenset({"accounts", "uncapped", "purchases", "negatives", "days", "year"})
"""Names of quantities that are numbers of things in any form."""
_FORMS_OF_THINGS: Final = frozenset(
    {"bounty", "unit_price", "record_rate", "dated_amounts", "instalments", "minimum_purchase", "points", "prepaid"}
)
"""Forms whose quantities are numbers of things, but for what they gave and what was given before."""
_MONEY: Final = frozenset({"amount", "paid_to_date"})
_RATES: Final = frozenset({"rate", "rate_a_year"})
_SHARES: Final = frozenset({*_RATES, "share", "loss_share", "breakage"})
"""What a contract says as a part of one; a line tells a ``share`` as that part or as the money that it comes to."""
_WHOLE: Final = re.compile(r"-?\d+")


def quantities(line: str, told: str, currency: str, term: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    """The quantities of a line, one text each: ``own volume 5,333.33 USD``.

    Parameters
    ----------
    line:
        Name of the line.
    told:
        ``name=value`` divided by ``;``; what several values are of stands before them, divided by ``:``.
    currency:
        The currency of the line's money.
    term:
        What the contract says of the term; empty for a line of the settlement.
    """
    return tuple(quantities_by_name(line, told, currency, term, words).values())


def quantities_by_name(
    line: str, told: str, currency: str, term: Mapping[str, Any], words: Words
) -> dict[tuple[str, int], str]:
    """What ``quantities`` gives, by the name of each and by how many of that name stand before it."""
    found: dict[tuple[str, int], str] = {}
    seen: Counter[str] = Counter()
    for name, value in _pairs(told):
        # A rate of exchange is no share of anything.
        exchange = line == SHARE_CONVERTED and name == "rate"
        shown = value if exchange else _shown(name.rpartition(" ")[2], value, currency, term)
        found[name, seen[name]] = f"{_named('exchange_rate' if exchange else name, words)} {shown}"
        seen[name] += 1
    return found


def _shown(name: str, value: str, currency: str, term: Mapping[str, Any]) -> str:
    """A quantity's value: a percentage, a number of things or money; what is no number as it is told."""
    whole = _WHOLE.fullmatch(value)
    if name in _RATES or (name in _SHARES and not whole):
        return percent(value)
    if not whole:
        return value
    return f"{int(value):,}" if is_count(name, term) else money(int(value), currency)


def _pairs(told: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, told.split(";")):
        of = ""
        for pair in part.split(":"):
            name, divided, value = pair.partition("=")
            if divided:
                yield f"{of} {name}".strip(), value
            else:
                of = f"{of} {name}".strip()


def _named(name: str, words: Words) -> str:
    return " ".join(words.quantities.get(part, part) for part in name.split(" "))


def is_count(name: str, term: Mapping[str, Any]) -> bool:
    """Whether a quantity of a term, as its form tells it, is a number of things and no money."""
    if name in _THINGS:
        return True
    form = term.get("form")
    if form == "tiers" and name == "base":
        return bool(term.get("base", {}).get("counts") == "count")
    if form in {"tiers", "gate"} and name in {"driver", "driver_per"}:
        return bool(term.get("driver", {}).get("counts") == "count")
    if form == "pool_share":
        return term.get("counts") == "count" and name in term.get("among", ())
    return form in _FORMS_OF_THINGS and name not in _MONEY


def said(term: Mapping[str, Any], currency: str, words: Words) -> tuple[str, ...]:
    """What a contract says of a term beside its words: rates, prices, bounds, limits and rounding, one text each.

    Parameters
    ----------
    term:
        The term as its file says it, amounts in major units; empty where the file is not at hand.
    currency:
        The contract's currency.
    """
    found = []
    for name, value in term.items():
        if isinstance(value, list):
            found += [
                f"{_named(name, words)}: {_row(one, term, currency, words)}"
                for one in value
                if isinstance(one, Mapping)
            ]
        elif isinstance(value, Mapping):
            figures = {of: one for of, one in value.items() if isinstance(one, Decimal | int) and name != "shares"}
            found += [_figure(of, one, currency, words) for of, one in figures.items()]
        elif isinstance(value, Decimal | int | date) and not isinstance(value, bool):
            found.append(_figure(name, value, currency, words))
    mode = term.get("rounding", {}).get("mode")
    return (*found, f"{_named('mode', words)} {_named(mode, words)}") if mode else tuple(found)


def _row(row: Mapping[str, Any], term: Mapping[str, Any], currency: str, words: Words) -> str:
    """One row of a table of a term, such as a bracket or a dated rate."""
    bounds = "" if is_count("driver", term) else currency
    return ", ".join(
        _figure(name, value, bounds if name in {"from", "to"} else currency, words) for name, value in row.items()
    )


def _figure(name: str, value: Decimal | date | str | int, currency: str, words: Words) -> str:
    """One figure of a term: a rate as a percentage, money with its currency, days and numbers as they are."""
    shown = str(value)
    if isinstance(value, Decimal):
        shown = percent(shown) if name in _SHARES else f"{value:,f} {currency}".strip()
    return f"{_named(name, words)} {shown}"


def money(amount_minor: int, currency: str) -> str:
    """An amount with its currency, thousands apart: ``1,234.50 USD``."""
    return f"{grouped(amount_minor, currency)} {currency}"


def grouped(amount_minor: int, currency: str) -> str:
    """An amount in major units with the decimals of its currency, thousands apart."""
    return f"{Decimal(to_major(amount_minor, currency)):,f}"


def percent(rate: str) -> str:
    """A rate as a person says it: ``0.0030`` is ``0.30 %``."""
    return f"{Decimal(rate).scaleb(2):f} %"
