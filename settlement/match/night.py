"""The match stage: tonight's records and the open items of earlier nights meet; what is left stays open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import polars as pl

from settlement.match import breaks, cash, details, legs, matches, miles, passes
from settlement.match.batches import batch_ties
from settlement.match.carries import batch_carries
from settlement.match.nearest import nearest_misses
from settlement.match.pass_use import pass_use
from settlement.match.restated import matched_again, restated
from settlement.match.rules import Leg, Rules, read_bins, read_rules
from settlement.match.sides import Side, needed, two_sides
from settlement.model.ageing import Ageing
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES

_LEG_TABLES = ("match", "match_member", "open_item")


def run(inputs: StageInput) -> StageOutput:
    """Match the night.

    Reads ``match.toml`` and the BINs of ``programme.toml``, tonight's clearing, of earlier nights the open items with
    their clearing, and the enrolment of cards. Every record that takes part ends on each leg in exactly one of
    ``match_member`` and ``open_item``. Bank entries are tied in ``cash_tie``, the transactions told for them in
    ``detail_tie``, acquirers' batches in ``batch_tie`` and the balances between them in ``batch_carry``; ``pass_use``
    tells what each pass is still good for.

    A night that restates earlier ones goes on from what these come to under its own rules, and tells in the same tables
    and in ``match_taken_back`` what makes them come to that.
    """
    first = inputs.restates_from
    if first is None:
        return StageOutput(tables={**_matched(inputs), "match_taken_back": TABLES["match_taken_back"].empty()})
    again = matched_again(inputs, first, _matched)
    tonight = _matched(replace(inputs, history={**inputs.history, **again.history}))
    return StageOutput(tables=restated(inputs, tonight, again, first))


def _matched(inputs: StageInput) -> dict[str, pl.DataFrame]:
    """The tables of one night by itself."""
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
    found["batch_tie"] = batch_ties(rules, inputs)
    found["batch_carry"] = batch_carries(inputs, found["batch_tie"])
    found["pass_use"] = pass_use(rules, found["match"], inputs.history, inputs.business_date)
    return found


class _Scene(NamedTuple):
    """What meets on a leg tonight, and what stands aside there.

    ``held`` tells of what takes no part, ``aside`` its money; ``carried`` are the open items of the night before, and
    ``earning`` what miles are judged by.
    """

    bank: Side
    merchant: Side
    held: pl.DataFrame
    aside: pl.DataFrame
    carried: pl.DataFrame
    earning: pl.DataFrame


def _scene(inputs: StageInput, rules: Rules, leg: Leg, bins: frozenset[str]) -> _Scene:
    """Tonight's records and those of open items, by side; all else that was read of them is let go."""
    night, history = inputs.business_date, inputs.history
    cards = legs.enrolled(inputs, leg)
    leg_passes, of_miles = rules.passes_of(leg), miles.needed(leg.miles)
    columns = sorted({*needed(leg_passes), *breaks.NEEDED, *legs.needed(leg), *of_miles})
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
    return _Scene(
        bank=bank,
        merchant=merchant,
        held=held,
        aside=records.filter(aside).select(breaks.UNMATCHED),
        carried=carried,
        earning=records.select(*breaks.LOCATOR, *of_miles),
    )


def _leg(
    inputs: StageInput, rules: Rules, leg: Leg, bins: frozenset[str], before: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Matches, members and open items of one leg; ``before`` matches of other legs have their ids already."""
    night, leg_passes = inputs.business_date, rules.passes_of(leg)
    bank, merchant, held, aside, carried, earning = _scene(inputs, rules, leg, bins)
    taken = passes.run(leg_passes, bank, merchant)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # What met and what did not are told apart, each on a core of its own.
        misses = beside.submit(nearest_misses, leg_passes, taken, bank, merchant)
        match, members = matches.tables(leg, taken, bank, merchant, night=night, before=before)
        if leg.miles is not None:
            match = miles.judged(match, members, earning, leg.miles)
        near = misses.result().with_columns(pl.lit(None, pl.String).alias("reason"))
    unmatched = pl.concat([aside, bank.unmatched(), merchant.unmatched()])
    noted = pl.concat([held, near.select(held.columns)])
    ageing = Ageing(last_days=rules.ageing.buckets)
    return match, members, breaks.open_items(leg, unmatched, noted, carried, night=night, ageing=ageing)
