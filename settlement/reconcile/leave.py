"""What a run leaves to the next one: rows that are still open, and matched ones that a reversal may take back.

Rows come in frames, those of the left side first, each side in its order. A frame of open rows has ``side``,
``position``, ``id``, ``opened_on``, ``runs``, ``age_days``, ``amount``, ``currency``, ``day`` and the texts of a side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from settlement.reconcile.cards import Texts
from settlement.reconcile.carry import Run
from settlement.reconcile.carryfolder import TAKEN_ROWS, Idle, text_columns, words_digest, write_folder
from settlement.reconcile.language import Carry, Net, Pass, Rules
from settlement.reconcile.netting import original
from settlement.reconcile.sides import HELD, MATCHED, OPEN, TEXT, Rows, texts_used
from settlement.reconcile.views import Positions

_MOST_OTHERS: Final = 3

Frames = Callable[[], Iterator[pl.DataFrame]]
"""Gives the same frames as often as it is called."""


def leave(rules: Rules, run: Run, folder: Path, summary: Mapping[str, Any], *, still: Frames, taken: Frames) -> None:
    """Leave to the next run what is open and has not expired, and what a later reversal may take back.

    Parameters
    ----------
    rules : Rules
        Tonight's rules.
    run : Run
        The run's date, and what was carried into it.
    folder : Path
        Where to write.
    summary : mapping
        The run's summary, which tells what the passes and nettings took.
    still, taken : callable
        Frames of ``still_open``, and of ``originals`` after what is left of the earlier ones, side by side.

    Raises
    ------
    TerminalError
        Where a text of these rows is a column of card numbers.
    """
    files = {which: summary[which]["file"] for which in ("left", "right")}
    write_folder(
        folder,
        rules,
        run.as_of,
        still=_without_cards(still, files),
        taken=_without_cards(taken, files),
        idle=idle(rules, run, summary),
    )


def _without_cards(frames: Frames, files: Mapping[str, str]) -> Iterator[pl.DataFrame]:
    known: dict[tuple[str, str], Texts] = {}
    for rows in frames():
        for name in _texts_of(rows):
            known.setdefault((rows["side"][0], name), Texts()).look(rows[name])
    for (which, name), texts in known.items():
        texts.require_no_cards(f"{files[which]}, text `{name.removeprefix(TEXT)}`")
    for rows in frames():
        yield rows.with_columns(known[rows["side"][0], name].without_cards(rows[name]) for name in _texts_of(rows))


def _texts_of(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name.startswith(TEXT)] if rows.height else []


def idle(rules: Rules, run: Run, summary: Mapping[str, Any]) -> dict[str, Idle]:
    """By name of a netting or pass, for how many runs on end it has taken nothing; other words make it a new one."""
    took = {one["name"] for one in summary["passes"] if one["matches"]}
    took |= {one["name"] for one in summary["netting"] if one["nettings"] or one["matched_before"]["rows"]}
    before: Mapping[str, Idle] = {} if run.earlier is None else run.earlier.idle
    found: dict[str, Idle] = {}
    declared: tuple[Net | Pass, ...] = (*rules.left.net, *rules.right.net, *rules.passes)
    for rule in declared:
        words, known = words_digest(rule.model_dump()), before.get(rule.name)
        runs = known.runs if known is not None and known.words == words else 0
        found[rule.name] = Idle(words=words, runs=0 if rule.name in took else runs + 1)
    return found


def open_rows(side: Rows) -> pl.DataFrame:
    """The open rows of a side as its positions tell them."""
    return _told(side, side.positions([OPEN, HELD]))


def _told(side: Rows, rows: Positions) -> pl.DataFrame:
    """Some rows of a side, with ages."""
    if side.carried is None:
        raise TypeError("a run that leaves rows has ages")
    frame = side.frame[rows]
    day = frame["day"] if "day" in frame.columns else pl.Series([None], dtype=pl.Int32).new_from_index(0, len(rows))
    texts = frame.select(name for name in frame.columns if name.startswith(TEXT))
    return pl.DataFrame(
        [
            pl.Series("side", [side.which]).new_from_index(0, len(rows)),
            pl.Series("position", rows, dtype=pl.Int64),
            side.ids[rows].alias("id"),
            *side.carried.ages(rows),
            frame["amount"],
            frame["currency"].cast(pl.String),
            day.alias("day"),
            *texts,
        ]
    )


def still_open(rules: Rules, run: Run, rows: pl.DataFrame) -> pl.DataFrame:
    """Of open rows of a side, with the ``reason`` of each, those that have not expired: ``OPEN_ROWS`` and the texts."""
    limit = (rules.carry or Carry()).expires_after_days
    expired = (pl.col("runs") > 0) & (pl.col("age_days") > (limit if limit is not None else pl.lit(2**31 - 1)))
    return _lasting(rules, run, rows.filter(~expired)).select(
        "side",
        "id",
        pl.col("opened_on").cast(pl.Date),
        pl.col("runs") + 1,
        "age_days",
        "reason",
        "amount",
        "currency",
        pl.col("day").cast(pl.Date).alias("date"),
        *text_columns(texts_used(rules, str(rows["side"][0])) if rows.height else ()),
    )


def originals(rules: Rules, run: Run, sides: tuple[Rows, Rows], lines: pl.DataFrame, number: str) -> pl.DataFrame:
    """Rows of the first side that tonight's passes have matched and a netting may take back for some days yet.

    ``lines`` are those of the matches, in which the column ``number`` tells the match; the result has ``position`` and
    this column, and ``TAKEN_ROWS`` but for the id of the match.
    """
    side, other = sides
    nets = _nets(rules, side.which)
    if not nets:
        return pl.DataFrame()
    met = (
        lines.filter(pl.col("cardinality") != "net")
        .group_by(f"{side.which}_id")
        .agg(pl.col(number).first(), pl.col(f"{other.which}_id").unique(maintain_order=True).alias("met"))
        .with_columns(pl.col("met").list.head(_MOST_OTHERS).list.join(", "), more=pl.col("met").list.len())
        .with_columns(others=_others(other.name))
    )
    rows = _told(side, side.positions([MATCHED]))
    rows = rows.with_columns(pl.col("day").cast(pl.Date).alias("date"), pl.lit(run.as_of).alias("matched_on"))
    rows = rows.filter(_in_reach(nets, run))
    rows = rows.join(met, left_on="id", right_on=f"{side.which}_id", how="left", maintain_order="left")
    known = (name for name in TAKEN_ROWS if name != "match_id")
    return _lasting(rules, run, rows).select("position", number, *known, *text_columns(_net_texts(nets)))


def still_taken(rules: Rules, run: Run, which: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Of matched rows that earlier runs have left, those that a netting may take back for some days yet."""
    nets = _nets(rules, which)
    if not nets or not rows.height:
        return pl.DataFrame(schema=TAKEN_ROWS)
    return rows.filter(_in_reach(nets, run)).select(*TAKEN_ROWS, *text_columns(_net_texts(nets)))


def _nets(rules: Rules, which: str) -> tuple[Net, ...]:
    return (rules.left if which == "left" else rules.right).net


def _net_texts(nets: tuple[Net, ...]) -> list[str]:
    return list(dict.fromkeys(name for net in nets for name in (*net.keys, *net.originals)))


def _others(name: str) -> pl.Expr:
    more = pl.when(pl.col("more") > _MOST_OTHERS).then(pl.lit(" and others")).otherwise(pl.lit(""))
    return pl.concat_str(pl.lit(f"{name} "), pl.col("met"), more)


def _in_reach(nets: tuple[Net, ...], run: Run) -> pl.Expr:
    """Rows that some netting may take for an original for some days yet."""
    found = []
    for net in nets:
        keys = [pl.col(TEXT + key).is_not_null() for key in net.keys]
        found.append(pl.all_horizontal(original(net), *keys, pl.col("date") >= run.as_of - timedelta(days=net.days)))
    return pl.any_horizontal(found).fill_null(value=False)


def _lasting(rules: Rules, run: Run, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their ids in runs to come: numbers in a file come again, so tonight's are told with the run's date."""
    if not rows.height or (rules.left if rows["side"][0] == "left" else rules.right).id is not None:
        return rows
    dated = pl.concat_str(pl.lit(f"{run.as_of}/"), pl.col("id"))
    return rows.with_columns(pl.when(pl.col("runs") == 0).then(dated).otherwise("id").alias("id"))
