"""What makes two spellings of one thing one text: declared steps, applied in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import polars as pl

from settlement.reconcile.language import ALIAS


def normalised(text: pl.Expr, steps: Sequence[str], aliases: Mapping[str, Mapping[str, str]]) -> pl.Expr:
    """A text column after its declared steps; what is empty in the end is null and matches nothing.

    Parameters
    ----------
    text : Expr
        A column of texts.
    steps : sequence of str
        Names of ``PLAIN_NORMALISERS``, or ``alias:`` with the name of a table.
    aliases : mapping
        By name of a table, spelling to text. A spelling that a table does not know stays as it is.
    """
    for step in steps:
        if step.startswith(ALIAS):
            table = aliases[step.removeprefix(ALIAS)]
            text = text.replace(list(table), list(table.values()))
        else:
            text = _STEPS[step](text)
    return pl.when(text != "").then(text)


def masked_card(text: pl.Expr) -> pl.Expr:
    """First six and last four digits, ``411111*1111``, of a card however it is masked; null for anything else.

    Takes ``411111******1111``, ``4111 11XX XXXX 1111``, and first six and last four joined, ``4111111111``. Whatever
    stands between them is dropped, so a whole card number does not outlive this step.
    """
    bare = text.str.replace_all(r"[\s-]", "")
    return pl.concat_str(bare.str.extract(r"^(\d{6}).*\d{4}$"), pl.lit("*"), bare.str.extract(r"^\d{6}.*(\d{4})$"))


def _no_leading_zeros(text: pl.Expr) -> pl.Expr:
    bare = text.str.strip_chars_start("0")
    return pl.when((bare == "") & (text != "")).then(pl.lit("0")).otherwise(bare)


_STEPS: Final[Mapping[str, Callable[[pl.Expr], pl.Expr]]] = {
    "trim": lambda text: text.str.replace_all(r"\s+", " ").str.strip_chars(" "),
    "lower": lambda text: text.str.to_lowercase(),
    "upper": lambda text: text.str.to_uppercase(),
    "digits_only": lambda text: text.str.replace_all(r"[^0-9]", ""),
    "letters_and_digits": lambda text: text.str.replace_all(r"[^\p{L}\p{N}]", ""),
    "no_leading_zeros": _no_leading_zeros,
    "masked_card": masked_card,
    "last4": lambda text: text.str.extract(r"(\d{4})\D*$"),
}
