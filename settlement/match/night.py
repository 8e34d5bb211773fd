"""The match stage: tonight's records and the open items of earlier nights meet; what is left stays open."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from settlement.match import breaks, cash, details, legs, matches, miles, passes
from settlement.match.batches import batch_ties
from settlement.match.nearest import nearest_misses
from settlement.match.pass_use import pass_use
from settlement.match.rules import Leg, Rules, read_bins, read_rules
from settlement.match.sides import needed, two_sides
from settlement.model.ageing import Ageing
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES

_LEG_TABLES = ("match", "match_member", "open_item")


def run(inputs: StageInput) -> StageOutput:
    """Match the night.

    Reads ``match.toml`` and the BINs of ``programme.toml``, tonight's clearing, of earlier nights the open items with
    their clearing, and the enrolment of cards. Every record that takes part ends on each leg in exactly one of
    ``match_member`` and ``open_item``. Bank entries are tied in ``cash_tie``, the transactions told for them in
    ``detail_tie``, acquirers' batches in ``batch_tie``; ``pass_use`` tells what each pass is still good for.
    """
    rules, bins = read_rules(inputs.documents), read_bins(inputs.documents)
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in _LEG_TABLES}
    for leg in rules.leg:
        before = sum(rows.height for rows in parts["match"])
        for name, rows in zip(_LEG_TABLES, _leg(inputs, rules, leg, bins, before), strict=True):
            parts[name].append(rows)
    found = {
        name: rows[0] if len(rows) == 1 else pl.concat(rows).sort(TABLES[name].key) for name, rows in parts.items()
    }
    found["cash_tie"] = cash.cash_ties(rules.cash, inputs.tables, inputs.history)
    found["detail_tie"] = details.detail_ties(inputs.tables, inputs.history)
    found["batch_tie"] = batch_ties(rules, inputs.tables, inputs.tonight("clearing"))
    found["pass_use"] = pass_use(rules, found["match"], inputs.history, inputs.business_date)
    return StageOutput(tables=found)


def _leg(
    inputs: StageInput, rules: Rules, leg: Leg, bins: frozenset[str], before: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Matches, members and open items of one leg; ``before`` matches of other legs have their ids already."""
    night, history = inputs.business_date, inputs.history
    cards = legs.enrolled(inputs, leg)
    leg_passes = rules.passes_of(leg)
    columns = sorted({*needed(leg_passes), *breaks.NEEDED, *legs.needed(leg), *miles.needed(leg.miles)})
    tonight, told, before_tonight = legs.taking_part(inputs, leg, rules.leg, cards, columns)
    carried = breaks.carried_items(history, leg)
    since = night - timedelta(days=rules.repeats.lookback_nights)
    earlier = before_tonight.filter(pl.col("business_date") >= since)
    held = pl.concat(
        [
            breaks.held_items(tonight, breaks.repeats(tonight, told, earlier), bins),
            carried.filter(breaks.takes_no_part(leg, night)).select(*breaks.LOCATOR, "reason", *breaks.NEAREST),
        ]
    )
    fresh = tonight.with_columns(pl.lit(0, pl.Int64).alias("age_days"))
    again = breaks.carried_records(history, carried, night, columns)
    records = legs.with_members(pl.concat([fresh, again]), leg, cards)
    aside = breaks.stand_in(records, held)
    bank, merchant = two_sides(records, aside, leg, leg_passes)
    taken = passes.run(leg_passes, bank, merchant)
    match, members = matches.tables(leg, taken, bank, merchant, night=night, before=before)
    if leg.miles is not None:
        match = miles.judged(match, members, records, leg.miles)
    unmatched = pl.concat([records.filter(aside).select(breaks.UNMATCHED), bank.unmatched(), merchant.unmatched()])
    near = nearest_misses(leg_passes, taken, bank, merchant).with_columns(pl.lit(None, pl.String).alias("reason"))
    noted = pl.concat([held, near.select(held.columns)])
    ageing = Ageing(last_days=rules.ageing.buckets)
    return match, members, breaks.open_items(leg, unmatched, noted, carried, night=night, ageing=ageing)
