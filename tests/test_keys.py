"""Card keys: where they come from, and a change of keys that leaves the books alone."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from settlement import cardkey, originals, reperform, runner, store
from settlement.cardkey import add_card_key, outside_keys, read_card_keys, retire_card_key
from settlement.errors import TerminalError
from settlement.home import create_home
from settlement.store import Home

OLD, NEW = bytes(range(32)).hex(), bytes(range(32, 64)).hex()
GIVEN = {"test": OLD, "k2": NEW}


def test_keys_come_from_environment_command_or_file(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("SETTLEMENT_CARD_KEY_ID", "mine")
    monkeypatch.setenv("SETTLEMENT_CARD_KEY", f"{OLD}, k2:{NEW}")
    assert [(key.key_id, key.secret.hex()) for key in outside_keys()] == [("mine", OLD), ("k2", NEW)]
    monkeypatch.delenv("SETTLEMENT_CARD_KEY")
    file = tmp_path / "keys"
    file.write_text(f"k1:{OLD}\nk2:{NEW}\n")
    monkeypatch.setenv("SETTLEMENT_CARD_KEY_FILE", str(file))
    assert [key.key_id for key in outside_keys()] == ["k1", "k2"]
    monkeypatch.setenv("SETTLEMENT_CARD_KEY_COMMAND", f"printf 'k9:%s' {NEW}")
    assert [(key.key_id, key.secret.hex()) for key in outside_keys()] == [("k9", NEW)]


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("SETTLEMENT_CARD_KEY", " ", "holds no card key"),
        ("SETTLEMENT_CARD_KEY", f"k1:{OLD} k1:{NEW}", "two card keys of one id"),
        ("SETTLEMENT_CARD_KEY", f"k1:{OLD}0", "64 hex digits"),
        ("SETTLEMENT_CARD_KEY_COMMAND", "false", "exit code 1"),
        ("SETTLEMENT_CARD_KEY_COMMAND", "/nowhere/at/all", "does not run"),
        ("SETTLEMENT_CARD_KEY_COMMAND", "printf 'k1:%s' secret", "64 hex digits"),
    ],
)
def test_a_source_that_holds_no_key_says_so_and_nothing_of_its_content(monkeypatch, variable, text, words) -> None:
    monkeypatch.delenv("SETTLEMENT_CARD_KEY")
    monkeypatch.setenv(variable, text)
    with pytest.raises(TerminalError, match=words) as refused:
        outside_keys()
    assert OLD[:8] not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_no_card_key_is_drawn_where_a_secrets_store_gives_one(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("SETTLEMENT_CARD_KEY")
    monkeypatch.setenv("SETTLEMENT_CARD_KEY_COMMAND", f"printf 'k9:%s' {NEW}")
    monkeypatch.setenv("SETTLEMENT_CARD_KEY_FILE", str(tmp_path / "card_key"))
    created = create_home(tmp_path / "home", None)
    assert created.card is None
    assert not (tmp_path / "card_key").exists()


@pytest.fixture
def changed_home(tmp_path: Path, sample_dir: Path) -> Home:
    create_home(tmp_path / "home", sample_dir)
    return store.open_home(tmp_path / "home")


def _give(monkeypatch, *keys: str) -> None:
    monkeypatch.setenv("SETTLEMENT_CARD_KEY", ",".join(f"{key}:{GIVEN[key]}" for key in keys))


def test_a_change_of_keys_leaves_the_books_alone(settled_sample: Path, tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(settled_sample / "two_nights", tmp_path / "home")
    home = store.open_home(tmp_path / "home")
    _, second, third = originals.delivery_dates(home)
    _give(monkeypatch, "k2", "test")
    add_card_key(home, "k2", third)
    runner.run_night(home, third, until="pay")
    assert {key.partition("-")[0] for key in _references(home, second)} == {"test"}
    assert {key.partition("-")[0] for key in _references(home, third)} == {"test"}
    remembered = store.read_table(home, "card_token", third)
    # A file of the second night comes again: its cards are read, and are no records of the third.
    before, own = _references(home, second), _references(home, third)
    assert own < set(remembered["card_ref"]) <= before | own
    assert all(text.startswith("k2-") for text in remembered["token"])
    assert store.read_table(home, "card_token", second).is_empty()
    for night in (second, third):
        assert not reperform.verify_night(home, night).differing


def _references(home: Home, night: date) -> set[str]:
    frames = [store.read_table(home, table, night)["card_ref"].drop_nulls() for table in ("clearing", "enrolment")]
    return {text for frame in frames for text in frame.to_list()}


def test_a_night_names_the_key_that_is_missing(changed_home: Home, monkeypatch) -> None:
    first, second, *_ = originals.delivery_dates(changed_home)
    _give(monkeypatch, "k2", "test")
    add_card_key(changed_home, "k2", second)
    assert [key.key_id for key in read_card_keys(changed_home, first)] == ["test"]
    assert [key.key_id for key in read_card_keys(changed_home, second)] == ["k2", "test"]
    _give(monkeypatch, "k2")
    with pytest.raises(TerminalError, match=rf"'test', which .* uses on {second}, is not at hand"):
        read_card_keys(changed_home, second)
    retire_card_key(changed_home, "test", date(2099, 1, 1))
    assert [key.key_id for key in read_card_keys(changed_home, date(2099, 1, 1))] == ["k2"]


def test_a_change_that_cannot_be_is_refused(changed_home: Home, monkeypatch) -> None:
    first, second, *_ = originals.delivery_dates(changed_home)
    with pytest.raises(TerminalError, match="'k2' is not at hand"):
        add_card_key(changed_home, "k2", second)
    _give(monkeypatch, "test", "k2")
    for key in ("test", "other"):
        with pytest.raises(TerminalError, match=r"already|not at hand"):
            add_card_key(changed_home, key, second)
    with pytest.raises(TerminalError, match="current one on"):
        retire_card_key(changed_home, "test", second)
    with pytest.raises(TerminalError, match="no card key 'other'"):
        retire_card_key(changed_home, "other", second)
    runner.run_stage(changed_home, first, "land")
    runner.run_stage(changed_home, first, "parse")
    with pytest.raises(TerminalError, match="is read already"):
        add_card_key(changed_home, "k2", first)
    note = json.loads((changed_home.root / "home.json").read_text())
    assert [key["id"] for key in note["card_keys"]] == ["test"]
    assert OLD not in json.dumps(note)
    assert cardkey.known_keys(changed_home)[0].since is None
