"""Where the exchange rates of a converted line stand, and which closed periods it converts anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from settlement.explain.evidence import known
from settlement.explain.scene import Scene
from settlement.model.versions import latest
from settlement.rate.contract_words import written_minor
from settlement.rate.conversion import read_refixed, read_taken


def exchange_told(scene: Scene) -> tuple[str, ...]:
    """Each rate of a conversion with its date and the record that told it, and what closed periods come to anew."""
    rule = scene.version.contract.settlement.convert if scene.version else None
    if scene.version is None or rule is None:
        return ()
    rates = _rates(scene, scene.version.contract.currency, rule.to)
    days = read_taken(scene.row["quantities"])
    notes = [
        f"{_told(rates[taken])}{'' if day == taken else f', taken for {day}, which has none'}"
        for day, taken in days.items()
        if taken in rates
    ]
    if not days:
        notes = [_told(rates[day]) for day in sorted(rates)[-1:]]
    if rule.mean is not None and len(days) > 1:
        notes.append(f"the rate is the mean of these {len(days)}, rounded to {rule.mean.decimals} decimals")
    notes += [
        f"{one.period} comes to {written_minor(one.now, rule.to)} {rule.to} at its fixing as known now, and "
        f"{written_minor(one.stated, rule.to)} was stated for it"
        for one in read_refixed(scene.row["quantities"])
    ]
    return tuple(notes)


def _rates(scene: Scene, one: str, other: str) -> dict[date, Mapping[str, Any]]:
    """The rates known on the line's day, by date up to it."""
    rows, files = (known(scene.home, table, scene.day) for table in ("fx_rate", "file"))
    pair = (pl.col("from_currency") == one) & (pl.col("to_currency") == other)
    held = latest("fx_rate", rows.filter(pair), files).filter(pl.col("rate_date") <= scene.day)
    return {row["rate_date"]: row for row in held.collect().iter_rows(named=True)}


def _told(row: Mapping[str, Any]) -> str:
    pair = f"1 {row['from_currency']} = {row['rate']} {row['to_currency']}"
    return f"{pair} of {row['rate_date']}, {row['file']} record {row['record']}"
