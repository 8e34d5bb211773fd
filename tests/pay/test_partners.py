"""The partner directory: who gets what, what is refused, and what tells a card."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import date

import pytest
from partner_files import CONTRACT, SHIPPED, clearing, only, pay, rated, statement_rows

from settlement.errors import TerminalError
from settlement.home import contracts_folder
from settlement.pay.contract_text import beneficiaries, contract_text
from settlement.pay.partners import read_partners

STEM = "A/C9-TEST_2010-Q4_2010-12-31_CLOSED"


def test_a_partner_that_is_not_listed_gets_the_settlement_file_and_no_more() -> None:
    output = pay(statement_rows(), '[[partner]]\nid = "B"\nstatement = ["pdf"]\n')
    assert sorted(output.files) == [
        f"{STEM}.csv",
        f"{STEM.replace('A/', 'B/')}.csv",
        f"{STEM.replace('A/', 'B/')}_statement.pdf",
    ]
    assert output.files[f"{STEM}.csv"] == pay(statement_rows()).files[f"{STEM}.csv"]


def test_the_shipped_directory_fits_the_shipped_contracts() -> None:
    folder = contracts_folder()
    documents = {
        f"contracts/{path.relative_to(folder).as_posix()}": path.read_text(encoding="utf-8")
        for path in folder.rglob("*.toml")
        if path.parent != folder
    }
    paid = beneficiaries(documents)
    directory = read_partners({"partners.toml": SHIPPED}, paid)
    assert {one.id for one in directory.partner} < paid
    assert set(directory.layouts) == {
        name
        for one in directory.partner
        for name in (one.settlement_file, one.detail_file, one.restatement_file)
        if name
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[[partner]]\nid = "C"\n',
            "partner C is a beneficiary of no contract under config/contracts: write its id as",
        ),
        ('[[partner]]\nid = "A"\n[[partner]]\nid = "A"\n', "partner A is declared 2 times; declare each once"),
        ('[[partner]]\nid = "A"\nlanguage = "fr"\n', "partner.0.language: Input should be 'en' or 'zh'"),
        ('[[partner]]\nid = "A"\nlangauge = "en"\n', "partner.0.langauge: Extra inputs are not permitted"),
        ('[[partner]]\nid = "A"\nstatement = ["doc"]\n', "partner.0.statement.0: Input should be 'html' or 'pdf'"),
        (
            '[[partner]]\nid = "A"\nsettlement_file = "x"\n',
            r"partner A asks for the layout x, which is not declared .* \(none is\)",
        ),
        (
            '[[partner]]\nid = "A"\ndetail_file = "sheet"\n' + only("sheet"),
            "partner A: the layout sheet is of settlement, and stands where one of details must",
        ),
        (
            '[[grant]]\nprogramme = "AIR"\npartner = "A"\nshows = []\n',
            "a grant is for the partner A, which is not declared",
        ),
        ("[[partner]\n", "config/partners.toml is no readable TOML"),
    ],
)
def test_a_slip_in_the_directory_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(TerminalError, match=sentence):
        pay(statement_rows(), text)


def test_the_file_is_in_the_partners_language() -> None:
    rows = pay(statement_rows(), '[[partner]]\nid = "A"\nlanguage = "zh"\n').files[f"{STEM}.csv"].decode()
    assert "结转至下期结算单的余额" in rows
    assert "已关账期间 2010-Q3 的调整" in rows


def test_a_card_is_told_only_where_its_programme_grants_it() -> None:
    partner = '[[partner]]\nid = "A"\ndetail_file = "transactions"\n'
    tables = {
        "clearing": clearing(
            {"record": 1, "amount_minor": 533333, "card_masked": "411111******1111", "card_ref": "REF"}
        ),
        "rated": rated({"record": 1, "quantity": 533333}),
    }
    with pytest.raises(
        TerminalError, match=r"detail file of A tells card_masked, which no \[\[grant\]\] of the programme AIR"
    ):
        pay(statement_rows(), partner + only("transactions"), tables)
    grant = '[[grant]]\nprogramme = "AIR"\npartner = "A"\nshows = ["card_masked"]\n'
    other = grant.replace("AIR", "RET")
    with pytest.raises(TerminalError, match="no \\[\\[grant\\]\\]"):
        pay(statement_rows(), partner + other + only("transactions"), tables)
    content = pay(statement_rows(), partner + grant + only("transactions"), tables).files[f"{STEM}_details.csv"]
    assert b"411111******1111" in content
    assert b"REF" not in content
    with_reference = only("transactions").replace('from = "card_masked"', 'from = "card_ref"')
    with pytest.raises(TerminalError, match="tells card_ref"):
        pay(statement_rows(), partner + grant + with_reference, tables)
    without = only("transactions").replace('    { from = "card_masked" },\n', "")
    assert b"1111" not in pay(statement_rows(), partner + without, tables).files[f"{STEM}_details.csv"]


def test_the_digest_of_a_contract_is_of_what_the_partner_may_read() -> None:
    def digest(text: str, who: str = "A") -> str:
        found = contract_text({"contracts/t/2009-01-01.toml": text}, "C9-TEST", who, "2010-Q4", night_of_knowledge)
        assert found is not None
        return found.digest

    night_of_knowledge = date(2010, 12, 31)
    base = digest(CONTRACT)
    for theirs in ('name = "Beta"', "weight = 1", "rate = 0.10", "amount = 5.00"):
        changed = CONTRACT.replace(theirs, theirs.replace("Beta", "Gamma").replace("1", "7").replace("5", "6"))
        assert tomllib.loads(changed) != tomllib.loads(CONTRACT)
        assert digest(changed) == base, theirs
        assert digest(changed, "B") != digest(CONTRACT, "B"), theirs
    hold = CONTRACT + 'hold = { share = 0.20, of = ["B"] }\n'
    assert digest(hold) == base
    for common in ("rate = 0.0030", "rate = 0.00 }", 'name = "Alpha"', "Split 2 : 1"):
        assert (
            digest(
                CONTRACT.replace(
                    common, common.replace("0.00", "0.01").replace("Alpha", "A.").replace("2 : 1", "1 : 2")
                )
            )
            != base
        ), common


def test_the_rows_of_files_say_what_each_is() -> None:
    partner = '[[partner]]\nid = "A"\nstatement = ["pdf", "html"]\nsettlement_file = "mainframe"\n'
    partner += 'restatement_file = "corrections"\n'
    output = pay(statement_rows(), partner + only("mainframe", "corrections"))
    told = (
        output.tables["settlement_file"]
        .filter(beneficiary="A")
        .select("path", "told", "format", "lines", "total_minor", "sequence")
    )
    assert told.rows() == [
        (f"{STEM}.txt", "settlement", "fixed_width", 7, 5100, 2),
        (f"{STEM}_restated.csv", "restatement", "delimited", 1, -100, 2),
        (f"{STEM}_statement.html", "statement", "html", 7, 5100, 2),
        (f"{STEM}_statement.pdf", "statement", "pdf", 7, 5100, 2),
    ]
    restated = list(csv.reader(io.StringIO(output.files[f"{STEM}_restated.csv"].decode("utf-8-sig")), delimiter=";"))
    assert restated[1][:9] == ["D", "1", "2010-Q3", "1", "rate", "1,01", "0,01", "-1,00", "USD"]
    assert restated[1][9] == "volume 336.66 USD → volume 3.33 USD"
    assert restated[2] == ["T", "USD", "1", "1,00", "0,00", "-1,00"]
