"""The report stage: one page a night that a finance person reads from top to bottom."""

from __future__ import annotations

import tomllib
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.ageing import Ageing, ageing_of
from settlement.model.dates import delivered_on
from settlement.model.stage import StageInput, StageOutput
from settlement.report import charts, matching, sections, statements
from settlement.report.page import Chart, NightPage, render

LARGEST_OPEN: Final = 10
REJECT_SAMPLES: Final = 10


def run(inputs: StageInput) -> StageOutput:
    """Write ``index.html`` from the night's tables and the history of open items and payouts."""
    return StageOutput(tables={}, files={"index.html": render(night_page(inputs))})


def night_page(inputs: StageInput) -> NightPage:
    """Everything on the page, read from the tables."""
    tables, night = inputs.tables, inputs.business_date
    match, members, opened = tables["match"], tables["match_member"], tables["open_item"]
    delivered = sections.files(tables["file"], tables["control_total"], tables["reject"])
    passes = matching.pass_rows(match, members)
    carried = matching.carried(opened, night)
    ageing = ageing_of(inputs.documents)
    return NightPage(
        programme=_programme(inputs),
        night=night,
        rates=matching.match_rates(match, members, opened),
        open_items=opened.height,
        open_new=opened.height - carried,
        open_carried=carried,
        closed_from_before=matching.closed_from_before(members, tables["clearing"]),
        open_amounts=matching.open_amounts(opened),
        delivered=delivered,
        fates=sections.fates(delivered),
        findings=sections.findings(pl.concat([tables["finding"], tables["rate_finding"]])),
        rejects=sections.reject_rows(tables["reject"], REJECT_SAMPLES),
        passes=passes,
        residuals=matching.residual_rows(match),
        stale=matching.stale_passes(tables["pass_use"]),
        age_buckets=ageing.labels,
        open_expired=matching.expired(opened),
        open_rows=matching.open_rows(opened, ageing),
        near_rows=matching.near_rows(opened),
        largest=matching.largest_open(opened, _records_of(inputs, opened), LARGEST_OPEN),
        ties=sections.ties(tables["cash_tie"]),
        unexplained=sections.unexplained(tables["detail_tie"]),
        batches=sections.batches(tables["batch_tie"], inputs.history["batch_tie"], tables["cash_tie"]),
        statements=statements.statements(tables["payout"], inputs.history["payout"]),
        accounts=sections.account_classes(tables["trial_balance"]),
        out_files=sections.out_files(tables["settlement_file"]),
        rules=tables["expectation"].height,
        failed_rules=sections.failed_rules(tables["expectation"]),
        charts=_charts(inputs, passes, ageing),
    )


def _programme(inputs: StageInput) -> str:
    try:
        name = tomllib.loads(inputs.documents["programme.toml"])["name"]
    except (KeyError, tomllib.TOMLDecodeError):
        raise TerminalError('config/programme.toml has no name: write `name = "..."` at its top.') from None
    return str(name)


def _records_of(inputs: StageInput, open_items: pl.DataFrame) -> pl.DataFrame:
    """The clearing records behind the open items, tonight's and earlier ones."""
    columns = ["file", "record", "card_masked", "merchant_name", "merchant_number"]
    nights = open_items.select(delivered_on(pl.col("file")).unique()).to_series()
    earlier = inputs.history["clearing"].filter(pl.col("business_date").is_in(nights.implode()))
    both = pl.concat([inputs.tables["clearing"].lazy().select(columns), earlier.select(columns)])
    return both.join(open_items.lazy().select("file", "record"), on=["file", "record"], how="semi").collect()


def _charts(inputs: StageInput, passes: tuple[matching.PassRow, ...], ageing: Ageing) -> tuple[Chart, ...]:
    night = inputs.business_date
    drawn = []
    if passes:
        by_pass: dict[tuple[str, str], int] = {}
        for row in passes:
            by_pass[row.name, row.kind] = by_pass.get((row.name, row.kind), 0) + row.matches
        rows = [(name, kind, matches) for (name, kind), matches in sorted(by_pass.items())]
        drawn.append(Chart(section="matches", title="Matches by pass", svg=charts.matches_by_pass(rows)))
    ages = sections.open_history(inputs.tables["open_item"], inputs.history["open_item"], night, ageing)
    if ages:
        drawn.append(
            Chart(
                section="nights",
                title="Open items by days open, night by night",
                svg=charts.open_by_age(ages, ageing.labels),
            )
        )
    paid = statements.payout_history(inputs.tables["payout"], inputs.history["payout"], night)
    for currency in paid["currency"].unique().sort():
        rows = [
            (day.isoformat(), contract, minor)
            for day, contract, minor in paid.filter(pl.col("currency") == currency)
            .group_by("business_date", "contract")
            .agg(pl.col("amount_minor").sum())
            .sort("business_date", "contract")
            .iter_rows()
        ]
        title = f"Payout of the period as known, night by night, {currency}"
        drawn.append(Chart(section="nights", title=title, svg=charts.payouts_by_contract(rows, currency)))
    return tuple(drawn)
