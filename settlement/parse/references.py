"""Card numbers where a reference belongs: in a field that is taken as it stands, somebody once puts one.

Every text that any reader gives passes here before it leaves ``parse``, so that no reader can forget it. An order
number of many digits is common and must stay whole, or nothing could be found by it. So only what has the length and
the first digits of a network's cards and passes the check digit is masked, alone or in groups, between whatever else
stands in the field.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import polars as pl

from settlement.parse.cards import luhn_valid, mask_reference, masked
from settlement.parse.source import Parsed
from settlement.parse.views import rows_of_digits

_SHORTEST, _LONGEST = 14, 19
_NEVER: Final = frozenset({"file", "side", "feed", "card_ref", "card_masked"})
"""Columns that are made here and by the configuration, not by the file."""
_BETWEEN: Final = " .-"
_FIRST: Final = 0b111_1100
"""With which digits a card number begins: 2 to 6."""
_BRANDS: Final = (
    r"(?:4[0-9]{15}(?:[0-9]{3})?"  # Visa; the 13 digits of its old cards are those of merchants' numbers
    r"|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"  # Mastercard
    r"|62[0-9]{14,17}"  # UnionPay
    r"|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"  # American Express, Diners Club
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12})"  # JCB, Discover
)
"""Lengths and first digits of the networks' cards (ISO/IEC 7812 issuer ranges, as publicly listed)."""
_BRAND: Final = re.compile(_BRANDS)
_GROUPED: Final = rf"[2-6][0-9]{{0,17}}[{_BETWEEN}][0-9](?:[{_BETWEEN}]?[0-9]){{8,}}"
_BESIDE: Final = rf"(?:^|[^0-9])(?:{_BRANDS}|{_GROUPED})(?:$|[^0-9])"


def without_card_numbers(parsed: Parsed) -> Parsed:
    """What a reader gave, every card number in a text of it masked."""
    return replace(
        parsed,
        sender=_told(parsed.sender),
        internal_id=_told(parsed.internal_id),
        payout_text=_told(parsed.payout_text),
        detail=_told(parsed.detail),
        tables={name: without_cards_in(frame) for name, frame in parsed.tables.items()},
    )


def without_cards_in(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of a candidate table, every card number in a text of them masked."""
    return frame.with_columns(
        mask_references(frame[column])
        for column, dtype in frame.schema.items()
        if dtype == pl.String and column not in _NEVER
    )


def _told(text: str | None) -> str | None:
    return None if text is None else without_cards(text)


def mask_references(texts: pl.Series) -> pl.Series:
    """References with every card number in them masked; all others, and empty ones, as they are."""
    some = pl.Series(rows_of_digits(texts, _BETWEEN.encode(), _FIRST, _SHORTEST, _LONGEST))
    if some.is_empty():
        return texts
    held = texts.gather(some)
    alone = held.str.contains(f"^{_BRANDS}$").fill_null(value=False)
    beside = some.filter((~alone & held.str.contains(_BESIDE)).fill_null(value=False))
    whole = some.filter(alone)
    whole = whole.filter(luhn_valid(texts.gather(whole)))
    if whole.is_empty() and beside.is_empty():
        return texts
    mended = pl.Series([without_cards(text) for text in texts.gather(beside).to_list()], dtype=pl.String)
    return texts.clone().scatter(whole, masked(texts.gather(whole))).scatter(beside, mended)


def without_cards(text: str) -> str:
    """One reference with every card number in it masked."""
    written, at = "", 0
    while at < len(text):
        end = _card_end(text, at)
        written += mask_reference(text[at:end]) if end else text[at]
        at = end or at + 1
    return written


def _card_end(text: str, start: int) -> int | None:
    """Where the longest card number ends that begins at a place of the text; None where none does."""
    if text[start] not in "23456" or (start and _is_digit(text[start - 1])):
        return None
    digits, found = "", None
    for at in range(start, len(text)):
        follows = text[at + 1 : at + 2]
        if _is_digit(text[at]):
            digits += text[at]
        elif text[at] not in _BETWEEN or not _is_digit(follows):
            break
        else:
            continue
        if len(digits) > _LONGEST:
            break
        written = text[start : at + 1]
        if not _is_digit(follows) and _BRAND.fullmatch(digits) and mask_reference(written) != written:
            found = at + 1
    return found


def _is_digit(character: str) -> bool:
    return character.isascii() and character.isdecimal()
