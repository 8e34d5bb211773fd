"""Files go to a real SFTP server once, whatever it or the line does, and whenever the sender is killed."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import asyncssh
import pytest
from deliver import killed
from deliver.partner_place import NIGHT, A, Gpg, add_night, declaration, declare, on_sqlite, our_fingerprint, outbox_at
from sftp_server import SftpServer
from warm_process import started

from settlement import books, delivery_books
from settlement.deliver import send
from settlement.delivery_books import DeliveryState, Standing
from settlement.errors import RetryableError, TerminalError
from settlement.store import Home

CERTIFICATE = "a@example.org"


@pytest.fixture
def declared(home: Home, gpg: Gpg, server: SftpServer) -> Path:
    """The server's folder, declared for A."""
    declare(home, declaration(A, gpg.certificate(CERTIFICATE), server.declared()))
    return server.folder / "in"


def nights(home: Home, count: int) -> list[date]:
    """Nights after the first, each with one file for A; the first one's files are sent."""
    send.send(home, A, NIGHT)
    later = [NIGHT + timedelta(days=number + 1) for number in range(count)]
    for night in later:
        add_night(home, night, {A: (f"of_{night:%d%m}",)})
    return later


def last(home: Home) -> Standing:
    return delivery_books.standings(books.connect(home), A)[-1]


def require_once(home: Home, folder: Path) -> None:
    """Each delivery has arrived, stands there once with the bytes on record, and nothing else stands there."""
    found = delivery_books.standings(books.connect(home), A)
    assert [one.state for one in found] == [DeliveryState.DELIVERED] * len(found)
    assert [one.delivery.sequence for one in found] == list(range(1, len(found) + 1))
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == {
        one.delivery.name: one.sealed.sha256 for one in found if one.sealed is not None
    }


def test_files_arrive_whole_under_their_names(home: Home, gpg: Gpg, server: SftpServer, declared: Path) -> None:
    sent = send.send(home, A, NIGHT)
    require_once(home, declared)
    for one in sent:
        message = (declared / one.delivery.name).read_bytes()
        assert gpg.opened(message, our_fingerprint()) == (home.published("out", NIGHT) / one.delivery.path).read_bytes()
    assert server.faults.log.count("rename") == server.faults.log.count("fsync") == 3
    assert send.send(home, A, NIGHT) == []
    assert server.faults.log.count("rename") == 3


@on_sqlite
def test_a_dropped_line_at_each_operation_fails_the_delivery_and_it_goes_on(
    home: Home, server: SftpServer, declared: Path
) -> None:
    operations = ("open_to_read", "open_to_write", "write", "fsync", "close", "stat", "rename")
    for operation, night in zip(operations, nights(home, len(operations)), strict=True):
        server.faults.drop[operation] = 1
        with pytest.raises(RetryableError, match="could not be spoken to"):
            send.send(home, A, night)
        assert server.faults.drop.pop(operation) == 0, "the line was dropped there"
        before = last(home)
        assert before.state is DeliveryState.FAILED, operation
        assert not (declared / before.delivery.name).exists()
        (after,) = send.send(home, A, night)
        assert after.sealed == before.sealed, "each try sends the same bytes"
        assert [event.state for event in after.events] == ["prepared", "sending", "failed", "sending", "delivered"]
    require_once(home, declared)


@on_sqlite
def test_a_line_that_drops_behind_the_rename_is_no_second_file(home: Home, server: SftpServer, declared: Path) -> None:
    (night,) = nights(home, 1)
    server.faults.drop_after["rename"] = 1
    renamed = server.faults.log.count("rename")
    with pytest.raises(RetryableError, match="could not be spoken to"):
        send.send(home, A, night)
    (one,) = send.send(home, A, night)
    assert one.detail.startswith("found there whole, put by an earlier try")
    assert server.faults.log.count("rename") == renamed + 1
    require_once(home, declared)


@on_sqlite
def test_what_the_server_refuses_has_a_state_and_goes_on_after(home: Home, server: SftpServer, declared: Path) -> None:
    refusals = (
        ("rename", asyncssh.SFTPPermissionDenied("no"), TerminalError, "held", "refuses what is to be done"),
        ("rename", asyncssh.SFTPFailure("no"), RetryableError, "failed", "could not be spoken to: SFTPFailure"),
        ("write", asyncssh.SFTPNoSpaceOnFilesystem("full"), RetryableError, "failed", "failed|full|SFTPFailure"),
        ("write", OSError(28, "No space left on device"), RetryableError, "failed", "full|SFTPFailure"),
    )
    for (operation, refusal, kind, state, why), night in zip(refusals, nights(home, len(refusals)), strict=True):
        server.faults.refuse = {operation: refusal}
        with pytest.raises(kind, match=why):
            send.send(home, A, night)
        assert last(home).state == state
        server.faults.refuse = {}
        assert len(send.send(home, A, night)) == 1
    require_once(home, declared)


@on_sqlite
def test_a_server_without_fsync_is_trusted(home: Home, server: SftpServer, declared: Path) -> None:
    server.faults.without_sync = True
    assert len(send.send(home, A, NIGHT)) == 3
    require_once(home, declared)


@on_sqlite
def test_another_host_key_is_not_spoken_to(home: Home, server: SftpServer, declared: Path) -> None:
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256"):
        server.stop()
        server.start(asyncssh.generate_private_key(kind))
        with pytest.raises(TerminalError, match="does not show the host key that is pinned, and nothing was sent"):
            send.send(home, A, NIGHT)
        assert delivery_books.standings(books.connect(home), A)[0].state is DeliveryState.HELD
    assert list(declared.iterdir()) == []
    assert server.faults.log == []
    server.stop()
    server.start()
    assert len(send.send(home, A, NIGHT)) == 3
    require_once(home, declared)


@on_sqlite
def test_our_ssh_key_is_asked_for_and_told_without_a_secret(
    home: Home, server: SftpServer, declared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    stranger.write_private_key(str(tmp_path / "stranger"))
    cases = (
        (tmp_path / "stranger", "does not take our SSH key 'd1'"),
        (tmp_path / "gone", "There is no SSH key 'd1'"),
        (home.root / "inside", "stands in the home"),
        (home.config / "programme.toml", "stands in the home"),
        (Path(__file__), "is no SSH key"),
    )
    for path, why in cases:
        monkeypatch.setenv("SETTLEMENT_SSH_KEY_D1_FILE", str(path))
        with pytest.raises(TerminalError, match=why):
            send.send(home, A, NIGHT)
    assert list(declared.iterdir()) == []


@on_sqlite
def test_another_file_of_the_name_is_not_written_over(home: Home, server: SftpServer, declared: Path) -> None:
    name = f"{A}_000001_C2_one.csv.pgp"
    (declared / name).write_bytes(b"x")
    with pytest.raises(TerminalError, match=r"holds a file .* with another content"):
        send.send(home, A, NIGHT)
    assert (declared / name).read_bytes() == b"x"
    (declared / name).unlink()
    declared.rename(declared.with_name("elsewhere"))
    with pytest.raises(TerminalError, match="has no such folder"):
        send.send(home, A, NIGHT)


def sender(home: Home, said: Path, night: date, step: str) -> BaseProcess:
    return started(said, killed.main, str(home.root), str(night), step)


def require_killed_and_gone_on(home: Home, said: Path, night: date, step: str) -> None:
    process = sender(home, said, night, step)
    process.join(300)
    assert process.exitcode == -9, (step, said.read_text())
    send.send(home, A, night)


SFTP_STEPS = tuple(step for step in killed.STEPS if "outbox" not in step and step != "never")


def test_a_sender_that_is_killed_at_any_step_has_sent_once(
    home: Home, server: SftpServer, declared: Path, tmp_path: Path
) -> None:
    for step, night in zip(SFTP_STEPS, nights(home, len(SFTP_STEPS)), strict=True):
        require_killed_and_gone_on(home, tmp_path / "said", night, step)
        require_once(home, declared)
    assert server.faults.log.count("rename") == 3 + len(SFTP_STEPS)


def test_a_sender_to_an_outbox_that_is_killed_has_sent_once(home: Home, gpg: Gpg, tmp_path: Path) -> None:
    declare(home, declaration(A, gpg.certificate(CERTIFICATE), outbox_at(tmp_path / "box")))
    steps = ("written to the outbox", "linked in the outbox")
    for step, night in zip(steps, nights(home, 2), strict=True):
        require_killed_and_gone_on(home, tmp_path / "said", night, step)
        require_once(home, tmp_path / "box")


def test_two_senders_at_once_send_once(home: Home, server: SftpServer, declared: Path, tmp_path: Path) -> None:
    both = [sender(home, tmp_path / name, NIGHT, "never") for name in ("one", "other")]
    for process in both:
        process.join(300)
    said = [(tmp_path / name).read_text() for name in ("one", "other")]
    assert all(not words or "another" in words.lower() for words in said), said
    assert {process.exitcode for process in both} <= {0, 1}, said
    send.send(home, A, NIGHT)
    require_once(home, declared)
    assert server.faults.log.count("rename") == 3
