"""Statements for people: words in both languages, sums that a reader can follow, pages that hold what they must."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import get_args

import polars as pl
import pypdfium2
import pytest
from docs.test_contract_kinds_page import KINDS, contract_with
from partner_files import CONTRACT, clearing, given, pay, rated, statement_rows
from payout_frames import line, night, truth_payout

from settlement.model.clearing import Kind
from settlement.model.contract_amounts import Base, Bracket, DatedAmount, Driver
from settlement.model.contract_ledgers import DatedQuantity
from settlement.model.contract_terms import DatedPrice, DatedRate, Term, Tier
from settlement.model.money import Rounding
from settlement.model.statement_lines import OWN_LINES
from settlement.pay import files, statement_document
from settlement.pay.quantities_told import is_count, quantities
from settlement.pay.restated import RestatedTerm
from settlement.pay.words import Language, words_of
from settlement.rate.forms import is_counted, quantity_names

GOLDEN = Path(__file__).parents[1] / "golden" / "statements"
STEM = "A/C9-TEST_2010-Q4_2010-12-31_CLOSED_statement"
PARTNER = '[[partner]]\nid = "A"\nnames = { zh = "甲方公司" }\nlanguage = "LANGUAGE"\nstatement = ["pdf", "html"]\n'


def partner(language: str) -> str:
    return PARTNER.replace("LANGUAGE", language)


def pages(content: bytes) -> list[str]:
    """The text of each page of a PDF, as a reader finds it."""
    return [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in pypdfium2.PdfDocument(content)]


def amount(text: str) -> Decimal:
    return Decimal(re.sub(r"[^0-9.-]", "", text))


def cells(content: bytes) -> list[list[list[str]]]:
    """The rows of each table of a page, tags taken away; small text is left out."""
    text = re.sub(r"<small>.*?</small>", "", content.decode(), flags=re.DOTALL)
    tables = re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL)
    return [
        [
            re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", one, re.DOTALL)
        ]
        for one in tables
    ]


def test_both_languages_have_the_same_words() -> None:
    english, chinese = words_of(Language.ENGLISH), words_of(Language.CHINESE)
    for part in ("labels", "lines", "quantities", "reasons"):
        ours, theirs = getattr(english, part), getattr(chinese, part)
        assert ours.keys() == theirs.keys(), part
        for name in ours:
            assert re.findall(r"\{\w+\}", ours[name]).sort() == re.findall(r"\{\w+\}", theirs[name]).sort(), name
            assert theirs[name].strip(), name
    assert english.lines.keys() == OWN_LINES.keys()
    assert set(Kind) <= english.reasons.keys()
    assert set(Rounding) <= english.quantities.keys()


def figures(of: type) -> Iterator[str]:
    """The names under which a contract file says figures of a term."""
    for field in fields(of):
        if any(word in str(field.type) for word in ("Exact", "Whole", "Day")):
            yield {"first": "from", "end": "to"}.get(field.name, field.name)


def test_every_figure_of_every_form_of_term_has_words() -> None:
    told = words_of(Language.ENGLISH).quantities
    parts = (*get_args(Term), Base, Bracket, DatedAmount, Driver, DatedQuantity, DatedPrice, DatedRate, Tier)
    assert all(is_dataclass(one) for one in parts)
    missing = {name for one in parts for name in figures(one)} - told.keys()
    assert not missing
    lists = {"tiers", "rates", "prices", "amounts", "bought"}
    assert lists <= told.keys()


def test_what_is_a_number_of_things_is_so_in_every_form() -> None:
    forms = set()
    for text in KINDS.values():
        raw = {term["id"]: term for term in tomllib.loads(text)["terms"]}
        for term in contract_with(text).contract.terms:
            forms.add(raw[term.id]["form"])
            for name in set(quantity_names(term)) - {"left_of_purchase", "amount"}:
                assert is_count(name, raw[term.id]) == is_counted(term, name), (raw[term.id]["form"], name)
    assert len(forms) >= 15, forms


@pytest.mark.parametrize(
    ("name", "told", "shown"),
    [
        ("tier", "year_volume=0;rate=0;paid_to_date=5", ("year_volume 0.00 USD", "rate 0 %", "given before 0.05 USD")),
        ("tier", "2010-10.v1:profit=150:share=-5", ("2010-10.v1 profit 1.50 USD", "2010-10.v1 share -0.05 USD")),
        (
            "held",
            "of=100;share=0.10;release_on=2011-01-30",
            ("of 1.00 USD", "share 10 %", "to be released on 2011-01-30"),
        ),
        ("share_converted", "rate=1", ("rate of exchange 1",)),
        (
            "share_converted",
            "2010-12-21=0.15@2010-12-20;converted=7",
            ("2010-12-21 0.15@2010-12-20", "share converted 0.07 USD"),
        ),
        (
            "interest",
            "of=100;rate_a_year=0.08;days=30;year=365",
            ("of 1.00 USD", "rate a year 8 %", "days 30", "days of a year 365"),
        ),
    ],
)
def test_a_quantity_reads_as_what_it_is(name: str, told: str, shown: tuple[str, ...]) -> None:
    assert quantities(name, told, "USD", {}, words_of(Language.ENGLISH)) == shown


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_statement_is_as_agreed(language: str) -> None:
    output = pay(statement_rows(), partner(language), reasons())
    text = "\f\n".join(pages(output.files[f"{STEM}.pdf"]))
    golden = GOLDEN / f"{language}.txt"
    assert text == golden.read_text(encoding="utf-8")
    assert output.files[f"{STEM}.html"] == (GOLDEN / f"{language}.html").read_bytes()
    assert pay(statement_rows(), partner(language), reasons()).files == output.files


def reasons() -> dict[str, pl.DataFrame]:
    """A chargeback and an account that became known of the closed quarter tonight."""
    return {
        "clearing": clearing({"record": 1, "amount_minor": 33333, "kind": "chargeback", "direction": -1}),
        "rated": rated(
            {"record": 1, "quantity": -33333, "period": "2010-Q3"},
            {"file": None, "account_id": "X", "quantity": 1, "period": "2010-Q3", "unit": "accounts"},
        ),
    }


def assert_adds_up(content: bytes) -> None:
    """What a person does with the page: follow the running totals from the first line to the last."""
    terms, adjustments, own, *restated = cells(content)
    running: dict[str, Decimal] = {}
    for row in [*terms, *adjustments]:
        if row[3].strip() == "" and row[2].strip():
            assert amount(row[2]) == running.get(row[2].split()[-1], Decimal(0))
        elif row[2].strip():
            currency = row[2].split()[-1]
            running[currency] = running.get(currency, Decimal(0)) + amount(row[2])
            assert amount(row[3]) == running[currency]
    left = Decimal(0)
    for place, row in enumerate(own):
        if not row[3].strip():
            # A share that is converted below, the whole total where nobody else has a part, or the balance.
            if place == 0 and "(share)" not in row[1]:
                left = amount(row[2])
            assert amount(row[2]) == left or "(share)" in row[1]
            continue
        gives = "(payout)" in row[1] or "(carry_out)" in row[1]
        left += -amount(row[2]) if gives else amount(row[2])
        assert amount(row[3]) == left, row
    assert left == 0
    for table in restated:
        *rows, total = table
        for row in table:
            assert amount(row[3]) - amount(row[2]) == amount(row[4])
        assert sum((amount(row[4]) for row in rows), Decimal(0)) == amount(total[4])


def test_every_statement_of_the_acceptance_nights_adds_up_by_hand() -> None:
    told = 0
    for number in (1, 2, 3):
        tonight = truth_payout(night(number))
        for contract in sorted(tonight["contract"].unique()):
            names = sorted(tonight.filter(pl.col("contract") == contract)["beneficiary"].drop_nulls().unique())
            directory = "".join(f'[[partner]]\nid = "{name}"\nstatement = ["html"]\n' for name in names)
            people = "".join(f'[[beneficiaries]]\nid = "{name}"\nname = "{name}"\n' for name in names)
            inputs = given([], directory, contract=f'id = "{contract}"\n{people}', number=number, before={})
            tables = {**inputs.tables, "payout": tonight}
            for path, content in files.run(replace(inputs, unit=contract, tables=tables)).files.items():
                if path.endswith(".html"):
                    assert_adds_up(content)
                    told += 1
    assert told >= 15


def test_exponents_are_those_of_the_currency() -> None:
    for currency, shown in (("JPY", "1,234,567 JPY"), ("BHD", "1,234.567 BHD"), ("USD", "12,345.67 USD")):
        rows = [line("rate", 1234567, currency=currency), line("payout", 0, "A", currency=currency)]
        rows.append(line("carry_out", 1234567, "A", currency=currency))
        content = pay(rows, partner("en")).files[STEM.replace("CLOSED", "PREVIEW") + ".html"].decode()
        assert shown in content


def test_what_is_owed_is_carried_and_nothing_is_paid() -> None:
    rows = [line("rate", -5000, quantities="volume=-1666667"), line("carry_in", 0, "A"), line("payout", 0, "A")]
    rows.append(line("carry_out", -5000, "A"))
    output = pay(rows, partner("en"))
    content = output.files[STEM.replace("CLOSED", "PREVIEW") + ".html"]
    assert_adds_up(content)
    assert b"<strong>0.00 USD</strong>" in content
    assert b"-16,666.67 USD" in content


def test_a_statement_of_nothing_has_its_page() -> None:
    rows = [line("carry_in", 0, "A"), line("payout", 0, "A"), line("carry_out", 0, "A")]
    content = pay(rows, partner("zh")).files[STEM.replace("CLOSED", "PREVIEW") + ".pdf"]
    assert "本结算单无此项。" in "".join(pages(content))


def test_what_is_parked_is_told_and_is_part_of_no_sum() -> None:
    parked = line(
        "rate", 77, adjusts="2010-Q1", state="PARKED", quantities="restated=78;booked=1;reopened_until=2010-06-30"
    )
    content = pay([*statement_rows(), parked], partner("en")).files[f"{STEM}.html"].decode()
    assert "Known too late" in content
    assert "could change until 2010-06-30" in content
    sums = [row[2] for table in cells(content.encode())[:4] for row in table]
    without = pay(statement_rows(), partner("en")).files[f"{STEM}.html"]
    assert sums == [row[2] for table in cells(without) for row in table]


def test_a_long_statement_runs_over_pages_that_count_themselves_and_keep_their_margins() -> None:
    many = [line(f"term_{n:03}", n, clause=str(n), quantities="volume=1;accounts=2") for n in range(1, 121)]
    clauses = "\n".join(f'{n} = "Clause {n}. {"Words that go on. " * 12}"' for n in range(3, 121))
    huge = f'2 = "{"All that was ever agreed. " * 400}"'
    contract = CONTRACT.replace('2 = "1.00 for each account."', f"{huge}\n{clauses}")
    rows = [*many, line("payout", sum(range(1, 121)), "A"), line("carry_out", 0, "A")]
    content = pay(rows, partner("en"), contract=contract).files[STEM.replace("CLOSED", "PREVIEW") + ".pdf"]
    told = pages(content)
    assert len(told) > 10
    for number, text in enumerate(told, start=1):
        assert f"Page {number} of {len(told)}" in text
    assert sum(text.count("agreed.") for text in told) == 400
    for page in pypdfium2.PdfDocument(content):
        picture = page.render(scale=0.5).to_pil().convert("L")
        width, height = picture.size
        for edge in ((0, 0, 18, height), (width - 18, 0, width, height), (0, 0, width, 18)):
            assert picture.crop(edge).getextrema() == (255, 255)


def test_a_character_that_no_font_has_is_told_by_its_number() -> None:
    name = PARTNER.replace("LANGUAGE", "zh").replace("甲方公司", "甲 ก Ł <b>&")
    text = pages(pay(statement_rows(), name).files[f"{STEM}.pdf"])[0]
    assert "甲 [U+0E01] [U+0141] <b>&" in text


def test_markup_of_names_and_clauses_is_text() -> None:
    contract = CONTRACT.replace("A card of two", "<script>alert(1)</script>")
    page = pay(statement_rows(), partner("en"), contract=contract).files[f"{STEM}.html"]
    assert b"<script>" not in page
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_pdf_says_nothing_of_the_machine_or_the_time() -> None:
    content = pay(statement_rows(), partner("zh")).files[f"{STEM}.pdf"]
    assert b"D:20000101000000" in content
    assert not re.search(rb"D:20(?!000101)", content)
    assert b"STSong-Light" in content
    assert b"FontFile" not in content


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ("volume=100;rate=0.01", "volume=200;rate=0.01", ("volume 1.00 USD → volume 2.00 USD",)),
        ("volume=100", "accounts=3;volume=100", ("\N{EN DASH} → accounts 3",)),
        ("accounts=3;volume=100", "volume=200", ("accounts 3 → \N{EN DASH}", "volume 1.00 USD → volume 2.00 USD")),
        ("share=1;share=2", "share=1;share=5", ("share 0.02 USD → share 0.05 USD",)),
        ("volume=100", "volume=100", ("follows",)),
    ],
)
def test_a_quantity_is_laid_beside_the_one_of_its_name(then: str, now: str, told: tuple[str, ...]) -> None:
    """One that is told anew, or no more, shifts no other."""
    words = replace(words_of(Language.ENGLISH), quantities={}, reasons={"follows": "follows"})
    term = RestatedTerm(
        term="rate",
        clause="3",
        currency="USD",
        stated_minor=1,
        now_minor=2,
        stated_quantities=then,
        now_quantities=now,
        causes=(),
    )
    assert statement_document.reasons(term, {}, words) == told
