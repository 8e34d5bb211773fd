"""The quality stage: rules that hold on a good night and fail on a bad one, pages that tell no value and ask nobody."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

import polars as pl
import pytest
from made_night import NIGHT, made_inputs, made_night

from settlement import store
from settlement.check import quality
from settlement.check.suites import CLEARING, CLEARING_BY_SIDE, SUITES, Form, Rule
from settlement.model.stage import StageOutput
from settlement.model.tables import TABLES


@pytest.fixture(scope="module")
def good() -> StageOutput:
    return quality.run(made_inputs(made_night()))


def only(tables: dict[str, pl.DataFrame], names: set[str]) -> dict[str, pl.DataFrame]:
    """The night with nothing in all tables but these, so that only what is looked at is judged."""
    return {name: table if name in names else table.clear() for name, table in tables.items()}


def failed(tables: dict[str, pl.DataFrame]) -> set[tuple[str, str]]:
    found = quality.run(made_inputs(tables)).tables["expectation"].filter(~pl.col("success"))
    return set(found.select("suite", "column").iter_rows())


def test_every_rule_holds_on_a_good_night(good: StageOutput) -> None:
    table = store.checked(TABLES["expectation"], good.tables["expectation"])
    assert table.filter(~pl.col("success")).is_empty()
    assert table["suite"].n_unique() == len(good.files) - 1
    assert table.filter(pl.col("suite") == "clearing.shop.merchant")["rows"].unique().to_list() == [50]


def test_a_night_judged_again_gives_the_same_bytes_in_any_row_order(good: StageOutput) -> None:
    shuffled = {name: table.sample(fraction=1.0, shuffle=True, seed=5) for name, table in made_night().items()}
    again = quality.run(made_inputs(shuffled))
    assert again.files == good.files
    assert again.tables["expectation"].equals(good.tables["expectation"])


# What is changed in the good night, and the rule that must say so.
BROKEN = {
    "match: residual": ("match", {"residual_minor": pl.lit(5)}, "residual_off_minor"),
    "match: cardinality": ("match", {"cardinality": pl.lit("1:N")}, "cardinality_wrong"),
    "open_item: age": ("open_item", {"age_days": pl.lit(9)}, "age_off_days"),
    "cash_tie: difference": ("cash_tie", {"expected_minor": pl.lit(7)}, "diff_off_minor"),
    "payout: split": (
        "payout",
        {"amount_minor": pl.when(pl.col("term") == "share").then(1).otherwise(pl.col("amount_minor"))},
        "split_off_minor",
    ),
    "payout: statement": (
        "payout",
        {"amount_minor": pl.when(pl.col("term") == "carry_out").then(1).otherwise(pl.col("amount_minor"))},
        "statement_off_minor",
    ),
    "trial_balance: sides": ("trial_balance", {"debit_minor": pl.lit(1)}, "currency_sum_minor"),
    "reject: preview": ("reject", {"preview": pl.lit("pan 5555550000000001")}, "preview"),
    "enrolment: mask": ("enrolment", {"card_masked": pl.lit("5555551*****0001")}, "card_masked"),
    "fx_rate: rate": ("fx_rate", {"rate": pl.lit("0.000")}, "rate"),
    "payable: sign": ("payable", {"amount_minor": pl.lit(-1)}, "amount_minor"),
}


def test_each_broken_rule_is_told() -> None:
    tables = made_night()
    for table, change, _ in BROKEN.values():
        tables[table] = tables[table].with_columns(**change)
    told = failed(only(tables, {table for table, _, _ in BROKEN.values()}))
    assert {(table, column) for table, _, column in BROKEN.values()} <= told


def test_clearing_is_judged_by_feed_and_side() -> None:
    tables = made_night()
    bank = pl.col("side") == "bank"
    tables["clearing"] = tables["clearing"].with_columns(
        arn=pl.when(bank).then(pl.lit("123")).otherwise(pl.col("arn")),
        total_minor=pl.when(bank).then(pl.col("total_minor")).otherwise(pl.col("total_minor") + 1),
        merchant_name=pl.when(bank).then(pl.lit("pays with 4111 1111")).otherwise(pl.lit("4111110000000001")),
    )
    assert failed(only(tables, {"clearing"})) == {
        ("clearing.card_network.bank", "arn"),
        ("clearing.shop.merchant", "total_off_minor"),
        ("clearing.shop.merchant", "merchant_name"),
    }


def test_pages_tell_no_value_of_a_text_column() -> None:
    tables, canaries = {}, []
    for name, table in made_night().items():
        texts = [column for column, dtype in table.schema.items() if dtype == pl.String]
        found = [
            (pl.lit(f"Canary-{name}-{column}-") + pl.int_range(pl.len()).cast(pl.String)).alias(column)
            for column in texts
        ]
        tables[name] = table.with_columns(found)
        canaries += tables[name].select(texts).unpivot()["value"].unique().to_list()
    output = quality.run(made_inputs(tables))
    pages = b"\n".join(output.files.values()).decode()
    assert not output.tables["expectation"]["success"].all()
    assert len(canaries) > 500
    assert "Canary" not in pages
    assert not [canary for canary in canaries if canary in pages]
    told = output.tables["expectation"].select("suite", "expectation", "column").unpivot()["value"]
    assert not told.str.contains("Canary").any()


class _References(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value or "") for name, value in attrs]


def test_pages_ask_nobody(good: StageOutput) -> None:
    for name, content in good.files.items():
        page = content.decode()
        assert not re.search(r"(?i)https?:|//[a-z]|url\(|@import|<script|<link|<img|<iframe", page), name
        assert "Content-Security-Policy" in page
        references = _References()
        references.feed(page)
        assert not [r for r in references.found if r[1].startswith("on") or r[1] in {"src", "srcset", "action"}]
        links = {value for tag, attribute, value in references.found if (tag, attribute) == ("a", "href")}
        assert links - set(good.files) <= {f"../../report/business_date={NIGHT}/index.html"}


def test_empty_tables_are_skipped_and_named() -> None:
    output = quality.run(made_inputs({name: TABLES[name].empty() for name in made_night()}))
    assert set(output.files) == {"index.html"}
    assert output.tables["expectation"].equals(TABLES["expectation"].empty())
    page = output.files["index.html"].decode()
    assert "Clearing records" in page
    assert all(suite.title in page.replace("&#39;", "'") for suite in SUITES)


def test_a_table_beyond_the_limit_is_judged_in_part_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "ROW_LIMIT", 10)
    output = quality.run(made_inputs(only(made_night(), {"clearing"})))
    assert output.tables["expectation"]["rows"].max() == 10
    assert "The table has 50 rows; the first 10" in output.files["clearing.shop.merchant.html"].decode()


@pytest.mark.parametrize("name", ["clearing", *(suite.name for suite in SUITES)])
def test_rules_fit_their_tables(name: str) -> None:
    suites = {suite.name: suite.rules for suite in SUITES}
    lists = [suites[name]] if name in suites else [(*CLEARING, *rules) for rules in CLEARING_BY_SIDE.values()]
    for rules in lists:
        keys = [(rule.form, rule.columns) for rule in rules]
        assert len(keys) == len(set(keys)), "the key of the expectation table would not be unique"
        assert all("$" not in rule.text and rule.text.endswith(".") for rule in rules)
        assert all(_complete(rule) for rule in rules)
    table = SUITES[[suite.name for suite in SUITES].index(name)] if name in suites else None
    if table is not None:
        empty = {known: TABLES[known].empty() for known in TABLES}
        assert set(table.columns) <= set(table.rows(date(2024, 1, 1), empty).columns)


def _complete(rule: Rule) -> bool:
    match rule.form:
        case Form.BETWEEN:
            return rule.minimum is not None or rule.maximum is not None
        case Form.ONE_OF:
            return bool(rule.values)
        case Form.MATCHES | Form.NEVER_MATCHES:
            return bool(rule.pattern)
        case _:
            return True
