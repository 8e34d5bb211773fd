"""Rates and spellings from files beside the rules: read exactly, or refused with file, row and sentence."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from reconcile_runs import HEAD, row, run_files, write_csv

from settlement import cli
from settlement.errors import TerminalError
from settlement.reconcile.check import check_rules
from settlement.reconcile.explain import explain_rules
from settlement.reconcile.rules import read_rules
from settlement.reconcile.run import load_rules, match_files
from settlement.reconcile.tables import with_tables

CONVERTED = '[[pass]]\nname = "one"\nkeys = ["key"]\namount = { rule = "converted", minor = 1 }\n'
RATES = '[rates]\nfile = "rates.csv"\n' + CONVERTED
CARDS = (
    '[left.text.key]\nnormalise = ["alias:cards"]\n'
    '[alias_file.cards]\nfile = "cards.csv"\nfrom = "card_ref"\nto = "card_masked"\n'
    '[[pass]]\nname = "one"\nkeys = ["key"]\n'
)
GOOD = "from,to,date,rate\nEUR,USD,2024-01-01,1.1\nEUR,USD,2024-03-01,1.2\nUSD,EUR,2024-01-01,0.5\n"


def _folder(folder: Path, rules: str, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "rules.toml").write_text(HEAD + rules, encoding="utf-8")
    return folder / "rules.toml"


def _sides(folder: Path, left: list[dict[str, object]], right: list[dict[str, object]]) -> tuple[Path, Path]:
    return write_csv(folder / "left.csv", left), write_csv(folder / "right.csv", right)


def test_the_latest_rate_on_or_before_the_day_counts_from_file_and_document_alike(tmp_path: Path) -> None:
    inline = '[[rate]]\nfrom = "EUR"\nto = "USD"\ndate = 2024-03-05\nrate = 1.3\n'
    rules = _folder(tmp_path, RATES + inline, rates=GOOD)
    days = ["2024-02-29", "2024-03-01", "2024-03-04", "2024-03-05", "2023-12-31"]
    left = [row(f"B{at}", 1000, key=f"K{at}", date=day, ccy="EUR") for at, day in enumerate(days)]
    right = [row(f"T{at}", amount, key=f"K{at}") for at, amount in enumerate([1100, 1200, 1200, 1300, 1100])]
    found = run_files(*_sides(tmp_path, left, right), rules, tmp_path / "out")
    assert found.pairs == {("B0", "T0"), ("B1", "T1"), ("B2", "T2"), ("B3", "T3")}


def test_rates_of_a_typed_file_are_exact(tmp_path: Path) -> None:
    rules = _folder(tmp_path, RATES.replace("rates.csv", "rates.parquet"))
    table = pl.DataFrame({"from": ["EUR"], "to": ["USD"], "date": ["2024-01-01"], "rate": ["1.10000000000000001"]})
    table.with_columns(pl.col("date").str.to_date()).write_parquet(tmp_path / "rates.parquet")
    read = with_tables(load_rules(rules), rules, {})
    assert str(read.rate[0].rate) == "1.10000000000000001"


REFUSED_RATES = {
    "a comma": ("EUR,USD,2024-01-01,1;1", "rates.csv, row 1, column `rate`: '1;1' is no rate; write a decimal"),
    "a power": ("EUR,USD,2024-01-01,1e3", "'1e3' is no rate"),
    "nothing": ("EUR,USD,2024-01-01,", "column `rate`: it is no rate"),
    "zero": ("EUR,USD,2024-01-01,0.000", "'0.000' is no rate"),
    "negative": ("EUR,USD,2024-01-01,-1.1", "'-1.1' is no rate"),
    "endless": ("EUR,USD,2024-01-01,1234567890.1234567891", "is no rate"),
    "no currency": ("EUR,USX,2024-01-01,1.1", "row 1, column `to`: 'USX' is no ISO 4217 code; write one as USD."),
    "empty currency": (",USD,2024-01-01,1.1", "column `from`: it is no ISO 4217 code"),
    "to itself": ("USD,USD,2024-01-01,1.1", "column `to`: 'USD' is the currency it comes from; write two"),
    "no date": ("EUR,USD,2024-02-30,1.1", "column `date`: '2024-02-30' is no date; write one as 2024-01-31."),
    "loose date": ("EUR,USD,2024-1-3,1.1", "'2024-1-3' is no date"),
    "twice": (
        "EUR,USD,2024-01-01,1.1\nEUR,USD,2024-01-01,1.1",
        "row 2: the rate from EUR to USD of 2024-01-01 stands in row 1 too: remove one of them.",
    ),
    "contradictory": ("EUR,USD,2024-01-01,1.1\nEUR,USD,2024-01-01,1.2", "stands in row 1 too"),
    "no rows": ("", "rates.csv holds no rows: it needs at least one."),
}


@pytest.mark.parametrize("case", sorted(REFUSED_RATES))
def test_a_bad_row_of_rates_is_refused(case: str, tmp_path: Path) -> None:
    rows, words = REFUSED_RATES[case]
    rules = _folder(tmp_path, RATES, rates=f"from,to,date,rate\n{rows}")
    _refused(rules, words)


REFUSED_CARDS = {
    "twice": ("r1,m1\nr2,m1\nr1,m1", "cards.csv, rows 1 and 3: 'r1' stands twice in `card_ref`: remove one of them."),
    "contradictory": ("r1,m1\nr1,m2", "rows 1 and 2: 'r1' stands twice in `card_ref` and means two things"),
    "empty text": ("r1,", "cards.csv, row 1, column `card_masked`: it is empty; write a text or leave the row out."),
    "empty spelling": ("r1,m1\n,m1", "cards.csv, row 2, column `card_ref`: it is empty"),
    "a whole card": ("4111111111111111,a\n4111111111111111,b", "'411111******1111' stands twice"),
}


@pytest.mark.parametrize("case", sorted(REFUSED_CARDS))
def test_a_bad_row_of_spellings_is_refused(case: str, tmp_path: Path) -> None:
    rows, words = REFUSED_CARDS[case]
    _refused(_folder(tmp_path, CARDS, cards=f"card_ref,card_masked\n{rows}\n"), words)


def _refused(rules: Path, words: str) -> None:
    with pytest.raises(TerminalError) as refused:
        with_tables(load_rules(rules), rules, {})
    said = str(refused.value)
    assert words in said
    assert "\n" not in said


FILES = {
    "missing": ("[rates]\nfile = 'other.csv'\n", "other.csv is no file: name an existing one."),
    "upwards": ("[rates]\nfile = '../rates.csv'\n", "'../rates.csv' lies outside the folder of the rules: put"),
    "absolute": ("[rates]\nfile = '/tmp/rates.csv'\n", "with --table rates=FILE."),
    "column": ("[rates]\nfile = 'cards.csv'\n", "cards.csv has no column `from`: "),
    "link": ("[rates]\nfile = 'link.csv'\n", "'link.csv' lies outside the folder of the rules"),
    "one column": (
        "[alias_file.cards]\nfile = 'cards.csv'\nfrom = 'card_ref'\nto = 'card_ref'\n",
        "`from` and `to` name one column",
    ),
}


@pytest.mark.parametrize("case", sorted(FILES))
def test_a_file_that_does_not_serve_is_refused(case: str, tmp_path: Path) -> None:
    text, words = FILES[case]
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "rates.csv").write_text(GOOD)
    (inside / "link.csv").symlink_to(tmp_path / "rates.csv")
    _refused(_folder(inside, text + '[[pass]]\nname = "one"\nkeys = ["key"]\n', cards="card_ref,x\na,b\n"), words)


WORDS = {
    "text for a table": ('rates = "rates.csv"\n', "`rates`: must be a table, not 'rates.csv'."),
    "text for a file": ('alias_file = { cards = "cards.csv" }\n', "`alias_file` `cards`: must be a table"),
    "no column": ('[alias_file.cards]\nfile = "cards.csv"\nto = "b"\n', "`alias_file` `cards` `from`: is missing"),
    "misspelt": ('[rates]\nfille = "rates.csv"\n', "`rates` `fille`: is an unknown word: did you mean `file`?"),
    "one name": ('[alias.a]\nx = "y"\n[alias_file.a]\nfile = "f"\nfrom = "a"\nto = "b"\n', "have one name: give"),
    "the name of rates": ('[alias_file.rates]\nfile = "f"\nfrom = "a"\nto = "b"\n', "give this one another name"),
    "a rate twice": (
        '[[rate]]\nfrom = "EUR"\nto = "USD"\ndate = 2024-01-01\nrate = 1.1\n' * 2,
        "`rate` no. 2: the rate from EUR to USD of 2024-01-01 stands twice: remove one.",
    ),
    "a rate to itself": ('[[rate]]\nfrom = "EUR"\nto = "EUR"\ndate = 2024-01-01\nrate = 1.1\n', "write two currencies"),
}


@pytest.mark.parametrize("case", sorted(WORDS))
def test_words_about_tables_are_refused(case: str) -> None:
    text, words = WORDS[case]
    with pytest.raises(TerminalError) as refused:
        read_rules(text + HEAD + '[[pass]]\nname = "one"\nkeys = ["key"]\n', "rules.toml")
    assert words in str(refused.value)


def test_a_file_given_plainly_may_lie_anywhere(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    rules = _folder(tmp_path / "rules", RATES)
    (tmp_path / "tonight.csv").write_text(GOOD)
    sides = _sides(tmp_path, [row("B1", 1000, ccy="EUR")], [row("T1", 1200)])
    match_files(*sides, rules, tmp_path / "out", lambda *_: None, tables={"rates": tmp_path / "tonight.csv"})
    assert pl.read_parquet(tmp_path / "out" / "matches.parquet").height == 1
    with pytest.raises(TerminalError, match=r"--table rate: rules.toml declares no such file: did you mean `rates`\?"):
        match_files(*sides, rules, tmp_path / "other", lambda *_: None, tables={"rate": tmp_path / "tonight.csv"})
    assert not (tmp_path / "other").exists()


def test_the_commands_look_at_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = _folder(tmp_path, RATES, rates="from,to,date,rate\nEUR,USD,2024-01-01,one\n", more=GOOD)
    for words, code, said in (
        ([], 2, "rates.csv, row 1, column `rate`: 'one' is no rate"),
        (["--table", f"rates={tmp_path / 'more.csv'}"], 0, "0 warnings, no errors"),
        (["--table", "rates"], 2, "--table rates names no file: write NAME=FILE"),
        (["--table", "rates=a", "--table", "rates=b"], 2, "names one table twice"),
    ):
        monkeypatch.setattr("sys.argv", ["settle", "rules", "check", str(rules), *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert left.value.code == code
        shown = capsys.readouterr()
        assert said in shown.out + shown.err


def test_tables_nothing_looks_into_are_told_and_the_others_explained() -> None:
    unused = read_rules(HEAD + RATES.replace(CONVERTED, "") + CARDS.replace('"alias:cards"', ""), "rules.toml")
    assert [one.sentence for one in check_rules(unused)] == [
        "table `[alias_file.cards]` is declared and never used.",
        "rates are declared, and no pass converts amounts.",
    ]
    told = explain_rules(read_rules(HEAD + '[rates]\nfile = "r.csv"\n' + CARDS, "rules.toml"))
    assert "key is read by the table cards (cards.csv, card_ref to card_masked)." in told
    assert "The rate table is read from r.csv." in told
