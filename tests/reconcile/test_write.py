"""Outputs appear whole or not at all, and the command says what a person needs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reconcile_runs import HEAD, row, run, write_csv

from settlement import cli
from settlement.errors import TerminalError
from settlement.reconcile import write
from settlement.reconcile.write import partial_outputs

PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'
FILES = {"summary.json", "matches.csv", "matches.parquet", "breaks.csv", "breaks.parquet"}


def test_an_earlier_run_is_replaced_and_nothing_is_left_beside(tmp_path: Path) -> None:
    run(tmp_path, [row("B1", 5)], [row("T1", 5)], PASS)
    found = run(tmp_path, [row("B1", 5)], [row("T1", 6)], PASS)
    assert not found.matches
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"left.csv", "right.csv", "rules.toml", "out"}


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    for _ in range(2):
        run(tmp_path, [row("B1", 5)], [row("T1", 5)], PASS)
        assert (tmp_path / "out").is_symlink()
        assert {path.name for path in (tmp_path / "real").iterdir()} == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"left.csv", "right.csv", "rules.toml", "out", "real"}


def test_what_a_person_has_put_beside_the_outputs_is_not_lost(tmp_path: Path) -> None:
    run(tmp_path, [row("B1", 5)], [row("T1", 5)], PASS)
    (tmp_path / "out" / "notes.txt").write_text("call the shop")
    with pytest.raises(
        TerminalError, match=r"out holds notes\.txt, which no run has written: move it, or name another"
    ):
        run(tmp_path, [row("B1", 5)], [row("T1", 5)], PASS)
    assert (tmp_path / "out" / "notes.txt").read_text() == "call the shop"


def test_what_a_killed_run_has_left_is_tidied_and_its_earlier_outputs_come_back(tmp_path: Path) -> None:
    run(tmp_path, [row("B1", 5)], [row("T1", 5)], PASS)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / f".out.{gone.pid}.partial").mkdir()
    (tmp_path / "out").rename(tmp_path / f".out.{gone.pid}.earlier")
    (tmp_path / f".out.{os.getpid()}.partial.txt").touch()
    (tmp_path / ".out.1.partial").mkdir()
    with pytest.raises(TerminalError, match="no column `key`"):
        run(tmp_path, [{"id": "B1", "amount": 5, "ccy": "USD", "date": ""}], [row("T1", 5)], PASS)
    with partial_outputs(tmp_path / "out"):
        pass
    names = {path.name for path in tmp_path.iterdir() if path.name.startswith(".out")}
    assert names == {f".out.{os.getpid()}.partial.txt", ".out.1.partial"}


def test_a_fault_while_writing_leaves_the_earlier_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run(tmp_path, [row("B1", 5)], [row("T1", 5)], PASS).matches
    monkeypatch.setattr(write.json, "dumps", lambda *_args, **_more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, [row("B1", 5)], [row("T1", 6)], PASS)
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir()} == {"left.csv", "right.csv", "rules.toml", "out"}
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["passes"][0]["matches"] == len(before) == 1


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    with pytest.raises(TerminalError, match="holds other files than the outputs of an earlier run"):
        run(tmp_path, [row("B1", 5)], [row("T1", 5)], PASS)
    (tmp_path / "file").write_text("")
    with pytest.raises(TerminalError, match="is a file: name a folder"):
        write._require_replaceable(tmp_path / "file")


def _settle(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["settle", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = write_csv(tmp_path / "left.csv", [row("B1", 5)]), write_csv(tmp_path / "right.csv", [row("T1", 5)])
    rules = tmp_path / "rules.toml"
    rules.write_text(HEAD + PASS)
    assert _settle(monkeypatch, "match", left, right, "--rules", rules, "--out", tmp_path / "out") == 0
    assert "bank: 1 rows (0.05 USD), 1 matched (0.05 USD), 0 open (nothing)" in capsys.readouterr().out
    assert _settle(monkeypatch, "rules", "check", rules) == 0
    assert _settle(monkeypatch, "rules", "explain", rules) == 0
    assert "Pass 1, one. One row of bank meets one row of till of the same key." in capsys.readouterr().out
    rules.write_text(HEAD + PASS + PASS.replace('"one"', '"two"'))
    assert _settle(monkeypatch, "rules", "check", rules) == 2
    said = capsys.readouterr()
    assert "error: pass `two` can never fire" in said.out
    rules.write_text(HEAD + PASS + "dayz = 1\n")
    assert _settle(monkeypatch, "match", left, right, "--rules", rules, "--out", tmp_path / "out2") == 2
    assert capsys.readouterr().err.endswith("`dayz`: is an unknown word: did you mean `days`?\n")
    assert not (tmp_path / "out2").exists()
    assert _settle(monkeypatch, "match", left, right, "--rules", tmp_path / "none.toml", "--out", tmp_path / "o") == 2


@pytest.mark.parametrize("head", [HEAD, HEAD.replace('id = "id"\n', "")], ids=["ids", "row numbers"])
def test_what_stands_in_quotes_is_what_a_csv_writer_puts_there(tmp_path: Path, head: str) -> None:
    near = '[[pass]]\nname = "near"\nkeys = ["key"]\namount = { rule = "within", minor = 5 }\n'
    lefts = [row("B,1", 5), row('B"2', 9, key="J"), row("B3", 700, key="L"), row("B4", 2, key="")]
    rights = [row("T1", 5), row("T2", 7, key="J"), row("T3", 300, key="L")]
    run(tmp_path, lefts, rights, PASS + near, head=head)
    for table in ("matches", "breaks"):
        rows = pl.read_parquet(tmp_path / "out" / f"{table}.parquet")
        assert rows["note"].str.contains(",").any()
        assert (tmp_path / "out" / f"{table}.csv").read_bytes() == rows.write_csv().encode()


@given(texts=st.lists(st.one_of(st.none(), st.text(alphabet="ab\",\r\n 'é", max_size=6)), max_size=30))
@settings(derandomize=True, deadline=None)
def test_notes_are_quoted_as_the_library_quotes_them(texts: list[str | None]) -> None:
    rows = pl.DataFrame(
        {"note": pl.Series(texts, dtype=pl.String), "row": pl.Series(range(len(texts)), dtype=pl.Int64)}
    )
    assert rows.with_columns(write._quoted(rows["note"])).write_csv(quote_style="never") == rows.write_csv()
