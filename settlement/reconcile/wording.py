"""Sentences about rows: what was nearest and what failed, why something is held, what a residual looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from settlement.model.money import exponent, to_major
from settlement.reconcile.language import Pass
from settlement.reconcile.read import shown
from settlement.reconcile.sides import HELD, TEXT, Rows

_MOST_NAMED: Final = 4
_ROUND_MINOR: Final = 1000
_MOST_CASH_BACK: Final = 50 * _ROUND_MINOR
_ROUNDING: Final = 2
_TIP_PER_CENT: Final = 30


def money(amount_minor: int, currency: str) -> str:
    """An amount for a person: ``20.00 USD``."""
    return f"{to_major(amount_minor, currency)} {currency}"


def joined(words: Sequence[str]) -> str:
    """``store``, ``store and date``, ``store, till and date``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def held_note(rule: Pass, left: Rows, ours: Sequence[int], right: Rows, theirs: Sequence[int]) -> str:
    """Why a cluster of rows is held back."""
    if rule.one_to_one:
        why = f"pass {rule.name} cannot tell which belongs to which"
    else:
        why = f"pass {rule.name} finds more than one sum that fits"
    return f"{why}: {_named(left, ours)}; {_named(right, theirs)}"


def miss_note(rule: Pass, left: Rows, right: Rows, miss: dict[str, Any]) -> str:  # noqa: PLR0911 (one a reason)
    """What a row and its nearest have in common, and the condition they fail.

    ``miss`` is a row of ``settlement.reconcile.near.NEAR``.
    """
    ours, theirs = (miss["position"], miss["other"]) if miss["side"] == "left" else (miss["other"], miss["position"])
    keys = [pair.left for index, pair in enumerate(rule.pairs) if index != miss["key"]]
    day = ["date"] if rule.window is not None and miss["gap_days"] == 0 else []
    amount, days = _amount_words(miss, left, right, ours, theirs), _day_words(rule, miss, right)
    match miss["reason"]:
        case "amount_differs":
            minor = (int(left.frame["amount"][ours]), int(right.frame["amount"][theirs]))
            likely = "" if rule.amount.rule == "converted" else looks_like(*minor, left.frame["currency"][ours])
            return f"same {joined([*keys, *day])}, {amount}" + (f": {likely}" if likely else "")
        case "date_outside_window":
            order = "" if rule.date_order == "any" else f", {rule.date_order.replace('_', ' ')}"
            window = f"the window is {_days(rule, rule.window)}{order}" if rule.window else "dates must be equal"
            return f"same {joined([*keys, 'amount'])}, {days}: {window}"
        case "currency_differs":
            codes = (
                f"{left.frame['currency'][ours]} on {left.name} and {right.frame['currency'][theirs]} on {right.name}"
            )
            return f"same {joined([*keys, 'amount', *day])}, but {codes}"
        case "key_differs":
            differs = _key_words(rule, miss, left, right, ours, theirs)
            return f"same {joined([*keys, 'amount', *day])}, but {differs}"
        case "fits":
            texts = joined([text.left for text in rule.text])
            return f"same {joined([*keys, 'amount', *day])}, but {texts} is not alike enough"
        case "used":
            other = right if miss["side"] == "left" else left
            failed = "held back" if other.state[miss["other"]] == HELD else "matched already"
            told = ", ".join(part for part in (f"same {joined([*keys, *day])}", amount, days) if part)
            return f"closest: {told}, but {failed}"
        case _:
            told = joined([part for part in (amount, days) if part])
            return f"closest: same {joined(keys)}, {told}: too far to be its counterpart"


def looks_like(left: int, right: int, currency: str) -> str:
    """What a difference of two amounts in minor units of one currency usually is, or nothing."""
    more, less = max(abs(left), abs(right)), min(abs(left), abs(right))
    over = more - less
    if left == -right:
        return "the sign is turned"
    if (left < 0) != (right < 0) or less == 0:
        return ""
    signs = (
        (over <= _ROUNDING, "looks like rounding"),
        (exponent(currency) > 0 and more == less * 10 ** exponent(currency), "looks like another unit"),
        (over % _ROUND_MINOR == 0 and over <= _MOST_CASH_BACK, "looks like cash-back"),
        (sorted(str(left)) == sorted(str(right)), "digits look swapped"),
        (over * 100 <= less * _TIP_PER_CENT, "looks like a tip or a fee"),
    )
    return next((words for holds, words in signs if holds), "")


def render_reconciled(summary: dict[str, Any]) -> str:
    """The summary of a run in a few lines for a terminal."""
    lines = []
    for which in ("left", "right"):
        side = summary[which]
        read, matched, netted, still = (side[word] for word in ("read", "matched", "netted", "open"))
        lines.append(
            f"{side['name']}: {read['rows']} rows ({_sums(read)}), {matched['rows']} matched ({_sums(matched)}), "
            + (f"{netted['rows']} netted, " if netted["rows"] else "")
            + f"{still['rows']} open ({_sums(still)})"
        )
    for one in summary["passes"]:
        held = one["held_left_rows"] + one["held_right_rows"]
        told = f"  {one['name']}: {one['matches']} matches"
        told += f", {one['residuals']} with a residual" if one["residuals"] else ""
        told += f", {one['taken_by_order']} of them by order" if one["taken_by_order"] else ""
        lines.append(told + (f", {held} rows held as ambiguous" if held else ""))
    lines += [
        f"  {summary[one['side']]['name']}: {one['rows']} {one['reason']} ({_sums(one)})" for one in summary["breaks"]
    ]
    return "\n".join(lines)


def _sums(part: dict[str, Any]) -> str:
    return ", ".join(money(total, code) for code, total in part["sums_minor"].items()) or "nothing"


def _named(side: Rows, rows: Sequence[int]) -> str:
    ids = [side.ids[row] for row in rows[:_MOST_NAMED]]
    more = f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
    return f"{side.name} {', '.join(ids)}{more}" if ids else f"none of {side.name}"


def _amount_words(miss: dict[str, Any], left: Rows, right: Rows, ours: int, theirs: int) -> str:
    """``20.00 USD more on card``."""
    gap = miss["gap_amount"]
    if gap == 0:
        return ""
    signs = (int(left.frame["amount"][ours]), int(right.frame["amount"][theirs]))
    more_left = gap < 0 if max(signs) <= 0 else gap > 0
    # Converted amounts are compared in the currency of the side that stays as it is.
    code = right.frame["currency"][theirs]
    return f"{money(abs(gap), code)} more on {left.name if more_left else right.name}"


def _day_words(rule: Pass, miss: dict[str, Any], right: Rows) -> str:
    """``4 days later on loyalty``."""
    days = miss["gap_days"]
    if days == 0:
        return ""
    return f"{_days(rule, abs(days))} {'later' if days > 0 else 'earlier'} on {right.name}"


def _days(rule: Pass, days: int) -> str:
    return f"{days} {'day' if rule.business_days is None else 'business day'}{'' if days == 1 else 's'}"


def _key_words(rule: Pass, miss: dict[str, Any], left: Rows, right: Rows, ours: int, theirs: int) -> str:  # noqa: PLR0917
    pair = rule.pairs[miss["key"]]
    told = (left.frame[TEXT + pair.left][ours], right.frame[TEXT + pair.right][theirs])
    words = [
        f"{'empty' if value is None else shown(value)} on {side.name}"
        for value, side in zip(told, (left, right), strict=True)
    ]
    return f"{pair.left} is {joined(words)}"
