"""The report page: self-contained, escaped, complete, and the same bytes for the same tables."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import quote

import polars as pl
import pytest
from made_night import NIGHT, SALES, made_inputs, made_night

from settlement.errors import TerminalError
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.report import night, sections
from settlement.report.figures import Money

HOSTILE = '<script>alert("x")</script><img src=https://evil.example/a>\'"&{{7*7}}'
VOID = {"meta", "br", "img", "hr"}


class Outline(HTMLParser):
    """Elements with their attributes, and whether every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(tables: dict[str, pl.DataFrame], history: dict[str, pl.DataFrame] | None = None) -> str:
    return night.run(made_inputs(tables, history=history)).files["index.html"].decode()


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(made_night())


def test_the_page_tells_the_night(page: str) -> None:
    text = re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", page))
    for words in (
        "Made programme",
        "The night of Friday, 31 May 2024",
        "4 files came and 3 were accepted",
        "A person must act",
        "The bank calendar US-FED tells no day of 2024.",
        "is refused: its trailer says 51 rows",
        "98 of 100 records in play",
        "98.0\u202f%",
        "66.67 USD",
        "settle explain C9/2024-Q2/payout/PARTNER-A --home HOME --business-date 2024-05-31",
        "ab" * 32,
        "balanced",
    ):
        assert words in text, words
    assert f'href="../../quality/business_date={NIGHT}/index.html"' in page
    assert f'href="../../out/business_date={NIGHT}/PARTNER-A/C9_2024-Q2.csv"' in page


def test_the_page_stands_alone(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert not {tag for tag, _ in outline.elements} & {"script", "link", "img", "iframe", "object", "form", "base"}
    for tag, attributes in outline.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "srcset", "xlink:href"}], (
            tag
        )
        target = attributes.get("href") or "#"
        assert target.startswith(("#", "../../")), target
    assert not re.search(r"(?i)https?:|url\(|@import", page)
    assert "default-src &#39;none&#39;" in page


def test_charts_take_their_inks_from_the_page(page: str) -> None:
    assert page.count('<svg version="1.1" class="chart" role="img"') == 3
    assert "#010203" not in page
    assert "var(--line)" in page
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert not [run for drawing in drawings for run in re.findall(r"[0-9]{12,}", drawing)], "looks like a card number"


def test_the_same_tables_give_the_same_bytes_in_any_row_order(page: str) -> None:
    shuffled = {name: table.sample(fraction=1.0, shuffle=True, seed=3) for name, table in made_night().items()}
    assert page_of(shuffled) == page


def test_hostile_text_is_shown_and_never_run() -> None:
    tables = {}
    for name, table in made_night().items():
        free = [column for column in ("merchant_name", "text", "subject", "preview", "field", "why") if column in table]
        free += ["pass", "kind"] if name == "match" else []
        free += ["path", "beneficiary"] if name == "settlement_file" else []
        free += ["quantities", "contract", "clause"] if name == "payout" else []
        tables[name] = table.with_columns(pl.lit(HOSTILE).alias(column) for column in free)
    page = page_of(tables)
    outline = Outline(page)
    assert not {tag for tag, _ in outline.elements} & {"script", "img"}
    assert not [attributes for _, attributes in outline.elements if "src" in attributes]
    assert "&lt;script&gt;alert(" in page
    assert "{{7*7}}" in page
    assert [a["href"] for _, a in outline.elements if (a.get("href") or "").startswith("../../out/")] == [
        f"../../out/business_date={NIGHT}/{quote(HOSTILE)}"
    ]


def test_a_night_without_anything_still_has_its_page() -> None:
    tables = {name: TABLES[name].empty() for name in made_night()}
    page = page_of(tables)
    assert Outline(page).open == []
    assert "0 files came and 0 were accepted" in page
    assert "Nothing waits for a person." in page
    assert "<svg" not in page


def test_open_items_of_earlier_nights_show_card_and_merchant() -> None:
    tables = made_night()
    opened = tables["open_item"].filter(pl.col("age_days") > 0)
    before = opened["opened_on"][0]
    record = tables["clearing"].join(opened, on=["file", "record"], how="semi")
    tables["clearing"] = tables["clearing"].join(opened, on=["file", "record"], how="anti")
    named = pl.lit(f"{before}/BANK.ipm").alias("file")
    tables["open_item"], record = opened.with_columns(named), record.with_columns(named)
    assert "Corner shop before" not in page_of(tables)
    record = record.with_columns(merchant_name=pl.lit("Corner shop before"), business_date=pl.lit(before))
    assert "Corner shop before" in page_of(tables, {"clearing": record})


def test_a_failed_data_quality_rule_waits_for_a_person() -> None:
    tables = made_night()
    tables["finding"] = TABLES["finding"].empty()
    assert "Nothing waits for a person." in page_of(tables)
    tables["expectation"] = tables["expectation"].with_columns(
        success=pl.lit(value=False), unexpected=pl.lit(3, pl.Int64)
    )
    page = page_of(tables)
    assert "A person must act." in page
    assert "3 of 49 rows of suite match break a rule on match_id" in page


def test_the_history_is_drawn_night_by_night() -> None:
    tables = made_night()
    before = tables["open_item"].with_columns(business_date=pl.lit(NIGHT - timedelta(days=1)))
    page = page_of(tables, {"open_item": before})
    assert ">05-30<" in page
    assert ">05-31<" in page


def test_a_programme_without_a_name_is_one_clear_sentence() -> None:
    inputs = made_inputs(made_night())
    nameless = StageInput(
        business_date=inputs.business_date,
        unit="all",
        documents={"programme.toml": ""},
        tables=inputs.tables,
        history=inputs.history,
    )
    with pytest.raises(TerminalError, match=r"config/programme\.toml has no name: write"):
        night.run(nameless)


def test_a_batch_is_shown_with_its_entry_and_every_residual() -> None:
    tables = made_night()
    page = page_of(tables)
    assert "From the bank's entry to the transactions" in page
    (batch,) = sections.batches(tables["batch_tie"], tables["batch_tie"].clear().lazy(), tables["cash_tie"])
    assert (batch.entry_ref, batch.entry_residual, batch.residual.minor) == ("E2", Money(currency="USD", minor=-100), 0)
    assert (batch.amount.minor, batch.transactions, batch.fees.minor) == (80_100, SALES, -100)


def test_a_batch_waits_for_its_entry_and_is_shown_again_when_that_comes() -> None:
    tables = made_night()
    none = tables["cash_tie"].clear()
    (batch,) = sections.batches(tables["batch_tie"], tables["batch_tie"].clear().lazy(), none)
    assert (batch.entry, batch.entry_residual) == (None, None)
    earlier = tables["batch_tie"].with_columns(business_date=pl.lit(NIGHT - timedelta(days=1)))
    assert sections.batches(tables["batch_tie"].clear(), earlier.lazy(), none) == ()
    (batch,) = sections.batches(tables["batch_tie"].clear(), earlier.lazy(), tables["cash_tie"])
    assert batch.entry_ref == "E2"


def test_transactions_that_do_not_explain_their_entry_are_told() -> None:
    told = {
        "file": f"{NIGHT}/CAMT054.xml", "entry": 3, "account": "A", "details": 2, "details_minor": -590,
        "entry_minor": -600, "currency": "USD",
    }  # fmt: skip
    rows = [
        told | {"status": "ENTRY_PENDING"},
        told | {"entry": 4, "status": "DIFFERS", "statement_file": f"{NIGHT}/CAMT053.xml", "statement_entry": 7},
        told | {"entry": 5, "status": "LINKED", "statement_file": f"{NIGHT}/CAMT053.xml", "statement_entry": 8},
    ]
    tables = made_night() | {"detail_tie": pl.DataFrame(rows, schema=TABLES["detail_tie"].schema)}
    page = page_of(tables)
    assert "Transactions told for bank entries" in page
    assert "entry pending" in page
    assert f"{NIGHT}/CAMT053.xml#7" in page
    assert f"{NIGHT}/CAMT053.xml#8" not in page
    assert [row.entry for row in sections.unexplained(tables["detail_tie"])] == [3, 4]
    assert "Transactions told for bank entries" not in page_of(made_night())
