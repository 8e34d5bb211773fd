"""Open rows go from one run into the next: taken in before tonight's rows, and left behind with what was matched.

A carried row is an ordinary row that stands before tonight's. What tells it apart are its age, which a pass may limit,
and its id: a row that goes by its number in the file is told with the date of its run, ``2024-03-01/5``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.reconcile.cards import without_cards
from settlement.reconcile.carried import Carried
from settlement.reconcile.carryfolder import (
    OPEN_ROWS,
    TAKEN_ROWS,
    Earlier,
    Idle,
    read_folder,
    text_columns,
    words_digest,
    write_folder,
)
from settlement.reconcile.engine import Result
from settlement.reconcile.language import Carry, Net, Pass, Rules
from settlement.reconcile.netting import original
from settlement.reconcile.read import shown
from settlement.reconcile.sides import HELD, MATCHED, OPEN, TEXT, Rows, business_days, last_day, texts_used
from settlement.reconcile.views import Positions

_EPOCH: Final = date(1970, 1, 1)
_MOST_OTHERS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The date of tonight's run, and what an earlier run has left for it."""

    as_of: date
    earlier: Earlier | None


def begin(rules: Rules, place: str, *, carry: Path | None, as_of: date | None, out: Path) -> Run | None:
    """The run's date and what is carried into it; None where rows have no ages.

    Raises
    ------
    TerminalError
        Where the date is missing or nothing looks at it, a folder is carried by rules that carry nothing, or the folder
        does not serve.
    """
    if carry is not None and rules.carry is None:
        raise TerminalError(f"{place} carries nothing: add `[carry]`, or leave --carry out.")
    if carry is not None and carry.resolve() == out.resolve():
        raise TerminalError(
            f"--carry and --out name one folder, {out}: write to another, so that this run can be done again."
        )
    if not rules.ages:
        if as_of is not None:
            raise TerminalError(
                f"{place} has neither `[carry]` nor `[ageing]`, which alone look at the run's date: add one, or leave "
                "--as-of out."
            )
        return None
    if as_of is None:
        word = "carry" if rules.carry is not None else "ageing"
        raise TerminalError(f"{place} has `[{word}]`: say the date of the run, --as-of YYYY-MM-DD.")
    return Run(as_of=as_of, earlier=None if carry is None else read_folder(carry, rules, as_of))


def taken_in(rules: Rules, sides: tuple[Rows, Rows], run: Run | None) -> tuple[Rows, Rows]:
    """Both sides with their carried rows before tonight's, and with the ages of all.

    Raises
    ------
    TerminalError
        Where a row of tonight has the id of a carried one.
    """
    if run is None:
        return sides
    earlier = [_earlier_rows(rules, side, run) for side in sides]
    codes = {code for side in sides for code in side.frame["currency"].unique().to_list()}
    codes |= {code for before, _ in earlier for code in before["currency"].unique().to_list()}
    # Still one list of codes for both sides, so that equal codes are equal numbers.
    listed = pl.Enum(sorted(codes))
    left, right = (
        _with_earlier(rules, replace(side, frame=side.frame.with_columns(pl.col("currency").cast(listed))), run, *rows)
        for side, rows in zip(sides, earlier, strict=True)
    )
    return left, right


def _with_earlier(rules: Rules, side: Rows, run: Run, before: pl.DataFrame, taken: pl.DataFrame) -> Rows:
    limits = rules.carry or Carry()
    if before.height and (rules.left if side.which == "left" else rules.right).id is not None:
        _require_new_ids(side, before)
    as_of = (run.as_of - _EPOCH).days
    frame = side.frame
    if before.height:
        frame = pl.concat([_as_tonight(rules, frame.schema, before), frame], rechunk=True)
    opened_on = before["opened_on"].to_physical().to_numpy().astype(np.int32)
    first_read = np.concatenate([opened_on, np.full(side.frame.height, as_of, dtype=np.int32)])
    told = frame["day"] if "day" in frame.columns else pl.Series([None], dtype=pl.Int32).new_from_index(0, frame.height)
    since = told.fill_null(pl.Series(first_read)).to_numpy()
    return replace(
        side,
        ids=pl.concat([before["id"], side.ids], rechunk=True),
        frame=frame,
        state=np.zeros(frame.height, dtype=np.uint8),
        last_day=last_day(frame),
        carried=Carried(
            as_of=as_of,
            most_days=limits.most_days,
            expires_after_days=limits.expires_after_days,
            opened_on=opened_on,
            runs=before["runs"].to_numpy().astype(np.int32),
            age_days=np.maximum(as_of - since, 0).astype(np.int32),
            taken=taken,
        ),
    )


def _earlier_rows(rules: Rules, side: Rows, run: Run) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Open and matched rows of a side that an earlier run has left, with all texts that tonight's rules look at."""
    texts = text_columns(texts_used(rules, side.which))
    found = []
    for types, rows in (
        (OPEN_ROWS, None if run.earlier is None else run.earlier.open),
        (TAKEN_ROWS, None if run.earlier is None else run.earlier.taken),
    ):
        known = pl.DataFrame(schema=types) if rows is None else rows.filter(pl.col("side") == side.which)
        absent = [pl.lit(None, pl.String).alias(name) for name in texts if name not in known.columns]
        found.append(known.with_columns(absent).select(*types, *texts))
    return found[0], found[1]


def _as_tonight(rules: Rules, schema: pl.Schema, before: pl.DataFrame) -> pl.DataFrame:
    """Carried rows with the columns and types of tonight's."""
    day = before["date"].to_physical().cast(pl.Int32).alias("day")
    columns = [day, business_days(day, rules.calendar)]
    return before.with_columns(columns).select(pl.col(name).cast(kind) for name, kind in schema.items())


def _require_new_ids(side: Rows, before: pl.DataFrame) -> None:
    again = side.ids.filter(side.ids.is_in(before["id"].implode()))
    if len(again):
        value = again.sort()[0]
        opened = before.filter(pl.col("id") == value)["opened_on"][0]
        raise TerminalError(
            f"{side.file}: id {shown(value)} stands open since {opened} and comes again: the file was matched before, "
            "or ids are used twice; name a column as `id` that is unique across runs."
        )


def texts_not_kept(rules: Rules, run: Run) -> list[str]:
    """Texts that tonight's passes look at and the earlier run did not keep: carried rows are empty there."""
    if run.earlier is None:
        return []
    kept, rows = run.earlier.kept, run.earlier.open
    return [
        f"{which}.{name}"
        for which in ("left", "right")
        if (rows["side"] == which).any()
        for name in texts_used(rules, which)
        if f"{which}.text.{name}" not in kept
    ]


def leave(result: Result, matches: pl.DataFrame, breaks: pl.DataFrame, run: Run, folder: Path) -> None:
    """Leave to the next run what is open and has not expired, and what a later reversal may take back.

    Parameters
    ----------
    result : Result
        The run.
    matches, breaks : DataFrame
        As they are written.
    run : Run
        The run's date, and what was carried into it.
    folder : Path
        Where to write.

    Raises
    ------
    TerminalError
        Where a text of an open row is a column of card numbers.
    """
    sides = (result.left, result.right)
    write_folder(
        folder,
        result.rules,
        run.as_of,
        still=_stacked(OPEN_ROWS, [_still_open(result.rules, side, breaks, run) for side in sides]),
        taken=_stacked(TAKEN_ROWS, [_may_be_taken_back(result, *both, matches, run) for both in (sides, sides[::-1])]),
        idle=idle(result, run),
    )


def idle(result: Result, run: Run) -> dict[str, Idle]:
    """By name of a netting or pass, for how many runs on end it has taken nothing; other words make it a new one."""
    rules = result.rules
    took = {step.rule.name for step in result.taken}
    took |= {one.rule.name for one in result.netted if len(one.reversal)}
    took |= {one.rule.name for one in result.taken_back if len(one.reversal)}
    before: Mapping[str, Idle] = {} if run.earlier is None else run.earlier.idle
    found: dict[str, Idle] = {}
    declared: tuple[Net | Pass, ...] = (*rules.left.net, *rules.right.net, *rules.passes)
    for rule in declared:
        words, known = words_digest(rule.model_dump()), before.get(rule.name)
        runs = known.runs if known is not None and known.words == words else 0
        found[rule.name] = Idle(words=words, runs=0 if rule.name in took else runs + 1)
    return found


def _stacked(types: Mapping[str, Any], parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Both sides in one table: texts that one of them has not are empty there."""
    return pl.concat([pl.DataFrame(schema=types), *parts], how="diagonal")


def _still_open(rules: Rules, side: Rows, breaks: pl.DataFrame, run: Run) -> pl.DataFrame:
    """The open rows of a side that have not expired: ``OPEN_ROWS`` and the texts that passes look at."""
    known = _known(side)
    rows = side.positions([OPEN, HELD])
    reasons = breaks.filter(pl.col("side") == side.which)["reason"]
    reasons = reasons.filter(pl.Series(~np.isin(rows, known.expired)))
    rows = known.living(rows)
    fresh = side.frame.height - known.count
    opened_on = np.concatenate([known.opened_on, np.full(fresh, known.as_of, dtype=np.int32)])
    runs = np.concatenate([known.runs, np.zeros(fresh, dtype=np.int32)])
    columns = {
        "opened_on": pl.Series(opened_on[rows]).cast(pl.Date),
        "runs": pl.Series(runs[rows] + 1, dtype=pl.Int32),
        "age_days": pl.Series(known.age_days[rows]),
        "reason": reasons,
    }
    return _told(run, rules, side, rows, columns=columns, texts=texts_used(rules, side.which))


def _may_be_taken_back(result: Result, side: Rows, other: Rows, matches: pl.DataFrame, run: Run) -> pl.DataFrame:
    """Matched originals of a side within the window of a netting: ``TAKEN_ROWS`` and the texts of the nettings."""
    nets = (result.rules.left if side.which == "left" else result.rules.right).net
    if not nets:
        return pl.DataFrame(schema=TAKEN_ROWS)
    known = _known(side)
    rows = side.positions([MATCHED])
    met = (
        matches.filter(pl.col("cardinality") != "net")
        .group_by(f"{side.which}_id")
        .agg(pl.col("match_id").first(), pl.col(f"{other.which}_id").unique(maintain_order=True).alias("met"))
        .with_columns(pl.col("met").list.head(_MOST_OTHERS).list.join(", "), more=pl.col("met").list.len())
        .with_columns(others=_others(other.name))
    )
    found = pl.DataFrame({"told": side.ids[rows]}).join(
        met, left_on="told", right_on=f"{side.which}_id", how="left", maintain_order="left"
    )
    columns = {
        "match_id": found["match_id"],
        "matched_on": pl.Series([known.as_of], dtype=pl.Int32).new_from_index(0, len(rows)).cast(pl.Date),
        "others": found["others"],
    }
    texts = [name for net in nets for name in (*net.keys, *net.originals)]
    fresh = _told(run, result.rules, side, rows, columns=columns, texts=texts)
    gone = [row for one in result.taken_back if one.side is side for row in one.original.tolist()]
    kept = known.taken.with_row_index("row").filter(~pl.col("row").is_in(gone)).select(fresh.columns)
    return pl.concat([kept, fresh]).filter(_in_reach(nets, run.as_of))


def _others(name: str) -> pl.Expr:
    more = pl.when(pl.col("more") > _MOST_OTHERS).then(pl.lit(" and others")).otherwise(pl.lit(""))
    return pl.concat_str(pl.lit(f"{name} "), pl.col("met"), more)


def _in_reach(nets: tuple[Net, ...], as_of: date) -> pl.Expr:
    """Rows that some netting may take for an original for some days yet."""
    found = []
    for net in nets:
        keys = [pl.col(TEXT + key).is_not_null() for key in net.keys]
        found.append(pl.all_horizontal(original(net), *keys, pl.col("date") >= as_of - timedelta(days=net.days)))
    return pl.any_horizontal(found).fill_null(value=False)


def _told(
    run: Run, rules: Rules, side: Rows, rows: Positions, *, columns: Mapping[str, pl.Series], texts: Iterable[str]
) -> pl.DataFrame:
    """Rows of a side as they are written out: without whole card numbers, and with ids that last."""
    frame = side.frame[rows]
    day = frame["day"] if "day" in frame.columns else pl.Series([None], dtype=pl.Int32).new_from_index(0, len(rows))
    names = list(dict.fromkeys(texts))
    return pl.DataFrame(
        {
            "side": pl.Series([side.which]).new_from_index(0, len(rows)),
            "id": _lasting_ids(rules, side, rows, run),
            **columns,
            "amount": frame["amount"],
            "currency": frame["currency"].cast(pl.String),
            "date": day.cast(pl.Date),
            **{TEXT + name: without_cards(frame[TEXT + name], f"{side.file}, text `{name}`") for name in names},
        }
    )


def _lasting_ids(rules: Rules, side: Rows, rows: Positions, run: Run) -> pl.Series:
    """The ids of rows in runs to come: numbers in a file come again, so tonight's are told with the run's date."""
    ids = side.ids[rows]
    if (rules.left if side.which == "left" else rules.right).id is not None:
        return ids
    fresh = pl.Series(rows >= _known(side).count)
    dated = pl.concat_str(pl.lit(f"{run.as_of}/"), pl.col("id"))
    return pl.DataFrame({"id": ids, "fresh": fresh}).select(pl.when("fresh").then(dated).otherwise("id")).to_series()


def _known(side: Rows) -> Carried:
    if side.carried is None:
        raise TypeError("a run that leaves rows has ages")
    return side.carried
