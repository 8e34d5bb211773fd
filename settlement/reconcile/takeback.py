"""Netting across runs: a reversal of tonight takes back an original that an earlier run has matched.

The original keeps its match, which was written long ago. The reversal counts as netted tonight, alone in its sums, and
its note links the match; the rows of the other side in that match are named there, for their own reversal may be due.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    if side.carried is None:
        return []
    if not side.carried.taken.height:
        none = np.zeros(0, dtype=np.int32)
        return [TakenBack(rule=rule, side=side, original=none, reversal=none, unsure=none) for rule in rules]
    taken = side.carried.taken.with_row_index("at").with_columns(pl.col("at").cast(pl.Int32))
    taken = taken.with_columns(pl.col("date").to_physical().cast(pl.Int32).alias("day"))
    # A currency that no row of tonight has is none of the list, and nothing takes such an original back.
    code = pl.col("currency").cast(side.frame.schema["currency"], strict=False)
    taken = taken.with_columns(code).drop_nulls("currency")
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


def not_taken_back(found: Iterable[TakenBack], side: Rows) -> pl.DataFrame:
    """The matched rows of earlier runs that nothing has taken back."""
    if side.carried is None:
        raise TypeError("a run that takes back rows has ages")
    kept = np.ones(side.carried.taken.height, dtype=np.bool_)
    for one in found:
        if one.side is side:
            kept[one.original] = False
    return side.carried.taken.filter(pl.Series(kept, dtype=pl.Boolean))


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
