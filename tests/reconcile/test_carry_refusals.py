"""What cannot be carried is told in one sentence, and nothing is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from reconcile_runs import HEAD, night, row, run_files, write_csv

from settlement import cli
from settlement.errors import TerminalError
from settlement.reconcile.cards import Texts, is_card
from settlement.reconcile.rules import read_rules

PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'
CARRY = PASS + "[carry]\n"


def _forged(folder: Path, name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """A table changed and its digest with it, as another program would write it."""
    change(pl.read_parquet(folder / f"{name}.parquet")).write_parquet(folder / f"{name}.parquet")
    note = json.loads((folder / "carry.json").read_text())
    note[f"{name}_sha256"] = hashlib.sha256((folder / f"{name}.parquet").read_bytes()).hexdigest()
    (folder / "carry.json").write_text(json.dumps(note))


def _noted(folder: Path, **words: object) -> None:
    note = json.loads((folder / "carry.json").read_text())
    (folder / "carry.json").write_text(json.dumps(note | words))


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (lambda out: out.rename(out.with_name("gone")), "is no folder: name the outputs of an earlier run."),
    "no note": (lambda out: (out / "carry.json").unlink(), "has no carry.json: name the outputs of a run whose rules"),
    "a note of other things": (lambda out: (out / "carry.json").write_text("[1]"), "carry.json in "),
    "a note cut off": (lambda out: (out / "carry.json").write_text('{"version": 1'), "is not as its run has left it"),
    "a note in other letters": (lambda out: (out / "carry.json").write_bytes(b"\xff{"), "is not as its run has left"),
    "a note without end": (lambda out: (out / "carry.json").write_text("[" * 100_000), "is not as its run has left it"),
    "a note of one number": (lambda out: (out / "carry.json").write_text("9" * 5_000), "is not as its run has left it"),
    "a folder for open rows": (
        lambda out: ((out / "open.parquet").unlink(), (out / "open.parquet").mkdir()),
        "open.parquet in ",
    ),
    "a foreign note": (lambda out: _noted(out, declared={"left": "me"}), "carry.json in "),
    "another version": (lambda out: _noted(out, version=2), "was left by another version of settlement: start anew"),
    "no open rows": (lambda out: (out / "open.parquet").unlink(), "open.parquet in "),
    "open rows changed": (lambda out: (out / "open.parquet").write_bytes(b"PAR1"), "open.parquet in "),
    "matched rows changed": (lambda out: (out / "taken.parquet").write_bytes(b""), "taken.parquet in "),
    "an amount changed": (
        lambda out: (
            pl.read_parquet(out / "open.parquet")
            .with_columns(amount=pl.lit(500, pl.Int64))
            .write_parquet(out / "open.parquet")
        ),
        "open.parquet in ",
    ),
    "no Parquet": (
        lambda out: (
            (out / "open.parquet").write_bytes(b"x"),
            _noted(out, open_sha256=hashlib.sha256(b"x").hexdigest()),
        ),
        "open.parquet in ",
    ),
    "other columns": (
        lambda out: _forged(out, "open", lambda rows: rows.drop("runs")),
        "is not as its run has left it",
    ),
    "another side": (
        lambda out: _forged(out, "open", lambda rows: rows.with_columns(side=pl.lit("middle"))),
        "is not as its run has left it: run that night again.",
    ),
    "an unknown currency": (
        lambda out: _forged(out, "open", lambda rows: rows.with_columns(currency=pl.lit("USX"))),
        "has amounts in USX, which is no ISO 4217 code: run that night again.",
    ),
    "an id twice": (
        lambda out: _forged(out, "open", lambda rows: pl.concat([rows, rows])),
        "is not as its run has left it: run that night again.",
    ),
}


@pytest.mark.parametrize("case", sorted(DAMAGED))
def test_a_folder_that_was_changed_is_refused(case: str, tmp_path: Path) -> None:
    change, words = DAMAGED[case]
    first = night(tmp_path, "2024-03-01", [row("B1", 5)], [row("T1", 6)], CARRY)
    change(first.out)
    _refused(tmp_path, CARRY, words, carry=first.out)


def _refused(folder: Path, rules: str, words: str, *, carry: Path | None, day: str = "2024-03-02", **more: str) -> None:
    with pytest.raises(TerminalError) as refused:
        night(folder, day, [row("B2", 7)], [row("T2", 8)], rules, carry=carry, **more)
    said = str(refused.value)
    assert words in said
    assert "\n" not in said
    assert not (folder / day / "out").exists()


OTHER_RULES = {
    "amount": (
        HEAD.replace('unit = "minor"', 'unit = "minor"\nnegate = true', 1),
        "was left by other rules: `[left.amount]` reads another thing there; carry with the rules of that run",
    ),
    "name": (HEAD.replace('"till"', '"shop"'), "`[right]` reads another thing"),
    "date": (HEAD.replace('[right.date]\ncolumn = "date"\n', ""), "`[right.date]` reads another thing"),
    "text": (HEAD + '[left.text.key]\nnormalise = ["trim"]\n', "`[left.text.key]` reads another thing"),
    "id": (HEAD.replace('name = "bank"\nid = "id"', 'name = "bank"'), "`[left]` reads another thing"),
}


@pytest.mark.parametrize("case", sorted(OTHER_RULES))
def test_a_folder_of_other_sides_is_refused(case: str, tmp_path: Path) -> None:
    head, words = OTHER_RULES[case]
    first = night(tmp_path, "2024-03-01", [row("B1", 5)], [row("T1", 6)], CARRY)
    _refused(tmp_path, CARRY, words, carry=first.out, head=head)


def test_other_passes_and_another_way_to_write_a_file_are_fine(tmp_path: Path) -> None:
    first = night(tmp_path, "2024-03-01", [row("B1", 5)], [row("T1", 6)], CARRY)
    head = HEAD.replace('id = "id"', 'id = "id"\nencoding = "cp1252"', 1)
    found = night(
        tmp_path, "2024-03-02", [row("B2", 6)], [row("T2", 5)], CARRY + "most_days = 1\n", carry=first.out, head=head
    )
    assert found.pairs == {("B1", "T2"), ("B2", "T1")}


@pytest.mark.parametrize("day", ["2024-03-01", "2024-02-29"])
def test_a_folder_of_the_same_day_or_a_later_one_is_refused(day: str, tmp_path: Path) -> None:
    first = night(tmp_path, "2024-03-01", [row("B1", 5)], [row("T1", 6)], CARRY).out
    moved = first.rename(tmp_path / "earlier")
    (tmp_path / "2024-03-01").rename(tmp_path / "away")
    _refused(tmp_path, CARRY, f"of 2024-03-01, which is not before {day}: carry an earlier run", carry=moved, day=day)


def test_an_id_that_comes_again_is_refused(tmp_path: Path) -> None:
    first = night(tmp_path, "2024-03-01", [row("B2", 5)], [row("T1", 6)], CARRY)
    _refused(tmp_path, CARRY, "left.csv: id 'B2' stands open since 2024-03-01 and comes again", carry=first.out)


def test_the_date_of_the_run_is_asked_for_where_it_is_needed(tmp_path: Path) -> None:
    left, right = write_csv(tmp_path / "left.csv", [row("B1", 5)]), write_csv(tmp_path / "right.csv", [row("T1", 5)])
    rules = tmp_path / "rules.toml"
    for words, said in (
        (CARRY, "rules.toml has `[carry]`: say the date of the run, --as-of YYYY-MM-DD."),
        (PASS + "[ageing]\n", "rules.toml has `[ageing]`: say the date of the run"),
    ):
        rules.write_text(HEAD + words)
        with pytest.raises(TerminalError) as refused:
            run_files(left, right, rules, tmp_path / "out")
        assert said in str(refused.value)
    rules.write_text(HEAD + PASS)
    with pytest.raises(TerminalError, match=r"rules.toml carries nothing: add `\[carry\]`, or leave --carry out."):
        run_files(left, right, rules, tmp_path / "out", carry=tmp_path)
    with pytest.raises(TerminalError, match=r"neither `\[carry\]` nor `\[ageing\]`.* leave --as-of out"):
        run_files(left, right, rules, tmp_path / "out", as_of=date(2024, 3, 1))
    rules.write_text(HEAD + CARRY)
    with pytest.raises(TerminalError, match="--carry and --out name one folder"):
        run_files(left, right, rules, tmp_path / "out", carry=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    rules.write_text(HEAD + PASS)
    assert run_files(left, right, rules, tmp_path / "out").pairs == {("B1", "T1")}


def test_the_command_takes_a_date_and_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = night(tmp_path, "2024-03-01", [row("B1", 5)], [row("T1", 6)], CARRY + "stale_after_runs = 2\n")
    place = tmp_path / "2024-03-01"
    (place / "left.csv").write_text("id,amount,key,date,ccy\nB2,6,K,2024-03-01,USD\n")
    (place / "right.csv").write_text("id,amount,key,date,ccy\nT2,9,L,2024-03-01,USD\n")
    for day, code, said in (
        ("2024-03-32", 2, "settle: --as-of '2024-03-32' is no date: write it as YYYY-MM-DD."),
        ("2024-03-01", 2, "which is not before 2024-03-01"),
        ("2024-03-05", 0, "1 carried"),
    ):
        words = ["match", "left.csv", "right.csv", "--rules", "rules.toml", "--out", "next"]
        monkeypatch.chdir(place)
        monkeypatch.setattr("sys.argv", ["settle", *words, "--carry", str(first.out), "--as-of", day])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        assert left.value.code == code, told
        assert said in told.out + told.err


WORDS = {
    "text for a table": (PASS, 'carry = "yes"\n', "`carry`: must be a table, not 'yes'."),
    "text for ageing": (PASS, 'ageing = "1, 3"\n', "`ageing`: must be a table, not '1, 3'."),
    "descending": (
        PASS + "[ageing]\nbuckets = [3, 1]\n",
        "",
        "`ageing`: `buckets` ascend: write them as [1, 3, 7, 30]",
    ),
    "no buckets": (PASS + "[ageing]\nbuckets = []\n", "", "`ageing` `buckets`: must be at least one word long"),
    "expiry": (CARRY + "expires_after_days = 3\n", "", "rows expire after 3 days, but passes take them up to 30"),
    "a pass past expiry": (
        PASS + "carried_most_days = 90\n[carry]\nexpires_after_days = 60\n",
        "",
        "it takes carried rows of up to 90 days, but they expire after 60",
    ),
    "a pass of nothing": (
        PASS + "carry = false\n",
        "",
        "`pass` no. 1 (one): it speaks of carried rows, but nothing is",
    ),
    "both": (PASS + "carry = false\ncarried_most_days = 3\n[carry]\n", "", "`carried_most_days` needs carried rows"),
    "misspelt": (CARRY + "most_day = 3\n", "", "`carry` `most_day`: is an unknown word: did you mean `most_days`?"),
}


@pytest.mark.parametrize("case", sorted(WORDS))
def test_words_about_carrying_are_refused(case: str) -> None:
    after, before, words = WORDS[case]
    text = after if not before else PASS
    with pytest.raises(TerminalError) as refused:
        read_rules(before + HEAD + text, "rules.toml")
    assert words in str(refused.value)


CARDS = ["4111111111111111", "5500 0055 5555 5559", "3782-822463-10005", "6011000990139424", "4012888888881881"]


def test_whole_card_numbers_are_not_written_out(tmp_path: Path) -> None:
    assert all(map(is_card, CARDS))
    assert not any(map(is_card, ["4111111111111112", "9111111111111111", "411111111111111", "20240301000017"]))
    left = [row(f"B{at}", at, key=card) for at, card in enumerate(CARDS)]
    with pytest.raises(TerminalError) as refused:
        night(tmp_path, "2024-03-01", left, [row("T1", 9)], CARRY)
    assert "left.csv, text `key` holds card numbers, and open rows are written out" in str(refused.value)
    assert not (tmp_path / "2024-03-01" / "out").exists()
    lone = [row("B1", 5, key=CARDS[0]), row("B2", 6, key=f"order {CARDS[1]}"), row("B3", 7, key="2024030100001712")]
    found = night(tmp_path, "2024-03-02", lone, [row("T1", 9)], CARRY)
    kept = pl.read_parquet(found.out / "open.parquet").filter(pl.col("side") == "left")["text:key"].to_list()
    assert kept == ["411111******1111", "order 550000******5559", "2024030100001712"]


def test_long_numbers_that_pass_for_cards_by_chance_stay_whole() -> None:
    numbers = pl.Series([f"20240301{at:08d}" for at in range(40)] + [CARDS[0]])
    column = Texts()
    column.look(numbers)
    column.require_no_cards("x")
    assert column.without_cards(numbers).to_list() == numbers.to_list()
