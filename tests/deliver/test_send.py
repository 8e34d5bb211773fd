"""Files go to an outbox: signed, encrypted, numbered, once, and what a partner's own gpg makes of them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from deliver.partner_place import (
    NEXT,
    NIGHT,
    A,
    B,
    Gpg,
    add_night,
    declaration,
    declare,
    on_sqlite,
    our_fingerprint,
    outbox_at,
)

from settlement import books, delivery_books, openpgp_out, store
from settlement.deliver import send
from settlement.delivery_books import DeliveryState, Standing
from settlement.errors import RetryableError, TerminalError
from settlement.store import Home


@pytest.fixture
def box(home: Home, gpg: Gpg, tmp_path: Path) -> Path:
    folder = tmp_path / "box-a"
    declare(
        home,
        declaration(A, gpg.certificate("a@example.org"), outbox_at(folder)),
        declaration(B, gpg.certificate("b@example.org"), outbox_at(tmp_path / "box-b")),
    )
    return folder


def standings(home: Home, partner: str = A) -> list[Standing]:
    return delivery_books.standings(books.connect(home), partner)


def states(home: Home, partner: str = A) -> list[str]:
    return [f"{one.delivery.number} {one.state}" for one in standings(home, partner)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_partner_decrypts_and_verifies_what_it_gets_with_its_own_gpg(home: Home, gpg: Gpg, box: Path) -> None:
    assert send.partners_of(home, NIGHT) == (B, A)
    sent = send.send(home, A, NIGHT)
    assert [one.delivery.sequence for one in sent] == [1, 2, 3]
    found = contents(box)
    assert list(found) == [f"{A}_00000{n}_C2_{name}.csv.pgp" for n, name in ((1, "one"), (2, "three"), (3, "two"))]
    for one in sent:
        plain = gpg.opened(found[one.delivery.name], our_fingerprint())
        assert plain == (home.published("out", NIGHT) / one.delivery.path).read_bytes()
        assert one.sealed is not None
        assert hashlib.sha256(found[one.delivery.name]).hexdigest() == one.sealed.sha256
        assert plain not in found[one.delivery.name]
    assert not (box.parent / "box-b").joinpath(sent[0].delivery.name).exists()
    assert states(home, B) == []


@on_sqlite
def test_the_message_is_encrypted_with_aes_256_and_signed_with_sha_512(home: Home, gpg: Gpg, box: Path) -> None:
    (message, *_) = [one.delivery.name for one in send.send(home, A, NIGHT)]
    said = gpg.call("--status-fd", "2", "--decrypt", content=(box / message).read_bytes()).stderr.decode("latin-1")
    assert "DECRYPTION_INFO 2 9" in said, "AES-256 with a modification detection code"
    assert "GOODMDC" in said
    (valid,) = [line.split() for line in said.splitlines() if "VALIDSIG" in line]
    assert valid[9] == "10", "SHA-512"


@on_sqlite
def test_only_the_partner_decrypts(home: Home, gpg: Gpg, box: Path, tmp_path: Path) -> None:
    (one, *_) = send.send(home, A, NIGHT)
    packets = gpg.call("--list-only", "--status-fd", "1", "--decrypt", content=(box / one.delivery.name).read_bytes())
    named = [line.split()[2] for line in packets.stdout.decode().splitlines() if "ENC_TO" in line]
    assert len(named) == 1
    assert one.sealed is not None
    assert (
        one.sealed.recipient.endswith(named[0]) or named[0] in gpg.ok("-k", "--with-colons", "a@example.org").decode()
    )
    assert named[0] not in gpg.ok("-k", "--with-colons", "b@example.org").decode()


def test_sending_again_sends_nothing(home: Home, box: Path) -> None:
    send.send(home, A, NIGHT)
    before = contents(box)
    assert send.send(home, A, NIGHT) == []
    assert contents(box) == before
    assert states(home) == ["1 delivered", "2 delivered", "3 delivered"]


def test_numbers_go_on_from_night_to_night_and_are_each_partners_own(home: Home, box: Path) -> None:
    send.send(home, A, NIGHT)
    add_night(home, NEXT, {A: ("four",)})
    assert [one.delivery.number for one in send.send(home, A, NEXT)] == ["4"]
    assert [one.delivery.number for one in send.send(home, B, NIGHT)] == ["1"]


@on_sqlite
def test_a_night_that_is_not_settled_or_a_partner_that_is_not_declared_sends_nothing(home: Home, box: Path) -> None:
    with pytest.raises(TerminalError, match="2025-12-31 is not settled"):
        send.send(home, A, NEXT)
    declare(home)
    with pytest.raises(TerminalError, match=r"declares no \[\[delivery\]\] for HARBOR-RETAIL"):
        send.send(home, A, NIGHT)
    assert standings(home) == []


def test_a_file_that_was_changed_since_its_night_is_held(home: Home, box: Path) -> None:
    path = home.published("out", NIGHT) / A / "C2_three.csv"
    right = path.read_bytes()
    path.write_bytes(right.replace(b"10.00", b"90.00"))
    with pytest.raises(TerminalError, match="is not the file that its night has made"):
        send.send(home, A, NIGHT)
    assert states(home) == ["1 delivered", "2 held", "3 queued"], "no number before the one below it"
    path.write_bytes(right)
    assert [one.delivery.number for one in send.send(home, A, NIGHT)] == ["2", "3"]


@on_sqlite
def test_an_expired_or_revoked_certificate_holds_the_delivery(home: Home, gpg: Gpg, box: Path, tmp_path: Path) -> None:
    made = ["--quick-gen-key", "old@example.org", "rsa2048", "sign,encrypt", "1d"]
    gpg.ok("--faked-system-time", "20200101T000000", *made)
    gpg.ok("--quick-gen-key", "gone@example.org", "rsa2048", "sign,encrypt", "never")
    listed = gpg.ok("-k", "--with-colons", "gone@example.org").decode()
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    written = (gpg.folder / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
    gpg.ok("--import", content=written.replace(":-----BEGIN", "-----BEGIN").encode())
    sign_only = ["--quick-gen-key", "sign@example.org", "rsa2048", "sign", "never"]
    gpg.ok(*sign_only)
    for who, why in (
        ("old@example.org", "has expired on 2020-01-02"),
        ("gone@example.org", "is revoked"),
        ("sign@example.org", "has no key that may be encrypted to"),
    ):
        declare(home, declaration(A, gpg.certificate(who), outbox_at(box)))
        for _ in range(2):
            with pytest.raises(TerminalError, match=f"certificate of {A} {why}"):
                send.send(home, A, NIGHT)
        assert standings(home)[0].state is DeliveryState.HELD
        assert why in standings(home)[0].detail
    assert [event.state for event in standings(home)[0].events] == [DeliveryState.HELD] * 3, "once for each reason"
    assert contents(box) == {}
    declare(home, declaration(A, gpg.certificate("a@example.org"), outbox_at(box)))
    assert len(send.send(home, A, NIGHT)) == 3


@on_sqlite
def test_an_expired_encryption_subkey_holds_the_delivery(home: Home, gpg: Gpg, box: Path) -> None:
    gpg.ok(
        "--faked-system-time", "20200101T000000", "--quick-gen-key", "partly@example.org", "rsa2048", "sign", "never"
    )
    listed = gpg.ok("-k", "--with-colons", "partly@example.org").decode()
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    gpg.ok("--faked-system-time", "20200101T000000", "--quick-add-key", fingerprint, "rsa2048", "encrypt", "1d")
    gpg.ok("--quick-add-key", fingerprint, "rsa2048", "auth", "never")
    declare(home, declaration(A, gpg.certificate("partly@example.org"), outbox_at(box)))
    with pytest.raises(TerminalError, match="has expired on 2020-01-02"):
        send.send(home, A, NIGHT)
    assert states(home) == ["1 held", "2 queued", "3 queued"]
    listed = gpg.ok("-k", "--with-colons", "partly@example.org").decode()
    subkey = [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr")][1]
    gpg.ok("--quick-set-expire", fingerprint, "0", subkey)
    declare(home, declaration(A, gpg.certificate("partly@example.org"), outbox_at(box)))
    (one, *_) = send.send(home, A, NIGHT)
    assert gpg.opened((box / one.delivery.name).read_bytes(), our_fingerprint()).startswith(b"H,1,"), "renewed"


@on_sqlite
def test_a_revoked_encryption_subkey_holds_the_delivery(home: Home, gpg: Gpg, box: Path) -> None:
    gpg.ok("--quick-gen-key", "less@example.org", "rsa2048", "sign", "never")
    listed = gpg.ok("-k", "--with-colons", "less@example.org").decode()
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    gpg.ok("--quick-add-key", fingerprint, "rsa2048", "encrypt", "never")
    edit = ["--no-batch", "--no-tty", "--command-fd", "0", "--edit-key", fingerprint]
    gpg.call(*edit, content=b"key 1\nrevkey\ny\n0\n\ny\nsave\n")
    certificate = gpg.certificate("less@example.org")
    listed = gpg.ok("-k", "--with-colons", "less@example.org").decode()
    assert [line.split(":")[1] for line in listed.splitlines() if line.startswith("sub")] == ["r"]
    declare(home, declaration(A, certificate, outbox_at(box)))
    with pytest.raises(TerminalError, match="has no key that may be encrypted to"):
        send.send(home, A, NIGHT)


def test_swapped_declarations_are_refused_by_the_books(home: Home, gpg: Gpg, box: Path, tmp_path: Path) -> None:
    send.send(home, A, NIGHT)
    send.send(home, B, NIGHT)
    add_night(home, NEXT, {A: ("four",), B: ("four",)})
    a, b = (gpg.certificate(f"{who}@example.org") for who in "ab")
    boxes = [outbox_at(tmp_path / f"box-{who}") for who in "ab"]
    before = contents(box), contents(tmp_path / "box-b")
    for of_a, of_b in (((b, boxes[0]), (a, boxes[1])), ((a, boxes[1]), (b, boxes[0])), ((b, boxes[1]), (a, boxes[0]))):
        declare(home, declaration(A, *of_a), declaration(B, *of_b))
        with pytest.raises(TerminalError, match="belongs to another partner"):
            send.send(home, A, NEXT)
    assert (contents(box), contents(tmp_path / "box-b")) == before
    assert states(home)[-1] == "4 held"
    declare(home, declaration(A, a, boxes[0]), declaration(B, b, boxes[1]))
    assert len(send.send(home, A, NEXT)) == len(send.send(home, B, NEXT)) == 1


@on_sqlite
def test_a_file_of_another_partner_is_not_queued(home: Home, box: Path) -> None:
    add_night(home, NEXT, {A: ("four",)})
    part = home.partition("settlement_file", NEXT) / "part-00000.parquet"
    pl.read_parquet(part).with_columns(beneficiary=pl.lit(B)).write_parquet(part)
    with pytest.raises(TerminalError, match=f"is not {B}'s"):
        send.send(home, B, NEXT)
    assert standings(home, B) == []


@on_sqlite
def test_another_file_of_the_name_is_not_written_over(home: Home, box: Path) -> None:
    name = f"{A}_000001_C2_one.csv.pgp"
    (box / name).write_bytes(b"somebody else's")
    with pytest.raises(TerminalError, match=r"holds a file .* with another content"):
        send.send(home, A, NIGHT)
    assert (box / name).read_bytes() == b"somebody else's"
    assert states(home)[0] == "1 held"
    (box / name).unlink()
    assert len(send.send(home, A, NIGHT)) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("this user may not mount a small disk: a full one is not tried")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@on_sqlite
def test_a_full_disk_fails_the_delivery_and_it_goes_on_after(home: Home, gpg: Gpg, box: Path, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(16 * 1024))
    declare(home, declaration(A, gpg.certificate("a@example.org"), f'[delivery.outbox]\nfolder = "{small_disk}"\n'))
    with pytest.raises(RetryableError, match="No space left on device"):
        send.send(home, A, NIGHT)
    assert states(home) == ["1 failed", "2 queued", "3 queued"]
    sealed = standings(home)[0].sealed
    assert [path.name for path in small_disk.iterdir()] == ["ballast"], "nothing half is left"
    (small_disk / "ballast").unlink()
    assert len(send.send(home, A, NIGHT)) == 3
    assert standings(home)[0].sealed == sealed, "the bytes were made once"
    (first,) = small_disk.glob("*_000001_*")
    assert sealed is not None
    assert hashlib.sha256(first.read_bytes()).hexdigest() == sealed.sha256


def test_one_sends_at_a_time(home: Home, box: Path) -> None:
    with (
        delivery_books.one_sender(home, books.connect(home), A),
        pytest.raises(RetryableError, match="Another run is sending to HARBOR-RETAIL"),
    ):
        send.send(home, A, NIGHT)
    assert contents(box) == {}
    assert len(send.send(home, A, NIGHT)) == 3


def test_a_person_sends_again_with_a_reason_under_the_same_number(home: Home, gpg: Gpg, box: Path) -> None:
    send.send(home, A, NIGHT)
    for person, reason, why in (("", "lost", "who does this"), ("ann", " ", "Say why")):
        with pytest.raises(TerminalError, match=why):
            send.resend(home, A, 2, person, reason)
    with pytest.raises(TerminalError, match="No file 9"):
        send.resend(home, A, 9, "ann", "lost")
    again = send.resend(home, A, 2, " Ann ", "the partner lost it")
    assert (again.number, again.person, again.reason) == ("2.r1", "ann", "the partner lost it")
    with pytest.raises(TerminalError, match="still on its way"):
        send.resend(home, A, 2, "ann", "once more")
    (sent,) = send.send(home, A, NIGHT)
    assert sent.delivery.name == f"{A}_000002.r1_C2_three.csv.pgp"
    first = gpg.opened((box / f"{A}_000002_C2_three.csv.pgp").read_bytes(), our_fingerprint())
    assert gpg.opened((box / sent.delivery.name).read_bytes(), our_fingerprint()) == first
    assert states(home) == ["1 delivered", "2 delivered", "2.r1 delivered", "3 delivered"]


@on_sqlite
def test_a_key_that_is_missing_or_in_the_home_or_does_not_open_is_told_without_a_secret(
    home: Home, box: Path, our_keys: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SETTLEMENT_SIGNING_KEY_S1_FILE", str(tmp_path / "gone"))
    with pytest.raises(TerminalError, match="There is no signing key 's1'"):
        send.send(home, A, NIGHT)
    secret = (our_keys / "signing_key_s1").read_text()
    assert len(secret.splitlines()[4]) == 64
    (tmp_path / "bad").write_text(secret[: len(secret) // 2])
    monkeypatch.setenv("SETTLEMENT_SIGNING_KEY_S1_FILE", str(tmp_path / "bad"))
    with pytest.raises(TerminalError, match="holds no secret OpenPGP key") as said:
        send.send(home, A, NIGHT)
    assert secret.splitlines()[4] not in str(said.value)
    (home.root / "key").write_text(secret)
    monkeypatch.setenv("SETTLEMENT_SIGNING_KEY_S1_FILE", str(home.root / "key"))
    with pytest.raises(TerminalError, match="stands in the home"):
        send.send(home, A, NIGHT)
    (home.root / "key").unlink()
    assert states(home) == ["1 held", "2 queued", "3 queued"]


@on_sqlite
def test_a_key_with_a_passphrase_signs(
    home: Home, gpg: Gpg, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ["--passphrase", "open sesame", "--quick-gen-key", "us2@example.org", "ed25519", "sign", "never"]
    gpg.ok(*made)
    secret = gpg.ok("--passphrase", "open sesame", "--armor", "--export-secret-keys", "us2@example.org")
    (tmp_path / "key").write_bytes(secret)
    (tmp_path / "words").write_text("open sesame\n")
    monkeypatch.setenv("SETTLEMENT_SIGNING_KEY_S1_FILE", str(tmp_path / "key"))
    with pytest.raises(TerminalError, match="its passphrase opens"):
        send.send(home, A, NIGHT)
    monkeypatch.setenv("SETTLEMENT_SIGNING_PASSPHRASE_S1_FILE", str(tmp_path / "words"))
    (one, *_) = send.send(home, A, NIGHT)
    assert gpg.opened((box / one.delivery.name).read_bytes(), our_fingerprint()).startswith(b"H,1,")


@on_sqlite
def test_our_signing_key_that_has_expired_holds_the_delivery_and_a_new_one_goes_on(
    home: Home, gpg: Gpg, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, then = tmp_path / "key", ("--faked-system-time", "20200101T000000")
    monkeypatch.setenv("SETTLEMENT_SIGNING_KEY_S1_FILE", str(key))

    def put(who: str) -> str:
        key.write_bytes(gpg.ok("--armor", "--export-secret-keys", who))
        listed = gpg.ok("-k", "--with-colons", who).decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    gpg.ok(*then, "--quick-gen-key", "us3@example.org", "ed25519", "sign", "1d")
    gpg.ok(*then, "--quick-gen-key", "us4@example.org", "ed25519", "cert", "never")
    gpg.ok(*then, "--quick-add-key", put("us4@example.org"), "ed25519", "sign", "2d")
    for who, day in (("us3@example.org", "02"), ("us4@example.org", "03")):
        fingerprint = put(who)
        why = (
            rf"Our OpenPGP signing key 's1' \(.*/key, fingerprint {fingerprint}\) has expired on 2020-01-{day}: put it"
        )
        with pytest.raises(TerminalError, match=why):
            send.send(home, A, NIGHT)
        assert states(home) == ["1 held", "2 queued", "3 queued"]
        assert f"has expired on 2020-01-{day}" in standings(home)[0].detail
    assert contents(box) == {}
    # Its owner gives the first one a later end; a key that may not sign has not expired.
    gpg.ok("--quick-set-expire", put("us3@example.org"), "0")
    put("us3@example.org")
    assert len(send.send(home, A, NIGHT)) == 3
    gpg.ok("--quick-gen-key", "us5@example.org", "ed25519", "cert", "never")
    put("us5@example.org")
    send.resend(home, A, 1, "ann", "the partner lost it")
    with pytest.raises(TerminalError, match="holds no secret OpenPGP key that can sign"):
        send.send(home, A, NIGHT)
    key.unlink()
    openpgp_out.draw_signing_key("s1", "Settlement <settlement@example.org>")
    gpg.ok("--import", content=openpgp_out.public_certificate("s1")[0].encode())
    (one,) = send.send(home, A, NIGHT)
    assert gpg.opened((box / one.delivery.name).read_bytes(), our_fingerprint()).startswith(b"H,1,"), "a new key"


@on_sqlite
def test_no_night_rests_on_where_files_go_and_no_secret_is_in_the_home(home: Home, box: Path, our_keys: Path) -> None:
    before = store.read_documents(home)
    send.send(home, A, NIGHT)
    declare(home)
    assert store.read_documents(home) == before
    assert store.DELIVERY not in before
    secret = (our_keys / "signing_key_s1").read_text().splitlines()
    secret = [line.encode() for line in secret if len(line) == 64]
    assert len(secret) > 5
    held = [path.read_bytes() for path in home.root.rglob("*") if path.is_file()]
    assert len(held) > 10
    assert not [line for line in secret if any(line in content for content in held)]


def failed_once(home: Home, box: Path) -> Standing:
    """The first delivery as it stands where its bytes are made and its place is away."""
    aside = box.with_name("aside")
    box.rename(aside)
    with pytest.raises(TerminalError, match="is no folder"):
        send.send(home, A, NIGHT)
    aside.rename(box)
    return standings(home)[0]


@on_sqlite
def test_sealed_bytes_that_were_changed_or_are_gone_are_not_sent(home: Home, box: Path) -> None:
    sealed = failed_once(home, box).sealed
    assert sealed is not None
    kept = home.root / "sent" / sealed.sha256[:2] / sealed.sha256
    right = kept.read_bytes()
    kept.chmod(0o640)
    for wrong in (right[:-1], right[:-1] + bytes([right[-1] ^ 1]), None):
        kept.unlink()
        if wrong is not None:
            kept.write_bytes(wrong)
            kept.chmod(0o640)
        else:
            kept.with_name("moved").write_bytes(right)
        with pytest.raises(TerminalError, match="are gone or changed: restore them from backup"):
            send.send(home, A, NIGHT)
        if wrong is None:
            kept.with_name("moved").rename(kept)
    assert contents(box) == {}
    assert send.send(home, A, NIGHT)[0].sealed == sealed


@on_sqlite
def test_bytes_for_a_certificate_or_place_of_before_are_not_sent(
    home: Home, gpg: Gpg, box: Path, tmp_path: Path
) -> None:
    failed_once(home, box)
    gpg.ok("--quick-gen-key", "newer@example.org", "rsa2048", "sign,encrypt", "never")
    a, newer = gpg.certificate("a@example.org"), gpg.certificate("newer@example.org")
    for certificate, place in ((newer, outbox_at(box)), (a, outbox_at(tmp_path / "elsewhere"))):
        declare(home, declaration(A, certificate, place))
        with pytest.raises(
            TerminalError, match=r"is sealed for the certificate .* put that back, or `settle deliveries"
        ):
            send.send(home, A, NIGHT)
        assert states(home) == ["1 held", "2 queued", "3 queued"]
    declare(home, declaration(A, newer, outbox_at(box)))
    send.resend(home, A, 1, "ann", "the partner has a new key")
    assert [one.delivery.number for one in send.send(home, A, NIGHT)] == ["1.r1", "2", "3"]
    assert next(iter(contents(box))) == f"{A}_000001.r1_C2_one.csv.pgp"
