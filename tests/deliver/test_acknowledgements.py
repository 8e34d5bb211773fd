"""What partners say they have: accepted, rejected, missing, and files that are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from deliver.partner_place import NIGHT, A, Gpg, SftpServer, declaration, declare, on_sqlite, outbox_at

from settlement import books, delivery_books
from settlement.deliver import acknowledgements, send
from settlement.deliver.acknowledgements import ReadBack, read_acknowledgement
from settlement.delivery_books import Standing
from settlement.errors import TerminalError
from settlement.store import Home


@pytest.fixture
def sent(home: Home, gpg: Gpg, tmp_path: Path) -> list[Standing]:
    declare(home, declaration(A, gpg.certificate("a@example.org"), outbox_at(tmp_path / "box", tmp_path / "ack")))
    return send.send(home, A, NIGHT)


def line(one: Standing, status: str = "ACCEPTED", reason: str = "", *, digest: bool = True) -> str:
    assert one.sealed is not None
    it = one.delivery
    proof = f"{one.sealed.sha256},," if digest else f",{it.lines},{it.total_minor}"
    return f"A,{it.sequence},{it.name},{proof},{status},{reason}"


def file_of(last: int, *lines: str, partner: str = A) -> bytes:
    return "\n".join((f"H,1,{partner},{last}", *lines, f"T,{len(lines)}", "")).encode()


def states(home: Home) -> list[str]:
    found = delivery_books.standings(books.connect(home), A)
    return [f"{one.delivery.number} {one.state}" for one in found]


def read(home: Home, content: bytes, name: str = "ACK_1.csv") -> ReadBack:
    return read_acknowledgement(home, A, name, content)


def test_files_are_accepted_rejected_and_missed(home: Home, sent: list[Standing]) -> None:
    content = file_of(3, line(sent[0], digest=False), line(sent[2], "REJECTED", "two lines are there twice"))
    found = read(home, content)
    assert states(home) == ["1 acknowledged", "2 delivered", "3 rejected"]
    assert [one.delivery.number for one in found.changed] == ["1", "3"]
    assert [one.delivery.number for one in found.missed] == ["2"], "it has got 3 and says nothing of 2"
    assert found.changed[1].detail == "ACK_1.csv, line 3: two lines are there twice"
    again = read(home, content)
    assert again.known
    assert states(home) == ["1 acknowledged", "2 delivered", "3 rejected"]


def test_a_gap_and_a_rejection_are_sent_again_by_a_person_and_acknowledged(home: Home, sent: list[Standing]) -> None:
    read(home, file_of(3, line(sent[0]), line(sent[2], "REJECTED", "cannot be decrypted")))
    for number, why in ((2, "the partner misses it"), (3, "cannot be decrypted")):
        send.resend(home, A, number, "ann", why)
    assert states(home)[1:] == ["2 delivered", "2.r1 queued", "3 rejected", "3.r1 queued"]
    again = send.send(home, A, NIGHT)
    assert [one.delivery.number for one in again] == ["2.r1", "3.r1"]
    found = read(home, file_of(3, *map(line, again)), "ACK_2.csv")
    assert found.missed == ()
    assert states(home)[1:] == ["2 delivered", "2.r1 acknowledged", "3 rejected", "3.r1 acknowledged"]


def test_an_accepted_file_may_still_be_rejected_and_not_the_other_way(home: Home, sent: list[Standing]) -> None:
    read(home, file_of(1, line(sent[0])))
    read(home, file_of(1, line(sent[0], "REJECTED", "its sums differ after all")))
    assert states(home)[0] == "1 rejected"
    found = read(home, file_of(1, line(sent[0], digest=False)))
    assert found.problem is not None
    assert "was rejected before" in found.problem
    assert states(home)[0] == "1 rejected"


@on_sqlite
def test_a_file_that_is_wrong_is_kept_and_told_and_changes_nothing(home: Home, sent: list[Standing]) -> None:
    one, two = sent[0], sent[1]
    good = line(one)
    assert one.sealed is not None
    wrong = {
        b"": "has no trailer",
        b"H,1,x\n": "has no trailer",
        file_of(3, good)[:-5]: "has no trailer",
        file_of(3, good).replace(b"T,1", b"T,2"): "trailer does not count its 1 A lines",
        file_of(3, good, good): "line 3 tells of a file that a line before tells of",
        file_of(3, good, partner="HARBOR-LOYALTY"): "line 1 names another partner",
        file_of(4, good): "line 1 tells 4 as the last sequence received, and the last one sent is 3",
        file_of(3, good).replace(b"H,1", b"H,2"): "no header of version 1",
        file_of(3, good).replace(b",3\n", b",three\n"): "the last sequence is no whole number",
        file_of(3, good.replace("A,1,", "A,2,")): "no file of that name was ever sent under sequence 2",
        file_of(3, good.replace("A,1,", "A,9,")): "no file of that name was ever sent under sequence 9",
        file_of(3, good.replace(one.sealed.sha256, "0" * 64)): "the digest is not that of",
        file_of(3, line(one, digest=False).replace("50000", "50001")): "has 50 detail lines with a sum of 50000",
        file_of(3, good.replace(one.sealed.sha256, "")): "accepts .* without its digest",
        file_of(3, line(one, "REJECTED")): "gives no reason",
        file_of(3, line(one, "MAYBE")): "another status",
        file_of(3, line(one, "REJECTED", "x" * 401)): "reason is longer",
        file_of(3, good + ",more"): "is no A line of 8 cells",
        file_of(3, good, line(two)).replace(b"ACCEPTED", b"\xff"): "no UTF-8",
        file_of(3, good + '"'): "no CSV|another status|trailer",
        b"H" * (1 << 20) + b"HH": "larger than",
    }
    for number, (content, why) in enumerate(wrong.items()):
        found = read(home, content, f"ACK_{number}.csv")
        assert found.problem is not None, content
        assert re.search(why, found.problem), (why, found.problem)
        assert states(home) == ["1 delivered", "2 delivered", "3 delivered"]
    kept = delivery_books.acknowledgements(books.connect(home), A)
    assert len(kept) == len(wrong)
    assert all(told.content == content[: 1 << 20] for told, content in zip(kept, wrong, strict=True))
    assert read(home, file_of(3, good), "ACK_0.csv").problem is None, "the mended file is read"
    assert states(home)[0] == "1 acknowledged"


@on_sqlite
def test_a_file_that_was_not_sent_is_not_acknowledged(home: Home, sent: list[Standing]) -> None:
    send.resend(home, A, 1, "ann", "lost")
    one = delivery_books.standings(books.connect(home), A)[1]
    content = file_of(3, f"A,1,{one.delivery.name},,50,50000,ACCEPTED,")
    found = read(home, content)
    assert found.problem is not None
    assert "was not sent yet" in found.problem


@on_sqlite
def test_what_a_partner_has_is_delivered_though_no_arrival_is_on_record(
    home: Home, sent: list[Standing], monkeypatch: pytest.MonkeyPatch
) -> None:
    send.resend(home, A, 1, "ann", "lost")

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(send, "_put", cut_off)
        with pytest.raises(KeyboardInterrupt):
            send.send(home, A, NIGHT)
    one = delivery_books.standings(books.connect(home), A)[1]
    assert one.state == "sending"
    read(home, file_of(3, line(one)))
    now = delivery_books.standings(books.connect(home), A)[1]
    assert [event.state for event in now.events] == ["prepared", "sending", "delivered", "acknowledged"]
    assert send.send(home, A, NIGHT) == []


@on_sqlite
def test_files_are_found_at_their_place_and_read_once(home: Home, sent: list[Standing], tmp_path: Path) -> None:
    assert acknowledgements.awaited(home, A, NIGHT) == [one.delivery for one in sent]
    (tmp_path / "ack" / "ACK_1.csv").write_bytes(b"H,1")
    (tmp_path / "ack" / "other.csv").write_bytes(file_of(1, line(sent[0])))
    assert list(acknowledgements.unread(home, A)) == ["ACK_1.csv"]
    assert read(home, acknowledgements.unread(home, A)["ACK_1.csv"]).problem is not None
    assert acknowledgements.unread(home, A) == {}
    (tmp_path / "ack" / "ACK_1.csv").write_bytes(file_of(3, *map(line, sent)))
    (tmp_path / "ack" / "ACK_1.csv").rename(tmp_path / "ack" / "ACK_\udcff.csv")
    (found,) = acknowledgements.unread(home, A).items()
    assert read(home, found[1], found[0]).name == "ACK_\ufffd.csv", "a name that is no text"
    assert acknowledgements.unread(home, A) == {}
    assert acknowledgements.awaited(home, A, NIGHT) == []


@on_sqlite
def test_files_are_found_on_the_partners_server(home: Home, gpg: Gpg, server: SftpServer) -> None:
    place = server.declared() + '[delivery.acknowledgement]\nfolder = "/ack"\npattern = "ACK_*"\n'
    declare(home, declaration(A, gpg.certificate("a@example.org"), place))
    sent = send.send(home, A, NIGHT)
    with pytest.raises(TerminalError, match="has no such folder"):
        acknowledgements.unread(home, A)
    (server.folder / "ack").mkdir()
    (server.folder / "ack" / "ACK_1").write_bytes(file_of(3, *map(line, sent)))
    (server.folder / "ack" / "notes").write_bytes(b"x")
    (found,) = acknowledgements.unread(home, A).items()
    assert len(read(home, found[1], found[0]).changed) == 3
    assert acknowledgements.unread(home, A) == {}
