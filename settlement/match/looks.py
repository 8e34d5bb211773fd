"""What the passes of a leg ask, key by key: the conditions that a nearest miss is told by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from settlement.match.rules import Pass
from settlement.match.sides import MONEY

REFERENCES: Final = frozenset({"arn", "rrn", "authorisation_code", "lifecycle_id", "order_ref", "part_ref"})
"""Columns that name one sale. What shares no reference must be near in amount or day to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the passes of one key ask together: its columns by side, conditions, currencies, and the widest window."""

    number: int
    keys: tuple[str, ...]
    merchant_keys: tuple[str, ...]
    bank_empty: tuple[str, ...]
    merchant_empty: tuple[str, ...]
    currencies: tuple[str, ...]
    window: int
    tolerance: int
    sums: bool
    carry_days: int | None

    @property
    def referenced(self) -> bool:
        """Whether the key names one sale."""
        return not REFERENCES.isdisjoint(self.keys)


def looks(rules: Iterable[Pass]) -> tuple[Look, ...]:
    """One look for each key of the passes of a leg, in their order."""
    by_key: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Pass]] = {}
    for rule in rules:
        by_key.setdefault((rule.keys, rule.merchant_keys or rule.keys), []).append(rule)
    return tuple(
        Look(
            number=index,
            keys=keys,
            merchant_keys=merchant_keys,
            # A condition that one of the passes does without is no condition of the key.
            bank_empty=_of_all([one.bank_empty for one in some]),
            merchant_empty=_of_all([one.merchant_empty for one in some]),
            currencies=tuple(name for name in MONEY if any(name in one.currencies for one in some)),
            window=max(one.days for one in some),
            tolerance=max(one.tolerance_minor or 0 for one in some),
            sums=any(not one.one_to_one and one.amount == "exact" for one in some),
            carry_days=max((one.carry_days or 0 for one in some), default=None)
            if all(one.carry_days is not None for one in some)
            else None,
        )
        for index, ((keys, merchant_keys), some) in enumerate(by_key.items())
    )


def _of_all(conditions: list[tuple[str, ...] | None]) -> tuple[str, ...]:
    """The columns that all of the passes ask for."""
    first, *others = conditions
    return tuple(name for name in first or () if all(name in (one or ()) for one in others))
