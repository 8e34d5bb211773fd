"""What partners say they have: accepted, rejected, missing, and files that are wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from deliver.partner_place import NIGHT, A, Gpg, declaration, declare, on_sqlite, outbox_at
from sftp_server import SftpServer

from settlement import books, delivery_books
from settlement.deliver import acknowledgements, send
from settlement.deliver.acknowledgement_layout import AcknowledgementLayout, Told, read_told
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
        b"": "it has no lines",
        b"H,1,x\n": "ends without its last line `T`|has not the fields",
        file_of(3, good)[:-5]: "its last line has no end",
        file_of(3, good)[:-4]: "ends without its last line `T`",
        file_of(3, good).replace(b"T,1", b"T,2"): "does not count its 1 lines of files",
        file_of(3, good, good): "line 3 tells of a file that a line before tells of",
        file_of(3, good, partner="HARBOR-LOYALTY"): "it names another partner",
        file_of(4, good): "it tells 4 as the last number received, and the last one sent is 3",
        file_of(3, good).replace(b"H,1", b"H,2"): "not of version 1",
        file_of(3, good).replace(b",3\n", b",three\n"): "its last number received is no whole number",
        file_of(3, good.replace("A,1,", "A,2,")): "no file .* was ever sent under number 2",
        file_of(3, good.replace("A,1,", "A,9,")): "no file .* was ever sent under number 9",
        file_of(3, good.replace(one.sealed.sha256, "0" * 64)): "the digest is not that of",
        file_of(3, line(one, digest=False).replace("50000", "50001")): "has 50 detail lines with a sum of 50000",
        file_of(3, good.replace(one.sealed.sha256, "")): "accepts .* without its digest",
        file_of(3, line(one, "REJECTED")): "gives no reason",
        file_of(3, line(one, "MAYBE")): "another status",
        file_of(3, line(one, "REJECTED", "x" * 401)): "reason is longer",
        file_of(3, good + ",more"): "line 2 has not the fields of its layout",
        file_of(3, good, line(two)).replace(b"ACCEPTED", b"\xff"): "is not utf-8 text",
        file_of(3, good + '"'): "a quote that opens on line 2 is never closed",
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
    assert acknowledgements.awaited(home, A, [str(NIGHT)]) == [one.delivery for one in sent]
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
    assert acknowledgements.awaited(home, A, [str(NIGHT)]) == []


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


def layout_of(text: str) -> AcknowledgementLayout:
    return AcknowledgementLayout.model_validate(tomllib.loads(text))


NAMED = """
accepted = ["OK", "received"]
rejected = ["KO"]
[spec]
encoding = "cp1252"
separator = ";"
quote = "'"
names_line = true
headings = { name = "Datei", status = "Stand", lines = "Zeilen", total = "Summe" }
written = { total = { decimal = ",", thousands = "." } }
[[spec.lines]]
class = "FILE"
"""
FIXED = """
format = "fixed_width"
accepted = ["0"]
rejected = ["9"]
[spec]
encoding = "cp500"
line_end = "nel"
line_length = 80
kind = [1, 1]
first = ["1"]
last = ["9"]
[[spec.lines]]
tags = ["1"]
class = "HEADER"
once = true
fields = { last_sequence = [2, 9] }
[[spec.lines]]
tags = ["5"]
class = "FILE"
fields = { sequence = [2, 9], sha256 = [11, 64], status = [75, 1] }
[[spec.lines]]
tags = ["9"]
class = "TRAILER"
once = true
fields = { count = [2, 9] }
"""


@on_sqlite
def test_a_declared_layout_is_read_as_the_plain_one(home: Home, gpg: Gpg, tmp_path: Path, sent: list[Standing]) -> None:
    """The same is said in CSV with headings and in EBCDIC of fixed width, with words of the partner's own."""
    place = outbox_at(tmp_path / "box", tmp_path / "ack")
    indented = NAMED.replace("[spec]", "[delivery.acknowledgement.layout.spec]")
    indented = indented.replace("[[spec.lines]]", "[[delivery.acknowledgement.layout.spec.lines]]")
    layout = f"[delivery.acknowledgement.layout]{indented}"
    declare(home, declaration(A, gpg.certificate("a@example.org"), place + layout))
    first, second, third = (one.delivery for one in sent)
    rows = f"'{first.name}';50;'1.500,00';received\n{second.name};;;KO\n"
    wrong = read(home, f"Datei;Zeilen;Summe;Stand\n{rows}".encode("cp1252"))
    assert wrong.problem == f"line 2: {first.name} has 50 detail lines with a sum of 50000"
    assert states(home) == ["1 delivered", "2 delivered", "3 delivered"]
    told = read(home, f"Stand;Summe;Datei;Zeilen\nOK;500,00;{first.name};50\nKO;;{second.name};\n".encode("cp1252"))
    assert told.problem is None
    assert states(home) == ["1 acknowledged", "2 rejected", "3 delivered"]
    odd = read(home, f"Stand;Summe;Datei;Zeilen\nOK;5-00;{third.name};50\n".encode("cp1252"))
    assert odd.problem == "line 2: the sum is no amount of USD"
    unknown = read(home, f"Stand;Summe;Datei;Zeilen\nMAYBE;500,00;{third.name};50\n".encode("cp1252"))
    assert unknown.problem == "line 2 has another status than OK, received, KO"


@on_sqlite
def test_a_number_alone_is_of_what_its_digest_or_the_last_sending_says(
    home: Home, gpg: Gpg, tmp_path: Path, sent: list[Standing]
) -> None:
    head, spec = "[delivery.acknowledgement.layout", "separator = ';'\nnames_line = true\nheadings = "
    headings = "{ sequence = 'no', sha256 = 'hash', lines = 'lines', total_minor = 'sum', status = 'status' }"
    layout = f"{head}]\n{head}.spec]\n{spec}{headings}\n[{head}.spec.lines]]\nclass = 'FILE'\n"
    place = outbox_at(tmp_path / "box", tmp_path / "ack") + layout
    declare(home, declaration(A, gpg.certificate("a@example.org"), place))
    one, two, _ = sent
    assert one.sealed is not None
    # Both are being sent again, and the partner answers what it had meanwhile.
    for number in (1, 2):
        send.resend(home, A, number, "ann", "lost")
    by_digest = f"1;{one.sealed.sha256.upper()};;;ACCEPTED"
    by_sum = f"2;;{two.delivery.lines};{two.delivery.total_minor};ACCEPTED"
    assert read(home, f"no;hash;lines;sum;status\n{by_digest}\n{by_sum}\n".encode()).problem is None
    assert states(home) == ["1 acknowledged", "1.r1 queued", "2 acknowledged", "2.r1 queued", "3 delivered"]
    # The re-send has arrived as well: a digest is still that of its own bytes, a number alone is the re-send's.
    send.send(home, A, NIGHT)
    later = f"1;{one.sealed.sha256};;;REJECTED\n2;;;;REJECTED\n"
    assert read(home, f"no;hash;lines;sum;status\n{later}".encode(), "ACK_2.csv").problem is None
    assert states(home) == ["1 rejected", "1.r1 delivered", "2 acknowledged", "2.r1 rejected", "3 delivered"]


@on_sqlite
def test_a_fixed_width_layout_has_its_numbers_counts_and_digests(sent: list[Standing]) -> None:
    layout = layout_of(FIXED)
    seal = sent[2].sealed
    assert seal is not None
    lines = ["1000000003", f"5000000003{seal.sha256}0", "9000000001"]
    content = "".join(f"{line:80}\x85" for line in lines).encode("cp500")
    told = read_told(layout, content)
    assert isinstance(told, Told)
    assert told.whole == {"last_sequence": "000000003", "count": "000000001"}
    assert told.files == ((2, {"sequence": "000000003", "sha256": seal.sha256, "status": "0"}),)
    assert read_told(layout, content[:-81]) == "it ends without its last line `9`"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("status", "state"), "tells its `status`"),
        (("sha256", "digest"), "tells its `sha256`, or its `lines`"),
        (("sequence = [2, 9], ", ""), "`sequence` or its `name`"),
        (('class = "FILE"', 'class = "DETAIL"'), "exactly one kind of lines has the class FILE"),
        (('["9"]\n[spec]', '["0"]\n[spec]'), "a word stands in `accepted` and in `rejected`"),
        (("line_length = 80", "line_length = 70"), "lies outside the line"),
        (("cp500", "cp9999"), "unknown encoding: cp9999"),
    ],
)
def test_a_layout_that_tells_too_little_is_none(change: tuple[str, str], says: str) -> None:
    assert change[0] in FIXED
    with pytest.raises(ValueError, match=re.escape(says)):
        layout_of(FIXED.replace(*change))
