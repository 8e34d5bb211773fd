"""Sentences about near misses, column by column: what a row and its nearest have in common, and what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from settlement.match.wording import joined, looks_like, money_text
from settlement.model.money import EXPONENTS
from settlement.reconcile.language import Pass, Rules
from settlement.reconcile.read import shown
from settlement.reconcile.sides import HELD, TEXT, Rows

_PLAIN: Final = r"^[A-Za-z0-9 ._:/#-]{0,40}$"
"""Values that stand in a sentence as they are, where they are not as long as a card number."""
_LONG_NUMBER: Final = r"\d(?:[ -]?\d){12}"


def miss_notes(rules: Rules, left: Rows, right: Rows, misses: pl.DataFrame) -> pl.Series:
    """The note of each near miss, rows of ``settlement.reconcile.near.NEAR``, in their order."""
    if misses.is_empty():
        return pl.Series("note", [], dtype=pl.String)
    table = misses.with_row_index("line").with_columns(
        ours=pl.when(pl.col("side") == "left").then("position").otherwise("other"),
        theirs=pl.when(pl.col("side") == "left").then("other").otherwise("position"),
    )
    parts = []
    for (number, reason, key, side), some in table.group_by("number", "reason", "key", "side"):
        told = _with_rows(some, left, right)
        words = _sentence(rules.passes[int(str(number))], str(reason), int(str(key)), (left, right, str(side)), told)
        parts.append(told.select("line", words.alias("note")))
    return pl.concat(parts).sort("line")["note"]


def _with_rows(some: pl.DataFrame, left: Rows, right: Rows) -> pl.DataFrame:
    ours, theirs = some["ours"], some["theirs"]
    return some.with_columns(
        left.frame["amount"].gather(ours).alias("left_amount"),
        right.frame["amount"].gather(theirs).alias("right_amount"),
        left.frame["currency"].gather(ours).cast(pl.String).alias("left_currency"),
        right.frame["currency"].gather(theirs).cast(pl.String).alias("right_currency"),
    )


def _sentence(  # noqa: PLR0911 (one a reason)
    rule: Pass, reason: str, key: int, place: tuple[Rows, Rows, str], told: pl.DataFrame
) -> pl.Expr:
    """The sentence of misses of one pass, reason, differing key and side."""
    left, right, side = place
    keys = [pair.left for index, pair in enumerate(rule.pairs) if index != key]
    amount, days = _amount_words(left, right), _day_words(rule, right)
    same_day = (pl.col("gap_days") == 0) & pl.lit(rule.window is not None)
    match reason:
        case "amount_differs":
            return pl.concat_str(_same(keys, same_day), pl.lit(", "), amount, _likely(rule, told))
        case "date_outside_window":
            order = "" if rule.date_order == "any" else f", {rule.date_order.replace('_', ' ')}"
            window = f"the window is {_days(rule, rule.window)}{order}" if rule.window else "dates must be equal"
            return pl.concat_str(pl.lit(f"same {joined([*keys, 'amount'])}, "), days, pl.lit(f": {window}"))
        case "currency_differs":
            codes = (pl.col("left_currency"), pl.lit(f" on {left.name} and "), pl.col("right_currency"))
            same = _same([*keys, "amount"], same_day)
            return pl.concat_str(same, pl.lit(", but "), *codes, pl.lit(f" on {right.name}"))
        case "key_differs":
            same = _same([*keys, "amount"], same_day)
            return pl.concat_str(same, pl.lit(", but "), *_key_words(rule, key, left, right, told))
        case "fits":
            texts = joined([text.left for text in rule.text])
            return pl.concat_str(_same([*keys, "amount"], same_day), pl.lit(f", but {texts} is not alike enough"))
        case "used":
            other = right if side == "left" else left
            held = pl.Series(other.state[told["other"].to_numpy()] == HELD)
            failed = pl.when(held).then(pl.lit(", but held back")).otherwise(pl.lit(", but matched already"))
            parts = [_same(keys, same_day), _if_any(amount, "gap_amount"), _if_any(days, "gap_days")]
            return pl.concat_str(pl.lit("closest: "), pl.concat_str(parts, separator=", ", ignore_nulls=True), failed)
        case _:
            parts = [_if_any(amount, "gap_amount"), _if_any(days, "gap_days")]
            told_parts = pl.concat_str(parts, separator=" and ", ignore_nulls=True)
            return pl.concat_str(
                pl.lit(f"closest: same {joined(keys)}, "), told_parts, pl.lit(": too far to be its counterpart")
            )


def _same(words: Sequence[str], same_day: pl.Expr) -> pl.Expr:
    with_day, without = (f"same {joined(list(some))}" for some in ([*words, "date"], words))
    return pl.when(same_day).then(pl.lit(with_day)).otherwise(pl.lit(without))


def _if_any(words: pl.Expr, gap: str) -> pl.Expr:
    return pl.when(pl.col(gap) != 0).then(words)


def _likely(rule: Pass, told: pl.DataFrame) -> pl.Expr:
    if rule.amount.rule == "converted":
        return pl.lit("")
    places = told["left_currency"].replace_strict(dict(EXPONENTS), return_dtype=pl.Int64).to_numpy()
    words = pl.lit(looks_like(told["left_amount"].to_numpy(), told["right_amount"].to_numpy(), places))
    return pl.when(words != "").then(pl.concat_str(pl.lit(": "), words)).otherwise(pl.lit(""))


def _amount_words(left: Rows, right: Rows) -> pl.Expr:
    """``20.00 USD more on card``."""
    gap = pl.col("gap_amount")
    refunds = pl.max_horizontal("left_amount", "right_amount") <= 0
    side = (
        pl.when(pl.when(refunds).then(gap < 0).otherwise(gap > 0)).then(pl.lit(left.name)).otherwise(pl.lit(right.name))
    )
    # Converted amounts are compared in the currency of the side that stays as it is.
    return pl.concat_str(money_text(gap.abs(), pl.col("right_currency")), pl.lit(" more on "), side)


def _day_words(rule: Pass, right: Rows) -> pl.Expr:
    """``4 days later on loyalty``."""
    days = pl.col("gap_days")
    unit = _unit(rule)
    units = pl.when(days.abs() == 1).then(pl.lit(f" {unit}")).otherwise(pl.lit(f" {unit}s"))
    order = pl.when(days > 0).then(pl.lit(" later")).otherwise(pl.lit(" earlier"))
    return pl.concat_str(days.abs().cast(pl.String), units, order, pl.lit(f" on {right.name}"))


def _unit(rule: Pass) -> str:
    return "day" if rule.business_days is None else "business day"


def _days(rule: Pass, days: int) -> str:
    return f"{days} {_unit(rule)}{'' if days == 1 else 's'}"


def _key_words(rule: Pass, key: int, left: Rows, right: Rows, told: pl.DataFrame) -> Iterator[pl.Expr]:
    """``code is 'A1' on bank and empty on till``."""
    pair = rule.pairs[key]
    yield pl.lit(f"{pair.left} is ")
    yield pl.lit(shown_texts(left.frame[TEXT + pair.left].gather(told["ours"])))
    yield pl.lit(f" on {left.name} and ")
    yield pl.lit(shown_texts(right.frame[TEXT + pair.right].gather(told["theirs"])))
    yield pl.lit(f" on {right.name}")


def shown_texts(values: pl.Series) -> pl.Series:
    """Values for a sentence, as ``shown`` tells them one by one; what is null is empty."""
    plain = values.str.contains(_PLAIN) & ~values.str.contains(_LONG_NUMBER)
    odd = values.filter(~plain.fill_null(value=True)).unique()
    known: dict[str, str] = {value: shown(value) for value in odd.to_list()}
    quoted = pl.concat_str(pl.lit("'"), pl.lit(values), pl.lit("'"))
    rest = (
        pl.lit(values).replace_strict(known, default=None, return_dtype=pl.String) if known else pl.lit(None, pl.String)
    )
    told = pl.when(pl.lit(plain)).then(quoted).otherwise(rest)
    return pl.select(pl.when(pl.lit(values).is_null()).then(pl.lit("empty")).otherwise(told)).to_series()
