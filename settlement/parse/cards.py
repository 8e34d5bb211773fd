"""Card numbers: the only module that turns them into something that may leave ``parse``.

A card number becomes ``card_ref``, by a keyed hash, and ``card_masked``, first six and last four digits. Neither a
table, a preview nor an exception ever carries the number.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import polars as pl

from settlement.kernels.choice import cores
from settlement.kernels.parse import masks, tokens
from settlement.model.stage import CardKey
from settlement.parse.spans import Spans, luhn_of, string_spans, texts
from settlement.parse.views import rows_holding, strided_column

_SHORTEST: Final = 12
_LONGEST: Final = 19
_NONE_KNOWN: Final = pl.DataFrame(schema={"token": pl.String, "card_ref": pl.String})
_STARS: Final = "*" * 64
_NOT_ASCII: Final = bytes(range(128, 256))
# Groups of digits with one blank, dash or dot between them: people write card numbers like this.
_RUN: Final = rf"[0-9](?:[ .-]?[0-9]){{{_SHORTEST - 1},}}"
_RUN_PATTERN: Final = re.compile(_RUN)
_CARD_RANGES: Final = re.compile(r"2[2-7]|[3-6]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Cards:
    """Turns the card numbers of one file into references, and keeps what that adds to the known ones.

    A card's token is the keyed hash of its number, with the id of the key. Its reference is the first token that the
    home has ever had for it: with one key, the token itself. After a change of keys both are at hand for some nights:
    the token under the new key then meets the reference, and is remembered, so that the old key can go.

    Parameters
    ----------
    keys
        The current key first, the oldest last; at least one.
    known
        ``token`` and ``card_ref`` of earlier nights, of cards whose reference is not their token under some key.
    """

    def __init__(self, keys: tuple[CardKey, ...], known: pl.DataFrame | None = None) -> None:
        self._keys = keys
        self._known = _NONE_KNOWN if known is None else known
        self._met = [_NONE_KNOWN]

    def references(self, spans: Spans) -> pl.Series:
        """The reference of the card number in each span, named ``card_ref``; empty where there are no digits."""
        current = tokens_of(spans, self._keys[0])
        if len(self._keys) == 1 and self._known.is_empty():
            return current.alias("card_ref")
        older = [tokens_of(spans, key) for key in self._keys[1:]]
        columns = pl.DataFrame([token.alias(f"token_{age}") for age, token in enumerate((current, *older))])
        found = columns
        for age in range(len(self._keys)):
            known = self._known.select(pl.col("token").alias(f"token_{age}"), pl.col("card_ref").alias(f"known_{age}"))
            found = found.join(known, on=f"token_{age}", how="left", maintain_order="left")
        first = [pl.col(f"known_{age}") for age in range(len(self._keys))]
        told = found.select(
            token=pl.col("token_0"), known=pl.col("known_0"), card_ref=pl.coalesce(*first, f"token_{len(older)}")
        )
        new = told.filter(pl.col("known").is_null() & (pl.col("token") != pl.col("card_ref")))
        self._met.append(new.select("token", "card_ref"))
        return told["card_ref"]

    def met(self) -> pl.DataFrame:
        """``token`` and ``card_ref`` of the cards that were met and are not known yet, sorted by token."""
        return pl.concat(self._met).unique().sort("token")


def tokens_of(spans: Spans, key: CardKey) -> pl.Series:
    """The key's id, ``-``, and the first 32 hex digits of HMAC-SHA-256 over the card number in each span."""
    secret = np.frombuffer(key.secret, dtype=np.uint8)
    zero = spans.alphabet.zero
    before = f"{key.key_id}-".encode()
    where = (spans.data, spans.base, spans.start, spans.length)
    found, written = tokens(*where, zero, secret, threads=cores(), before=before)
    return strided_column("token", written, np.full(len(found), written.shape[1], np.int32), found)


def masked(pans: pl.Series) -> pl.Series:
    """First six digits, one ``*`` for each digit between, last four; all stars under 12 digits. Empty stays empty."""
    return _masked_texts(pans) if len(rows_holding(pans, _NOT_ASCII)) else masked_spans(string_spans(pans))


def masked_spans(spans: Spans) -> pl.Series:
    """The same of card numbers that are digits, as they lie in a file."""
    if spans.alphabet.zero != ord("0"):
        return masked(texts(spans, "pan"))
    sizes = np.maximum(spans.length, 0)
    there = (spans.length >= 0).astype(np.uint8)
    return strided_column("card_masked", masks(spans.data, spans.base, spans.start, spans.length), sizes, there)


def _masked_texts(pans: pl.Series) -> pl.Series:
    """The same where a character may have several bytes: then what is there is no card number."""
    pan = pl.col("pan")
    size = pan.str.len_chars().cast(pl.Int64)
    stars = pl.lit(_STARS).str.slice(0, size - 10)
    shown = pl.concat_str(pan.str.slice(0, 6), stars, pan.str.slice(-4))
    hidden = pl.lit(_STARS).str.slice(0, size)
    masked_pan = pl.when(pan.is_not_null()).then(pl.when(size >= _SHORTEST).then(shown).otherwise(hidden))
    return pans.alias("pan").to_frame().select(masked_pan.alias("card_masked"))["card_masked"]


def luhn_valid(pans: pl.Series) -> pl.Series:
    """Whether each card number has 12 to 19 digits and passes the Luhn check; false where it is empty."""
    spans = string_spans(pans)
    size = pl.Series(spans.length, dtype=pl.Int32)
    return (luhn_of(spans) & size.is_between(_SHORTEST, _LONGEST)).alias("luhn")


def mask_text(text: str) -> str:
    """The text with every run of 12 or more digits masked and control characters replaced, for previews.

    Runs of 12 to 19 digits keep the first six and the last four, longer ones keep nothing. Single blanks, dots
    and dashes between digits do not end a run.
    """
    return _RUN_PATTERN.sub(_mask_run, _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def mask_reference(text: str) -> str:
    """A bank's or a payer's reference, masked only where it holds what is a card number by its range and check digit.

    References of many digits are common and must stay whole, or nothing could be found by them.
    """
    return _RUN_PATTERN.sub(lambda run: _mask_run(run) if _is_card(run.group()) else run.group(), text)


def mask_texts(column: pl.Series) -> pl.Series:
    """Free text (a merchant's name, a message) with every run that could be a card number masked."""
    some = pl.Series(rows_holding(column, b"0123456789", _SHORTEST))
    hits = some.filter(column.gather(some).str.contains(_RUN).fill_null(value=False))
    if hits.is_empty():
        return column
    return column.clone().scatter(hits, [mask_text(text) for text in column.gather(hits).to_list()])


def _is_card(run: str) -> bool:
    """Whether the run has 13 to 19 digits, starts as card numbers do (22 to 27, 3 to 6) and passes the Luhn check."""
    digits = re.sub(r"[^0-9]", "", run)
    if not _SHORTEST < len(digits) <= _LONGEST or _CARD_RANGES.match(digits) is None:
        return False
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(twice - 9 * (twice > 9) for twice in doubled)) % 10 == 0  # noqa: PLR2004


def _mask_run(found: re.Match[str]) -> str:
    digits = re.sub(r"[^0-9]", "", found.group())
    if len(digits) > _LONGEST:
        return "*" * len(digits)
    return f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}"
