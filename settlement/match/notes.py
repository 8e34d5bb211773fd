"""The sentence of each nearest miss: what both records have in common, and the one thing they have not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

import polars as pl

from settlement.match.looks import Look
from settlement.match.sides import Side
from settlement.match.wording import joined, looks_like, money_text
from settlement.model import clearing
from settlement.model.clearing import Nearest
from settlement.model.money import EXPONENTS

NOTHING_NEAR: Final = "no record of the other side comes near"

_WORDS: Final = {
    "card_masked": "card",
    "authorisation_code": "approval code",
    "member_id": "member number",
    "arn": "ARN",
    "rrn": "RRN",
}
_MOST_SHOWN: Final = 40
_SUMS: Final = (Nearest.SUM_DIFFERS, Nearest.SEVERAL_ON_BOTH_SIDES)
_BARE: Final = (*_SUMS, Nearest.TOO_MANY_CANDIDATES)
_BETWEEN: Final = "{} on the bank side and {} on the merchant side"


def written(misses: pl.DataFrame, looks: Sequence[Look], bank: Side, merchant: Side) -> pl.DataFrame:
    """The rows of both sides that no match holds, with the locator of their nearest, its condition and the sentence.

    ``misses`` are rows of ``settlement.match.nearest.MISS``, at most one a row.
    """
    of_bank = pl.col("side") == clearing.Side.BANK
    told = misses.with_columns(
        bank_row=pl.when(of_bank).then("row").otherwise("other"),
        merchant_row=pl.when(of_bank).then("other").otherwise("row"),
    )
    told = told.with_columns(_sentences(told, looks, bank, merchant))
    return pl.concat(
        [
            _of_side(told.filter(pl.col("side") == name), mine, other)
            for name, mine, other in ((clearing.Side.BANK, bank, merchant), (clearing.Side.MERCHANT, merchant, bank))
        ]
    )


def _of_side(told: pl.DataFrame, mine: Side, other: Side) -> pl.DataFrame:
    locator = (pl.col("file").cast(pl.String), "record")
    still = mine.rows.lazy().filter(pl.Series(mine.free)).select("row", *locator)
    others = other.rows.lazy().select(
        pl.col("row").alias("other"),
        pl.col("file").cast(pl.String).alias("nearest_file"),
        pl.col("record").alias("nearest_record"),
    )
    near = told.lazy().select("row", "other", "condition", "note").join(others, on="other", how="left")
    return (
        still.join(near, on="row", how="left")
        .select(
            "file",
            "record",
            "nearest_file",
            "nearest_record",
            pl.col("condition").alias("nearest_condition"),
            pl.col("note").fill_null(NOTHING_NEAR),
        )
        .collect()
    )


def _sentences(told: pl.DataFrame, looks: Sequence[Look], bank: Side, merchant: Side) -> pl.Series:
    """One sentence a miss."""
    bare = pl.col("condition").is_in(_BARE)
    frame = told.with_columns(
        same_amount=(pl.col("gap") == 0) & ~bare,
        same_day=(pl.col("days") == 0) & ~bare,
        gap_words=pl.when(~bare & (pl.col("gap") != 0)).then(
            pl.format("{} more on the {} side", _money(pl.col("gap").abs(), "currency"), _more("gap"))
        ),
        day_words=pl.when(~bare & (pl.col("days") != 0)).then(
            pl.format("{} {} on the merchant side", _days(pl.col("days").abs()), _later())
        ),
        carry_words=pl.col("look").replace_strict(
            {look.number: _carried(look) for look in looks}, default="", return_dtype=pl.String
        ),
        window_words=pl.col("look").replace_strict(
            {look.number: _window(look) for look in looks}, default="", return_dtype=pl.String
        ),
    )
    frame = frame.join(_common(looks), on=["look", "key", "same_amount", "same_day"], how="left", maintain_order="left")
    frame = frame.with_columns(
        head=pl.concat_str("common", "gap_words", "day_words", separator=", ", ignore_nulls=True),
        likely=_likely(frame),
        key_words=_key_words(frame, looks, bank, merchant),
        kind_words=pl.format(_BETWEEN, _kinds(frame, bank, "bank_row"), _kinds(frame, merchant, "merchant_row")),
        sum_words=pl.format("{} of the bank side come to {}", "rows", _money(pl.col("amount"), "currency")),
        sum_told_words=pl.format(
            "{} of the merchant side to {}", "rows_told", _money(pl.col("amount_told"), "currency_told")
        ),
    )
    return frame.select(_by_condition().alias("note"))["note"]


def _by_condition() -> pl.Expr:
    head = pl.col("head")
    said = {
        Nearest.AMOUNT_DIFFERS: pl.concat_str(head, "likely", ignore_nulls=True),
        Nearest.DATE_OUTSIDE_WINDOW: pl.format("{}: {}", head, "window_words"),
        Nearest.CURRENCY_DIFFERS: pl.format(f"{{}}, but {_BETWEEN}", head, "currency", "currency_told"),
        Nearest.KIND_DIFFERS: pl.format("{}, but {}", head, "kind_words"),
        Nearest.KEY_DIFFERS: pl.format("{}, but {}", head, "key_words"),
        Nearest.SUM_DIFFERS: pl.format("{}: {}, {}", "common", "sum_words", "sum_told_words"),
        Nearest.SEVERAL_ON_BOTH_SIDES: pl.format(
            "{}: {}, {}, but no rule takes several on both sides", "common", "sum_words", "sum_told_words"
        ),
        Nearest.TOO_MANY_CANDIDATES: pl.lit(
            "too many records of one key fit one another to choose: give its passes another key or a narrower window"
        ),
        Nearest.TOO_OLD: pl.format("{}, but {}", head, "carry_words"),
        Nearest.TOO_FAR: pl.format("{}: amount and date both differ", head),
        Nearest.ALREADY_MATCHED: pl.format("closest: {}, but it is matched already", head),
    }
    sentence = pl.lit(None, pl.String)
    for condition, words in said.items():
        sentence = pl.when(pl.col("condition") == condition).then(words).otherwise(sentence)
    return sentence


def _common(looks: Sequence[Look]) -> pl.DataFrame:
    """``same card, approval code and date`` for each look, key left out, and whether amount and day agree."""
    rows = []
    for look in looks:
        for key, amount, day in product(range(-1, len(look.keys)), (False, True), (False, True)):
            words = [_word(name) for index, name in enumerate(look.keys) if index != key]
            words += [word for word, holds in (("amount", amount), ("date", day)) if holds]
            rows.append((look.number, key, amount, day, f"same {joined(words)}"))
    schema = {"look": pl.Int32, "key": pl.Int32, "same_amount": pl.Boolean, "same_day": pl.Boolean, "common": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _word(column: str) -> str:
    return _WORDS.get(column, column.replace("_", " "))


def _window(look: Look) -> str:
    return f"the window is {look.window} day{'' if look.window == 1 else 's'}" if look.window else "dates must be equal"


def _money(minor: pl.Expr, currency: str) -> pl.Expr:
    return money_text(minor, pl.col(currency))


def _carried(look: Look) -> str:
    return f"one of them is open for more than {look.carry_days} days, and no pass of this key looks further back"


def _more(gap: str) -> pl.Expr:
    return pl.when(pl.col(gap) > 0).then(pl.lit("bank")).otherwise(pl.lit("merchant"))


def _later() -> pl.Expr:
    return pl.when(pl.col("days") > 0).then(pl.lit("later")).otherwise(pl.lit("earlier"))


def _days(number: pl.Expr) -> pl.Expr:
    return pl.format("{} day{}", number, pl.when(number == 1).then(pl.lit("")).otherwise(pl.lit("s")))


def _likely(frame: pl.DataFrame) -> pl.Expr:
    """``: looks like cash-back``, or nothing."""
    places = frame["currency"].replace_strict(dict(EXPONENTS), default=0, return_dtype=pl.Int64).to_numpy()
    words = pl.lit(looks_like(frame["amount"].to_numpy(), frame["amount_told"].to_numpy(), places))
    # The till pays cash-back out, so it is always the card that is charged more.
    turned = (pl.col("gap") < 0) & words.str.contains("cash-back", literal=True)
    return pl.when((words != "") & ~turned).then(pl.format(": {}", words))


def _kinds(frame: pl.DataFrame, side: Side, at: str) -> pl.Expr:
    return pl.lit(side.rows["kind"].gather(frame[at]).cast(pl.String))


def _key_words(frame: pl.DataFrame, looks: Sequence[Look], bank: Side, merchant: Side) -> pl.Series:
    """``approval code is A1B2C3 on the bank side and empty on the merchant side``."""
    where = frame.select("look", "key", "bank_row", "merchant_row").with_row_index("at")
    parts = [pl.DataFrame(schema={"at": pl.UInt32, "words": pl.String})]
    for look in looks:
        for key, (ours, theirs) in enumerate(zip(look.keys, look.merchant_keys, strict=True)):
            some = where.filter((pl.col("look") == look.number) & (pl.col("key") == key))
            if some.is_empty():
                continue
            texts = [
                side.rows.select(column).to_series().gather(some[at]).alias(at)
                for side, column, at in ((bank, ours, "bank_row"), (merchant, theirs, "merchant_row"))
            ]
            shown = some.with_columns(*texts).with_columns(
                pl.when(pl.col(name) != "").then(pl.col(name).str.slice(0, _MOST_SHOWN)).otherwise(pl.lit("empty"))
                for name in ("bank_row", "merchant_row")
            )
            parts.append(
                shown.select("at", pl.format(f"{_word(ours)} is {_BETWEEN}", "bank_row", "merchant_row").alias("words"))
            )
    return where.select("at").join(pl.concat(parts), on="at", how="left", maintain_order="left")["words"]
