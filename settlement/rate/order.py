"""The order of the rows of table ``rated``: by contract, term, period, selector, record, account and version."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

_WORDS: Final = ("contract", "term", "period", "selector", "file")
_REPEATED: Final = ("clause", "unit")
"""They follow from contract, version and term."""
_ORDER: Final = [*_WORDS, "record", "account_id", "version"]
_MOST: Final = 2**62


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows sorted; an empty value comes after all others.

    The words that repeat are numbered in their alphabetical order and make one number with that of the record, so that
    sorting compares numbers. What is equal in all of these, such as accounts, is sorted by the rest.
    """
    numbers, parts = np.zeros(rows.height, dtype=np.int64), 1
    records = rows["record"].fill_null(-1).to_numpy()
    most = 1 + int(records.max(initial=0))
    numbered = {name: _numbered(rows[name]) for name in (*_WORDS, *_REPEATED)}
    for name in _WORDS:
        codes, words = numbered[name]
        parts *= len(words)
        if parts * (most + 1) > _MOST:
            return rows.sort(_ORDER, nulls_last=True)
        numbers = numbers * len(words) + codes
    numbers = numbers * (most + 1) + np.where(records < 0, most, records)
    order = np.argsort(numbers)
    ranked = numbers[order]
    same = ranked[1:] == ranked[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    some = pl.DataFrame({"number": ranked[tied], "place": order[tied]})
    rest = rows.select("account_id", "version")[order[tied]]
    sorted_some = some.hstack(rest).sort("number", "account_id", "version", nulls_last=True)
    order[tied] = sorted_some["place"].to_numpy()
    # Words are brought into order by their numbers: of texts that lie anywhere in memory each is a walk of its own.
    words_in_order = [words.gather(codes[order]).alias(name) for name, (codes, words) in numbered.items()]
    others = [name for name in rows.columns if name not in numbered]
    return rows.select(others)[order].with_columns(words_in_order).select(rows.columns)


def _numbered(texts: pl.Series) -> tuple[NDArray[np.int64], pl.Series]:
    """The numbers of texts in alphabetical order, an empty one last, and the texts that they are of.

    Equal texts mostly stand beside one another: one of each run is looked at.
    """
    begins = np.flatnonzero(texts.ne_missing(texts.shift(1)).to_numpy())
    if len(texts) and (not len(begins) or begins[0]):
        begins = np.concatenate([[0], begins])
    firsts = texts.gather(begins)
    words = firsts.drop_nulls().unique().sort()
    codes = firsts.cast(pl.Enum(words)).to_physical().cast(pl.Int64).fill_null(len(words)).to_numpy()
    numbers = np.repeat(codes, np.diff(begins, append=len(texts)))
    return numbers, pl.concat([words, pl.Series([None], dtype=pl.String)])
