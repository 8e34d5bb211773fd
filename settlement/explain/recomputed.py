"""A contract's terms, recomputed from the contributions that the nights have kept; no fact is read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from settlement.explain.scene import Scene
from settlement.model.contract import ContractVersion
from settlement.model.dates import Period
from settlement.rate.evaluate import evaluate
from settlement.rate.facts import no_facts
from settlement.rate.sums import SELECTOR, Sums, summed, sums_of
from settlement.rate.windows import Lines


def sums_kept(contributions: pl.LazyFrame | pl.DataFrame) -> Sums:
    """The sums of contributions; the accounts behind them are not asked here."""
    kept = contributions.lazy().select(*SELECTOR, "quantity").collect()
    return sums_of(summed(kept), kept.select("term", "period", accounts=0).clear())


def lines_from(
    scene: Scene,
    versions: Sequence[ContractVersion],
    sums: Sums,
    positions: Mapping[str, Mapping[str, Any]],
    day: date,
) -> Mapping[Period, Lines]:
    """The terms of every period up to the day that follow from sums of contributions and opening positions."""
    opening = {(scene.address.contract, item): row["value"] for item, row in positions.items()}
    return evaluate(versions, no_facts(day, scene.first_night, opening), sums)


def lines_now(scene: Scene) -> Mapping[Period, Lines]:
    """The terms of every period as known on the day of the line's statement; none without the contract's files."""
    if not scene.versions:
        return {}
    return lines_from(scene, scene.versions, sums_kept(scene.contributions()), scene.positions(scene.day), scene.day)
