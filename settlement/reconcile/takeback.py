"""Netting across runs: a reversal of tonight takes back an original that an earlier run has matched.

The original keeps its match, which was written long ago. The reversal counts as netted tonight, alone in its sums, and
its note links the match; the rows of the other side in that match are named there, for their own reversal may be due.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from settlement.reconcile.language import Net
from settlement.reconcile.netting import met, open_rows, original, reversal
from settlement.reconcile.sides import NETTED, TEXT, Rows
from settlement.reconcile.views import Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What one netting took back of matched originals.

    ``reversal`` are positions in the side, ``original`` rows of its ``carried.taken``; ``unsure`` numbers the pairs
    for which another original was as near.
    """

    rule: Net
    side: Rows
    original: Positions
    reversal: Positions
    unsure: Positions


def take_back(rules: tuple[Net, ...], side: Rows) -> list[TakenBack]:
    """Let reversals that found no open original take back matched ones, rule by rule, each original once."""
    if side.carried is None or not side.carried.taken.height:
        return []
    taken = side.carried.taken.with_row_index("at").with_columns(pl.col("at").cast(pl.Int32))
    taken = taken.with_columns(pl.col("date").to_physical().cast(pl.Int32).alias("day"))
    taken = taken.with_columns(pl.col("currency").cast(side.frame.schema["currency"]))
    found: list[TakenBack] = []
    for rule in rules:
        table = open_rows(rule, side)
        # What looks like an original is none of its reversals, as inside one run.
        reversals = table.filter(reversal(rule) & ~original(rule).fill_null(value=False)).sort("at")
        whole = [pl.col(TEXT + key).is_not_null() for key in rule.keys] + [pl.col("day").is_not_null()]
        ours, theirs, unsure = met(rule, taken.filter(original(rule), *whole), reversals)
        found.append(TakenBack(rule=rule, side=side, original=ours, reversal=theirs, unsure=unsure))
        side.state[theirs] = NETTED
        taken = taken.filter(~pl.col("at").is_in(ours.tolist()))
    return found


def taken_back_notes(one: TakenBack) -> pl.Series:
    """For each reversal the link to the match of its original."""
    if one.side.carried is None:
        return pl.Series(dtype=pl.String)
    doubt = np.zeros(len(one.reversal), dtype=np.bool_)
    doubt[one.unsure] = True
    taken = one.side.carried.taken[one.original].with_columns(pl.Series("doubt", doubt))
    return taken.select(
        pl.concat_str(
            pl.lit(f"takes back {one.side.name} "),
            pl.col("id"),
            pl.lit(", matched "),
            pl.col("match_id"),
            pl.lit(" of "),
            pl.col("matched_on").cast(pl.String),
            pl.lit(" with "),
            pl.col("others"),
            pl.when("doubt").then(pl.lit("; another original was as near: taken by order")).otherwise(pl.lit("")),
        )
    ).to_series()
