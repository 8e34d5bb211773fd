"""Watching: what lies in a folder, a store or on a real SFTP server, when it is whole, and how it is fetched."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import asyncssh
import fsspec
import pytest
from sftp_server import SftpServer

from settlement import runner, store, watch
from settlement.errors import RetryableError, TerminalError
from settlement.home import create_home
from settlement.store import Home

NIGHT = date(2025, 12, 30)
FEED, NAME = "mastercard_clearing", "MC_T112_20251230_01.ipm"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    create_home(tmp_path / "home", None)
    return store.open_home(tmp_path / "home")


def _declare(home: Home, text: str) -> None:
    programme = home.config / "programme.toml"
    programme.write_text(programme.read_text(encoding="utf-8") + "\n" + text, encoding="utf-8")


def _watched(home: Home, url: str, more: str = "") -> watch.Watched:
    _declare(home, f"[[watch.source]]\nfeed = '{FEED}'\nurl = '{url}'\n{more}")
    return watch.watched(home, FEED, NIGHT)


def test_a_folder_is_looked_at_twice(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    what = _watched(home, f"file://{out}")
    assert watch.whole_files(what, None, watch.look(what)) == ()
    (out / NAME).write_bytes(b"half")
    first = watch.look(what)
    assert watch.whole_files(what, None, first) == (), "one look is not enough"
    (out / NAME).write_bytes(b"half and more")
    second = watch.look(what)
    assert watch.whole_files(what, first, second) == (), "it still grows"
    (out / "MC_T112_20251230_02.ipm.gz.filepart").write_bytes(b"x")
    third = watch.look(what)
    assert watch.whole_files(what, second, third) == (), "another transfer has not ended"
    (out / "MC_T112_20251230_02.ipm.gz.filepart").unlink()
    for other in ("MC_T112_20251229_01.ipm", "VISA_CTF_20251230_01.ctf", "notes.tmp"):
        (out / other).write_bytes(b"not of this feed and night")
    fourth = watch.look(what)
    assert watch.whole_files(what, third, fourth) == (NAME,)
    assert watch.fetch(home, what, (NAME,)) == (NAME,)
    assert (home.inbox / str(NIGHT) / NAME).read_bytes() == b"half and more"
    (out / NAME).write_bytes(b"changed afterwards")
    watch.fetch(home, what, (NAME,))
    assert (home.inbox / str(NIGHT) / NAME).read_bytes() == b"half and more", "what has come stays"
    assert [path.name for path in home.inbox.iterdir()] == [str(NIGHT)], "nothing half is left behind"


def test_an_object_store_and_its_markers(home: Home) -> None:
    _declare(home, f"[[arrival.feed]]\nfeed = '{FEED}'\nmarker = '{{name}}.done'\n")
    what = _watched(home, "memory://bucket/out")
    files = fsspec.filesystem("memory")
    files.pipe_file("/bucket/out/" + NAME, b"content")
    look = watch.look(what)
    assert watch.whole_files(what, look, look) == ()
    files.pipe_file(f"/bucket/out/{NAME}.done", b"")
    look = watch.look(what)
    assert watch.whole_files(what, look, look) == (NAME, f"{NAME}.done")
    watch.fetch(home, what, (NAME, f"{NAME}.done"))
    assert sorted(path.name for path in (home.inbox / str(NIGHT)).iterdir()) == [NAME, f"{NAME}.done"]


def test_a_detached_signature_comes_with_its_file(home: Home) -> None:
    """It is fetched like the file and needs no marker of its own."""
    _declare(home, f"[[arrival.feed]]\nfeed = '{FEED}'\nmarker = '{{name}}.done'\n")
    what = _watched(home, "memory://signed/out")
    files = fsspec.filesystem("memory")
    for name in (NAME, f"{NAME}.done", f"{NAME}.sig", "other.sig"):
        files.pipe_file("/signed/out/" + name, b"content")
    look = watch.look(what)
    assert watch.whole_files(what, look, look) == (NAME, f"{NAME}.done", f"{NAME}.sig")


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SftpServer, str, Path]]:
    """A server, the line that pins its key, and the folder that it serves."""
    folder, mine = tmp_path / "served", tmp_path / "client_key"
    (folder / "out").mkdir(parents=True)
    client = asyncssh.generate_private_key("ssh-ed25519")
    client.write_private_key(str(mine))
    monkeypatch.setenv("SETTLEMENT_SFTP_KEY_FILE", str(mine))
    server = SftpServer(folder, client)
    yield server, server.key.export_public_key().decode().strip(), folder / "out"
    server.close()


def test_a_real_sftp_server(home: Home, sftp: tuple[SftpServer, str, Path]) -> None:
    server, host_key, out = sftp
    content = bytes(range(256)) * 5000
    (out / NAME).write_bytes(content)
    what = _watched(home, f"sftp://settle@127.0.0.1:{server.port}/out", f"host_key = '{host_key}'\n")
    first, second = watch.look(what), watch.look(what)
    assert first == second
    assert watch.whole_files(what, first, second) == (NAME,)
    watch.fetch(home, what, (NAME,))
    assert (home.inbox / str(NIGHT) / NAME).read_bytes() == content
    (out / NAME).write_bytes(content + b"more")
    assert watch.whole_files(what, second, watch.look(what)) == ()


def test_another_host_key_is_not_spoken_to(home: Home, sftp: tuple[SftpServer, str, Path]) -> None:
    server, _, _ = sftp
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    what = _watched(home, f"sftp://settle@127.0.0.1:{server.port}/out", f"host_key = '{other}'\n")
    with pytest.raises(RetryableError, match="cannot be reached: HostKeyNotVerifiable"):
        watch.look(what)


def test_a_server_without_a_pinned_key_or_with_a_password_is_refused(home: Home) -> None:
    what = _watched(home, "sftp://settle@127.0.0.1:1/out")
    with pytest.raises(TerminalError, match="names no `host_key`"):
        watch.look(what)
    secret = what.source.model_copy(update={"url": "sftp://settle:hunter2@h/out", "host_key": "ssh-ed25519 AAAA"})
    with pytest.raises(TerminalError, match="holds a password") as said:
        watch.look(watch.Watched(source=secret, layouts=(), arrival=what.arrival, night=NIGHT))
    assert "hunter2" not in str(said.value)


def test_a_landed_night_takes_nothing_more(home: Home, tmp_path: Path) -> None:
    what = _watched(home, f"file://{tmp_path}")
    (home.inbox / str(NIGHT)).mkdir()
    (home.inbox / str(NIGHT) / "any.txt").write_bytes(b"x")
    runner.run_night(home, NIGHT, until="land")
    (tmp_path / NAME).write_bytes(b"x")
    with pytest.raises(TerminalError, match="is landed"):
        watch.fetch(home, what, (NAME,))


def test_the_cut_off_is_a_moment_of_its_zone(home: Home) -> None:
    _declare(home, "[watch]\ncut_off = 06:00:00\nzone = 'America/New_York'\n")
    plan = watch.read_watch(store.read_documents(home))
    assert plan.until(date(2025, 12, 30)) == datetime(2025, 12, 31, 11, tzinfo=UTC)
    assert plan.until(date(2025, 7, 1)) == datetime(2025, 7, 2, 10, tzinfo=UTC)
    _declare(home, "zone2 = 1\n")
    with pytest.raises(TerminalError, match=r"watch\.zone2"):
        watch.read_watch(store.read_documents(home))


def test_a_night_waits_for_a_feed_or_goes_on_by_policy_and_calendar(home: Home) -> None:
    _declare(
        home,
        "[[expected]]\nfeed = 'enrolment'\nif_missing = 'wait'\ndays = ['tue']\nnot_on = [2026-01-06]\n",
    )
    documents = store.read_documents(home)
    assert not watch.goes_on_without(documents, "enrolment", date(2025, 12, 30))
    assert watch.goes_on_without(documents, "enrolment", date(2025, 12, 31)), "no Tuesday"
    assert watch.goes_on_without(documents, "enrolment", date(2026, 1, 6)), "a holiday"
    assert watch.goes_on_without(documents, "fx", date(2025, 12, 30))
    for night, waits in ((date(2025, 12, 30), True), (date(2025, 12, 31), False)):
        (home.inbox / str(night)).mkdir()
        (home.inbox / str(night) / "any.txt").write_bytes(b"x")
        if waits:
            with pytest.raises(RetryableError, match="waits for enrolment"):
                runner.run_night(home, night, until="land")
            (home.inbox / str(night) / "any.txt").unlink()
            (home.inbox / str(night)).rmdir()
        else:
            runner.run_night(home, night, until="check")
            missing = store.read_table(home, "finding", night)
            named = missing.filter(missing["check"] == "feed_missing")["subject"].to_list()
            assert "fx" in named
            assert "enrolment" not in named


@pytest.fixture
def trigger_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "dags"))
    import feed_trigger

    yield feed_trigger
    sys.modules.pop("feed_trigger", None)


@pytest.mark.parametrize("came", [True, False])
def test_the_trigger_tells_what_came_or_that_the_cut_off_has_passed(
    home: Home, tmp_path: Path, trigger_module, monkeypatch: pytest.MonkeyPatch, came: bool
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    # The night is long past, so that its cut-off is too: files that lie there are taken all the same.
    _declare(home, f"[[expected]]\nfeed = 'other'\n[[watch.source]]\nfeed = '{FEED}'\nurl = 'file://{out}'\n")
    if came:
        (out / NAME).write_bytes(b"x")
        _declare(home, f"[[expected]]\nfeed = '{FEED}'\nif_missing = 'wait'\n")
    slept: list[float] = []

    async def no_time(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(trigger_module.asyncio, "sleep", no_time)
    trigger = trigger_module.FeedTrigger(home=str(home.root), feed=FEED, night=str(NIGHT))
    path, words = trigger.serialize()
    assert path == "feed_trigger.FeedTrigger"
    again = trigger_module.FeedTrigger(**words)

    async def first() -> object:
        return (await anext(again.run())).payload

    assert asyncio.run(first()) == ({"files": [NAME]} if came else {"files": [], "trouble": ""})
    assert slept == [60]
