"""``settle layout``: a layout proposed from a sample reads the sample; a layout tried tells every complaint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from declared_layouts import rows_as_parquet
from made_workbook import workbook

from settlement import cli
from settlement.parse.propose.columns import guessed
from settlement.parse.propose.layout import propose

PANS = ["5555555555554444", "5105105105105100", "4111111111111111"]
MUSEUM = (
    "H;CITY-MUSEUM;01.03.2024;0007;EUR\n"
    'S;"A;1001";29.02.2024;555555******1234;K7PQ2M;17,30;SALE\n'
    "S;A1002;01.03.2024;555555******9876;;5,00;RETURN\n"
    "T;2;22,30\n"
)
REPORT = (
    "Bestellnummer;Datum;Kartennummer;Betrag;Währung;Typ;Netto\n"
    f"4000001.0;29.02.2024;{PANS[0]};1.020,50;EUR;Verkauf;1.019,30\n"
    f"4000002.0;01.03.2024;{PANS[1]};20,00;EUR;Verkauf;19,90\n"
    f"4000003.0;13.03.2024;{PANS[2]};-7,00;EUR;Gutschrift;-6,90\n"
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["settle", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return run


SALES = [
    {"id": f"O{n}", "at": f"2024-03-01 10:00:0{n}", "money": {"amount": f"{n}.50", "currency": "EUR"}}
    for n in range(1, 5)
]
SHEET = [[f"O{n}", "2024-03-01", f"{n}.50", "EUR"] for n in range(1, 3)]
SAMPLES = {
    "MUSEUM_20240301_01.csv": MUSEUM.encode(),
    "bericht_20240301.csv": REPORT.encode("cp1252"),
    "utf16_20240301.csv": REPORT.encode("utf-16"),
    "sales_20240301.jsonl": b"".join(json.dumps(sale).encode() + b"\n" for sale in SALES),
    "sales_20240301.xlsx": workbook([["Order", "Date", "Amount", "Currency"], *SHEET]),
    "FERRY_20240301.txt": (
        b"H20240301                      \n"
        b"D 4000701 20240229  0120.50 EUR\n"
        b"D 4000702 20240301  0030.00 EUR\n"
        b"T000002                        \n"
    ),
}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_proposal_reads_its_sample(name: str, settle: Run, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(SAMPLES[name])
    code, shown, said = settle("layout", "infer", name, "--out", "made.toml")
    assert (code, said) == (0, "")
    assert "REVIEW" in (tmp_path / "made.toml").read_text(encoding="utf-8")
    code, told, said = settle("layout", "check", "made.toml", name)
    assert (code, said) == (0, ""), told
    assert "No complaints." in told
    assert not any(pan in shown + told + (tmp_path / "made.toml").read_text(encoding="utf-8") for pan in PANS)


def test_a_proposal_tells_what_it_has_seen() -> None:
    toml = propose("bericht_20240301.csv", SAMPLES["bericht_20240301.csv"]).toml
    for line in (
        'names = ["bericht_{date}.csv"]',
        'separator = ";"',
        'Betrag = { decimal = ",", thousands = "." }',
        "Bestellnummer = { id = true }",
        'card_ref = { from = "Kartennummer", type = "card_reference" }  # 3 of 3 pass the Luhn check',
        'type = "date", format = "%d.%m.%Y"',
        'negate = { Typ = ["Gutschrift"] }',
    ):
        assert line in toml, line
    assert 'encoding = "cp1252"' in toml


def test_a_trailer_that_re_adds_becomes_a_total() -> None:
    toml = propose("MUSEUM_20240301_01.csv", MUSEUM.replace(",30", ".30").replace(",00", ".00").encode()).toml
    assert 'of = { lines = ["S"], count = true }\ndeclared = "T.field_1"' in toml
    assert 'add = ["field_5"]' in toml
    assert 'date = "H.field_2"\ndate_format = "%d.%m.%Y"' in toml
    assert 'currency = { header = "H.field_4", type = "currency" }' in toml


@pytest.mark.parametrize(
    ("name", "texts", "role", "word"),
    [
        ("x", PANS, "card", "3 of 3 pass the Luhn check"),
        ("card", ["5555550100003311"], "card", "0 of 1"),
        ("when", ["01/02/2024", "03/04/2024"], "date", "REVIEW"),
        ("when", ["2024-03-01T10:00:00-05:00"], "offset_time", "offset"),
        ("amount", ["(12.50)", "$1,020.00"], "amount", "1 below zero"),
        ("amount_minor", ["1250", "300"], "amount", "2 of 2"),
        ("amount", ["1250", "300"], "amount", "REVIEW"),
        ("arn", ["74537604221431003881865"], "arn", "23 digits"),
        ("order id", ["1.23E+15", "7"], "reference", "have lost digits"),
        ("x", ["", " "], "empty", "no row"),
    ],
)
def test_what_a_column_looks_like(name: str, texts: list[str], role: str, word: str) -> None:
    guess = guessed(name, texts)
    assert guess.role == role
    assert word in guess.evidence
    assert not any(text in guess.evidence for text in texts if text.strip())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("noise.bin", b"abc\ndefgh\nxy\n", "neither a separator"),
        ("broken.parquet", b"PAR1 no footer", "broken.parquet cannot be read"),
        ("broken.xlsx", b"PK\x03\x04 no book", "broken.xlsx cannot be read"),
    ],
)
def test_a_sample_that_is_none_is_one_sentence(
    name: str, content: bytes, words: str, settle: Run, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    code, out, said = settle("layout", "infer", name)
    assert (code, out) == (2, "")
    assert words in said
    assert said.count("\n") == 1


def test_a_layout_is_not_overwritten(settle: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(MUSEUM.encode())
    (tmp_path / "a.toml").write_text("mine", encoding="utf-8")
    assert settle("layout", "infer", "a.csv", "--out", "a.toml")[0] == 2
    assert (tmp_path / "a.toml").read_text(encoding="utf-8") == "mine"


def test_every_complaint_is_told_with_its_place(settle: Run, tmp_path: Path) -> None:
    name = "MUSEUM_20240301_01.csv"
    (tmp_path / name).write_bytes(MUSEUM.encode())
    settle("layout", "infer", name, "--out", "made.toml")
    bad = MUSEUM.replace("17,30", PANS[0]).replace("5,00", "x").replace("T;2;", "T;3;")
    (tmp_path / name).write_text(bad, encoding="utf-8")
    code, out, said = settle("layout", "check", "made.toml", name)
    assert code == 2
    assert "record 2: NON_NUMERIC_AMOUNT in field_5: 555555******4444" in out
    assert "record 3: NON_NUMERIC_AMOUNT in field_5: x" in out
    assert "T.field_1 does not re-add" in said
    assert PANS[0] not in out + said
    (tmp_path / name).write_text(MUSEUM[:-8], encoding="utf-8")
    code, out, said = settle("layout", "check", "made.toml", name)
    assert code == 2
    assert "its last line has no end" in said


def test_a_name_and_a_date_that_do_not_fit_are_told(settle: Run, tmp_path: Path) -> None:
    (tmp_path / "P_20240301.parquet").write_bytes(rows_as_parquet([(5, "EUR", "x")]))
    (tmp_path / "other.csv").write_bytes(REPORT.encode())
    (tmp_path / "bericht_20240301.csv").write_bytes(REPORT.encode())
    settle("layout", "infer", "bericht_20240301.csv", "--out", "made.toml")
    code, _, said = settle("layout", "check", "made.toml", "other.csv")
    assert code == 2
    assert "neither its name nor its header tells a business date" in said
    code, out, _ = settle("layout", "check", "made.toml", "other.csv", "--date", "2024-03-14")
    assert code == 0
    assert "A night would not take it for this layout" in out
    assert settle("layout", "check", "made.toml", "other.csv", "--date", "soon")[0] == 2
    assert settle("layout", "check", "gone.toml", "other.csv")[0] == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bericht_20240301.csv", True),
        ("sales_20240301.jsonl", True),
        # A trailer tells the count, and a workbook that was cut cannot be opened.
        ("MUSEUM_20240301_01.csv", False),
        ("sales_20240301.xlsx", False),
    ],
)
def test_a_file_whose_cut_at_a_line_end_nobody_can_see_is_said(
    name: str, told: bool, settle: Run, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(SAMPLES[name])
    settle("layout", "infer", name, "--out", "made.toml")
    code, out, _ = settle("layout", "check", "made.toml", name)
    assert code == 0
    assert ("No total of the file says how much it holds" in out) == told
