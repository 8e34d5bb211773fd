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
from settlement.rate.facts import Facts, no_facts
from settlement.rate.sums import SELECTOR, Sums, summed, sums_of
from settlement.rate.windows import Lines
from settlement.rate.windows import Scene as WindowScene


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
    return evaluate(versions, _without_facts(scene, positions, day), sums)


def _without_facts(scene: Scene, positions: Mapping[str, Mapping[str, Any]], day: date) -> Facts:
    opening = {(scene.address.contract, item): row["value"] for item, row in positions.items()}
    return no_facts(day, scene.first_night, opening)


def lines_now(scene: Scene) -> Mapping[Period, Lines]:
    """The terms of every period as known on the day of the line's statement; none without the contract's files."""
    if not scene.versions:
        return {}
    return lines_from(scene, scene.versions, sums_kept(scene.contributions()), scene.positions(scene.day), scene.day)


def window_scene(scene: Scene, now: Mapping[Period, Lines]) -> WindowScene | None:
    """What the term of a line looks at, as recomputed on the line's day; None without the contract's files."""
    term, version = scene.term, scene.version
    here = {period.text: period for period in now}.get(scene.address.period)
    if term is None or version is None or here is None:
        return None
    return WindowScene(
        contract=version.contract,
        facts=_without_facts(scene, scene.positions(scene.day), scene.day),
        sums=sums_kept(scene.contributions().filter(pl.col("term") == term.id)),
        period=here,
        earlier={period: lines for period, lines in now.items() if period < here},
        lines=now[here],
        term=term,
    )
