"""Breaks: every row that no match holds, with its reason from a closed list, its nearest miss, and a sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import polars as pl

from settlement.reconcile.engine import Result
from settlement.reconcile.found import Searched
from settlement.reconcile.language import Pass
from settlement.reconcile.near import near_misses
from settlement.reconcile.sides import HELD, OPEN, TEXT, Rows
from settlement.reconcile.views import condition
from settlement.reconcile.wording import held_note, joined, miss_note, money


class Reason(StrEnum):
    """Why a row is not matched."""

    MISSING_LEFT = "missing_left"
    MISSING_RIGHT = "missing_right"
    DUPLICATE = "duplicate"
    AMOUNT_DIFFERS = "amount_differs"
    DATE_OUTSIDE_WINDOW = "date_outside_window"
    CURRENCY_DIFFERS = "currency_differs"
    KEY_DIFFERS = "key_differs"
    SUM_INCOMPLETE = "sum_incomplete"
    HELD_AMBIGUOUS = "held_ambiguous"
    LATE = "late"


SCHEMA: Final = {"side": pl.String, "position": pl.Int32, "reason": pl.String, "nearest": pl.String, "note": pl.String}


def find_breaks(result: Result) -> pl.DataFrame:
    """One row for each open or held row of both sides: ``SCHEMA``, by side and position.

    What says most comes first: held back, equal to a matched row, part of an incomplete sum, a near miss, later than
    the other side goes, and otherwise missing.
    """
    parts = [_held(result), _gave_up(result), _duplicates(result), _incomplete(result), _near(result), _rest(result)]
    rank = pl.concat([part.with_columns(pl.lit(number).alias("rank")) for number, part in enumerate(parts)])
    return (
        rank.sort("side", "position", "rank", "nearest", "note")
        .unique(["side", "position"], keep="first", maintain_order=True)
        .select(list(SCHEMA))
    )


_Break = tuple[str, int, Reason, str | None, str]


def _frame(rows: list[_Break]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(SCHEMA), orient="row")


def _held(result: Result) -> pl.DataFrame:
    rows: list[_Break] = []
    left, right = result.left, result.right
    for cluster in result.held:
        ours = [int(at) for at in cluster.left if left.state[at] == HELD]
        theirs = [int(at) for at in cluster.right if right.state[at] == HELD]
        note = held_note(cluster.rule, left, ours, right, theirs)
        for side, mine, other, others in ((left, ours, right, theirs), (right, theirs, left, ours)):
            nearest = other.ids[others[0]] if others else None
            rows += [(side.which, at, Reason.HELD_AMBIGUOUS, nearest, note) for at in mine]
    return _frame(rows)


def _gave_up(result: Result) -> pl.DataFrame:
    """Rows whose group has more candidates than the bound: nobody knows, so nobody decides."""
    rows: list[_Break] = []
    for rule, positions in result.given_up:
        note = f"pass {rule.name} gave up: too many rows fit one another; add a key or narrow its tolerance"
        still = positions[result.left.state[positions] == OPEN].tolist()
        rows += [(result.left.which, at, Reason.HELD_AMBIGUOUS, None, note) for at in still]
    for told in result.told:
        side = result.left if told.side == "left" else result.right
        if told.outcome.status is Searched.GAVE_UP and side.state[told.position] == OPEN and told.rule.search:
            bound = told.rule.search
            note = (
                f"pass {told.rule.name} gave up at the bound: {told.outcome.candidates} rows could be part of the sum, "
                f"{bound.most_candidates} are searched in {bound.most_steps} steps"
            )
            rows.append((told.side, told.position, Reason.SUM_INCOMPLETE, None, note))
    return _frame(rows)


def _duplicates(result: Result) -> pl.DataFrame:
    """Open rows that are equal, in all that a pass compares, to a row of their side which that pass has matched."""
    parts = [_frame([])]
    for step in result.taken:
        if not step.rule.one_to_one or step.rule.amount.rule != "equal":
            continue
        for side, other, mine, theirs in (
            (result.left, result.right, step.left, step.right),
            (result.right, result.left, step.right, step.left),
        ):
            still = side.positions([OPEN])
            if not len(still) or not len(mine):
                continue
            columns = [TEXT + getattr(pair, side.which) for pair in (*step.rule.pairs, *step.rule.text)]
            columns += ["currency", "amount", *(["day"] if "day" in side.frame.columns else [])]
            columns = list(dict.fromkeys(columns))
            only = condition(step.rule.left_only if side.which == "left" else step.rule.right_only)
            equal = side.frame[still].with_columns(pl.Series("position", still)).filter(*only)
            twins = side.frame[mine].select(*columns, pl.Series("twin", mine), pl.Series("partner", theirs))
            met = equal.select(*columns, "position").join(twins, on=columns, how="inner")
            met = met.sort("position", "twin").unique("position", keep="first", maintain_order=True)
            parts.append(_told_duplicates(side, other, met))
    return pl.concat(parts)


def _told_duplicates(side: Rows, other: Rows, met: pl.DataFrame) -> pl.DataFrame:
    rows: list[_Break] = []
    for position, twin, partner in met.select("position", "twin", "partner").iter_rows():
        met_with = f"{other.name} {other.ids[partner]}"
        note = f"equal to {side.name} {side.ids[twin]}, which met {met_with}; {other.name} has no more of them"
        rows.append((side.which, position, Reason.DUPLICATE, other.ids[partner], note))
    return _frame(rows)


def _incomplete(result: Result) -> pl.DataFrame:
    """Open rows whose key stands open on both sides, with more than one row on one of them, in a pass of sums."""
    parts = [_frame([])]
    for rule in result.rules.passes:
        if rule.one_to_one or not rule.keys or rule.amount.rule == "converted":
            continue
        sides = [_open_groups(rule, side) for side in (result.left, result.right)]
        keys = [f"key_{index}" for index in range(len(rule.keys))] + ["currency"]
        totals = [
            side.group_by(keys).agg(pl.col("amount").sum(), pl.len().alias("rows"), pl.col("position").min())
            for side in sides
        ]
        both = totals[0].join(totals[1], on=keys, suffix="_right").filter(pl.col("rows") + pl.col("rows_right") > 2)  # noqa: PLR2004
        for side, other, rows, mine in (
            (result.left, result.right, sides[0], ""),
            (result.right, result.left, sides[1], "_right"),
        ):
            met = rows.join(both, on=keys, suffix="_total").sort("position")
            nearest = "position_right" if mine == "" else "position_total"
            parts.append(
                _frame(
                    [
                        (
                            side.which,
                            one["position"],
                            Reason.SUM_INCOMPLETE,
                            other.ids[one[nearest]],
                            _sum_note(result, rule, one),
                        )
                        for one in met.iter_rows(named=True)
                    ]
                )
            )
    return pl.concat(parts)


def _open_groups(rule: Pass, side: Rows) -> pl.DataFrame:
    rows = side.positions([OPEN])
    keys = [pl.col(TEXT + getattr(pair, side.which)).alias(f"key_{i}") for i, pair in enumerate(rule.pairs)]
    only = condition(rule.left_only if side.which == "left" else rule.right_only)
    return (
        side.frame[rows]
        .with_columns(pl.Series("position", rows))
        .filter(*only)
        .select(*keys, "currency", "amount", "position")
        .drop_nulls()
    )


def _sum_note(result: Result, rule: Pass, one: dict[str, Any]) -> str:
    left, right, code = result.left, result.right, one["currency"]
    keys = joined([pair.left for pair in rule.pairs])
    ours, theirs = one["amount_total"], one["amount_right"]
    said = (
        f"same {keys}: {one['rows']} of {left.name} sum to {money(ours, code)}, "
        f"{one['rows_right']} of {right.name} to {money(theirs, code)}"
    )
    if ours == theirs:
        return f"{said}; dates or the allowed number of rows do not fit"
    short = right.name if abs(ours) > abs(theirs) else left.name
    return f"{said}; {money(abs(ours - theirs), code)} are missing on {short}"


def _near(result: Result) -> pl.DataFrame:
    names = {"left": result.left, "right": result.right}
    late = {"left": _late(result.left, result.right), "right": _late(result.right, result.left)}
    rows: list[_Break] = []
    for one in near_misses(result.rules, result.left, result.right).iter_rows(named=True):
        side, other = names[one["side"]], names["right" if one["side"] == "left" else "left"]
        reason = one["reason"]
        if reason in {"missing", "used"}:
            reason = Reason.LATE if one["position"] in late[side.which] else _missing(side)
        elif reason == "fits":
            # Key, amount and date agree; what the pass asks beside them is a likeness of texts.
            reason = Reason.KEY_DIFFERS
        note = miss_note(result.rules.passes[one["number"]], result.left, result.right, one)
        rows.append((side.which, one["position"], Reason(reason), other.ids[one["other"]], note))
    return _frame(rows)


def _rest(result: Result) -> pl.DataFrame:
    none = {(told.side, told.position): told for told in result.told if told.outcome.status is Searched.PROVED_NONE}
    rows: list[_Break] = []
    for side, other in ((result.left, result.right), (result.right, result.left)):
        late, keyless = _late(side, other), _keyless(result, side)
        for at in side.positions([OPEN]).tolist():
            told = none.get((side.which, at))
            if at in keyless:
                reason, note = _missing(side), f"{keyless[at]} is empty: no pass has a key to match it on"
            elif at in late:
                reason, note = Reason.LATE, f"{other.name} ends before its date: its counterpart may still come"
            elif told is not None:
                reason = _missing(side)
                note = f"pass {told.rule.name} proved that no sum among {told.outcome.candidates} rows makes it up"
            else:
                reason, note = _missing(side), f"no open row of {other.name} comes near"
            rows.append((side.which, at, reason, None, note))
    return _frame(rows)


def _keyless(result: Result, side: Rows) -> dict[int, str]:
    """Open rows without a whole key in any pass, and the first text that is empty."""
    rows = side.positions([OPEN])
    frame = side.frame[rows]
    found: dict[int, str] | None = None
    for rule in result.rules.passes:
        names = [getattr(pair, side.which) for pair in rule.pairs]
        if not names:
            return {}
        empty: dict[int, str] = {}
        for name in names:
            for at in rows[frame[TEXT + name].is_null().to_numpy()].tolist():
                empty.setdefault(at, name)
        found = empty if found is None else {at: name for at, name in found.items() if at in empty}
    return found or {}


def _missing(side: Rows) -> Reason:
    return Reason.MISSING_RIGHT if side.which == "left" else Reason.MISSING_LEFT


def _late(side: Rows, other: Rows) -> set[int]:
    """Open rows of a date after the last one of the other side: nobody can know yet."""
    if "day" not in side.frame.columns or "day" not in other.frame.columns:
        return set()
    last = other.frame["day"].max()
    if last is None:
        return set()
    rows = side.positions([OPEN])
    return set(rows[(side.frame["day"].gather(rows) > last).fill_null(value=False).to_numpy()].tolist())
