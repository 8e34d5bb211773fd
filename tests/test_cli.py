"""The command line as a user meets it: one clear sentence, the right exit code, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from settlement import store
from settlement.store import Home

SETTLE = [sys.executable, "-c", "from settlement.cli import main; main()"]


def settle(*words: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SETTLE, *map(str, words)], check=False, capture_output=True, text=True, env={**os.environ, **(env or {})}
    )


def refused(*words: object, code: int = 2, **rest) -> str:
    """The one sentence of a refused command."""
    done = settle(*words, **rest)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("settle: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def changed_home(tmp_path: Path, sample_dir: Path) -> Home:
    settle("init", tmp_path / "home", "--from", sample_dir)
    return store.open_home(tmp_path / "home")


def test_help_lists_every_command() -> None:
    done = settle("--help")
    assert done.returncode == 0
    for command in ("init", "sample", "run", "breaks", "explain", "digest", "verify"):
        assert command in done.stdout


def test_missing_folders_and_wrong_words(tmp_path: Path) -> None:
    assert "is no folder" in refused("init", tmp_path / "home", "--from", tmp_path / "nowhere")
    assert "is no settlement home" in refused("run", "--home", tmp_path, "--business-date", "2020-01-01")
    assert "settle --help" in refused("frobnicate")
    assert "--business-date" in refused("run", "--home", tmp_path)
    (tmp_path / "empty").mkdir()
    assert "holds no delivery folder" in refused("init", tmp_path / "home", "--from", tmp_path / "empty")
    (tmp_path / "used").write_text("x")
    assert "not empty" in refused("init", tmp_path / "used")


def test_a_business_date_without_files(changed_home: Home) -> None:
    assert "YYYY-MM-DD" in refused("digest", "--home", changed_home.root, "--business-date", "yesterday")
    assert "no files for 2031-05-05" in refused("run", "--home", changed_home.root, "--business-date", "2031-05-05")
    assert "is not settled" in refused("digest", "--home", changed_home.root, "--business-date", "2031-05-05")


def test_nights_are_settled_in_order(changed_home: Home) -> None:
    first, second, *_ = store.delivery_dates(changed_home)
    sentence = refused("run", "--home", changed_home.root, "--business-date", second)
    assert f"waits for {first}" in sentence


@pytest.mark.parametrize(
    ("document", "text", "words"),
    [
        ("programme.toml", "name = ", "programme.toml"),
        ("match.toml", "nonsense = 1", "match.toml"),
        ("layouts/retailer_capture.toml", "\x00", "retailer_capture.toml"),
    ],
)
def test_unreadable_configuration_is_named(changed_home: Home, document: str, text: str, words: str) -> None:
    (changed_home.config / document).write_text(text)
    night = store.delivery_dates(changed_home)[0]
    assert words in refused("run", "--home", changed_home.root, "--business-date", night, "--until", "pay")


def test_configuration_in_another_encoding(changed_home: Home) -> None:
    (changed_home.config / "programme.toml").write_bytes("name = 'Schöne Karte'".encode("latin-1"))
    night = store.delivery_dates(changed_home)[0]
    assert "not UTF-8" in refused("run", "--home", changed_home.root, "--business-date", night)


def test_another_card_key_is_refused(changed_home: Home) -> None:
    night = store.delivery_dates(changed_home)[0]
    sentence = refused(
        "run", "--home", changed_home.root, "--business-date", night, env={"SETTLEMENT_CARD_KEY": "11" * 32}
    )
    assert "card key" in sentence
    assert "11" * 32 not in sentence


def test_questions_to_a_settled_night(settled_home: Home, tmp_path: Path) -> None:
    home, night = settled_home.root, store.delivery_dates(settled_home)[-1]
    digest = settle("digest", "--home", home, "--business-date", night)
    assert digest.returncode == 0
    assert len(digest.stdout.strip()) == 64
    verified = settle("verify", "--home", home, "--business-date", night)
    assert digest.stdout.strip() in verified.stdout
    listed = settle("breaks", "--home", home, "--business-date", night, "--group")
    assert "MISSING_MERCHANT" in listed.stdout
    exported = settle("breaks", "--home", home, "--business-date", night, "--export", tmp_path / "breaks.csv")
    assert exported.returncode == 0
    assert (tmp_path / "breaks.csv").read_text().count("\n") == store.read_table(
        settled_home, "open_item", night
    ).height + 1
    assert "there are: " in refused("breaks", "--home", home, "--business-date", night, "--reason", "MISSING")


def test_a_payout_line_is_explained_to_file_and_record(settled_home: Home) -> None:
    home, night = settled_home.root, store.delivery_dates(settled_home)[-1]
    payout = store.read_table(settled_home, "payout", night)
    row = payout.filter(contract="C2-RET-COBRAND", term="own_store_rate").to_dicts()[0]
    address = f"{row['contract']}/{row['period']}/{row['term']}"
    done = settle("explain", address, "--home", home, "--business-date", night)
    assert done.returncode == 0, done.stderr
    assert "MC_T112_" in done.stdout
    assert row["contract"] in done.stdout
    assert "own_store_rate" in refused(
        "explain", f"{row['contract']}/{row['period']}/own_store_rat", "--home", home, "--business-date", night
    )


def test_a_sample_twice_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert settle("sample", tmp_path / name, "--nights", 1, "--rows", 60, "--seed", 3).returncode == 0
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert files
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
    shutil.rmtree(tmp_path / "two")
