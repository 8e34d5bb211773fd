"""Breaks: every row that no match holds, with its reason from a closed list, its nearest miss, and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.match.wording import joined, money_text
from settlement.reconcile.ageing import barred
from settlement.reconcile.engine import Held, Result, Taken
from settlement.reconcile.found import Searched
from settlement.reconcile.language import KeyPair, Pass, Rules
from settlement.reconcile.near import near_misses
from settlement.reconcile.notes import miss_notes
from settlement.reconcile.sides import HELD, OPEN, TEXT, Rows
from settlement.reconcile.views import condition

_MOST_NAMED: Final = 4


_Undecided = dict[str, NDArray[np.bool_]]
_Told = Callable[[Result, _Undecided], pl.DataFrame]


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
    TOO_OLD = "too_old"
    LATE = "late"


SCHEMA: Final = {"side": pl.String, "position": pl.Int32, "reason": pl.String, "nearest": pl.String, "note": pl.String}
NEAR_RANK: Final = 4
RANKED: Final = SCHEMA | {
    "rank": pl.Int32,
    "score": pl.Int64,
    "number": pl.Int32,
    "other": pl.Int32,
    "miss": pl.String,
}
"""A break with what it says more by than others of its row: the less the better, column by column."""


def ranked_breaks(result: Result, apart: frozenset[KeyPair] = frozenset()) -> pl.DataFrame:
    """One row for each open or held row of both sides: ``RANKED``, by side and position.

    What says most comes first: held back, equal to a matched row, part of an incomplete sum, a near miss, later than
    the other side goes, and otherwise missing. Near misses that differ in a key of ``apart`` are not looked for.
    """
    passes = range(len(result.rules.passes))
    near = (_incomplete(passes), _near(apart, passes))
    return _ranked(result, dict(enumerate((_held, _gave_up, _duplicates, *near, _rest))))


def held_breaks(result: Result) -> pl.DataFrame:
    """Of a run in phases: ``RANKED`` of the rows that are held back."""
    return _ranked(result, {0: _held})


def passing_breaks(result: Result) -> pl.DataFrame:
    """Of a run in phases: ``RANKED`` of rows open after one phase, which hold where they are open in the end."""
    return _ranked(result, {1: _gave_up, 2: _duplicates})


def keyed_breaks(result: Result, apart: frozenset[KeyPair], passes: Sequence[int]) -> pl.DataFrame:
    """Of a run in phases: ``RANKED`` of the open rows for which one of the passes, by number, finds something near."""
    return _ranked(result, {3: _incomplete(passes), NEAR_RANK: _near(apart, passes)})


def last_breaks(result: Result) -> pl.DataFrame:
    """Of a run in phases: ``RANKED`` of all open rows, as what they are where nothing else is found."""
    return _ranked(result, {5: _rest})


def _ranked(result: Result, kinds: Mapping[int, _Told]) -> pl.DataFrame:
    """By row what the first kind that knows of it tells."""
    undecided = {side.which: side.among(OPEN, HELD) for side in (result.left, result.right)}
    parts = [pl.DataFrame(schema=RANKED)]
    for rank, told in kinds.items():
        part = told(result, undecided).with_columns(pl.lit(rank, pl.Int32).alias("rank"))
        part = part.sort("side", "position", "nearest", "note")
        part = part.unique(["side", "position"], keep="first", maintain_order=True)
        for side in (result.left, result.right):
            undecided[side.which][part.filter(pl.col("side") == side.which)["position"].to_numpy()] = False
        parts.append(part)
    return pl.concat(parts, how="diagonal").sort("side", "position")


def _frame(side: Rows, positions: Any, reason: Any, nearest: Any, note: Any) -> pl.DataFrame:
    """Breaks of one side; what is one value holds for all of them."""
    return pl.DataFrame({"position": pl.Series(positions, dtype=pl.Int32)}).select(
        pl.lit(side.which).alias("side"),
        "position",
        pl.lit(reason, pl.String).alias("reason"),
        pl.lit(nearest, pl.String).alias("nearest"),
        pl.lit(note, pl.String).alias("note"),
    )


def _nothing() -> list[pl.DataFrame]:
    return [pl.DataFrame(schema=SCHEMA)]


def _held(result: Result, _: _Undecided) -> pl.DataFrame:
    return pl.concat([*_nothing(), *(part for step in result.held for part in _held_of(result, step))])


def _held_of(result: Result, step: Held) -> Iterator[pl.DataFrame]:
    if step.rule.one_to_one:
        why = f"pass {step.rule.name} cannot tell which belongs to which: "
    else:
        why = f"pass {step.rule.name} finds more than one sum that fits: "
    clusters = [
        _named(side, rows, cluster)
        for side, rows, cluster in (
            (result.left, step.left, step.left_cluster),
            (result.right, step.right, step.right_cluster),
        )
    ]
    both = clusters[0].join(clusters[1], on="cluster", how="full", coalesce=True)
    none = [pl.lit(f"none of {side.name}") for side in (result.left, result.right)]
    names = (pl.col("names").fill_null(none[0]), pl.lit("; "), pl.col("names_right").fill_null(none[1]))
    told = both.with_columns(note=pl.concat_str(pl.lit(why), *names))
    for side, rows, cluster, nearest in (
        (result.left, step.left, step.left_cluster, "first_right"),
        (result.right, step.right, step.right_cluster, "first"),
    ):
        still = _still(side, rows, cluster).join(told, on="cluster", how="left", maintain_order="left")
        yield _frame(side, still["position"], Reason.HELD_AMBIGUOUS, still[nearest], still["note"])


def _still(side: Rows, rows: Any, cluster: Any) -> pl.DataFrame:
    """The rows that no later pass has taken."""
    held = side.state[rows] == HELD
    return pl.DataFrame(
        {"position": rows[held].astype(np.int32), "cluster": cluster[held].astype(np.int64)},
        schema={"position": pl.Int32, "cluster": pl.Int64},
    )


def _named(side: Rows, rows: Any, cluster: Any) -> pl.DataFrame:
    """By cluster its first row and its rows for a sentence: ``till T1, T2, T3, T4 and 2 more``."""
    still = _still(side, rows, cluster).sort("cluster", "position")
    still = still.with_columns(side.ids.gather(still["position"]).alias("id"))
    more = pl.when(pl.col("rows") > _MOST_NAMED).then(
        pl.concat_str(pl.lit(" and "), pl.col("rows") - _MOST_NAMED, pl.lit(" more"))
    )
    names = pl.concat_str(pl.lit(f"{side.name} "), pl.col("names").list.join(", "), more.fill_null(""))
    return (
        still.group_by("cluster", maintain_order=True)
        .agg(pl.len().alias("rows"), pl.col("id").first().alias("first"), pl.col("id").head(_MOST_NAMED).alias("names"))
        .select("cluster", "first", names.alias("names"))
    )


def _gave_up(result: Result, undecided: _Undecided) -> pl.DataFrame:
    """Rows whose group has more candidates than the bound: nobody knows, so nobody decides."""
    parts = _nothing()
    for rule, positions in result.given_up:
        note = f"pass {rule.name} gave up: too many rows fit one another; add a key or narrow its tolerance"
        still = positions[undecided[result.left.which][positions] & (result.left.state[positions] == OPEN)]
        parts.append(_frame(result.left, still, Reason.HELD_AMBIGUOUS, None, note))
    for told in result.told:
        side = result.left if told.side == "left" else result.right
        if told.outcome.status is Searched.GAVE_UP and side.state[told.position] == OPEN and told.rule.search:
            bound = told.rule.search
            note = (
                f"pass {told.rule.name} gave up at the bound: {told.outcome.candidates} rows could be part of the sum, "
                f"{bound.most_candidates} are searched in {bound.most_steps} steps"
            )
            parts.append(_frame(side, [told.position], Reason.SUM_INCOMPLETE, None, note))
    return pl.concat(parts)


def _duplicates(result: Result, undecided: _Undecided) -> pl.DataFrame:
    """Open rows that are equal, in all that a pass compares, to a row of their side which that pass has matched."""
    parts = _nothing()
    for step in result.taken:
        if step.rule.one_to_one and step.rule.amount.rule == "equal":
            sure = step.rule.assignment == "optimal" or step.rule.window in {None, 0}
            # Where such a row is open, it could have been matched as well: the match was not the only choice.
            some = np.flatnonzero(step.unsure) if sure else np.arange(len(step.unsure))
            parts.append(_twins(step, (result.left, result.right), (step.left[some], step.right[some]), undecided))
            parts.append(_twins(step, (result.right, result.left), (step.right[some], step.left[some]), undecided))
    return pl.concat(parts)


def _twins(step: Taken, sides: tuple[Rows, Rows], matched: tuple[Any, Any], undecided: _Undecided) -> pl.DataFrame:
    side, other = sides
    still = np.flatnonzero(undecided[side.which] & (side.state == OPEN)).astype(np.int32)
    columns = [TEXT + getattr(pair, side.which) for pair in (*step.rule.pairs, *step.rule.text)]
    columns += ["currency", "amount", *(["day"] if "day" in side.frame.columns else [])]
    columns = list(dict.fromkeys(columns))
    only = condition(step.rule.left_only if side.which == "left" else step.rule.right_only)
    names = list(dict.fromkeys([*columns, *(name for one in only for name in one.meta.root_names())]))
    # Texts are picked only where the amount is that of a matched row.
    amounts = side.frame["amount"].to_numpy()
    still = still[np.isin(amounts[still], amounts[matched[0]])]
    equal = _rows_of(side, names, still).with_columns(pl.Series("position", still)).filter(*only)
    twins = _rows_of(side, columns, matched[0])
    twins = twins.with_columns(pl.Series("twin", matched[0]), pl.Series("partner", matched[1]))
    met = equal.select(*columns, "position").join(twins, on=columns, how="inner")
    met = met.sort("position", "twin").unique("position", keep="first", maintain_order=True)
    ids, partners = side.ids.gather(met["twin"]), other.ids.gather(met["partner"])
    note = pl.select(
        pl.concat_str(
            pl.lit(f"equal to {side.name} "),
            pl.lit(ids),
            pl.lit(f", which met {other.name} "),
            pl.lit(partners),
            pl.lit(f"; {other.name} has no more of them"),
        )
    ).to_series()
    return _frame(side, met["position"], Reason.DUPLICATE, partners, note)


def _rows_of(side: Rows, columns: list[str], rows: Any) -> pl.DataFrame:
    picked: pl.DataFrame = side.frame.select(columns)[rows]
    return picked


def _incomplete(passes: Sequence[int]) -> _Told:
    """Open rows whose key stands open on both sides, with more than one row on one of them, in a pass of sums."""

    def found(result: Result, undecided: _Undecided) -> pl.DataFrame:
        asked = [result.rules.passes[number] for number in passes]
        asked = [rule for rule in asked if not rule.one_to_one and rule.keys and rule.amount.rule != "converted"]
        return pl.concat([*_nothing(), *(part for rule in asked for part in _incomplete_of(result, rule, undecided))])

    return found


def _incomplete_of(result: Result, rule: Pass, undecided: _Undecided) -> Iterator[pl.DataFrame]:
    sides = [_open_groups(rule, side) for side in (result.left, result.right)]
    keys = [f"key_{index}" for index in range(len(rule.keys))] + ["currency"]
    totals = [
        side.group_by(keys).agg(pl.col("amount").sum(), pl.len().alias("rows"), pl.col("position").min())
        for side in sides
    ]
    both = totals[0].join(totals[1], on=keys, suffix="_right").filter(pl.col("rows") + pl.col("rows_right") > 2)  # noqa: PLR2004
    both = both.with_columns(_sum_note(result, rule).alias("note"))
    for side, other, rows, nearest in (
        (result.left, result.right, sides[0], "position_right"),
        (result.right, result.left, sides[1], "position_total"),
    ):
        met = rows.join(both, on=keys, suffix="_total").sort("position")
        met = met.filter(pl.Series(undecided[side.which][met["position"].to_numpy()]))
        yield _frame(side, met["position"], Reason.SUM_INCOMPLETE, other.ids.gather(met[nearest]), met["note"])


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


def _sum_note(result: Result, rule: Pass) -> pl.Expr:
    left, right, code = result.left, result.right, pl.col("currency").cast(pl.String)
    ours, theirs = pl.col("amount"), pl.col("amount_right")
    short = pl.when(ours.abs() > theirs.abs()).then(pl.lit(right.name)).otherwise(pl.lit(left.name))
    missing = pl.concat_str(money_text((ours - theirs).abs(), code), pl.lit(" are missing on "), short)
    why = pl.when(ours == theirs).then(pl.lit("dates or the allowed number of rows do not fit")).otherwise(missing)
    return pl.concat_str(
        pl.lit(f"same {joined([pair.left for pair in rule.pairs])}: "),
        pl.col("rows").cast(pl.String),
        pl.lit(f" of {left.name} sum to "),
        money_text(ours, code),
        pl.lit(", "),
        pl.col("rows_right").cast(pl.String),
        pl.lit(f" of {right.name} to "),
        money_text(theirs, code),
        pl.lit("; "),
        why,
    )


def _near(apart: frozenset[KeyPair], passes: Sequence[int]) -> _Told:
    def found(result: Result, undecided: _Undecided) -> pl.DataFrame:
        misses = near_misses(result.rules, result.left, result.right, undecided, apart=apart, passes=passes)
        return near_breaks(result.rules, result.left, result.right, misses)

    return found


def near_breaks(rules: Rules, left: Rows, right: Rows, misses: pl.DataFrame) -> pl.DataFrame:
    """Breaks of near misses: ``RANKED``."""
    told = barred(misses.with_columns(miss_notes(rules, left, right, misses).alias("note")), rules, left, right)
    parts = [pl.DataFrame(schema=RANKED)]
    for side, other in ((left, right), (right, left)):
        mine = told.filter(pl.col("side") == side.which)
        late = pl.Series(_late(side, other)[mine["position"].to_numpy()])
        missing = pl.when(late).then(pl.lit(str(Reason.LATE))).otherwise(pl.lit(str(_missing(side))))
        reason = (
            pl.when(pl.col("reason").is_in(["missing", "used"]))
            .then(missing)
            # Key, amount and date agree; what the pass asks beside them is a likeness of texts.
            .when(pl.col("reason") == "fits")
            .then(pl.lit(str(Reason.KEY_DIFFERS)))
            .otherwise("reason")
        )
        parts.append(
            mine.select(
                "side",
                "position",
                reason.alias("reason"),
                pl.lit(other.ids.gather(mine["other"])).alias("nearest"),
                "note",
                pl.lit(NEAR_RANK, pl.Int32).alias("rank"),
                "score",
                "number",
                "other",
                pl.col("reason").alias("miss"),
            )
        )
    return pl.concat(parts)


def _rest(result: Result, undecided: _Undecided) -> pl.DataFrame:
    none = {(told.side, told.position): told for told in result.told if told.outcome.status is Searched.PROVED_NONE}
    parts = _nothing()
    for side, other in ((result.left, result.right), (result.right, result.left)):
        rows = np.flatnonzero(undecided[side.which] & (side.state == OPEN)).astype(np.int32)
        empty, late = _first_empty(result, side, rows), pl.Series(_late(side, other)[rows])
        proved = pl.Series(
            [
                f"pass {told.rule.name} proved that no sum among {told.outcome.candidates} rows makes it up"
                if (told := none.get((side.which, at))) is not None
                else None
                for at in (rows.tolist() if none else ())
            ]
            or [None],
            dtype=pl.String,
        )
        table = pl.DataFrame({"position": rows, "empty": empty, "late": late}).with_columns(
            proved.alias("proved") if none and len(rows) else pl.lit(None, pl.String).alias("proved")
        )
        late_only = pl.col("late") & pl.col("empty").is_null()
        table = table.with_columns(
            reason=pl.when(late_only).then(pl.lit(str(Reason.LATE))).otherwise(pl.lit(str(_missing(side)))),
            note=pl.when(pl.col("empty").is_not_null())
            .then(pl.concat_str(pl.col("empty"), pl.lit(" is empty: no pass has a key to match it on")))
            .when(pl.col("late"))
            .then(pl.lit(f"{other.name} ends before its date: its counterpart may still come"))
            .when(pl.col("proved").is_not_null())
            .then("proved")
            .otherwise(pl.lit(f"no open row of {other.name} comes near")),
        )
        parts.append(_frame(side, rows, table["reason"], None, table["note"]))
    return pl.concat(parts)


def _first_empty(result: Result, side: Rows, rows: NDArray[np.int32]) -> pl.Series:
    """For each row without a whole key in any pass the name of its first empty text; null for all others."""
    if any(not rule.pairs for rule in result.rules.passes):
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(rows))
    texts = {TEXT + getattr(pair, side.which) for rule in result.rules.passes for pair in rule.pairs}
    frame = _rows_of(side, sorted(texts), rows)
    keyless, named = pl.lit(value=True), []
    for rule in result.rules.passes:
        names = [getattr(pair, side.which) for pair in rule.pairs]
        empty = [pl.col(TEXT + name).is_null() for name in names]
        keyless &= pl.any_horizontal(empty)
        named += [pl.when(one).then(pl.lit(name)) for one, name in zip(empty, names, strict=True)]
    return frame.select(pl.when(keyless).then(pl.coalesce(named)))[:, 0]


def _missing(side: Rows) -> Reason:
    return Reason.MISSING_RIGHT if side.which == "left" else Reason.MISSING_LEFT


def _late(side: Rows, other: Rows) -> NDArray[np.bool_]:
    """By row whether its date is after the last one of the other side: nobody can know yet."""
    if other.last_day is None or "day" not in side.frame.columns:
        return np.zeros(side.frame.height, dtype=np.bool_)
    return (side.frame["day"] > other.last_day).fill_null(value=False).to_numpy()
