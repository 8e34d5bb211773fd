"""The checker on a machine that has only Python, and a home restored from originals alone."""

from __future__ import annotations

import ast
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from settlement import books, originals, runner, store
from settlement.evidence import verify_books
from settlement.evidence.folder import write_folder
from settlement.evidence.sealed_night import compare_with_seals
from settlement.evidence.verify_books import Found
from settlement.store import Home


def test_the_checker_is_python_3_9_and_imports_nothing_else() -> None:
    tree = ast.parse(Path(verify_books.__file__).read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


def alone(*words: object) -> subprocess.CompletedProcess[str]:
    """The checker run without the packages of this installation, the environment and the current folder."""
    folder = str(words[0])
    command = [sys.executable, "-I", "-S", f"{folder}/verify_books.py", *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")


def test_an_evidence_folder_checks_itself(sealed_home: Home, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    write_folder(sealed_home, evidence)
    done = alone(evidence)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "All that is sealed holds." in done.stdout
    assert alone(evidence, "--home", sealed_home.root).returncode == 0
    write_folder(sealed_home, tmp_path / "again")
    same = ["diff", "-r", str(evidence), str(tmp_path / "again")]
    assert subprocess.run(same, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    "name", ["books/entry.csv", "books/posting.csv", "seals.jsonl", "trial_balance.csv", "files/out"]
)
def test_a_changed_evidence_folder_is_found(sealed_home: Home, tmp_path: Path, name: str) -> None:
    evidence = tmp_path / "evidence"
    write_folder(sealed_home, evidence)
    path = evidence / name
    path = path if path.is_file() else next(file for file in sorted(path.rglob("*.csv")))
    text = path.read_text(encoding="utf-8")
    digit = next(index for index in range(len(text) - 1, 0, -1) if text[index].isdecimal())
    path.write_text(text[:digit] + str(9 - int(text[digit])) + text[digit + 1 :], encoding="utf-8")
    done = alone(evidence)
    assert (done.returncode, done.stderr) == (2, ""), done.stdout
    assert "DOES NOT HOLD" in done.stdout


def test_an_entry_of_things_is_held_against_its_ledger(
    sealed_home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both sides of an entry are changed alike, as by somebody who made the seals anew: the ledger tells."""
    evidence = tmp_path / "evidence"
    write_folder(sealed_home, evidence)
    read = verify_books.folder_books(evidence)
    things = [row for row in read.tables["posting"] if (row["entry_key"] or "").startswith("things/")]
    assert {row["currency"] for row in things} == {"POINTS"}
    assert len({row["entry_key"] for row in things}) > len({(row["entry_key"] or "")[:-10] for row in things})
    chosen = things[0]["entry_key"]
    for row in things:
        amount = int(row["amount_minor"] or 0)
        row["amount_minor"] = str(amount + (amount > 0) - (amount < 0)) if row["entry_key"] == chosen else str(amount)
    found = Found()
    verify_books.check_things(read, evidence / "ledger.csv", found)
    assert {problem.place for problem in found.problems} == {f"entry {chosen}"}
    assert "where table ledger gives" in found.problems[0].what
    # And the other way round, a row of the ledger alone.
    lines = (evidence / "ledger.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    index = next(index for index, line in enumerate(lines) if ",issued," in line)
    night, contract, _, term, *_ = lines[index].split(",")
    for wrong in (lines[index].replace(",issued,", ",lost,"), lines[index].rstrip("\n") + "1\n"):
        (evidence / "ledger.csv").write_text("".join([*lines[:index], wrong, *lines[index + 1 :]]), encoding="utf-8")
        assert verify_books.main([str(evidence)]) == 2
        assert f"entry things/{contract}/{term}/{night}" in capsys.readouterr().out.partition("DOES NOT HOLD")[2]


def test_any_sign_of_the_books_in_an_evidence_folder_counts(
    sealed_home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(sealed_home, tmp_path / "evidence")
    files = [tmp_path / "evidence" / "seals.jsonl", *sorted((tmp_path / "evidence" / "books").glob("*.csv"))]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    chosen = random.Random(7)
    for _ in range(80):
        # A file of a table without rows tells nothing.
        file = chosen.choice([file for file in files if texts[file].count("\n") > 1])
        place = chosen.choice([index for index, sign in enumerate(texts[file]) if sign.isalnum()])
        other = chosen.choice([sign for sign in "x7,\n\\" if sign != texts[file][place]])
        file.write_text(texts[file][:place] + other + texts[file][place + 1 :], encoding="utf-8")
        code = verify_books.main([str(tmp_path / "evidence")])
        assert code in {1, 2}, (file.name, place, other, capsys.readouterr().out)
        file.write_text(texts[file], encoding="utf-8")


def test_what_is_no_evidence_is_said_in_one_line(tmp_path: Path) -> None:
    shutil.copy(verify_books.__file__, tmp_path / "verify_books.py")
    done = alone(tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "cannot be read as books" in done.stdout


@pytest.mark.parametrize("line", ["D", "S", "T"])
def test_a_settlement_file_whose_lines_do_not_add_up_is_told_in_words(sealed_home: Home, line: str) -> None:
    paths = sorted((sealed_home.root / "out").rglob("*.csv"))
    told = [path for path in paths if verify_books.SETTLEMENT_FILE.search(str(path.relative_to(sealed_home.root)))]
    files = [path for path in told if path.read_bytes().startswith(b"H,1,")]
    assert files
    assert all(verify_books.wrong_in_statement(file.read_bytes()) == [] for file in files)
    for file in files:
        rows = file.read_text(encoding="utf-8").splitlines()
        for index, row in enumerate(rows):
            cells = row.split(",")
            if cells[0] == line:
                cells[-1 if line == "T" else -3] = "123456789"
                changed = "\n".join([*rows[:index], ",".join(cells), *rows[index + 1 :], ""])
                assert verify_books.wrong_in_statement(changed.encode()), (file, row)


def test_an_empty_home_is_restored_from_the_originals_alone(sealed_home: Home, tmp_path: Path) -> None:
    """What is needed: the originals under their digests, the names they came under, and the configuration."""
    root = tmp_path / "restored"
    shutil.copytree(sealed_home.config, root / "config")
    shutil.copy(sealed_home.root / "home.json", root / "home.json")
    nights = originals.delivery_dates(sealed_home)
    for night in nights:
        (root / "inbox" / str(night)).mkdir(parents=True)
        for row in store.read_table(sealed_home, "delivery", night).iter_rows(named=True):
            target = root / "inbox" / str(night) / row["name"]
            if row["why"] == "NOT_A_FILE":
                target.mkdir()
            else:
                target.write_bytes(originals.read_original(sealed_home, row["sha256"]))
    restored = store.open_home(root)
    for night in nights:
        runner.run_night(restored, night, until="pay")
        assert runner.books_digest(restored, night) == runner.books_digest(sealed_home, night)
        compared, unlike = compare_with_seals(books.connect(sealed_home), books.connect(restored), night)
        assert unlike == []
        assert compared > 50
