"""References made of event numbers: approval codes, ARNs, order numbers, card numbers, all as byte columns.

Each reference is a one-to-one function of a number, so that no two events share one by accident and every record
of an event can write it without a look-up.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from settlement.sample.clock import year_days
from settlement.sample.columns import (
    Bytes,
    Column,
    Flags,
    Ints,
    base36,
    digits,
    optional,
    with_check_digit,
)
from settlement.sample.events import EVENTS_A_NIGHT
from settlement.sample.records import FOREIGN_CARD
from settlement.sample.world import FOREIGN_BIN, UNI, World

_AUTH_STEP: Final = 1_103_515_247
_AUTH_SPACE: Final = 36**6
_ORDER_STEP: Final = 7_368_787
_MIX_SPACE: Final = 10**15
_PSP_STEP: Final = 87_178_291
_ROW_STEP: Final = 68_718_953


def auth_codes(numbers: Ints, rows: int) -> Column:
    """Approval codes of events, 6 characters, all different within a run; empty where the number is negative."""
    serial = (numbers // EVENTS_A_NIGHT - 1) * (4 * rows + 2_000) + numbers % EVENTS_A_NIGHT
    return optional(Column(content=base36(serial * _AUTH_STEP % _AUTH_SPACE, 6)), numbers >= 0)


def arns(numbers: Ints, days: Ints, visa: Flags) -> Bytes:
    """Acquirer reference numbers: ``2``, acquirer 6, YDDD, number 11 and check digit."""
    acquirer = np.where(visa, 411_110, 555_550)
    return with_check_digit(
        np.hstack([digits(np.full(len(numbers), 2), 1), digits(acquirer, 6), year_days(days), digits(numbers, 11)])
    )


def order_ids(numbers: Ints, letters: str) -> Column:
    """Order numbers: ``letters`` and ten characters; empty where the number is not positive."""
    first = np.broadcast_to(np.frombuffer(letters.encode("ascii"), dtype=np.uint8), (len(numbers), len(letters)))
    mixed = base36((numbers * _ORDER_STEP + 1) % _MIX_SPACE, 10)
    return optional(Column(content=np.hstack([first, mixed])), numbers > 0)


def psp_references(numbers: Ints) -> Column:
    """Payment references of the acquirer: 16 digits."""
    return _sixteen(numbers * _PSP_STEP % _MIX_SPACE, "8")


def modification_references(numbers: Ints) -> Column:
    """References of one row of the acquirer: 16 digits."""
    return _sixteen(numbers * _ROW_STEP % _MIX_SPACE, "5")


def _sixteen(numbers: Ints, first: str) -> Column:
    lead = np.full((len(numbers), 1), ord(first), dtype=np.uint8)
    return Column(content=np.hstack([lead, digits(numbers, 15)]))


def card_numbers(world: World, cards: Ints, wrong: Flags) -> Bytes:
    """Card numbers of accounts, 16 digits, with another check digit where ``wrong``."""
    pans = world.pans[cards].copy()
    pans[wrong, 15] = (pans[wrong, 15] - ord("0") + 1) % 10 + ord("0")
    return pans


def masked_cards(world: World, cards: Ints, numbers: Ints) -> Bytes:
    """Masked card numbers; for ``FOREIGN_CARD`` those of a bank that takes no part, made of the event number."""
    foreign = cards == FOREIGN_CARD
    own = world.pans[np.where(foreign, 0, cards)]
    bins = digits(np.full(len(cards), FOREIGN_BIN), 8)
    other = with_check_digit(np.hstack([bins, digits(numbers * _ORDER_STEP % 10**7, 7)]))
    shown = np.where(foreign[:, None], other, own)
    shown[:, 6:12] = ord("*")
    return shown


def mask_numbers(world: World, cards: pl.Series, numbers: pl.Series) -> pl.Series:
    """What ``masked_cards`` shows, as one number (see ``World.masks``)."""
    shown = masked_cards(world, cards.to_numpy(), numbers.to_numpy())
    last_four = (shown[:, 12:] - ord("0")).astype(np.int64) @ np.array([1000, 100, 10, 1])
    own = np.where(cards.to_numpy() == FOREIGN_CARD, 2, world.masks[cards.to_numpy()] // 10_000)
    return pl.Series(own * 10_000 + last_four)


def is_visa(world: World, cards: Ints) -> Flags:
    """Whether the card is on Visa (programme UNI)."""
    programme = world.accounts["programme"].to_numpy()
    found: Flags = (programme[np.maximum(cards, 0)] == UNI) & (cards != FOREIGN_CARD)
    return found
