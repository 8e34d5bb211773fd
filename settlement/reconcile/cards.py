"""No whole card number is written out with open rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from settlement.errors import TerminalError

_WHOLE: Final = r"^[0-9](?:[ -]?[0-9]){12,18}$"
_INSIDE: Final = r"[0-9](?:[ -]?[0-9]){12,18}"
_NUMBER: Final = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")
_ISSUED: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    r"|35[0-9]{14}|6[0245][0-9]{14,17}"
)
"""Lengths and first digits of card numbers, ISO/IEC 7812: Visa, Mastercard, American Express, Diners, JCB, and the
issuers of 60, 62, 64 and 65. They and the check digit leave one in forty of all numbers of 16 digits."""
_TELLING: Final = 5
_MOST_LOOKED_AT: Final = 1000


def is_card(text: str) -> bool:
    """Whether digits, perhaps in groups, are a card number by length, issuer and check digit."""
    digits = re.sub(r"[ -]", "", text)
    if not _ISSUED.fullmatch(digits):
        return False
    doubled = [divmod(2 * int(digit), 10) for digit in digits[-2::-2]]
    return (sum(int(digit) for digit in digits[::-2]) + sum(map(sum, doubled))) % 10 == 0


@dataclass(slots=True)
class Texts:
    """A column of texts that are written out part by part: all parts are looked at before the first is written.

    ``whole`` are the first values that could be card numbers.
    """

    whole: list[str] = field(default_factory=list)

    def look(self, texts: pl.Series) -> None:
        """Look at a part."""
        room = _MOST_LOOKED_AT - len(self.whole)
        if room:
            self.whole += texts.filter(texts.str.contains(_WHOLE)).head(room).to_list()

    def require_no_cards(self, place: str) -> None:
        """TerminalError where most values that could be card numbers are: each row would lose its key."""
        cards = sum(map(is_card, self.whole))
        if len(self.whole) >= _TELLING and 2 * cards > len(self.whole):
            raise TerminalError(
                f"{place} holds card numbers, and open rows are written out for the next run: write normalise = "
                '["masked_card"] for it.'
            )

    def without_cards(self, texts: pl.Series) -> pl.Series:
        """A part as it may be written out: a single card number in it keeps its first six and last four digits."""
        # Among many long numbers some pass for a card by chance, and a key that is no card must stay whole.
        spared = _WHOLE if len(self.whole) >= _TELLING else r"^$"
        suspects = texts.filter(texts.str.contains(_INSIDE) & ~texts.str.contains(spared)).unique()
        masked = {text: _NUMBER.sub(_masked, text) for text in suspects.to_list()}
        changed = {text: told for text, told in masked.items() if told != text}
        return texts.replace(list(changed), list(changed.values())) if changed else texts


def _masked(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    return f"{digits[:6]}******{digits[-4:]}" if is_card(digits) else found[0]
