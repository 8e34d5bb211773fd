"""The command line as a user meets it: one clear sentence, the right exit code, never a traceback."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from settlement import cli, originals, store
from settlement.store import Home


def settle(*words: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command line in this process, which ends by an exit code whatever happens."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["settle", *map(str, words)])
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            cli.main()
    return subprocess.CompletedProcess(sys.argv, int(str(left.value.code)), out.getvalue(), err.getvalue())


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
    assert settle("init", tmp_path / "home", "--from", sample_dir).returncode == 0
    return store.open_home(tmp_path / "home")


def test_help_lists_every_command() -> None:
    done = settle("--help")
    assert done.returncode == 0
    for command in ("init", "sample", "run", "breaks", "explain", "digest", "verify"):
        assert command in done.stdout


def test_a_group_of_commands_alone_shows_its_help() -> None:
    done = settle("rules")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
    assert "suggest" in done.stdout


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
    first, second, *_ = originals.delivery_dates(changed_home)
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
    night = originals.delivery_dates(changed_home)[0]
    assert words in refused("run", "--home", changed_home.root, "--business-date", night, "--until", "pay")


def test_configuration_in_another_encoding(changed_home: Home) -> None:
    (changed_home.config / "programme.toml").write_bytes("name = 'Schöne Karte'".encode("latin-1"))
    night = originals.delivery_dates(changed_home)[0]
    assert "not UTF-8" in refused("run", "--home", changed_home.root, "--business-date", night)


def test_another_card_key_is_refused(changed_home: Home) -> None:
    night = originals.delivery_dates(changed_home)[0]
    sentence = refused(
        "run", "--home", changed_home.root, "--business-date", night, env={"SETTLEMENT_CARD_KEY": "11" * 32}
    )
    assert "card key" in sentence
    assert "11" * 32 not in sentence


def test_questions_to_a_settled_night(settled_home: Home, tmp_path: Path) -> None:
    home, night = settled_home.root, originals.delivery_dates(settled_home)[-1]
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
    by = settle("breaks", "--home", home, "--business-date", night, "--state", "open", "--by", "reason,age_bucket")
    assert "0-1" in by.stdout
    assert "or an output folder" in refused("breaks", tmp_path, "--home", home, "--business-date", night)
    assert "or an output folder" in refused("breaks", "--home", home)


def test_breaks_of_a_match_are_listed_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "breaks.csv").write_text("side,id,reason,nearest,note\nleft,7,late,,soon\nright,8,late,,then\n")
    done = settle("breaks", tmp_path, "--side", "left")
    assert ("soon" in done.stdout, "then" in done.stdout) == (True, False)


def test_a_payout_line_is_explained_to_file_and_record(settled_home: Home) -> None:
    home, night = settled_home.root, originals.delivery_dates(settled_home)[-1]
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


def test_a_home_is_made_in_the_empty_folder_one_stands_in(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "settlement", "init", "."],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path / "home",
    )
    assert done.returncode == 0, done.stderr
    assert store.open_home(tmp_path / "home").inbox.is_dir()


def test_only_its_user_and_group_may_look_into_a_home(changed_home: Home) -> None:
    assert changed_home.root.stat().st_mode & 0o007 == 0


def test_what_cannot_be_copied_into_a_home_is_named(tmp_path: Path) -> None:
    night = tmp_path / "nights" / "2025-12-30"
    night.mkdir(parents=True)
    os.mkfifo(night / "pipe")
    assert str(night / "pipe") in refused("init", tmp_path / "home", "--from", tmp_path / "nights")
    assert [path.name for path in tmp_path.iterdir()] == ["nights"]


def test_a_card_key_that_is_no_text(changed_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SETTLEMENT_CARD_KEY")
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    night = originals.delivery_dates(changed_home)[0]
    words = ("run", "--home", changed_home.root, "--business-date", night)
    assert "64 hex digits" in refused(*words, env={"SETTLEMENT_CARD_KEY_FILE": str(tmp_path / "key")})


@pytest.mark.parametrize("text", [None, "{", "[]", '{"version": 1, "card_keys": []}', "\x00"])
def test_a_home_that_lost_its_card_key_check(changed_home: Home, text: str | None) -> None:
    note = changed_home.root / "home.json"
    note.unlink()
    if text is not None:
        note.write_text(text)
    night = originals.delivery_dates(changed_home)[0]
    assert "home.json" in refused("run", "--home", changed_home.root, "--business-date", night)


def test_a_stopped_night_says_how_it_goes_on(changed_home: Home) -> None:
    night = str(originals.delivery_dates(changed_home)[0])
    script = "from settlement.cli import main; main()"
    words = [sys.executable, "-c", script, "run", "--home", str(changed_home.root), "--business-date", night]
    with subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - one thread
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "land ...\n"
        running.send_signal(signal.SIGINT)
        told = running.stderr.read()
    assert running.returncode == 130
    assert "settle: Stopped." in told


@pytest.fixture
def tampered_home(settled_home: Home, tmp_path: Path) -> Home:
    shutil.copytree(settled_home.root, tmp_path / "home", symlinks=True)
    return store.open_home(tmp_path / "home")


def _verified(home: Home) -> str:
    return refused("verify", "--home", home.root, "--business-date", originals.delivery_dates(home)[0])


def test_a_changed_partner_file_a_changed_posting_and_a_lost_commit_are_named(tampered_home: Home) -> None:
    night = originals.delivery_dates(tampered_home)[0]
    out = tampered_home.published("out", night)
    changed, gone, *_ = sorted(path for path in out.rglob("*") if path.is_file())
    changed.write_bytes(changed.read_bytes() + b"x")
    gone.unlink()
    (out / "added.csv").write_text("x")
    books = sqlite3.connect(tampered_home.root / "books.sqlite")
    (key,) = books.execute("SELECT min(entry_key) FROM entry WHERE business_date = ?", (str(night),)).fetchone()
    for trigger in ("posting_no_update", "stage_run_no_delete"):
        books.execute(f"DROP TRIGGER {trigger}")
    books.execute("UPDATE posting SET amount_minor = amount_minor + 1 WHERE entry_key = ?", (key,))
    books.execute("DELETE FROM stage_run WHERE business_date = ? AND stage = 'rate'", (str(night),))
    books.commit()
    books.close()
    sentence = _verified(tampered_home)
    for path in (changed, gone, out / "added.csv"):
        assert f"partner file {path.relative_to(out).as_posix()}" in sentence
    assert f"journal entry {key}" in sentence
    assert "stage rate" in sentence


def test_a_table_that_cannot_be_read_is_named(tampered_home: Home) -> None:
    night = originals.delivery_dates(tampered_home)[0]
    part = tampered_home.partition("rated_total", night) / "part-00000.parquet"
    part.write_bytes(b"junk")
    assert str(part) in _verified(tampered_home)
    second = originals.delivery_dates(tampered_home)[1]
    assert str(part) in refused("verify", "--home", tampered_home.root, "--business-date", second)


def test_a_damaged_table_of_an_earlier_night_is_named_where_a_question_reads_it(tampered_home: Home) -> None:
    first, second = originals.delivery_dates(tampered_home)[:2]
    part = tampered_home.partition("store", first) / "part-00000.parquet"
    part.write_bytes(b"junk")
    said = refused("known", "store", "--home", tampered_home.root, "--business-date", second)
    assert f"{part} is no readable Parquet file: restore it from backup." in said


def test_a_file_left_in_the_folder_of_a_settled_night_is_not_forgotten(tampered_home: Home) -> None:
    first, *_, last = originals.delivery_dates(tampered_home)
    (tampered_home.inbox / str(first) / "late.csv").write_text("x")
    (tampered_home.inbox / "2031-05-05").mkdir()
    (tampered_home.inbox / "2031-05-05" / "new.csv").write_text("x")
    words = ("run", "--home", tampered_home.root, "--until", "land", "--business-date", "2031-05-05")
    assert f"{first}/late.csv came after its night was landed: move it" in refused(*words)
    (tampered_home.inbox / str(first) / "late.csv").rename(tampered_home.inbox / "2031-05-05" / "late.csv")
    shutil.rmtree(tampered_home.inbox / str(last))
    assert settle(*words).returncode == 0


def test_other_configuration_than_the_nights_is_told(tampered_home: Home) -> None:
    layouts = tampered_home.config / "layouts"
    (layouts / "retailer_capture.toml").rename(layouts / "retailer_capture.off")
    assert "configuration is not the one" in _verified(tampered_home)
