"""``settle deliveries``: sent, listed, shown, sent again, acknowledged, in the words of the command line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from deliver.partner_place import NIGHT, A, B, Gpg, declaration, declare, on_sqlite, our_fingerprint, outbox_at

from settlement import cli
from settlement.store import Home

Settle = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settle(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Settle:
    """``settle deliveries`` on the home: exit code, output and what was told on the error channel."""

    def called(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["settle", "deliveries", *map(str, words), "--home", str(home.root)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        said = capsys.readouterr()
        return int(leaving.value.code or 0), " ".join(said.out.split()), " ".join(said.err.split())

    return called


@on_sqlite
def test_a_delivery_from_sending_to_acknowledgement(home: Home, gpg: Gpg, settle: Settle, tmp_path: Path) -> None:
    box, acknowledged = tmp_path / "box", tmp_path / "ack"
    declare(home, declaration(A, gpg.certificate("a@example.org"), outbox_at(box, acknowledged)))
    code, said, _ = settle("send", "--business-date", NIGHT)
    assert code == 0
    assert f"{B}: config/delivery.toml declares no place for it, and nothing was sent." in said
    assert f"{A}: {A}_000001_C2_one.csv.pgp is delivered, put there now" in said
    assert f"{A}: nothing is left to send." in settle("send", "--business-date", NIGHT, "--partner", A)[1]
    assert "3 files." in settle("list", "--state", "delivered")[1]
    lines = [f"A,{n},{A}_00000{n}_C2_{name}.csv.pgp,,50,50000,ACCEPTED," for n, name in ((1, "one"), (3, "two"))]
    (acknowledged / "ACK_1.csv").write_text("\n".join([f"H,1,{A},3", *lines, "T,3\n"]))
    code, _, told = settle("read-ack", A)
    assert code == 2
    assert told == (
        "settle: ACK_1.csv was kept and changed nothing, as it does not count its 2 lines of files: it was cut or "
        f"changed. Ask {A} for the file as it should be, and read that."
    )
    assert f"{A}: ACK_1.csv was kept and not read, as it does not count" in settle("list")[1]
    (acknowledged / "ACK_1.csv").write_text("\n".join([f"H,1,{A},3", *lines, "T,2\n"]))
    code, said, _ = settle("read-ack", A)
    assert code == 0
    assert "ACK_1.csv: tells of 2 files. 1 is acknowledged: ACK_1.csv, line 2" in said
    misses = f"{A} has later files and says nothing of 2 ({A}_000002_C2_three.csv.pgp)"
    assert misses in said
    assert misses in settle("list", "--partner", A)[1]
    assert f"{A}: nothing is there that was not read." in settle("read-ack", A)[1]
    code, said, _ = settle("resend", A, 2, "--by", "Ann", "--reason", "they miss it")
    assert f"{A}_000002.r1_C2_three.csv.pgp is queued by ann" in said
    assert settle("send", "--business-date", NIGHT, "--partner", A)[0] == 0
    _, said, _ = settle("show", A, 2)
    assert "number 2, delivered" in said
    assert "number 2.r1, delivered" in said
    assert "decided by ann: they miss it" in said
    (tmp_path / "by-mail.csv").write_text(f"H,1,{A},3\nA,2,{A}_000002.r1_C2_three.csv.pgp,,50,50000,ACCEPTED,\nT,1\n")
    assert settle("read-ack", A, tmp_path / "by-mail.csv")[0] == 0
    assert "misses" not in settle("list")[1]
    assert settle("show", A, 9)[0] == 2


@on_sqlite
def test_what_stops_one_partner_holds_up_no_other(home: Home, gpg: Gpg, settle: Settle, tmp_path: Path) -> None:
    declare(
        home,
        declaration(B, gpg.certificate("b@example.org"), f'[delivery.outbox]\nfolder = "{tmp_path}/gone"\n'),
        declaration(A, gpg.certificate("a@example.org"), outbox_at(tmp_path / "box")),
    )
    code, said, told = settle("send", "--business-date", NIGHT)
    assert code == 2
    assert f"{A}_000003_C2_two.csv.pgp is delivered" in said
    assert told.startswith(f"settle: {B}: The outbox {tmp_path}/gone is no folder")
    assert "held" in settle("list", "--partner", B)[1]


@on_sqlite
def test_our_key_is_made_and_told_and_never_shown(
    home: Home, gpg: Gpg, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(home, declaration(A, gpg.certificate("a@example.org"), outbox_at(tmp_path / "box")))
    monkeypatch.setenv("SETTLEMENT_SIGNING_KEY_S1_FILE", str(tmp_path / "new" / "key"))
    code, said, told = settle("key", A)
    assert code == 0
    assert (tmp_path / "new" / "key").stat().st_mode & 0o777 == 0o600
    assert our_fingerprint() in told
    assert "PUBLIC KEY BLOCK" in said
    assert "PRIVATE" not in said + told
    before = (tmp_path / "new" / "key").read_bytes()
    assert "was made" not in settle("key", A)[2]
    assert (tmp_path / "new" / "key").read_bytes() == before


@on_sqlite
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((A, "NOBODY"), "NOBODY is a beneficiary of no contract"),
        (("signing_key", "signing-key"), "signing_key: Field required"),
        (('"s1"', '"../s1"'), "signing_key"),
        (("[delivery.outbox]", "[delivery.nowhere]"), "exactly one|nowhere"),
        ((B, A), "declared twice"),
        (("box-b", "box-a"), "get their files in one place"),
        (("box-b", "box-a/../box-a"), "get their files in one place"),
        (("box-b", "box-a/b"), "get their files in one place"),
        (("CERTIFICATE-B", "CERTIFICATE-A"), "have one certificate"),
    ],
)
def test_a_declaration_that_is_wrong_is_refused_in_one_sentence(
    home: Home, settle: Settle, tmp_path: Path, change: tuple[str, str], why: str
) -> None:
    text = declaration(A, "CERTIFICATE-A", outbox_at(tmp_path / "box-a"))
    text += declaration(B, "CERTIFICATE-B", outbox_at(tmp_path / "box-b"))
    declare(home, text.replace(*change))
    code, _, told = settle("send", "--business-date", NIGHT)
    assert code == 2
    assert told.startswith("settle: config/delivery.toml: ")
    assert re.search(why, told), told
    assert told.count("settle:") == 1
