"""Near misses: for each open row the open row of the other side that came closest, and the condition it failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.match.closest import closest, meeting
from settlement.match.wording import ROUND_MINOR, ends_alike
from settlement.reconcile.candidates import in_window
from settlement.reconcile.language import KeyPair, Nearest, Pass, Rules
from settlement.reconcile.sides import HELD, MATCHED, OPEN, TEXT, Rows
from settlement.reconcile.tolerance import fits
from settlement.reconcile.views import Positions, View, condition, views

NEAR: Final = {
    "side": pl.String,
    "position": pl.Int32,
    "other": pl.Int32,
    "reason": pl.String,
    "score": pl.Int64,
    "number": pl.Int32,
    "key": pl.Int32,
    "gap_amount": pl.Int64,
    "gap_days": pl.Int64,
}
"""A near miss: ``gap_amount`` is left minus right in minor units, ``gap_days`` right minus left; ``score`` says how far
it is, in thousandths of what is still near; ``key`` is the number of the key that differs, or -1."""

_NEAR: Final = 1000
_LARGE: Final = 2**50
_CURRENCY_SCORE: Final = 100
_CASH_BACK_SCORE: Final = 200
"""A difference of whole tens in one shop says more than a nearer amount, but for one that is within a tenth."""
_KEY_SCORE: Final = 500
_LONE_KEY_SCORE: Final = 900
_USED_SCORE: Final = 2**61
"""What is open always comes nearer than what another row has."""

_Look = Callable[[], Iterable[pl.DataFrame]]


def near_misses(
    rules: Rules,
    left: Rows,
    right: Rows,
    undecided: Mapping[str, NDArray[np.bool_]],
    *,
    apart: frozenset[KeyPair] = frozenset(),
    passes: Iterable[int] | None = None,
) -> pl.DataFrame:
    """The nearest miss of each open row that has one, by the conditions of the passes of pairs.

    ``undecided`` tells by side the rows that are asked for; every row of the other side may be the nearest. Rows that
    differ in a key of ``apart`` are not looked for: see ``misses_but_for``. ``passes`` are the numbers of those
    that are asked, all of them if not given.
    """
    numbers = range(len(rules.passes)) if passes is None else passes
    asked = [(number, rules.passes[number]) for number in numbers if rules.passes[number].one_to_one]
    (ours, ours_at), (theirs, theirs_at) = left.open(), right.open()
    looks: list[_Look] = []
    for number, rule in asked:
        looks.append(partial(_met, rules, number, rule, ours, theirs))
        looks += [
            partial(misses_but_for, rules, number, key, ours, theirs)
            for key, pair in enumerate(rule.pairs)
            if pair not in apart
        ]
    best = _best(_of_whole(_together(looks), ours_at, theirs_at), undecided)
    # What another row has is nearest only where nothing open is.
    alone = {which: flags.copy() for which, flags in undecided.items()}
    for side in (left, right):
        alone[side.which][best.filter(pl.col("side") == side.which)["position"].to_numpy()] = False
    looks = []
    for mine, other in ((left, right), (right, left)):
        rows = np.flatnonzero(alone[mine.which] & mine.among(OPEN)).astype(np.int32)
        looks += [partial(_used, number, rule, mine, other, rows) for number, rule in asked if looks_at_used(rule)]
    return pl.concat([best, _best(_together(looks), alone)])


def looks_at_used(rule: Pass) -> bool:
    """Whether rows that are matched or held may be told as the nearest of a pass."""
    return rule.one_to_one and bool(rule.keys) and rule.amount.rule != "converted"


def _of_whole(misses: pl.DataFrame, left: Positions, right: Positions) -> pl.DataFrame:
    """Near misses of open rows by their positions in the whole sides."""
    ours, theirs = (pl.Series(rows, dtype=pl.Int32) for rows in (left, right))
    parts = []
    for side, mine, other in (("left", ours, theirs), ("right", theirs, ours)):
        some = misses.filter(pl.col("side") == side)
        parts.append(
            some.with_columns(
                mine.gather(some["position"]).alias("position"), other.gather(some["other"]).alias("other")
            )
        )
    return pl.concat(parts)


def misses_but_for(rules: Rules, number: int, key: int, left: Rows, right: Rows) -> Iterator[pl.DataFrame]:
    """Near misses of open rows that agree in all that a pass of equal amounts asks but for one key."""
    rule = rules.passes[number]
    if rule.one_to_one and rule.amount.rule == "equal":
        yield from _without(rule, number, key, left, right)


def _met(rules: Rules, number: int, rule: Pass, left: Rows, right: Rows) -> Iterator[pl.DataFrame]:
    """Near misses of open rows that agree in all keys of a pass."""
    if rule.keys:
        yield from _of_pass(rules, number, rule, left, right)
    elif rule.text:
        # Amount and date alone are no near miss; where they fit, it is the texts that do not.
        for part in _of_pass(rules, number, rule, left, right):
            yield part.filter(pl.col("reason") == "fits")


def _together(looks: Sequence[_Look]) -> pl.DataFrame:
    """What all of them see; they look at once, for none needs another."""
    with ThreadPoolExecutor(cores()) as beside:
        seen: Iterator[list[pl.DataFrame]] = beside.map(lambda look: [*look()], looks)
        return pl.concat([pl.DataFrame(schema=NEAR), *(part for parts in seen for part in parts)])


def _best(found: pl.DataFrame, asked: Mapping[str, NDArray[np.bool_]]) -> pl.DataFrame:
    """The nearest of each row that is asked for."""
    kept = []
    for side, flags in asked.items():
        some = found.filter(pl.col("side") == side)
        kept.append(some.filter(pl.Series(flags[some["position"].to_numpy()])))
    return (
        pl.concat(kept)
        .sort("side", "position", "score", "number", "other", "reason")
        .unique(["side", "position"], keep="first", maintain_order=True)
    )


def _typed(part: pl.DataFrame) -> pl.DataFrame:
    """The columns of ``NEAR``."""
    return part.select(pl.col(name).cast(kind) for name, kind in NEAR.items())


def _of_pass(rules: Rules, number: int, rule: Pass, left: Rows, right: Rows) -> Iterator[pl.DataFrame]:
    looked = rule.model_copy(update={"consumes": ("open",)})
    for view in views(rules, looked, left, right):
        if len(view.left) and len(view.right):
            yield from _of_view(rules.nearest, number, rule, view)
    if rule.amount.rule == "equal" and rule.keys:
        currencies = left.frame["currency"].dtype
        if isinstance(currencies, pl.Enum) and len(currencies.categories) > 1:
            yield from _without(rule, number, -1, left, right)


def _of_view(nearest: Nearest, number: int, rule: Pass, view: View) -> Iterator[pl.DataFrame]:
    """Rows of one key and currency whose amount or day fails."""
    groups = view.groups()
    both = np.intersect1d(groups.left, groups.right)
    ours, theirs = (
        _frame(groups.left, view.left_amount, view.left_day, both),
        _frame(groups.right, view.right_amount, view.right_day, both),
    )
    alike = _ending_alike(ours, theirs)
    for side, mine, other, paid in (("left", ours, theirs, alike), ("right", theirs, ours, alike[::-1])):
        # The nearest amount on a day that fits first of all, the nearest day of an equal amount, and cash-back.
        for on, by in (
            ("amount", ["group", "day"]),
            ("amount", ["group"]),
            ("day", ["group", "amount"]),
            ("amount", ["group", "day", "ending"]),
            ("amount", ["group", "ending"]),
        ):
            if on == "amount" and "day" in by and rule.window is None:
                continue
            if "ending" in by and (rule.amount.rule == "converted" or (rule.window == 0 and "day" not in by)):
                continue
            met = closest(*(paid if "ending" in by else (mine, other)), on, by)
            at, partner = met["place"].to_numpy(), met["place_other"].to_numpy()
            pair = (at, partner) if side == "left" else (partner, at)
            yield _judged(nearest, number, rule, view, pair, side=side)


def _frame(group: Any, amount: Any, day: Any, both: Any) -> pl.DataFrame:
    """The rows of the groups that stand on both sides."""
    place = np.flatnonzero(np.isin(group, both)).astype(np.int32)
    return pl.DataFrame(
        {
            "place": place,
            "group": group[place],
            "amount": amount[place],
            "day": day[place].astype(np.int64),
            "ending": amount[place] % ROUND_MINOR,
        }
    )


def _ending_alike(left: pl.DataFrame, right: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The few rows of both sides whose group and last digits stand on the other side too."""
    ours, theirs = (
        side["group"].cast(pl.Int64).to_numpy() * ROUND_MINOR + side["ending"].to_numpy() for side in (left, right)
    )
    both = np.intersect1d(ours, theirs)
    return left.filter(np.isin(ours, both)), right.filter(np.isin(theirs, both))


def _judged(nearest: Nearest, number: int, rule: Pass, view: View, pair: tuple[Any, Any], *, side: str) -> pl.DataFrame:
    """Which one condition each pair fails, and how far; pairs that fail two are far."""
    left, right = pair
    ours, theirs = view.left_amount[left], view.right_amount[right]
    days = view.right_day[right].astype(np.int64) - view.left_day[left]
    amount_fits = fits(rule.amount, ours, theirs)
    day_fits = (
        np.ones(len(left), dtype=np.bool_)
        if rule.window is None
        else in_window(rule, view.left_day[left], view.right_day[right])
    )
    amount_far = _amount_far(nearest, ours, theirs)
    if rule.amount.rule != "converted":
        paid_out = ends_alike(ours, theirs) & day_fits
        amount_far = np.where(paid_out, np.minimum(amount_far, _CASH_BACK_SCORE), amount_far)
    day_far = (np.abs(days) - (rule.window or 0)).clip(0) * _NEAR // max(nearest.days, 1)
    score = np.where(amount_fits, 0, amount_far.clip(1)) + np.where(day_fits, 0, day_far.clip(1))
    score = np.where(~amount_fits & ~day_fits, score + 2 * _NEAR, score)
    reason = np.where(
        (score > _NEAR) | (~amount_fits & ~day_fits),
        "missing",
        np.where(~amount_fits, "amount_differs", np.where(~day_fits, "date_outside_window", "fits")),
    )
    mine, other = (view.left[left], view.right[right]) if side == "left" else (view.right[right], view.left[left])
    judged = pl.DataFrame(
        {
            "side": pl.Series([side], dtype=pl.String).new_from_index(0, len(left)),
            "position": mine,
            "other": other,
            "reason": reason.astype(str) if len(left) else pl.Series([], dtype=pl.String),
            "score": score,
            "number": np.full(len(left), number, dtype=np.int32),
            "key": np.full(len(left), -1, dtype=np.int32),
            "gap_amount": ours - theirs,
            "gap_days": days,
        }
    )
    return _typed(judged)


def _amount_far(nearest: Nearest, ours: Any, theirs: Any) -> Any:
    """Thousandths of what is still near: the difference relative to the greater of both amounts."""
    gap = np.abs(ours - theirs)
    larger = np.maximum(np.abs(ours), np.abs(theirs))
    still = np.maximum(larger // 10_000 * nearest.amount_bps + larger % 10_000 * nearest.amount_bps // 10_000, 1)
    # A product may leave 64 bits: a gap of that size is divided first.
    return np.where(gap < _LARGE, gap * _NEAR // still, gap // np.maximum(still // _NEAR, 1))


def _without(rule: Pass, number: int, missing: int, left: Rows, right: Rows) -> Iterator[pl.DataFrame]:
    """Rows of equal amount within the window that agree but for one key, or but for the currency (-1)."""
    kept = [index for index in range(len(rule.keys)) if index != missing]
    by = [f"key_{index}" for index in kept] + ["amount"] + ([] if missing < 0 else ["currency"])
    differs = "currency" if missing < 0 else f"key_{missing}"
    ours, theirs = (_told(rule, side, side.positions([OPEN])).drop_nulls(by) for side in (left, right))
    if not kept:
        # Amount and day alone say little: only where no other row of either side has them.
        by_day = [*by, "day"]
        ours, theirs = (side.filter(pl.len().over(by_day) == 1) for side in (ours, theirs))
    ours, theirs = meeting(ours, theirs, by)
    for side, mine, other in (("left", ours, theirs), ("right", theirs, ours)):
        # Rows that both lack the key do not differ in it: one of them must not stand before a row that has it.
        lacks = pl.col(differs).is_null()
        some = (mine.filter(~lacks), other), (mine.filter(lacks), other.filter(~lacks))
        met = pl.concat([closest(*part, "day", ["group"]) for part in some]).join(
            other.select(
                pl.col("place").alias("place_other"), pl.col(differs).alias("told"), pl.col("day").alias("then")
            ),
            on="place_other",
        )
        days = (pl.col("then") - pl.col("day")) * (1 if side == "left" else -1)
        inside = pl.lit(value=True) if rule.window is None else days.abs() <= rule.window
        score = _CURRENCY_SCORE if missing < 0 else _KEY_SCORE if kept else _LONE_KEY_SCORE
        met = met.filter(inside & pl.col(differs).ne_missing(pl.col("told"))).select(
            pl.lit(side).alias("side"),
            pl.col("place").alias("position"),
            pl.col("place_other").alias("other"),
            pl.lit("currency_differs" if missing < 0 else "key_differs").alias("reason"),
            pl.lit(score).alias("score"),
            pl.lit(number).alias("number"),
            pl.lit(missing).alias("key"),
            pl.lit(0).alias("gap_amount"),
            days.alias("gap_days"),
        )
        yield _typed(met)


def _used(number: int, rule: Pass, mine: Rows, other: Rows, rows: Positions) -> Iterator[pl.DataFrame]:
    """The nearest amounts among rows that are matched or held: what is closest where nothing open is."""
    keys = [f"key_{index}" for index in range(len(rule.keys))] + ["currency"]
    ours = _told(rule, mine, rows).drop_nulls()
    if ours.is_empty():
        return
    theirs = _told(rule, other, _used_rows(rule, other, ours)).drop_nulls()
    ours, theirs = meeting(ours, theirs, keys)
    for by in (["group", "day"], ["group"]) if rule.window is not None else (["group"],):
        met = closest(ours, theirs, "amount", by).join(
            theirs.select(
                pl.col("place").alias("place_other"), pl.col("amount").alias("told"), pl.col("day").alias("then")
            ),
            on="place_other",
        )
        sign = 1 if mine.which == "left" else -1
        far = pl.lit(0 if "day" in by else 1)
        met = met.select(
            pl.lit(mine.which).alias("side"),
            pl.col("place").alias("position"),
            pl.col("place_other").alias("other"),
            pl.lit("used").alias("reason"),
            (_USED_SCORE + far).alias("score"),
            pl.lit(number).alias("number"),
            pl.lit(-1).alias("key"),
            ((pl.col("amount") - pl.col("told")) * sign).alias("gap_amount"),
            ((pl.col("then") - pl.col("day")) * sign).alias("gap_days"),
        )
        yield _typed(met)


def _used_rows(rule: Pass, side: Rows, asked: pl.DataFrame) -> Positions:
    """The rows that are matched or held, and have the keys of a row that is asked for."""
    texts = {f"key_{at}": TEXT + getattr(pair, side.which) for at, pair in enumerate(rule.pairs)}
    # Of millions of rows the most telling key leaves few to compare by all of them.
    first = max(texts, key=lambda key: asked[key].n_unique())
    on = [*texts, "currency"]
    met = side.frame.lazy().select("currency", **{key: pl.col(name) for key, name in texts.items()})
    met = met.with_row_index("place").join(asked.lazy().select(first), on=first, how="semi")
    met = met.join(asked.lazy().select(on), on=on, how="semi").select("place")
    found: Positions = np.sort(met.collect(engine="streaming")["place"].to_numpy()).astype(np.int32)
    return found[np.isin(side.state[found], (MATCHED, HELD))]


def _told(rule: Pass, side: Rows, rows: Positions) -> pl.DataFrame:
    """The rows among some that meet the conditions of the pass, empty keys included."""
    day = pl.lit(0) if rule.window is None else pl.col("day" if rule.days is not None else "business_day")
    only = condition(rule.left_only if side.which == "left" else rule.right_only)
    texts = {TEXT + getattr(pair, side.which) for pair in rule.pairs}
    texts |= {TEXT + name for name in (rule.left_only if side.which == "left" else rule.right_only)}
    days = [] if rule.window is None else ["day" if rule.days is not None else "business_day"]
    return (
        side.frame.select(*sorted(texts), "currency", "amount", *days)[rows]
        .with_columns(pl.Series("place", rows))
        .filter(*only)
        .select(
            "place",
            *(pl.col(TEXT + getattr(pair, side.which)).alias(f"key_{i}") for i, pair in enumerate(rule.pairs)),
            "currency",
            "amount",
            day.cast(pl.Int64).alias("day"),
        )
        .drop_nulls("day")
    )
