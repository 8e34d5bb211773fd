"""Rows of one side that cancel each other: a reversal or refund meets the original that it takes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from settlement.kernels.assign import Assigned, assign_groups
from settlement.match.keys import integers, number
from settlement.reconcile.language import Net
from settlement.reconcile.sides import NETTED, OPEN, TEXT, Rows
from settlement.reconcile.views import Positions, condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Netted:
    """What one netting of a side took: positions of originals and of the rows that take them back.

    ``unsure`` tells where another original was as near.
    """

    rule: Net
    side: Rows
    original: Positions
    reversal: Positions
    unsure: Positions


def net(rules: tuple[Net, ...], side: Rows) -> list[Netted]:
    """Net a side by its rules, in order; what one takes is netted and no longer open.

    A reversal has the opposite amount of its original in the same currency, the same keys, and a date from the
    original's up to ``days`` later. Where more fit, the most pairs are made, then those of the nearest days.
    """
    return [_net(rule, side) for rule in rules]


def _net(rule: Net, side: Rows) -> Netted:
    table = open_rows(rule, side)
    originals = table.filter(original(rule))
    # A row of both conditions is an original: it must not take itself back, nor be used twice.
    reversals = table.filter(reversal(rule)).join(originals.select("at"), on="at", how="anti").sort("at")
    ours, theirs, unsure = met(rule, originals, reversals)
    found = Netted(rule=rule, side=side, original=ours, reversal=theirs, unsure=unsure)
    side.state[found.original] = NETTED
    side.state[found.reversal] = NETTED
    return found


def open_rows(rule: Net, side: Rows) -> pl.DataFrame:
    """Open rows with whole keys and a date; ``at`` tells their positions."""
    rows = side.positions([OPEN])
    if side.carried is not None:
        rows = side.carried.living(rows)
    whole = [pl.col(TEXT + key).is_not_null() for key in rule.keys] + [pl.col("day").is_not_null()]
    return side.frame[rows].with_columns(pl.Series("at", rows)).filter(pl.all_horizontal(whole))


def original(rule: Net) -> pl.Expr:
    """What an original says; undeclared, the sign tells: what was paid is taken back by a negative amount."""
    return pl.all_horizontal(condition(rule.originals) or [pl.col("amount") > 0])


def reversal(rule: Net) -> pl.Expr:
    """What a reversal says."""
    return pl.all_horizontal(condition(rule.reversals) or [pl.col("amount") < 0])


def met(rule: Net, originals: pl.DataFrame, reversals: pl.DataFrame) -> tuple[Positions, Positions, Positions]:
    """Which original each reversal takes back.

    Parameters
    ----------
    rule : Net
        The netting.
    originals, reversals : DataFrame
        Rows with the texts of the keys, ``currency``, ``amount``, ``day`` and ``at``.

    Returns
    -------
    original, reversal : int32[n]
        ``at`` of the rows that meet.
    unsure : int32[k]
        Numbers of the pairs for which another original was as near.
    """
    keys = [TEXT + key for key in rule.keys]
    ours = originals.select(*keys, "currency", "amount")
    theirs = reversals.select(*keys, "currency", -pl.col("amount"))
    left_group, right_group, _ = number(ours, theirs)
    pairs = (
        pl.DataFrame({"group": left_group, "left": np.arange(len(left_group), dtype=np.int32), "day": originals["day"]})
        .join(
            pl.DataFrame(
                {"group": right_group, "right": np.arange(len(right_group), dtype=np.int32), "day": reversals["day"]}
            ),
            on="group",
        )
        .with_columns(cost=(pl.col("day_right") - pl.col("day")).cast(pl.Int64))
        .filter((pl.col("cost") >= 0) & (pl.col("cost") <= rule.days))
    )
    at = (integers(originals["at"], np.int32), integers(reversals["at"], np.int32))
    pairs = pairs.sort("group", "left", "right")
    ours_at, theirs_at = integers(pairs["left"], np.int32), integers(pairs["right"], np.int32)
    starts = np.flatnonzero(np.diff(integers(pairs["group"], np.int32), prepend=-1, append=-1)).astype(np.int32)
    starts = starts if len(starts) else np.zeros(1, dtype=np.int32)
    sizes = {"n_left": len(at[0]), "n_right": len(at[1])}
    partner, outcome = assign_groups(starts, ours_at, theirs_at, integers(pairs["cost"], np.int64), **sizes)
    some = np.flatnonzero(partner >= 0)
    unsure = np.flatnonzero(outcome[some] == Assigned.AMBIGUOUS).astype(np.int32)
    return at[0][some], at[1][partner[some]], unsure
