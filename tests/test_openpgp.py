"""OpenPGP on arrival: messages of a real gpg and of the library, right ones, and every way to be wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pysequoia
import pytest
from openpgp_in_process import in_this_process

from settlement import openpgp
from settlement.errors import TerminalError
from settlement.keyfile import key_file
from settlement.model.arrival import FeedArrival, Refused
from settlement.model.clearing import Why
from settlement.store import Home

CONTENT = b"".join(b"D;%05d;4111110100000000;10.00\n" % number for number in range(2000))
MOST = 10 * 2**20


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Secret keys as pysequoia holds them, and their certificates in armour."""

    ours: pysequoia.Tsk
    sender: pysequoia.Tsk
    stranger: pysequoia.Tsk


@pytest.fixture(scope="module")
def keys() -> Keys:
    make = pysequoia.Tsk.generate
    return Keys(ours=make("us <us@example.org>"), sender=make("sender"), stranger=make("stranger"))


@pytest.fixture
def home(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Home:
    key = tmp_path / "keys" / "openpgp_key"
    key.parent.mkdir()
    key.write_text(str(keys.ours))
    monkeypatch.setenv("SETTLEMENT_OPENPGP_KEY_FILE", str(key))
    (tmp_path / "home").mkdir()
    return Home(root=tmp_path / "home")


def _certificate(key: pysequoia.Tsk) -> str:
    return str(key.extract_certificate())


def _feed(keys: Keys, *, signed: bool = False, encrypted: bool = False) -> FeedArrival:
    return FeedArrival(feed="x", signed=signed, encrypted=encrypted, certificates=(_certificate(keys.sender),))


def _open(home: Home, content: bytes, feed: FeedArrival, most: int = MOST) -> bytes | Why:
    found = openpgp.opener(home)(memoryview(content), feed, most)
    return found.why if isinstance(found, Refused) else bytes(found)


def _encrypted(to: pysequoia.Tsk, by: pysequoia.Tsk | None, *, armor: bool = False) -> bytes:
    signer = None if by is None else by.signer()
    return pysequoia.encrypt(CONTENT, recipients=[to.extract_certificate()], signer=signer, armor=armor)


@pytest.mark.parametrize("armor", [False, True])
def test_signed_and_encrypted(home: Home, keys: Keys, armor: bool) -> None:
    feed = _feed(keys, signed=True, encrypted=True)
    assert _open(home, _encrypted(keys.ours, keys.sender, armor=armor), feed) == CONTENT


def test_what_a_feed_does_not_demand_may_be_missing(home: Home, keys: Keys) -> None:
    assert _open(home, _encrypted(keys.ours, None), _feed(keys)) == CONTENT
    assert _open(home, pysequoia.sign(keys.sender.signer(), CONTENT), _feed(keys, signed=True)) == CONTENT
    assert _open(home, pysequoia.sign(keys.stranger.signer(), CONTENT), _feed(keys)) == CONTENT


def test_what_a_feed_demands_may_not_be_missing(home: Home, keys: Keys) -> None:
    signed, both = _feed(keys, signed=True), _feed(keys, signed=True, encrypted=True)
    assert _open(home, _encrypted(keys.ours, None), signed) is Why.NOT_SIGNED
    assert _open(home, _encrypted(keys.ours, keys.stranger), signed) is Why.NOT_SIGNED
    assert _open(home, pysequoia.sign(keys.stranger.signer(), CONTENT), signed) is Why.NOT_SIGNED
    assert _open(home, pysequoia.sign(keys.sender.signer(), CONTENT), both) is Why.NOT_ENCRYPTED
    assert _open(home, _encrypted(keys.stranger, keys.sender), both) is Why.NOT_DECRYPTED


def test_no_cut_of_a_message_is_taken(home: Home, keys: Keys) -> None:
    message = _encrypted(keys.ours, keys.sender)
    for size in (0, 1, 10, len(message) // 3, len(message) - 40, len(message) - 1):
        assert isinstance(_open(home, message[:size], _feed(keys)), Why), size


def test_no_flipped_bit_of_a_signed_message_is_taken(home: Home, keys: Keys) -> None:
    message = pysequoia.sign(keys.sender.signer(), b"10.00\n", armor=False)
    feed = _feed(keys, signed=True)
    assert _open(home, message, feed) == b"10.00\n"
    for at in range(0, 8 * len(message), 61):
        flipped = bytearray(message)
        flipped[at // 8] ^= 1 << at % 8
        found = _open(home, bytes(flipped), feed)
        assert found == b"10.00\n" or isinstance(found, Why), at


def test_what_is_no_message(home: Home, keys: Keys) -> None:
    for content in (b"", b"plain text", b"-----BEGIN PGP MESSAGE-----\n\n\xff", bytes(100), b"\xff" * 100):
        assert _open(home, content, _feed(keys)) is Why.UNREADABLE


def test_several_keys_of_ours(home: Home, keys: Keys) -> None:
    key_file(openpgp.KEY).write_text(str(keys.stranger) + str(keys.ours))
    assert _open(home, _encrypted(keys.ours, None), _feed(keys)) == CONTENT


def test_keys_come_from_outside(home: Home, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    message = _encrypted(keys.ours, None)
    key_file(openpgp.KEY).write_text(_certificate(keys.ours))
    with pytest.raises(TerminalError, match="no secret OpenPGP key"):
        _open(home, message, _feed(keys))
    inside = home.root / "key"
    inside.write_text(str(keys.ours))
    monkeypatch.setenv("SETTLEMENT_OPENPGP_KEY_FILE", str(inside))
    with pytest.raises(TerminalError, match="stands in the home"):
        _open(home, message, _feed(keys))
    monkeypatch.setenv("SETTLEMENT_OPENPGP_KEY_FILE", str(home.root.parent / "gone"))
    with pytest.raises(TerminalError, match="there is no OpenPGP key"):
        _open(home, message, _feed(keys))


def test_a_certificate_that_is_none_is_the_programmes_fault(home: Home, keys: Keys) -> None:
    feed = FeedArrival(feed="x", signed=True, certificates=("mine",))
    with pytest.raises(TerminalError, match="no OpenPGP certificate"):
        _open(home, _encrypted(keys.ours, None), feed)


def _detached(key: pysequoia.Tsk, content: bytes) -> bytes:
    return pysequoia.sign(key.signer(), content, mode=pysequoia.SignatureMode.DETACHED, armor=False)


def _verify(content: bytes, feed: FeedArrival, *signatures: bytes) -> str | None:
    found = openpgp.verifier()(memoryview(content), feed, tuple(map(memoryview, signatures)))
    return None if found is None else f"{found.why}: {found.detail}"


def test_a_detached_signature(keys: Keys) -> None:
    feed, good = _feed(keys, signed=True), _detached(keys.sender, CONTENT)
    assert _verify(CONTENT, feed, good) is None
    assert _verify(b"", feed, _detached(keys.sender, b"")) is None
    assert _verify(CONTENT, feed, _detached(keys.stranger, CONTENT), good) is None, "one of several is enough"
    assert _verify(CONTENT, feed, _detached(keys.stranger, CONTENT) + good) is None
    for wrong in (_detached(keys.stranger, CONTENT), _detached(keys.sender, CONTENT + b"x")):
        assert str(_verify(CONTENT, feed, wrong)).startswith("NOT_SIGNED: is not what its signature was made for")
    for none in (b"", b"10.00", pysequoia.sign(keys.sender.signer(), CONTENT), _certificate(keys.sender).encode()):
        assert str(_verify(CONTENT, feed, none)).startswith("NOT_SIGNED: came with a signature file that holds no")


def test_detached_signatures_of_gpg(gpg: list[str]) -> None:
    theirs = _gpg(gpg, "--armor", "--export", "desk@example.org").decode()
    feed = FeedArrival(feed="x", signed=True, certificates=(theirs,))
    for armour in ((), ("--armor",)):
        assert _verify(CONTENT, feed, _gpg(gpg, *armour, "--detach-sign", content=CONTENT)) is None
    text = _gpg(gpg, "--textmode", "--detach-sign", content=CONTENT)
    assert "no --textmode" in str(_verify(CONTENT, feed, text))


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """A gpg of its own with the key pair ``desk@example.org``."""
    if shutil.which("gpg") is None:
        pytest.skip("there is no gpg on this machine")
    folder = tmp_path_factory.mktemp("g")
    folder.chmod(0o700)
    words = ["gpg", "--homedir", str(folder), "--batch", "--yes", "--quiet", "--trust-model", "always"]
    make = [*words, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", "desk@example.org"]
    subprocess.run([*make, "rsa2048", "sign,encrypt", "never"], check=True, capture_output=True)
    yield words
    subprocess.run(["gpgconf", "--homedir", str(folder), "--kill", "all"], check=False, env=dict(os.environ))


def _gpg(gpg: list[str], *words: str, content: bytes = b"") -> bytes:
    return subprocess.run([*gpg, *words], input=content, check=True, capture_output=True).stdout


def test_messages_of_gpg_open(home: Home, keys: Keys, gpg: list[str]) -> None:
    _gpg(gpg, "--import", content=_certificate(keys.ours).encode())
    theirs = _gpg(gpg, "--armor", "--export", "desk@example.org").decode()
    feed = FeedArrival(feed="x", signed=True, encrypted=True, certificates=(_certificate(keys.sender), theirs))
    for armour in ((), ("--armor",)):
        message = _gpg(gpg, *armour, "-z", "0", "--sign", "--encrypt", "-r", "us@example.org", content=CONTENT)
        assert _open(home, message, feed) == CONTENT
        assert _open(home, message, _feed(keys, signed=True)) is Why.NOT_SIGNED
    signed = _gpg(gpg, "-z", "0", "--sign", content=CONTENT)
    assert _open(home, signed, FeedArrival(feed="x", signed=True, certificates=(theirs,))) == CONTENT


def test_what_gpg_compresses_by_itself_opens(
    home: Home, keys: Keys, gpg: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _gpg(gpg, "--import", content=_certificate(keys.ours).encode())
    theirs = _gpg(gpg, "--armor", "--export", "desk@example.org").decode()
    feed = FeedArrival(feed="x", signed=True, certificates=(theirs,))
    assert _open(home, _gpg(gpg, "--sign", content=CONTENT), feed) == CONTENT
    message = _gpg(gpg, "--sign", "--encrypt", "-r", "us@example.org", content=CONTENT)
    assert len(message) < len(CONTENT) // 2
    assert _open(home, message, feed) == CONTENT
    assert _open(home, message, FeedArrival(feed="x")) == CONTENT
    assert _open(home, message, _feed(keys, signed=True)) is Why.NOT_SIGNED, "it is not by the feed's own sender"
    unsigned = _gpg(gpg, "--encrypt", "-r", "us@example.org", content=CONTENT)
    assert _open(home, unsigned, feed) is Why.NOT_SIGNED
    for cut in (len(message) // 2, len(message) - 1):
        assert isinstance(_open(home, message[:cut], feed), Why)
    bomb = _gpg(gpg, "--sign", "--encrypt", "-z", "9", "-r", "us@example.org", content=bytes(64 * 2**20))
    assert _open(home, bomb, feed, most=2**20) is Why.TOO_LARGE
    assert not list(Path("/dev/shm").glob("settle-openpgp-*")), "no key stays behind"
    monkeypatch.setattr(openpgp.shutil, "which", lambda _: None)
    found = openpgp.opener(home)(memoryview(message), feed, MOST)
    assert isinstance(found, Refused)
    assert found.why is Why.NOT_SIGNED
    assert "install gpg" in found.detail


TEXTS = (b"10.00\n", b"a;b\n- dash\n-----\nFrom x\n\n \xe4 last\n", b"", b"\n", b"no end", b"a\r\nb\r\n")


@pytest.mark.parametrize("text", TEXTS)
def test_signed_text_gives_what_was_signed(home: Home, keys: Keys, gpg: list[str], text: bytes) -> None:
    theirs = _gpg(gpg, "--armor", "--export", "desk@example.org").decode()
    feed = FeedArrival(feed="x", signed=True, certificates=(_certificate(keys.sender), theirs))
    lines = text.replace(b"\r\n", b"\n")
    wanted = lines if not lines.strip(b"\n") or lines.endswith(b"\n") else lines + b"\n"
    for message in (
        _gpg(gpg, "--clearsign", content=text),
        pysequoia.sign(keys.sender.signer(), text, mode=pysequoia.SignatureMode.CLEAR),
    ):
        found = _open(home, message, feed)
        assert found in {wanted, wanted.removesuffix(b"\n") if wanted == b"\n" else wanted}
        assert _open(home, message, FeedArrival(feed="x")) == found, "nobody asks who signed it"
        assert _open(home, message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), feed) == found, (
            "line ends are nobody's"
        )
        assert _open(home, message, _feed(keys, signed=True, encrypted=True)) is Why.NOT_ENCRYPTED


def test_blanks_at_line_ends_are_not_signed_and_not_read(home: Home, keys: Keys) -> None:
    message = pysequoia.sign(keys.sender.signer(), b"a\nb\n", mode=pysequoia.SignatureMode.CLEAR)
    assert _open(home, message.replace(b"\na\n", b"\na \t\n"), _feed(keys, signed=True)) == b"a\nb\n"


def test_signed_text_that_is_not_what_was_signed(home: Home, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, mode = _feed(keys, signed=True), pysequoia.SignatureMode.CLEAR
    message = pysequoia.sign(keys.sender.signer(), b"10.00\n", mode=mode)
    assert _open(home, message.replace(b"10.00", b"90.00"), feed) is Why.NOT_SIGNED
    assert _open(home, pysequoia.sign(keys.stranger.signer(), b"10.00\n", mode=mode), feed) is Why.NOT_SIGNED
    for around in (message + b"20.00\n", message + message, b"20.00\n" + message):
        assert _open(home, around, feed) is Why.UNREADABLE
    monkeypatch.setattr(openpgp, "_in_a_child", in_this_process)
    for cut in range(len(message) - 1):
        assert isinstance(_open(home, message[:cut], feed), Why), cut


def test_gpg_and_we_open_the_same(home: Home, keys: Keys, gpg: list[str]) -> None:
    secret = _gpg(gpg, "--pinentry-mode", "loopback", "--passphrase", "", "--export-secret-keys", "desk@example.org")
    key_file(openpgp.KEY).write_bytes(secret)
    theirs = pysequoia.Cert.from_bytes(_gpg(gpg, "--export", "desk@example.org"))
    message = pysequoia.encrypt(CONTENT, recipients=[theirs], armor=False)
    assert _gpg(gpg, "--decrypt", content=message) == _open(home, message, _feed(keys)) == CONTENT


def test_a_bomb_inside_a_message_ends_at_its_limit(home: Home, keys: Keys, gpg: list[str]) -> None:
    _gpg(gpg, "--import", content=_certificate(keys.ours).encode())
    bomb = _gpg(gpg, "--encrypt", "-z", "9", "-r", "us@example.org", content=bytes(64 * 2**20))
    assert len(bomb) < 2**20
    assert _open(home, bomb, _feed(keys), most=2**20) is Why.TOO_LARGE
    signed = _gpg(gpg, "--sign", "-z", "9", content=bytes(64 * 2**20))
    assert _open(home, signed, _feed(keys), most=2**20) is Why.TOO_LARGE
